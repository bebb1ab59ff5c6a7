"""Datasets as files of this machine: written once, and shared in memory by all processes."""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import platformdirs

from stepladder.data.dataset import ARRAYS, Dataset
from stepladder.data.rows import Folds
from stepladder.errors import StepladderError
from stepladder.files import atomic_write, load_json
from stepladder.version import __version__

_KEPT_DAYS = 30
_FACTS = "facts.json"


@dataclass(frozen=True)
class StoredDataset:
    """A dataset whose arrays lie in files: what a process needs to open them.

    Attributes:
        folder: of its arrays.
        fingerprint: of the dataset.
        facts: all of it but the arrays.
        arrays: which of `ARRAYS` it has.

    Example:
        >>> import tempfile
        >>> from stepladder.data import synthetic
        >>> dataset = synthetic(examples=20, input_shape=(2, 2), classes=2, seed=0)
        >>> with tempfile.TemporaryDirectory() as root:
        ...     stored = store_dataset(dataset, Path(root))
        ...     bool((stored.load().x_train == dataset.x_train).all())
        True
    """

    folder: Path
    fingerprint: str
    facts: Mapping[str, Any]
    arrays: tuple[str, ...] = ARRAYS[:4]

    def load(self) -> Dataset:
        """The dataset, its arrays mapped into memory.

        Raises:
            OSError: if a file is missing or cannot be read.
            ValueError: if one is damaged.
        """
        arrays = {
            name: np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in self.arrays
        }
        dataset = Dataset(**arrays, **self.facts)
        dataset.__dict__["fingerprint"] = self.fingerprint  # what `is_whole` has compared
        return dataset

    def is_whole(self) -> bool:
        """Whether the files are there and have the bytes that the fingerprint stands for."""
        try:
            dataset = self.load()
        except (OSError, ValueError, EOFError):
            return False
        del dataset.__dict__["fingerprint"]
        return dataset.fingerprint == self.fingerprint

    @classmethod
    def find(
        cls, root: Path, fingerprint: str, written: Mapping[str, Any] | None = None
    ) -> Dataset | None:
        """The dataset of a fingerprint, where a folder holds all of it; None elsewhere.

        Args:
            root: folder of datasets.
            fingerprint: of the one that is looked for.
            written: its facts as `_to_json` gives them; those beside the arrays when None.
        """
        folder = root / fingerprint
        try:
            facts = _from_json(load_json(folder / _FACTS) if written is None else written)
            arrays = tuple(name for name in ARRAYS if (folder / f"{name}.npy").is_file())
            stored = cls(folder, fingerprint, facts, arrays)
            return stored.load() if stored.is_whole() else None
        except (OSError, ValueError, TypeError, AttributeError, LookupError):
            return None

    def at(self, root: Path) -> "StoredDataset":
        """The same dataset in the cache of another machine."""
        return replace(self, folder=root / self.fingerprint)

    @classmethod
    def of(cls, dataset: Dataset, root: Path) -> Self:
        """What `store_dataset` writes for a dataset; nothing is written."""
        facts = {field.name: getattr(dataset, field.name)
                 for field in fields(Dataset) if field.name not in ARRAYS}  # fmt: skip
        arrays = tuple(name for name in ARRAYS if getattr(dataset, name) is not None)
        return cls(root / dataset.fingerprint, dataset.fingerprint, facts, arrays)


def cache_root() -> Path | None:
    """The folder of this machine's datasets; None for a user without a home."""
    try:
        return Path(platformdirs.user_cache_dir("stepladder")) / "data"
    except (OSError, RuntimeError):
        return None


def _to_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asdict(fact) if isinstance(fact, Folds) else fact for name, fact in facts.items()}


def _from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                             for name, value in values.items()}  # fmt: skip
    if folds := facts.get("folds"):
        facts["folds"] = Folds(tuple(folds["sizes"]), folds["is_forward"])
    return facts


def store_dataset(dataset: Dataset, root: Path, is_cache: bool = True) -> StoredDataset:
    """Writes a dataset where it is not stored yet, whole or not at all.

    Args:
        dataset: one with arrays.
        root: folder of all datasets; made if need be.
        is_cache: whether datasets that no run has used for a month are removed from it.

    Raises:
        OSError: if it cannot be written.
    """
    stored = StoredDataset.of(dataset, root)
    root.mkdir(parents=True, exist_ok=True)
    with _lock(root / f"{dataset.fingerprint}.lock"):
        if stored.is_whole():
            os.utime(stored.folder)
            return stored
        shutil.rmtree(stored.folder, ignore_errors=True)
        part = root / f".{dataset.fingerprint}.{secrets.token_hex(4)}.part"
        try:
            part.mkdir()
            for name in stored.arrays:
                with (part / f"{name}.npy").open("xb") as stream:
                    np.save(stream, getattr(dataset, name), allow_pickle=False)
                    stream.flush()
                    os.fsync(stream.fileno())
            (part / _FACTS).write_text(json.dumps(_to_json(stored.facts)), "utf-8")
            part.rename(stored.folder)
        except BaseException as error:
            shutil.rmtree(part, ignore_errors=True)
            if not (isinstance(error, OSError) and stored.is_whole()):  # another one was first
                raise
    if is_cache:
        _remove_old(root)
    return stored


_LEAST_REMEMBERED = 2**22  # bytes: smaller files are read in no time
_SETTLED = 2 * 10**9  # ns since the last change: a clock may not tell two changes apart


class RememberedFiles:
    """What was read from files, as long as they stay as they are."""

    def __init__(self, files: Sequence[str], how: Mapping[str, Any]) -> None:
        """Takes note of the files as they are.

        Args:
            files: paths.
            how: they are read.
        """
        self._files, self._how = files, how
        self._key = self._state()

    def load(self) -> Dataset | None:
        """The dataset of those files from this machine's cache; None where it must be read."""
        root = cache_root()
        if root is None or self._key is None:
            return None
        try:
            values = load_json(root / f"{self._key}.json")
            return StoredDataset.find(root, str(values["fingerprint"]), values["facts"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError, StepladderError):
            return None

    def store(self, dataset: Dataset) -> None:
        """Keeps what was read, unless the files have changed meanwhile or are small."""
        root = cache_root()
        if root is None or self._key is None or self._key != self._state():
            return
        with suppress(OSError, StepladderError):  # without a writable cache it is read again
            stored = store_dataset(dataset, root)
            values = {"fingerprint": stored.fingerprint, "facts": _to_json(stored.facts)}
            atomic_write(root / f"{self._key}.json", json.dumps(values).encode())

    def _state(self) -> str | None:
        """A name for the files as they are; None where they are small or have just changed."""
        try:
            states = [os.stat(file) for file in self._files]
        except (OSError, ValueError):
            return None
        newest = max(state.st_mtime_ns for state in states)
        is_small = sum(state.st_size for state in states) < _LEAST_REMEMBERED
        if is_small or time.time_ns() - newest < _SETTLED:
            return None
        files = [[os.path.realpath(file), state.st_size, state.st_mtime_ns, state.st_ino]
                 for file, state in zip(self._files, states, strict=True)]  # fmt: skip
        text = json.dumps([__version__, files, dict(self._how)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _remove_old(root: Path) -> None:
    """Removes datasets that no run has used for a month; open ones stay readable until closed."""
    before = time.time() - 86_400 * _KEPT_DAYS
    for place in root.iterdir():
        with suppress(OSError):
            if place.stat().st_mtime < before:
                shutil.rmtree(place) if place.is_dir() else place.unlink()


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Keeps other processes from writing the same; where there are no locks, a rename decides."""
    with file.open("ab") as stream:
        with suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
