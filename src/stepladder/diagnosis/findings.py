"""Evidence of an arm, findings, and summaries of histories."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.study.recipe import Recipe
from stepladder.trials.trial import History, HistorySummary, Probes, Score

CONSTANT_ANSWER = "constant_answer"
"""Code of the finding that a network gives one class to every test image."""

DIVERGED = "diverged"
"""Code of the finding that loss or weights became non-finite."""


@dataclass(frozen=True)
class Replicate:
    """One finished training of an arm.

    Attributes:
        diverged: the epoch, from 1, in which it became non-finite, or None.
        constant: the class that it gives to every test image, or None.
        train: score of the final weights on the training images, without dropout.
        validation: score on the validation part.
        test: score on the test part.
        signs: what its epochs come to, or None where that was not kept.
    """

    diverged: int | None
    constant: int | None
    train: Score
    validation: Score
    test: Score
    signs: HistorySummary | None


@dataclass(frozen=True)
class RateCurve:
    """What a fair study knows of one arm's learning rate.

    Attributes:
        rates: that were tried, rising.
        accuracies: mean validation accuracy of each, a fraction.
        declared: the learning rate that the study file gives it.
    """

    rates: tuple[float, ...]
    accuracies: tuple[float, ...]
    declared: float


@dataclass(frozen=True)
class ArmEvidence:
    """One arm as diagnosis sees it.

    Attributes:
        recipe: what was trained.
        classes: names of the classes, in the order of their numbers.
        replicates: those that are finished, in their order.
        tried: what is known of other learning rates, or None.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    replicates: tuple[Replicate, ...]
    tried: RateCurve | None = None

    @property
    def alive(self) -> tuple[Replicate, ...]:
        """Replicates that did not diverge."""
        return tuple(each for each in self.replicates if each.diverged is None)

    @property
    def chance(self) -> float:
        """The accuracy of guessing."""
        return 1 / len(self.classes)

    @property
    def signs(self) -> tuple[HistorySummary, ...]:
        """The signs of the replicates that did not diverge, as far as they are known."""
        return tuple(each.signs for each in self.alive if each.signs is not None)

    def those(self, holds: Callable[[HistorySummary], bool]) -> tuple[HistorySummary, ...]:
        """Signs for which something holds, if it does for at least half of them; else none.

        What is seen in a few replicates alone is luck, and told by the figures.
        """
        found = tuple(each for each in self.signs if holds(each))
        return found if 2 * len(found) >= len(self.signs) else ()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an arm, or that its reader should know.

    Attributes:
        code: which rule found it, such as `dead_units`.
        title: what is wrong, in words that fit every arm of which it is found.
        where: when and in how many replicates, such as " in 3 of 5 replicates", or "".
        detail: the numbers that say so, in words, or "".
        advice: what to do about it, in words.
        technique: the catalogue's technique that mends it, or None where none does.
        evidence: the numbers by name.
        replicates: how many replicates show it.
    """

    code: str
    title: str
    where: str
    detail: str
    advice: str
    technique: str | None
    evidence: Mapping[str, float]
    replicates: int

    @property
    def text(self) -> str:
        """All of it as one sentence."""
        return f"{self.title}{self.where}{': ' if self.detail else ''}{self.detail}"


def replicate_count(some: int, every: int) -> str:
    """As in "diverged in 3 of 5 replicates", its last five words; "" where it is all of them."""
    return "" if some == every else f" in {some} of {every} replicates"


def format_factor(factor: float) -> str:
    """A factor of 1 or more as one reads it aloud: "12 times", "1,400 times"."""
    if not math.isfinite(factor):
        return "infinitely many times"
    digits = max(0, math.floor(math.log10(max(factor, 1))) - 1)
    return f"{round(factor, -digits):,.0f} times"


def median(values: Sequence[float]) -> float:
    """The median."""
    return float(np.median(np.asarray(values, np.float64)))


LATE = 4
"""The last one in so many epochs are late: their mean accuracy is compared with that before."""


def summarize_history(curve: History, probes: Probes | None) -> HistorySummary:
    """The signs of one trial.

    Args:
        curve: its epochs; NaN from the one on in which it diverged.
        probes: what its network was like inside, or None.
    """
    done = int(np.isfinite(curve.val_loss).sum())
    found: dict[str, Any] = {} if probes is None else _inputs(probes)
    if done:
        found |= _of_curve(curve, done)
    if done and probes is not None:
        found |= _of_probes(probes, done)
    return HistorySummary(**found)


def _of_curve(curve: History, done: int) -> dict[str, Any]:
    best = int(np.nanargmin(curve.val_loss[:done]))
    late = max(1, done // LATE)
    accuracy = curve.val_accuracy[:done]
    return {
        "best_epoch": float(best + 1),
        "best_val_loss": float(curve.val_loss[best]),
        "last_val_loss": float(curve.val_loss[done - 1]),
        "best_train_loss": float(curve.train_loss[best]),
        "last_train_loss": float(curve.train_loss[done - 1]),
    } | (
        {
            "late_epochs": float(late),
            "late_gain": float(accuracy[-late:].mean() - accuracy[-2 * late : -late].mean()),
        }
        if done >= 2 * late
        else {}
    )


def _inputs(probes: Probes) -> dict[str, Any]:
    return {"input_mean": probes.input_mean, "input_deviation": probes.input_deviation}


def _of_probes(probes: Probes, done: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    norms = probes.gradient_norm[:done].astype(np.float64)
    if probes.kernels:
        middle = np.median(norms, axis=0)
        found["first_gradient"], found["last_gradient"] = float(middle[0]), float(middle[-1])
        found["whole_gradient"] = float(np.median(np.linalg.norm(norms, axis=1)))
    for name in ("dead", "saturated"):
        worst = _worst(getattr(probes, name)[done - 1])
        if worst is not None:
            found[name] = float(getattr(probes, name)[done - 1, worst])
            found[f"{name}_layer"] = probes.layers[worst]
    return found


def _worst(shares: npt.NDArray[np.float32]) -> int | None:
    """The layer of the largest share, or None where no layer has one."""
    return None if np.isnan(shares).all() else int(np.nanargmax(shares))
