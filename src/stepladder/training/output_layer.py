"""How a network of the user's own ends: in logits, or in what makes probabilities of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import keras
import numpy as np

OutputKind = Literal["logits", "softmax", "sigmoid"]

_WITH_ACTIVATION = (keras.layers.Activation, keras.layers.Dense, keras.layers.EinsumDense)


@dataclass(frozen=True)
class _End:
    """What computes a model's outputs: a layer or an operation, and the tensor that it is given."""

    operation: Any
    given: Any = None
    is_used_again: bool = False


def output_kind(model: Any) -> OutputKind:  # noqa: ANN401 - Keras has no types
    """What a model answers, as far as its last layer says it.

    Args:
        model: a built `keras.Model`.

    Returns:
        `softmax` or `sigmoid` where that is the last thing it computes; `logits` for all else.

    Example:
        >>> layers = [keras.Input((2,)), keras.layers.Dense(3, activation="softmax")]
        >>> output_kind(keras.Sequential(layers))
        'softmax'
    """
    end = _end_of(model)
    return "logits" if end is None else _kind(end.operation)


def with_logits(
    model: Any,  # noqa: ANN401 - Keras has no types
    input_shape: tuple[int, ...],
    cuts: OutputKind = "softmax",
) -> tuple[Any, OutputKind]:
    """A model that gives logits where its last step is a softmax; any other model as it is.

    Training goes on from logits, as Keras advises: their softmax is what the model gave, and no
    probability is rounded to 0 on the way to its logarithm.

    Args:
        model: a built `keras.Model`.
        input_shape: of one example.
        cuts: what is taken off: a sigmoid where each unit is a yes or no; `logits` for nothing.

    Returns:
        The model, and what it answered before.
    """
    if cuts == "logits":
        return model, cuts
    end = _end_of(model)
    if end is None:
        return _cut_by_values(model, input_shape, cuts)
    kind = _kind(end.operation)
    if kind != cuts or end.is_used_again:
        return model, "logits" if kind == cuts else kind
    if isinstance(end.operation, _WITH_ACTIVATION):
        end.operation.activation = keras.activations.linear
        return model, kind
    if end.given is None or not type(model).__module__.startswith("keras."):
        return model, "logits"  # a class of the user's would be lost; its values are checked
    graph = getattr(model, "_functional", None) or model
    return keras.Model(graph.input, end.given, name=model.name), kind


def _kind(operation: Any) -> OutputKind:  # noqa: ANN401 - Keras has no types
    names: dict[Any, OutputKind] = {
        keras.activations.softmax: "softmax",
        keras.activations.sigmoid: "sigmoid",
    }
    if isinstance(operation, _WITH_ACTIVATION):
        return names.get(operation.activation, "logits")
    # A layer, or the operation that a function of `keras.activations` or `keras.ops` leaves.
    if type(operation).__name__ == "Softmax":
        return "softmax" if getattr(operation, "axis", -1) in (-1, 1) else "logits"
    return "sigmoid" if type(operation).__name__ == "Sigmoid" else "logits"


def _end_of(model: Any) -> _End | None:  # noqa: ANN401 - Keras has no types
    """What computes the outputs; None where the model's graph is not known."""
    outputs = getattr(model, "outputs", None)
    if not outputs or len(outputs) != 1:
        return None
    operation = outputs[0]._keras_history.operation
    if isinstance(operation, keras.Model):
        inner = _end_of(operation)
        return inner and _End(inner.operation, None, inner.is_used_again)
    nodes = [node for node in operation._inbound_nodes if outputs[0] in node.output_tensors]
    graph = getattr(model, "_functional", None) or model
    depths = getattr(graph, "_nodes_by_depth", {}).values()
    uses = [node for depth in depths for node in depth if node.operation is operation]
    return _End(operation, nodes[0].input_tensors[0] if nodes else None, len(uses) > 1)


def _cut_by_values(
    model: Any,  # noqa: ANN401 - Keras has no types
    input_shape: tuple[int, ...],
    cuts: OutputKind,
) -> tuple[Any, OutputKind]:
    """Of a model whose graph is not known, the one activation that gives what it answers."""
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, _WITH_ACTIVATION) and _kind(layer) != "logits"
    ]
    if len(layers) != 1:
        return model, "logits"
    (layer,) = layers
    kind, before = _kind(layer), layer.activation
    x = np.random.default_rng(0).uniform(size=(2, *input_shape)).astype(np.float32)
    answer = partial(model, x, training=False)
    answers = answer()
    layer.activation = keras.activations.linear
    same = _is_same(answers, before, answer())
    if not same or kind != cuts:
        layer.activation = before
    return model, kind if same else "logits"


def _is_same(answers: Any, activation: Any, logits: Any) -> bool:  # noqa: ANN401
    if getattr(answers, "shape", None) != getattr(logits, "shape", ()):
        return False
    expected = keras.ops.convert_to_numpy(activation(logits))
    return bool(np.allclose(keras.ops.convert_to_numpy(answers), expected, atol=1e-6))
