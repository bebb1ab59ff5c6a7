"""How weights lie in memory while they train: kernels of dense layers are carried transposed.

A dense kernel is (inputs, units) to Keras. Its gradient is then a product of, say, 784 by 256 by
50, which takes a CPU nearly twice as long as the same one computed as 50 by 256 by 784; and for
several lanes both the wide product and its gradient would have to be copied from and to (lanes,
inputs, units). As (units, inputs) all of them are plain products without a copy.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import jax
import keras
import numpy as np

from stepladder.train.turned import Dense

__all__ = ["Layout"]

_Leaf = TypeVar("_Leaf", bound="jax.Array | np.ndarray[Any, Any]")


class Layout:
    """Which arrays of a network and of its optimizer lie transposed in an epoch's loop.

    Attributes:
        variables: what the optimizer is built for: the network's trainable variables, stand-ins
            of the turned shape in their place where they lie turned.
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
        self._trainable = [each.path in kernels and not each.constraint for each in trainable]
        pairs = list(zip(trainable, self._trainable, strict=True))
        self.variables = [_stand_in(each) if turned else each for each, turned in pairs]
        self._names = tuple(_flat_path(each) for each, turned in pairs if turned)
        self._slots: list[bool] = []

    def watch(self, optimizer: Any) -> None:  # noqa: ANN401 - Keras has no types
        """Takes note of the slots of an optimizer that was built for `variables`."""
        self._slots = [
            len(variable.shape) == 2 and any(name in variable.path for name in self._names)
            for variable in optimizer.variables
        ]

    def trainable(self, leaves: list[jax.Array]) -> list[jax.Array]:
        """Trainable weights as Keras has them turned, or turned ones as Keras has them."""
        return _transposed(leaves, self._trainable)

    def slots(self, leaves: list[_Leaf]) -> list[_Leaf]:
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


def _transposed(leaves: list[_Leaf], which: list[bool]) -> list[_Leaf]:
    pairs = zip(leaves, which, strict=True)
    return [cast("_Leaf", leaf.swapaxes(-1, -2)) if turned else leaf for leaf, turned in pairs]
