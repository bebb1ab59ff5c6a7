"""The test-set accesses of this user: by the dataset's content, across folders and stores."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from stepladder.execution.machine import ledger_folder
from stepladder.store import Look, Store

_MOST_BYTES = 20_000_000  # some 100,000 looks; a larger file is not ours


def log_look(
    store: Store, study: str, fingerprint: str, trial_ids: Iterable[str], command: str
) -> tuple[int, bool]:
    """Logs that test figures of some trials were shown, in the store and in the user's ledger.

    The same set of trials again is no new look, wherever it was shown. A ledger that cannot be
    read or written changes nothing but the count.

    Args:
        store: where the trials are.
        study: name of the study that was shown.
        fingerprint: fingerprint of the dataset.
        trial_ids: the trials whose test figures were shown.
        command: what showed them.

    Returns:
        How many looks at this test set are known, this one included; and whether those of all
        folders and stores of this user are among them.
    """
    count = store.look(study, fingerprint, trial_ids, command)
    return _count(store.looks(fingerprint), fingerprint, count)


def count_looks(store: Store, fingerprint: str) -> tuple[int, bool]:
    """The same where nothing is shown."""
    looks = store.looks(fingerprint)
    return _count(looks, fingerprint, len(looks))


def _count(looks: list[Look], fingerprint: str, stored: int) -> tuple[int, bool]:
    """Looks of the store and of the ledger together, which then has those of the store too."""
    folder = ledger_folder()
    if folder is None:
        return stored, False
    try:
        known = _read(folder / f"{fingerprint[:64]}.jsonl", fingerprint)
        new = [look for look in looks if look.digest not in known]
        if new:
            _append(folder / f"{fingerprint[:64]}.jsonl", new)
    except (OSError, ValueError, TypeError, KeyError):
        return stored, False
    return len(known | {look.digest for look in looks}), True


def _read(file: Path, fingerprint: str) -> set[str]:
    """Digests of the looks of a file; none where there is no file yet."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{file} is too large")
        lines = file.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return set()
    looks = [json.loads(line) for line in lines if line]
    return {str(look["digest"]) for look in looks if look["fingerprint"] == fingerprint}


def _append(file: Path, looks: list[Look]) -> None:
    """Adds looks in one write, which another process' write cannot come between."""
    lines = [
        json.dumps({
            "fingerprint": look.fingerprint, "digest": look.digest, "study": look.study,
            "trials": look.trials, "command": look.command, "at": look.at.isoformat(),
        })
        for look in looks
    ]  # fmt: skip
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    handle = os.open(file, flags, 0o600)
    try:
        os.write(handle, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(handle)
