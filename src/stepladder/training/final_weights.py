"""What trained networks end with: as named arrays, and as files of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from stepladder.errors import OutputError, RunError
from stepladder.training.serialization import Array, Checkpoint, read, write
from stepladder.trials.trial import FinalState, TrialResult

ENDING = ".weights"

_LISTS = ("trainable", "statistics")


def final_arrays(final: FinalState) -> dict[str, Array]:
    """What a trial ended with by name: `trainable.0` is the first trainable variable."""
    arrays: dict[str, Array] = {
        f"{part}.{place}": array
        for part in _LISTS
        for place, array in enumerate(getattr(final, part))
    }
    names = (field.name for field in fields(FinalState) if field.name not in _LISTS)
    return arrays | {name: getattr(final, name) for name in names}


def read_final(arrays: Mapping[str, Array]) -> FinalState:
    """What `final_arrays` made arrays of.

    Raises:
        ValueError: if an array is missing, or there is one of another name.
    """
    lists: dict[str, Any] = {part: _numbered(arrays, part) for part in _LISTS}
    names = {field.name for field in fields(FinalState)} - set(_LISTS)
    held = {f"{part}.{place}" for part, each in lists.items() for place in range(len(each))}
    if arrays.keys() != names | held:
        raise ValueError(
            f"the arrays of final weights must be {', '.join(sorted(names | held))}, found "
            f"{', '.join(sorted(arrays))}"
        )
    return FinalState(**lists | {name: arrays[name] for name in names})


def _numbered(arrays: Mapping[str, Array], part: str) -> tuple[Array, ...]:
    found: list[Array] = []
    while (name := f"{part}.{len(found)}") in arrays:
        found.append(arrays[name])
    return tuple(found)


def weights_file(folder: Path, trial_id: str) -> Path:
    """Where what a trial ended with is kept."""
    return folder / f"{trial_id}{ENDING}"


def save_final_state(folder: Path, result: TrialResult) -> None:
    """Keeps what a trial ended with, if it is there to keep: a diverged trial has nothing.

    Raises:
        RunError: if it cannot be written; nothing is left behind.
    """
    if result.final is None:
        return
    trial = result.trial
    said = {"trial": trial.declared}
    state = Checkpoint((trial.id,), trial.recipe.epochs, said, final_arrays(result.final))
    try:
        write(weights_file(folder, trial.id), state, result.versions)
    except OutputError as error:  # hours of training may have gone before: no fault of the input
        raise RunError(f"{error}. What was finished is stored") from error


def kept_final(folder: Path, trial_id: str) -> tuple[FinalState | None, str]:
    """What a trial ended with, or None and why: "" where it was not kept, else what is wrong."""
    file = weights_file(folder, trial_id)
    if not file.exists():
        return None, ""
    found, wrong = read(file)
    if found is None:
        return None, wrong
    if found.trials != (trial_id,):
        return None, "is of another trial"
    try:
        return read_final(found.arrays), ""
    except ValueError as error:
        return None, f"is not as it was written: {error}"
