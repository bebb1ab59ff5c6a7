"""The phases of a run: tuning where the study is fair, then the arms, look by look if need be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stepladder.data import Dataset
from stepladder.runner.adapt import add_replicates, wanted
from stepladder.runner.plan import Plan, plan
from stepladder.runner.question import Question
from stepladder.runner.tune import tune, tuned_arms
from stepladder.store import Store

__all__ = ["Trained", "train_all"]


@dataclass(frozen=True)
class Trained:
    """What a run has done.

    Attributes:
        trials: that the study has, candidates of its tuning included.
        now: those that this run has trained.
    """

    trials: int
    now: int


def train_all(
    question: Question,
    dataset: Dataset,
    store: Store,
    train: Callable[[Plan], int],
    note: Callable[[str], object],
) -> Trained:
    """Trains all that a study lacks, phase by phase.

    Args:
        question: what is asked.
        dataset: what it is asked of.
        store: where trials are kept.
        train: trains what a plan lacks; returns how many trials that were.
        note: is told of each phase, in a sentence.

    Raises:
        InputError: if a value of a fair study's grid is not possible in an arm.
        RunError: if a training failed; what was finished is stored.
    """
    now = 0

    def counted(planned: Plan) -> None:
        nonlocal now
        now += train(planned)

    study = question.study
    tuned = tune(question, store, counted, note)
    arms = tuned_arms(study, tuned)

    def planned_for(replicates: Mapping[str, int] | None) -> Plan:
        return plan(study, dataset, store, question.engine, arms, replicates)

    replicates: Mapping[str, int] | None = None
    if study.adaptive:
        add_replicates(question, arms, store, lambda wants: counted(planned_for(wants)), note)
        replicates = wanted(question, arms, store).replicates
    last = planned_for(replicates)
    counted(last)
    return Trained(len(last.trials) + (tuned.trials if tuned else 0), now)
