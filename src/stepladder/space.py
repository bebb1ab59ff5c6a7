"""Search spaces as they are declared: what is drawn, from which range, under which conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stepladder.recipe_parts import NONE
from stepladder.values import Value, list_to_tuple

__all__ = [
    "LAYERS",
    "UNITS",
    "Choice",
    "Parameter",
    "Params",
    "as_choice",
]

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


class Parameter(Value):
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
