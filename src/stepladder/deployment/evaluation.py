"""What a model's card says of it, measured on images: calibration and how it bears changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.deployment.images import PERTURBATIONS, Perturbation, perturbed
from stepladder.statistics.classification import Calibration, calibration

_MOST_IMAGES = 2000
"""Images that a model is tried with under each change: a large ensemble takes minutes for these."""

Ask = Callable[[npt.NDArray[np.generic]], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class RobustnessPoint:
    """Accuracy under one change of the images.

    Attributes:
        how: kind and strength; None for the images as they are.
        accuracy: mean over images and over the directions of the change.
        half_width: of its 95 % interval over images.
    """

    how: Perturbation | None
    accuracy: float
    half_width: float


@dataclass(frozen=True)
class Measured:
    """What a model does on images that it was not trained on.

    Attributes:
        part: `validation` or `test`.
        calibration: on all of the part.
        borne: accuracy under changes, the images as they are first; empty where inputs are no
            images.
        images: how many the changes were tried on.
    """

    part: str
    calibration: Calibration
    borne: tuple[RobustnessPoint, ...]
    images: int


def measured(
    ask: Ask,
    part: str,
    images: npt.NDArray[np.generic],
    labels: npt.NDArray[np.integer],
    told: Callable[[str], object],
) -> Measured:
    """Measures a model.

    Args:
        ask: gives probabilities for raw inputs.
        part: what the images are called.
        images: raw inputs, of shape (examples, *input_shape).
        labels: their classes.
        told: is told what is being measured.
    """
    told(f"measuring calibration and robustness on {len(labels):,} {part} images")
    found = calibration(ask(images), labels)
    few = np.linspace(0, len(labels) - 1, min(len(labels), _MOST_IMAGES)).round().astype(int)
    if images.ndim < 3:
        return Measured(part, found, (), 0)
    some, classes = images[few], labels[few]
    borne = [_borne(None, [ask(some).argmax(axis=1) == classes])]
    for how in _fitting(images.shape[1:3]):
        answers = [ask(each).argmax(axis=1) == classes for each in perturbed(some, how)]
        borne.append(_borne(how, answers))
    return Measured(part, found, tuple(borne), len(few))


def _fitting(shape: tuple[int, ...]) -> Iterator[Perturbation]:
    """The changes that leave something of images of a size."""
    for how in PERTURBATIONS:
        if how.kind != "shift" or how.strength < min(shape) / 2:
            yield how


def _borne(how: Perturbation | None, correct: list[npt.NDArray[np.bool_]]) -> RobustnessPoint:
    """The mean over directions is one value an image, and images are what was drawn."""
    each = np.mean(correct, axis=0)
    deviation = float(each.std(ddof=1)) if len(each) > 1 else math.nan
    return RobustnessPoint(how, float(each.mean()), 1.96 * deviation / math.sqrt(len(each)))
