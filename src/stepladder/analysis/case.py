"""What diagnosis takes and gives: one arm as plain values, and what was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stepladder.recipe import Recipe
from stepladder.records import Score, Signs

__all__ = ["Case", "Finding", "Replicate", "Tried", "how_many", "middle", "times"]


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
    signs: Signs | None


@dataclass(frozen=True)
class Tried:
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
class Case:
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
    tried: Tried | None = None

    @property
    def alive(self) -> tuple[Replicate, ...]:
        """Replicates that did not diverge."""
        return tuple(each for each in self.replicates if each.diverged is None)

    @property
    def chance(self) -> float:
        """The accuracy of guessing."""
        return 1 / len(self.classes)

    @property
    def signs(self) -> tuple[Signs, ...]:
        """The signs of the replicates that did not diverge, as far as they are known."""
        return tuple(each.signs for each in self.alive if each.signs is not None)

    def those(self, holds: Callable[[Signs], bool]) -> tuple[Signs, ...]:
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


def how_many(some: int, every: int) -> str:
    """As in "diverged in 3 of 5 replicates", its last five words; "" where it is all of them."""
    return "" if some == every else f" in {some} of {every} replicates"


def times(factor: float) -> str:
    """A factor of 1 or more as one reads it aloud: "12 times", "1,400 times"."""
    if not math.isfinite(factor):
        return "infinitely many times"
    digits = max(0, math.floor(math.log10(max(factor, 1))) - 1)
    return f"{round(factor, -digits):,.0f} times"


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(np.median(np.asarray(values, np.float64)))
