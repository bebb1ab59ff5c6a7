"""The table [search] of a study file, and its checks."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from stepladder.errors import StudyError
from stepladder.study.params import Config, Params
from stepladder.study.recipe import FIELD_ROLES, Recipe, companions, own_paths
from stepladder.study.schema import FrozenModel, toml_key, unknown_names
from stepladder.study.search_space import (
    LAYERS,
    UNITS,
    Dimension,
    Parameter,
    as_choice,
    config_of,
    dimensions,
    draw_values,
)

SEARCH_REPLICATES = 2_000_000
"""Number of the first replicate that candidates are tried on: no study's own reaches it."""

QUASI_RANDOM = "quasi-random"

BATCH = 16


def _by_path(space: object) -> object:
    """A space by the paths of its keys: TOML has `net.depth = {...}` as a table in a table."""
    if not isinstance(space, Mapping):
        return space
    result: dict[Any, Any] = {}
    for key, value in space.items():
        is_table = isinstance(value, Mapping) and value and "type" not in value
        if is_table and all(isinstance(inner, Mapping) for inner in value.values()):
            inside = _by_path(value)
            assert isinstance(inside, Mapping)
            result.update({f"{key}.{inner}": given for inner, given in inside.items()})
        else:
            result[key] = value
    return result


class Search(FrozenModel):
    """A search over a space: candidates are drawn, trained in populations, and thinned out."""

    # fmt: off
    space: Annotated[dict[str, Parameter], BeforeValidator(_by_path)] = toml_key(
        ..., "What is drawn, by field of the recipe; `layers` and `units` make `hidden`. For a "
        "training of your own by any key of [base], such as net.depth.",
        {"learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True}})
    trials: int = toml_key(64, "Candidates that are drawn.", 64, ge=1, le=100_000)
    budget: int | None = toml_key(
        None, "Epochs of training in all, beyond which no more candidates are drawn.", 500, ge=1)
    sampler: str = toml_key(
        QUASI_RANDOM, "quasi-random, random, tpe, gp, cmaes, or the name of a class of "
        "optuna.samplers.", "tpe", min_length=1)
    startup: int | None = toml_key(
        None, "Quasi-random candidates before another sampler begins; when absent, one batch where "
        "the sampler learns from results, else none.", 16, ge=0)
    batch: int | None = toml_key(
        None, "Candidates asked for at once and trained as one population; 16 when absent, all of "
        "them where the sampler learns nothing from results.", 16, ge=1, le=100_000)
    per_structure: int = toml_key(
        1, "Candidates in a row that share all that selects a program (layers, optimizer, batch "
        "size, ...) and differ in its numbers, so that they train as lanes of one program.", 4,
        ge=1, le=64)
    pruning: Literal["none", "halving", "hyperband"] = toml_key(
        "halving", "Whether a population is thinned out while it trains: by successive halving, by "
        "Hyperband's brackets, or not at all.", "halving")
    least_epochs: int = toml_key(1, "Epochs before a candidate may be dropped.", 1, ge=1)
    reduction: int = toml_key(3, "One candidate in so many goes on.", 3, ge=2, le=100)
    finalists: int = toml_key(
        4, "Candidates at most, of those too close to the best, that are tried again.", 4, ge=1,
        le=1000)
    replicates: int = toml_key(3, "Replicates that finalists are tried on.", 3, ge=1, le=1000)
    # fmt: on


@dataclass(frozen=True)
class Population:
    """Candidates that are asked for at once.

    Attributes:
        size: how many.
        rungs: epochs at which it is thinned out, the last one the end of training.
        reduction: one in so many is trained further at the next rung.
    """

    size: int
    rungs: tuple[int, ...]
    reduction: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Candidates at each rung, one at least."""
        return tuple(max(1, self.size // self.reduction**rung) for rung in range(len(self.rungs)))

    def epochs(self, resumes: bool) -> int:
        """Epochs of training in all.

        Args:
            resumes: whether a rung resumes the one before; else each starts from the first epoch.
        """
        starts = (0, *self.rungs[:-1]) if resumes else (0,) * len(self.rungs)
        return sum(
            size * (rung - start)
            for size, rung, start in zip(self.sizes, self.rungs, starts, strict=True)
        )


def rungs(search: Search, epochs: int) -> tuple[int, ...]:
    """The epochs at which candidates are compared, rising, the full training last.

    Example:
        >>> space = {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True}}
        >>> rungs(Search(space=space), epochs=30)
        (1, 3, 10, 30)
    """
    rising = [epochs]
    while search.pruning != "none" and rising[0] // search.reduction >= search.least_epochs:
        rising.insert(0, rising[0] // search.reduction)
    return tuple(rising)


def populations(search: Search, epochs: int, learns: bool, resumes: bool) -> Iterator[Population]:
    """The populations of a search, one after the other, until trials or budget are used up.

    Hyperband goes through its brackets, from many candidates on few epochs to few on all, again
    and again. The last population is cut to what is left; one candidate of a bracket with a
    single rung is trained to its end.

    Args:
        search: the settings of the search.
        epochs: of a full training.
        learns: whether the sampler learns from results.
        resumes: whether a rung resumes the one before it.

    Reference:
        Li et al. 2018, Hyperband: a novel bandit-based approach to hyperparameter optimization,
        JMLR 18, algorithm 1.
    """
    left, budget = search.trials, search.budget
    all_rungs = rungs(search, epochs)
    while left > 0:
        for wanted, own_rungs in _brackets(search, all_rungs, learns):
            size = min(wanted, left)
            if budget is not None:  # the largest population that the epochs pay for
                size = bisect_right(
                    range(1, size + 1), budget,
                    key=lambda n: Population(n, own_rungs, search.reduction).epochs(resumes),
                )  # fmt: skip
            if size < 1:
                return
            population = Population(size, own_rungs, search.reduction)
            yield population
            left -= size
            budget = None if budget is None else budget - population.epochs(resumes)


def _brackets(
    search: Search, all_rungs: tuple[int, ...], learns: bool
) -> Iterator[tuple[int, tuple[int, ...]]]:
    if search.pruning != "hyperband":
        yield search.batch or (BATCH if learns else search.trials), all_rungs
        return
    last = len(all_rungs) - 1
    for bracket in range(last, -1, -1):
        count = math.ceil((last + 1) / (bracket + 1) * search.reduction**bracket)
        yield count, all_rungs[last - bracket :]


_MOST_TRIED = 4096  # corners that are tried for contradictions; of more, so many at random
_ENDS = (0.0, 1.0)  # of a range


def search_problems(search: Search, base: Config) -> list[str]:
    """What is wrong with a search, one line each.

    Args:
        search: the space and the settings of the search.
        base: the configuration that it changes.
    """
    space = search.space
    if not space:
        return [
            "search.space must have at least one field of the recipe, found none; write "
            'learning_rate = { type = "float", low = 0.0001, high = 0.1, log = true }'
        ]
    names = _key_problems(search, base) if isinstance(base, Params) else _name_problems(space, base)
    problems = [*names, *_budget_problems(search, base)]
    if problems:
        return problems
    try:
        drawn = dimensions(space, base)
    except ValueError as error:
        return [f"search.space: {error}"]
    problems = [line for name in space for line in _condition_problems(name, space)]
    if isinstance(base, Recipe) and not problems:
        problems = [line for name in space for line in _value_problems(name, space, base)]
    return problems or _contradictions(drawn, space, base)


def _key_problems(search: Search, base: Params) -> list[str]:
    """What a search of a training of the user's own has wrong, key by key."""
    problems = unknown_names(
        "search.space must be of keys of [base]", search.space, [*base.flat],
        "add it to [base] with the value that the base has",
    )  # fmt: skip
    problems += [
        f"search.space.{name} must not have each, found each = true; it is for the units of "
        "built-in networks alone"
        for name, parameter in search.space.items()
        if parameter.each
    ]
    problems += [
        f"search.space.{name} must have choices that are no tables, found one; draw each field of "
        "a table for itself"
        for name, parameter in search.space.items()
        if any(isinstance(choice, Mapping) for choice in parameter.choices)
    ]
    if search.pruning != "none" and not base.counts_epochs:
        problems.append(
            "search.pruning needs base.epochs, a whole number from 1 that says how long to train, "
            f'found {base.values.get("epochs", "none")} beside pruning = "{search.pruning}"; add '
            'it to [base] and let the training follow it, or write pruning = "none"'
        )
    if search.per_structure != 1:
        problems.append(
            f"search.per_structure belongs to the built-in networks, found {search.per_structure} "
            "beside a trainer; leave it out"
        )
    return problems


def _name_problems(space: Mapping[str, Parameter], base: Recipe) -> list[str]:
    fields = (name for name in Recipe.model_fields if name not in ("model", "own"))
    known = [*fields, *own_paths(base), LAYERS, UNITS]
    problems = unknown_names("search.space must be of fields of the recipe", space, known)
    if "hidden" in space and {LAYERS, UNITS} & set(space):
        problems.append("search.space must have either hidden or layers and units, found both; "
                        "remove one of them")  # fmt: skip
    if base.model is not None and {"hidden", LAYERS, UNITS} & set(space) and not base.hidden:
        problems.append("search.space cannot draw hidden layers of a model of your own that "
                        "declares none; give base.hidden, or leave them out")  # fmt: skip
    for name, parameter in space.items():
        if parameter.each and name != UNITS:
            problems.append(f"search.space.{name} must not have each, found each = true; it is for "
                            "units alone, which then differ from layer to layer")  # fmt: skip
        if name in (LAYERS, UNITS) and parameter.type == "float":
            problems.append(f"search.space.{name} must be an int or a categorical, found a float; "
                            'write type = "int"')  # fmt: skip
    return problems


def _budget_problems(search: Search, base: Config) -> list[str]:
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
    elif next(populations(search, base.epochs, learns=True, resumes=True), None) is None:
        problems.append(
            f"search.budget must pay for one candidate at least, which takes "
            f"{rungs(search, base.epochs)[-1]} epochs, found {search.budget}; raise it, or lower "
            "base.epochs"
        )
    return problems


def _condition_problems(name: str, space: Mapping[str, Parameter]) -> list[str]:
    path, others = f"search.space.{name}.when", [other for other in space if other != name]
    conditions = space[name].when
    problems = unknown_names(
        f"{path} must name another parameter of the space", conditions, others,
        "name one that stands in the space",
    )  # fmt: skip
    for other, allowed in conditions.items():
        if other not in others:
            continue
        if space[other].type == "float" or (other == UNITS and space[other].each):
            problems.append(f"{path} must be on a categorical or an int, found {other}; name "
                            "another one")  # fmt: skip
        elif not allowed or not all(_can_be(value, space[other]) for value in allowed):
            problems.append(
                f"{path} must be values that {other} can have, found {list(allowed)}; with others "
                "it is never true: remove them"
            )
    return problems


def _can_be(value: object, parameter: Parameter) -> bool:
    if parameter.type == "categorical":
        choice = as_choice(value)
        return any(choice == own and type(choice) is type(own) for own in parameter.values)
    low, high = parameter.ends
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _value_problems(name: str, space: Mapping[str, Parameter], base: Recipe) -> list[str]:
    """Values that a field does not take at all: its range's ends, or its choices."""
    parameter = space[name]
    values = parameter.choices or parameter.ends
    if name in (LAYERS, UNITS):
        if all(isinstance(value, int) and value >= 1 for value in values):
            return []
        return [f"search.space.{name} must be whole numbers from 1, found {list(values)}; write 1 "
                "or more"]  # fmt: skip
    if name not in Recipe.model_fields:  # a key of `own`, which is free
        return []
    if parameter.type == "float" and Recipe.model_fields[name].annotation is int:
        return [f"search.space.{name}: {name} is a whole number, found type float; write "
                'type = "int"']  # fmt: skip
    # Contradictions with other fields are checked later, so those have their defaults here.
    defaults = {other: field.default for other, field in Recipe.model_fields.items()}
    plain: dict[str, Any] = {**defaults, "hidden": (1, 1), "model": base.model}
    for value in values:
        try:
            needed = companions({name: as_choice(value)}) if name == "schedule" else {}
            base.changed({**plain, **FIELD_ROLES[name].needs, **needed, name: value})
        except StudyError as error:
            return [f"search.space.{name}: {error.problems[0]}"]
    return []


def _contradictions(
    drawn: Sequence[Dimension], space: Mapping[str, Parameter], base: Config
) -> list[str]:
    """Recipes of the space that contradict themselves, or dimensions that are never drawn."""
    for corner in _corners(drawn):
        params = draw_values(drawn, corner, base)
        try:
            config_of(params, space, base)
        except StudyError as error:
            values = ", ".join(f"{name} = {value}" for name, value in params.items())
            return [
                f"search.space must not contradict itself, found {values}: {error.problems[0]}. "
                "Draw one of them only `when` the other allows it"
            ]
    # Conditions on parameters with too many values to try are not checked.
    deciding = _deciding(drawn)
    grids = [_places(one) if one.name in deciding else _ENDS[:1] for one in drawn]
    if prod(map(len, grids)) > _MOST_TRIED:
        return []
    seen = {name for places in product(*grids) for name in draw_values(drawn, places, base)}
    never = [one.name for one in drawn if one.name not in seen]
    return [f"search.space.{name}.when is never true; change the condition" for name in never]


def _corners(drawn: Sequence[Dimension]) -> Iterator[tuple[float, ...]]:
    """Places of every combination of choices, with all numbers at one end and at the other."""
    deciding = _deciding(drawn)
    for end in _ENDS:
        grids = [
            _places(one) if len(_places(one)) > 2 or one.name in deciding
            or one.parameter.type == "categorical" else (end,)
            for one in drawn
        ]  # fmt: skip
        if prod(map(len, grids)) <= _MOST_TRIED:
            yield from product(*grids)
        else:
            generator = Random(0)
            yield from (tuple(map(generator.choice, grids)) for _ in range(_MOST_TRIED))


_EXAMPLES = 32
"""Points at which each field is looked at: with so many, one that works somewhere is seen to."""


def example_configs(search: Search, base: Config) -> dict[str, list[tuple[Config, Config]]]:
    """Configurations of a space in pairs that differ in one parameter, by its name.

    Args:
        search: the space, of which every configuration is valid.
        base: the configuration that it changes.
    """
    drawn, generator = dimensions(search.space, base), Random(0)
    pairs: dict[str, list[tuple[Config, Config]]] = {one.name: [] for one in drawn}
    for _ in range(_EXAMPLES):
        places = [generator.random() for _ in drawn]
        for position, one in enumerate(drawn):
            low, high = (
                config_of(draw_values(drawn, [*places[:position], end, *places[position + 1 :]],
                                      base), search.space, base)
                for end in _ENDS
            )  # fmt: skip
            if low != high:
                pairs[one.name].append((low, high))
    return pairs


def _deciding(drawn: Sequence[Dimension]) -> set[str]:
    """Names that conditions are on."""
    return {name for one in drawn for name in one.when}


def _places(dimension: Dimension) -> tuple[float, ...]:
    parameter = dimension.parameter
    count = len(parameter.values)
    if parameter.type == "int" and not parameter.log:
        low, high = parameter.ends
        count = int((high - low) / (parameter.step or 1)) + 1
        count = count if count <= 8 else 0
    return tuple((place + 0.5) / count for place in range(count)) or _ENDS
