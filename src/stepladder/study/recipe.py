"""One training's hyperparameters."""

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

from stepladder.study.schema import Value, list_to_tuple

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
    "Recipe",
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


_LATER = (
    "model", "mixup", "vat", "vat_xi", "ema", "swa", *DISTORTIONS, "augment_smoothness",
    "augment_calm", "deskew",
)  # fmt: skip
"""Fields that recipes of earlier releases did not have."""


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
    max_norm: Limit = Field(
        default=None,
        description="Largest norm of the weights that enter one unit.",
        examples=[3.0],
    )
    label_smoothing: Share = Field(
        default=0.0, description="Share of each label spread over all classes.", examples=[0.1]
    )
    global_clipnorm: Limit = Field(
        default=None,
        description="Largest norm of a step's whole gradient.",
        examples=[1.0],
    )
    scaling: Scaling = Field(
        default="unit",
        description="Inputs as they are, in 0…1, or with mean 0 and deviation 1.",
        examples=["unit"],
    )
    train_examples: Count = Field(
        default=None,
        description="Training images used; all that validation leaves when absent.",
        examples=[10_000],
    )

    mixup: float = Field(
        default=0.0,
        ge=0,
        description="How evenly pairs of images are mixed: both parameters of a Beta distribution.",
        examples=[0.2],
    )
    vat: float = Field(
        default=0.0,
        ge=0,
        description="Length of virtual adversarial perturbations, of inputs as they are scaled.",
        examples=[2.0],
    )
    vat_xi: float = Field(
        default=0.1,
        gt=0,
        description="Length of the step by which their direction is found.",
        examples=[0.1],
    )
    ema: Share = Field(
        default=0.0,
        description="Decay of an exponential average of the weights over steps, which is scored.",
        examples=[0.999],
    )
    swa: Share = Field(
        default=0.0,
        description="Share of the epochs, the last ones, whose final weights are averaged and "
        "scored.",
        examples=[0.25],
    )
    augment_rotation: float = Field(
        default=0.0, ge=0, le=180, description="Most degrees of a turn.", examples=[15.0]
    )
    augment_scale: Share = Field(
        default=0.0, description="Most by which a side grows or shrinks, a share.", examples=[0.15]
    )
    augment_shear: Share = Field(
        default=0.0, description="Most of a slant, in pixels a pixel.", examples=[0.2]
    )
    augment_shift: float = Field(
        default=0.0, ge=0, description="Most pixels of a shift along each axis.", examples=[2.0]
    )
    augment_elastic: float = Field(
        default=0.0,
        ge=0,
        description="Root mean square of elastic displacements, in pixels along each axis.",
        examples=[1.2],
    )
    augment_smoothness: float = Field(
        default=5.0,
        gt=0,
        description="Deviation of the Gaussian that smooths elastic displacements, in pixels.",
        examples=[5.0],
    )
    augment_calm: Share = Field(
        default=0.0,
        description="Share of the steps, the last ones, with distortions half as strong.",
        examples=[0.1],
    )
    deskew: bool = Field(
        default=False,
        description="Whether images are set upright before anything else, at every use.",
        examples=[True],
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
    def _without_what_is_off(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Recipes without what came later are written, and hashed, as before it came.
        values: dict[str, Any] = handler(self)
        off = {name: type(self).model_fields[name].default for name in _LATER}
        return {
            name: value
            for name, value in values.items()
            if name not in off or getattr(self, name) != off[name]
        }

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

    @model_validator(mode="after")
    def _has_what_its_details_need(self) -> Recipe:
        if self.ema and self.swa:
            raise ValueError(
                f"ema must be 0 where swa is not, found {self.ema} and {self.swa}; a network has "
                "one average: set one of them to 0"
            )
        distorts = any(getattr(self, field) for field in DISTORTIONS)
        for field, needed, there in (
            ("vat_xi", "vat", self.vat),
            ("augment_smoothness", "augment_elastic", self.augment_elastic),
            ("augment_calm", "augment_elastic or another augmentation", distorts),
        ):
            default, found = type(self).model_fields[field].default, getattr(self, field)
            if found != default and not there:
                raise ValueError(
                    f"{field} must be {default:g} without {needed}, found {found:g}; set {needed}, "
                    f"or leave {field} out"
                )
        return self
