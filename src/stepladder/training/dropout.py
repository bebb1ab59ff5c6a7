"""Dropout as it is trained: Keras' layer, with masks from cheaper random bits under JAX.

Keras draws 32 bits from 20 rounds of Threefry for each unit, which costs as much as a layer of 50
units itself. Here a unit gets 16 bits from 13 rounds: the fewest that pass BigCrush for this
generator (Salmon et al. 2011, table 2). Networks are saved with Keras' own layer.
"""

import functools
import math
from typing import Any

import keras
import numpy as np

_ROUNDS = 13
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
LEVELS = 1 << 16


class Dropout(keras.layers.Dropout):  # type: ignore[misc]
    """`keras.layers.Dropout` whose masks are cheap under JAX; other backends draw their own.

    A unit is kept with the chance nearest to `1 - rate` in steps of 2^-16, and what is kept is
    divided by `1 - rate`. The mask depends on the seed generator's state and the shape alone.

    Example:
        >>> Dropout(0.5, seed=1)(np.ones((1, 4), np.float32)).tolist()  # only training drops
        [[1.0, 1.0, 1.0, 1.0]]

    Reference:
        Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:  # noqa: ANN401 - a tensor
        """Drops units while training; `inputs` float32 of any shape."""
        if not training or not self.rate or keras.backend.backend() != "jax":
            return super().call(inputs, training=training)
        import jax.numpy as jnp

        keep = 1 - self.rate
        # Drawn with the examples last, which is their layout in training.
        bits = traced_once()(self.seed_generator.next(), tuple(inputs.shape[::-1])).T
        return jnp.where(bits < round(keep * LEVELS), inputs / keep, jnp.zeros_like(inputs))


@functools.cache
def traced_once() -> Any:  # noqa: ANN401 - a jitted function
    """`_bits`, traced once for a shape: its hundred operations are a fifth of a program's."""
    import jax

    return jax.jit(_bits, static_argnums=1)


def _bits(key: Any, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - JAX arrays
    """Uniform uint32 in 0…2^16-1 of a shape, from a key uint32 (2,)."""
    import jax.numpy as jnp
    from jax import lax

    size = math.prod(shape)
    counter = jnp.arange(-(-size // 4), dtype=jnp.uint32)
    first, second = _threefry(key[0], key[1], counter, jnp.zeros_like(counter))
    # Without the barrier XLA computes the words again for each half, ten times as slowly.
    words = lax.optimization_barrier(jnp.concatenate([first, second]))  # type: ignore[no-untyped-call]
    return jnp.concatenate([words >> 16, words & 0xFFFF])[:size].reshape(shape)


def _threefry(key_0: Any, key_1: Any, x_0: Any, x_1: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Threefry-2x32 (Salmon et al. 2011, section 3.3) of `_ROUNDS` rounds; all uint32."""
    keys = (key_0, key_1, key_0 ^ key_1 ^ _PARITY)
    x_0, x_1 = x_0 + keys[0], x_1 + keys[1]
    for number in range(_ROUNDS):
        rotation = _ROTATIONS[number // 4 % 2][number % 4]
        x_0 = x_0 + x_1
        x_1 = x_0 ^ ((x_1 << rotation) | (x_1 >> (32 - rotation)))
        if number % 4 == 3:
            injected = number // 4 + 1
            x_0 = x_0 + keys[injected % 3]
            x_1 = x_1 + keys[(injected + 1) % 3] + np.uint32(injected)
    return x_0, x_1
