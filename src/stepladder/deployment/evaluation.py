"""Calibration of an exported model, and its accuracy on changed images, for its card."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Images
from stepladder.deployment.images import PERTURBATIONS, Perturbation, perturb
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


def evaluate(
    ask: Ask,
    part: str,
    images: Images,
    labels: npt.NDArray[np.integer],
    say: Callable[[str], object],
    noun: str = "image",
) -> Measured:
    """Measures a model's calibration and robustness.

    Args:
        ask: gives probabilities for raw inputs.
        part: what the images are called.
        images: raw inputs, of shape (examples, *input_shape).
        labels: their classes.
        say: receives a sentence that says what is measured.
        noun: what one example is called.

    Example:
        >>> random = np.random.default_rng(0)
        >>> def ask(inputs):
        ...     return np.tile(np.float32([0.5, 0.5]), (len(inputs), 1))
        >>> table, labels = random.uniform(size=(20, 3)).astype(np.float32), np.arange(20) % 2
        >>> evaluate(ask, "validation", table, labels, print).calibration.accuracy
        measuring calibration and robustness on 20 validation images
        0.5
    """
    say(f"measuring calibration and robustness on {len(labels):,} {part} {noun}s")
    calibrated = calibration(ask(images), labels)
    rows = np.linspace(0, len(labels) - 1, min(len(labels), _MOST_IMAGES)).round().astype(int)
    if images.ndim < 3:
        return Measured(part, calibrated, (), 0)
    images, labels = images[rows], labels[rows]
    points = [_point(None, [ask(images).argmax(axis=1) == labels])]
    for change in PERTURBATIONS:
        # A shift must leave something of the images.
        if change.kind != "shift" or change.strength < min(images.shape[1:3]) / 2:
            correct = [ask(moved).argmax(axis=1) == labels for moved in perturb(images, change)]
            points.append(_point(change, correct))
    return Measured(part, calibrated, tuple(points), len(rows))


def _point(how: Perturbation | None, correct: list[npt.NDArray[np.bool_]]) -> RobustnessPoint:
    means = np.mean(correct, axis=0)  # over directions: images are the sample, not their copies
    deviation = float(means.std(ddof=1)) if len(means) > 1 else math.nan
    return RobustnessPoint(how, float(means.mean()), 1.96 * deviation / math.sqrt(len(means)))
