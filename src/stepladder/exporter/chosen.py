"""What is exported: the trials of one arm, or of a search's winner, and the best of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepladder.errors import InputError, OutputError, StoreError
from stepladder.recipe import Recipe
from stepladder.records import Trial, TrialResult
from stepladder.runner.adapt import wanted
from stepladder.runner.folder import finished_search, search_again
from stepladder.runner.plan import trials_of
from stepladder.runner.question import Question, question_of
from stepladder.runner.tune import tuned_arms, tuned_so_far
from stepladder.searcher.searchable import fresh_trials
from stepladder.store import Store, StudyRecord
from stepladder.study import Study
from stepladder.values import did_you_mean

__all__ = ["WINNER", "Chosen", "chosen"]

WINNER = "winner"
"""Name of a search's best candidate, where an arm's would stand."""


@dataclass(frozen=True)
class Chosen:
    """The trials of what is exported.

    Attributes:
        name: of the arm.
        recipe: of all of its replicates.
        replicates: those that are stored and did not diverge, the best by validation first.
        diverged: how many diverged.
        planned: every trial of the study that trains together with them.
        shown: ids of the trials whose test figures the study shows together.
        is_open: whether the test figures of these trials may be shown: a search's winner's are
            locked until somebody has looked at them.
    """

    name: str
    recipe: Recipe
    replicates: tuple[TrialResult, ...]
    diverged: int
    planned: tuple[Trial, ...]
    shown: tuple[str, ...]
    is_open: bool


def chosen(folder: Path, record: StudyRecord, store: Store, arm: str | None) -> Chosen:
    """The trials of an arm, or of the winner of a search.

    Args:
        folder: of the run.
        record: its study.
        store: where its trials are.
        arm: name of the arm; the winner of a search when None, or the only arm of a run.

    Raises:
        InputError: if there is no such arm, or no replicate of it that did not diverge.
        StoreError: if the store cannot be read.
    """
    question = question_of(record)
    file = finished_search(folder, record.study)
    winner = _winner(file) if file else None
    if winner is not None and arm in (None, WINNER):
        return _of_search(winner, question, store)
    if winner is None and record.study.search is not None and arm in (None, WINNER):
        _refuse_unfinished(folder, record.study, arm)
    by_arm = _trials(question, store)
    names = [*([WINNER] if winner is not None else ()), *by_arm]
    if arm is None and len(by_arm) == 1:
        arm = next(iter(by_arm))
    if arm is None or arm not in by_arm:
        raise _no_such_arm(arm, names, record)
    every = tuple(trial for trials in by_arm.values() for trial in trials)
    stored = tuple(sorted(store.has(trial.id for trial in every)))
    return _chosen(arm, by_arm[arm], store, every, stored, is_open=True)


def _trials(question: Question, store: Store) -> Mapping[str, Sequence[Trial]]:
    """The trials of each arm of a study as it stands."""
    study, tuned = question.study, tuned_so_far(question, store)
    arms = tuned_arms(study, tuned)
    is_tuning = study.tuned is not None and tuned is None
    wants = wanted(question, arms, store) if study.adaptive and not is_tuning else None
    return trials_of(study, question.fingerprint, question.validation, question.engine, arms,
                     wants.replicates if wants else None)  # fmt: skip


def _of_search(recipe: Recipe, question: Question, store: Store) -> Chosen:
    trials = tuple(fresh_trials(recipe, question))
    ids = tuple(trial.id for trial in trials)
    is_open = store.looked_at(question.fingerprint, ids)
    return _chosen(WINNER, trials, store, trials, ids, is_open=is_open)


def _winner(file: Path) -> Recipe:
    """The winner's recipe as a finished search has left it."""
    try:
        return Recipe(**json.loads(file.read_text("utf-8"))["best"]["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{file} must be what a search has left, found a file that cannot be read "
            f"({type(error).__name__}); run the search again, which trains nothing"
        ) from None


def _refuse_unfinished(folder: Path, study: Study, arm: str | None) -> None:
    """Refuses the winner of a search that is under way; a study of techniques has other arms.

    Raises:
        InputError: if nothing else can be meant.
    """
    if arm is None and study.techniques:
        return
    raise InputError(
        f"RUN must hold a search that is finished, found one without a winner yet, "
        f"{str(folder)!r}; `{search_again(folder, study)}` with the same --store goes on with it"
    )


def _no_such_arm(arm: str | None, names: Sequence[str], record: StudyRecord) -> InputError:
    listed = ", ".join(map(repr, names))
    found = "none" if arm is None else repr(arm)
    example = f"write --arm {names[-1]!r}, for example"
    advice = example if arm is None else did_you_mean(arm, names, example)
    return InputError(
        f"--arm must be one of {listed} of the study {record.study.name!r}, found {found}; {advice}"
    )


def _chosen(
    name: str,
    trials: Sequence[Trial],
    store: Store,
    planned: tuple[Trial, ...],
    shown: tuple[str, ...],
    *,
    is_open: bool,
) -> Chosen:
    results = list(store.results([trial.id for trial in trials], curves=False).values())
    whole = [each for each in results if each.diverged is None]
    if not whole:
        lost = f"{len(results)} that diverged" if results else "none"
        raise InputError(
            f"{name!r} must have a finished replicate to export, found {lost}; "
            + ("lower its learning rate" if results else "run the study first")
        )
    if any(not math.isfinite(each.validation.accuracy) for each in whole):
        raise StoreError(
            f"the replicates of {name!r} must have finite accuracies, found one without; check "
            "the store with stepladder store check"
        )
    # Of equals the one that was surer, and then the first.
    best = sorted(whole, key=lambda each: (-each.validation.accuracy, each.validation.loss,
                                           each.trial.replicate))  # fmt: skip
    return Chosen(
        name, trials[0].recipe, tuple(best), len(results) - len(whole), planned, shown, is_open
    )
