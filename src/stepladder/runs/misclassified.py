"""Which test examples are misread: by the best arm, by most replicates, by one of two arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset
from stepladder.study.designs import Arm
from stepladder.trials.trial import TrialResult

SHOWN = 24
EACH_WAY = 12

Answers = npt.NDArray[np.integer]
Found = Sequence[TrialResult | None]


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


def mistakes_of(
    arms: Sequence[Arm], found: Mapping[str, Found], dataset: Dataset
) -> ErrorAnalysis | None:
    """What the arms get wrong, or None where none has learnt to give two answers.

    Args:
        arms: of the study, in order.
        found: their trials; None where one is not there yet.
        dataset: what they were tested on.
    """
    answers = {arm.name: _answers(found[arm.name]) for arm in arms}
    answers = {name: each for name, each in answers.items() if len(each)}
    if not answers:
        return None
    validation = {name: _validation(found[name]) for name in answers}
    best = max(validation, key=lambda name: validation[name])
    other = _other(best, arms, validation)
    labels = dataset.y_test.astype(np.int64)
    everything = np.concatenate(list(answers.values()))
    ours, theirs = answers[best], answers[other] if other else None
    return ErrorAnalysis(
        best=best,
        replicates=len(ours),
        confusion=_confusion(ours, labels, dataset.classes),
        hardest=_hardest(everything, labels, dataset),
        trials=len(everything),
        arms=len(answers),
        other=other,
        won=() if theirs is None else _splits(ours, theirs, labels, dataset),
        lost=() if theirs is None else _splits(theirs, ours, labels, dataset),
    )


def _answers(results: Found) -> Answers:
    """Answers of the trials that neither diverged nor answer one class to everything.

    Returns:
        Class numbers of shape (trials, test examples); of no trial, (0, 0).
    """
    kept = [
        each.test_predictions
        for each in results
        if each and each.diverged is None and np.ptp(each.test_predictions)
    ]
    return np.array(kept) if kept else np.empty((0, 0), np.uint16)


def _validation(results: Found) -> float:
    kept = [each.validation.accuracy for each in results if each and each.diverged is None]
    return float(np.mean(kept))


def _other(best: str, arms: Sequence[Arm], validation: Mapping[str, float]) -> str | None:
    """The arm that the best is compared with, or the next best."""
    compared = next(arm.compared_with for arm in arms if arm.name == best)
    if compared in validation:
        return compared
    rest = [name for name in validation if name != best]
    return max(rest, key=lambda name: validation[name], default=None)


def _confusion(answers: Answers, labels: Answers, classes: int) -> npt.NDArray[np.int64]:
    pairs = (labels * classes + answers).ravel()
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def _hardest(answers: Answers, labels: Answers, dataset: Dataset) -> tuple[Misclassified, ...]:
    wrong = (answers != labels).sum(axis=0)
    order = np.argsort(-wrong, kind="stable")[:SHOWN]
    return tuple(_misread(int(index), answers, dataset) for index in order if wrong[index])


def _splits(
    better: Answers, worse: Answers, labels: Answers, dataset: Dataset
) -> tuple[Split, ...]:
    ours, theirs = (better == labels).mean(axis=0), (worse == labels).mean(axis=0)
    gap = ours - theirs
    order = np.argsort(-gap, kind="stable")[:EACH_WAY]
    return tuple(
        Split(_misread(int(index), worse, dataset), int((better == labels)[:, index].sum()),
              len(better))
        for index in order if ours[index] > 0.5 > theirs[index]
    )  # fmt: skip


def _misread(index: int, answers: Answers, dataset: Dataset) -> Misclassified:
    label = int(dataset.y_test[index])
    given = answers[:, index]
    wrong = given[given != label]
    answer = int(np.bincount(wrong).argmax())
    return Misclassified(
        index, label, answer, len(wrong), len(given), _image(dataset.x_test[index])
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
