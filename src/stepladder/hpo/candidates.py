"""Candidates of a search, and their outcomes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stepladder.statistics.selection import mean_at_baseline
from stepladder.study.recipe import Recipe
from stepladder.study.search_space import Choice

Structure = tuple[tuple[str, Choice], ...]
"""Values of the dimensions that select a program, by their names."""


@dataclass(eq=False)
class Candidate:
    """One point of the space, and its accuracies so far.

    Attributes:
        number: from 0, in the order in which they were asked for.
        params: values of its dimensions.
        recipe: that they make.
        population: number of the population that it was asked for in.
        structure: those of its params that select its program.
        rungs: validation accuracy on the first replicate by epochs trained; NaN where it diverged.
        is_over: whether its training has ended, or was stopped early.
        seconds: of training, all of its rungs together.
        more: validation accuracies on further replicates, where it was a finalist.
        more_seconds: of training on these.

    Example:
        >>> candidate = Candidate(0, {}, Recipe(hidden=[4], epochs=9), population=0)
        >>> candidate.rungs |= {3: 0.8, 9: 0.9}
        >>> candidate.accuracy, candidate.is_whole
        (0.9, True)
    """

    number: int
    params: Mapping[str, Choice]
    recipe: Recipe
    population: int
    structure: Structure = ()
    rungs: dict[int, float] = field(default_factory=dict)
    is_over: bool = False
    seconds: float = 0.0
    more: tuple[float, ...] = ()
    more_seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs that it was trained for, 0 before any."""
        return max(self.rungs, default=0)

    @property
    def epochs_left(self) -> int:
        """Epochs that are missing to its end."""
        return self.recipe.epochs - self.epochs

    @property
    def accuracy(self) -> float:
        """On the first replicate, after the epochs that it was trained for; NaN if it diverged."""
        return self.rungs[self.epochs] if self.rungs else math.nan

    @property
    def is_whole(self) -> bool:
        """Whether it was trained to its end and did not diverge."""
        return not self.epochs_left and math.isfinite(self.accuracy)

    @property
    def replicates(self) -> tuple[float, ...]:
        """Its accuracies after the whole training, one a replicate."""
        return (self.accuracy, *self.more)

    def mean(self, chance: float, first: int | None = None) -> float:
        """The mean over its replicates, or the first few; diverged ones count as guessing."""
        return mean_at_baseline(self.replicates[:first], chance)


def distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """One candidate of each recipe: the one with the most epochs, of equals the first.

    A space of few values draws a recipe more than once. It is trained once, and counts once.
    """
    furthest: dict[Recipe, Candidate] = {}
    for candidate in candidates:
        if furthest.setdefault(candidate.recipe, candidate).epochs < candidate.epochs:
            furthest[candidate.recipe] = candidate
    return list(furthest.values())
