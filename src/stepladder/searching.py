"""How a search goes about its space: how many candidates, which sampler, what is dropped when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from stepladder.space import Parameter
from stepladder.values import Value

__all__ = ["QUASI_RANDOM", "SEARCH_REPLICATES", "Population", "Search", "populations", "rungs"]

SEARCH_REPLICATES = 2_000_000
"""Number of the first replicate that candidates are tried on: no study's own reaches it."""

QUASI_RANDOM = "quasi-random"

BATCH = 16


class Search(Value):
    """A search over a space: candidates are drawn, trained in populations, and thinned out."""

    space: dict[str, Parameter] = Field(
        description="What is drawn, by field of the recipe; `layers` and `units` make `hidden`.",
        examples=[{"learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True}}],
    )
    trials: int = Field(
        default=64, ge=1, le=100_000, description="Candidates that are drawn.", examples=[64]
    )
    budget: int | None = Field(
        default=None,
        ge=1,
        description="Epochs of training in all, beyond which no more candidates are drawn.",
        examples=[500],
    )
    sampler: str = Field(
        default=QUASI_RANDOM,
        min_length=1,
        description="quasi-random, random, tpe, gp, cmaes, or the name of a class of "
        "optuna.samplers.",
        examples=["tpe"],
    )
    startup: int | None = Field(
        default=None,
        ge=0,
        description="Quasi-random candidates before another sampler begins; when absent, one batch "
        "where the sampler learns from results, else none.",
        examples=[16],
    )
    batch: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Candidates asked for at once and trained as one population; 16 when absent, "
        "all of them where the sampler learns nothing from results.",
        examples=[16],
    )
    per_structure: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Candidates in a row that share all that selects a program (layers, optimizer, "
        "batch size, ...) and differ in its numbers, so that they train as lanes of one program.",
        examples=[4],
    )
    pruning: Literal["none", "halving", "hyperband"] = Field(
        default="halving",
        description="Whether a population is thinned out while it trains: by successive halving, "
        "by Hyperband's brackets, or not at all.",
        examples=["halving"],
    )
    least_epochs: int = Field(
        default=1, ge=1, description="Epochs before a candidate may be dropped.", examples=[1]
    )
    reduction: int = Field(
        default=3, ge=2, le=100, description="One candidate in so many goes on.", examples=[3]
    )
    finalists: int = Field(
        default=4,
        ge=1,
        le=1000,
        description="Candidates at most, of those too close to the best, that are tried again.",
        examples=[4],
    )
    replicates: int = Field(
        default=3, ge=1, le=1000, description="Replicates that finalists are tried on.",
        examples=[3],
    )  # fmt: skip


@dataclass(frozen=True)
class Population:
    """Candidates that are asked for at once.

    Attributes:
        size: how many.
        rungs: epochs at which it is thinned out, the last one the whole training.
        reduction: one in so many goes on from each rung to the next.
    """

    size: int
    rungs: tuple[int, ...]
    reduction: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Candidates at each rung, one at least."""
        return tuple(max(1, self.size // self.reduction**rung) for rung in range(len(self.rungs)))

    def epochs(self, goes_on: bool) -> int:
        """Epochs of training in all.

        Args:
            goes_on: whether a rung goes on from the one before; else each begins anew.
        """
        before = (0, *self.rungs[:-1]) if goes_on else (0,) * len(self.rungs)
        spans = (rung - start for rung, start in zip(self.rungs, before, strict=True))
        return sum(size * span for size, span in zip(self.sizes, spans, strict=True))


def rungs(search: Search, epochs: int) -> tuple[int, ...]:
    """The epochs at which candidates are compared, rising, the whole training last."""
    found = [epochs]
    while search.pruning != "none" and found[0] // search.reduction >= search.least_epochs:
        found.insert(0, found[0] // search.reduction)
    return tuple(found)


def populations(search: Search, epochs: int, learns: bool, goes_on: bool) -> Iterator[Population]:
    """The populations of a search, one after the other, until trials or budget are used up.

    Hyperband goes through its brackets, from many candidates on few epochs to few on all, again
    and again. The last population is cut to what is left; one candidate of a bracket with a
    single rung is trained to its end.

    Args:
        search: how to go about it.
        epochs: of a whole training.
        learns: whether the sampler learns from results.
        goes_on: whether a rung goes on from the one before it.

    Reference:
        Li et al. 2018, Hyperband: a novel bandit-based approach to hyperparameter optimization,
        JMLR 18, algorithm 1.
    """
    left, budget = search.trials, search.budget
    every = rungs(search, epochs)
    while left > 0:
        for wanted, own in _brackets(search, every, learns):
            size = min(wanted, left)
            if budget is not None:
                size = _affordable(size, own, search.reduction, goes_on, budget)
            if size < 1:
                return
            made = Population(size, own, search.reduction)
            yield made
            left -= size
            budget = None if budget is None else budget - made.epochs(goes_on)


def _brackets(
    search: Search, every: tuple[int, ...], learns: bool
) -> Iterator[tuple[int, tuple[int, ...]]]:
    if search.pruning != "hyperband":
        yield search.batch or (BATCH if learns else search.trials), every
        return
    most = len(every) - 1
    for bracket in range(most, -1, -1):
        count = math.ceil((most + 1) / (bracket + 1) * search.reduction**bracket)
        yield count, every[most - bracket :]


def _affordable(size: int, own: tuple[int, ...], reduction: int, goes_on: bool, left: int) -> int:
    """The largest population of at most some size that a number of epochs pays for."""
    low, high = 0, size
    while low < high:
        middle = (low + high + 1) // 2
        if Population(middle, own, reduction).epochs(goes_on) <= left:
            low = middle
        else:
            high = middle - 1
    return low
