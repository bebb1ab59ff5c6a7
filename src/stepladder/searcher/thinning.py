"""Populations while they train: rung by rung, the best go on, side by side in fewer lanes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from stepladder.recipe import Recipe
from stepladder.records import Trial, TrialResult
from stepladder.runner.question import Question
from stepladder.searcher.candidates import Candidate
from stepladder.searching import SEARCH_REPLICATES, Population
from stepladder.study import Study
from stepladder.train.groups import Stage, groups
from stepladder.train.schedule import FORESEEING

__all__ = ["Before", "Trainer", "goes_on", "survivors", "thin_out", "trial_of"]

Before = Mapping[Trial, tuple[Stage, ...]]


class Trainer(Protocol):
    """Trains trials and keeps them."""

    def __call__(
        self, trials: Sequence[Trial], label: str, before: Before, keeps: bool
    ) -> dict[str, TrialResult]:
        """The results of trials by their ids; what is stored is not trained again.

        Args:
            trials: all of a rung: they decide which of them share a program.
            label: what they are, for progress.
            before: stages that they have behind them.
            keeps: whether others are to go on from where they end.
        """


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


def trial_of(recipe: Recipe, question: Question, replicate: int) -> Trial:
    """The trial of a recipe on one replicate."""
    return Trial(
        recipe, question.fingerprint, question.validation, question.study.seed, replicate,
        question.engine,
    )  # fmt: skip


def thin_out(
    population: Population,
    candidates: Sequence[Candidate],
    question: Question,
    train: Trainer,
    forget: Callable[[Trial], object],
    label: str,
) -> None:
    """Trains candidates rung by rung and notes what each one comes to.

    Args:
        population: its rungs and how many go on from each.
        candidates: as many as it has; their outcomes are noted in them.
        question: what decides their trials.
        train: trains them.
        forget: is told of trials that nobody will go on from.
        label: what they are, for progress.
    """
    going = goes_on(question.study, question.engine)
    behind: dict[Trial, tuple[Stage, ...]] = {}
    alive, last = list(candidates), len(population.rungs) - 1
    earlier: dict[int, Trial] = {}
    for rung, epochs in enumerate(population.rungs):
        if not alive:
            break  # all of them have diverged
        trials = {each.number: _at(each, epochs, question, rung == last) for each in alive}
        before = {
            trials[each.number]: behind[earlier[each.number]]
            for each in alive
            if going and each.number in earlier
        }
        keeps = going and rung < last
        shown = f"{label}, {_counted(len(alive))} to epoch {epochs}"
        results = train(list(trials.values()), shown, before, keeps)
        for each in alive:
            _note(each, results[trials[each.number].id], going)
        for trial in earlier.values():
            forget(trial)
        every = list(trials.values())
        for group in groups(every, every, before=before):
            for trial in group.trials:
                stage = Stage(trial.recipe.epochs, group.lanes)
                behind[trial] = (*before.get(trial, ()), stage)
        earlier = trials if keeps else {}
        if rung < last:
            alive = survivors(alive, population.sizes[rung + 1])
    for trial in earlier.values():
        forget(trial)


def _at(candidate: Candidate, epochs: int, question: Question, is_last: bool) -> Trial:
    recipe = candidate.recipe if is_last else candidate.recipe.changed({"epochs": epochs})
    return trial_of(recipe, question, SEARCH_REPLICATES)


def _note(candidate: Candidate, result: TrialResult, going: bool) -> None:
    # The validation part alone: a search never reads what the test part says.
    candidate.rungs[result.trial.recipe.epochs] = result.validation.accuracy
    candidate.seconds = result.seconds + (0.0 if going else candidate.seconds)


def survivors(alive: Sequence[Candidate], count: int) -> list[Candidate]:
    """The best of some candidates, in their order; never one that diverged.

    Of equally good ones the earlier goes on.
    """
    finite = [each for each in alive if math.isfinite(each.accuracy)]
    best = sorted(finite, key=lambda each: (-each.accuracy, each.number))[:count]
    return sorted(best, key=lambda each: each.number)


def _counted(count: int) -> str:
    return f"{count} candidate{'' if count == 1 else 's'}"
