"""Calibration and ensembles of classifiers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.statistics.results import Bools, Floats, Interval

_BINS = 15  # of confidence, as Guo et al. have them
_DRAWS = 2000
_DRAWS_AT_ONCE = 50  # bounds memory at 8 bytes an image each


@dataclass(frozen=True)
class Calibration:
    """How a network's confidence agrees with how often it is right.

    Attributes:
        error: expected calibration error, a fraction; chance alone makes it larger than 0.
        interval: the 95 % interval of the true root mean square error, over new images.
        by_chance: the expected calibration error that a perfectly calibrated network of the same
            confidences would show on so many images: bins hold few, so that it is never 0.
        confidence: mean of the largest probability.
        accuracy: share of right answers.
        loss: mean cross-entropy in nats.
        images: how many it was measured on.
        rms: root mean square calibration error, a fraction, without the part that chance adds.
    """

    error: float
    interval: Interval
    by_chance: float
    confidence: float
    accuracy: float
    loss: float
    images: int
    rms: float = 0.0


def expected_calibration_error(
    confidence: npt.NDArray[np.floating], correct: Bools, bins: int = _BINS
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
    gaps = _one_hot(confidence, bins) * (correct - confidence)[:, None]
    return float((np.abs(np.ones((1, len(gaps))) @ gaps).sum(axis=1) / len(gaps))[0])


def calibration(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]
) -> Calibration:
    """A network's calibration on images that it was not trained on.

    Args:
        probabilities: of shape (images, classes), rows with the sum 1.
        labels: true classes, of shape (images,).

    Example:
        >>> import numpy as np
        >>> calibration(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).accuracy
        1.0
    """
    images = len(labels)
    answers = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(images), answers].astype(np.float64)
    correct = answers == labels
    bins = _one_hot(confidence, _BINS)
    squared, ends = squared_calibration_error(confidence, correct)
    generator = np.random.default_rng(0)
    by_chance = []
    for _ in range(0, _DRAWS, _DRAWS_AT_ONCE):
        right = generator.random((_DRAWS_AT_ONCE, images)) < confidence
        by_chance.append(np.abs((right - confidence) @ bins).sum(axis=1) / images)
    of_label = probabilities[np.arange(images), labels].astype(np.float64)
    return Calibration(
        error=expected_calibration_error(confidence, correct),
        interval=Interval(max(ends.low, 0.0) ** 0.5, max(ends.high, 0.0) ** 0.5),
        by_chance=float(np.concatenate(by_chance).mean()),
        confidence=float(confidence.mean()),
        accuracy=float(correct.mean()),
        loss=float(-np.log(np.maximum(of_label, np.finfo(np.float32).tiny)).mean()),
        images=images,
        rms=max(squared, 0.0) ** 0.5,
    )


def squared_calibration_error(
    confidence: npt.NDArray[np.floating], correct: Bools
) -> tuple[float, Interval]:
    """The squared calibration error without the part that chance adds, and its 95 % interval.

    With d = right - confidence, the squared gap of a bin of k images is estimated by the mean of
    d d' over its pairs of different images: it is unbiased, and may be below 0. Bins count by
    their share w of the images; a bin of one image counts nothing.

    With g the squared gap of a bin and v the variance of d in it, the variance of the estimate is
    ∑ w² (4 g v / k + 2 v² / (k (k - 1))). For an error T, gaps are taken to be T in all bins or
    as they were seen, only smaller or larger, whichever has more variance. The interval holds
    every T that is within z standard errors of the estimate by that variance. So it is right near
    0 too, where an interval with one standard error for all T is not. An estimate below 0 counts
    as 0, so that it always has a width.

    Args:
        confidence: largest probability of each image, in 0…1, of shape (images,).
        correct: whether that answer is right.

    Returns:
        The estimate and the interval, in squared fractions; the upper end is 1 where no bin has
        two images.

    Reference:
        Kumar, Liang, Ma 2019, Verified uncertainty calibration, NeurIPS, for the estimate; Sun,
        Chaudhari, Barnett, Dobriban 2024, A confidence interval for the l2 expected calibration
        error, for its variance.

    Example:
        >>> right = np.arange(1_000) % 10 > 0  # nine of ten
        >>> squared, interval = squared_calibration_error(np.full(1_000, 0.9), right)
        >>> interval.low, round(interval.high**0.5, 3)
        (0.0, 0.038)
    """
    gaps = correct - confidence
    member = _one_hot(confidence, _BINS)
    count = member.sum(axis=0)
    shared = count > 1
    if not shared.any():
        return 0.0, Interval(0.0, 1.0)
    k, sums, squares = count[shared], (gaps @ member)[shared], ((gaps**2) @ member)[shared]
    weight = k / len(gaps)
    squared_gaps = (sums**2 - squares) / (k * (k - 1))
    estimate = float((weight * squared_gaps).sum())
    # A few images may have less variance than their confidence says, or none.
    expected = ((confidence * (1 - confidence)) @ member)[shared] / k
    unseen = 0.5 / (k + 1)  # half an answer that is otherwise
    spread = np.maximum((squares - sums**2 / k) / (k - 1), expected)
    spread = np.maximum(spread, unseen * (1 - unseen))
    z2 = float(special.ndtri(0.975)) ** 2
    at_zero = z2 * float((weight**2 * 2 * spread**2 / (k * (k - 1))).sum())
    seen = weight * np.maximum(squared_gaps, 0.0)
    shares = weight, seen / max(float(seen.sum()), np.finfo(float).tiny)
    slope = z2 * max(float((of_bin * weight * 4 * spread / k).sum()) for of_bin in shares)
    middle = max(estimate, 0.0) + slope / 2
    half = (at_zero + slope * max(estimate, 0.0) + (slope / 2) ** 2) ** 0.5
    return estimate, Interval(max(middle - half, 0.0), min(middle + half, 1.0))


def _one_hot(confidence: npt.NDArray[np.floating], bins: int) -> Floats:
    """Which bin each image falls into, shape (images, bins)."""
    member = np.zeros((len(confidence), bins))
    bin_of = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    member[np.arange(len(confidence)), bin_of] = 1.0
    return member


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
        interval: Wilson's, at 95 %: it is for new examples answered by these very networks.
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
            so that no member has seen it in training; None where there are no such examples.
        test: on the test part, answered by all members; None where nobody may look at it.
    """

    members: int
    validation: Pooled | None
    test: Pooled | None


def pool_answers(answers: Sequence[Answers]) -> Pooled | None:
    """The accuracy of the mean probabilities, over examples that at least two networks answer.

    Args:
        answers: of each network; those of one example add up, whatever order they are in.

    Returns:
        None where no example is answered twice.

    Reference:
        Cireşan, Meier, Schmidhuber 2012, "Multi-column deep neural networks for image
        classification", CVPR, for the mean of several networks' probabilities; Wilson 1927 for
        the interval.

    Example:
        >>> import numpy as np
        >>> rows, labels = np.arange(2), np.array([0, 1])
        >>> one = Answers(rows, labels, np.array([[0.9, 0.1], [0.6, 0.4]]))
        >>> two = Answers(rows, labels, np.array([[0.8, 0.2], [0.1, 0.9]]))
        >>> pool_answers([one, two]).accuracy
        1.0
    """
    from scipy import stats  # late: it takes half a second, and few studies keep weights

    count = 1 + max((int(member.rows.max()) for member in answers if len(member.rows)), default=-1)
    classes = max((member.probabilities.shape[1] for member in answers), default=0)
    total = np.zeros((count, classes))
    answered, right, labels = np.zeros((3, count), np.int64)
    for member in answers:
        total[member.rows] += member.probabilities
        answered[member.rows] += 1
        right[member.rows] += member.probabilities.argmax(axis=1) == member.labels
        labels[member.rows] = member.labels
    shared = answered >= 2
    examples = int(shared.sum())
    if not examples:
        return None
    correct = int((total[shared].argmax(axis=1) == labels[shared]).sum())
    interval = stats.binomtest(correct, examples).proportion_ci(0.95, method="wilson")
    return Pooled(
        accuracy=correct / examples,
        interval=Interval(float(interval.low), float(interval.high)),
        single=float(right[shared].sum() / answered[shared].sum()),
        examples=examples,
        members=float(answered[shared].mean()),
    )
