"""Initial weights, drawn on the host from a replicate's stream: the same for every backend.

Keras' own initialisers draw from their backend's generator, so the same seed gives other
weights under TensorFlow than under JAX. Here a layer's initialiser says which distribution is
meant, and NumPy draws it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from stepladder.study.recipe import Recipe
from stepladder.training.keras_classes import named
from stepladder.trials.seeding import generator

Weights = list[npt.NDArray[np.float32]]

_TRUNCATED_DEVIATION = 0.87962566103423978
"""Deviation of the standard normal distribution truncated at -2 and 2."""


def initial_weights(
    model: Any,  # noqa: ANN401 - Keras has no types
    seed: int,
    replicate: int,
    recipe: Recipe | None = None,
) -> Weights:
    """A replicate's initial value of each trainable variable of a model.

    Kernels (of dense, convolutional, recurrent and embedding layers) are drawn as their layer's
    initialiser says, each from a stream of its own that is numbered by its place among them:
    arms that differ in normalisation or dropout alone start from the same kernels. All other
    variables keep their built value: biases and scales, kernels that were set to other values
    (trained ones, say), and those of initialisers that NumPy does not draw here,
    which Keras drew under the replicate's seed (`custom_model.build_seeded`).

    Args:
        model: a built `keras.Model`.
        seed: of the study.
        replicate: from 0.
        recipe: of one of stepladder's networks, which may have been built with other initialisers:
            those of the recipe hold for kernels and biases. All that is random is drawn here.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> [weight.shape for weight in initial_weights(model, seed=0, replicate=0)]
        [(2, 3), (3,)]

    Returns:
        float32 arrays in the order and shapes of `model.trainable_variables`.
    """
    kernels = dict(_initializers(model, _KERNELS))
    place = {name: number for number, name in enumerate(kernels)}
    if recipe is not None:
        return _of_recipe(model, seed, replicate, recipe, place)
    weights: Weights = []
    for variable in model.trainable_variables:
        own, value = kernels.get(id(variable)), None
        if own is not None and _is_as_drawn(variable, own):
            draw = generator(seed, replicate, "init", place[id(variable)])
            value = _draw(own, tuple(variable.shape), draw)
        weights.append(_value(variable) if value is None else value.astype(np.float32))
    return weights


def _of_recipe(
    model: Any,  # noqa: ANN401 - Keras has no types
    seed: int,
    replicate: int,
    recipe: Recipe,
    kernels: Mapping[int, int],
) -> Weights:
    """Initial weights of one of stepladder's networks; the place of each kernel by its id."""
    built = dict(_initializers(model, (*_KERNELS, *_OTHERS)))
    biases = dict(_initializers(model, _OTHERS[:1]))
    kernel, bias = (named("initializers", text)
                    for text in (recipe.initializer, recipe.bias_initializer))  # fmt: skip
    weights: Weights = []
    for number, variable in enumerate(model.trainable_variables):
        key, shape = id(variable), tuple(variable.shape)
        # Of another length than the place of a kernel: no two variables share a stream.
        at = (kernels[key],) if key in kernels else (number, 0)
        own = built.get(key)
        meant: Any = kernel if key in kernels else bias if key in biases else own
        value: Any = _draw(meant, shape, generator(seed, replicate, "init", *at))
        if value is None:  # nothing is drawn
            is_built = meant is own or _config(meant) == _config(own)
            value = _value(variable) if is_built else meant(shape, dtype="float32")
        weights.append(np.array(value, np.float32))
    return weights


_KERNELS = (
    ("kernel", "kernel_initializer"),
    ("kernel", "depthwise_initializer"),
    ("depthwise_kernel", "depthwise_initializer"),
    ("pointwise_kernel", "pointwise_initializer"),
    ("recurrent_kernel", "recurrent_initializer"),
    ("embeddings", "embeddings_initializer"),
)
"""Where Keras' layers keep a kernel, and the initialiser that it was made with."""


_OTHERS = (
    ("bias", "bias_initializer"),
    ("alpha", "alpha_initializer"),  # of `PReLU`
    ("gamma", "gamma_initializer"),
    ("beta", "beta_initializer"),
)
"""Likewise for further weights of stepladder's networks."""


def _initializers(
    model: Any,  # noqa: ANN401 - Keras has no types
    where: Sequence[tuple[str, str]],
) -> Iterator[tuple[int, Any]]:
    """The id of each variable of some kinds and its initialiser, in the order of the layers."""
    for layer in model._flatten_layers():
        for name, initializer in where:
            variable, made_with = getattr(layer, name, None), getattr(layer, initializer, None)
            if variable is not None and made_with is not None:
                yield id(variable), made_with


def _config(initializer: Any) -> object:  # noqa: ANN401 - Keras has no types
    return type(initializer), initializer.get_config()


def _value(variable: Any) -> npt.NDArray[np.float32]:  # noqa: ANN401 - Keras has no types
    return np.array(keras.ops.convert_to_numpy(variable.value), np.float32)


def _is_as_drawn(variable: Any, initializer: Any) -> bool:  # noqa: ANN401 - Keras has no types
    """Whether a kernel is what its initialiser gave it: with the same seed it gives that again."""
    if not isinstance(getattr(initializer, "seed", None), int):
        return True  # a seed generator has moved on, so that nothing can be compared
    again = initializer(variable.shape, dtype=variable.dtype)
    return np.array_equal(_value(variable), keras.ops.convert_to_numpy(again))


def _draw(
    initializer: Any,  # noqa: ANN401 - Keras has no types
    shape: tuple[int, ...],
    draw: np.random.Generator,
) -> npt.NDArray[np.float64] | None:
    """A value of the distribution that an initialiser names, or None where it is not known."""
    known = keras.initializers
    if isinstance(initializer, known.VarianceScaling):
        return _variance_scaling(initializer, shape, draw)
    if isinstance(initializer, known.RandomNormal):
        return draw.normal(initializer.mean, initializer.stddev, shape)
    if isinstance(initializer, known.TruncatedNormal):
        return _truncated_normal(shape, draw) * float(initializer.stddev) + float(initializer.mean)
    if isinstance(initializer, known.RandomUniform):
        return draw.uniform(initializer.minval, initializer.maxval, shape)
    if isinstance(initializer, known.Orthogonal) and len(shape) > 1:
        return _orthogonal(shape, draw) * float(initializer.gain)
    return None


def _truncated_normal(shape: tuple[int, ...], draw: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.asarray(ndtri(draw.uniform(ndtr(-2.0), ndtr(2.0), shape)))


def _fans(initializer: Any, shape: tuple[int, ...]) -> tuple[int, int]:  # noqa: ANN401
    """Inputs and outputs of a unit, as Keras counts them: a convolution's over its whole field."""
    into, out = (getattr(initializer, f"{side}_axes", None) for side in ("input", "output"))
    if into is not None and out is not None:
        return math.prod(shape[axis] for axis in into), math.prod(shape[axis] for axis in out)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    receptive = math.prod(shape[:-2])
    return receptive * shape[-2], receptive * shape[-1]


def _variance_scaling(
    initializer: Any,  # noqa: ANN401 - Keras has no types
    shape: tuple[int, ...],
    draw: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """He et al. 2015 and Glorot, Bengio 2010, as `keras.initializers.VarianceScaling` has them."""
    fan_in, fan_out = _fans(initializer, shape)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    variance = initializer.scale / max(1.0, fan[initializer.mode])
    if initializer.distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return draw.uniform(-limit, limit, shape)
    if initializer.distribution == "untruncated_normal":
        return draw.normal(0, math.sqrt(variance), shape)
    return _truncated_normal(shape, draw) * (math.sqrt(variance) / _TRUNCATED_DEVIATION)


def _orthogonal(shape: tuple[int, ...], draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """Saxe, McClelland, Ganguli 2014: the Q of a Gaussian matrix, signs made uniform."""
    rows, columns = math.prod(shape[:-1]), shape[-1]
    gaussian = draw.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(gaussian)
    q = q * np.sign(np.diagonal(r))
    return np.asarray((q.T if rows < columns else q).reshape(shape))
