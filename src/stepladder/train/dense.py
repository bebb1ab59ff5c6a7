"""The first dense layer as it is trained: its product worked out from the kernel's side."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["FirstDense"]


class FirstDense(keras.layers.Dense):  # type: ignore[misc]
    """`keras.layers.Dense` on a network's inputs, `(kernel' inputs')'` in place of the product.

    With the kernel lying as (units, inputs), see `stepladder.train.layout`, it needs no copy of the
    kernels of several lanes, and a CPU's products are wide in examples rather than in units.
    Networks are saved with Keras' own layer.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401 - tensors
        """Inputs float32 (batch, inputs); gives (batch, units)."""
        turned = keras.ops.matmul(keras.ops.transpose(self.kernel), keras.ops.transpose(inputs))
        outputs = keras.ops.transpose(turned)
        return outputs if self.bias is None else keras.ops.add(outputs, self.bias)
