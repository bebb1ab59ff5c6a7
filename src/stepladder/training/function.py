"""Trials that a function of the user's own trains, and what becomes of its answer."""

import hashlib
import importlib.util
import inspect
import math
import os
import reprlib
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from importlib.metadata import PackageNotFoundError
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset, split
from stepladder.errors import StudyError
from stepladder.study.metrics import Metric
from stepladder.study.params import Params
from stepladder.study.schema import did_you_mean
from stepladder.study.trainer import UserTrainer
from stepladder.training.groups import Group
from stepladder.trials.seeding import generator, replicate_of
from stepladder.trials.trial import NO_HISTORY, PARTS, UNSCORED, Score, Trial, TrialResult
from stepladder.version import version_of

_PER_EXAMPLE = "per_example"
_MOST_LINE, _MOST_TRACE = 1_000, 10_000  # characters of a traceback that are kept
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60
_LIBRARIES = (
    "catboost", "jax", "keras", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "tensorflow",
    "torch", "transformers", "xgboost",
)  # fmt: skip


class TrainingError(Exception):
    """A training of the user's own did not do what it should; the message says what."""


@dataclass(frozen=True)
class TrialFailure:
    """A trial that could not be trained.

    Attributes:
        trial: which one.
        message: why, in one sentence.
        trace: the user's part of the traceback, or the end of what was printed.
    """

    trial: Trial
    message: str
    trace: str = ""


@dataclass(frozen=True)
class UserSetup:
    """What a process needs to train trials of the user's own.

    Attributes:
        trainer: what trains.
        metric: what is judged.
        also: names of further metrics that the training must give.
        path: where modules are looked for, as in the driver.
        pickled: a callable that was given from Python, by cloudpickle, or None.
        output: folder of what trials print; None to let it go.
    """

    trainer: UserTrainer
    metric: Metric
    also: tuple[str, ...]
    path: tuple[str, ...]
    pickled: bytes | None
    output: Path | None


@dataclass(frozen=True)
class Data:
    """The rows of one replicate; labels are numbers of classes from 0.

    Other targets have a column each: float32 of a regression, 0 or 1 of several labels.

    Attributes:
        x_train: inputs to train on, as the data has them.
        y_train: their labels, int32, or other targets.
        x_val: inputs to validate on.
        y_val: their labels.
        x_test: inputs of the test part, the same in every replicate unless folds take turns.
        y_test: their labels.
    """

    x_train: npt.NDArray[Any]
    y_train: npt.NDArray[Any]
    x_val: npt.NDArray[Any]
    y_val: npt.NDArray[Any]
    x_test: npt.NDArray[Any]
    y_test: npt.NDArray[Any]


@dataclass
class TrainContext:
    """What stepladder offers to a function that takes `context`.

    Attributes:
        seed: the seed of this replicate, the same in every arm.
        replicate: its number, from 0.
        folder: for checkpoints: it survives a killed process, and is removed when the trial is
            stored.
        data: the rows of this replicate, where the study has a dataset.
        epochs: for how many to train, where [base] has `epochs`; a search may shorten it.

    Example:
        >>> context = TrainContext(seed=7, replicate=3, study_seed=0, folder=Path("."))
        >>> context.rng("noise").random() == context.rng("noise").random()
        True
        >>> context.report(1, loss=0.5)
        True
    """

    seed: int
    replicate: int
    study_seed: int
    folder: Path
    data: Data | None = None
    epochs: int | None = None
    on_epoch: Callable[[int], None] = field(default=lambda epoch: None, repr=False)
    history: dict[str, list[float]] = field(default_factory=dict, repr=False)

    def rng(self, stream: str = "") -> np.random.Generator:
        """A fresh generator of a named stream: the same draws in every arm of this replicate."""
        name = int.from_bytes(hashlib.sha256(stream.encode()).digest()[:4])
        return generator(self.study_seed, self.replicate, "user", name)

    def report(self, epoch: int, /, **values: float) -> bool:
        """Records values at the end of an epoch.

        Args:
            epoch: its number, from 0 or 1, each above the last.
            values: numbers by name, such as `loss=0.3`.

        Returns:
            Whether to go on: False after as many reports as there are `epochs`.

        Raises:
            TrainingError: if the epoch is not above the last, or a value is no number.
        """
        if "epoch" in values:
            raise TrainingError("report must get the epoch first and without a name, found epoch=")
        epochs = self.history.setdefault("epoch", [])
        if not _is_whole(epoch) or epoch <= (epochs[-1] if epochs else -1):
            raise TrainingError(
                "report must get epochs as whole numbers from 0, each above the last, found "
                f"{_kind(epoch)} after {int(epochs[-1]) if epochs else 'none'}"
            )
        numbers = {name: _number(value, f"report of {name}") for name, value in values.items()}
        for name in numbers:
            self.history.setdefault(name, [math.nan] * len(epochs))
        for name, column in self.history.items():
            column.append(float(epoch) if name == "epoch" else numbers.get(name, math.nan))
        self.on_epoch(0)
        return self.epochs is None or len(self.history["epoch"]) < self.epochs


class FunctionEngine:
    """Calls a function of the user's own once a trial, in this process.

    Attributes:
        dataset: whose rows the context of a trial has; None where the study has none.

    Raises:
        StudyError: from the constructor, if the function cannot be imported.
    """

    def __init__(self, setup: UserSetup, checkpoints: Path) -> None:
        self._setup, self._checkpoints = setup, checkpoints
        self.dataset: Dataset | None = None
        self._function = load_function(setup)
        self._takes: Mapping[str, inspect.Parameter] = {}
        with suppress(TypeError, ValueError):  # of a function in C
            self._takes = inspect.signature(self._function).parameters

    def train(
        self, group: Group, on_epoch: Callable[[int], None]
    ) -> Iterator[TrialResult | TrialFailure]:
        """Trains the trials of a group, one after the other; a failure is an answer too.

        Raises:
            StudyError: if a file has changed that decides the outcome.
        """
        for trial in group.trials:
            outcome = self._train(trial, on_epoch)
            self._setup.trainer.check_files()
            yield outcome

    def _train(self, trial: Trial, on_epoch: Callable[[int], None]) -> TrialResult | TrialFailure:
        if "context" in self._takes:
            context = make_context(trial, self.dataset, self._checkpoints, on_epoch)
        else:
            context = TrainContext(derived_seed(trial), user_replicate(trial), trial.seed, Path())
        with unchanged_process(self._setup.trainer.folder), printed_to(self._setup.output, trial):
            began = time.perf_counter()
            try:
                answer = self._call(trial, context)
                seconds = time.perf_counter() - began
                return make_user_result(trial, answer, context.history, seconds, self._setup)
            except TrainingError as error:
                return TrialFailure(trial, str(error))
            except BaseException as error:  # whatever the user's code may raise
                return TrialFailure(trial, said(error), own_frames(error))

    def _call(self, trial: Trial, context: TrainContext) -> object:
        params = as_params(trial)
        of_ours = {"params": params, "seed": context.seed, "context": context,
                   "replicate": context.replicate}  # fmt: skip
        given = {name: of_ours[name] for name, parameter in self._takes.items()
                 if name in of_ours and parameter.kind != parameter.VAR_KEYWORD}  # fmt: skip
        if "params" not in given:
            given |= params
        first = [given.pop(name) for name, parameter in self._takes.items()
                 if parameter.kind is parameter.POSITIONAL_ONLY and name in given]  # fmt: skip
        return self._function(*first, **given)


@contextmanager
def unchanged_process(folder: Path) -> Iterator[None]:
    """Undoes what the user's code changes of this process, so that no trial affects the next.

    Args:
        folder: the current one within it, as a command has it.
    """
    environment = dict(os.environ)
    mask = os.umask(0)
    os.umask(mask)
    try:
        with chdir(folder):
            yield
    finally:
        os.umask(mask)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


@contextmanager
def printed_to(folder: Path | None, trial: Trial) -> Iterator[None]:
    """What is printed within it goes to a file of the trial, which is removed if it is empty."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{trial.id[:16]}.txt"
    streams = sys.stdout, sys.stderr
    _flush(streams)
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with file.open("wb") as stream:
        try:
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
            yield
        finally:
            for descriptor in (1, 2):  # once more, should the user's code have closed one
                os.dup2(stream.fileno(), descriptor)
            _flush((*streams, sys.stdout, sys.stderr))
            for descriptor, before in zip((1, 2), kept, strict=True):
                os.dup2(before, descriptor)
                os.close(before)
    sys.stdout, sys.stderr = (
        open(descriptor, "w", closefd=False) if before.closed else before  # noqa: SIM115
        for descriptor, before in zip((1, 2), streams, strict=True)
    )
    with suppress(OSError):  # the user's code may have removed it
        if not file.stat().st_size:
            file.unlink()


def _flush(streams: Iterable[Any]) -> None:
    for stream in streams:
        with suppress(Exception):  # it may be closed, or of the user's own
            stream.flush()


def as_params(trial: Trial) -> dict[str, Any]:
    """The parameters of a trial, a copy that a training may change."""
    assert isinstance(trial.config, Params)
    return deepcopy(trial.config.values)


def derived_seed(trial: Trial) -> int:
    """The seed of a trial's replicate, below 2^31: the same in every arm."""
    return int(generator(trial.seed, trial.replicate, "user").integers(2**31))


def user_replicate(trial: Trial) -> int:
    """The number of a trial's replicate as the user's code knows it: that of its seed."""
    return replicate_of(trial.replicate, "user")


def make_context(
    trial: Trial, dataset: Dataset | None, checkpoints: Path, on_epoch: Callable[[int], None]
) -> TrainContext:
    """The context of a trial, its folder made."""
    folder = checkpoints / trial.id[:32]
    folder.mkdir(parents=True, exist_ok=True)
    data = None
    if dataset is not None:
        dataset = dataset.view(trial.replicate)
        rows = split(dataset, trial.validation, None, trial.seed, trial.replicate)
        x, y = dataset.x_train, dataset.y_train
        data = Data(x[rows.train], y[rows.train], x[rows.validation], y[rows.validation],
                    dataset.x_test, dataset.y_test)  # fmt: skip
    return TrainContext(derived_seed(trial), user_replicate(trial), trial.seed, folder, data,
                        _epochs(trial), on_epoch)  # fmt: skip


def _epochs(trial: Trial) -> int | None:
    config = trial.config
    return config.epochs if isinstance(config, Params) and config.counts_epochs else None


def load_function(setup: UserSetup) -> Callable[..., Any]:
    """The function that a study names.

    Raises:
        StudyError: if its file cannot be imported or has no such function; with the user's part
            of the traceback.
    """
    sys.path[:0] = [entry for entry in setup.path if entry not in sys.path]
    try:
        if setup.pickled is not None:
            import cloudpickle

            return cloudpickle.loads(setup.pickled)  # type: ignore[no-any-return]
        assert setup.trainer.function is not None
        file, _, name = setup.trainer.function.partition(":")
        setup.trainer.check_files()
        path = setup.trainer.folder / file
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)  # what it pickles names it
        with chdir(setup.trainer.folder):
            spec.loader.exec_module(module)
        function = getattr(module, name)
    except StudyError:
        raise
    except BaseException as error:  # whatever the user's code may raise
        raise StudyError(
            f"trainer must name a function that can be imported, found that importing "
            f"{setup.trainer.name} raised {said(error)}\n{own_frames(error)}"
        ) from None
    if not callable(function):
        raise StudyError(
            f"trainer must name a function, found that {setup.trainer.name} is "
            f"{_kind(function)} once the file has run; rename one of the two"
        )
    return function  # type: ignore[no-any-return]


def said(error: BaseException) -> str:
    """The name of an error's class and its text in one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # of a class of the user's own
        text = "(its text cannot be made)"
    return f"{type(error).__name__}: {shorten(text)}".rstrip(": ")


def shorten(text: str, most: int = 300) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def own_frames(error: BaseException) -> str:
    """A traceback as text, without the frames of stepladder; the end of a long one."""
    here = str(Path(__file__).resolve().parents[1])
    text = traceback.TracebackException.from_exception(error)
    text.stack = traceback.StackSummary.from_list([
        frame for frame in text.stack
        if not frame.filename.startswith(here) and not frame.filename.startswith("<frozen")
    ])  # fmt: skip
    lines = "".join(text.format()).rstrip().splitlines()
    return "\n".join(shorten(line, _MOST_LINE) for line in lines)[-_MOST_TRACE:]


def make_user_result(
    trial: Trial,
    answer: object,
    history: Mapping[str, list[float]],
    seconds: float,
    setup: UserSetup,
) -> TrialResult:
    """The result of a trial, of what its training answered.

    Args:
        trial: what was trained.
        answer: a mapping of metric to number, of the test part; or of part to such a mapping.
        history: what was reported epoch by epoch, `epoch` included; often empty.
        seconds: how long it took.
        setup: says which metrics there must be.

    Raises:
        TrainingError: if the answer is something else.
    """
    if not isinstance(answer, Mapping):
        example = f"{answer:g}" if isinstance(answer, float) else "0.5"
        _must_return(f"a mapping of metric to value, found {_kind(answer)}; give the number its "
                     f'name, such as {{"rmse": {example}}}')  # fmt: skip
    parts, per_example = _parts(answer)
    measures = {
        part: {
            f"{name}": _number(value, f"{name} of the {part} part")
            for name, value in values.items()
        }
        for part, values in parts.items()
    }
    for name in (setup.metric.name, *setup.also):
        _check_there(name, measures["test"])
    if trial.role == "tune":
        _check_there(setup.metric.name, measures.get("validation", {}),
                     " of the validation part, by which a fair study tunes")  # fmt: skip
    judged = measures["test"][setup.metric.name]
    low, high = setup.metric.bounds
    if not math.isnan(judged) and not low <= judged <= high:
        hint = "; divide percentages by 100" if high == 1 and 1 < judged <= 100 else ""
        _must_return(f"{setup.metric.name} in {low:g}…{high:g}, found {judged:g}{hint}")
    is_finite = math.isfinite(judged)
    last_epoch = int(max(history.get("epoch", ()), default=1))
    train, validation, test = (_score(measures.get(part, {})) for part in PARTS)
    return TrialResult(
        trial=trial,
        curve=NO_HISTORY,
        train=train,
        validation=validation,
        test=test,
        test_predictions=np.zeros(0, np.uint16),
        test_correct=np.zeros(0, np.bool_),
        diverged=None if is_finite else max(1, last_epoch),
        parameters=0,
        seconds=seconds,
        versions=_versions(),
        measures=measures,
        reported={name: tuple(map(float, values)) for name, values in history.items()},
        per_example=None if per_example is None else _examples(per_example),
    )  # fmt: skip


def _parts(answer: Mapping[Any, Any]) -> tuple[dict[str, Mapping[Any, Any]], object]:
    values = dict(answer)
    per_example = values.pop(_PER_EXAMPLE, None)
    nested = {name for name, value in values.items() if isinstance(value, Mapping)}
    if not nested:
        return {"test": values}, per_example
    unknown = sorted(str(name) for name in nested if name not in PARTS)
    if unknown or len(nested) < len(values):
        found = unknown or sorted(str(name) for name in values.keys() - nested)
        _must_return(
            "numbers alone, or a mapping for each of train, validation and test, found "
            f"{', '.join(found)} among them"
        )
    if "test" not in values:
        _must_return(f"the test part, found {', '.join(sorted(map(str, values)))} alone")
    return {str(part): parts for part, parts in values.items()}, per_example


def _check_there(name: str, measures: Mapping[str, float], where: str = "") -> None:
    if name not in measures:
        known = sorted(measures, key=lambda one: -SequenceMatcher(None, name, one).ratio())
        advice = did_you_mean(name, measures, "return it too, or name another metric")
        found = shorten(", ".join(known)) or "nothing"
        _must_return(f"the metric {name}{where}, found {found}; {advice}")


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: object, what: str) -> float:
    """A plain number, or what is one: of NumPy, torch, or any library with `item`."""
    item = getattr(value, "item", None)
    if callable(item):
        with suppress(TypeError, ValueError, RuntimeError):  # an array of several
            value = item()
    if isinstance(value, bool) or not isinstance(value, Real):
        _must_return(f"a number as {what}, found {_kind(value)}")
    try:
        return float(value)
    except OverflowError:
        return _must_return(f"a number as {what}, found one beyond the range of floats")


def _examples(values: object) -> npt.NDArray[np.float32]:
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        array = np.zeros((0, 0), np.float32)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        _must_return(f"finite numbers as {_PER_EXAMPLE}, one a test example, found {_kind(values)}")
    return array


def _score(measures: Mapping[str, float]) -> Score:
    loss, accuracy = measures.get("loss", math.nan), measures.get("accuracy", math.nan)
    return Score(loss, accuracy) if measures else UNSCORED


def _kind(value: object) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"an array of shape {tuple(shape)}"
    return f"{type(value).__name__} {_SHOWN.repr(value)}"


def _must_return(what: str) -> NoReturn:
    raise TrainingError(f"the training must return {what}")


def _versions() -> dict[str, str]:
    """Of Python, and of the libraries among the usual ones that this process has imported."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):  # a module of the user's own with that name
            if name in sys.modules:
                versions[name] = version_of("scikit-learn" if name == "sklearn" else name)
    return versions
