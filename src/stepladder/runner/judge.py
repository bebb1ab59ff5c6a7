"""Judging a study: what its stored trials come to, arm by arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from stepladder.analysis import Effect, effects, estimate
from stepladder.designs import Arm
from stepladder.records import TrialResult
from stepladder.runner.plan import trials_of
from stepladder.runner.results import ArmResult, Results
from stepladder.store import Store, StudyRecord

__all__ = ["judge"]

Found = list[TrialResult | None]


def judge(
    store: Store, record: StudyRecord, engine: str, command: str, curves: bool = True
) -> Results:
    """The results of a study, complete or so far, read from its store.

    Reading them is a look at the test set, which the store logs.

    Args:
        store: where the trials are.
        record: the study and its dataset.
        engine: as trials record it.
        command: what asks, for the log of looks.
        curves: whether the epochs are read too; without, every curve is empty.

    Raises:
        StoreError: if the store cannot be read.
    """
    study = record.study
    by_arm = trials_of(study, record.fingerprint, record.sizes["validation"], engine)
    ids = list(dict.fromkeys(trial.id for trials in by_arm.values() for trial in trials))
    stored = store.results(ids, curves)
    found = {name: [stored.get(trial.id) for trial in trials] for name, trials in by_arm.items()}
    judged = _effects(study.arms, found, study.delta)
    looks = store.look(study.name, record.fingerprint, stored, command)
    return Results(
        study=study,
        dataset=record.dataset,
        fingerprint=record.fingerprint,
        sizes=record.sizes,
        classes=record.classes,
        arms=tuple(_arm(arm, found[arm.name], judged.get(arm.name), record) for arm in study.arms),
        looks=looks,
        finished=len(stored) == len(ids),
        versions=record.versions,
        machine=record.machine,
        seconds=record.seconds,
    )


def _effects(arms: Sequence[Arm], found: Mapping[str, Found], delta: float) -> dict[str, Effect]:
    scores = {name: _accuracies(results, "test") for name, results in found.items()}
    pairs = [
        (arm.name, arm.compared_with)
        for arm in arms
        if arm.compared_with is not None
        and any(map(math.isfinite, scores[arm.name]))
        and any(map(math.isfinite, scores[arm.compared_with]))
    ]
    return effects(scores, pairs, delta=delta) if pairs else {}


def _accuracies(results: Found, part: str) -> list[float]:
    return [getattr(each, part).accuracy if each else math.nan for each in results]


def _arm(arm: Arm, results: Found, effect: Effect | None, record: StudyRecord) -> ArmResult:
    done = [result for result in results if result is not None]
    reported = record.study.reported
    name = arm.technique or arm.name
    return ArmResult(
        arm=arm,
        n=len(done),
        diverged=sum(result.diverged is not None for result in done),
        train_accuracy=estimate(_accuracies(results, "train")),
        val_accuracy=estimate(_accuracies(results, "validation")),
        test_accuracy=estimate(_accuracies(results, "test")),
        effect=effect,
        curves=tuple(result.curve for result in done),
        diagnosis=tuple(_diagnosis(done, record.classes)),
        reported=reported.test_accuracy.get(name) if reported else None,
        parameters=done[0].parameters if done else None,
        seconds=sum(result.seconds for result in done),
    )


def _diagnosis(done: Sequence[TrialResult], classes: Sequence[str]) -> list[str]:
    """What went wrong, in sentences; empty where nothing did."""
    said = []
    lost = [result.diverged for result in done if result.diverged is not None]
    if lost:
        first, last = min(lost), max(lost)
        when = f"in epoch {first}" if first == last else f"in epochs {first} to {last}"
        said.append(f"diverged {when}{_how_many(len(lost), len(done))}")
    alive = [result for result in done if result.diverged is None]
    constant = [result for result in alive if np.ptp(result.test_predictions) == 0]
    if constant:
        answers = sorted({int(result.test_predictions[0]) for result in constant})
        named = " or ".join(classes[answer] for answer in answers)
        said.append(f"answers {named} to every image{_how_many(len(constant), len(done))}")
    return said


def _how_many(some: int, every: int) -> str:
    return "" if some == every else f" in {some} of {every} replicates"
