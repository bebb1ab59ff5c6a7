"""Messages between the driver and its workers, and the files of final weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.data import Dataset
from stepladder.errors import OutputError, RunError
from stepladder.study.loading import ModelFile
from stepladder.study.recipe import Recipe
from stepladder.training.groups import Batching, Group, Stage
from stepladder.training.serialization import Array, Checkpoint, Frame, read, write
from stepladder.trials.trial import FinalState, History, Probes, Score, Trial, TrialResult

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
    """Where what a trial ended with is kept.

    Args:
        folder: `weights` in the run's folder.
        trial_id: of the trial.
    """
    return folder / f"{trial_id}{ENDING}"


def save_final_state(folder: Path, result: TrialResult) -> None:
    """Keeps what a trial ended with, if it is there to keep: a diverged trial has nothing.

    Args:
        folder: where it goes; made if need be.
        result: of the trial.

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
    """What a trial ended with, or None and why: "" where it was not kept, else what is wrong.

    Args:
        folder: `weights` in the run's folder.
        trial_id: of the trial.
    """
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


_PROBED = ("gradient_norm", "dead", "saturated")
"""Arrays of `Probes`."""

_FINAL = "final."


def dataset_frame(dataset: Dataset) -> Frame:
    """A dataset as a frame."""
    parts = ("x_train", "y_train", "x_test", "y_test")
    header = {"kind": "dataset", "name": dataset.name, "class_names": list(dataset.class_names)}
    return header, {part: getattr(dataset, part) for part in parts}


def read_dataset(header: dict[str, Any], arrays: dict[str, Array]) -> Dataset:
    """The dataset of a frame."""
    return Dataset(name=header["name"], class_names=tuple(header["class_names"]), **arrays)


def code_header(model: ModelFile | None) -> dict[str, str] | None:
    """A study's own code as part of a header: the text that was hashed, or None."""
    return None if model is None else {**model.model_dump(), "text": model.text}


def check_frame(recipes: Iterable[Recipe]) -> Frame:
    """The recipes whose networks are to be inspected, as a frame."""
    return {"kind": "check", "recipes": [each.model_dump(mode="json") for each in recipes]}, {}


def read_recipes(header: dict[str, Any]) -> list[Recipe]:
    """The recipes of a frame."""
    return [Recipe(**each) for each in header["recipes"]]


def group_frame(group: Group) -> Frame:
    """A group as a frame."""
    trials = [trial.declared for trial in group.trials]
    header = {"kind": "group", "trials": trials, "lanes": group.lanes, "after": group.after}
    more = {"stacking": group.stacking, "before": group.before, "keeps": group.keeps}
    return {**header, **more}, {}


def read_group(header: dict[str, Any]) -> Group:
    """The group of a frame."""
    trials = tuple(_read_trial(each) for each in header["trials"])
    before = tuple(Stage(*each) for each in header["before"])
    stacking = Batching(*header["stacking"])
    return Group(trials, header["lanes"], stacking, header["after"], before, header["keeps"])


def result_frame(result: TrialResult) -> Frame:
    """A result as a frame."""
    header = {
        "kind": "result",
        "trial": result.trial.declared,
        "diverged": result.diverged,
        "parameters": result.parameters,
        "seconds": result.seconds,
        "versions": result.versions,
        "probes": None,
        "final": result.final is not None,
    }
    scores = (result.train, result.validation, result.test)
    arrays: dict[str, Array] = {
        "scores": np.array([(score.loss, score.accuracy) for score in scores]),
        "test_predictions": result.test_predictions,
        "test_correct": result.test_correct,
    }
    curve = {f"curve.{field.name}": getattr(result.curve, field.name) for field in fields(History)}
    arrays |= curve
    probes = result.probes
    if probes is not None:
        header["probes"] = {"kernels": probes.kernels, "layers": probes.layers}
        arrays["probes.inputs"] = np.array([probes.input_mean, probes.input_deviation])
        arrays |= {f"probes.{name}": getattr(probes, name) for name in _PROBED}
    if result.final is not None:
        arrays |= {f"{_FINAL}{name}": array for name, array in final_arrays(result.final).items()}
    return header, arrays


def read_result(header: dict[str, Any], arrays: dict[str, Array]) -> TrialResult:
    """The result of a frame."""
    scores = [Score(float(loss), float(accuracy)) for loss, accuracy in arrays["scores"]]
    final = {
        name.removeprefix(_FINAL): array
        for name, array in arrays.items()
        if name.startswith(_FINAL)
    }
    return TrialResult(
        trial=_read_trial(header["trial"]),
        curve=History(**{field.name: arrays[f"curve.{field.name}"] for field in fields(History)}),
        train=scores[0],
        validation=scores[1],
        test=scores[2],
        test_predictions=arrays["test_predictions"],
        test_correct=arrays["test_correct"],
        diverged=header["diverged"],
        parameters=header["parameters"],
        seconds=header["seconds"],
        versions=header["versions"],
        probes=_read_probes(header["probes"], arrays),
        final=read_final(final) if header["final"] else None,
    )


def _read_probes(names: dict[str, list[str]] | None, arrays: dict[str, Array]) -> Probes | None:
    if names is None:
        return None
    mean, deviation = (float(each) for each in arrays["probes.inputs"])
    return Probes(
        kernels=tuple(names["kernels"]),
        layers=tuple(names["layers"]),
        input_mean=mean,
        input_deviation=deviation,
        **{name: arrays[f"probes.{name}"] for name in _PROBED},
    )


def _read_trial(values: dict[str, Any]) -> Trial:
    return Trial(**{**values, "recipe": Recipe(**values["recipe"])})
