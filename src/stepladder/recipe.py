"""A recipe: everything that defines one training, as a frozen and hashable value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stepladder.values import Value, list_to_tuple

__all__ = [
    "NETWORK_FIELDS",
    "Activation",
    "Initializer",
    "Normalization",
    "Optimizer",
    "Recipe",
    "Scaling",
    "Schedule",
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


class Recipe(Value):
    """One training, declared: network, optimizer, regularisers, data preparation.

    Two recipes are equal when every field is; `fingerprint` is the same on every machine.
    Names and defaults are those of Keras wherever Keras has them.

    Raises:
        StudyError: if a field is unknown, of the wrong type or out of range, or if fields
            contradict each other (momentum without an optimizer that has it).

    Example:
        >>> Recipe(hidden=[100, 100], activation="relu", optimizer="adam").hidden
        (100, 100)
    """

    model: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}:\w+$",
        description="What built the network, where that is not stepladder: SHA-256 of its file and "
        "the function's name. Follows from the study's `model`.",
    )
    hidden: Annotated[tuple[Units, ...], BeforeValidator(list_to_tuple)] = Field(
        default=(),
        validate_default=True,
        max_length=64,
        description="Units of each hidden layer, first to last.",
        examples=[[50, 50, 50, 50]],
    )
    activation: Activation = Field(
        default="relu", description="Activation of every hidden layer.", examples=["relu"]
    )
    initializer: Initializer = Field(
        default="glorot_uniform",
        description="Initialiser of every weight matrix; biases start at 0.",
        examples=["he_normal"],
    )
    normalization: Normalization = Field(
        default="none", description="Normalisation of every hidden layer.", examples=["batch"]
    )
    normalization_position: Literal["before", "after"] = Field(
        default="before",
        description="Whether normalisation stands before or after the activation.",
        examples=["before"],
    )
    dropout: Share = Field(
        default=0.0, description="Share of hidden units dropped at each step.", examples=[0.2]
    )
    optimizer: Optimizer = Field(
        default="sgd", description="Optimizer, as Keras names it.", examples=["adam"]
    )
    learning_rate: float = Field(
        default=0.01, gt=0, description="Learning rate, at its peak.", examples=[0.001]
    )
    momentum: Share = Field(default=0.0, description="Momentum of SGD or RMSprop.", examples=[0.9])
    nesterov: bool = Field(
        default=False, description="Nesterov's form of SGD momentum.", examples=[True]
    )
    schedule: Schedule = Field(
        default="constant",
        description="How the learning rate changes over the steps of the training.",
        examples=["cosine"],
    )
    decay_epochs: int = Field(
        default=10, ge=1, description="Epochs between two falls of a step schedule.", examples=[10]
    )
    decay_rate: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Factor of each fall of a step schedule.",
        examples=[0.1],
    )
    warmup: Share = Field(
        default=0.0,
        description="Share of the steps over which a schedule rises to its peak; one_cycle "
        "takes 0.3 where this is 0.",
        examples=[0.1],
    )
    batch_size: int = Field(
        default=32, ge=1, description="Images a step of the optimizer sees.", examples=[256]
    )
    epochs: int = Field(
        default=20, ge=1, description="Passes over the training images.", examples=[20]
    )
    l2: float = Field(
        default=0.0, ge=0, description="L2 penalty on every weight matrix.", examples=[0.0001]
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="Decoupled weight decay, for any optimizer.",
        examples=[0.004],
    )
    max_norm: float | None = Field(
        default=None,
        gt=0,
        description="Largest norm of the weights that enter one unit.",
        examples=[3.0],
    )
    label_smoothing: Share = Field(
        default=0.0, description="Share of each label spread over all classes.", examples=[0.1]
    )
    global_clipnorm: float | None = Field(
        default=None,
        gt=0,
        description="Largest norm of a step's whole gradient.",
        examples=[1.0],
    )
    scaling: Scaling = Field(
        default="unit",
        description="Inputs as they are, in 0…1, or with mean 0 and deviation 1.",
        examples=["unit"],
    )
    train_examples: int | None = Field(
        default=None,
        ge=1,
        description="Training images used; all that validation leaves when absent.",
        examples=[10_000],
    )

    @field_validator("hidden", mode="before")
    @classmethod
    def _needed_without_a_model(cls, hidden: object, info: ValidationInfo) -> object:
        if info.data.get("model") is None and hidden == ():
            raise PydanticCustomError("missing", "Field required")
        if info.data.get("model") is None and hidden == []:
            raise PydanticCustomError("too_short", "Too short", {"min_length": 1})
        return hidden

    @model_serializer(mode="wrap")
    def _without_no_model(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Recipes of stepladder's own networks are written, and hashed, as before there were others.
        values: dict[str, Any] = handler(self)
        if values.get("model") is None:
            values.pop("model", None)
        return values

    @model_validator(mode="after")
    def _agrees(self) -> Recipe:
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            raise ValueError(
                f"momentum must be 0 with the optimizer {self.optimizer}, found {self.momentum}; "
                "use it with sgd or rmsprop, or set it to 0"
            )
        if self.nesterov and not (self.optimizer == "sgd" and self.momentum):
            raise ValueError(
                "nesterov must be false without SGD momentum, found true with "
                f"{self.optimizer} and momentum {self.momentum}; set momentum, such as 0.9"
            )
        return self
