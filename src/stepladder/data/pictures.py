"""PNG and JPEG files as grey levels or colours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Images
from stepladder.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Levels", "levelled", "levels_of", "read_picture", "resized"]

_FORMATS = ("PNG", "JPEG")
_LONGEST = 400
"""Pixels of the longer side that are kept: a digit needs 28, its background is found on these."""

_HALF = 127
"""Whole numbers above it tell of images that have the range of a byte, whatever they reach."""


@dataclass(frozen=True)
class Levels:
    """The values that a dataset's images have.

    Attributes:
        least: which stands for black.
        greatest: which stands for white.
    """

    least: float
    greatest: float


def levels_of(images: Images) -> Levels | None:
    """The values that a dataset's images have, or None where its inputs are a table.

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


def levelled(values: npt.NDArray[np.uint8], levels: Levels) -> npt.NDArray[np.number]:
    """An image of grey levels in 0…255 with the values of a dataset's images.

    Args:
        values: of any shape.
        levels: of the dataset.

    Returns:
        The same shape; uint8 where nothing is to be changed, else float32.
    """
    if levels == Levels(0, 255):
        return values
    share = values / 255  # 1 exactly for white, so that no value lies outside the range
    return np.asarray(levels.least * (1 - share) + levels.greatest * share, np.float32)


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """A picture as colours.

    It is turned as its camera was held, and what is transparent lies on paper of the opposite
    brightness, so that what was drawn is seen. Large pictures are shrunk.

    Args:
        path: of a PNG or JPEG file.

    Returns:
        In 0…255, of shape (height, width, 3).

    Raises:
        DataError: if it cannot be read.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a file that unpacks to hundreds of megapixels
            with Image.open(path, formats=_FORMATS) as opened:
                opened.draft("RGB", (_LONGEST, _LONGEST))
                return _colours(opened)
    except OSError as error:
        if error.strerror:
            raise _unreadable(path, error.strerror, "check its name and its permissions") from None
        raise _unreadable(path, "no PNG or JPEG file, or a damaged one", "save it again") from None
    except Exception as error:  # decoders raise anything on damaged bytes, warnings as errors too
        raise _unreadable(
            path, f"{type(error).__name__}: {str(error)[:200]}", "save it again, and smaller"
        ) from None


def _unreadable(path: Path, found: str, advice: str) -> DataError:
    return DataError(
        f"{path}: must be a picture (PNG or JPEG) or an array (.npy, .npz), found {found}; {advice}"
    )


def _colours(opened: Image) -> npt.NDArray[np.uint8]:
    from PIL import Image, ImageOps

    turned = ImageOps.exif_transpose(opened)
    if turned.mode.startswith("I;16") or turned.mode in ("I", "F"):
        grey = np.asarray(turned, np.float64)
        top = 65_535 if grey.max() > 255 else 255
        levels = np.clip(grey * (255 / top), 0, 255).astype(np.uint8)
        turned = Image.fromarray(levels)
    is_transparent = "A" in turned.getbands() or "transparency" in turned.info
    whole = turned.convert("RGBA" if is_transparent else "RGB")
    if max(whole.size) > _LONGEST:
        whole.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
    values = np.asarray(whole)
    if not is_transparent:
        return values
    colours, cover = values[..., :3].astype(np.float64), values[..., 3:] / 255
    drawn = float((colours.mean(axis=2, keepdims=True) * cover).sum() / max(cover.sum(), 1e-9))
    paper = 255.0 if drawn < 128 else 0.0
    return np.rint(colours * cover + paper * (1 - cover)).astype(np.uint8)


def resized(picture: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A picture in the shape of a dataset's images, as it is.

    Args:
        picture: in 0…255, of shape (height, width, 3).
        shape: (height, width), (height, width, 1) or (height, width, 3).
    """
    from PIL import Image

    small = Image.fromarray(picture).resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    return np.asarray(small if shape[2:] == (3,) else small.convert("L"), np.uint8).reshape(shape)
