"""The table [search] of a study file, and its checks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from random import Random
from typing import Any, Literal

from pydantic import Field

from stepladder.errors import StudyError
from stepladder.study.recipe import FIELD_ROLES, Recipe
from stepladder.study.schema import FrozenModel, did_you_mean
from stepladder.study.search_space import (
    LAYERS,
    UNITS,
    Dimension,
    Parameter,
    dimensions,
    draw_values,
    recipe_of,
)

SEARCH_REPLICATES = 2_000_000
"""Number of the first replicate that candidates are tried on: no study's own reaches it."""

QUASI_RANDOM = "quasi-random"

BATCH = 16


class Search(FrozenModel):
    """A search over a space: candidates are drawn, trained in populations, and thinned out."""

    space: dict[str, Parameter] = Field(
        description="What is drawn, by field of the recipe; `layers` and `units` make `hidden`.",
        examples=[{"learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True}}],
    )
    trials: int = Field(
        default=64, ge=1, le=100_000, description="Candidates that are drawn.", examples=[64]
    )
    budget: int | None = Field(
        default=None,
        ge=1,
        description="Epochs of training in all, beyond which no more candidates are drawn.",
        examples=[500],
    )
    sampler: str = Field(
        default=QUASI_RANDOM,
        min_length=1,
        description="quasi-random, random, tpe, gp, cmaes, or the name of a class of "
        "optuna.samplers.",
        examples=["tpe"],
    )
    startup: int | None = Field(
        default=None,
        ge=0,
        description="Quasi-random candidates before another sampler begins; when absent, one batch "
        "where the sampler learns from results, else none.",
        examples=[16],
    )
    batch: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Candidates asked for at once and trained as one population; 16 when absent, "
        "all of them where the sampler learns nothing from results.",
        examples=[16],
    )
    per_structure: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Candidates in a row that share all that selects a program (layers, optimizer, "
        "batch size, ...) and differ in its numbers, so that they train as lanes of one program.",
        examples=[4],
    )
    pruning: Literal["none", "halving", "hyperband"] = Field(
        default="halving",
        description="Whether a population is thinned out while it trains: by successive halving, "
        "by Hyperband's brackets, or not at all.",
        examples=["halving"],
    )
    least_epochs: int = Field(
        default=1, ge=1, description="Epochs before a candidate may be dropped.", examples=[1]
    )
    reduction: int = Field(
        default=3, ge=2, le=100, description="One candidate in so many goes on.", examples=[3]
    )
    finalists: int = Field(
        default=4,
        ge=1,
        le=1000,
        description="Candidates at most, of those too close to the best, that are tried again.",
        examples=[4],
    )
    replicates: int = Field(
        default=3, ge=1, le=1000, description="Replicates that finalists are tried on.",
        examples=[3],
    )  # fmt: skip


@dataclass(frozen=True)
class Population:
    """Candidates that are asked for at once.

    Attributes:
        size: how many.
        rungs: epochs at which it is thinned out, the last one the whole training.
        reduction: one in so many goes on from each rung to the next.
    """

    size: int
    rungs: tuple[int, ...]
    reduction: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Candidates at each rung, one at least."""
        return tuple(max(1, self.size // self.reduction**rung) for rung in range(len(self.rungs)))

    def epochs(self, goes_on: bool) -> int:
        """Epochs of training in all.

        Args:
            goes_on: whether a rung goes on from the one before; else each begins anew.
        """
        before = (0, *self.rungs[:-1]) if goes_on else (0,) * len(self.rungs)
        spans = (rung - start for rung, start in zip(self.rungs, before, strict=True))
        return sum(size * span for size, span in zip(self.sizes, spans, strict=True))


def rungs(search: Search, epochs: int) -> tuple[int, ...]:
    """The epochs at which candidates are compared, rising, the whole training last."""
    found = [epochs]
    while search.pruning != "none" and found[0] // search.reduction >= search.least_epochs:
        found.insert(0, found[0] // search.reduction)
    return tuple(found)


def populations(search: Search, epochs: int, learns: bool, goes_on: bool) -> Iterator[Population]:
    """The populations of a search, one after the other, until trials or budget are used up.

    Hyperband goes through its brackets, from many candidates on few epochs to few on all, again
    and again. The last population is cut to what is left; one candidate of a bracket with a
    single rung is trained to its end.

    Args:
        search: how to go about it.
        epochs: of a whole training.
        learns: whether the sampler learns from results.
        goes_on: whether a rung goes on from the one before it.

    Reference:
        Li et al. 2018, Hyperband: a novel bandit-based approach to hyperparameter optimization,
        JMLR 18, algorithm 1.
    """
    left, budget = search.trials, search.budget
    every = rungs(search, epochs)
    while left > 0:
        for wanted, own in _brackets(search, every, learns):
            size = min(wanted, left)
            if budget is not None:
                size = _affordable(size, own, search.reduction, goes_on, budget)
            if size < 1:
                return
            made = Population(size, own, search.reduction)
            yield made
            left -= size
            budget = None if budget is None else budget - made.epochs(goes_on)


def _brackets(
    search: Search, every: tuple[int, ...], learns: bool
) -> Iterator[tuple[int, tuple[int, ...]]]:
    if search.pruning != "hyperband":
        yield search.batch or (BATCH if learns else search.trials), every
        return
    most = len(every) - 1
    for bracket in range(most, -1, -1):
        count = math.ceil((most + 1) / (bracket + 1) * search.reduction**bracket)
        yield count, every[most - bracket :]


def _affordable(size: int, own: tuple[int, ...], reduction: int, goes_on: bool, left: int) -> int:
    """The largest population of at most some size that a number of epochs pays for."""
    low, high = 0, size
    while low < high:
        middle = (low + high + 1) // 2
        if Population(middle, own, reduction).epochs(goes_on) <= left:
            low = middle
        else:
            high = middle - 1
    return low


MOST_TRIED = 4096
"""Corners of a space that are tried for contradictions; of a larger one, so many at random."""

_CORNERS = (0.0, 1.0)


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
        base.changed({**plain, **FIELD_ROLES[name].needs, name: value})
    except StudyError as error:
        return error.problems[0]
    return ""


def _contradictions(
    every: Sequence[Dimension], space: Mapping[str, Parameter], base: Recipe
) -> list[str]:
    """Recipes of the space that contradict themselves, or dimensions that are never drawn."""
    for places in _corners(every):
        params = draw_values(every, places, base)
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
    seen = {name for places in product(*grids) for name in draw_values(every, places, base)}
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
