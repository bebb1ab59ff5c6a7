"""How MNIST was made: a digit fitted into a box, and its centre of mass put into the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from stepladder.data.dataset import Images

__all__ = ["Framing", "framed", "framing_of"]

Grey = npt.NDArray[np.float64]

_LOOKED_AT = 2000
_MOST = 0.95
"""Part of the images that must keep to a framing for their dataset to be said to have it."""

_THIN = 0.09
"""Width of a stroke, as part of the longer side of what is drawn, below which it is thickened:
a twentieth of MNIST's digits have thinner ones."""


@dataclass(frozen=True)
class Framing:
    """How the images of a dataset are framed.

    Attributes:
        box: pixels of the longer side of what is drawn.
    """

    box: int


def framing_of(images: Images) -> Framing | None:
    """The framing that a dataset's images keep to, or None where they keep to none.

    Args:
        images: of shape (examples, height, width) or (examples, height, width, 1); their
            background is 0 in whole numbers, and the least value of all in others.

    Returns:
        A framing where all but a twentieth of the images have their centre of mass within half a
        pixel of the middle and a longer side of one length.

    Reference:
        LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document
        recognition, section III.A.
    """
    if images.ndim not in (3, 4) or images[0].size != np.prod(images.shape[1:3]):
        return None
    some = images[:_LOOKED_AT].reshape(-1, *images.shape[1:3]).astype(np.float64)
    if images.dtype != np.uint8:
        some -= float(images.min())
    some = some[some.any(axis=(1, 2))]
    if not len(some):
        return None
    offsets = np.array([ndimage.center_of_mass(each) for each in some]) - _middle(some.shape[1:])
    sides = np.array([max(np.ptp(np.nonzero(each), axis=1)) + 1 for each in some])
    box = int(np.bincount(sides).argmax())
    keeps = (np.abs(offsets).max(axis=1) <= 0.51) & (sides == box)
    return Framing(box) if keeps.mean() >= _MOST and box < min(some.shape[1:]) else None


def _middle(shape: Sequence[int]) -> Grey:
    """The middle of an image as MNIST has it: (14, 14) of 28 by 28, counted from 0."""
    return np.array([side / 2 for side in shape])


def framed(ink: Grey, shape: tuple[int, int], box: int) -> npt.NDArray[np.uint8]:
    """What is drawn, as an image of a dataset with such a framing.

    It is cut out, fitted into the box with its proportions kept, and moved by whole pixels until
    its centre of mass lies in the middle. Strokes that would nearly vanish are thickened first.

    Args:
        ink: in 0…1, of shape (height, width), background 0; see `ink_of`.
        shape: height and width of the image.
        box: pixels of the longer side of what is drawn.

    Returns:
        uint8 of that shape, ink 255 on 0; all 0 where nothing is drawn.
    """
    if not ink.any():
        return np.zeros(shape, np.uint8)
    drawn = _cut_out(_thickened(_cut_out(ink)))
    small = _shrunk(drawn, box)
    image = np.zeros(shape)
    offset = np.round(_middle(shape) - ndimage.center_of_mass(small)).astype(int)
    rows, columns = (
        np.arange(length) + start for length, start in zip(small.shape, offset, strict=True)
    )
    in_rows = (rows >= 0) & (rows < shape[0])
    in_columns = (columns >= 0) & (columns < shape[1])
    image[np.ix_(rows[in_rows], columns[in_columns])] = small[np.ix_(in_rows, in_columns)]
    return np.asarray(np.rint(255 * image), np.uint8)


def _cut_out(ink: Grey) -> Grey:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thickened(ink: Grey) -> Grey:
    """Strokes brought to the least width, where they are thinner."""
    longer = max(ink.shape)
    inside = np.pad(ink > 0.5, 1)
    if not inside.any():
        return ink
    # Across a stroke of width w, distances to its edge have the mean (w + 2) / 4 or nearly so.
    width = 4 * float(ndimage.distance_transform_edt(inside)[inside].mean()) - 2
    lacking = round((_THIN * longer - max(width, 1.0)) / 2)
    if lacking < 1:
        return ink
    disc = np.hypot(*np.ogrid[-lacking : lacking + 1, -lacking : lacking + 1]) <= lacking + 0.3
    return np.asarray(ndimage.grey_dilation(np.pad(ink, lacking), footprint=disc))


def _shrunk(ink: Grey, box: int) -> Grey:
    """Resampled so that its longer side has as many pixels as the box; full ink stays full."""
    from PIL import Image

    scale = box / max(ink.shape)
    height, width = (max(1, round(scale * side)) for side in ink.shape)
    # Area averages where it shrinks, so that no stroke falls between two samples.
    how = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC
    pixels = Image.fromarray(ink.astype(np.float32)).resize((width, height), how)
    small = np.clip(np.asarray(pixels, np.float64), 0, 1)
    top = float(small.max())
    return small / top if top else small
