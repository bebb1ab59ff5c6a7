"""Layers as they are trained: every array of a hidden layer lies as (units, examples).

To Keras a batch lies as (examples, units) and a kernel as (inputs, units). A CPU then spends half
its time in rearranging operands: the three products of a 50 by 50 layer on 256 examples take 68
microseconds, and 44 where batch and kernel lie the other way round, so that the long axis, that of
the examples, comes last. These layers are Keras' own but for that. What they are given and give is
shaped as Keras has it, and XLA turns nothing in between: a transpose of what a product gives is
only another name for it, as long as the barriers keep XLA from writing products anew.

Networks are saved with Keras' own layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import keras
from jax import lax

from stepladder import models
from stepladder.train.custom import Build
from stepladder.train.dropout import Dropout

__all__ = ["TURNED", "Dense"]

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
        # The kernel turned is small; a product that contracts both first axes is a third slower.
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


def _normalized(layer: Any, scaled: jax.Array) -> jax.Array:  # noqa: ANN401 - Keras has no types
    """What a layer's gamma and beta make of (units, examples), as (examples, units)."""
    gamma, beta = (_spread(each.value, scaled) for each in (layer.gamma, layer.beta))
    return (scaled * gamma + beta).T


class Dense(keras.layers.Dense):  # type: ignore[misc]
    """`keras.layers.Dense` on the outputs of a layer."""

    def _multiplied(self, kernel: jax.Array, inputs: jax.Array) -> jax.Array:
        return _of_units(kernel, _fixed(inputs.T))

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401 - tensors
        """Inputs float32 (batch, inputs); gives (batch, units)."""
        kernel = keras.ops.convert_to_tensor(self.kernel).T
        # While training it lies turned, see `stepladder.train.layout`, and this undoes nothing.
        outputs = self._multiplied(kernel if training else _fixed(kernel), inputs)
        if self.bias is not None:
            outputs += _spread(keras.ops.convert_to_tensor(self.bias), outputs)
        return outputs.T


class FirstDense(Dense):
    """`keras.layers.Dense` on a network's inputs, whose examples lie one after the other."""

    def _multiplied(self, kernel: jax.Array, inputs: jax.Array) -> jax.Array:
        return _of_examples(kernel, inputs)


class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """`keras.layers.BatchNormalization` after a dense layer."""

    def call(self, inputs: Any, training: bool | None = None, mask: None = None) -> Any:  # noqa: ANN401
        """Inputs float32 (batch, units); gives the same shape."""
        if not training:
            return super().call(inputs, training=False, mask=mask)
        values = inputs.T
        examples = values.shape[1]
        mean = _total(values) / examples
        centred = values - _spread(mean, values)
        variance = _total(centred * centred) / examples
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + now * (1 - self.momentum))
        return _normalized(self, centred * _spread(lax.rsqrt(variance + self.epsilon), values))


class LayerNormalization(keras.layers.LayerNormalization):  # type: ignore[misc]
    """`keras.layers.LayerNormalization` after a dense layer."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401 - tensors
        """Inputs float32 (batch, units); gives the same shape."""
        if not training:
            return super().call(inputs)
        values = _fixed(inputs.T)
        centred = values - values.mean(axis=0)
        variance = (centred * centred).mean(axis=0)
        return _normalized(self, centred * lax.rsqrt(variance + self.epsilon))


TURNED: Build = partial(
    models.build,
    layers=models.Layers(FirstDense, Dense, BatchNormalization, LayerNormalization, Dropout),
    initializer="zeros",
)
"""Stepladder's networks as populations train them, without weights: see `STANDARD`."""
