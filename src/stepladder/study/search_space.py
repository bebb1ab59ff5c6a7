"""Search spaces: parameters and conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, field_validator, model_validator

from stepladder.study.keras_names import call_of
from stepladder.study.params import Config, Params, flat_values
from stepladder.study.recipe import NONE, Recipe
from stepladder.study.schema import FrozenModel, ListOf, toml_key
from stepladder.study.values import nested

LAYERS, UNITS = "layers", "units"
"""Names that a space may have besides fields of the recipe: together they make `hidden`."""

Choice = bool | int | float | str | None
"""A value as a sampler has it; a list of units is its text, such as "128-64"."""

Drawn = Mapping[str, Choice]
"""The value of each dimension that is active, by its name."""


def _short_type(name: object) -> object:
    is_long = isinstance(name, str) and name.endswith("Distribution")
    return str(name).removesuffix("Distribution").lower() if is_long else name


_Type = Annotated[Literal["float", "int", "categorical"], BeforeValidator(_short_type)]


def _as_tuple(value: object) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def as_choice(value: Any) -> Choice:  # noqa: ANN401 - whatever the file holds
    """A value as a sampler has it.

    Example:
        >>> as_choice([128, 64]), as_choice({"name": "adam", "amsgrad": True})
        ('128-64', 'adam(amsgrad=True)')
    """
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return call_of(value["name"], {key: value[key] for key in value if key != "name"})
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else cast("Choice", value)


class Parameter(FrozenModel):
    """What one field of a recipe is drawn from, with the names of Optuna's distributions.

    Raises:
        StudyError: if the range is empty, or its keys do not belong to the type.
    """

    # fmt: off
    type: _Type = toml_key(
        ..., "float, int or categorical, as Optuna's FloatDistribution, IntDistribution and "
        "CategoricalDistribution.", "float")
    low: int | float | None = toml_key(None, "Smallest value of a float or int.", 0.0001)
    high: int | float | None = toml_key(None, "Largest value of a float or int.", 0.1)
    log: bool = toml_key(False, "Whether to draw on a logarithmic scale.")
    step: int | float | None = toml_key(
        None, "Distance between values; any value of a float when absent.")
    choices: ListOf[Any] = toml_key((), "Values of a categorical.", ["sgd", "adam"])
    each: bool = toml_key(False, "For units: whether every layer has a number of its own.")
    when: dict[str, Annotated[tuple[Any, ...], BeforeValidator(_as_tuple)]] = toml_key(
        ..., "Values of other parameters under which this one is drawn; otherwise the base "
        "recipe's value is taken.", {"optimizer": "sgd"}, default_factory=dict)
    # fmt: on

    @model_validator(mode="before")
    @classmethod
    def _check_form(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if isinstance(values, list | tuple):
            raise ValueError(
                "must be a table, found a list; write "
                '{ type = "categorical", choices = [...] } with that list as choices'
            )
        if isinstance(values, Mapping) and "type" not in values:
            raise ValueError(
                'must have a type, found none; write type = "categorical" beside choices, '
                '"float" or "int" beside low and high'
            )
        return values

    @field_validator("choices", mode="after")
    @classmethod
    def _write_none(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(NONE if choice is None else choice for choice in choices)

    @model_validator(mode="after")
    def _check(self) -> Parameter:
        is_categorical = self.type == "categorical"
        problem = _choices_problem(self) if is_categorical else _range_problem(self)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def values(self) -> tuple[Choice, ...]:
        """The values of a categorical as a sampler has them."""
        return tuple(map(as_choice, self.choices))

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The smallest and the largest value of a float or int."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high


def _choices_problem(parameter: Parameter) -> str:
    if (parameter.low, parameter.high, parameter.log, parameter.step) != (None, None, False, None):
        return "a categorical takes choices alone, found low, high, log or step; remove them"
    if any(isinstance(choice, Mapping) for choice in parameter.values):
        return (
            f"choices must be numbers, words, true or false, lists of units, or tables with name, "
            f"found {list(parameter.choices)}; draw each field of another table for itself"
        )
    values = [(type(choice), choice) for choice in parameter.values]
    if len(values) < 2 or len(set(values)) < len(values):
        return (
            f"choices must be two values or more, all different, found {list(parameter.choices)}; "
            "put a single value into [base]"
        )
    return ""


def _range_problem(parameter: Parameter) -> str:
    low, high, step, log = parameter.low, parameter.high, parameter.step, parameter.log
    if parameter.choices:
        return f"choices belong to a categorical, found type {parameter.type}; write low and high"
    if low is None or high is None:
        return f"must have low and high, found low = {low} and high = {high}; write both"
    numbers = [low, high] if step is None else [low, high, step]
    is_int_of_fractions = parameter.type == "int" and any(number % 1 for number in numbers)
    problems = {
        f"low and high must be finite, found {low} and {high}; write numbers":
            not (math.isfinite(low) and math.isfinite(high)),
        f"low must be below high, found {low} and {high}; put a single value into [base]":
            low >= high,
        f"low must be above 0 on a logarithmic scale, found {low}; raise it, or log = false":
            log and low <= 0,
        f"step and log exclude each other, found step = {step}; remove one of them":
            log and step is not None,
        f"step must be above 0 and at most high - low, found {step}; write a smaller one":
            step is not None and not 0 < step <= high - low,
        f"an int takes whole numbers, found {', '.join(map(str, numbers))}; use type float":
            is_int_of_fractions,
    }  # fmt: skip
    return next((problem for problem, is_wrong in problems.items() if is_wrong), "")


@dataclass(frozen=True)
class Dimension:
    """One value that a sampler draws.

    Attributes:
        name: of the field, or `units_2` for the second layer's own number of units.
        parameter: what it is drawn from.
        when: values of other dimensions under which it is drawn.
    """

    name: str
    parameter: Parameter
    when: Mapping[str, tuple[Choice, ...]]

    def at(self, place: float) -> Choice:
        """The value at a place in 0…1 of the range, on its own scale; equal shares to choices."""
        parameter, place = self.parameter, min(max(place, 0.0), math.nextafter(1.0, 0.0))
        if parameter.type == "categorical":
            return parameter.values[int(place * len(parameter.values))]
        is_int, (low, high) = parameter.type == "int", map(float, parameter.ends)
        step = parameter.step or (1 if is_int else None)
        if parameter.log and not is_int:
            return float(min(max(low * (high / low) ** place, low), high))
        if parameter.log:  # each whole number has the share of the scale around it
            scaled = (low - 0.5) * ((high + 0.5) / (low - 0.5)) ** place
            return int(min(max(round(scaled), low), high))
        if step is None:
            return low + (high - low) * place
        # In decimals, as Optuna counts: 3 steps of 0.1 are 0.3, which no sum of floats is.
        first, last, width = (Decimal(str(number)) for number in (*parameter.ends, step))
        value = first + width * int(place * (int((last - first) // width) + 1))
        return int(value) if is_int else float(value)

    def place_of(self, value: float) -> float:
        """Where in 0…1 a number lies on the scale of its range."""
        scale = math.log if self.parameter.log else float
        low, high = map(scale, self.parameter.ends)
        return (scale(value) - low) / (high - low)


def dimensions(space: Mapping[str, Parameter], base: Config) -> tuple[Dimension, ...]:
    """The dimensions of a space, conditions before what depends on them.

    `units` with `each` is one dimension a layer, for the layers that the space draws or, where it
    draws no number of them, for those of the base.

    Raises:
        ValueError: if conditions depend on each other in a circle.

    Example:
        >>> rate = Parameter(type="float", low=0.001, high=0.1, log=True)
        >>> [one.name for one in dimensions({"learning_rate": rate}, Recipe(hidden=[9]))]
        ['learning_rate']
    """
    waiting = [one for name in space for one in _dimensions_of(name, space, base)]
    ordered: list[Dimension] = []
    while waiting:
        blocked = set(space) - {one.name for one in ordered}
        ready = [one for one in waiting if blocked.isdisjoint(one.when)]
        if not ready:
            names = " and ".join(one.name for one in waiting)
            raise ValueError(
                f"conditions must not depend on each other in a circle, found {names}; "
                "leave one condition out"
            )
        ordered += ready
        waiting = [one for one in waiting if one not in ready]
    return tuple(ordered)


def _dimensions_of(name: str, space: Mapping[str, Parameter], base: Config) -> list[Dimension]:
    parameter = space[name]
    when = {other: tuple(map(as_choice, values)) for other, values in parameter.when.items()}
    if name != UNITS or not parameter.each or not isinstance(base, Recipe):
        return [Dimension(name, parameter, when)]
    counts = layer_counts(space[LAYERS]) if LAYERS in space else (len(base.hidden),)
    layers = []
    for layer in range(1, max(counts) + 1):
        deep_enough = {LAYERS: tuple(count for count in counts if count >= layer)}
        conditions = {**when, **deep_enough} if LAYERS in space else when
        layers.append(Dimension(f"{UNITS}_{layer}", parameter, conditions))
    return layers


def layer_counts(layers: Parameter) -> tuple[int, ...]:
    """The numbers of layers that a space may draw."""
    if layers.type == "categorical":
        return tuple(map(int, layers.choices))
    low, high = map(int, layers.ends)
    return tuple(range(low, high + 1, int(layers.step or 1)))


def is_active(dimension: Dimension, params: Drawn, base: Config) -> bool:
    """Whether a dimension is drawn, given the values that are drawn already."""
    known = flat_values(base)
    return all(
        # True equals 1 in Python, and is another choice.
        any(value == choice and isinstance(value, bool) == isinstance(choice, bool)
            for choice in allowed)
        for name, allowed in dimension.when.items()
        for value in [params.get(name, known.get(name))]
    )  # fmt: skip


def draw_values(
    drawn: Sequence[Dimension], places: Sequence[float], base: Config
) -> dict[str, Choice]:
    """The values at a point of the unit cube, those of inactive dimensions left out.

    Args:
        drawn: the dimensions of a space.
        places: one in 0…1 a dimension.
        base: the configuration whose values stand where nothing is drawn.
    """
    params: dict[str, Choice] = {}
    for dimension, place in zip(drawn, places, strict=True):
        if is_active(dimension, params, base):
            params[dimension.name] = dimension.at(place)
    return params


def config_of(params: Drawn, space: Mapping[str, Parameter], base: Config) -> Config:
    """The base with some drawn values.

    Args:
        params: values of the active dimensions.
        space: that they were drawn from.
        base: the configuration whose other values stay.

    Raises:
        StudyError: if the values contradict each other, or a field does not take its value.
    """
    change: dict[str, Any] = {}
    for name, value in params.items():
        makes_hidden = name in (LAYERS, UNITS) or name.startswith(f"{UNITS}_")
        if isinstance(base, Params) or not makes_hidden:
            choices, values = space[name].choices, space[name].values
            change[name] = choices[values.index(value)] if choices else value
    if isinstance(base, Params):
        return base.changed(nested(change))
    if LAYERS in space or UNITS in space:
        count = params.get(LAYERS, len(base.hidden))
        assert isinstance(count, int)
        change["hidden"] = tuple(
            params.get(f"{UNITS}_{layer + 1}", params.get(UNITS, base.hidden[min(layer, last)]))
            for last in [len(base.hidden) - 1]
            for layer in range(count)
        )
    return base.changed(nested(change))
