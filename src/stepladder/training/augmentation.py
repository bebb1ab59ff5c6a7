"""Distorted images: turned, stretched, slanted, shifted and bent at each step, on the device.

What is drawn follows from a step's two words alone, so that a batch is the same in every
population and in both engines; arms of one replicate with the same settings share it.
"""

import math
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from stepladder.data.preprocessing import image_sides
from stepladder.study.recipe import DISTORTIONS, Recipe
from stepladder.training.dropout import LEVELS, traced_once

Distort = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""Of inputs float32 (examples, height * width), two words uint32 and a strength in 0…1."""

_AFFINE = 7  # draws an image: a turn, two stretches, a slant with its axis, two shifts


def distortion(recipe: Recipe, input_shape: tuple[int, ...]) -> Distort | None:
    """How a recipe distorts its training images, or None where it does not.

    An image is read at the places that a random affine map and a smooth random field of
    displacements give, between pixels by bilinear interpolation and beyond the rim as at the rim.
    Without strength every image is what it was, bit for bit. The field is Simard's noise smoothed
    by a Gaussian, drawn no finer than it can be seen: one number in every deviation of the
    Gaussian instead of one a pixel.

    Example:
        >>> distortion(Recipe(hidden=[3]), (28, 28)) is None
        True

    Reference:
        Simard, Steinkraus, Platt 2003, "Best practices for convolutional neural networks applied
        to visual document analysis", ICDAR.
    """
    if not any(getattr(recipe, field) for field in DISTORTIONS):
        return None
    sides = image_sides(input_shape)
    assert sides is not None  # made sure of before anything is trained
    height, width = sides
    rows, columns = (_smoothing(size, recipe.augment_smoothness) for size in sides)
    knots = rows.shape[1] * columns.shape[1] if recipe.augment_elastic else 0

    def distort(x: jax.Array, words: jax.Array, strength: jax.Array) -> jax.Array:
        drawn = _uniform(words, (len(x), _AFFINE + 2 * knots)) * strength
        y_at, x_at = _mapped(recipe, drawn[:, :_AFFINE], height, width)
        if knots:
            noise = drawn[:, _AFFINE:].reshape(len(x), 2, rows.shape[1], columns.shape[1])
            bent = jnp.einsum("hr,narc,wc->nahw", rows, noise, columns) * recipe.augment_elastic
            y_at, x_at = y_at + bent[:, 0], x_at + bent[:, 1]
        return _read(x, y_at, x_at)

    return distort


def _uniform(words: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """Numbers between -1 and 1 of a shape, in steps of 2^-15, from two words."""
    bits = traced_once()(words, shape).astype(jnp.float32)
    return cast("jax.Array", (bits + 0.5) * (2 / LEVELS) - 1)


def _mapped(
    recipe: Recipe, drawn: jax.Array, height: int, width: int
) -> tuple[jax.Array, jax.Array]:
    """Rows and columns (images, h, w) at which an affine map, drawn between -1 and 1, reads."""
    turn, tall, wide, slant, axis, down, right = (drawn[:, n, None, None] for n in range(_AFFINE))
    turn = turn * math.radians(recipe.augment_rotation)
    tall, wide = (1 + recipe.augment_scale * factor for factor in (tall, wide))
    slant = slant * recipe.augment_shear
    leaning, rising = jnp.where(axis < 0, slant, 0), jnp.where(axis < 0, 0, slant)
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y = jnp.arange(height, dtype=jnp.float32)[None, :, None] - middle_y
    x = jnp.arange(width, dtype=jnp.float32)[None, None, :] - middle_x
    y, x = y - recipe.augment_shift * down, x - recipe.augment_shift * right
    y, x = y * jnp.cos(turn) - x * jnp.sin(turn), y * jnp.sin(turn) + x * jnp.cos(turn)
    y, x = y + rising * x, x + leaning * y
    return y / tall + middle_y, x / wide + middle_x


def _smoothing(size: int, deviation: float) -> npt.NDArray[np.float32]:
    """What makes a smooth line of noise between -1 and 1: (size, knots), of unit mean square.

    Knots lie a deviation apart and three beyond each end, so that the line has no ends.
    """
    apart = min(deviation, size)
    count = math.ceil((size - 1) / apart) + 7
    knots = (np.arange(count) - (count - 1) / 2) * apart + (size - 1) / 2
    weights = np.exp(-(((np.arange(size)[:, None] - knots) / deviation) ** 2) / 2)
    # Uniform noise between -1 and 1 has the mean square 1/3; two axes multiply to it.
    unit = np.sqrt((weights**2).sum(axis=1, keepdims=True)) * 3**-0.25
    return np.asarray(weights / unit, np.float32)


def _read(x: jax.Array, y_at: jax.Array, x_at: jax.Array) -> jax.Array:
    """Images (images, h * w) read between their pixels, at rows and columns (images, h, w)."""
    _, height, width = y_at.shape
    y_at, x_at = jnp.clip(y_at, 0, height - 1), jnp.clip(x_at, 0, width - 1)
    top, left = (
        jnp.clip(jnp.floor(at), 0, size - 2) for at, size in ((y_at, height), (x_at, width))
    )
    down, right = (y_at - top).reshape(len(x), -1), (x_at - left).reshape(len(x), -1)
    corner = (top * width + left).astype(jnp.int32).reshape(len(x), -1)

    def pixel(offset: int) -> jax.Array:
        # Row by row: a gather of one index a pixel is several times as slow on CPUs.
        return jnp.take_along_axis(x, corner + offset, axis=1, mode="promise_in_bounds")

    above = pixel(0) * (1 - right) + pixel(1) * right
    below = pixel(width) * (1 - right) + pixel(width + 1) * right
    return lax.stop_gradient(above * (1 - down) + below * down)
