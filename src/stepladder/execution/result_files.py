"""A trial's outcome as one file: its id is the name, a digest is inside, and nothing is pickled."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.study.params import config_from
from stepladder.training.final_weights import final_arrays, read_final
from stepladder.training.function import TrialFailure
from stepladder.training.serialization import Array, Checkpoint, read, write
from stepladder.trials.trial import (
    PARTS,
    History,
    HistorySummary,
    Probes,
    Score,
    Trial,
    TrialResult,
)

Outcome = TrialResult | TrialFailure

RESULT, FAILURE = ".result", ".failure"
_ENDINGS = {TrialResult: RESULT, TrialFailure: FAILURE}
_PLAIN = ("diverged", "parameters", "seconds", "stopped", "scored_epoch", "unsettled", "takes_ids")
_BROKEN = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def write_outcome(folder: Path, outcome: Outcome) -> Path:
    """Writes the outcome of a trial, whole or not at all.

    Args:
        folder: where to; it is made where it is missing.
        outcome: a result, or a failure.

    Returns:
        The file, named by the trial's id.

    Raises:
        OutputError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> from stepladder.study.recipe import Recipe
        >>> trial = Trial(Recipe(hidden=[3]), "data", 10, seed=0, replicate=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = write_outcome(Path(folder), TrialFailure(trial, "it failed"))
        ...     outcome, problem = read_outcome(file)
        >>> outcome.trial == trial, outcome.message, problem
        (True, 'it failed', '')
    """
    file = folder / f"{outcome.trial.id}{_ENDINGS[type(outcome)]}"
    arrays: dict[str, Array] = {}
    more: dict[str, Any] = {"trial": outcome.trial.declared}
    if isinstance(outcome, TrialFailure):
        more |= {"message": outcome.message, "trace": outcome.trace}
        write(file, Checkpoint((outcome.trial.id,), 0, more, {}), {})
        return file
    for name, value in _array_tables(outcome).items():
        arrays |= {f"{name}/{key}": array for key, array in value.items()}
    more |= {
        **{name: _as_json(getattr(outcome, name)) for name in _PLAIN},
        **{str(part): asdict(getattr(outcome, part)) for part in PARTS},
        "measures": {part: dict(values) for part, values in outcome.measures.items()},
        "signs": None if outcome.signs is None else asdict(outcome.signs),
    }
    if outcome.probes is not None:
        names = ("kernels", "layers", "input_mean", "input_deviation")
        more["probes"] = {name: getattr(outcome.probes, name) for name in names}
    write(file, Checkpoint((outcome.trial.id,), 0, more, arrays), outcome.versions)
    return file


def read_outcome(file: Path) -> tuple[Outcome | None, str]:
    """The outcome in a file, or None and what is wrong with the file.

    Nothing of a file counts before its digest is checked, and the trial that it describes must
    have the id that is the file's name.
    """
    state, problem = read(file)
    if state is None:
        return None, problem
    try:
        trial = trial_of(state.more["trial"])
        if (trial.id,) != state.trials or trial.id != file.stem:
            return None, f"is of the trial {trial.id}"
        if file.suffix == FAILURE:
            return TrialFailure(trial, str(state.more["message"]), str(state.more["trace"])), ""
        return _result(trial, state), ""
    except _BROKEN as error:
        return None, f"is not as it was written: {type(error).__name__}"


def trial_of(declared: Mapping[str, Any]) -> Trial:
    """The trial that `Trial.declared` describes.

    Raises:
        ValueError, KeyError, TypeError: if nothing is described by it.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> trial = Trial(Recipe(hidden=[3]), "data", 10, seed=0, replicate=0)
        >>> trial_of(trial.declared).id == trial.id
        True
    """
    values = dict(declared)
    config = values.pop("recipe")
    return Trial(config_from(config), **{**values, "metrics": tuple(values.get("metrics", ()))})


_SINGLE = {
    "test_predictions": np.uint16, "test_correct": np.bool_, "per_example": np.float32,
    "test_values": np.float32,
}  # fmt: skip


def _array_tables(result: TrialResult) -> dict[str, dict[str, Array]]:
    """All arrays of a result, by what they belong to and their name there."""
    tables: dict[str, dict[str, Array]] = {
        "curve": {field.name: getattr(result.curve, field.name) for field in fields(History)},
        "result": {name: getattr(result, name) for name in _SINGLE
                   if getattr(result, name) is not None},
        # Numbers that a training reported: there may be many, and all of them are float.
        "reported": {name: np.array(values, np.float64)
                     for name, values in result.reported.items()},
    }  # fmt: skip
    if result.probes is not None:
        names = ("gradient_norm", "dead", "saturated")
        tables["probes"] = {name: getattr(result.probes, name) for name in names}
    if result.final is not None:
        tables["final"] = final_arrays(result.final)
    return tables


def _as_json(value: Any) -> Any:  # noqa: ANN401 - a number, a truth value or None
    """A number of NumPy as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _result(trial: Trial, state: Checkpoint) -> TrialResult:
    more, tables = state.more, _by_table(state.arrays)
    single = tables.get("result", {})
    for name, array in single.items():
        if array.dtype != _SINGLE[name]:
            raise ValueError(f"{name} is {array.dtype}")
    values: dict[str, Any] = {**single, **{name: more[name] for name in _PLAIN}}
    values |= {part: Score(**more[part]) for part in PARTS}
    probes = None
    if "probes" in more:
        named = {**more["probes"], **tables["probes"]}
        probes = Probes(**{**named, "kernels": tuple(named["kernels"]),
                           "layers": tuple(named["layers"])})  # fmt: skip
    return TrialResult(
        trial=trial,
        curve=History(**tables["curve"]),
        versions={str(name): str(version) for name, version in more["versions"].items()},
        measures=more["measures"],
        reported={name: tuple(array.tolist())
                  for name, array in tables.get("reported", {}).items()},
        signs=None if more["signs"] is None else HistorySummary(**more["signs"]),
        probes=probes,
        final=read_final(tables["final"]) if "final" in tables else None,
        **values,
    )  # fmt: skip


def _by_table(arrays: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for path, array in arrays.items():
        table, _, name = path.partition("/")
        tables.setdefault(table, {})[name] = array
    return tables
