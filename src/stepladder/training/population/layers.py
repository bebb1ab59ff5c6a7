"""Dense and normalisation layers with transposed weights, as populations train them."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax import lax

from stepladder.training import keras_models
from stepladder.training.custom_model import Build
from stepladder.training.dropout import Dropout

_Product = Callable[[jax.Array, jax.Array], jax.Array]


def _fixed(array: jax.Array) -> jax.Array:
    """The array, which XLA has to make as it is written."""
    return cast("jax.Array", lax.optimization_barrier(array))  # type: ignore[no-untyped-call]


def _product(examples: int) -> _Product:
    """What multiplies a kernel (units, inputs) and a batch, giving (units, examples).

    Args:
        examples: their axis in the batch; the other one is that of its inputs.
    """
    inputs = 1 - examples

    @jax.custom_vjp
    def product(kernel: jax.Array, batch: jax.Array) -> jax.Array:
        return _fixed(lax.dot_general(kernel, batch, (((1,), (inputs,)), ((), ()))))

    def forward(kernel: jax.Array, batch: jax.Array) -> tuple[jax.Array, Any]:
        return product(kernel, batch), (kernel, batch)

    def backward(saved: Any, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:  # noqa: ANN401
        kernel, batch = saved
        gradient = _fixed(gradient)
        of_kernel = lax.dot_general(gradient, batch, (((1,), (examples,)), ((), ())))
        # A transposed kernel is cheap; contracting both first axes is a third slower.
        of_batch = _fixed(_fixed(kernel.T) @ gradient)
        return of_kernel, of_batch if examples else of_batch.T

    product.defvjp(forward, backward)
    return product


_of_examples, _of_units = _product(0), _product(1)


@jax.custom_vjp
def _spread(values: jax.Array, like: jax.Array) -> jax.Array:
    """One value a unit, (units,), for every example of `like`, (units, examples)."""
    return jnp.broadcast_to(values[:, None], like.shape)


def _spread_forward(values: jax.Array, like: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _spread(values, like), like


def _spread_backward(like: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _total(gradient), jnp.zeros_like(like)


_spread.defvjp(_spread_forward, _spread_backward)


def _total(values: jax.Array) -> jax.Array:
    """The sum over examples of each unit: (units, examples) gives (units,)."""
    return _fixed(values).sum(axis=1)


# Jitted so that layers of one shape are traced once: that is half of what a compiled program costs.


@jax.jit
def _batch_scaled(values: jax.Array, epsilon: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Units scaled over their examples, (units, examples), and each one's mean and variance."""
    examples = values.shape[1]
    mean = _total(values) / examples
    centred = values - _spread(mean, values)
    variance = _total(centred * centred) / examples
    return centred * _spread(lax.rsqrt(variance + epsilon), values), mean, variance


@jax.jit
def _layer_scaled(values: jax.Array, epsilon: float) -> jax.Array:
    """Examples scaled over their units, (units, examples)."""
    values = _fixed(values)
    centred = values - values.mean(axis=0)
    return centred * lax.rsqrt((centred * centred).mean(axis=0) + epsilon)


@jax.jit
def _normalized(scaled: jax.Array, gamma: jax.Array, beta: jax.Array) -> jax.Array:
    """What gamma and beta, (units,), make of (units, examples), as (examples, units)."""
    return (scaled * _spread(gamma, scaled) + _spread(beta, scaled)).T


@jax.jit
def _dense(kernel: jax.Array, bias: jax.Array | None, inputs: jax.Array) -> jax.Array:
    """A kernel (units, inputs) on a batch (examples, inputs): (examples, units)."""
    outputs = _of_units(kernel, _fixed(inputs.T))
    return (outputs if bias is None else outputs + _spread(bias, outputs)).T


@jax.jit
def _first_dense(kernel: jax.Array, bias: jax.Array | None, inputs: jax.Array) -> jax.Array:
    """As `_dense`, on a batch whose examples lie one after the other."""
    outputs = _of_examples(kernel, inputs)
    return (outputs if bias is None else outputs + _spread(bias, outputs)).T


class Dense(keras.layers.Dense):  # type: ignore[misc]
    """`keras.layers.Dense` on the outputs of a layer."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401 - tensors
        """Inputs float32 (batch, inputs); gives (batch, units)."""
        kernel = keras.ops.convert_to_tensor(self.kernel).T
        # In training it is stored transposed (see `Layout`), so that this costs nothing.
        kernel = kernel if training else _fixed(kernel)
        bias = None if self.bias is None else keras.ops.convert_to_tensor(self.bias)
        return self._outputs(kernel, bias, inputs)

    def _outputs(self, kernel: jax.Array, bias: jax.Array | None, inputs: jax.Array) -> jax.Array:
        return cast("jax.Array", _dense(kernel, bias, inputs))


class FirstDense(Dense):
    """`keras.layers.Dense` on a network's inputs."""

    def _outputs(self, kernel: jax.Array, bias: jax.Array | None, inputs: jax.Array) -> jax.Array:
        return cast("jax.Array", _first_dense(kernel, bias, inputs))


class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """`keras.layers.BatchNormalization` after a dense layer."""

    def call(self, inputs: Any, training: bool | None = None, mask: None = None) -> Any:  # noqa: ANN401
        """Inputs float32 (batch, units); gives the same shape."""
        if not training:
            return super().call(inputs, training=False, mask=mask)
        scaled, mean, variance = _batch_scaled(inputs.T, self.epsilon)
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + now * (1 - self.momentum))
        return _normalized(scaled, self.gamma.value, self.beta.value)


class LayerNormalization(keras.layers.LayerNormalization):  # type: ignore[misc]
    """`keras.layers.LayerNormalization` after a dense layer."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401 - tensors
        """Inputs float32 (batch, units); gives the same shape."""
        if not training:
            return super().call(inputs)
        scaled = _layer_scaled(inputs.T, self.epsilon)
        return _normalized(scaled, self.gamma.value, self.beta.value)


TRANSPOSED_BUILD: Build = partial(
    keras_models.build,
    layers=keras_models.Layers(FirstDense, Dense, BatchNormalization, LayerNormalization, Dropout),
    initializer="zeros",
)
"""Stepladder's networks as populations train them, without weights: see `STANDARD`."""


_SMALL, _UNLIKELY = "small", [0.123, 4.56]
"""Name and values of a weight; no slot starts at these numbers unless it is a copy."""

_Leaf = TypeVar("_Leaf", bound="jax.Array | np.ndarray[Any, Any]")


class Layout:
    """Which arrays of a network and of its optimizer are transposed in an epoch's loop.

    Attributes:
        variables: what the optimizer is built for: the network's trainable variables, stand-ins
            of the transposed shape in their place.
        copies: slots that start as a copy of a weight, and these weights, by their places.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - Keras has no types
        """Decides for one network.

        Args:
            model: a built `keras.Model`. Turned are the kernels of layers that expect it, and the
                first trainable variable of any network if it is a matrix; none that has a
                constraint, which would have an axis.
        """
        trainable = model.trainable_variables
        kernels = [layer.kernel.path for layer in model.layers if isinstance(layer, Dense)]
        kernels += [variable.path for variable in trainable[:1] if len(variable.shape) == 2]
        self._trainable = [leaf.path in kernels and not leaf.constraint for leaf in trainable]
        pairs = list(zip(trainable, self._trainable, strict=True))
        self.variables = [_stand_in(leaf) if change else leaf for leaf, change in pairs]
        self._names = tuple(_flat_path(leaf) for leaf, change in pairs if change)
        self._slots: list[bool] = []
        self.copies: dict[int, int] = {}

    def watch(self, optimizer: Any, small: Any) -> None:  # noqa: ANN401 - Keras has no types
        """Takes note of the slots of an optimizer that was built for `variables`.

        Most slots start at a number. Those that start as their weights are found on `small`, an
        optimizer alike that is not built yet: the weights here are not those of any lane.
        """
        self._slots = [
            len(variable.shape) == 2 and any(name in variable.path for name in self._names)
            for variable in optimizer.variables
        ]
        small.build([keras.Variable(_UNLIKELY, name=_SMALL)])
        kinds = {
            slot.path.rpartition(_SMALL)[2]
            for slot in small.variables
            if slot.shape == (2,) and np.array_equal(slot.value, np.array(_UNLIKELY, np.float32))
        }
        places = {_flat_path(leaf) + kind: place
                  for place, leaf in enumerate(self.variables) for kind in kinds}  # fmt: skip
        self.copies = {
            slot: places[name]
            for slot, variable in enumerate(optimizer.variables)
            if (name := variable.path.rpartition("/")[2]) in places
        }

    def trainable(self, leaves: list[jax.Array]) -> list[jax.Array]:
        """Trainable weights of Keras transposed, or transposed ones as Keras has them."""
        return _transposed(leaves, self._trainable)

    def slots(self, leaves: list[_Leaf]) -> list[_Leaf]:
        """Optimizer slots of Keras transposed, or transposed ones as Keras has them."""
        return _transposed(leaves, self._slots)


def _stand_in(variable: Any) -> Any:  # noqa: ANN401 - Keras has no types
    *scopes, name = variable.path.split("/")
    with ExitStack() as stack:  # of the same path: slots are named after it, Muon decides by it
        for scope in scopes:
            stack.enter_context(keras.name_scope(scope))
        return keras.Variable(
            initializer="zeros", shape=variable.shape[::-1], dtype=variable.dtype, name=name
        )


def _flat_path(variable: Any) -> str:  # noqa: ANN401 - Keras has no types
    return str(variable.path).replace("/", "_")


def _transposed(leaves: list[_Leaf], which: list[bool]) -> list[_Leaf]:
    pairs = zip(leaves, which, strict=True)
    return [cast("_Leaf", leaf.swapaxes(-1, -2)) if change else leaf for leaf, change in pairs]
