"""The phases of a run: tuning where the study is fair, then the arms, look by look if need be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from stepladder.data import Dataset
from stepladder.runner.adapt import add_replicates, wanted
from stepladder.runner.plan import Plan, plan, planned, trials_of
from stepladder.runner.question import Question
from stepladder.runner.tune import candidates_so_far, tune, tuned_arms, tuned_so_far
from stepladder.store import Store

__all__ = ["Trained", "foreseen", "train_all"]


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


def foreseen(question: Question, store: Store | None) -> Plan:
    """All phases of a study as one plan, as far as its store tells what they are.

    Until its tuning is finished, a fair study's arms stand with the values that they declare:
    there will be as many trials, of other ids. What a grid may still be widened by, and what
    replicates may still be added, is not in it.

    Args:
        question: what is asked.
        store: where trials are kept; None where there is no store yet.

    Raises:
        StoreError: if the store cannot be read.
        StudyError: if a value of a fair study's grid is not possible in an arm.
    """
    study, tuned = question.study, tuned_so_far(question, store)
    is_tuning = study.tuned is not None and tuned is None
    arms = tuned_arms(study, tuned)
    there = None if is_tuning else store
    wants = wanted(question, arms, there) if study.adaptive else None
    compared = trials_of(study, question.fingerprint, question.validation, question.engine, arms,
                         wants.replicates if wants else None)  # fmt: skip
    tried = candidates_so_far(question, store)
    every = {name: [*tried.get(name, ()), *trials] for name, trials in compared.items()}
    made = planned(study, every, store)
    if is_tuning:
        open_ids = {trial.id for trials in (made.missing, *compared.values()) for trial in trials}
        made = replace(made, missing=tuple(each for each in made.trials if each.id in open_ids))
    return replace(made, is_least=is_tuning or not (wants is None or wants.finished))
