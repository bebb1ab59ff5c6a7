"""The hyperparameters of one training, and what each field is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stepladder.study.keras_names import KerasName, arguments_of, name_of, names_of
from stepladder.study.schema import ByContent, KeysOf, ListOf, toml_key
from stepladder.study.values import FreeValues, flatten, merge

NONE = "none"
"""What stands for a number or a name that is not there, where TOML has no null."""

_NOT_THERE: Mapping[str, tuple[str, ...]] = {NONE: ()}

Activation = Annotated[str, KerasName("activations")]
Initializer = Annotated[str, KerasName("initializers")]
Regularizer = Annotated[str, KerasName("regularizers", _NOT_THERE)]
Constraint = Annotated[str, KerasName("constraints", _NOT_THERE)]
Normalization = Annotated[str, KerasName("normalizations", _NOT_THERE)]
Noise = Annotated[str, KerasName("noises", _NOT_THERE)]
Optimizer = Annotated[str, KerasName("optimizers")]
OWN_SCHEDULES = ("constant", "step", "cosine", "one_cycle")
"""Schedules that are stepladder's; all others are Keras'."""

ONE_CYCLE_WARMUP = 0.3
"""What `one_cycle` takes where `warmup` is 0."""

Schedule = Annotated[str, KerasName("schedules", dict.fromkeys(OWN_SCHEDULES, ()))]
Scaling = Literal["none", "unit", "standardised"]

Units = Annotated[int, Field(ge=1, le=65_536)]
Share = Annotated[float, Field(ge=0, lt=1)]


def _none_if_absent(value: object) -> object:
    return None if value == NONE else value


_Limit = Annotated[float, Field(gt=0)] | Literal["none"] | None
_Count = Annotated[int, Field(ge=1)] | Literal["none"] | None
_Several = Annotated[int, Field(ge=2)] | Literal["none"] | None
Limit = Annotated[
    float | None, Field(gt=0), BeforeValidator(_none_if_absent, json_schema_input_type=_Limit)
]
Count = Annotated[
    int | None, Field(ge=1), BeforeValidator(_none_if_absent, json_schema_input_type=_Count)
]
Several = Annotated[
    int | None, Field(ge=2), BeforeValidator(_none_if_absent, json_schema_input_type=_Several)
]


Monitored = Literal["val_loss", "val_accuracy"]
ClassWeight = Annotated[
    dict[str, Annotated[float, Field(ge=0)]] | Literal["balanced", "none"] | None,
    BeforeValidator(_none_if_absent),
]

PLATEAU = "reduce_lr_on_plateau"
"""The schedule that lowers the learning rate where a training makes no progress."""

ENTROPIES = (
    "auto", "categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy",
    "categorical_focal_crossentropy", "binary_focal_crossentropy",
)  # fmt: skip
"""Losses that smoothed labels fit."""

Kind = Literal["lane", "strength", "group", "structure"]


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
        needs: values of other fields with which any value of it is allowed.
        only_with: values of another field without which it does nothing.
        distorts: whether it distorts the training images where it is not 0.
        needs_images: whether examples must be images.
        needs_end: whether what it does depends on when the training ends.
        decides: what of the training's size follows from it.
        confound: what it may do to a comparison that is not about it, where more is known than
            that it may make the difference.
    """

    kind: Kind
    erased: float | None = None
    network: bool = False
    since: int = 1
    needs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    only_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    distorts: bool = False
    needs_images: bool = False
    needs_end: bool = False
    decides: Literal["parameters", "steps"] | None = None
    confound: str | None = None


def _field(
    default: object,
    kind: Kind,
    description: str,
    example: object = None,
    **options: Any,  # noqa: ANN401 - checked by those who take them
) -> Any:  # noqa: ANN401 - what pydantic makes a field of
    """A field of the recipe; further options are those of `FieldRole` and pydantic's `Field`."""
    names = {option.name for option in fields(FieldRole)} & set(options)
    role = FieldRole(kind, **{name: options.pop(name) for name in names})
    info = toml_key(default, description, example, **options)
    info.metadata.append(role)  # `fields_with` finds it there
    return info


class Recipe(ByContent):
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

    describes_training: ClassVar[bool] = True

    # A table: one field an entry.
    # fmt: off
    model: str | None = _field(
        None, "structure", "What built the network, where that is not stepladder: SHA-256 of its "
        "file and the function's name. Follows from the study's `model`.",
        pattern=r"^[0-9a-f]{64}:\w+$", since=2)
    own: FreeValues = _field(
        {}, "structure", "What a network of the user's own reads as `recipe.own`: any keys.",
        {"kernel_size": 3, "residual": False}, network=True, since=3)
    hidden: ListOf[Units] = _field(
        (), "structure", "Units of each hidden layer, first to last.", [50, 50, 50, 50],
        network=True, decides="parameters", confound="a larger network can fit more",
        validate_default=True, max_length=64)
    activation: Activation = _field(
        "relu", "structure", "Activation of every hidden layer.", "relu", network=True,
        confound="gradients may vanish or units die")
    initializer: Initializer = _field(
        "glorot_uniform", "lane", "Initialiser of every weight matrix.",
        "he_normal", network=True, confound="signals may fade or grow from layer to layer")
    bias_initializer: Initializer = _field(
        "zeros", "lane", "Initialiser of every bias.", "constant(value=0.1)", network=True,
        since=3)
    normalization: Normalization = _field(
        "none", "structure", "Normalisation of every hidden layer.", "batch", network=True,
        decides="parameters", confound="normalised layers allow larger learning rates")
    normalization_position: Literal["before", "after"] = _field(
        "before", "structure", "Whether normalisation stands before or after the activation.",
        "before", network=True, decides="parameters",
        only_with={"normalization": names_of("normalizations")})
    dropout: Share = _field(
        0.0, "structure", "Share of hidden units dropped at each step.", 0.2, network=True,
        confound="dropout slows training and fights overfitting")
    noise: Noise = _field(
        NONE, "structure", "Noise on every hidden layer while training, where dropout stands, "
        "before it.", "gaussian_noise(stddev=0.1)", network=True, since=3,
        confound="noise slows training and fights overfitting")
    dropout_position: Literal["before", "after"] = _field(
        "after", "structure", "Whether dropout and noise stand before or after the activation.",
        "before", network=True, since=3)
    input_noise: Noise = _field(
        NONE, "structure", "Noise on the scaled inputs while training.",
        "gaussian_noise(stddev=0.1)", network=True, since=3,
        confound="noise slows training and fights overfitting")
    residual: bool = _field(
        False, "structure", "Whether each hidden layer after the first adds its input to its "
        "output, where it has as many units as the layer before.", True, network=True, since=3,
        confound="gradients reach early layers more directly")
    stochastic_depth: Share = _field(
        0.0, "structure", "Share of the steps at which the last residual layer is skipped; those "
        "before it less often, in proportion to their depth.", 0.2, network=True, since=3,
        needs={"residual": True})
    optimizer: Optimizer = _field(
        "sgd", "structure", "Optimizer, as Keras names it, with its arguments if it has any: "
        "`adam(amsgrad=True)`.", "adam",
        confound="each optimizer has a best learning rate of its own")
    learning_rate: float = _field(
        0.01, "lane", "Learning rate, at its peak.", 0.001, gt=0, erased=1.0,
        confound="the step size alone can make or break a training")
    momentum: Share = _field(
        0.0, "structure", "Momentum of SGD or RMSprop.", 0.9, needs={"optimizer": "sgd"})
    nesterov: bool = _field(
        False, "structure", "Nesterov's form of SGD momentum.", True,
        needs={"optimizer": "sgd", "momentum": 0.9})
    schedule: Schedule = _field(
        "constant", "lane", "How the learning rate changes over the steps of the training: "
        "constant, step, cosine, one_cycle, or a schedule of Keras with its arguments, in steps "
        "or epochs: `exponential_decay(decay_epochs=1, decay_rate=0.9)`.", "cosine",
        confound="a learning rate that falls ends nearer to an optimum")
    decay_epochs: int = _field(
        10, "lane", "Epochs between two falls of a step schedule.", 10, ge=1, erased=1,
        only_with={"schedule": ("step",)})
    decay_rate: float = _field(
        0.1, "lane", "Factor of each fall of a step schedule.", 0.1, gt=0, le=1, erased=1.0,
        only_with={"schedule": ("step",)})
    warmup: Share = _field(
        0.0, "lane", "Share of the steps over which a schedule rises to its peak; one_cycle "
        "takes 0.3 where this is 0.", 0.1, needs_end=True)
    batch_size: int = _field(
        32, "structure", "Images a step of the optimizer sees.", 256, ge=1, le=10**9,
        decides="steps",
        confound="smaller batches take more steps an epoch, with noisier gradients")
    epochs: int = _field(
        20, "group", "Passes over the training images.", 20, ge=1, le=10**9, erased=1,
        decides="steps",
        confound="more epochs are more steps, and more time to overfit")
    l2: float = _field(
        0.0, "strength", "L2 penalty on every weight matrix.", 0.0001, ge=0, network=True)
    kernel_regularizer: Regularizer = _field(
        NONE, "structure", "Penalty on every weight matrix; `l2` is the short form of the "
        "commonest.", "l1(l1=0.0001)", network=True, since=3)
    bias_regularizer: Regularizer = _field(
        NONE, "structure", "Penalty on every bias.", "l2(l2=0.0001)", network=True, since=3)
    activity_regularizer: Regularizer = _field(
        NONE, "structure", "Penalty on what every hidden layer's activation gives, summed over "
        "the batch.", "l1(l1=0.00001)", network=True, since=3)
    weight_decay: float = _field(
        0.0, "strength", "Decoupled weight decay, for any optimizer.", 0.004, ge=0)
    max_norm: Limit = _field(
        None, "structure", "Largest norm of the weights that enter one unit.", 3.0, network=True)
    kernel_constraint: Constraint = _field(
        NONE, "structure", "Constraint on every weight matrix after each step; `max_norm` is the "
        "short form of the commonest.", "unit_norm", network=True, since=3)
    bias_constraint: Constraint = _field(
        NONE, "structure", "Constraint on every bias after each step.", "non_neg", network=True,
        since=3)
    label_smoothing: Share = _field(
        0.0, "strength", "Share of each label spread over all classes.", 0.1)
    global_clipnorm: Limit = _field(
        None, "structure", "Largest norm of a step's whole gradient.", 1.0)
    clipnorm: Limit = _field(
        None, "structure", "Largest norm of the gradient of each variable.", 1.0, since=3)
    clipvalue: Limit = _field(
        None, "structure", "Largest absolute value of each number of a gradient.", 0.5, since=3)
    gradient_accumulation_steps: Several = _field(
        None, "structure", "Batches whose mean gradient makes one step of the optimizer; schedules "
        "and averages of weights count batches.", 4, since=3, decides="steps",
        confound="the optimizer takes fewer and smoother steps")
    scaling: Scaling = _field(
        "unit", "group", "Inputs as they are, in 0…1, or with mean 0 and deviation 1.", "unit",
        confound="inputs of another scale change how far each step goes")
    train_examples: Count = _field(
        None, "group", "Training images used; all that validation leaves when absent.", 10_000,
        decides="steps", confound="more data can raise accuracy without any technique")
    mixup: float = _field(
        0.0, "structure", "How evenly pairs of images are mixed: both parameters of a Beta "
        "distribution.", 0.2, ge=0, since=2)
    vat: float = _field(
        0.0, "strength", "Length of virtual adversarial perturbations, of inputs as they are "
        "scaled.", 2.0, ge=0, since=2)
    vat_xi: float = _field(
        0.1, "lane", "Length of the step by which their direction is found.", 0.1, gt=0, since=2,
        needs={"vat": 1.0})
    ema: Share = _field(
        0.0, "strength", "Decay of an exponential average of the weights over steps, which is "
        "scored.", 0.999, since=2)
    swa: Share = _field(
        0.0, "strength", "Share of the epochs, the last ones, whose final weights are averaged "
        "and scored.", 0.25, since=2, needs_end=True)
    augment_rotation: float = _field(
        0.0, "structure", "Most degrees of a turn.", 15.0, ge=0, le=180, since=2, distorts=True,
        needs_images=True)
    augment_scale: Share = _field(
        0.0, "structure", "Most by which a side grows or shrinks, a share.", 0.15, since=2,
        distorts=True, needs_images=True)
    augment_shear: Share = _field(
        0.0, "structure", "Most of a slant, in pixels a pixel.", 0.2, since=2, distorts=True,
        needs_images=True)
    augment_shift: float = _field(
        0.0, "structure", "Most pixels of a shift along each axis.", 2.0, ge=0, since=2,
        distorts=True, needs_images=True)
    augment_elastic: float = _field(
        0.0, "structure", "Root mean square of elastic displacements, in pixels along each axis.",
        1.2, ge=0, since=2, distorts=True, needs_images=True)
    augment_smoothness: float = _field(
        5.0, "structure", "Deviation of the Gaussian that smooths elastic displacements, in "
        "pixels.", 5.0, gt=0, since=2, needs={"augment_elastic": 1.0})
    augment_calm: Share = _field(
        0.0, "structure", "Share of the steps, the last ones, with distortions half as strong.",
        0.1, since=2, needs={"augment_elastic": 1.0}, needs_end=True)
    deskew: bool = _field(
        False, "structure", "Whether images are set upright before anything else, at every use.",
        True, since=2, needs_images=True)
    loss: Annotated[str, KerasName("losses", {"auto": ()})] = _field(
        "auto", "structure", "What is minimised, as Keras names it; auto is cross-entropy, and the "
        "mean squared error of a regression.", "huber", since=3,
        confound="another loss weighs errors differently")
    class_weight: ClassWeight = _field(
        None, "structure", "How much an example of each class counts in the loss: balanced, or a "
        "table of class and weight.", "balanced", since=3,
        confound="rare classes count for more")
    target_scaling: Literal["none", "standardised"] = _field(
        "standardised", "group", "Targets of a regression as they are, or with mean 0 and "
        "deviation 1 while training.", "none", since=3,
        confound="scaled targets need another learning rate")
    patience: Count = _field(
        None, "lane", "Epochs without a better value of monitor after which training stops.", 10,
        since=3, decides="steps",
        confound="a training that stops early takes fewer steps")
    min_delta: float = _field(
        0.0, "lane", "By how much a value of monitor must be better to count.", 0.001, ge=0,
        since=3)
    start_from_epoch: int = _field(
        0, "lane", "Epochs before monitor is watched.", 5, ge=0, since=3)
    monitor: Monitored = _field(
        "val_loss", "lane", "What patience and score_at watch, as Keras' history names it.",
        "val_accuracy", since=3)
    score_at: Literal["last", "best"] = _field(
        "last", "lane", "Whether the last weights are scored, or those of the epoch that was best "
        "by monitor.", "best", since=3, confound="the best epoch is chosen by validation figures")
    # fmt: on

    @field_validator("hidden", mode="before")
    @classmethod
    def _require_without_a_model(cls, hidden: object, info: ValidationInfo) -> object:
        if info.data.get("model") is None and hidden in ((), []):
            if hidden == ():  # the default: nothing was given
                raise PydanticCustomError("missing", "Field required")
            raise PydanticCustomError("too_short", "Too short", {"min_length": 1})
        return hidden

    @model_serializer(mode="wrap")
    def _drop_unused_newer_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A recipe that does not use a newer field is written, and hashed, as before that field.
        values: dict[str, Any] = handler(self)
        return {
            name: value
            for name, value in values.items()
            if name not in _OFF or getattr(self, name) != _OFF[name]
        }

    @property
    def counts_epochs(self) -> bool:
        """True: a built-in network is trained for epochs."""
        return True

    def changed(self, change: Mapping[str, Any]) -> Recipe:
        """This recipe with some fields replaced; of `own` only the keys that are given.

        Args:
            change: field names and their new values.

        Raises:
            StudyError: if a field or a key of `own` is unknown, or the result is not valid.

        Example:
            >>> recipe = Recipe(model=f"{'0' * 64}:build", own={"kernel_size": 3, "depth": 2})
            >>> recipe.changed({"own": {"kernel_size": 5}}).own
            {'kernel_size': 5, 'depth': 2}
        """
        own = change.get("own")
        if isinstance(own, Mapping):
            change = {**change, "own": merge(self.own, own, "own.", "base")}
        return super().changed(change)

    @model_validator(mode="after")
    def _check_loss_and_monitor(self) -> Recipe:
        if self.warmup and name_of(self.schedule) == PLATEAU:
            raise ValueError(
                f"warmup must be 0 with the schedule {PLATEAU}, found {self.warmup}; leave it out"
            )
        if self.label_smoothing and name_of(self.loss) not in ENTROPIES:
            raise ValueError(
                f"label_smoothing must be 0 with the loss {name_of(self.loss)}, found "
                f"{self.label_smoothing}; it is for cross-entropies alone"
            )
        if self.patience is None and self.score_at == "last":
            for name in ("min_delta", "start_from_epoch", "monitor"):
                default, value = type(self).model_fields[name].default, getattr(self, name)
                if value != default:
                    raise ValueError(
                        f"{name} must be {default} without patience, found {value}; set patience, "
                        'such as 10, or score_at = "best", or leave it out'
                    )
        return self

    @model_validator(mode="after")
    def _check_combinations(self) -> Recipe:
        problem = _optimizer_problem(self) or _schedule_problem(self)
        if problem:
            raise ValueError(problem)
        if self.own and self.model is None:
            raise ValueError(
                f"own must be empty without a model, found {', '.join(self.own)}; write model = "
                '"FILE.py:FUNCTION" at the top of the study, whose function reads recipe.own'
            )
        if self.ema and self.swa:
            raise ValueError(
                f"ema must be 0 where swa is not, found {self.ema} and {self.swa}; a network has "
                "one average: set one of them to 0"
            )
        self._check_layers()
        distorts = any(getattr(self, name) for name in DISTORTIONS)
        for name, needed, is_set in (
            ("vat_xi", "vat", self.vat),
            ("stochastic_depth", "residual", self.residual),
            ("augment_smoothness", "augment_elastic", self.augment_elastic),
            ("augment_calm", "augment_elastic or another augmentation", distorts),
        ):
            default, value = type(self).model_fields[name].default, getattr(self, name)
            if value != default and not is_set:
                raise ValueError(
                    f"{name} must be {default:g} without {needed}, found {value:g}; set {needed}, "
                    f"or leave {name} out"
                )
        return self

    def _check_layers(self) -> None:
        """Refuses two values for one thing, and connections that join nothing."""
        for short, full in (("l2", "kernel_regularizer"), ("max_norm", "kernel_constraint")):
            value = getattr(self, full)
            if getattr(self, short) and value != NONE:
                raise ValueError(
                    f"{full} must be none where {short} is set, found {value} and "
                    f"{getattr(self, short):g}; a weight matrix has one of them: leave one out"
                )
        if self.residual and self.model is None and not residual_layers(self.hidden):
            raise ValueError(
                "residual must be false where no hidden layer has as many units as the one before "
                f"it, found hidden = {list(self.hidden)}; give two layers in a row as many units, "
                "or leave residual out"
            )


def residual_layers(hidden: tuple[int, ...]) -> tuple[int, ...]:
    """The hidden layers, from 0, that add their input to their output where a recipe is residual.

    Example:
        >>> residual_layers((50, 50, 30, 30))
        (1, 3)
    """
    pairs = enumerate(pairwise(hidden), start=1)
    return tuple(place for place, (before, units) in pairs if before == units)


def _optimizer_problem(recipe: Recipe) -> str:
    """What contradicts the optimizer, or nothing."""
    name = name_of(recipe.optimizer)
    if recipe.momentum and name not in ("sgd", "rmsprop"):
        return (
            f"momentum must be 0 with the optimizer {name}, found {recipe.momentum}; "
            "use it with sgd or rmsprop, or set it to 0"
        )
    if recipe.nesterov and not (name == "sgd" and recipe.momentum):
        return (
            "nesterov must be false without SGD momentum, found true with "
            f"{name} and momentum {recipe.momentum}; set momentum, such as 0.9"
        )
    clips = [field for field in CLIPPINGS if getattr(recipe, field) is not None]
    if len(clips) > 1:
        return (
            f"a gradient must be clipped in one way at most, found {' and '.join(clips)}; set all "
            f'but one of them to "{NONE}"'
        )
    return ""


CLIPPINGS = ("global_clipnorm", "clipnorm", "clipvalue")
"""Fields that limit gradients, of which Keras allows one."""


def _schedule_problem(recipe: Recipe) -> str:
    """What contradicts a schedule whose rates are absolute, or nothing."""
    if name_of(recipe.schedule) != "piecewise_constant_decay":
        return ""
    given = arguments_of(recipe.schedule)
    values = given.pop("values")
    (boundaries,) = given.values()
    if not (
        _are_numbers(values)
        and _are_numbers(boundaries)
        and len(values) > 1
        and boundaries == sorted(set(boundaries))
        and len(boundaries) == len(values) - 1
    ):
        return (
            "schedule must have rising boundaries, and one value more than boundaries, found "
            f"{recipe.schedule}; write lists such as boundaries_epochs = [10, 15] and "
            "values = [0.1, 0.01, 0.001]"
        )  # fmt: skip
    if recipe.learning_rate != values[0]:
        return (
            f"learning_rate must be {values[0]}, the first of the schedule's values, which are "
            f"learning rates themselves, found {recipe.learning_rate:g}; write learning_rate = "
            f"{values[0]}, or other values"
        )
    return ""


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(type(value) in (int, float) for value in values)


FIELD_ROLES: Mapping[str, FieldRole] = {
    name: role
    for name, info in Recipe.model_fields.items()
    for role in info.metadata
    if isinstance(role, FieldRole)
}
"""The role of each field, in the order of the fields."""


def fields_with(condition: Callable[[FieldRole], object]) -> tuple[str, ...]:
    """The fields for whose role a condition is true, in the order of the recipe.

    Example:
        >>> fields_with(lambda role: role.kind == "group")
        ('epochs', 'scaling', 'train_examples', 'target_scaling')
    """
    return tuple(name for name, role in FIELD_ROLES.items() if condition(role))


_REFUSED_BY_SHAPE = {
    "activation": ("glu",),
    "normalization": ("group",),
    "bias_initializer": ("identity", "orthogonal"),
    "bias_regularizer": ("orthogonal_regularizer",),
    "activity_regularizer": ("orthogonal_regularizer",),
}
"""Names that Keras refuses for some shapes even without arguments."""


def fields_that_keras_may_refuse(recipe: Recipe) -> tuple[str, ...]:
    """The fields of which only Keras can say whether it accepts their values.

    Example:
        >>> fields_that_keras_may_refuse(Recipe(hidden=[8], activation="elu(alpha=0.5)"))
        ('activation',)
    """
    return tuple(
        name
        for name, value in recipe
        if isinstance(value, str) and ("(" in value or value in _REFUSED_BY_SHAPE.get(name, ()))
    )


def is_on(name: str, recipe: Recipe) -> bool:
    """Whether a recipe has a strength, or the strengths without which a number does nothing."""
    return all(getattr(recipe, needed) for needed in (name, *FIELD_ROLES[name].needs))


NETWORK_FIELDS = fields_with(lambda role: role.network)
"""Fields that describe the network; all others are applied by stepladder to any network."""

DISTORTIONS = fields_with(lambda role: role.distorts)
"""Fields of which any one that is not 0 distorts the training images."""

IMAGE_FIELDS = fields_with(lambda role: role.needs_images)
"""Fields that only images can have."""

_OFF = {
    name: Recipe.model_fields[name].default for name in fields_with(lambda role: role.since > 1)
}
"""Fields that the first recipes did not have, and their value while they are off."""


def as_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a recipe's fields as TOML has it: lists for tuples, and `none` for None.

    Names of Keras with arguments become one text.
    """
    values = {name: NONE if value is None else _as_text(name, value)
              for name, value in change.items()}  # fmt: skip
    return {name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()}  # fmt: skip


def _as_text(name: str, value: object) -> object:
    """A table that names something of Keras as its text; whatever is wrong is told later."""
    info = Recipe.model_fields.get(name)
    names = [one for one in info.metadata if isinstance(one, KerasName)] if info else []
    if not names or not isinstance(value, Mapping):
        return value
    try:
        return names[0].checked(value)
    except ValueError:
        return value


def companions(change: Mapping[str, Any]) -> dict[str, Any]:
    """Values of other fields with which a change is allowed, where it is checked alone.

    Example:
        >>> companions({"optimizer": "adam(amsgrad=True)"}), companions({"nesterov": True})
        ({}, {'momentum': 0.5})
    """
    values: dict[str, Any] = {}
    if name_of(str(change.get("optimizer", "sgd"))) in ("sgd", "rmsprop"):
        values["momentum"] = 0.5
    if {"min_delta", "start_from_epoch", "monitor"} & set(change):
        values["patience"] = 1
    schedule = str(change.get("schedule", ""))
    if name_of(schedule) == "piecewise_constant_decay":
        rates = arguments_of(schedule).get("values")
        if _are_numbers(rates) and rates:
            values["learning_rate"] = rates[0]
    return values


Change = Annotated[dict[str, Any], AfterValidator(as_change), KeysOf(Recipe)]
"""Fields of a recipe and their new values."""


def own_paths(base: Recipe) -> dict[str, Any]:
    """The values of a recipe's `own` by their path, such as `own.kernel_size`.

    Example:
        >>> own_paths(Recipe(model=f"{'0' * 64}:build", own={"block": {"depth": 2}}))
        {'own.block.depth': 2}
    """
    return dict(flatten(base.own, "own."))
