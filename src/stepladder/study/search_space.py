"""Search spaces: parameters and conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stepladder.study.recipe import NONE, Recipe
from stepladder.study.schema import FrozenModel, list_to_tuple

LAYERS, UNITS = "layers", "units"
"""Names that a space may have beside fields of the recipe: together they make `hidden`."""

Choice = bool | int | float | str | None
"""A value as a sampler has it; a list of units is its text, such as "128-64"."""

Params = Mapping[str, Choice]
"""The value of each dimension that is active, by its name."""

_KINDS = {
    "FloatDistribution": "float",
    "IntDistribution": "int",
    "CategoricalDistribution": "categorical",
}


def _short_kind(given: object) -> object:
    return _KINDS.get(given, given) if isinstance(given, str) else given


def _allowed_values(given: object) -> object:
    """One value as a tuple of one, for each key of a condition."""
    if not isinstance(given, Mapping):
        return given
    return {
        name: tuple(each) if isinstance(each, list | tuple) else (each,)
        for name, each in given.items()
    }


class Parameter(FrozenModel):
    """What one field of a recipe is drawn from, with the names of Optuna's distributions.

    Raises:
        StudyError: if the range is empty, or its keys do not belong to the type.
    """

    type: Annotated[Literal["float", "int", "categorical"], BeforeValidator(_short_kind)] = Field(
        description="float, int or categorical, as Optuna's FloatDistribution, IntDistribution and "
        "CategoricalDistribution.",
        examples=["float"],
    )
    low: int | float | None = Field(
        default=None, description="Smallest value of a float or int.", examples=[0.0001]
    )
    high: int | float | None = Field(
        default=None, description="Largest value of a float or int.", examples=[0.1]
    )
    log: bool = Field(default=False, description="Whether to draw on a logarithmic scale.")
    step: int | float | None = Field(
        default=None, description="Distance between values; any value of a float when absent."
    )
    choices: Annotated[tuple[Any, ...], BeforeValidator(list_to_tuple)] = Field(
        default=(), description="Values of a categorical.", examples=[["sgd", "adam"]]
    )
    each: bool = Field(
        default=False, description="For units: whether every layer has a number of its own."
    )
    when: Annotated[dict[str, tuple[Any, ...]], BeforeValidator(_allowed_values)] = Field(
        default_factory=dict,
        description="Values of other parameters under which this one is drawn; otherwise the base "
        "recipe's value is taken.",
        examples=[{"optimizer": "sgd"}],
    )

    @field_validator("choices", mode="after")
    @classmethod
    def _as_written(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(NONE if each is None else each for each in choices)

    @model_validator(mode="after")
    def _makes_sense(self) -> Parameter:
        problem = _wrong_choices(self) if self.type == "categorical" else _wrong_range(self)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def values(self) -> tuple[Choice, ...]:
        """The values of a categorical as a sampler has them."""
        return tuple(as_choice(each) for each in self.choices)


def as_choice(value: Any) -> Choice:  # noqa: ANN401 - whatever the file holds
    """A value as a sampler has it."""
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else cast("Choice", value)


def _wrong_choices(given: Parameter) -> str:
    if given.low is not None or given.high is not None or given.log or given.step is not None:
        return "a categorical takes choices alone, found low, high, log or step; remove them"
    if any(isinstance(each, Mapping) for each in given.values):
        return (
            f"choices must be numbers, words, true or false, or lists of units, found "
            f"{list(given.choices)}; draw each field of a table for itself"
        )
    values = [(type(each), each) for each in given.values]
    if len(values) < 2 or len(set(values)) < len(values):
        return (
            f"choices must be two values or more, all different, found {list(given.choices)}; "
            "put a single value into [base]"
        )
    return ""


def _wrong_range(given: Parameter) -> str:
    low, high, step = given.low, given.high, given.step
    if given.choices:
        return f"choices belong to a categorical, found type {given.type}; write low and high"
    if low is None or high is None:
        return f"must have low and high, found low = {low} and high = {high}; write both"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"low and high must be finite, found {low} and {high}; write numbers"
    if low >= high:
        return f"low must be below high, found {low} and {high}; put a single value into [base]"
    if given.log and low <= 0:
        return f"low must be above 0 on a logarithmic scale, found {low}; raise it, or log = false"
    if given.log and step is not None:
        return f"step and log exclude each other, found step = {step}; remove one of them"
    if step is not None and not 0 < step <= high - low:
        return f"step must be above 0 and at most high - low, found {step}; write a smaller one"
    whole = [each for each in (low, high, step) if each is not None]
    if given.type == "int" and any(each != int(each) for each in whole):
        return f"an int takes whole numbers, found {', '.join(map(str, whole))}; use type float"
    return ""


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
        given = self.parameter
        place = min(max(place, 0.0), math.nextafter(1.0, 0.0))
        if given.type == "categorical":
            return given.values[int(place * len(given.values))]
        assert given.low is not None
        assert given.high is not None
        low, high = float(given.low), float(given.high)
        step = given.step or (1 if given.type == "int" else None)
        if given.log and given.type == "float":
            return float(min(max(low * (high / low) ** place, low), high))
        if given.log:  # each whole number has the share of the scale around it
            scaled = (low - 0.5) * ((high + 0.5) / (low - 0.5)) ** place
            return int(min(max(round(scaled), low), high))
        if step is None:
            return low + (high - low) * place
        # In decimals, as Optuna counts: 3 steps of 0.1 are 0.3, which no sum of floats is.
        first, width = Decimal(str(given.low)), Decimal(str(step))
        steps = int((Decimal(str(given.high)) - first) // width) + 1
        value = first + width * int(place * steps)
        return int(value) if given.type == "int" else float(value)

    def place_of(self, value: float) -> float:
        """Where in 0…1 a number lies on the scale of its range."""
        given = self.parameter
        assert given.low is not None
        assert given.high is not None
        scale = math.log if given.log else float
        low, high = scale(given.low), scale(given.high)
        return (scale(value) - low) / (high - low)


def dimensions(space: Mapping[str, Parameter], base: Recipe) -> tuple[Dimension, ...]:
    """The dimensions of a space, conditions before what depends on them.

    `units` with `each` is one dimension a layer, of which as many are drawn as there are layers:
    those of the base where the space does not draw their number.

    Raises:
        ValueError: if conditions go round in a circle.
    """
    flat = [
        each for name, given in space.items() for each in _layer_by_layer(name, given, space, base)
    ]
    ordered: list[Dimension] = []
    while flat:
        known = {each.name for each in ordered}
        ready = [
            each for each in flat if all(name in known or name not in space for name in each.when)
        ]
        if not ready:
            names = " and ".join(each.name for each in flat)
            raise ValueError(
                f"conditions must not go round in a circle, found {names} waiting for each other; "
                "leave one condition out"
            )
        ordered += ready
        flat = [each for each in flat if each not in ready]
    return tuple(ordered)


def _layer_by_layer(
    name: str, given: Parameter, space: Mapping[str, Parameter], base: Recipe
) -> list[Dimension]:
    when = {other: tuple(map(as_choice, values)) for other, values in given.when.items()}
    if name != UNITS or not given.each:
        return [Dimension(name, given, when)]
    if LAYERS not in space:
        return [
            Dimension(f"{UNITS}_{layer}", given, when) for layer in range(1, len(base.hidden) + 1)
        ]
    counts = layer_counts(space[LAYERS])
    return [
        Dimension(
            f"{UNITS}_{layer}",
            given,
            {**when, LAYERS: tuple(count for count in counts if count >= layer)},
        )
        for layer in range(1, max(counts) + 1)
    ]


def layer_counts(layers: Parameter) -> tuple[int, ...]:
    """The numbers of layers that a space may draw."""
    if layers.type == "categorical":
        return tuple(int(each) for each in layers.choices)
    low, high = int(layers.low or 0), int(layers.high or 0)
    return tuple(range(low, high + 1, int(layers.step or 1)))


def is_active(dimension: Dimension, params: Params, base: Recipe) -> bool:
    """Whether a dimension is drawn beside the values that are drawn already."""
    return all(
        _is_among(params.get(name, getattr(base, name, None)), allowed)
        for name, allowed in dimension.when.items()
    )


def _is_among(value: object, allowed: Sequence[object]) -> bool:
    return any(value == each and isinstance(value, bool) == isinstance(each, bool)
               for each in allowed)  # fmt: skip


def draw_values(
    every: Sequence[Dimension], places: Sequence[float], base: Recipe
) -> dict[str, Choice]:
    """The values at a point of the unit cube, those of inactive dimensions left out.

    Args:
        every: the dimensions of a space.
        places: one in 0…1 a dimension.
        base: the recipe whose values stand where nothing is drawn.
    """
    params: dict[str, Choice] = {}
    for dimension, place in zip(every, places, strict=True):
        if is_active(dimension, params, base):
            params[dimension.name] = dimension.at(place)
    return params


def recipe_of(params: Params, space: Mapping[str, Parameter], base: Recipe) -> Recipe:
    """The recipe that some drawn values make of the base.

    Args:
        params: values of the active dimensions.
        space: that they were drawn from.
        base: the recipe whose other fields stay.

    Raises:
        StudyError: if the values contradict each other, or a field does not take its value.
    """
    change: dict[str, Any] = {}
    for name, value in params.items():
        if name in (LAYERS, UNITS) or name.startswith(f"{UNITS}_"):
            continue
        given = space[name]
        if given.type == "categorical":
            change[name] = given.choices[given.values.index(value)]
        else:
            change[name] = value
    if LAYERS in space or UNITS in space:
        change["hidden"] = _hidden(params, base)
    return base.changed(change)


def _hidden(params: Params, base: Recipe) -> tuple[Any, ...]:
    count = params.get(LAYERS, len(base.hidden))
    assert isinstance(count, int)
    last = len(base.hidden) - 1
    return tuple(
        params.get(f"{UNITS}_{layer + 1}", params.get(UNITS, base.hidden[min(layer, last)]))
        for layer in range(count)
    )
