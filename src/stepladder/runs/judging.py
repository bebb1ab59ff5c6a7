"""From stored trials to results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stepladder.data import Dataset
from stepladder.runs.adaptive import (
    ReplicateTargets,
    adaptive_summary,
    compared,
    looks,
    replicate_targets,
)
from stepladder.runs.arm_analysis import ensembles_of, findings_of, probes_of
from stepladder.runs.measures import (
    Found,
    accuracies,
    at_chance,
    combined,
    differences,
    effect_with_images,
    estimate_with_images,
    leading,
    load_summaries,
    main_effect_scores,
    reached,
    readout,
)
from stepladder.runs.misclassified import ErrorAnalysis, mistakes_of
from stepladder.runs.plan import run_context, trials_of
from stepladder.runs.preflight import underpowered
from stepladder.runs.results import ArmResult, Results, Tuned
from stepladder.runs.tuning import tuned_arms, tuned_so_far
from stepladder.statistics.effects import effects
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Effect
from stepladder.statistics.sequential import InterimLook, adaptive_effects
from stepladder.store import Store, StudyRecord
from stepladder.study.confounds import confounds
from stepladder.study.designs import Arm
from stepladder.study.study import Study
from stepladder.trials.trial import Score, Trial

Pairs = list[tuple[str, str]]
Scores = dict[str, list[float]]


def effects_of(
    study: Study, arms: Sequence[Arm], found: Mapping[str, Found], classes: int
) -> tuple[dict[str, Effect], InterimLook | None]:
    """The effect of each arm that is compared, and what looks came to where replicates are added.

    Args:
        study: what is asked.
        arms: with the recipes that are compared.
        found: their trials; None where one is not there yet.
        classes: of the dataset, for the accuracy of guessing.
    """
    scores = {name: accuracies(results, "test") for name, results in found.items()}
    guessing = {name: at_chance(results, classes) for name, results in found.items()}
    judged, looked = (_adaptive if study.adaptive else _fixed)(study, arms, found, scores, guessing)
    made = {}
    for name, other in compared(arms):
        if name in judged:
            used = judged[name].pairs + judged[name].unpaired
            ours, theirs = found[name][:used], found[other][:used]
            made[name] = effect_with_images(judged[name], ours, theirs)
    return made, looked


def _fixed(
    study: Study,
    arms: Sequence[Arm],
    found: Mapping[str, Found],
    scores: Scores,
    guessing: Scores,
) -> tuple[dict[str, Effect], None]:
    """Verdicts of one family: a comparison that has no figures yet counts in it."""
    pairs = compared(arms)
    has_any = {name: any(map(math.isfinite, each)) for name, each in scores.items()}
    if not any(has_any[name] and has_any[other] for name, other in pairs):
        return {}, None
    judged = effects(scores, pairs, delta=study.delta, at_chance=guessing)
    return {name: judged[name] for name, other in pairs if has_any[name] and has_any[other]}, None


def _adaptive(
    study: Study,
    arms: Sequence[Arm],
    found: Mapping[str, Found],
    scores: Scores,
    guessing: Scores,
) -> tuple[dict[str, Effect], InterimLook | None]:
    """Verdicts of the looks, over the replicates that each comparison had at its own."""
    pairs = compared(arms)
    there = {name: scores[name][: leading(results)] for name, results in found.items()}
    guessed = {name: guessing[name][: leading(results)] for name, results in found.items()}
    if not pairs or not any(there.values()):
        return {}, None
    judged, looked = adaptive_effects(there, pairs, looks(study, arms),
                                      delta=study.delta)  # fmt: skip
    if combined(study):  # looks are taken at the main effects of its techniques
        sides, of_techniques = main_effect_scores(study, guessed)
        _, looked = adaptive_effects(sides, of_techniques, looks(study, arms), delta=study.delta)
    chance, _ = adaptive_effects(guessed, pairs, looks(study, arms), delta=study.delta)
    return {
        name: replace(each, at_chance=chance[name]) if each.unpaired else each
        for name, each in judged.items()
        if each.pairs
    }, looked


_UNSEEN = Score(math.nan, math.nan)


def judge(
    store: Store,
    record: StudyRecord,
    engine: str,
    command: str,
    curves: bool = True,
    dataset: Dataset | None = None,
    *,
    weights: Path | None = None,
    is_look: bool = True,
) -> Results:
    """The results of a study, complete or so far, read from its store.

    Reading them is a look at the test set, which the store logs.

    Args:
        store: where the trials are.
        record: the study and its dataset.
        engine: as trials record it.
        command: what asks, for the log of looks.
        curves: whether the epochs are read too where nothing judged needs them; without, every
            curve is empty.
        dataset: the study's own, from which misread examples are taken; None leaves them out.
        weights: where final weights are kept, from which ensembles are made; None leaves them out.
        is_look: whether test figures are shown; otherwise nothing is judged or logged, and every
            test accuracy is NaN.

    Raises:
        StoreError: if the store cannot be read.
    """
    study, question = record.study, run_context(record, engine)
    tuned = tuned_so_far(question, store)
    arms = tuned_arms(study, tuned)
    is_tuning = study.tuned is not None and tuned is None
    wants = replicate_targets(question, arms, store) if study.adaptive and not is_tuning else None
    by_arm = trials_of(study, question.fingerprint, question.validation, engine, arms,
                       wants.replicates if wants else None)  # fmt: skip
    ids = list(dict.fromkeys(trial.id for trials in by_arm.values() for trial in trials))
    needs = curves or study.target is not None  # epochs to a target are read off the curves
    stored = {} if is_tuning else load_summaries(store, ids, needs)
    if not is_look:
        stored = {each: replace(result, test=_UNSEEN) for each, result in stored.items()}
    found = {name: [stored.get(trial.id) for trial in trials] for name, trials in by_arm.items()}
    judged: dict[str, Effect] = {}
    looked: InterimLook | None = None
    looks = len(store.looks(record.fingerprint))
    if is_look:
        judged, looked = effects_of(study, arms, found, question.classes)
        looks = store.look(study.name, record.fingerprint, stored, command)
    pooled, lost = ensembles_of(by_arm, weights, is_look=is_look)
    shown = tuple(
        replace(
            _arm(arm, found, judged.get(arm.name), record, tuned, wants),
            ensemble=pooled.get(arm.name),
        )
        for arm in arms
    )
    sizes = {result.arm.name: result.parameters for result in shown}
    return Results(
        study=study,
        dataset=record.dataset,
        fingerprint=record.fingerprint,
        sizes=record.sizes,
        classes=record.classes,
        arms=shown,
        looks=looks,
        finished=len(stored) == len(ids) and (wants is None or wants.finished),
        versions=record.versions,
        machine=record.machine,
        seconds=record.seconds,
        readout=readout(study, found, question.classes) if is_look else None,
        confounds=confounds(study, arms, train=record.sizes.get("train"), parameters=sizes),
        warnings=(*underpowered(study), *lost),
        tuned=tuned,
        adapted=None if looked is None else adaptive_summary(study, arms, looked, stored),
        mistakes=None if dataset is None else _mistakes(arms, by_arm, store, dataset),
    )


def _mistakes(
    arms: Sequence[Arm], by_arm: Mapping[str, Sequence[Trial]], store: Store, dataset: Dataset
) -> ErrorAnalysis | None:
    """What is misread, for which alone every answer of every trial is read."""
    ids = dict.fromkeys(trial.id for trials in by_arm.values() for trial in trials)
    whole = store.results(ids, curves=False)
    given = {name: [whole.get(trial.id) for trial in trials] for name, trials in by_arm.items()}
    return mistakes_of(arms, given, dataset)


def _arm(
    arm: Arm,
    found: Mapping[str, Found],
    effect: Effect | None,
    record: StudyRecord,
    tuned: Tuned | None,
    wants: ReplicateTargets | None,
) -> ArmResult:
    results, target = found[arm.name], record.study.target
    other = found[arm.compared_with] if effect and arm.compared_with else None
    used = effect.pairs + effect.unpaired if effect else 0
    done = [result for result in results if result is not None]
    reported = record.study.reported
    findings = findings_of(arm, done, record.classes, tuned)
    # Published tables climb: their figure for a technique is that of its rung.
    name = (arm.technique if record.study.design == "ladder" else None) or arm.name
    return ArmResult(
        arm=arm,
        n=len(done),
        diverged=sum(result.diverged is not None for result in done),
        train_accuracy=estimate(accuracies(results, "train")),
        val_accuracy=estimate(accuracies(results, "validation")),
        test_accuracy=estimate_with_images(estimate(accuracies(results, "test")), results),
        effect=effect,
        curves=tuple(result.curve for result in done),
        reported=reported.test_accuracy.get(name) if reported else None,
        parameters=done[0].parameters if done else None,
        seconds=sum(result.seconds for result in done),
        differences=() if other is None else differences(results[:used], other[:used], target),
        reached=reached(results, target),
        planned=None if wants is None else wants.replicates[arm.name],
        probes=probes_of(results),
        findings=findings,
        finished=tuple(place for place, result in enumerate(results) if result is not None),
    )
