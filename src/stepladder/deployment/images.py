"""Pictures for a model: reads, frames, levels and perturbs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from stepladder.data.dataset import Images
from stepladder.data.images import (
    KINDS,
    decode,
    eight_bits,
    is_deep,
    open_picture,
    reason_unreadable,
    without_warnings,
)
from stepladder.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST = 400
"""Pixels of the longer side to which a picture is shrunk: a digit needs 28, its background more."""

_HALF = 127
"""Whole numbers above it mean images in the range of a byte, whatever the greatest one is."""


@dataclass(frozen=True)
class Levels:
    """The range of values of a dataset's images.

    Attributes:
        least: which stands for black.
        greatest: which stands for white.
    """

    least: float
    greatest: float


def levels_of(images: Images) -> Levels | None:
    """The range of values of a dataset's images, or None where its inputs are a table.

    Args:
        images: of shape (examples, *input_shape).

    Returns:
        0…255 for whole numbers, unless all are in 0…127: then they are of fewer levels, such as
        0 and 1, and what they reach is their range, as it is for float32.
    """
    if images.ndim < 3:
        return None
    greatest = float(images.max())
    if images.dtype == np.uint8:
        return Levels(0, 255 if greatest > _HALF else greatest)
    return Levels(float(images.min()), greatest)


def level_background(values: npt.NDArray[np.uint8], levels: Levels) -> npt.NDArray[np.number]:
    """An image of grey levels in 0…255 with the values of a dataset's images.

    Args:
        values: of any shape.
        levels: of the dataset.

    Returns:
        The same shape; uint8 where nothing is to be changed, else float32.

    Example:
        >>> level_background(np.array([0, 255], np.uint8), Levels(-1, 1)).tolist()
        [-1.0, 1.0]
    """
    if levels == Levels(0, 255):
        return values
    share = values / 255  # 1 exactly for white, so that no value lies outside the range
    return np.asarray(levels.least * (1 - share) + levels.greatest * share, np.float32)


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """A picture as colours, for a model that was not trained on files of pictures.

    It is rotated as its camera was held. What is transparent gets a paper of the opposite
    brightness, so that the drawing is seen. Large pictures are shrunk.

    Args:
        path: of a file of a picture.

    Returns:
        In 0…255, of shape (height, width, 3).

    Raises:
        DataError: if it cannot be read.
    """
    return _read(path, _colours)


def read_alike(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A picture as the images of the training set were read, which were files too.

    Args:
        path: of a file of a picture.
        shape: of the model's input, (height, width) or (height, width, 3).

    Raises:
        DataError: if it cannot be read.
    """
    return _read(path, lambda picture: decode(picture, (shape[0], shape[1]), len(shape) == 3))


def _read(path: Path, convert: Callable[[Image], npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    try:
        with without_warnings(), open_picture(path) as picture:
            return convert(picture)
    except OSError as error:
        if error.strerror:
            raise _unreadable(path, error.strerror, "check its name and its permissions") from None
        raise _unreadable(path, reason_unreadable(error), "save it again") from None
    except Exception as error:  # decoders raise anything on damaged bytes
        raise _unreadable(path, reason_unreadable(error), "save it again, and smaller") from None


def _unreadable(path: Path, found: str, advice: str) -> DataError:
    return DataError(
        f"{path}: must be a picture ({KINDS}) or an array (.npy, .npz), found {found}; {advice}"
    )


def _colours(picture: Image) -> npt.NDArray[np.uint8]:
    from PIL import Image, ImageOps

    picture.draft("RGB", (_LONGEST, _LONGEST))
    picture = ImageOps.exif_transpose(picture)
    if is_deep(picture):  # many have 8 bits in a file of 16
        picture = eight_bits(picture, 65_535 if np.asarray(picture).max() > 255 else 255)
    is_transparent = picture.has_transparency_data
    picture = picture.convert("RGBA" if is_transparent else "RGB")
    if max(picture.size) > _LONGEST:
        picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
    values = np.asarray(picture)
    if not is_transparent:
        return values
    colours, cover = values[..., :3].astype(np.float64), values[..., 3:] / 255
    drawn = float((colours.mean(axis=2, keepdims=True) * cover).sum() / max(cover.sum(), 1e-9))
    paper = 255.0 if drawn < 128 else 0.0
    return np.rint(colours * cover + paper * (1 - cover)).astype(np.uint8)


def resize(picture: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A picture in the shape of a dataset's images, as it is.

    Args:
        picture: in 0…255, of shape (height, width, 3).
        shape: (height, width), (height, width, 1) or (height, width, 3).
    """
    from PIL import Image

    small = Image.fromarray(picture).resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    return np.asarray(small if shape[2:] == (3,) else small.convert("L"), np.uint8).reshape(shape)


Grey = npt.NDArray[np.float64]

_LOOKED_AT = 2000
_MOST = 0.95
"""Part of the images that must have a framing for their dataset to have it."""

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
    """The framing of a dataset's images, or None where they have none in common.

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
    first = images[:_LOOKED_AT].reshape(-1, *images.shape[1:3]).astype(np.float64)
    if images.dtype != np.uint8:
        first -= float(images.min())
    first = first[first.any(axis=(1, 2))]
    if not len(first):
        return None
    offsets = np.array([ndimage.center_of_mass(image) for image in first])
    offsets -= _middle(first.shape[1:])
    sides = np.array([max(np.ptp(np.nonzero(image), axis=1)) + 1 for image in first])
    box = int(np.bincount(sides).argmax())
    keeps = (np.abs(offsets).max(axis=1) <= 0.51) & (sides == box)
    return Framing(box) if keeps.mean() >= _MOST and box < min(first.shape[1:]) else None


def _middle(shape: Sequence[int]) -> Grey:
    """The middle of an image as MNIST has it: (14, 14) of 28 by 28, counted from 0."""
    return np.array([side / 2 for side in shape])


def frame(ink: Grey, shape: tuple[int, int], box: int) -> npt.NDArray[np.uint8]:
    """What is drawn, as an image of a dataset with such a framing.

    It is cut out, fitted into the box with its proportions kept, and moved by whole pixels until
    its centre of mass lies in the middle. Strokes that would nearly vanish are thickened first.

    Args:
        ink: in 0…1, of shape (height, width), background 0; see `find_ink`.
        shape: height and width of the image.
        box: pixels of the longer side of what is drawn.

    Returns:
        uint8 of that shape, ink 255 on 0; all 0 where nothing is drawn.

    Example:
        >>> paper = np.full((140, 100), 255.0)
        >>> paper[40:100, 40:60] = 0  # a stroke
        >>> digit = frame(find_ink(paper), (28, 28), box=20)
        >>> np.flatnonzero(digit.any(axis=1))[[0, -1]].tolist()
        [4, 23]
    """
    if not ink.any():
        return np.zeros(shape, np.uint8)
    small = _resample(_crop(_thicken(_crop(ink))), box)
    image = np.zeros(shape)
    offset = np.round(_middle(shape) - ndimage.center_of_mass(small)).astype(int)
    rows, columns = (
        np.arange(length) + start for length, start in zip(small.shape, offset, strict=True)
    )
    in_rows = (rows >= 0) & (rows < shape[0])
    in_columns = (columns >= 0) & (columns < shape[1])
    image[np.ix_(rows[in_rows], columns[in_columns])] = small[np.ix_(in_rows, in_columns)]
    return np.asarray(np.rint(255 * image), np.uint8)


def _crop(ink: Grey) -> Grey:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicken(ink: Grey) -> Grey:
    """Strokes brought to the least width, where they are thinner."""
    longer = max(ink.shape)
    inside = np.pad(ink > 0.5, 1)
    if not inside.any():
        return ink
    # Across a stroke of width w, distances to its edge have the mean (w + 2) / 4 or nearly so.
    width = 4 * float(ndimage.distance_transform_edt(inside)[inside].mean()) - 2
    radius = round((_THIN * longer - max(width, 1.0)) / 2)
    if radius < 1:
        return ink
    disc = np.hypot(*np.ogrid[-radius : radius + 1, -radius : radius + 1]) <= radius + 0.3
    return np.asarray(ndimage.grey_dilation(np.pad(ink, radius), footprint=disc))


def _resample(ink: Grey, box: int) -> Grey:
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


Mask = npt.NDArray[np.bool_]

_RING = 0.06
"""Part of each side that counts as background at first: digits seldom reach an edge."""

_ROUNDS = 5
_NOISE = 4.0
"""Robust deviations of the background beyond which a pixel is not background."""

_LEAST_CONTRAST = 12.0
"""Grey levels, of 255, that ink must differ from its background by."""

_STRONGEST = 0.9995
"""Quantile of differences that finds ink: a small digit covers few of a picture's pixels."""

_SPECK = 0.04
"""Part of the largest connected piece's ink below which another piece is dirt."""

_FULL = 0.85
"""Quantile of the ink's grey levels that counts as full ink: a pen covers its stroke."""


def find_ink(picture: Grey) -> Grey:
    """The amount of ink on each pixel of a picture.

    The background is a quadratic surface, fitted to the picture's edge and then to all that lies
    near it, so that uneven light is taken out. What differs from it on the side that has the
    stronger differences is ink, dark on light or light on dark. Otsu's threshold separates it from
    paper, pieces that are small compared with the largest are dropped as dirt, and grey levels are
    stretched so that most of a stroke is full.

    Args:
        picture: grey levels in 0…255, of shape (height, width).

    Returns:
        In 0…1, of the same shape; all 0 where nothing is drawn on it.

    Reference:
        Otsu 1979, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9(1).
    """
    difference, noise = _from_background(picture)
    light, dark = (np.clip(sign * difference, 0, None) for sign in (1, -1))
    ink = light if _strength(light) >= _strength(dark) else dark
    if _strength(ink) < max(_LEAST_CONTRAST, _NOISE * noise):
        return np.zeros_like(picture)
    threshold = max(_otsu(ink), _NOISE * noise, _LEAST_CONTRAST / 2)
    strokes = _without_specks(ink, ink > threshold)
    if not strokes.any():
        return np.zeros_like(picture)
    full = float(np.quantile(ink[strokes], _FULL))
    # The soft edge of a stroke is one pixel wide; further away it is paper.
    near = ndimage.binary_dilation(strokes, iterations=1, structure=np.ones((3, 3), bool))
    floor = min(2 * noise, threshold / 2)
    return np.where(near, np.clip((ink - floor) / (full - floor), 0, 1), 0.0)


def _from_background(picture: Grey) -> tuple[Grey, float]:
    """A picture less its background, and the background's robust deviation."""
    rows, columns = np.meshgrid(
        *(np.linspace(-1, 1, side) for side in picture.shape), indexing="ij"
    )
    terms = [np.ones_like(rows), rows, columns]
    quadratic = [*terms, rows * rows, rows * columns, columns * columns]
    used = _ring(picture.shape)
    difference, noise = picture, 0.0
    for step in range(_ROUNDS):
        surface = quadratic if step else terms
        design = np.stack([term[used] for term in surface], axis=1)
        weights, *_ = np.linalg.lstsq(design, picture[used], rcond=None)
        difference = picture - sum(
            weight * term for weight, term in zip(weights, surface, strict=True)
        )
        noise = 1.4826 * float(np.median(np.abs(difference[used])))
        # Paper is what lies near the surface; the fit may not lose the edge it began with.
        used = np.abs(difference) <= max(_NOISE * noise, 2.0)
        if used.sum() < 3 * len(quadratic):
            break
    return difference, noise


def _ring(shape: tuple[int, ...]) -> Mask:
    """The pixels near the edge."""
    ring = np.ones(shape, bool)
    margins = [max(1, round(_RING * side)) for side in shape]
    ring[margins[0] : -margins[0], margins[1] : -margins[1]] = False
    return ring


def _strength(ink: Grey) -> float:
    """How far the strongest pixels differ from the background: grain of 4 deviations does not."""
    return float(np.quantile(ink, _STRONGEST))


def _otsu(values: Grey) -> float:
    """The grey level that parts values into two classes of the least variance within."""
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
    between = np.where((below > 0) & (above > 0), below * 1.0 * above * gap**2, -1.0)
    best = np.flatnonzero(between == between.max())
    return float(edges[int(best.mean()) + 1])


def _without_specks(ink: Grey, mask: Mask) -> Mask:
    """The pieces of a mask that hold enough ink compared with the largest one."""
    pieces, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count < 2:
        return mask
    weights = ndimage.sum_labels(ink, pieces, np.arange(1, count + 1))
    heavy = np.flatnonzero(weights >= _SPECK * weights.max()) + 1
    return np.asarray(np.isin(pieces, heavy))


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
"""The changes that an exported network is evaluated under."""

_TOWARDS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def perturb(images: Images, how: Perturbation) -> Iterator[Images]:
    """The images under a perturbation, once for each direction that it has.

    Shifts go to the four sides, rotations both ways, noise is drawn once. What comes in from
    outside is the images' least value; values are cut to their range.

    Args:
        images: of shape (examples, height, width) or (examples, height, width, channels).
        how: kind and strength.
    """
    low, high = float(images.min()), float(images.max())
    if how.kind == "noise":
        noise = np.random.default_rng(0).normal(0, how.strength * (high - low), images.shape)
        yield _as(images, np.clip(images + noise, low, high))
    elif how.kind == "shift":
        for rows, columns in _TOWARDS:
            by = (0, rows * how.strength, columns * how.strength, 0)[: images.ndim]
            yield _as(images, ndimage.shift(images, by, order=0, cval=low))
    else:
        for degrees in (how.strength, -how.strength):
            rotated = ndimage.rotate(
                images.astype(np.float32), degrees, axes=(2, 1), reshape=False, order=1, cval=low
            )
            yield _as(images, np.clip(rotated, low, high))


def _as(images: Images, changed: npt.NDArray[np.floating]) -> Images:
    if images.dtype == np.uint8:
        return np.asarray(np.rint(changed), np.uint8)
    return np.asarray(changed, np.float32)
