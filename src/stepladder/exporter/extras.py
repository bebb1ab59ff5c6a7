"""What stepladder adds to a model file: its classes, and what its training set is like.

A `.keras` file is a zip archive. Keras reads the members that it knows and leaves others alone,
so that one file holds all that `predict` needs and loads where Keras alone is installed.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.analysis.familiar import Familiar
from stepladder.data.arrays import read_arrays
from stepladder.data.framing import Framing
from stepladder.data.pictures import Levels
from stepladder.errors import DataError, InputError

__all__ = ["Extras", "read_extras", "with_extras"]

_TEXT, _ARRAYS = "stepladder.json", "stepladder.npz"
_MOST_BYTES = 1 << 30
_PARTS = ("means", "axes", "variances", "rest")
_HALVED = ("means", "axes")  # which lie in 0…1


@dataclass(frozen=True)
class Extras:
    """What is known of a model beyond its network.

    Attributes:
        classes: names, in the order of their numbers.
        framing: how the images of its training set are framed, or None.
        levels: the values that they have; None for a table, and where nobody knows.
        familiar: what its training set is like, or None where nobody knows.
    """

    classes: tuple[str, ...]
    framing: Framing | None
    levels: Levels | None
    familiar: Familiar | None


def with_extras(model: bytes, extras: Extras) -> bytes:
    """A model file with what is known of it.

    Args:
        model: the file as Keras has written it.
        extras: what is added.
    """
    said: dict[str, Any] = {
        "version": 1,
        "classes": list(extras.classes),
        "framing": None if extras.framing is None else {"box": extras.framing.box},
        "levels": None if extras.levels is None else [extras.levels.least, extras.levels.greatest],
        "familiar": None,
    }
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        if extras.familiar is not None:
            known = extras.familiar
            said["familiar"] = {"scale": known.scale, "threshold": known.threshold}
            arrays = io.BytesIO()
            # Half the digits are enough: a distance changes by a few thousandths of its spread.
            halved = {part: getattr(known, part).astype(np.float16) for part in _HALVED}
            np.savez(arrays, **{part: getattr(known, part) for part in _PARTS} | halved)
            archive.writestr(_ARRAYS, arrays.getvalue())
        archive.writestr(_TEXT, json.dumps(said))
    return file.getvalue()


def read_extras(file: Path) -> Extras | None:
    """What was added to a model file, or None where nothing was.

    Raises:
        InputError: if the file is no zip archive that can be read, or what was added is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if _TEXT not in archive.namelist():
                return None
            _check_sizes(archive)
            said = json.loads(archive.read(_TEXT))
            familiar = _familiar(said["familiar"], archive)
        framing = said["framing"] and Framing(int(said["framing"]["box"]))
        levels = _levels(said["levels"]) if "levels" in said else _older(framing, familiar)
        return Extras(tuple(map(str, said["classes"])), framing or None, levels, familiar)
    except OSError as error:
        raise InputError(
            f"MODEL must be a file that can be read, found {str(file)!r}: "
            f"{error.strerror or error}; check its name"
        ) from None
    except Exception as error:  # zip and array readers raise anything on damaged bytes
        raise InputError(
            f"MODEL must be a .keras file as stepladder export or Keras writes it, found that "
            f"{str(file)!r} cannot be read ({_told(error)}); export it again"
        ) from None


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _check_sizes(archive: zipfile.ZipFile) -> None:
    for name in (_TEXT, _ARRAYS):
        if name in archive.namelist() and archive.getinfo(name).file_size > _MOST_BYTES:
            raise ValueError(f"{name} is larger than any that stepladder writes")


def _levels(said: list[float] | None) -> Levels | None:
    if said is None:
        return None
    least, greatest = map(float, said)
    if not (math.isfinite(least) and math.isfinite(greatest) and least <= greatest):
        raise ValueError(f"its images cannot have values in {least}…{greatest}")
    return Levels(least, greatest)


def _older(framing: Framing | None, familiar: Familiar | None) -> Levels | None:
    """Those of a file that does not say: it has a framing only where images are whole numbers."""
    is_byte = familiar is not None and math.isclose(familiar.scale, 1 / 255)
    return Levels(0, 255) if framing or is_byte else None


def _familiar(said: dict[str, Any] | None, archive: zipfile.ZipFile) -> Familiar | None:
    if said is None:
        return None
    arrays = read_arrays(io.BytesIO(archive.read(_ARRAYS)), _ARRAYS)
    parts = {part: np.asarray(arrays[part], np.float32) for part in _PARTS}
    known = Familiar(float(said["scale"]), **parts, threshold=float(said["threshold"]))
    count, values, axes = known.axes.shape
    if known.means.shape != (count, values) or known.variances.shape != (count, axes):
        raise DataError("its arrays do not fit each other")
    if known.rest.shape != (count,) or not count or not math.isfinite(known.threshold):
        raise DataError("its arrays do not fit each other")
    return known
