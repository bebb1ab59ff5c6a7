"""A study with a network of the user's own: allowed by the user, and looked at before it trains."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from typing import Any

from stepladder.data import Dataset
from stepladder.designs import Arm
from stepladder.errors import InputError, StudyError, WorkerError
from stepladder.model_file import ModelFile
from stepladder.recipe import NETWORK_FIELDS, Recipe
from stepladder.runner.pool import Event, Worker
from stepladder.runner.settings import Settings
from stepladder.study import Study
from stepladder.train.structure import structure

__all__ = ["allow", "inspect", "unread"]


def allow(study: Study, allow_code: bool) -> None:
    """Makes sure that the user wants a study's code to run, if it has any.

    Args:
        study: what is asked.
        allow_code: whether the user said so.

    Raises:
        InputError: if the user did not; nothing of it was run.
        StudyError: if the code is not there.
    """
    model = study.model
    if model is None:
        return
    lines = len(model.text.splitlines())
    if allow_code:
        return
    raise InputError(
        f"this study runs Python code with your rights: the function {model.function!r} of "
        f"{model.file!r} beside it ({lines} lines, SHA-256 {model.sha256}), in each training "
        "process; it must be allowed, found no permission. Read the file, then add --allow-code "
        "to the command (allow_code=True in Python)"
    )


def inspect(study: Study, dataset: Dataset, settings: Settings) -> None:
    """Has a training process build the networks of all arms, and makes sure that they will do.

    Args:
        study: what is asked, with a model of its own.
        dataset: what it is asked of.
        settings: of the run.

    Raises:
        StudyError: if the code fails, a network cannot be trained by the engine, or a technique
            changes what the code never reads.
        WorkerError: if the process itself failed.
    """
    assert study.model is not None
    recipes = list(dict.fromkeys(structure(arm.recipe) for arm in study.arms))
    found = _inspected(study.model, recipes, dataset, settings)
    if found["problem"]:
        raise StudyError(found["problem"])
    reads = {recipe: frozenset(read) for recipe, read in zip(recipes, found["reads"], strict=True)}
    problems = unread(study, {arm.name: reads[structure(arm.recipe)] for arm in study.arms})
    if problems:
        raise StudyError(problems)


def _inspected(
    model: ModelFile, recipes: list[Recipe], dataset: Dataset, settings: Settings
) -> dict[str, Any]:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    worker = Worker(dataset, settings, settings.cpus[0], events, model=model, task="inspect")
    try:
        worker.inspect(recipes)
        _, header, _ = events.get()
        if header is None:
            raise StudyError(
                f"{model.function} of {model.file} must return a keras.Model, found that it ended "
                f"its process ({worker.last_words()}); mend it, or look for a lack of memory"
            )
        if header["kind"] == "failed":
            raise WorkerError(
                f"looking at the model failed with {header['message']}; nothing was trained. The "
                f"training process said:\n{header['trace']}"
            )
        return header
    finally:
        worker.end()


def unread(study: Study, reads: Mapping[str, frozenset[str]]) -> list[str]:
    """Techniques that change, and tuned fields that vary, what the model never reads: lines.

    Args:
        study: with a model of its own.
        reads: the fields of the recipe that building an arm's network read, by the arm's name.
    """
    assert study.model is not None
    by_name = {arm.name: arm for arm in study.arms}
    problems = [
        f"tune.grid must be of fields that the model uses, found that {study.model.function} of "
        f"{study.model.file} never reads recipe.{field}: all its candidates would be the same "
        "network; read it there, or leave it out of the grid"
        for field in study.tuned_fields
        if field in NETWORK_FIELDS and not any(field in each for each in reads.values())
    ]
    for arm in study.arms:
        below = by_name.get(arm.compared_with or "")
        if below is None:
            continue
        used = reads[arm.name] | reads[below.name]
        lost = [field for field in _changed(arm, below) if field not in used]
        if lost:
            named = " and ".join(f"recipe.{field}" for field in lost)
            problems.append(
                f"technique {arm.technique!r} must change what the model uses, found that "
                f"{study.model.function} of {study.model.file} never reads {named}: the effect of "
                "that would be exactly zero; read it there, or leave it out of the technique"
            )
    return problems


def _changed(arm: Arm, below: Arm) -> list[str]:
    return [
        field
        for field in NETWORK_FIELDS
        if getattr(arm.recipe, field) != getattr(below.recipe, field)
    ]
