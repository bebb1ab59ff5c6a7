"""Populations one after the other and side by side: while one is thinned out, the next begins.

Wave by wave a new population is asked for and trained to its first rung, beside the survivors of
the populations before it, which train to their second, third and further ones. A few long
trainings beside many short ones keep all cores busy, where a population alone would wait for its
longest. What a wave trains follows from what the waves before it came to, never from a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from stepladder.records import Trial, TrialResult
from stepladder.runner.question import Question
from stepladder.searcher.asking import Asker
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.thinning import Before, Thinning
from stepladder.searching import Population
from stepladder.train.groups import Stage, groups

__all__ = ["Trainer", "waves"]


class Trainer(Protocol):
    """Trains trials and keeps them."""

    def __call__(
        self, trials: Sequence[Trial], label: str, before: Before, keeps: Collection[Trial]
    ) -> Mapping[str, TrialResult]:
        """The results of trials by their ids; what is stored is not trained again.

        Args:
            trials: all of a wave: they decide which of them share a program.
            label: what they are, for progress.
            before: stages that they have behind them.
            keeps: those that others are to go on from.
        """


def waves(
    populations: Iterable[Population],
    asker: Asker,
    question: Question,
    train: Trainer,
    forget: Callable[[Trial], object],
) -> Iterator[list[Candidate]]:
    """Trains populations, and notes in each candidate what it comes to.

    Args:
        populations: in the order in which they begin.
        asker: is asked for candidates, and told after each wave what is known of all of them.
        question: what decides their trials.
        train: trains a wave.
        forget: is told of trials that nobody will go on from.

    Yields:
        After each wave all candidates so far.
    """
    candidates: list[Candidate] = []
    under_way: list[Thinning] = []
    waiting = iter(populations)
    number = 0
    while (population := next(waiting, None)) or under_way:
        if population:
            asked = asker.ask(population.size, number)
            candidates += asked
            under_way.append(Thinning(population, asked, question))
            number += 1
        for trial in _wave(under_way, train):
            forget(trial)
        under_way = [each for each in under_way if each.trials]
        asker.tell(candidates)
        yield candidates


def _wave(under_way: Sequence[Thinning], train: Trainer) -> list[Trial]:
    """Trains the next rung of each population; trials that nobody will go on from."""
    trials = [trial for each in under_way for trial in each.trials]
    before = {trial: stages for each in under_way for trial, stages in each.before.items()}
    keeps = [trial for each in under_way if each.goes_on for trial in each.trials]
    results = train(trials, _label(under_way), before, keeps)
    stages: dict[Trial, tuple[Stage, ...]] = {}
    for group in groups(trials, trials, before=before):
        for trial in group.trials:
            stages[trial] = (*group.before, Stage(trial.recipe.epochs, group.lanes))
    return [trial for each in under_way for trial in each.note(results, stages)]


def _label(under_way: Sequence[Thinning]) -> str:
    parts = [f"{len(each.trials)} to epoch {each.epochs}" for each in reversed(under_way)]
    return f"candidates, {', '.join(parts)}"
