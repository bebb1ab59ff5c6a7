"""The words that fields of a recipe take, and the ranges of its numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

__all__ = [
    "DISTORTIONS",
    "NETWORK_FIELDS",
    "NONE",
    "Activation",
    "Count",
    "Initializer",
    "Limit",
    "Normalization",
    "Optimizer",
    "Scaling",
    "Schedule",
    "Share",
    "Units",
]

Activation = Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu"]
Initializer = Literal[
    "random_normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
]
Normalization = Literal["none", "batch", "layer"]
Optimizer = Literal["sgd", "rmsprop", "adam", "adamw", "nadam"]
Schedule = Literal["constant", "step", "cosine", "one_cycle"]
Scaling = Literal["none", "unit", "standardised"]

Units = Annotated[int, Field(ge=1, le=65_536)]
Share = Annotated[float, Field(ge=0, lt=1)]

NONE = "none"
"""What stands for a number that is not there, where TOML has no null: a change may take it away."""


def _absent(given: object) -> object:
    return None if given == NONE else given


Limit = Annotated[
    float | None,
    Field(gt=0),
    BeforeValidator(
        _absent, json_schema_input_type=Annotated[float, Field(gt=0)] | Literal["none"] | None
    ),
]
Count = Annotated[
    int | None,
    Field(ge=1),
    BeforeValidator(
        _absent, json_schema_input_type=Annotated[int, Field(ge=1)] | Literal["none"] | None
    ),
]

NETWORK_FIELDS = (
    "hidden",
    "activation",
    "initializer",
    "normalization",
    "normalization_position",
    "dropout",
    "l2",
    "max_norm",
)
"""Fields that describe the network; all others are applied by stepladder to any network."""

DISTORTIONS = (
    "augment_rotation",
    "augment_scale",
    "augment_shear",
    "augment_shift",
    "augment_elastic",
)
"""Fields of which any one that is not 0 distorts the training images."""
