"""Calibration: whether a network that says 90 % is right nine times in ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.analysis.judged import Interval

__all__ = ["BINS", "Calibration", "calibration", "expected_calibration_error"]

Floats = npt.NDArray[np.floating]

BINS = 15
"""Bins of confidence, as Guo et al. have them."""

_DRAWS = 2000


@dataclass(frozen=True)
class Calibration:
    """How a network's confidence agrees with how often it is right.

    Attributes:
        error: expected calibration error, a fraction.
        interval: its 95 % bootstrap interval over images.
        by_chance: the error that a perfectly calibrated network of the same confidences would
            show on so many images: bins hold few, so that it is never 0.
        confidence: mean of the largest probability.
        accuracy: share of right answers.
        loss: mean cross-entropy in nats.
        images: how many it was measured on.
    """

    error: float
    interval: Interval
    by_chance: float
    confidence: float
    accuracy: float
    loss: float
    images: int


def expected_calibration_error(
    confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = BINS
) -> float:
    """The mean over images of how far their bin's accuracy is from its mean confidence.

    ∑ₘ |Bₘ|/n · |acc(Bₘ) - conf(Bₘ)| over bins of equal width.

    Args:
        confidence: largest probability of each image, in 0…1, of shape (images,).
        correct: whether that answer is right.
        bins: how many.

    Example:
        >>> import numpy as np
        >>> round(expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 6)
        0.4

    Reference:
        Guo, Pleiss, Sun, Weinberger 2017, On calibration of modern neural networks, equation 3.
    """
    weights = np.ones((1, len(confidence)))
    return float(_errors(_bins_of(confidence, bins), confidence, correct, weights, bins)[0])


def calibration(
    probabilities: Floats, labels: npt.NDArray[np.integer], seed: int = 0
) -> Calibration:
    """A network's calibration on images that it was not trained on.

    The interval is the basic bootstrap's, 2e - q: resampled errors lie above the one measured by
    as much as that lies above the true one, since noise within bins adds up in both.

    Args:
        probabilities: of shape (images, classes), rows with the sum 1.
        labels: true classes, of shape (images,).
        seed: of the resamples.

    Reference:
        Davison, Hinkley 1997, Bootstrap methods and their application, section 5.2.
    """
    answers = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(labels)), answers].astype(np.float64)
    correct = answers == labels
    place = _bins_of(confidence, BINS)
    error = expected_calibration_error(confidence, correct)
    draw = np.random.default_rng(seed)
    resampled, chance = [], []
    for _ in range(0, _DRAWS, 50):
        weights = draw.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), 50)
        resampled.append(_errors(place, confidence, correct, weights, BINS))
        luck = draw.random((50, len(labels))) < confidence
        chance.append(_errors_of(place, confidence, luck, BINS))
    low, high = np.quantile(np.concatenate(resampled), [0.025, 0.975])
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Calibration(
        error=error,
        interval=Interval(max(0.0, 2 * error - float(high)), max(0.0, 2 * error - float(low))),
        by_chance=float(np.concatenate(chance).mean()),
        confidence=float(confidence.mean()),
        accuracy=float(correct.mean()),
        loss=float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean()),
        images=len(labels),
    )


def _bins_of(confidence: Floats, bins: int) -> npt.NDArray[np.intp]:
    return np.minimum((confidence * bins).astype(np.intp), bins - 1)


def _errors(
    place: npt.NDArray[np.intp], confidence: Floats, correct: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.number], bins: int,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """The error of each row of weights, (draws, images): how often an image counts in it."""
    member = np.zeros((len(place), bins))
    member[np.arange(len(place)), place] = correct - confidence
    gaps = np.abs(weights @ member).sum(axis=1)
    return np.asarray(gaps / weights.sum(axis=1))


def _errors_of(
    place: npt.NDArray[np.intp], confidence: Floats, correct: npt.NDArray[np.bool_], bins: int
) -> npt.NDArray[np.float64]:
    """The error of each row of right answers, (draws, images)."""
    member = np.zeros((len(place), bins))
    member[np.arange(len(place)), place] = 1.0
    return np.asarray(np.abs((correct - confidence) @ member).sum(axis=1) / len(place))
