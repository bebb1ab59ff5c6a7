"""Whether an input looks like the training set of a network: a mixture of local subspaces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.cluster.vq import kmeans2
from scipy.sparse.linalg import eigsh

Floats = npt.NDArray[np.floating]
Raw = npt.NDArray[np.number]

FALSE_ALARMS = 0.02
"""Part of held-out images of the training set's own kind that are called unlike it."""

_PARTS, _AXES = 8, 12
"""Subspaces a class, and axes of each: chosen on letters and shapes, see the documentation."""

_EXAMPLES_A_PART = 50
_BLUR = 0.7  # pixels: where exactly a stroke's edge lies says nothing
_FLOOR = 1e-3  # of the mean variance, below which no variance is believed
_AT_ONCE = 1000
_MOST = 60_000  # training images that are looked at, evenly


@dataclass(frozen=True, eq=False)
class SubspaceMixture:
    """A training set as a mixture of local subspaces, to see whether an input looks like it.

    Attributes:
        scale: what inputs are multiplied by first.
        means: float32 (parts, values): the middle of each part.
        axes: float32 (parts, values, axes): its directions of the largest variance.
        variances: float32 (parts, axes): the variance along them.
        rest: float32 (parts,): the mean variance across all other directions.
        threshold: distance beyond which an input is unlike the training set.
    """

    scale: float
    means: npt.NDArray[np.float32]
    axes: npt.NDArray[np.float32]
    variances: npt.NDArray[np.float32]
    rest: npt.NDArray[np.float32]
    threshold: float = np.inf


def fit_subspaces(images: Raw, labels: npt.NDArray[np.integer], held_out: Raw) -> SubspaceMixture:
    """Describes a training set, and sets the threshold that its own kind seldom passes.

    Each class is cut into parts by k-means, and each part described by a Gaussian of a few axes
    and equal variance across the others. The threshold is the distance that a fiftieth of the
    held-out images exceed.

    Args:
        images: raw inputs of the training part, of shape (examples, *input_shape).
        labels: their classes.
        held_out: raw inputs of the same kind that were not trained on.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> images, labels = draw.uniform(0, 255, (60, 8, 8)), np.arange(60) % 2
        >>> mixture = fit_subspaces(images[:40], labels[:40], images[40:])
        >>> bool((distances(mixture, 9 * images[40:]) > mixture.threshold).all())
        True

    Reference:
        Tipping, Bishop 1999, Mixtures of probabilistic principal component analyzers, Neural
        Computation 11(2), with hard assignment; Lee et al. 2018, A simple unified framework for
        detecting out-of-distribution samples, for the distance to the nearest class.
    """
    step = -(-len(images) // _MOST)
    images, labels = images[::step], labels[::step]
    scale = 1 / (float(np.abs(images).max()) or 1.0)
    rows = _flat(images, scale)
    parts = [
        _gaussian(part, rows.shape[1])
        for number in np.unique(labels)
        for part in _parts(rows[labels == number])
    ]
    floor = _FLOOR * float(np.mean([rest for *_, rest in parts])) + np.finfo(np.float32).tiny
    means, axes, variances, rest = (
        np.stack([np.asarray(value, np.float32) for value in values])
        for values in zip(*parts, strict=True)
    )
    mixture = SubspaceMixture(
        scale, means, axes, np.maximum(variances, floor), np.maximum(rest, floor)
    )
    threshold = float(np.quantile(distances(mixture, held_out), 1 - FALSE_ALARMS))
    return replace(mixture, threshold=threshold)


def distances(known: SubspaceMixture, images: Raw) -> npt.NDArray[np.float64]:
    """How far inputs are from the nearest part of a training set: -2 log density, up to a constant.

    Args:
        known: the training set's description.
        images: raw inputs of shape (examples, *input_shape).

    Returns:
        float64 (examples,).
    """
    nearest = [np.empty(0)]
    for start in range(0, len(images), _AT_ONCE):
        rows = _flat(images[start : start + _AT_ONCE], known.scale)
        nearest.append(np.min([_distance(known, part, rows) for part in range(len(known.rest))], 0))
    return np.concatenate(nearest)


def _distance(known: SubspaceMixture, part: int, rows: Floats) -> Floats:
    centred = (rows - known.means[part]).astype(np.float64)  # whose squares do not overflow
    along = centred @ known.axes[part]
    across = np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0)
    variances, rest = known.variances[part].astype(float), float(known.rest[part])
    others = rows.shape[1] - len(variances)
    size = np.log(variances).sum() + others * np.log(rest)
    return np.asarray((along**2 / variances).sum(axis=1) + across / rest + size, np.float64)


def _flat(images: Raw, scale: float) -> npt.NDArray[np.float32]:
    """Inputs in 0…1 or so, images a little blurred, as rows."""
    values = images.astype(np.float32) * np.float32(scale)
    if values.ndim >= 3:
        values = ndimage.gaussian_filter(values, (0, _BLUR, _BLUR, *(0,) * (values.ndim - 3)))
    return np.asarray(values.reshape(len(values), -1))


def _parts(rows: npt.NDArray[np.float32]) -> Sequence[npt.NDArray[np.float32]]:
    """The parts of one class: as many as it has examples for."""
    count = min(_PARTS, len(rows) // _EXAMPLES_A_PART)
    if count < 2:
        return [rows]
    _, places = kmeans2(rows, count, iter=10, minit="++", missing="warn", seed=0)
    parts = [rows[places == place] for place in range(count)]
    return [part for part in parts if len(part) > _AXES] or [rows]


def _gaussian(rows: npt.NDArray[np.float32], values: int) -> tuple[Floats, Floats, Floats, float]:
    """Middle, axes, variances along them and mean variance across."""
    mean = rows.mean(axis=0)
    count = min(_AXES, values - 1)
    axes, variances = np.zeros((values, count)), np.zeros(count)
    own = min(count, len(rows) - 1)
    centred = (rows - mean).astype(np.float64)
    total = float((centred**2).sum()) / max(1, len(rows) - 1)
    if own < 1 or not total:
        return mean, axes, variances, 0.0
    covariance = centred.T @ centred / (len(rows) - 1)
    eigenvalues, vectors = eigsh(covariance, k=own, v0=np.ones(values))
    axes[:, :own], variances[:own] = vectors[:, ::-1], np.maximum(eigenvalues[::-1], 0)
    return mean, axes, variances, max(0.0, total - float(variances.sum())) / (values - count)
