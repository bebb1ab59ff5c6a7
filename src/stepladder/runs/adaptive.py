"""Adding replicates until every verdict is settled: how many each arm wants next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stepladder.runs.measures import combined, load_summaries, main_effect_scores
from stepladder.runs.plan import RunContext, trials_of
from stepladder.runs.results import Adapted
from stepladder.statistics.sequential import InterimLook, adaptive_effects, look_levels, plan_looks
from stepladder.store import Store
from stepladder.study.designs import Arm
from stepladder.study.study import Study
from stepladder.trials.trial import Trial, TrialSummary


@dataclass(frozen=True)
class ReplicateTargets:
    """What a study that adds replicates wants.

    Attributes:
        replicates: of each arm, by its name.
        finished: whether they are all there and no look is left.
    """

    replicates: Mapping[str, int]
    finished: bool


def looks(study: Study, arms: Sequence[Arm]) -> tuple[int, ...]:
    """The numbers of replicates at which a study is looked at."""
    return plan_looks(study.replicates, len(combined(study)) or len(compared(arms)))


def compared(arms: Sequence[Arm]) -> list[tuple[str, str]]:
    """Each arm that is compared, with the one it is compared with."""
    return [(arm.name, arm.compared_with) for arm in arms if arm.compared_with is not None]


def replicate_targets(
    question: RunContext, arms: Sequence[Arm], store: Store | None
) -> ReplicateTargets:
    """How many replicates each arm wants, as far as the store tells.

    An arm has as many as the comparisons that it is in: those that are open at a look go on to
    the next one together. The comparisons of a factorial are the main effects of its techniques,
    which every combination is in.

    Args:
        question: what is asked.
        arms: with the recipes that are compared.
        store: where trials are; None where there are none.

    Raises:
        StoreError: if the store cannot be read.
    """
    trials = trials_of(question.study, question.fingerprint, question.validation, question.engine,
                       arms)  # fmt: skip
    planned = looks(question.study, arms)
    ids = [each.id for found in trials.values() for each in found]
    stored = load_summaries(store, ids) if store else {}
    looked, scores = _looked(question, arms, trials, stored)
    if combined(question.study):
        ahead = max(map(int, looked.wanted)) or planned[0]
        replicates = dict.fromkeys(trials, ahead)
    else:
        replicates = of_arms(arms, looked, planned)
    there = all(len(scores[name]) >= count for name, count in replicates.items())
    return ReplicateTargets(replicates, looked.finished and there)


def _looked(
    question: RunContext,
    arms: Sequence[Arm],
    trials: Mapping[str, Sequence[Trial]],
    stored: Mapping[str, TrialSummary],
) -> tuple[InterimLook, dict[str, list[float]]]:
    """What looks come to so far, and the scores of each arm that they can be taken at."""
    study = question.study
    scores = {name: leading(found, stored) for name, found in trials.items()}
    sides, pairs = scores, compared(arms)
    if combined(study):  # a diverged trial counts as guessing, as in the read-out
        guessing = {name: leading(found, stored, 1 / question.classes)
                    for name, found in trials.items()}  # fmt: skip
        sides, pairs = main_effect_scores(study, guessing)
    _, looked = adaptive_effects(sides, pairs, looks(study, arms), delta=study.delta)
    return looked, scores


def leading(
    trials: Sequence[Trial], stored: Mapping[str, TrialSummary], diverged: float = math.nan
) -> list[float]:
    """Test accuracies up to the first trial that is not there.

    Args:
        trials: in the order of replicates.
        stored: results by the trial's id.
        diverged: what one counts that diverged.
    """
    values: list[float] = []
    for trial in trials:
        if trial.id not in stored:
            break
        result = stored[trial.id]
        values.append(diverged if result.diverged is not None else result.test.accuracy)
    return values


def of_arms(arms: Sequence[Arm], looked: InterimLook, planned: Sequence[int]) -> dict[str, int]:
    """Replicates of each arm: the most that any of its comparisons wants."""
    counts = dict.fromkeys((arm.name for arm in arms), 0)
    for row, pair in enumerate(compared(arms)):
        for name in pair:
            counts[name] = max(counts[name], int(looked.wanted[row]))
    return {name: count or planned[0] for name, count in counts.items()}


Train = Callable[[Mapping[str, int]], object]
"""Trains what arms lack of some numbers of replicates."""


def add_replicates(
    question: RunContext,
    arms: Sequence[Arm],
    store: Store,
    train: Train,
    note: Callable[[str], object],
) -> None:
    """Trains look by look until every verdict is settled or the most is reached.

    Args:
        question: what is asked.
        arms: with the recipes that are compared.
        store: where trials are kept.
        train: trains what arms lack.
        note: is told of each look, in a sentence.

    Raises:
        RunError: if a training failed.
    """
    if replicate_targets(question, arms, store).finished:
        return
    planned = looks(question.study, arms)
    note(
        f"adaptive: verdicts at {', '.join(map(str, planned))} replicates, the error rate split "
        f"as {', '.join(f'{100 * level:.2g}' for level in look_levels(planned))} %"
    )
    while not (wants := replicate_targets(question, arms, store)).finished:
        ahead = max(wants.replicates.values())
        going = sum(count == ahead for count in wants.replicates.values())
        note(f"adaptive: {going} of {len(arms)} arms go on to {ahead} replicates")
        train(wants.replicates)


def adaptive_summary(
    study: Study, arms: Sequence[Arm], looked: InterimLook, stored: Mapping[str, TrialSummary]
) -> Adapted:
    """How far a study went, and what a fixed number of replicates would have cost.

    Args:
        study: what was asked.
        arms: with the recipes that are compared.
        looked: what its looks came to.
        stored: its trials by id.
    """
    at_most = study.replicates * len({arm.recipe for arm in arms})
    mean = sum(result.seconds for result in stored.values()) / max(len(stored), 1)
    return Adapted(
        looks=looks(study, arms),
        taken=looked.looked,
        settled=int((looked.different | looked.within).sum()),
        trials=len(stored),
        at_most=at_most,
        seconds_saved=mean * max(at_most - len(stored), 0),
    )
