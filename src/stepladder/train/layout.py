"""How weights lie in memory while they train: the first kernel is carried transposed.

A dense kernel is (inputs, units) to Keras. Its gradient is then a product of, say, 784 by 256 by
50, which takes a CPU nearly twice as long as the same one computed as 50 by 256 by 784; and for
several lanes both the wide product and its gradient would have to be copied from and to (lanes,
inputs, units). As (units, inputs) all of them are plain products without a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras

__all__ = ["Layout"]


class Layout:
    """Which arrays of a network and of its optimizer lie transposed in an epoch's loop.

    Attributes:
        variables: what the optimizer is built for: the network's trainable variables, stand-ins
            of the turned shape in their place where they lie turned.
    """

    def __init__(self, trainable: Sequence[Any]) -> None:
        """Decides for one network.

        Args:
            trainable: its trainable `keras.Variable`s. The first one is turned if it is a matrix
                without a constraint, which would have an axis.
        """
        turns = bool(trainable) and len(trainable[0].shape) == 2 and not trainable[0].constraint
        self._trainable = [turns and place == 0 for place in range(len(trainable))]
        self.variables = [
            _stand_in(variable) if turned else variable
            for variable, turned in zip(trainable, self._trainable, strict=True)
        ]
        self._name = _flat_path(trainable[0]) if turns else ""
        self._slots: list[bool] = []

    def watch(self, optimizer: Any) -> None:  # noqa: ANN401 - Keras has no types
        """Takes note of the slots of an optimizer that was built for `variables`."""
        self._slots = [
            bool(self._name) and len(variable.shape) == 2 and self._name in variable.path
            for variable in optimizer.variables
        ]

    def trainable(self, leaves: list[jax.Array]) -> list[jax.Array]:
        """Trainable weights as Keras has them turned, or turned ones as Keras has them."""
        return _transposed(leaves, self._trainable)

    def slots(self, leaves: list[jax.Array]) -> list[jax.Array]:
        """Optimizer slots as Keras has them turned, or turned ones as Keras has them."""
        return _transposed(leaves, self._slots)


def _stand_in(variable: Any) -> Any:  # noqa: ANN401 - Keras has no types
    return keras.Variable(
        initializer="zeros",
        shape=variable.shape[::-1],
        dtype=variable.dtype,
        name=_flat_path(variable),  # slots are named after it, as after the variable itself
    )


def _flat_path(variable: Any) -> str:  # noqa: ANN401 - Keras has no types
    return str(variable.path).replace("/", "_")


def _transposed(leaves: list[jax.Array], which: list[bool]) -> list[jax.Array]:
    pairs = zip(leaves, which, strict=True)
    return [jnp.swapaxes(leaf, -1, -2) if turned else leaf for leaf, turned in pairs]
