"""Which test examples are misread: by the best arm, by most replicates, by one of two arms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset
from stepladder.study.designs import Arm
from stepladder.trials.trial import TrialResult

_SHOWN = 24
_SHOWN_EACH_WAY = 12

_Answers = npt.NDArray[np.integer]
_Results = Sequence[TrialResult | None]


@dataclass(frozen=True, eq=False)
class Misclassified:
    """A test example and how often it was misread.

    Attributes:
        index: its place in the test part, from 0.
        label: its class.
        answer: the commonest of the wrong answers.
        wrong: trials that misread it.
        trials: all of them.
        image: grey values 0…255, uint8 of shape (height, width); None where it is no image.
    """

    index: int
    label: int
    answer: int
    wrong: int
    trials: int
    image: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class Split:
    """A test example that two arms disagree on.

    Attributes:
        misread: the example, as the arm misreads it that is worse at it.
        right: replicates of the other arm that read it right.
        of: replicates of the other arm.
    """

    misread: Misclassified
    right: int
    of: int


@dataclass(frozen=True, eq=False)
class ErrorAnalysis:
    """The mistakes of a study's arms on the test part.

    Attributes:
        best: name of the arm of the highest validation accuracy, so that choosing it is no
            choice on the test part.
        replicates: of that arm, diverged ones left out.
        confusion: its answers by label (rows) and answer (columns), over all its replicates.
        hardest: examples that most trials misread, over all that give more than one answer.
        trials: trials that were counted for them.
        arms: arms that were counted for them.
        other: name of the arm that the best is set against, or None where there is none.
        won: examples that the best arm reads right and the other does not, the clearest first.
        lost: the same with the arms exchanged.
    """

    best: str
    replicates: int
    confusion: npt.NDArray[np.int64]
    hardest: tuple[Misclassified, ...]
    trials: int
    arms: int
    other: str | None
    won: tuple[Split, ...]
    lost: tuple[Split, ...]


def find_misclassified(
    arms: Sequence[Arm], by_arm: Mapping[str, _Results], dataset: Dataset
) -> ErrorAnalysis | None:
    """What the arms misclassify; None without classes, or where none learnt two answers."""
    if dataset.task != "classification":
        return None
    usable = {arm.name: [trial for trial in by_arm[arm.name] if trial and trial.diverged is None]
              for arm in arms}  # fmt: skip
    answers = {}
    for name, trials in usable.items():
        # Without networks that give one class to all images.
        varied = [trial.test_predictions for trial in trials if np.ptp(trial.test_predictions)]
        if varied:
            answers[name] = np.array(varied)
    if not answers:
        return None
    validation = {
        name: float(np.mean([trial.validation.accuracy for trial in usable[name]]))
        for name in answers
    }
    best = max(validation, key=lambda name: validation[name])
    other = next(arm.compared_with for arm in arms if arm.name == best)
    if other not in validation:
        rest = [name for name in validation if name != best]
        other = max(rest, key=lambda name: validation[name], default=None)
    labels = dataset.y_test.astype(np.int64)
    everything = np.concatenate(list(answers.values()))
    wrong = (everything != labels).sum(axis=0)
    hardest = np.argsort(-wrong, kind="stable")[:_SHOWN]
    ours, theirs = answers[best], answers[other] if other else None
    pairs = (labels * dataset.classes + ours).ravel()
    confusion = np.bincount(pairs, minlength=dataset.classes**2)
    return ErrorAnalysis(
        best=best,
        replicates=len(ours),
        confusion=confusion.reshape(dataset.classes, dataset.classes),
        hardest=tuple(_misread(int(i), everything, dataset) for i in hardest if wrong[i]),
        trials=len(everything),
        arms=len(answers),
        other=other,
        won=() if theirs is None else _splits(ours, theirs, labels, dataset),
        lost=() if theirs is None else _splits(theirs, ours, labels, dataset),
    )


def _splits(
    better: _Answers, worse: _Answers, labels: _Answers, dataset: Dataset
) -> tuple[Split, ...]:
    ours, theirs = (better == labels).mean(axis=0), (worse == labels).mean(axis=0)
    order = np.argsort(-(ours - theirs), kind="stable")[:_SHOWN_EACH_WAY]
    return tuple(
        Split(_misread(int(index), worse, dataset), int((better == labels)[:, index].sum()),
              len(better))
        for index in order if ours[index] > 0.5 > theirs[index]
    )  # fmt: skip


def _misread(index: int, answers: _Answers, dataset: Dataset) -> Misclassified:
    label, given = int(dataset.y_test[index]), answers[:, index]
    wrong = given[given != label]
    image = _image(dataset.x_test[index])
    return Misclassified(
        index, label, int(np.bincount(wrong).argmax()), len(wrong), len(given), image
    )


def _image(example: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8] | None:
    """An example as grey values; None where it is a row of a table."""
    if example.ndim == 1:
        return None
    grey = example.astype(np.float64)
    grey = grey if grey.ndim == 2 else grey.mean(axis=2)
    if example.dtype != np.uint8:
        low, high = float(grey.min()), float(grey.max())
        grey = 255 * (grey - low) / ((high - low) or 1.0)
    return np.round(grey).astype(np.uint8)
