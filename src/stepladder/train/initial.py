"""Initial weights, drawn on the host from a replicate's stream: the same for every backend.

Keras' own initialisers draw from their backend's generator, so the same seed gives other
weights under TensorFlow than under JAX. Here a layer's initialiser says which distribution is
meant, and NumPy draws it.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from stepladder.errors import WorkerError
from stepladder.streams import generator

__all__ = ["initial_weights"]

Weights = list[npt.NDArray[np.float32]]

_TRUNCATED_DEVIATION = 0.87962566103423978
"""Deviation of the standard normal distribution truncated at -2 and 2."""


def initial_weights(
    model: Any,  # noqa: ANN401 - Keras has no types
    seed: int,
    replicate: int,
    initializer: str | None = None,
) -> Weights:
    """A replicate's initial value of each trainable variable of a model.

    Kernels are drawn as their layer's initialiser says, each from a stream of its own that is
    numbered by the layer's place among those with a kernel: arms that differ in normalisation
    or dropout alone start from the same kernels. All other variables keep their built value.

    Args:
        model: a built `keras.Model`.
        seed: the study's seed.
        replicate: the replicate's number.
        initializer: Keras' name of the initialiser of every kernel; the layers' own when None.

    Returns:
        float32 arrays in the order and shapes of `model.trainable_variables`.

    Raises:
        WorkerError: if a layer has an initialiser whose distribution is not known here.
    """
    kernels = [layer for layer in model._flatten_layers() if _has_kernel(layer)]
    number = {id(layer.kernel): place for place, layer in enumerate(kernels)}
    given = keras.initializers.get(initializer) if initializer else None
    weights: Weights = []
    for variable in model.trainable_variables:
        place = number.get(id(variable))
        if place is None:
            weights.append(np.array(keras.ops.convert_to_numpy(variable.value), np.float32))
            continue
        draw = generator(seed, replicate, "init", place)
        wanted = given or kernels[place].kernel_initializer
        weights.append(_draw(wanted, tuple(variable.shape), draw).astype(np.float32))
    return weights


def _has_kernel(layer: Any) -> bool:  # noqa: ANN401 - Keras has no types
    return hasattr(layer, "kernel_initializer") and hasattr(layer, "kernel")


def _draw(
    initializer: Any,  # noqa: ANN401 - Keras has no types
    shape: tuple[int, ...],
    draw: np.random.Generator,
) -> npt.NDArray[np.float64]:
    if isinstance(initializer, keras.initializers.VarianceScaling):
        return _variance_scaling(initializer, shape, draw)
    if isinstance(initializer, keras.initializers.RandomNormal):
        return draw.normal(initializer.mean, initializer.stddev, shape)
    if isinstance(initializer, keras.initializers.Orthogonal):
        return _orthogonal(shape, draw) * float(initializer.gain)
    raise WorkerError(
        "an initialiser must be of the variance-scaling family, RandomNormal or Orthogonal, "
        f"found {type(initializer).__name__}; choose one of these"
    )


def _variance_scaling(
    initializer: Any,  # noqa: ANN401 - Keras has no types
    shape: tuple[int, ...],
    draw: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """He et al. 2015 and Glorot, Bengio 2010, as `keras.initializers.VarianceScaling` has them."""
    receptive = math.prod(shape[:-2])
    fan_in, fan_out = receptive * shape[-2], receptive * shape[-1]
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    variance = initializer.scale / max(1.0, fan[initializer.mode])
    if initializer.distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return draw.uniform(-limit, limit, shape)
    if initializer.distribution == "untruncated_normal":
        return draw.normal(0, math.sqrt(variance), shape)
    standard = ndtri(draw.uniform(ndtr(-2.0), ndtr(2.0), shape))
    return np.asarray(standard * (math.sqrt(variance) / _TRUNCATED_DEVIATION))


def _orthogonal(shape: tuple[int, ...], draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """Saxe, McClelland, Ganguli 2014: the Q of a Gaussian matrix, signs made uniform."""
    rows, columns = math.prod(shape[:-1]), shape[-1]
    gaussian = draw.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(gaussian)
    q = q * np.sign(np.diagonal(r))
    return np.asarray((q.T if rows < columns else q).reshape(shape))
