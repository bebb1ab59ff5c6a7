"""What a few arms answer to each test example: values of a regression, probabilities of labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset
from stepladder.study.designs import Arm
from stepladder.study.metrics import Metric
from stepladder.trials.trial import TrialResult

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArmPredictions:
    """The answers of one arm.

    Attributes:
        name: of the arm.
        values: of shape (replicates, test examples, outputs); diverged replicates left out.
    """

    name: str
    values: Floats

    @property
    def mean(self) -> Floats:
        """Over replicates, of shape (test examples, outputs)."""
        return np.asarray(self.values.mean(axis=0))


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of the arms that are shown, on the test part.

    Attributes:
        names: of targets or labels.
        truth: of shape (test examples, outputs).
        arms: the first arm, the one that the best is compared with, and the best; each once.
        best: name of the arm of the best validation figure, so that choosing it is no choice on
            the test part.
        are_labels: whether outputs are probabilities of labels, and no values.
    """

    names: tuple[str, ...]
    truth: Floats
    arms: tuple[ArmPredictions, ...]
    best: str
    are_labels: bool


def find_predictions(
    arms: Sequence[Arm],
    by_arm: Mapping[str, Sequence[TrialResult | None]],
    dataset: Dataset,
    metric: Metric,
) -> Predictions | None:
    """The answers to a regression, or of several labels; None where there are none yet."""
    if dataset.task == "classification":
        return None
    values, validation = {}, {}
    for arm in arms:
        done = [one for one in by_arm[arm.name]
                if one and one.diverged is None and one.test_values is not None]  # fmt: skip
        if done:
            values[arm.name] = np.array([one.test_values for one in done], np.float64)
            scores = [one.score("validation", metric.name) for one in done]
            validation[arm.name] = metric.sign * float(np.mean(scores))
    known = [name for name, score in validation.items() if np.isfinite(score)]
    if not known:
        return None
    best = max(known, key=lambda name: validation[name])
    other = next(arm.compared_with for arm in arms if arm.name == best)
    chosen = [name for name in dict.fromkeys((arms[0].name, other, best)) if name in values]
    return Predictions(
        names=dataset.class_names,
        truth=dataset.y_test.astype(np.float64),
        arms=tuple(ArmPredictions(name, values[name]) for name in chosen),
        best=best,
        are_labels=dataset.task == "multilabel",
    )


@dataclass(frozen=True)
class Residual:
    """A test example whose value is answered far from the truth.

    Attributes:
        index: its place in the test part, from 0.
        target: which target, by its place.
        truth: its value.
        mean: of the answers over replicates.
        low: the least of them.
        high: the greatest of them.
    """

    index: int
    target: int
    truth: float
    mean: float
    low: float
    high: float


def largest_residuals(predictions: Predictions, most: int = 12) -> tuple[Residual, ...]:
    """The answers of the best arm that are farthest off, the farthest first.

    Of several targets each is measured in its own deviation, so that they can be compared.

    Example:
        >>> arm = ArmPredictions("a", np.array([[[1.0], [5.0]], [[1.5], [6.0]]]))
        >>> shown = Predictions(("y",), np.array([[1.0], [9.0]]), (arm,), "a", False)
        >>> [(one.index, one.mean - one.truth) for one in largest_residuals(shown)]
        [(1, -3.5), (0, 0.25)]
    """
    values = next(arm.values for arm in predictions.arms if arm.name == predictions.best)
    mean = values.mean(axis=0)
    deviation = predictions.truth.std(axis=0)
    sizes = np.abs(mean - predictions.truth) / np.where(deviation > 0, deviation, 1.0)
    places = np.argsort(-sizes, axis=None, kind="stable")[:most]
    found = []
    for place in places:
        index, target = divmod(int(place), sizes.shape[1])
        answers = values[:, index, target]
        found.append(Residual(index, target, float(predictions.truth[index, target]),
                              float(mean[index, target]), float(answers.min()),
                              float(answers.max())))  # fmt: skip
    return tuple(found)
