"""Candidates of a search, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stepladder.study.recipe import Recipe
from stepladder.study.search_space import Choice

Structure = tuple[tuple[str, Choice], ...]
"""Values of the dimensions that select a program, by their names."""


@dataclass(eq=False)
class Candidate:
    """One point of the space, and what is known of it so far.

    Attributes:
        number: from 0, in the order in which they were asked for.
        params: values of its dimensions.
        recipe: that they make.
        population: number of the population that it was asked for in.
        structure: those of its params that select its program.
        rungs: validation accuracy on the first replicate by epochs trained; NaN where it diverged.
        is_over: whether its training has come to its end, or was given up.
        seconds: of training, all of its rungs together.
        more: validation accuracies on further replicates, where it was a finalist.
        more_seconds: of training on these.
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
        """The mean of these, or of so many first ones; diverged ones at that of guessing."""
        values = [chance if math.isnan(each) else each for each in self.replicates[:first]]
        return math.fsum(values) / len(values)


def different(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Of each recipe one candidate: that which came furthest, of equals the first.

    A space of few values draws a recipe more than once. It is trained once, and counts once.
    """
    found: dict[Recipe, Candidate] = {}
    for each in candidates:
        other = found.get(each.recipe)
        if other is None or other.epochs < each.epochs:
            found[each.recipe] = each
    return list(found.values())
