"""Trials that a command of the user's own trains: a program in a process of its own."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from stepladder.data import Dataset
from stepladder.errors import StudyError
from stepladder.files import atomic_write, load_json, open_regular
from stepladder.study.params import flatten
from stepladder.study.trainer import UserTrainer
from stepladder.training.function import (
    TrainContext,
    TrainingError,
    TrialFailure,
    UserSetup,
    as_params,
    make_context,
    make_user_result,
)
from stepladder.training.groups import Group
from stepladder.trials.trial import Trial, TrialResult

_LINE = 1_000_000  # bytes of a line that may be a result
_END = 4000  # bytes of a program's output that a message shows
_RESULT = "result.json"


class CommandEngine:
    """Starts a command once a trial, in the study's folder, and reads what it answers.

    A result is the file `result.json` in `{out}`, or the last line of standard output that is a
    JSON object; lines with an `epoch` are its history. With a pattern, the last match counts.
    """

    dataset: Dataset | None = None

    def __init__(self, setup: UserSetup, checkpoints: Path) -> None:
        self._setup, self._checkpoints = setup, checkpoints
        check_command(setup.trainer)
        setup.trainer.check_files()
        self._output = setup.output or checkpoints

    def train(
        self, group: Group, on_epoch: Callable[[int], None]
    ) -> Iterator[TrialResult | TrialFailure]:
        """Trains the trials of a group, one after the other; a failure is an answer too."""
        for trial in group.trials:
            context = make_context(trial, None, self._checkpoints, on_epoch)
            place = self._output / trial.id[:16]
            place.mkdir(parents=True, exist_ok=True)
            (place / _RESULT).unlink(missing_ok=True)  # of an attempt before
            try:
                yield self._train(trial, context, place)
            except TrainingError as error:
                printed = _end_of(place / "stderr.txt") or _end_of(place / "stdout.txt")
                yield TrialFailure(trial, str(error), printed)

    def _train(self, trial: Trial, context: TrainContext, place: Path) -> TrialResult:
        params = as_params(trial)
        parameters = place / "params.json"
        atomic_write(parameters, json.dumps(params, indent=2, ensure_ascii=False).encode())
        given = {**dict(flatten(params)), "seed": context.seed, "replicate": trial.replicate,
                 "out": str(place), "params": str(parameters)}  # fmt: skip
        trainer = self._setup.trainer
        arguments = [fill_in(argument, given) for argument in trainer.command]
        began = time.perf_counter()
        code = _run(arguments, trainer, place)
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
        value = given[match[1]]
        return value if isinstance(value, str) else json.dumps(value)

    return re.sub(r"\{\{|\}\}|\{([^{}]*)\}", value_of, argument)


def check_command(trainer: UserTrainer) -> None:
    """Makes sure that the program of a command is there.

    Raises:
        StudyError: if it is not.
    """
    program = trainer.command[0]
    if "{" not in program and not shutil.which(program, path=_search_path(trainer)):
        raise StudyError(
            f"trainer.command must begin with a program that can be run, found {program!r}, which "
            "is neither on the PATH nor in the study's folder; check its name"
        )


def _search_path(trainer: UserTrainer) -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), str(trainer.folder)])


def _run(arguments: list[str], trainer: UserTrainer, place: Path) -> int | None:
    """The exit code of a program; None where it was stopped after its timeout."""
    try:
        with (place / "stdout.txt").open("wb") as out, (place / "stderr.txt").open("wb") as err:
            process = subprocess.Popen(
                arguments, cwd=trainer.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )  # fmt: skip
    except (OSError, ValueError) as error:
        raise TrainingError(f"{arguments[0]!r} could not be started: {error}") from None
    try:
        return process.wait(trainer.timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            _kill_tree(process.pid)
            process.wait()


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    # Between fork and exec: nothing is imported and nothing is locked here.
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_tree(number: int) -> None:
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(number)
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                one.kill()


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
    rows, others = _json_lines(place / "stdout.txt")
    context = TrainContext(0, 0, 0, place)
    for row in rows:
        context.report(row.pop("epoch"), **{str(name): value for name, value in row.items()})
    if (place / _RESULT).exists():
        try:
            answer = load_json(place / _RESULT)
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(f"{_RESULT} must be JSON, found: {error}") from None
    elif trainer.pattern:
        answer = _matches(place, trainer.pattern, metric)
    elif others:
        answer = others[-1]
    elif rows:
        answer = {name: values[-1] for name, values in context.history.items() if name != "epoch"}
    else:
        raise TrainingError(
            f"{trainer.name} must write {{out}}/{_RESULT}, or print a line of JSON such as "
            f'{{"{metric}": 0.5}}, found neither; print one, or give a pattern'
        )
    return answer, context.history


def _json_lines(file: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines of a file that are JSON objects: those with an `epoch`, and the others."""
    rows: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    with open_regular(file) as stream:
        while line := stream.readline(_LINE):
            if not line.lstrip().startswith(b"{"):
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                (rows if isinstance(value.get("epoch"), int) else others).append(value)
    return rows, others


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
