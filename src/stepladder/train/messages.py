"""Datasets, groups and results as frames, for the way between driver and training process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from stepladder.data import Dataset
from stepladder.model_file import ModelFile
from stepladder.recipe import Recipe
from stepladder.records import Curve, Probes, Score, Trial, TrialResult
from stepladder.train.final import final_arrays, read_final
from stepladder.train.groups import Group, Stacking, Stage
from stepladder.wire import Array, Frame

__all__ = [
    "check_frame",
    "code_header",
    "dataset_frame",
    "group_frame",
    "read_dataset",
    "read_group",
    "read_recipes",
    "read_result",
    "result_frame",
]


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
    stacking = Stacking(*header["stacking"])
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
    curve = {f"curve.{field.name}": getattr(result.curve, field.name) for field in fields(Curve)}
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
        curve=Curve(**{field.name: arrays[f"curve.{field.name}"] for field in fields(Curve)}),
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
