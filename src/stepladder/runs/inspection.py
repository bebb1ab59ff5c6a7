"""What is found by building networks in a process before anything is trained."""

import queue
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from stepladder.data import Dataset
from stepladder.data.dataset import list_names
from stepladder.errors import StudyError, WorkerError
from stepladder.execution.local import Heard, Worker
from stepladder.execution.machine import Settings
from stepladder.runs.preflight import say_once
from stepladder.study.loading import ModelFile
from stepladder.study.params import as_recipe
from stepladder.study.recipe import NETWORK_FIELDS, Recipe, fields_that_keras_may_refuse, own_paths
from stepladder.study.schema import did_you_mean
from stepladder.study.search_space import LAYERS, UNITS, config_of, dimensions, draw_values
from stepladder.study.study import Study
from stepladder.training.groups import program_key


def inspect_models(
    study: Study, dataset: Dataset, settings: Settings, is_search: bool = False
) -> tuple[str, ...]:
    """Builds the networks of all arms in a training process, and makes sure that they will do.

    Args:
        study: with networks of its own.
        dataset: what they are trained on.
        settings: of the training process.
        is_search: whether candidates of its search are built too.

    Returns:
        Notes on them, one line each; often none.

    Raises:
        StudyError: if the code fails, a network cannot be trained by the engine, or a technique
            changes, or `own` has, what the code never reads.
        WorkerError: if the process itself failed.
    """
    drawn = searched_recipes(study) if is_search else []
    asked = [program_key(recipe) for recipe in (*(arm.recipe for arm in study.arms), *drawn)]
    recipes = [recipe for recipe in dict.fromkeys(asked) if recipe.model is not None]
    report = _inspect(study.model_files, recipes, dataset, settings)
    if report["problem"]:
        raise StudyError(report["problem"])
    reads = {recipe: frozenset(read) for recipe, read in zip(recipes, report["reads"], strict=True)}
    every: frozenset[str] = frozenset().union(*reads.values())
    by_arm = {arm.name: reads.get(program_key(arm.recipe), _ALL) for arm in study.arms}
    problems = unread_keys(study, every) + ignored_fields(study, by_arm)
    if is_search:
        problems += _unread_dimensions(study, every)
    takes_ids = {model for model, (takes, _) in report["uses"].items() if takes}
    problems += _scaled_ids(study, takes_ids) + _scaled_lookups(study, report["uses"])
    if problems:
        raise StudyError(problems)
    scaled = [arm.recipe.model for arm in study.arms if arm.recipe.scaling != "none"]
    return tuple(
        f"inputs are ids that the first layer of {file.function} looks up: they are not scaled"
        for file in study.model_files
        if file.identity in takes_ids and file.identity in scaled
    )


_ALL = frozenset(NETWORK_FIELDS)
"""What building a network of stepladder's own reads."""

_DRAWS = 8


def searched_recipes(study: Study) -> list[Recipe]:
    """Candidates of a search that together have every one of a few choices of each dimension."""
    assert study.search is not None
    space, result = study.search.space, []
    drawn = dimensions(space, study.base)
    for draw in range(_DRAWS):
        params = draw_values(drawn, [(draw + 0.5) / _DRAWS] * len(drawn), study.base)
        with suppress(StudyError):  # what no candidate has is no problem of the networks
            result.append(as_recipe(config_of(params, space, study.base)))
    return result


def unread_keys(study: Study, reads: Collection[str]) -> list[str]:
    """Problems: keys of `own` that no network of the study reads.

    Args:
        study: with networks of its own.
        reads: fields of recipes, and paths of keys of `own`, that building them read.
    """
    keys = own_paths(study.recipe) | {path: None for arm in study.arms
                                      for path in own_paths(arm.recipe)}  # fmt: skip
    drawn = study.search.space if study.search else ()
    unread = [path for path in keys if path not in reads and path not in drawn]
    if not unread:
        return []
    known = sorted(path for path in reads if path.startswith("own."))
    where = _names(study.model_files)
    return [
        f"base.own must have keys that the model uses, found that {where} never reads recipe."
        f"{path} ({did_you_mean(path, known, f'of own it reads {list_names(known)}')}); "
        "read it there, or remove it"
        for path in unread
    ]


def _names(files: Sequence[ModelFile], between: str = " and ") -> str:
    return between.join(file.name for file in files)


def _unread_dimensions(study: Study, reads: Collection[str]) -> list[str]:
    """Problems: fields of a search's space that the networks never read."""
    assert study.search is not None
    where = _names(study.model_files)
    return [
        f"search.space must be of what the model uses, found that {where} never reads "
        f"recipe.{name}: all values of it would give the same network; read it there, or leave it "
        "out of the space"
        for name in study.search.space
        if name not in reads and (name in NETWORK_FIELDS or name not in Recipe.model_fields)
        and name not in (LAYERS, UNITS)
    ]  # fmt: skip


def names_to_check(study: Study) -> dict[Recipe, str]:
    """Recipes with names that only Keras can judge, and where the study has them."""
    recipes: dict[Recipe, str] = {}
    for place, recipe in _recipes_by_place(study) if study.trainer is None else ():
        if fields_that_keras_may_refuse(recipe):
            recipes.setdefault(recipe, place)
    return recipes


def check_names(study: Study, dataset: Dataset, settings: Settings) -> None:
    """Has Keras look at what only Keras can judge: arguments of its names, and some shapes.

    Raises:
        StudyError: if Keras refuses something, in its own words.
        WorkerError: if the process itself failed.
    """
    recipes = names_to_check(study)
    report = _inspect((), list(recipes), dataset, settings)
    problems = say_once(
        (place, problem)
        for place, found in zip(recipes.values(), report["problems"], strict=True)
        for problem in found
    )
    if problems:
        raise StudyError(problems)


def _recipes_by_place(study: Study) -> Iterator[tuple[str, Recipe]]:
    """Recipes of a study and where it has them: its arms, and values that are to be tried."""
    for arm in study.arms:
        yield f"arm {arm.name!r}", arm.recipe
    space = study.search.space if study.search is not None else {}
    for field, parameter in space.items():
        for value in parameter.choices if field in Recipe.model_fields else ():
            with suppress(StudyError):  # in contradiction to the base, which others report
                yield f"search.space.{field}", study.recipe.changed({field: value})


def _scaled_ids(study: Study, takes_ids: Collection[str | None]) -> list[str]:
    """Problems: arms that scale what the network looks up, and the arm they are compared with."""
    scalings = {arm.name: arm.recipe.scaling for arm in study.arms}
    return [
        f"arm {arm.name!r} must not change scaling, found {arm.recipe.scaling!r}: inputs are ids "
        "that the first layer looks up, and these are never scaled; leave it out"
        for arm in study.arms
        if arm.recipe.model in takes_ids
        and arm.compared_with
        and arm.recipe.scaling != scalings[arm.compared_with]
    ]


def _scaled_lookups(study: Study, uses: Mapping[str, tuple[bool, str | None]]) -> list[str]:
    """Problems: networks in which a layer looks up some of the inputs, which are scaled."""
    problems = []
    for file in study.model_files:
        layer = uses.get(file.identity, (False, None))[1]
        arms = [arm for arm in study.arms
                if arm.recipe.model == file.identity and arm.recipe.scaling != "none"]  # fmt: skip
        if layer and arms:
            problems.append(
                f"arm {arms[0].name!r}: scaling must be 'none' where inputs are looked up, found "
                f"{arms[0].recipe.scaling!r} and {layer} of {file.name}: a "
                'scaled id is another id; write scaling = "none" in [base], and scale other '
                "inputs in the network, such as by keras.layers.Rescaling"
            )
    return problems


def _inspect(
    models: Sequence[ModelFile], recipes: list[Recipe], dataset: Dataset, settings: Settings
) -> dict[str, Any]:
    events: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    worker = Worker(dataset, settings, settings.cpus[0], events, models=models, inspects=True)
    try:
        worker.inspect(recipes)
        _, message = events.get()
        if message is None and not models:
            raise WorkerError(
                "building the networks failed: the process ended with "
                f"{worker.exit_message()}; nothing was trained"
            )
        if message is None:
            raise StudyError(
                f"{_names(models, ' or ')} must return a keras.Model, found that it ended its "
                f"process ({worker.exit_message()}); fix it, or check the free memory"
            )
        if message["kind"] == "failed":
            raise WorkerError(
                f"inspecting the model failed with {message['message']}; nothing was trained. The "
                f"training process printed:\n{message['trace']}"
            )
        return message
    finally:
        worker.end()


def ignored_fields(study: Study, reads: Mapping[str, frozenset[str]]) -> list[str]:
    """Problems: techniques that change, and tuned fields that vary, what the model never reads.

    Args:
        study: with a model of its own.
        reads: the fields of the recipe, and paths of keys of `own`, that building an arm's
            network read, by the arm's name.
    """
    by_name, where = {arm.name: arm for arm in study.arms}, _names(study.model_files)
    problems = [
        f"tune.grid must be of fields that the model uses, found that {where} never "
        f"reads recipe.{field}: all its candidates would be the same network; read it there, or "
        "leave it out of the grid"
        for field in study.tuned_fields
        if (field in NETWORK_FIELDS or field not in Recipe.model_fields)
        and not any(field in fields for fields in reads.values())
    ]
    for arm in study.arms:
        below, file = by_name.get(arm.compared_with or ""), study.model_of(arm.recipe)
        if below is None or file is None:
            continue
        used, ours = reads[arm.name] | reads[below.name], _network_values(arm.recipe)
        theirs = _network_values(below.recipe)
        ignored = [path for path, value in ours.items()
                   if path not in used and value != theirs.get(path)]  # fmt: skip
        if ignored:
            named = " and ".join(f"recipe.{path}" for path in ignored)
            problems.append(
                f"technique {arm.technique!r} must change what the model uses, found that "
                f"{file.name} never reads {named}: the effect of that would be "
                "exactly zero; read it there, or leave it out of the technique"
            )
    return problems


def _network_values(recipe: Recipe) -> dict[str, Any]:
    """What a network's function may read of a recipe, by field or path of a key of `own`."""
    fields = {name: getattr(recipe, name) for name in NETWORK_FIELDS if name != "own"}
    return {**fields, **own_paths(recipe)}
