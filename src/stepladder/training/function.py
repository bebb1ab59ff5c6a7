"""Trials that a function of the user's own trains, and what becomes of its answer."""

import hashlib
import importlib.util
import inspect
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
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
from stepladder.trials.seeding import generator
from stepladder.trials.trial import NO_HISTORY, PARTS, UNSCORED, Score, Trial, TrialResult
from stepladder.version import version_of

_PER_EXAMPLE = "per_example"
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

    Attributes:
        x_train: inputs to train on, as the data has them.
        y_train: their labels, int32.
        x_val: inputs to validate on.
        y_val: their labels.
        x_test: inputs of the test part, the same in every replicate.
        y_test: their labels.
    """

    x_train: npt.NDArray[Any]
    y_train: npt.NDArray[np.int32]
    x_val: npt.NDArray[Any]
    y_val: npt.NDArray[np.int32]
    x_test: npt.NDArray[Any]
    y_test: npt.NDArray[np.int32]


@dataclass
class TrainContext:
    """What stepladder offers to a function that takes `context`.

    Attributes:
        seed: the seed of this replicate, the same in every arm.
        replicate: its number, from 0.
        folder: for checkpoints: it survives a killed process, and is removed when the trial is
            stored.
        data: the rows of this replicate, where the study has a dataset.

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
    on_epoch: Callable[[int], None] = field(default=lambda epoch: None, repr=False)
    history: dict[str, list[float]] = field(default_factory=dict, repr=False)

    def rng(self, stream: str = "") -> np.random.Generator:
        """A fresh generator of a named stream: the same draws in every arm of this replicate."""
        name = int.from_bytes(hashlib.sha256(stream.encode()).digest()[:4])
        return generator(self.study_seed, self.replicate, "user", name)

    def report(self, epoch: int, /, **values: float) -> bool:
        """Records values at the end of an epoch.

        Args:
            epoch: its number, from 1, each above the last.
            values: numbers by name, such as `loss=0.3`.

        Returns:
            Whether to go on.

        Raises:
            TrainingError: if the epoch is not above the last, or a value is no number.
        """
        if "epoch" in values:
            raise TrainingError("report must get the epoch first and without a name, found epoch=")
        epochs = self.history.setdefault("epoch", [])
        if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch <= max(epochs, default=0):
            raise TrainingError(
                f"report must get epochs from 1, each above the last, found {epoch!r} after "
                f"{epochs[-1] if epochs else 'none'}"
            )
        numbers = {name: _number(value, f"report of {name}") for name, value in values.items()}
        for name in {*self.history, *numbers} - {"epoch"}:
            column = self.history.setdefault(name, [math.nan] * len(epochs))
            column.append(numbers.get(name, math.nan))
        epochs.append(epoch)
        self.on_epoch(0)
        return True


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
        self._names = tuple(
            name
            for name, parameter in inspect.signature(self._function).parameters.items()
            if parameter.kind != inspect.Parameter.VAR_KEYWORD  # **params takes them one by one
        )

    def train(
        self, group: Group, on_epoch: Callable[[int], None]
    ) -> Iterator[TrialResult | TrialFailure]:
        """Trains the trials of a group, one after the other; a failure is an answer too."""
        for trial in group.trials:
            context = make_context(trial, self.dataset, self._checkpoints, on_epoch)
            with printed_to(self._setup.output, trial):
                outcome = self._train(trial, context)
            yield outcome

    def _train(self, trial: Trial, context: TrainContext) -> TrialResult | TrialFailure:
        params = as_params(trial)
        given: dict[str, Any] = {"params": params, "seed": context.seed, "context": context,
                                 "replicate": trial.replicate}  # fmt: skip
        if "params" in self._names:
            given = {name: given[name] for name in self._names if name in given}
        else:
            given = {**{name: given[name] for name in self._names if name in given}, **params}
        began = time.perf_counter()
        try:
            answer = self._function(**given)
            seconds = time.perf_counter() - began
            return make_user_result(trial, answer, context.history, seconds, self._setup)
        except TrainingError as error:
            return TrialFailure(trial, str(error))
        except (Exception, SystemExit) as error:  # whatever the user's code may raise
            message = f"{type(error).__name__}: {error}".rstrip(": ")
            return TrialFailure(trial, message, own_frames(error))


@contextmanager
def printed_to(folder: Path | None, trial: Trial) -> Iterator[None]:
    """What is printed within it goes to a file of the trial, which is removed if it is empty."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{trial.id[:16]}.txt"
    sys.stdout.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    try:
        with file.open("wb") as stream:
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, before in zip((1, 2), kept, strict=True):
            os.dup2(before, descriptor)
            os.close(before)
        if not file.stat().st_size:
            file.unlink()


def as_params(trial: Trial) -> dict[str, Any]:
    """The parameters of a trial, a copy that a training may change."""
    assert isinstance(trial.config, Params)
    return deepcopy(trial.config.values)


def derived_seed(trial: Trial) -> int:
    """The seed of a trial's replicate, below 2^31: the same in every arm."""
    return int(generator(trial.seed, trial.replicate, "user").integers(2**31))


def make_context(
    trial: Trial, dataset: Dataset | None, checkpoints: Path, on_epoch: Callable[[int], None]
) -> TrainContext:
    """The context of a trial, its folder made."""
    folder = checkpoints / trial.id[:32]
    folder.mkdir(parents=True, exist_ok=True)
    data = None
    if dataset is not None:
        rows = split(dataset.y_train, dataset.classes, trial.validation, None, trial.seed,
                     trial.replicate)  # fmt: skip
        x, y = dataset.x_train, dataset.y_train
        data = Data(x[rows.train], y[rows.train], x[rows.validation], y[rows.validation],
                    dataset.x_test, dataset.y_test)  # fmt: skip
    return TrainContext(derived_seed(trial), trial.replicate, trial.seed, folder, data, on_epoch)


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
        spec.loader.exec_module(module)
        function = getattr(module, name)
    except StudyError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's code may raise
        raise StudyError(
            f"trainer must name a function that can be imported, found that importing "
            f"{setup.trainer.name} raised {type(error).__name__}: {error}\n{own_frames(error)}"
        ) from None
    return function  # type: ignore[no-any-return]


def own_frames(error: BaseException) -> str:
    """A traceback as text, without the frames of stepladder."""
    here = str(Path(__file__).resolve().parents[1])
    text = traceback.TracebackException.from_exception(error)
    text.stack = traceback.StackSummary.from_list([
        frame for frame in text.stack
        if not frame.filename.startswith(here) and not frame.filename.startswith("<frozen")
    ])  # fmt: skip
    return "".join(text.format()).rstrip()


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
        _must_return(f"a mapping of metric to value, found {_kind(answer)}")
    parts, per_example = _parts(answer)
    measures = {
        part: {
            str(name): _number(value, f"{name} of the {part} part")
            for name, value in values.items()
        }
        for part, values in parts.items()
    }
    for name in (setup.metric.name, *setup.also):
        _check_there(name, measures["test"])
    judged = measures["test"][setup.metric.name]
    low, high = setup.metric.bounds
    if not math.isnan(judged) and not low <= judged <= high:
        hint = "; divide percentages by 100" if high == 1 and 1 < judged <= 100 else ""
        _must_return(f"{setup.metric.name} in {low:g}…{high:g}, found {judged:g}{hint}")
    is_finite = math.isfinite(judged)
    epochs = [int(epoch) for epoch in history.get("epoch", ())]
    train, validation, test = (_score(measures.get(part, {})) for part in PARTS)
    return TrialResult(
        trial=trial,
        curve=NO_HISTORY,
        train=train,
        validation=validation,
        test=test,
        test_predictions=np.zeros(0, np.uint16),
        test_correct=np.zeros(0, np.bool_),
        diverged=None if is_finite else max(epochs, default=1),
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


def _check_there(name: str, measures: Mapping[str, float]) -> None:
    if name not in measures:
        known = ", ".join(measures) or "nothing"
        advice = did_you_mean(name, measures, "return it too, or name another metric")
        _must_return(f"the metric {name}, found {known}; {advice}")


def _number(value: object, what: str) -> float:
    """A plain number, or what is one: of NumPy, torch, or any library with `item`."""
    item = getattr(value, "item", None)
    if callable(item):
        with suppress(TypeError, ValueError, RuntimeError):  # an array of several
            value = item()
    if isinstance(value, bool) or not isinstance(value, int | float):
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
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _must_return(what: str) -> NoReturn:
    raise TrainingError(f"the training must return {what}")


def _versions() -> dict[str, str]:
    """Of Python, and of the libraries among the usual ones that this process has imported."""
    loaded = [name for name in _LIBRARIES if name in sys.modules]
    names = {"sklearn": "scikit-learn"}
    plain = ".".join(map(str, sys.version_info[:3]))
    return {"python": plain, **{name: version_of(names.get(name, name)) for name in loaded}}
