"""What trained networks end with: as named arrays, and as files of a run folder."""

from collections.abc import Mapping
from dataclasses import fields
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from stepladder.errors import OutputError, RunError
from stepladder.training.serialization import Array, Checkpoint, read, write
from stepladder.trials.trial import FinalState, TrialResult

ENDING = ".weights"

_LISTS = ("trainable", "statistics")
_OF_REGRESSIONS = ("target_scale", "target_shift")
"""What files of classes lack, and those of earlier versions."""


def final_arrays(final: FinalState) -> dict[str, Array]:
    """A final state as arrays by name: `trainable.0` is the first trainable variable."""
    arrays: dict[str, Array] = {
        f"{part}.{place}": array
        for part in _LISTS
        for place, array in enumerate(getattr(final, part))
    }
    names = [field.name for field in fields(FinalState) if field.name not in _LISTS]
    if not final.target_scale.size:
        names = [name for name in names if name not in _OF_REGRESSIONS]
    return arrays | {name: getattr(final, name) for name in names}


def read_final(arrays: Mapping[str, Array]) -> FinalState:
    """The final state of which `final_arrays` gave the arrays.

    Raises:
        ValueError: if an array is missing, or there is one of another name.
    """
    lists: dict[str, Any] = {part: _numbered(arrays, part) for part in _LISTS}
    names = {field.name for field in fields(FinalState)} - set(_LISTS)
    names -= set(_OF_REGRESSIONS) - arrays.keys()
    numbered = {f"{part}.{at}" for part, leaves in lists.items() for at in range(len(leaves))}
    if arrays.keys() != names | numbered:
        raise ValueError(
            f"the arrays of final weights must be {', '.join(sorted(names | numbered))}, found "
            f"{', '.join(sorted(arrays))}"
        )
    return FinalState(**lists | {name: arrays[name] for name in names})


def _numbered(arrays: Mapping[str, Array], part: str) -> tuple[Array, ...]:
    names = takewhile(arrays.__contains__, (f"{part}.{place}" for place in count()))
    return tuple(arrays[name] for name in names)


def weights_file(folder: Path, trial_id: str) -> Path:
    """The file of a trial's final state, in the folder `weights` of its run."""
    return folder / f"{trial_id}{ENDING}"


def save_final_state(folder: Path, result: TrialResult) -> None:
    """Stores a trial's final state, if there is one: a diverged trial has none.

    Raises:
        RunError: if it cannot be written; nothing is left behind.
    """
    if result.final is None:
        return
    trial = result.trial
    arrays, more = final_arrays(result.final), {"trial": trial.declared}
    state = Checkpoint((trial.id,), trial.recipe.epochs, more, arrays)
    try:
        write(weights_file(folder, trial.id), state, result.versions)
    except OutputError as error:  # hours of training may have gone before: no fault of the input
        raise RunError(f"{error}. What was finished is stored") from error


def kept_final(folder: Path, trial_id: str) -> tuple[FinalState | None, str]:
    """A trial's final state, or None and why: "" where none is stored, else what is wrong."""
    file = weights_file(folder, trial_id)
    if not file.exists():
        return None, ""
    state, problem = read(file)
    if state is None:
        return None, problem
    if state.trials != (trial_id,):
        return None, "is of another trial"
    try:
        return read_final(state.arrays), ""
    except ValueError as error:
        return None, f"is not as it was written: {error}"
