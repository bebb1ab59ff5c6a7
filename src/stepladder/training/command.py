"""Trials that a command of the user's own trains: a program in a process of its own."""

import json
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from stepladder.data import Dataset
from stepladder.errors import StudyError
from stepladder.files import load_json, open_regular
from stepladder.study.trainer import BRACES, UserTrainer
from stepladder.study.values import flatten
from stepladder.training.function import (
    TrainContext,
    TrainingError,
    TrialFailure,
    UserSetup,
    as_params,
    derived_seed,
    make_user_result,
    shorten,
    user_replicate,
)
from stepladder.training.groups import Group
from stepladder.training.processes import adopt_orphans, children, end_trees
from stepladder.trials.trial import Trial, TrialResult

_LINE = 1_000_000  # bytes of a line that may be a result
_END = 4000  # bytes of a program's output that a message shows
_RESULT = "result.json"
_PATIENCE = 5.0  # seconds in which a killed process ends
_LONGEST = 1e8  # seconds for which the system can wait at once: three years


class CommandEngine:
    """Starts a command once a trial, in the study's folder, and reads what it answers.

    A result is the file `result.json` in `{out}`, or the last line of standard output that is a
    JSON object; lines with an `epoch` are its history. With a pattern, the last match counts.
    """

    dataset: Dataset | None = None

    def __init__(self, setup: UserSetup, checkpoints: Path) -> None:
        self._setup = setup
        check_command(setup.trainer)
        setup.trainer.check_files()
        self._output = setup.output or checkpoints
        adopt_orphans()
        self._own_processes = children()

    def train(
        self, group: Group, on_epoch: Callable[[int], None]
    ) -> Iterator[TrialResult | TrialFailure]:
        """Trains the trials of a group, one after the other; a failure is an answer too.

        Raises:
            StudyError: if a file has changed that decides the outcome.
        """
        for trial in group.trials:
            place = self._output / trial.id[:16]
            try:
                outcome: TrialResult | TrialFailure = self._train(trial, place)
            except (TrainingError, OSError) as error:  # OSError: of files that it should have left
                printed = _end_of(place / "stderr.txt") or _end_of(place / "stdout.txt")
                outcome = TrialFailure(trial, str(error), printed)
            self._setup.trainer.check_files()
            on_epoch(0)
            yield outcome

    def _train(self, trial: Trial, place: Path) -> TrialResult:
        place.mkdir(parents=True, exist_ok=True)
        (place / _RESULT).unlink(missing_ok=True)  # of an attempt before
        params = as_params(trial)
        parameters = place / "params.json"
        parameters.write_text(json.dumps(params, indent=2, ensure_ascii=False), "utf-8")
        given = {**dict(flatten(params)), "seed": derived_seed(trial), "out": str(place),
                 "replicate": user_replicate(trial), "params": str(parameters)}  # fmt: skip
        trainer = self._setup.trainer
        arguments = [fill_in(argument, given) for argument in trainer.command]
        began = time.perf_counter()
        try:
            code = _run(arguments, trainer, place)
        finally:
            end_trees(children() - self._own_processes, _PATIENCE)
        seconds = time.perf_counter() - began
        if code is None:
            raise TrainingError(f"it was stopped after its timeout of {trainer.timeout:g} s")
        if code:
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise TrainingError(f"{trainer.name} ended {how}")
        answer, history = read_answer(place, trainer, self._setup.metric.name)
        return make_user_result(trial, answer, history, seconds, self._setup)


def fill_in(argument: str, given: Mapping[str, Any]) -> str:
    """An argument with values in the place of their names; `{{` and `}}` become plain braces.

    Example:
        >>> fill_in("--net={net.depth}{{x}}", {"net.depth": 3})
        '--net=3{x}'
    """

    def value_of(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        value = given[match["name"]]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return BRACES.sub(value_of, argument)


def check_command(trainer: UserTrainer) -> None:
    """Makes sure that the program of a command is there.

    Raises:
        StudyError: if it is not.
    """
    program = trainer.command[0]
    if "{" not in program and find_program(program, trainer) is None:
        raise StudyError(
            f"trainer.command must begin with a program that can be run, found {program!r}, which "
            "is neither on the PATH nor an executable file of the study's folder; check its name"
        )


def find_program(name: str, trainer: UserTrainer) -> str | None:
    """The file of a program: on the PATH or in the study's folder, or by a path from there."""
    if os.path.dirname(name):
        return shutil.which(trainer.folder / name)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(trainer.folder)])
    return shutil.which(name, path=path)


def _run(arguments: list[str], trainer: UserTrainer, place: Path) -> int | None:
    """The exit code of a program; None where it was stopped after its timeout."""
    try:
        # No preexec_fn, with which starting takes ten times as long: the process is of our group,
        # which `guard_group` ends.
        with (place / "stdout.txt").open("wb") as out, (place / "stderr.txt").open("wb") as err:
            process = subprocess.Popen(
                arguments, executable=find_program(arguments[0], trainer), cwd=trainer.folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TrainingError(f"{shorten(arguments[0])!r} could not be started: {reason}") from None
    try:
        return _wait(process, trainer.timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            end_trees([process.pid], _PATIENCE)
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", timeout: float | None) -> int:
    if timeout is not None and hasattr(os, "pidfd_open"):
        # Popen.wait with a timeout looks only 20 times a second whether the process has ended.
        watched = os.pidfd_open(process.pid)
        try:
            select.select([watched], [], [], min(timeout, _LONGEST))
        finally:
            os.close(watched)
        timeout = 0 if timeout <= _LONGEST else timeout
    return process.wait(timeout)


def read_answer(
    place: Path, trainer: UserTrainer, metric: str
) -> tuple[Mapping[str, Any], dict[str, list[float]]]:
    """What a program answered, and its history.

    Args:
        place: its folder, with `stdout.txt`, `stderr.txt` and perhaps `result.json`.
        trainer: how its output is read.
        metric: what is judged.

    Raises:
        TrainingError: if there is no answer, or half of one.
    """
    rows, last = _json_lines(place / "stdout.txt")
    context = TrainContext(0, 0, 0, place)
    for epoch in sorted(rows):
        context.report(epoch, **rows[epoch])
    if (place / _RESULT).exists():
        try:
            answer = load_json(place / _RESULT)
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(f"{_RESULT} must be JSON, found: {error}") from None
    elif trainer.pattern:
        answer = _matches(place, trainer.pattern, metric)
    elif last is not None:
        answer = last
    else:
        raise TrainingError(
            f"{trainer.name} must write {{out}}/{_RESULT}, or print a line of JSON such as "
            f'{{"{metric}": 0.5}}, found neither; print one, or give a pattern'
        )
    return answer, context.history


def _json_lines(file: Path) -> tuple[dict[int, dict[str, float]], dict[str, Any] | None]:
    """The lines of a file that are JSON objects: the numbers of each epoch, and the last line."""
    rows: dict[int, dict[str, float]] = {}
    last: dict[str, Any] | None = None
    with open_regular(file) as stream:
        while line := stream.readline(_LINE):
            if not line.lstrip().startswith(b"{"):
                continue
            try:
                last = json.loads(line)
            except (ValueError, RecursionError):
                continue
            epoch = last.pop("epoch", None)
            if type(epoch) is int and epoch >= 0:
                last = {name: number for name, number in last.items()
                        if type(number) in (int, float)}  # fmt: skip
                rows.setdefault(epoch, {}).update(last)
    return rows, last


def _matches(place: Path, patterns: Mapping[str, str], metric: str) -> dict[str, float]:
    """The last match of each pattern in what a program printed."""
    text = "\n".join(
        (place / name).read_bytes().decode("utf-8", "replace")
        for name in ("stderr.txt", "stdout.txt")
    )
    answer = {}
    for name, pattern in patterns.items():
        found = re.findall(pattern, text, re.MULTILINE)
        if not found:
            raise TrainingError(f"the output must match the pattern {pattern!r}, found no match")
        try:
            answer[name or metric] = float(found[-1])
        except ValueError:
            raise TrainingError(
                f"the group of the pattern {pattern!r} must match a number, found {found[-1]!r}"
            ) from None
    return answer


def _end_of(file: Path) -> str:
    """The end of a text file, or nothing."""
    with suppress(OSError), file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _END))
        return stream.read().decode("utf-8", "replace").strip()
    return ""
