"""Ink on paper: what was drawn on a picture, told from its background, whatever their colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["ink_of"]

Grey = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_RING = 0.06
"""Part of each side that is taken for background to begin with: digits seldom reach an edge."""

_ROUNDS = 5
_NOISE = 4.0
"""Robust deviations of the background beyond which a pixel is not background."""

_LEAST_CONTRAST = 12.0
"""Grey levels, of 255, that ink must differ from its background by."""

_STRONGEST = 0.9995
"""Quantile of differences by which ink is told: a small digit covers few of a picture's pixels."""

_SPECK = 0.04
"""Part of the largest connected piece's ink below which another piece is dirt."""

_FULL = 0.85
"""Quantile of the ink's grey levels that is taken for full ink: a pen covers its stroke."""


def ink_of(picture: Grey) -> Grey:
    """How much ink lies on each pixel of a picture.

    The background is a quadratic surface, fitted to the picture's edge and then to all that lies
    near it, so that uneven light is taken out. What differs from it on the side that has the
    stronger differences is ink: dark on light and light on dark are found alike. Ink is told from
    paper by Otsu's threshold, pieces that are small beside the largest are taken for dirt, and
    grey levels are stretched so that most of a stroke is full.

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
    kept = _without_specks(ink, ink > threshold)
    if not kept.any():
        return np.zeros_like(picture)
    full = float(np.quantile(ink[kept], _FULL))
    # The soft edge of a stroke lies beside what is kept; further away it is paper.
    near = ndimage.binary_dilation(kept, iterations=1, structure=np.ones((3, 3), bool))
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
    for turn in range(_ROUNDS):
        surface = terms if turn == 0 else quadratic
        design = np.stack([term[used] for term in surface], axis=1)
        found, *_ = np.linalg.lstsq(design, picture[used], rcond=None)
        difference = picture - sum(
            weight * term for weight, term in zip(found, surface, strict=True)
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
    """The pieces of a mask that hold enough ink beside the largest one."""
    pieces, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count < 2:
        return mask
    weights = ndimage.sum_labels(ink, pieces, np.arange(1, count + 1))
    wanted = np.flatnonzero(weights >= _SPECK * weights.max()) + 1
    return np.asarray(np.isin(pieces, wanted))
