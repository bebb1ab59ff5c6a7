"""Ensembles: the mean of the probabilities that several trained networks give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.analysis.judged import Interval

__all__ = ["Answers", "Ensemble", "Pooled", "pooled"]


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
