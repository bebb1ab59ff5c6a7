"""Candidates of a search, and their outcomes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stepladder.statistics.selection import mean_at_baseline
from stepladder.study.params import Config
from stepladder.study.search_space import Choice

Structure = tuple[tuple[str, Choice], ...]
"""Values of the dimensions that select a program, by their names."""


@dataclass(eq=False)
class Candidate:
    """One point of the space, and its scores so far: the judged metric on the validation part.

    Attributes:
        number: from 0, in the order in which they were asked for.
        params: values of its dimensions.
        config: that they make.
        population: number of the population that it was asked for in.
        structure: those of its params that select its program.
        rungs: score on the first replicate by epochs trained; NaN where it diverged.
        is_over: whether its training has ended, or was stopped early.
        seconds: of training, all of its rungs together.
        more: scores on further replicates, where it was a finalist.
        more_seconds: of training on these.
        sign: 1 where a higher score is better, -1 where a lower one is.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> candidate = Candidate(0, {}, Recipe(hidden=[4], epochs=9), population=0)
        >>> candidate.rungs |= {3: 0.8, 9: 0.9}
        >>> candidate.score, candidate.is_whole
        (0.9, True)
    """

    number: int
    params: Mapping[str, Choice]
    config: Config
    population: int
    structure: Structure = ()
    rungs: dict[int, float] = field(default_factory=dict)
    is_over: bool = False
    seconds: float = 0.0
    more: tuple[float, ...] = ()
    more_seconds: float = 0.0
    sign: int = 1

    @property
    def epochs(self) -> int:
        """Epochs that it was trained for, 0 before any."""
        return max(self.rungs, default=0)

    @property
    def epochs_left(self) -> int:
        """Epochs that are missing to its end."""
        return self.config.epochs - self.epochs

    @property
    def score(self) -> float:
        """On the first replicate, after the epochs that it was trained for; NaN if it diverged."""
        return self.rungs[self.epochs] if self.rungs else math.nan

    @property
    def merit(self) -> float:
        """The score with the sign that makes more of it better."""
        return self.sign * self.score

    @property
    def is_whole(self) -> bool:
        """Whether it was trained to its end and did not diverge."""
        return not self.epochs_left and math.isfinite(self.score)

    @property
    def replicates(self) -> tuple[float, ...]:
        """Its scores after the whole training, one a replicate."""
        return (self.score, *self.more)

    def mean(self, baseline: float | None, first: int | None = None) -> float:
        """The mean over its replicates, or the first few; see `mean_at_baseline`."""
        return mean_at_baseline(self.replicates[:first], baseline)


def or_else(value: float, other: float | None) -> float:
    """A value, or another one where it is NaN and that is known."""
    return other if math.isnan(value) and other is not None else value


def distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """One candidate of each configuration: the one with the most epochs, of equals the first.

    A space of few values draws one more than once. It is trained once, and counts once.
    """
    furthest: dict[Config, Candidate] = {}
    for candidate in candidates:
        if furthest.setdefault(candidate.config, candidate).epochs < candidate.epochs:
            furthest[candidate.config] = candidate
    return list(furthest.values())
