"""The one place where a recipe becomes a network and an optimizer: plain Keras, nothing of ours.

Both engines train what is built here, so that they cannot drift apart. Only training processes
import this module, after they have chosen Keras' backend.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from stepladder.study.keras_names import arguments_of, keras_names, name_of
from stepladder.study.recipe import CLIPPINGS, OWN_SCHEDULES, PLATEAU, Recipe
from stepladder.training.heads import Head
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
    """A multi-layer perceptron as a `keras.Sequential` that gives logits.

    Each hidden layer is dense, (normalisation), activation, (normalisation), (dropout). A dense
    layer before batch normalisation carries no bias: the normalisation would cancel it.

    Args:
        recipe: what to build.
        input_shape: of one example, such as (28, 28); it is flattened.
        classes: units of the last layer.
        layers: what it is built of.
        initializer: Keras' name of every kernel's initialiser in place of the recipe's.

    Example:
        >>> [layer.name for layer in build(Recipe(hidden=[8]), (4, 4), 3).layers[1:]]
        ['dense_1', 'activation_1', 'logits']

    Returns:
        A built `keras.Model`: inputs float32 (batch, *input_shape), outputs (batch, classes).
    """
    before = recipe.normalization_position == "before"
    is_cancelled = recipe.normalization == "batch" and before
    kinds = {"batch": layers.batch_normalization, "layer": layers.layer_normalization}
    kind, max_norm = kinds.get(recipe.normalization), recipe.max_norm

    def dense(layer: Any, units: int, name: str, use_bias: bool) -> Any:  # noqa: ANN401
        return layer(
            units,
            use_bias=use_bias,
            kernel_initializer=initializer or recipe.initializer,
            kernel_regularizer=keras.regularizers.L2(recipe.l2) if recipe.l2 else None,
            kernel_constraint=keras.constraints.MaxNorm(max_norm, axis=0) if max_norm else None,
            name=name,
        )

    stack: list[Any] = [keras.Input(shape=tuple(input_shape)), keras.layers.Flatten()]
    for number, units in enumerate(recipe.hidden, start=1):
        layer = layers.first if number == 1 else layers.dense
        stack.append(dense(layer, units, f"dense_{number}", not is_cancelled))
        activation = keras.layers.Activation(recipe.activation, name=f"activation_{number}")
        name = f"{recipe.normalization}_normalization_{number}"
        normalization = [kind(name=name)] if kind else []
        stack += [*normalization, activation] if before else [activation, *normalization]
        # The seed is replaced before training by the replicate's own; without one Keras draws
        # it from global state.
        if recipe.dropout:
            stack.append(layers.dropout(recipe.dropout, seed=number, name=f"dropout_{number}"))
    stack.append(dense(layers.dense, classes, "logits", True))
    return keras.Sequential(stack)


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
    return getattr(keras.optimizers, keras_names()["optimizers"][name]["class"])(**options)


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
