"""From stored trials to results."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from stepladder.data import Dataset
from stepladder.diagnosis.findings import Finding
from stepladder.runs.adaptive import (
    ReplicateTargets,
    adaptive_summary,
    compared_pairs,
    judging_history,
)
from stepladder.runs.arm_analysis import ensembles_of, findings_of, probes_of
from stepladder.runs.judgements import MAIN, History, keep
from stepladder.runs.ledger import count_looks, log_look
from stepladder.runs.measures import (
    Replicates,
    analyze_factorial,
    count_leading,
    count_reached,
    differences,
    effect_with_images,
    estimate_with_images,
    factorial_techniques,
    folds_of,
    load_summaries,
    main_effect_scores,
    scope_of,
    scores_at_baseline,
    scores_on,
    trials_diverged,
    withdrawn_if_not_testable,
)
from stepladder.runs.misclassified import ErrorAnalysis, find_misclassified
from stepladder.runs.phases import study_trials
from stepladder.runs.plan import run_context, versions_shown
from stepladder.runs.predictions import Predictions, find_predictions
from stepladder.runs.preflight import underpowered
from stepladder.runs.results import ArmResult, Results, Span, Tuned, watches_epochs
from stepladder.statistics.divergence import divergence_differences
from stepladder.statistics.intervals import estimate
from stepladder.statistics.posterior import with_posteriors
from stepladder.statistics.results import Effect, Estimate, FactorialAnalysis
from stepladder.statistics.sequential import InterimLook, effects_over_time
from stepladder.store import Store, StudyRecord
from stepladder.study.confounds import confounds, optimizer_steps, train_examples_left
from stepladder.study.designs import Arm
from stepladder.study.metrics import Metric
from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.trials.trial import PARTS, UNSCORED, Part, Trial, TrialSummary

_Scores = Mapping[str, Sequence[float]]

FOLDS_NOTE = (
    "k-fold: each replicate is tested on other examples. So answers to single examples, intervals "
    "for new examples beside the effects, and ensembles are not given."
)


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
    """
    study, context = record.study, run_context(record, engine)
    is_folds = study.overlap > 0
    known = study_trials(context, store)
    arms, by_arm = known.arms, known.compared
    targets = None if known.is_tuning else known.targets
    ids = list(dict.fromkeys(trial.id for trials in by_arm.values() for trial in trials))
    needs_curves = curves or study.target is not None  # a target is reached at some epoch
    stored = {} if known.is_tuning else load_summaries(store, ids, needs_curves)
    if not is_look:
        stored = {name: _without_test(result) for name, result in stored.items()}
    results = {name: [stored.get(trial.id) for trial in trials] for name, trials in by_arm.items()}
    judged: Mapping[str, Effect] = {}
    interim: InterimLook | None = None
    readout: FactorialAnalysis | None = None
    look_count, is_every_look = count_looks(store, record.fingerprint)
    history = judging_history(context, arms, by_arm, store)
    asked, other_delta = study.delta, list[str]()
    if is_look:
        if history.first_delta != asked:
            study = study.changed({"delta": history.first_delta})
            other_delta = [
                f"δ of the first judgement stays, {history.first_delta:g}; now asked for: "
                f"{'none' if asked is None else f'{asked:g}'}."
            ]
        judged, interim = _judge_effects(study, arms, results, context.baseline, history)
        occasion = history.occasion(main=True)
        readout = analyze_factorial(study, results, context.baseline, occasion)
        judged, readout = _with_first(history, judged, readout)
        main = {f"{MAIN}{one.technique}": one.effect for one in readout.main} if readout else {}
        keep(store, study, record.fingerprint, history, {**judged, **main}, command)
        look_count, is_every_look = log_look(store, study.name, record.fingerprint, stored, command)
    # An ensemble is judged by its accuracy, on rows that all of its networks were tested on.
    has_ensembles = study.task == "classification" and not is_folds
    ensembles, problems = ensembles_of(by_arm, weights if has_ensembles else None, is_look=is_look)
    shown = tuple(
        replace(
            _arm(
                arm, results, judged.get(arm.name), record, known.tuned, targets, context.one_answer
            ),
            ensemble=ensembles.get(arm.name),
        )
        for arm in arms
    )
    mistakes, predictions = None, None
    if dataset is not None and not study.trainer and not is_folds:
        mistakes, predictions = _answers(arms, by_arm, store, dataset, study.judged)
    parameters = {result.arm.name: result.parameters for result in shown}
    return Results(
        study=study,
        dataset=record.dataset,
        fingerprint=record.fingerprint,
        sizes=record.sizes,
        classes=record.classes,
        arms=shown,
        looks=look_count,
        finished=len(stored) == len(ids) and (targets is None or targets.finished),
        versions=versions_shown(record.versions),
        machine=record.machine,
        seconds=record.seconds,
        readout=readout,
        confounds=confounds(study, arms, train=record.sizes.get("train"), parameters=parameters),
        warnings=(
            *other_delta,
            *underpowered(study),
            *problems,
            *([FOLDS_NOTE] if is_folds else []),
        ),
        tuned=known.tuned,
        adapted=None if interim is None else adaptive_summary(study, arms, interim, stored),
        noun=record.noun,
        has_own_validation=record.has_own_validation,
        mistakes=mistakes,
        predictions=predictions,
        baseline=context.baseline,
        one_answer=context.one_answer,
        data_notes=context.notes,
        earlier=history.others if is_look else (),
        is_first=history.is_first,
        is_every_look=is_every_look,
        asked_delta=asked,
    )


def _with_first(
    history: History, judged: Mapping[str, Effect], readout: FactorialAnalysis | None
) -> tuple[Mapping[str, Effect], FactorialAnalysis | None]:
    """Effects with the verdict of the first judgement where that was another one."""
    before = history.first_verdicts

    def with_first(name: str, effect: Effect) -> Effect:
        first = before.get(history.comparisons.get(name, ""))
        return replace(effect, first_verdict=None if first == effect.verdict else first)

    judged = {name: with_first(name, effect) for name, effect in judged.items()}
    if readout is not None:
        main = tuple(
            replace(one, effect=with_first(f"{MAIN}{one.technique}", one.effect))
            for one in readout.main
        )
        readout = replace(readout, main=main)
    return judged, readout


def _without_test(result: TrialSummary) -> TrialSummary:
    measures = {part: values for part, values in result.measures.items() if part != "test"}
    return replace(result, test=UNSCORED, measures=measures, per_example=None)


def _judge_effects(
    study: Study,
    arms: Sequence[Arm],
    results: Mapping[str, Replicates],
    baseline: float | None,
    history: History,
) -> tuple[Mapping[str, Effect], InterimLook | None]:
    """The effect of each arm that is compared, and the looks of a study that adds replicates."""
    pairs = compared_pairs(arms)
    metric = study.judged
    scores = {name: scores_on(rows, "test", metric.name) for name, rows in results.items()}
    guessing = {name: scores_at_baseline(rows, metric, baseline) for name, rows in results.items()}
    there = {name: count_leading(rows) for name, rows in results.items()}
    if study.adaptive:
        scores = {name: values[: there[name]] for name, values in scores.items()}
        guessing = {name: values[: there[name]] for name, values in guessing.items()}
    judged, interim = _judge_pairs(study, pairs, scores, guessing, there, history)
    if interim is not None and factorial_techniques(study):
        sides, of_techniques = main_effect_scores(study, guessing)
        occasion = history.occasion(main=True).of_sides(of_techniques)
        _, interim = effects_over_time(
            sides, of_techniques, occasion, delta=study.delta, metric=metric, claim=study.claim
        )
    with_images, (_, words) = {}, scope_of("test", study)
    divergence = divergence_differences(
        {name: trials_diverged(results[name], results[other]) for name, other in pairs}
    )
    for name, other in pairs:
        if name in judged:
            used = judged[name].pairs + judged[name].unpaired
            ours, theirs = results[name][:used], results[other][:used]
            effect = judged[name]
            if not study.overlap:
                effect = effect_with_images(effect, ours, theirs, metric)
            effect = replace(effect, divergence=divergence.get(name), speaks_for=words)
            with_images[name] = withdrawn_if_not_testable(effect, (ours, theirs), study)
    return with_posteriors(with_images, study.delta, metric.sign, study.overlap), interim


def _judge_pairs(
    study: Study, pairs: Sequence[tuple[str, str]], scores: _Scores, guessing: _Scores,
    stored: Mapping[str, int], history: History,
) -> tuple[Mapping[str, Effect], InterimLook | None]:  # fmt: skip
    """Verdicts of one family: a comparison that has no figures yet counts in it."""
    has_any = {name: any(map(math.isfinite, values)) for name, values in scores.items()}
    shown = [name for name, other in pairs if has_any[name] and has_any[other]]
    if not shown:
        return {}, None
    judge_now = partial(
        effects_over_time, pairs=pairs, occasion=history.occasion(), delta=study.delta,
        metric=study.judged, stored=stored, claim=study.claim, folds=folds_of(study),
    )  # fmt: skip
    judged, state = judge_now(scores)
    chance = judged if guessing == scores else judge_now(guessing)[0]
    told = {
        name: replace(judged[name], at_chance=chance[name])
        if chance[name].pairs > judged[name].pairs else judged[name]
        for name in shown
    }  # fmt: skip
    return told, state if study.adaptive else None


def _answers(
    arms: Sequence[Arm],
    by_arm: Mapping[str, Sequence[Trial]],
    store: Store,
    dataset: Dataset,
    metric: Metric,
) -> tuple[ErrorAnalysis | None, Predictions | None]:
    """What is misread, or what is answered: this alone needs every answer of every trial."""
    ids = dict.fromkeys(trial.id for trials in by_arm.values() for trial in trials)
    stored = store.results(ids, curves=False)
    results = {name: [stored.get(trial.id) for trial in by_arm[name]] for name in by_arm}
    return (
        find_misclassified(arms, results, dataset),
        find_predictions(arms, results, dataset, metric),
    )


def _arm(
    arm: Arm,
    by_arm: Mapping[str, Replicates],
    effect: Effect | None,
    record: StudyRecord,
    tuned: Tuned | None,
    targets: ReplicateTargets | None,
    one_answer: float | None,
) -> ArmResult:
    results, target = by_arm[arm.name], record.study.target
    other = by_arm[arm.compared_with] if effect and arm.compared_with else None
    used = effect.pairs + effect.unpaired if effect else 0
    done = [result for result in results if result is not None]
    reported = record.study.reported
    study, metric = record.study, record.study.judged
    findings: tuple[Finding, ...] = ()
    if study.trainer is None:
        left = train_examples_left(study, record.sizes.get("train"))
        steps = optimizer_steps(arm.recipe, left)
        findings = findings_of(
            arm, done, record.classes, tuned, steps, record.noun, study, one_answer
        )

    scopes = {part: scope_of(part, record.study, record) for part in PARTS}

    def estimate_on(part: Part, one: Metric = metric) -> Estimate:
        overlap, words = scopes[part]
        return estimate(
            scores_on(results, part, one.name), metric=one, overlap=overlap, speaks_for=words
        )

    also = {one.name: {part: estimate_on(part, one) for part in PARTS} for one in study.recorded}
    trained, scored = _epochs(arm, done)
    # Published tables climb: their figure for a technique is that of its rung.
    name = (arm.technique if record.study.design == "ladder" else None) or arm.name
    return ArmResult(
        arm=arm,
        n=len(done),
        diverged=sum(result.diverged is not None for result in done),
        train=estimate_on("train"),
        validation=estimate_on("validation"),
        test=estimate_on("test")
        if study.overlap
        else estimate_with_images(estimate_on("test"), results, metric),
        also=also,
        effect=effect,
        curves=tuple(result.curve for result in done),
        reported_curves=tuple(result.reported for result in done),
        reported=reported.test_accuracy.get(name) if reported else None,
        parameters=(done[0].parameters or None) if done else None,
        seconds=sum(result.seconds for result in done),
        differences=()
        if other is None
        else differences(results[:used], other[:used], target, metric, study.recorded, scopes),
        reached=count_reached(results, target),
        planned=None if targets is None else targets.replicates[arm.name],
        probes=probes_of(results),
        findings=findings,
        finished=tuple(place for place, result in enumerate(results) if result is not None),
        epochs_trained=trained,
        scored_epoch=scored,
    )


def _epochs(arm: Arm, done: Sequence[TrialSummary]) -> tuple[Span | None, Span | None]:
    """How many epochs an arm was trained, and which is scored, where early stopping decides it."""
    if not isinstance(arm.config, Recipe) or not watches_epochs(arm.config):
        return None, None
    signs = [one.signs for one in done if one.diverged is None and one.signs is not None]
    epochs = float(arm.config.epochs)
    trained = [epochs if math.isnan(one.stopped) else one.stopped for one in signs]
    scored = [
        end if math.isnan(one.scored_epoch) else one.scored_epoch
        for one, end in zip(signs, trained, strict=True)
    ]
    return Span.of(trained), Span.of(scored)
