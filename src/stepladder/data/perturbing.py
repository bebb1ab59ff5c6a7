"""Images moved, turned and covered with noise, to see how a network bears it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["PERTURBATIONS", "Perturbation", "perturbed"]

Images = npt.NDArray[np.uint8] | npt.NDArray[np.float32]

Kind = Literal["shift", "rotation", "noise"]


class Perturbation(NamedTuple):
    """One kind of change and how strong it is.

    Attributes:
        kind: `shift` by pixels, `rotation` by degrees, or `noise` with a deviation in parts of
            the range of the values.
        strength: how much.
    """

    kind: Kind
    strength: float


PERTURBATIONS = (
    *(Perturbation("shift", pixels) for pixels in (1, 2, 3, 4)),
    *(Perturbation("rotation", degrees) for degrees in (5, 10, 15, 20, 30)),
    *(Perturbation("noise", deviation) for deviation in (0.1, 0.2, 0.3, 0.5)),
)
"""What exported networks are tried with."""

_TOWARDS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def perturbed(images: Images, how: Perturbation, seed: int = 0) -> Iterator[Images]:
    """The images under a perturbation, once for each direction that it has.

    Shifts go to the four sides, rotations both ways, noise is drawn once. What comes in from
    outside is the images' least value; values are cut to their range.

    Args:
        images: of shape (examples, height, width) or (examples, height, width, channels).
        how: kind and strength.
        seed: of the noise.
    """
    low, high = float(images.min()), float(images.max())
    if how.kind == "noise":
        noise = np.random.default_rng(seed).normal(0, how.strength * (high - low), images.shape)
        yield _as(images, np.clip(images + noise, low, high))
    elif how.kind == "shift":
        for rows, columns in _TOWARDS:
            by = (0, rows * how.strength, columns * how.strength, 0)[: images.ndim]
            yield _as(images, ndimage.shift(images, by, order=0, cval=low))
    else:
        for degrees in (how.strength, -how.strength):
            turned = ndimage.rotate(
                images.astype(np.float32), degrees, axes=(2, 1), reshape=False, order=1, cval=low
            )
            yield _as(images, np.clip(turned, low, high))


def _as(images: Images, changed: npt.NDArray[np.floating]) -> Images:
    if images.dtype == np.uint8:
        return np.asarray(np.rint(changed), np.uint8)
    return np.asarray(changed, np.float32)
