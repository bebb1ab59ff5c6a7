"""The hyperparameters of one training, and what each field is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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

from stepladder.study.schema import FrozenModel, list_to_tuple

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


@dataclass(frozen=True)
class FieldRole:
    """What a field of the recipe is to those who do not compute with it.

    It stands at the field, and whoever needs all fields of some kind asks `fields_with`: a new
    field is declared in one place.

    Attributes:
        kind: what it is to a program that trains several trials at once, its lanes. `lane`: a
            number or data, in which lanes may differ. `strength`: likewise, but a program for
            trials with it is another than one for those without, where it is 0. `group`: a number
            or data that all lanes have in common. `structure`: it selects the program.
        erased: what stands for a lane's or a group's in the key of programs; its default if None.
        network: whether it describes the network; all others are applied to any network.
        since: the form of recipes that first had it; from the second on it is left out of what is
            written while it has its default, so that older recipes keep their fingerprints.
        needs: values of other fields beside which any value of it is allowed.
        distorts: whether it distorts the training images where it is not 0.
        needs_images: whether examples must be images.
        needs_end: whether what it does depends on when the training ends.
        decides: what of the training's size follows from it.
        confound: what it may do to a comparison that is not about it, where more is known than
            that it may make the difference.
    """

    kind: Literal["lane", "strength", "group", "structure"]
    erased: float | None = None
    network: bool = False
    since: int = 1
    needs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    distorts: bool = False
    needs_images: bool = False
    needs_end: bool = False
    decides: Literal["parameters", "steps"] | None = None
    confound: str | None = None


class Recipe(FrozenModel):
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

    model: Annotated[str | None, FieldRole("structure", since=2)] = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}:\w+$",
        description="What built the network, where that is not stepladder: SHA-256 of its file and "
        "the function's name. Follows from the study's `model`.",
    )
    hidden: Annotated[
        tuple[Units, ...],
        BeforeValidator(list_to_tuple),
        FieldRole(
            "structure",
            network=True,
            decides="parameters",
            confound="a larger network can fit more",
        ),
    ] = Field(
        default=(),
        validate_default=True,
        max_length=64,
        description="Units of each hidden layer, first to last.",
        examples=[[50, 50, 50, 50]],
    )
    activation: Annotated[
        Activation,
        FieldRole("structure", network=True, confound="gradients may vanish or units die"),
    ] = Field(default="relu", description="Activation of every hidden layer.", examples=["relu"])
    initializer: Annotated[
        Initializer,
        FieldRole("lane", network=True, confound="signals may fade or grow from layer to layer"),
    ] = Field(
        default="glorot_uniform",
        description="Initialiser of every weight matrix; biases start at 0.",
        examples=["he_normal"],
    )
    normalization: Annotated[
        Normalization,
        FieldRole(
            "structure",
            network=True,
            decides="parameters",
            confound="normalised layers bear other learning rates",
        ),
    ] = Field(
        default="none", description="Normalisation of every hidden layer.", examples=["batch"]
    )
    normalization_position: Annotated[
        Literal["before", "after"], FieldRole("structure", network=True, decides="parameters")
    ] = Field(
        default="before",
        description="Whether normalisation stands before or after the activation.",
        examples=["before"],
    )
    dropout: Annotated[
        Share,
        FieldRole(
            "structure", network=True, confound="dropout slows training and fights overfitting"
        ),
    ] = Field(
        default=0.0, description="Share of hidden units dropped at each step.", examples=[0.2]
    )
    optimizer: Annotated[
        Optimizer,
        FieldRole("structure", confound="each optimizer has a best learning rate of its own"),
    ] = Field(default="sgd", description="Optimizer, as Keras names it.", examples=["adam"])
    learning_rate: Annotated[
        float,
        FieldRole("lane", erased=1.0, confound="the step size alone can make or break a training"),
    ] = Field(default=0.01, gt=0, description="Learning rate, at its peak.", examples=[0.001])
    momentum: Annotated[Share, FieldRole("structure", needs={"optimizer": "sgd"})] = Field(
        default=0.0, description="Momentum of SGD or RMSprop.", examples=[0.9]
    )
    nesterov: Annotated[
        bool, FieldRole("structure", needs={"optimizer": "sgd", "momentum": 0.9})
    ] = Field(default=False, description="Nesterov's form of SGD momentum.", examples=[True])
    schedule: Annotated[
        Schedule, FieldRole("lane", confound="a learning rate that falls ends nearer an optimum")
    ] = Field(
        default="constant",
        description="How the learning rate changes over the steps of the training.",
        examples=["cosine"],
    )
    decay_epochs: Annotated[int, FieldRole("lane", erased=1)] = Field(
        default=10, ge=1, description="Epochs between two falls of a step schedule.", examples=[10]
    )
    decay_rate: Annotated[float, FieldRole("lane", erased=1.0)] = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Factor of each fall of a step schedule.",
        examples=[0.1],
    )
    warmup: Annotated[Share, FieldRole("lane", needs_end=True)] = Field(
        default=0.0,
        description="Share of the steps over which a schedule rises to its peak; one_cycle "
        "takes 0.3 where this is 0.",
        examples=[0.1],
    )
    batch_size: Annotated[
        int,
        FieldRole(
            "structure",
            decides="steps",
            confound="smaller batches take more steps an epoch, with noisier gradients",
        ),
    ] = Field(default=32, ge=1, description="Images a step of the optimizer sees.", examples=[256])
    epochs: Annotated[
        int,
        FieldRole(
            "group",
            erased=1,
            decides="steps",
            confound="more epochs are more steps, and more time to overfit",
        ),
    ] = Field(default=20, ge=1, description="Passes over the training images.", examples=[20])
    l2: Annotated[float, FieldRole("strength", network=True)] = Field(
        default=0.0, ge=0, description="L2 penalty on every weight matrix.", examples=[0.0001]
    )
    weight_decay: Annotated[float, FieldRole("strength")] = Field(
        default=0.0,
        ge=0,
        description="Decoupled weight decay, for any optimizer.",
        examples=[0.004],
    )
    max_norm: Annotated[Limit, FieldRole("structure", network=True)] = Field(
        default=None,
        description="Largest norm of the weights that enter one unit.",
        examples=[3.0],
    )
    label_smoothing: Annotated[Share, FieldRole("strength")] = Field(
        default=0.0, description="Share of each label spread over all classes.", examples=[0.1]
    )
    global_clipnorm: Annotated[Limit, FieldRole("structure")] = Field(
        default=None,
        description="Largest norm of a step's whole gradient.",
        examples=[1.0],
    )
    scaling: Annotated[
        Scaling,
        FieldRole("group", confound="inputs of another scale change how far each step goes"),
    ] = Field(
        default="unit",
        description="Inputs as they are, in 0…1, or with mean 0 and deviation 1.",
        examples=["unit"],
    )
    train_examples: Annotated[
        Count,
        FieldRole(
            "group", decides="steps", confound="more data raises accuracy whatever the technique"
        ),
    ] = Field(
        default=None,
        description="Training images used; all that validation leaves when absent.",
        examples=[10_000],
    )

    mixup: Annotated[float, FieldRole("structure", since=2)] = Field(
        default=0.0,
        ge=0,
        description="How evenly pairs of images are mixed: both parameters of a Beta distribution.",
        examples=[0.2],
    )
    vat: Annotated[float, FieldRole("strength", since=2)] = Field(
        default=0.0,
        ge=0,
        description="Length of virtual adversarial perturbations, of inputs as they are scaled.",
        examples=[2.0],
    )
    vat_xi: Annotated[float, FieldRole("lane", since=2, needs={"vat": 1.0})] = Field(
        default=0.1,
        gt=0,
        description="Length of the step by which their direction is found.",
        examples=[0.1],
    )
    ema: Annotated[Share, FieldRole("strength", since=2)] = Field(
        default=0.0,
        description="Decay of an exponential average of the weights over steps, which is scored.",
        examples=[0.999],
    )
    swa: Annotated[Share, FieldRole("strength", since=2, needs_end=True)] = Field(
        default=0.0,
        description="Share of the epochs, the last ones, whose final weights are averaged and "
        "scored.",
        examples=[0.25],
    )
    augment_rotation: Annotated[
        float, FieldRole("structure", since=2, distorts=True, needs_images=True)
    ] = Field(default=0.0, ge=0, le=180, description="Most degrees of a turn.", examples=[15.0])
    augment_scale: Annotated[
        Share, FieldRole("structure", since=2, distorts=True, needs_images=True)
    ] = Field(
        default=0.0, description="Most by which a side grows or shrinks, a share.", examples=[0.15]
    )
    augment_shear: Annotated[
        Share, FieldRole("structure", since=2, distorts=True, needs_images=True)
    ] = Field(default=0.0, description="Most of a slant, in pixels a pixel.", examples=[0.2])
    augment_shift: Annotated[
        float, FieldRole("structure", since=2, distorts=True, needs_images=True)
    ] = Field(
        default=0.0, ge=0, description="Most pixels of a shift along each axis.", examples=[2.0]
    )
    augment_elastic: Annotated[
        float, FieldRole("structure", since=2, distorts=True, needs_images=True)
    ] = Field(
        default=0.0,
        ge=0,
        description="Root mean square of elastic displacements, in pixels along each axis.",
        examples=[1.2],
    )
    augment_smoothness: Annotated[
        float, FieldRole("structure", since=2, needs={"augment_elastic": 1.0})
    ] = Field(
        default=5.0,
        gt=0,
        description="Deviation of the Gaussian that smooths elastic displacements, in pixels.",
        examples=[5.0],
    )
    augment_calm: Annotated[
        Share, FieldRole("structure", since=2, needs={"augment_elastic": 1.0}, needs_end=True)
    ] = Field(
        default=0.0,
        description="Share of the steps, the last ones, with distortions half as strong.",
        examples=[0.1],
    )
    deskew: Annotated[bool, FieldRole("structure", since=2, needs_images=True)] = Field(
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
        return {
            name: value
            for name, value in values.items()
            if name not in _WHILE_OFF or getattr(self, name) != _WHILE_OFF[name]
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
        distorts = any(getattr(self, name) for name in DISTORTIONS)
        for name, needed, there in (
            ("vat_xi", "vat", self.vat),
            ("augment_smoothness", "augment_elastic", self.augment_elastic),
            ("augment_calm", "augment_elastic or another augmentation", distorts),
        ):
            default, found = type(self).model_fields[name].default, getattr(self, name)
            if found != default and not there:
                raise ValueError(
                    f"{name} must be {default:g} without {needed}, found {found:g}; set {needed}, "
                    f"or leave {name} out"
                )
        return self


def _role(name: str) -> FieldRole:
    about = Recipe.model_fields[name]
    [role] = (each for each in about.metadata if isinstance(each, FieldRole))
    return role


FIELD_ROLES: Mapping[str, FieldRole] = {name: _role(name) for name in Recipe.model_fields}
"""The role of each field, in the order of the fields."""


def fields_with(is_meant: Callable[[FieldRole], object]) -> tuple[str, ...]:
    """The fields whose role is meant, in the order of the recipe.

    Example:
        >>> fields_with(lambda role: role.kind == "group")
        ('epochs', 'scaling', 'train_examples')
    """
    return tuple(name for name, role in FIELD_ROLES.items() if is_meant(role))


def is_on(name: str, recipe: Recipe) -> bool:
    """Whether a recipe has a strength, or the strengths without which a number does nothing."""
    return all(getattr(recipe, each) for each in (name, *FIELD_ROLES[name].needs))


NETWORK_FIELDS = fields_with(lambda role: role.network)
"""Fields that describe the network; all others are applied by stepladder to any network."""

DISTORTIONS = fields_with(lambda role: role.distorts)
"""Fields of which any one that is not 0 distorts the training images."""

IMAGE_FIELDS = fields_with(lambda role: role.needs_images)
"""Fields that only images can have."""

_WHILE_OFF = {
    name: Recipe.model_fields[name].default for name in fields_with(lambda role: role.since > 1)
}
"""Fields that the first recipes did not have, and their value while they are off."""
