"""Calibration and ensembles of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.statistics.results import Interval

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


@dataclass(frozen=True, eq=False)
class Answers:
    """What one network answers to some examples.

    Attributes:
        rows: which examples of a part they are, each once, int of shape (examples,).
        labels: their classes, int of shape (examples,).
        probabilities: float of shape (examples, classes).
    """

    rows: npt.NDArray[np.integer]
    labels: npt.NDArray[np.integer]
    probabilities: npt.NDArray[np.floating]


@dataclass(frozen=True)
class Pooled:
    """The accuracy of mean probabilities on one part of the data, in fractions.

    Attributes:
        accuracy: of the class with the largest mean probability.
        interval: Wilson's, at 95 %: it speaks for new examples answered by these very networks.
        single: mean accuracy of the single networks on the same answers.
        examples: that were answered.
        members: networks that answered an example, in the mean.
    """

    accuracy: float
    interval: Interval
    single: float
    examples: int
    members: float


@dataclass(frozen=True)
class Ensemble:
    """An arm's replicates as one network that gives the mean of their probabilities.

    Attributes:
        members: how many there are.
        validation: on examples that at least two members held out, each answered by those alone,
            so that no member has seen it in training; None where there are none such.
        test: on the test part, answered by all members; None where nobody may look at it.
    """

    members: int
    validation: Pooled | None
    test: Pooled | None


def pooled(answers: Sequence[Answers]) -> Pooled | None:
    """The accuracy of the mean probabilities, over examples that at least two networks answer.

    Args:
        answers: of each network; those of one example add up, whatever order they are in.

    Returns:
        None where no example is answered twice.

    Reference:
        Cireşan, Meier, Schmidhuber 2012, "Multi-column deep neural networks for image
        classification", CVPR, for the mean of several networks' probabilities; Wilson 1927 for
        the interval.
    """
    from scipy import stats  # late: it takes half a second, and few studies keep weights

    most = 1 + max((int(each.rows.max()) for each in answers if len(each.rows)), default=-1)
    classes = max((each.probabilities.shape[1] for each in answers), default=0)
    total, given = np.zeros((most, classes)), np.zeros(most, np.int64)
    right, labels = np.zeros(most, np.int64), np.zeros(most, np.int64)
    for each in answers:
        total[each.rows] += each.probabilities
        given[each.rows] += 1
        right[each.rows] += each.probabilities.argmax(axis=1) == each.labels
        labels[each.rows] = each.labels
    shared = given >= 2
    examples = int(shared.sum())
    if not examples:
        return None
    correct = int((total[shared].argmax(axis=1) == labels[shared]).sum())
    ends = stats.binomtest(correct, examples).proportion_ci(0.95, method="wilson")
    return Pooled(
        accuracy=correct / examples,
        interval=Interval(float(ends.low), float(ends.high)),
        single=float(right[shared].sum() / given[shared].sum()),
        examples=examples,
        members=float(given[shared].mean()),
    )
