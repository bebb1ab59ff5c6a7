"""Successive halving: rungs, candidates, populations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from stepladder.hpo.candidates import Candidate, different
from stepladder.hpo.sampling import OptunaSampler
from stepladder.runs.plan import RunContext
from stepladder.study.recipe import Recipe
from stepladder.study.search import SEARCH_REPLICATES, Population
from stepladder.study.study import Study
from stepladder.training.groups import Stage, groups
from stepladder.training.schedules import FORESEEING
from stepladder.trials.trial import Trial, TrialResult

Before = Mapping[Trial, tuple[Stage, ...]]


def goes_on(study: Study, engine: str) -> bool:
    """Whether a longer training of a candidate goes on from a shorter one.

    It does where learning rates and the like do not depend on the number of epochs, and the
    population engine trains; else each rung is a training of its own, its schedule brought to its
    end.
    """
    assert study.search is not None
    base, space = study.base, study.search.space
    schedules: Sequence[object] = (base.schedule,)
    if "schedule" in space:
        schedules = [*schedules, *space["schedule"].choices]
    foresees = any(getattr(base, field) or field in space for field in FORESEEING)
    return set(schedules) <= {"constant", "step"} and not foresees and engine == "population"


def trial_of(recipe: Recipe, question: RunContext, replicate: int) -> Trial:
    """The trial of a recipe on one replicate."""
    return Trial(
        recipe, question.fingerprint, question.validation, question.study.seed, replicate,
        question.engine,
    )  # fmt: skip


class SuccessiveHalving:
    """One population on its way: rung by rung, the best go on.

    Attributes:
        before: stages that the trials of the next rung have behind them.
        goes_on: whether others are to go on from where the trials of the next rung end.
    """

    def __init__(
        self, population: Population, candidates: Sequence[Candidate], question: RunContext
    ) -> None:
        """Before its first rung.

        Args:
            population: its rungs and how many go on from each.
            candidates: as many as it has; their outcomes are noted in them.
            question: what decides their trials.
        """
        self._population, self._question = population, question
        self._going = goes_on(question.study, question.engine)
        self._alive, self._rung = list(candidates), 0
        search = question.study.search
        assert search is not None
        in_rows = search.per_structure > 1
        self._rows = {each.number: each.structure for each in candidates} if in_rows else None
        self._earlier: dict[int, Trial] = {}
        self._stand({})

    @property
    def trials(self) -> list[Trial]:
        """What is to be trained for the next rung; nothing where there is none."""
        return list(self._trials.values())

    @property
    def epochs(self) -> int:
        """Of a training of the next rung."""
        return self._population.rungs[self._rung]

    def note(self, results: Mapping[str, TrialResult], stages: Before) -> list[Trial]:
        """Takes in what the rung came to, and turns to the next.

        Args:
            results: of its trials, by their ids.
            stages: that each of them has behind it now.

        Returns:
            Trials that nobody will go on from.
        """
        for each in self._alive:
            _note(each, results[self._trials[each.number].id], self._going)
        done, had, kept = self._trials, list(self._earlier.values()), self.goes_on
        self._rung += 1
        is_last = self._rung == len(self._population.rungs)
        best = (
            []
            if is_last
            else survivors(different(self._alive), self._population.sizes[self._rung], self._rows)
        )
        for each in self._alive:
            each.is_over = each not in best
        self._earlier = {each.number: done[each.number] for each in best} if kept else {}
        self._alive = best
        self._stand(stages)
        lost = [trial for trial in done.values() if trial not in self._earlier.values()]
        return had + (lost if kept else [])

    def _stand(self, stages: Before) -> None:
        last = len(self._population.rungs) - 1
        self._trials = {
            each.number: _at(each, self.epochs, self._question, self._rung == last)
            for each in self._alive
        }
        self.before: Before = {
            self._trials[number]: stages[trial] for number, trial in self._earlier.items()
        }
        self.goes_on = self._going and self._rung < last


def _at(candidate: Candidate, epochs: int, question: RunContext, is_last: bool) -> Trial:
    recipe = candidate.recipe if is_last else candidate.recipe.changed({"epochs": epochs})
    return trial_of(recipe, question, SEARCH_REPLICATES)


def _note(candidate: Candidate, result: TrialResult, going: bool) -> None:
    # The validation part alone: a search never reads what the test part says.
    candidate.rungs[result.trial.recipe.epochs] = result.validation.accuracy
    candidate.seconds = result.seconds + (0.0 if going else candidate.seconds)


def survivors(
    alive: Sequence[Candidate], count: int, rows: Mapping[int, object] | None = None
) -> list[Candidate]:
    """The best of some candidates, in their order; never one that diverged.

    Of candidates that were drawn in a row to share a structure the best goes on before any second
    one: a few epochs tell learning rates apart sooner than networks. Of equally good ones the
    earlier goes on.

    Args:
        alive: the candidates.
        count: how many go on.
        rows: what the candidates of a row have in common, by their numbers; each is a row of its
            own when None.
    """
    finite = [each for each in alive if math.isfinite(each.accuracy)]
    better: Counter[object] = Counter()  # of its row, for each candidate
    placed = []
    for each in sorted(finite, key=lambda each: (-each.accuracy, each.number)):
        row = each.number if rows is None else rows[each.number]
        placed.append((better[row], each))
        better[row] += 1
    best = [each for _, each in sorted(placed, key=lambda pair: pair[0])][:count]
    return sorted(best, key=lambda each: each.number)


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


def train_populations(
    populations: Iterable[Population],
    asker: OptunaSampler,
    question: RunContext,
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
    under_way: list[SuccessiveHalving] = []
    waiting = iter(populations)
    number = 0
    while (population := next(waiting, None)) or under_way:
        if population:
            asked = asker.ask(population.size, number)
            candidates += asked
            under_way.append(SuccessiveHalving(population, asked, question))
            number += 1
        for trial in _wave(under_way, train):
            forget(trial)
        under_way = [each for each in under_way if each.trials]
        asker.tell(candidates)
        yield candidates


def _wave(under_way: Sequence[SuccessiveHalving], train: Trainer) -> list[Trial]:
    """Trains the next rung of each population; trials that nobody will go on from."""
    trials = [trial for each in under_way for trial in each.trials]
    before = {trial: stages for each in under_way for trial, stages in each.before.items()}
    keeps = [trial for each in under_way if each.goes_on for trial in each.trials]
    results = train(trials, _label(under_way), before, keeps)
    stages: dict[Trial, tuple[Stage, ...]] = {}
    for group in groups(trials, trials, before=before):
        for trial in group.trials:
            stages[trial] = group.all_stages
    return [trial for each in under_way for trial in each.note(results, stages)]


def _label(under_way: Sequence[SuccessiveHalving]) -> str:
    parts = [f"{len(each.trials)} to epoch {each.epochs}" for each in reversed(under_way)]
    return f"candidates, {', '.join(parts)}"
