"""The words that fields of a recipe take, and the ranges of its numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

__all__ = [
    "DISTORTIONS",
    "NETWORK_FIELDS",
    "Activation",
    "Initializer",
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
