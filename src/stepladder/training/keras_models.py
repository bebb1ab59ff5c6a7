"""The one place where a recipe becomes a network and an optimizer: plain Keras, nothing of ours.

Both engines train what is built here, so that they cannot drift apart. Only training processes
import this module, after they have chosen Keras' backend.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import chain
from typing import Any

import keras

from stepladder.study.keras_names import Kind, arguments_of, name_of, parse_call
from stepladder.study.recipe import CLIPPINGS, NONE, OWN_SCHEDULES, PLATEAU, Recipe, residual_layers
from stepladder.training.heads import Head
from stepladder.training.keras_classes import keras_class, named
from stepladder.training.schedules import keras_schedule


@dataclass(frozen=True)
class Layers:
    """Classes of the layers that networks are built of: Keras' own, or what does the same.

    Attributes:
        first: of the first dense layer.
        dense: of the others.
        batch_normalization: of batch normalisation.
        layer_normalization: of layer normalisation.
        dropout: of dropout.
    """

    first: Any = keras.layers.Dense
    dense: Any = keras.layers.Dense
    batch_normalization: Any = keras.layers.BatchNormalization
    layer_normalization: Any = keras.layers.LayerNormalization
    dropout: Any = keras.layers.Dropout


_KERAS = Layers()


def build(
    recipe: Recipe,
    input_shape: Sequence[int],
    classes: int,
    *,
    layers: Layers = _KERAS,
    initializer: str | None = None,
) -> Any:  # noqa: ANN401 - Keras has no types
    """A multi-layer perceptron of Keras' layers that gives logits.

    Each hidden layer is dense, (normalisation), activation, (normalisation), (noise), (dropout);
    noise and dropout may stand before the activation. A dense layer before batch normalisation
    carries no bias: the normalisation would cancel it.

    Args:
        recipe: what to build.
        input_shape: of one example, such as (28, 28); it is flattened.
        classes: units of the last layer.
        layers: what it is built of.
        initializer: Keras' name of the initialiser of kernels and biases in place of the recipe's.

    Example:
        >>> [layer.name for layer in build(Recipe(hidden=[8]), (4, 4), 3).layers[1:]]
        ['dense_1', 'activation_1', 'logits']

    Returns:
        A built `keras.Model`, a `keras.Sequential` unless the recipe is residual: inputs float32
        (batch, *input_shape), outputs (batch, classes).
    """
    perceptron = _Perceptron(recipe, layers, initializer)
    inputs = keras.Input(shape=tuple(input_shape))
    first = [keras.layers.Flatten(), *_noise(recipe.input_noise, 0, "input_noise")]
    hidden = [perceptron.hidden_layer(number) for number in range(1, len(recipe.hidden) + 1)]
    last = perceptron.dense(layers.dense, classes, "logits", True)
    if recipe.residual:
        return keras.Model(inputs, last(_connected(recipe, _applied(first, inputs), hidden)))
    return keras.Sequential([inputs, *first, *chain.from_iterable(hidden), last])


@dataclass(frozen=True)
class _Perceptron:
    """The layers of a recipe: see `build`."""

    recipe: Recipe
    layers: Layers
    initializer: str | None

    def dense(self, layer: Any, units: int, name: str, use_bias: bool) -> Any:  # noqa: ANN401
        """A dense layer of some class."""
        recipe, max_norm = self.recipe, self.recipe.max_norm
        penalty = keras.regularizers.L2(recipe.l2) if recipe.l2 else None
        limit = keras.constraints.MaxNorm(max_norm, axis=0) if max_norm else None
        return layer(
            units,
            use_bias=use_bias,
            # Made for each layer: an initialiser that is used twice draws the same numbers twice.
            kernel_initializer=named("initializers", self.initializer or recipe.initializer),
            bias_initializer=named("initializers", self.initializer or recipe.bias_initializer),
            kernel_regularizer=penalty or named("regularizers", recipe.kernel_regularizer),
            bias_regularizer=named("regularizers", recipe.bias_regularizer),
            kernel_constraint=limit or named("constraints", recipe.kernel_constraint),
            bias_constraint=named("constraints", recipe.bias_constraint),
            name=name,
        )

    def hidden_layer(self, number: int) -> list[Any]:
        """What one hidden layer is made of, from 1, in its order."""
        recipe, layers = self.recipe, self.layers
        before = recipe.normalization_position == "before"
        is_cancelled = name_of(recipe.normalization) == "batch" and before
        kind, units = layers.first if number == 1 else layers.dense, recipe.hidden[number - 1]
        dense = self.dense(kind, units, f"dense_{number}", not is_cancelled)
        normalization = self._normalization(number)
        activation = _activation(recipe.activation, units, f"activation_{number}")
        if recipe.activity_regularizer != NONE:
            activation.activity_regularizer = named("regularizers", recipe.activity_regularizer)
        random = _noise(recipe.noise, number, f"noise_{number}")
        # The seed is replaced before training by the replicate's own; without one Keras draws
        # it from global state.
        if recipe.dropout:
            random.append(layers.dropout(recipe.dropout, seed=number, name=f"dropout_{number}"))
        is_early = recipe.dropout_position == "before"
        return [
            dense,
            *(normalization if before else []),
            *(random if is_early else []),
            activation,
            *([] if before else normalization),
            *([] if is_early else random),
        ]

    def _normalization(self, number: int) -> list[Any]:
        name, arguments = parse_call(self.recipe.normalization)
        if name == NONE:
            return []
        # These two may be classes of ours, which know no further arguments.
        ours = {"batch": self.layers.batch_normalization, "layer": self.layers.layer_normalization}
        if name in ours and {key for key, _ in arguments} <= {"epsilon", "momentum"}:
            kind = ours[name]
        else:
            kind = keras_class("normalizations", name)
        return [kind(**dict(arguments), name=f"{name}_normalization_{number}")]


_LAYER_OPTIONS: dict[str, Kind] = {
    "initializer": "initializers",
    "bias_initializer": "initializers",
    "kernel_regularizer": "regularizers",
    "bias_regularizer": "regularizers",
    "activity_regularizer": "regularizers",
    "kernel_constraint": "constraints",
    "bias_constraint": "constraints",
}


def for_layers(field: str, value: Any) -> Any:  # noqa: ANN401 - of any field
    """A value of a recipe's field as Keras' layers take it: texts with arguments are objects.

    Example:
        >>> for_layers("activation", "relu"), for_layers("kernel_constraint", "none")
        ('relu', None)
    """
    if field in _LAYER_OPTIONS and (value == NONE or "(" in value):
        return named(_LAYER_OPTIONS[field], value)
    function = getattr(keras.activations, name_of(value), None) if field == "activation" else None
    return partial(function, **arguments_of(value)) if function and "(" in value else value


_ACTIVATION_LAYERS = {
    "relu": keras.layers.ReLU,
    "leaky_relu": keras.layers.LeakyReLU,
    "elu": keras.layers.ELU,
    "prelu": keras.layers.PReLU,
}
"""Keras' layers of activations with arguments; the other functions have none."""


def _activation(text: str, units: int, name: str) -> Any:  # noqa: ANN401 - Keras has no types
    """The layer of an activation on some units."""
    kind, arguments = name_of(text), arguments_of(text)
    if kind != "prelu" and kind != "glu" and not arguments:
        return keras.layers.Activation(kind, name=name)
    if kind in _ACTIVATION_LAYERS:
        return _ACTIVATION_LAYERS[kind](**arguments, name=name)
    # A graph of Keras' operations, which is saved with its arguments as no `Activation` is, and
    # knows that GLU halves the units.
    inputs = keras.Input(shape=(units,))
    return keras.Model(inputs, getattr(keras.activations, kind)(inputs, **arguments), name=name)


def _noise(text: str, seed: int, name: str) -> list[Any]:
    """The layer of a noise, if there is one; its seed is replaced as that of dropout."""
    if text == NONE:
        return []
    return [keras_class("noises", name_of(text))(**arguments_of(text), seed=seed, name=name)]


def _applied(layers: Iterable[Any], x: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors
    return reduce(lambda values, layer: layer(values), layers, x)


def _connected(recipe: Recipe, x: Any, hidden: Sequence[Sequence[Any]]) -> Any:  # noqa: ANN401
    """What residual hidden layers make of some inputs.

    A skipped layer is dropped whole, for all examples of a step, and made up for when it is not,
    so that nothing is scaled outside training.

    Reference:
        He, Zhang, Ren, Sun 2016, arXiv:1512.03385; Huang, Sun, Liu, Sedra, Weinberger 2016,
        arXiv:1603.09382.
    """
    residual = residual_layers(recipe.hidden)
    for place, layers in enumerate(hidden):
        outputs = _applied(layers, x)
        if place in residual:
            depth = (residual.index(place) + 1) / len(residual)
            if recipe.stochastic_depth:
                outputs = keras.layers.Dropout(
                    recipe.stochastic_depth * depth,
                    noise_shape=(1, 1),
                    seed=place,
                    name=f"stochastic_depth_{place + 1}",
                )(outputs)
            outputs = keras.layers.Add(name=f"residual_{place + 1}")([x, outputs])
        x = outputs
    return x


def optimizer(recipe: Recipe) -> Any:  # noqa: ANN401 - Keras has no types
    """The recipe's `keras.optimizers.Optimizer`, at its peak learning rate, not yet built.

    Raises:
        ValueError: by Keras, if it refuses an argument of the optimizer or of the schedule.
    """
    if name_of(recipe.schedule) == PLATEAU:
        keras.callbacks.ReduceLROnPlateau(**arguments_of(recipe.schedule))
    elif recipe.schedule not in OWN_SCHEDULES:
        keras_schedule(recipe, 1)  # refuses what Keras refuses
    name = name_of(recipe.optimizer)
    options: dict[str, Any] = {
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay or None,
        "gradient_accumulation_steps": recipe.gradient_accumulation_steps,
        **{limit: getattr(recipe, limit) for limit in CLIPPINGS},
        **arguments_of(recipe.optimizer),
    }
    if name == "adamw":
        options["weight_decay"] = recipe.weight_decay  # AdamW takes a number, 0 included
    if name == "muon":
        options["adam_weight_decay"] = recipe.weight_decay or None  # of what Adam trains in it
    if name in ("sgd", "rmsprop"):
        options["momentum"] = recipe.momentum
    if name == "sgd":
        options["nesterov"] = recipe.nesterov
    return keras_class("optimizers", name)(**options)


def loss(recipe: Recipe, head: Head) -> Any:  # noqa: ANN401 - Keras has no types
    """What `fit` minimises: cross-entropy of logits against class numbers, or the recipe's loss.

    Where examples are mixed, it is against shares of every class.
    """
    if not head.is_entropy:
        smoothing = recipe.label_smoothing or None

        def of_targets(y: Any, outputs: Any) -> Any:  # noqa: ANN401 - tensors of any backend
            return head.objective(outputs, _targets(y, head), smoothing)

        return of_targets
    if recipe.mixup:
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        )
    if not recipe.label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    smoothed = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.label_smoothing
    )

    def of_class_numbers(y: Any, logits: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        return smoothed(keras.ops.one_hot(_whole(y), logits.shape[-1]), logits)

    return of_class_numbers


def metrics(recipe: Recipe, head: Head, scale: Any = None) -> list[Any]:  # noqa: ANN401
    """What `fit` measures while it trains: the loss that is reported, and accuracy.

    Args:
        recipe: what is trained.
        head: what the network's last layer stands for.
        scale: by which the targets of a regression were multiplied, (targets,).
    """
    ops = keras.ops
    if head.task == "classification" and head.units > 1:
        kind = "" if recipe.mixup else "Sparse"
        entropy = getattr(keras.metrics, f"{kind}CategoricalCrossentropy")
        accuracy = getattr(keras.metrics, f"{kind}CategoricalAccuracy")
        return [entropy(from_logits=True, name="entropy"), accuracy(name="accuracy")]

    def reported(y: Any, outputs: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        y = _targets(y, head)
        if head.task != "classification":
            return head.loss_of_each(outputs, y, ops, scale)
        shares = y if len(y.shape) > 1 else ops.one_hot(y, head.outputs)
        return ops.categorical_crossentropy(
            shares, head.class_logits(outputs, ops), from_logits=True
        )

    def is_right(y: Any, outputs: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        y = _targets(y, head)
        if head.task == "multilabel":
            return head.correct(outputs, y, ops)
        y = y if len(y.shape) == 1 else ops.argmax(y, axis=1)
        return ops.argmax(head.class_logits(outputs, ops), axis=1) == y

    measured = [keras.metrics.MeanMetricWrapper(reported, name="entropy")]
    if head.task != "regression":
        measured.append(keras.metrics.MeanMetricWrapper(is_right, name="accuracy"))
    return measured


def _targets(y: Any, head: Head) -> Any:  # noqa: ANN401 - tensors of any backend
    """Class numbers (batch,), or shares, labels or targets (batch, outputs)."""
    is_numbers = head.task == "classification" and (len(y.shape) == 1 or y.shape[-1] == 1)
    return _whole(y) if is_numbers else y


def _whole(y: Any) -> Any:  # noqa: ANN401 - tensors of any backend
    """Class numbers int32 (batch,), which `fit` hands to a loss as float32 (batch, 1)."""
    return keras.ops.cast(keras.ops.reshape(y, (-1,)), "int32")
