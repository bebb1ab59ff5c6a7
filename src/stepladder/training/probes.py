"""Probes of a network: its gradients by weight matrix, its dead and its saturated units."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from stepladder.training.heads import Head
from stepladder.training.history import ProbeReading
from stepladder.training.layer_state import without_dropout
from stepladder.training.losses import minimised
from stepladder.training.schedules import data_order

PROBED = 256
"""Training images on which a network is probed: the cost of one step of 256 an epoch."""

_FLOOR: dict[str, tuple[float, float]] = {
    "relu": (0.0, 0.0),
    "elu": (-1.0, 0.01),
    "selu": (-1.7581, 0.0176),
    "gelu": (0.0, 1e-3),
    "silu": (0.0, 1e-3),
}
"""Where an activation is flat, and how near to it a unit must be on every image to be dead.

A hundredth of the floor for ELU and SELU, whose slope is then a hundredth; GELU and SiLU come as
near as 1e-3 to theirs where their slope is below 0.01.
"""

_FLAT = 0.1
"""A unit of sigmoid or tanh is saturated if its mean slope is below this share of the steepest."""


class Probe:
    """How one network is probed, as a pure function of its variables' values.

    Attributes:
        kernels: names of its trainable weight matrices, first to last.
        layers: names of its hidden layers whose activation is known, first to last.
    """

    def __init__(self, model: Any, head: Head) -> None:  # noqa: ANN401 - Keras has no types
        """Finds what there is to look at; units only where the layers' graph is known."""
        self._head = head
        trainable = model.trainable_variables
        self._kernels = [at for at, variable in enumerate(trainable) if len(variable.shape) > 1]
        self.kernels = _names([trainable[at].path for at in self._kernels])
        units = _units(model)
        self.layers = tuple(units)
        self._kinds = [kind for kind, _ in units.values()]
        self._model = model
        if units:
            outputs = [model.outputs[0], *(output for _, output in units.values())]
            self._model = keras.Model(model.inputs[0], outputs)
        # The same variables, but in an order of its own.
        self._trainable = _places(self._model.trainable_variables, trainable)
        self._fixed = _places(self._model.non_trainable_variables, model.non_trainable_variables)

    def read(
        self, trainable: list[jax.Array], fixed: list[jax.Array], x: jax.Array, y: jax.Array
    ) -> ProbeReading:
        """One look, as in training but without dropout: batches have their own statistics.

        Args:
            trainable: values of the model's trainable variables.
            fixed: those of its other variables; what the call makes of them is thrown away.
            x: float32 (images, *input_shape), scaled.
            y: int32 (images,), or labels or scaled targets (images, outputs).
        """

        def objective(trainable: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
            values = [trainable[at] for at in self._trainable]
            state = [fixed[at] for at in self._fixed]
            with without_dropout(self._model):
                outputs, _ = self._model.stateless_call(values, state, x, training=True)
            logits, *units = outputs if self.layers else [outputs]
            return minimised(self._head, logits, y).mean(), units

        gradients, units = jax.grad(objective, has_aux=True)(trainable)
        kinds = list(zip(self._kinds, units, strict=True))
        return ProbeReading(
            _stacked([jnp.sqrt(jnp.square(gradients[at]).sum()) for at in self._kernels]),
            _stacked([_dead(kind, answers) for kind, answers in kinds]),
            _stacked([_saturated(kind, answers) for kind, answers in kinds]),
            jnp.stack([x.mean(), x.std()]),
        )


def probed_rows(train: npt.NDArray[np.int32], seed: int, replicate: int) -> npt.NDArray[np.int32]:
    """The training images on which a replicate's networks are probed, always the same.

    Returns:
        `PROBED` of them, or all: those of the first epoch's first steps.
    """
    return train[data_order(len(train), seed, replicate, 0)[:PROBED]]


def _stacked(values: list[jax.Array]) -> jax.Array:
    return jnp.stack(values) if values else jnp.zeros(0)


def _dead(kind: str, answers: jax.Array) -> jax.Array:
    """Share of the units that are on the activation's floor for every image."""
    if kind not in _FLOOR:
        return jnp.asarray(jnp.nan)
    floor, near = _FLOOR[kind]
    distance = jnp.abs(answers - floor).reshape(-1, answers.shape[-1]).max(axis=0)
    return (distance <= near).mean()


def _saturated(kind: str, answers: jax.Array) -> jax.Array:
    """Share of the units that on average pass on less than `_FLAT` of the steepest slope."""
    if kind not in ("sigmoid", "tanh"):
        return jnp.asarray(jnp.nan)
    slope = 4 * answers * (1 - answers) if kind == "sigmoid" else 1 - jnp.square(answers)
    return (slope.reshape(-1, answers.shape[-1]).mean(axis=0) < _FLAT).mean()


def _places(wanted: list[Any], variables: list[Any]) -> list[int]:
    """For each variable its place among all."""
    at = {id(variable): place for place, variable in enumerate(variables)}
    return [at[id(variable)] for variable in wanted]


def _names(paths: list[str]) -> tuple[str, ...]:
    """The layers that hold some variables, or the full paths where layers share a name."""
    names = [path.split("/")[-2] if "/" in path else path for path in paths]
    return tuple(names if len(set(names)) == len(names) else paths)


def _units(model: Any) -> dict[str, tuple[str, Any]]:  # noqa: ANN401 - Keras has no types
    """The activation and symbolic output of each hidden layer by its name, first to last.

    An activation that is a layer of its own goes by the name of the weights before it.
    """
    graph = getattr(model, "_functional", model)  # that of a `Sequential`
    by_depth = getattr(graph, "_nodes_by_depth", None)
    if not type(model).__module__.startswith("keras.") or not by_depth or len(graph.inputs) != 1:
        return {}
    units: dict[str, tuple[str, Any]] = {}
    before = ""
    for node in (each for depth in sorted(by_depth, reverse=True) for each in by_depth[depth]):
        layer = node.operation
        own = getattr(layer, "kernel", None) is not None
        before = layer.name if own else before
        kind = _kind(layer)
        if kind is not None:
            name = before if before and before not in units else layer.name
            units.setdefault(name, (kind, node.outputs[0]))
    return units


def _kind(layer: Any) -> str | None:  # noqa: ANN401 - Keras has no types
    """The activation of a layer where it has a state to look for."""
    if type(layer) is keras.layers.ReLU and not layer.negative_slope:
        return "relu"
    kinds = (keras.layers.Activation, keras.layers.Dense, keras.layers.Conv1D,
             keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.DepthwiseConv2D)  # fmt: skip
    activation = getattr(layer, "activation", None) if isinstance(layer, kinds) else None
    known = (*_FLOOR, "sigmoid", "tanh")
    return next((name for name in known if keras.activations.get(name) is activation), None)
