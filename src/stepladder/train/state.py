"""What programs take and give: weights, numbers, data and sums, as arrays on the device."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

__all__ = ["Data", "Numbers", "Sums", "Weights"]


class Weights(NamedTuple):
    """All that a step changes. Lists of arrays; each but `seeds` has a leading axis of lanes.

    `average` is that of `trainable`, and empty where a recipe averages nothing.
    """

    trainable: list[jax.Array]
    optimizer: list[jax.Array]
    statistics: list[jax.Array]
    seeds: list[jax.Array]
    average: list[jax.Array]


class Numbers(NamedTuple):
    """What makes lanes of one structure differ: float32 arrays of shape (lanes,), if any."""

    l2: jax.Array
    weight_decay: jax.Array
    label_smoothing: jax.Array
    vat: jax.Array | None = None
    vat_xi: jax.Array | None = None


class Data(NamedTuple):
    """The examples on the device, and how they are scaled: `x * scale + shift`.

    Inputs lie flat, (examples, values), and so do scale and shift unless they are one number:
    rows of more axes are gathered five times as slowly.
    """

    x: jax.Array
    y: jax.Array
    scale: jax.Array
    shift: jax.Array

    def batch(self, index: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Scaled inputs float32 (examples, values) and labels int32 (examples,)."""
        rows = jnp.take(self.x, index, axis=0).astype(jnp.float32)
        return rows * self.scale + self.shift, jnp.take(self.y, index, axis=0)


class Sums(NamedTuple):
    """Sums over examples, one a lane: cross-entropy in nats and right answers."""

    loss: jax.Array
    correct: jax.Array

    @classmethod
    def none(cls, lanes: int) -> Sums:
        """The sums over no example."""
        return cls(jnp.zeros(lanes), jnp.zeros(lanes, jnp.int32))

    def plus(self, other: Sums) -> Sums:
        """The sums over both sets of examples."""
        return Sums(self.loss + other.loss, self.correct + other.correct)
