"""What a search must agree on with the base recipe: one line for each problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from random import Random
from typing import Any

from stepladder.dimensions import Dimension, dimensions, drawn, recipe_of
from stepladder.errors import StudyError
from stepladder.recipe import Recipe
from stepladder.searching import Search, populations, rungs
from stepladder.space import LAYERS, UNITS, Parameter
from stepladder.values import did_you_mean

__all__ = ["search_problems"]

MOST_TRIED = 4096
"""Corners of a space that are tried for contradictions; of a larger one, so many at random."""

_CORNERS = (0.0, 1.0)

_COMPANIONS: Mapping[str, Mapping[str, Any]] = {
    "momentum": {"optimizer": "sgd"},
    "nesterov": {"optimizer": "sgd", "momentum": 0.9},
    "vat_xi": {"vat": 1.0},
    "augment_smoothness": {"augment_elastic": 1.0},
    "augment_calm": {"augment_elastic": 1.0},
}
"""Fields that others need beside them, to see which values these take at all."""


def search_problems(search: Search, base: Recipe) -> list[str]:
    """What is wrong with a search, one line each.

    Args:
        search: the space and how to go about it.
        base: the recipe that it changes.
    """
    space = search.space
    if not space:
        return [
            "search.space must have at least one field of the recipe, found none; write "
            'learning_rate = { type = "float", low = 0.0001, high = 0.1, log = true }'
        ]
    problems = [*_names(space, base), *_effort(search, base)]
    if problems:
        return problems
    try:
        every = dimensions(space, base)
    except ValueError as error:
        return [f"search.space: {error}"]
    problems = [line for name, given in space.items() for line in _conditions(name, given, space)]
    return problems or _values(space, base) or _contradictions(every, space, base)


def _names(space: Mapping[str, Parameter], base: Recipe) -> list[str]:
    known = [*(name for name in Recipe.model_fields if name != "model"), LAYERS, UNITS]
    problems = []
    for name in space:
        if name not in known:
            advice = did_you_mean(name, known, f"those are {', '.join(known)}")
            problems.append(
                f"search.space must be of fields of the recipe, found {name!r}; {advice}"
            )
    if "hidden" in space and {LAYERS, UNITS} & set(space):
        problems.append("search.space must have either hidden or layers and units, found both; "
                        "remove one of them")  # fmt: skip
    if base.model is not None and {"hidden", LAYERS, UNITS} & set(space) and not base.hidden:
        problems.append("search.space cannot draw hidden layers of a model of your own that "
                        "declares none; give base.hidden, or leave them out")  # fmt: skip
    problems += [
        f"search.space.{name} must not have each, found each = true; it is for units alone, which "
        "then differ from layer to layer"
        for name, given in space.items() if given.each and name != UNITS
    ]  # fmt: skip
    for name in (LAYERS, UNITS):
        if name in space and space[name].type == "float":
            problems.append(f"search.space.{name} must be an int or a categorical, found a float; "
                            'write type = "int"')  # fmt: skip
    return problems


def _effort(search: Search, base: Recipe) -> list[str]:
    problems = []
    if "epochs" in search.space and (search.pruning != "none" or search.budget is not None):
        problems.append(
            "search.space cannot draw epochs where they are what pruning and budget count, found "
            f'pruning = "{search.pruning}"; write pruning = "none" and no budget, or leave '
            "epochs to [base]"
        )
    if search.least_epochs > base.epochs:
        problems.append(
            f"search.least_epochs must be at most the {base.epochs} epochs of the base, found "
            f"{search.least_epochs}; lower it, or train for longer"
        )
    elif next(populations(search, base.epochs, learns=True, goes_on=True), None) is None:
        problems.append(
            f"search.budget must pay for one candidate at least, which takes "
            f"{rungs(search, base.epochs)[-1]} epochs, found {search.budget}; raise it, or lower "
            "base.epochs"
        )
    return problems


def _conditions(name: str, given: Parameter, space: Mapping[str, Parameter]) -> list[str]:
    problems = []
    for other, allowed in given.when.items():
        about = space.get(other)
        path = f"search.space.{name}.when"
        if about is None or other == name:
            advice = did_you_mean(
                other, [each for each in space if each != name], "name one that stands in the space"
            )
            problems.append(f"{path} must name another parameter of the space, found {other!r}; "
                            f"{advice}")  # fmt: skip
            continue
        if about.type == "float" or (other == UNITS and about.each):
            problems.append(f"{path} must be on a categorical or an int, found {other}; name "
                            "another one")  # fmt: skip
            continue
        wrong = [each for each in allowed if not _can_be(each, about)]
        if wrong or not allowed:
            problems.append(
                f"{path} must be values that {other} can have, found {list(allowed)}; it could "
                "never hold, or not in full"
            )
    return problems


def _can_be(value: Any, about: Parameter) -> bool:  # noqa: ANN401 - whatever the file holds
    if about.type == "categorical":
        text = "-".join(map(str, value)) if isinstance(value, list | tuple) else value
        return any(text == each and type(text) is type(each) for each in about.values)
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    assert about.low is not None
    assert about.high is not None
    return about.low <= value <= about.high


def _values(space: Mapping[str, Parameter], base: Recipe) -> list[str]:
    """Values that a field does not take at all: its range's ends, or its choices."""
    problems = []
    for name, given in space.items():
        if name in (LAYERS, UNITS):
            ends = given.choices or (given.low, given.high)
            if any(not isinstance(each, int) or each < 1 for each in ends):
                problems.append(f"search.space.{name} must be whole numbers from 1, found "
                                f"{list(ends)}; write 1 or more")  # fmt: skip
            continue
        for value in given.choices or (given.low, given.high):
            line = _refusal(name, value, given, base)
            if line:
                problems.append(f"search.space.{name}: {line}")
                break
    return problems


def _refusal(name: str, value: object, given: Parameter, base: Recipe) -> str:
    """Why a field does not take a value, or nothing; contradictions with others are not its."""
    if given.type == "float" and Recipe.model_fields[name].annotation is int:
        return f'{name} is a whole number, found type float; write type = "int"'
    defaults = {other: field.default for other, field in Recipe.model_fields.items()}
    plain: dict[str, Any] = {**defaults, "hidden": base.hidden or (1,), "model": base.model}
    try:
        base.changed({**plain, **_COMPANIONS.get(name, {}), name: value})
    except StudyError as error:
        return error.problems[0]
    return ""


def _contradictions(
    every: Sequence[Dimension], space: Mapping[str, Parameter], base: Recipe
) -> list[str]:
    """Recipes of the space that contradict themselves, or dimensions that are never drawn."""
    for places in _corners(every):
        params = drawn(every, places, base)
        try:
            recipe_of(params, space, base)
        except StudyError as error:
            shown = ", ".join(f"{name} = {value}" for name, value in params.items())
            return [
                f"search.space must not contradict itself, found {shown}: {error.problems[0]}. "
                "Draw one of them only `when` the other allows it"
            ]
    return [
        f"search.space.{name}.when never holds; change the condition"
        for name in _never_drawn(every, base)
    ]


def _corners(every: Sequence[Dimension]) -> Iterator[tuple[float, ...]]:
    """Places of every combination of choices, with all numbers at one end and at the other."""
    kinds, deciding = [_places(each) for each in every], _deciding(every)
    free = [len(places) > 2 or each.name in deciding or each.parameter.type == "categorical"
            for each, places in zip(every, kinds, strict=True)]  # fmt: skip
    for end in _CORNERS:
        grids = [places if own else (end,) for places, own in zip(kinds, free, strict=True)]
        if prod(map(len, grids)) <= MOST_TRIED:
            yield from product(*grids)
        else:
            chance = Random(0)
            yield from (tuple(map(chance.choice, grids)) for _ in range(MOST_TRIED))


def _never_drawn(every: Sequence[Dimension], base: Recipe) -> list[str]:
    """Dimensions whose conditions never hold; none where what decides them has too many values."""
    deciding = _deciding(every)
    grids = [_places(each) if each.name in deciding else _CORNERS[:1] for each in every]
    if prod(map(len, grids)) > MOST_TRIED:
        return []
    seen = {name for places in product(*grids) for name in drawn(every, places, base)}
    return [each.name for each in every if each.name not in seen]


def _deciding(every: Sequence[Dimension]) -> set[str]:
    """Names that conditions are on."""
    return {name for each in every for name in each.when}


def _places(each: Dimension) -> tuple[float, ...]:
    given = each.parameter
    if given.type == "categorical":
        count = len(given.values)
        return tuple((place + 0.5) / count for place in range(count))
    if given.type == "int" and given.low is not None and given.high is not None:
        steps = int((given.high - given.low) / (given.step or 1)) + 1
        if steps <= 8 and not given.log:
            return tuple((place + 0.5) / steps for place in range(steps))
    return _CORNERS
