"""Going through a search by what its store holds, nothing trained or written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from stepladder.records import Trial, TrialResult
from stepladder.runner.question import Question
from stepladder.searcher.asking import Asker
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.choosing import choose
from stepladder.searcher.searchable import fresh_label, fresh_trials
from stepladder.searcher.thinning import Before
from stepladder.searcher.waves import waves
from stepladder.searching import Population
from stepladder.store import Store

__all__ = ["Replay", "replayed"]


class _NotTrainedYet(Exception):
    """The search would train from here on."""


@dataclass
class Replay:
    """Reads trials instead of training them; stops at the first part that lacks any.

    Attributes:
        store: where they are read.
        trials: how many were found.
        epochs: of training that they took.
        part: what the part that was read last trains, in words.
        sought: trials of that part.
        missing: ids of those that it lacks.
        candidates: all that were asked for, once one population is through its first rung.
        seen: ids of all that were found.
    """

    store: Store
    trials: int = 0
    epochs: int = 0
    part: str = ""
    sought: int = 0
    missing: tuple[str, ...] = ()
    candidates: Sequence[Candidate] = ()
    seen: set[str] = field(default_factory=set)

    def __call__(
        self, trials: Sequence[Trial], label: str, before: Before, keeps: Collection[Trial]
    ) -> dict[str, TrialResult]:
        """As `Trainer` has it."""
        ids = dict.fromkeys(trial.id for trial in trials)
        stored = self.store.results(list(ids), curves=False)
        for trial in trials:
            if trial.id in stored and trial.id not in self.seen:
                self.seen.add(trial.id)
                behind = before.get(trial, ())
                self.trials += 1
                self.epochs += trial.recipe.epochs - (behind[-1].epochs if behind else 0)
        self.part, self.sought = label, len(ids)
        self.missing = tuple(each for each in ids if each not in stored)
        if self.missing:
            raise _NotTrainedYet
        return stored


def replayed(question: Question, plan: Sequence[Population], asker: Asker, replay: Replay) -> bool:
    """Goes through a search as far as it was trained; whether that is to its end.

    Raises:
        RunError: if no candidate was trained to its end.
    """
    try:
        for candidates in waves(plan, asker, question, replay, lambda _: None):
            replay.candidates = candidates
        winner, _ = choose(replay.candidates, question, replay)
        fresh = fresh_trials(winner.recipe, question)
        replay(fresh, fresh_label(fresh), {}, ())
    except _NotTrainedYet:
        return False
    return True
