"""Diagnosis and ensembles of an arm."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stepladder.diagnosis.findings import ArmEvidence, Finding, RateCurve, Replicate
from stepladder.diagnosis.rules import diagnose
from stepladder.runs.measures import Replicates
from stepladder.runs.plan import Plan
from stepladder.runs.results import ArmProbes, ArmTuning, Tuned
from stepladder.statistics.classification import Answers, Ensemble, pool_answers
from stepladder.study.designs import Arm
from stepladder.study.metrics import METRICS, Metric
from stepladder.study.study import Study
from stepladder.training.final_weights import kept_final, weights_file
from stepladder.trials.trial import PARTS, Trial, TrialSummary


def findings_of(
    arm: Arm,
    done: Sequence[TrialSummary],
    classes: Sequence[str],
    tuned: Tuned | None,
    steps: int | None = None,
    noun: str = "image",
    study: Study | None = None,
    baseline: float | None = None,
) -> tuple[Finding, ...]:
    """What is wrong with an arm.

    Args:
        arm: with the recipe that was trained.
        done: its finished trials.
        classes: names of the classes.
        tuned: how the arms of a fair study were tuned.
        steps: optimizer steps of one training, where known.
        noun: what one example is called.
        study: what is judged and learnt; the accuracy of classes when None.
        baseline: the judged metric of one answer to everything, where it is known.
    """
    tuning = next((own for own in tuned.arms if own.arm == arm.name), None) if tuned else None
    curve = _rate_curve(tuned, tuning) if tuned and tuning else None
    metric = METRICS["accuracy"] if study is None else study.judged
    replicates = tuple(_replicate(one, metric) for one in done)
    parameters = done[0].parameters if done else None
    evidence = ArmEvidence(
        arm.recipe, tuple(classes), replicates, curve, steps, parameters, noun,
        "classification" if study is None else study.task, metric, baseline,
    )  # fmt: skip
    at_edge = [
        Finding(
            code="grid_edge",
            title=f"the best {field} tried, {getattr(arm.recipe, field):g}, is at the edge of the "
            "grid",
            where="",
            detail="a better one may lie beyond",
            advice="widen the grid",
            technique=None,
            evidence={"best": float(getattr(arm.recipe, field))},
            replicates=len(replicates),
        )
        for field in (tuning.at_edge if tuning else ())
    ]
    return (*diagnose(evidence), *at_edge)


def _replicate(result: TrialSummary, metric: Metric) -> Replicate:
    return Replicate(
        diverged=result.diverged,
        constant=result.answer if result.diverged is None else None,
        train=result.train,
        validation=result.validation,
        test=result.test,
        signs=result.signs,
        judged={part: result.score(part, metric.name) for part in PARTS},
    )


def _rate_curve(tuned: Tuned, tuning: ArmTuning) -> RateCurve | None:
    """What an arm reaches at each learning rate, with the best values of the other fields."""
    if "learning_rate" not in tuned.fields or tuned.metric != "accuracy":
        return None
    place = tuned.fields.index("learning_rate")
    best: dict[float, float] = {}
    for tried in tuning.tried:
        rate = tried.values[place]
        best[rate] = max(tried.mean, best.get(rate, 0.0))
    rates = tuple(sorted(best))
    return RateCurve(rates, tuple(best[rate] for rate in rates), tuning.declared[place])


def probes_of(results: Replicates) -> ArmProbes | None:
    """The probes of an arm's networks; None where there are none."""
    seen = {
        number: result.probes
        for number, result in enumerate(results)
        if result is not None and result.probes is not None
    }
    if not seen:
        return None
    first = next(iter(seen.values()))
    shape = first.kernels, first.layers, first.epochs
    alike = {
        number: probes
        for number, probes in seen.items()
        if (probes.kernels, probes.layers, probes.epochs) == shape
    }
    return ArmProbes(
        replicates=tuple(alike),
        kernels=first.kernels,
        gradient_norm=np.stack([probes.gradient_norm for probes in alike.values()]),
        layers=first.layers,
        dead=np.stack([probes.dead for probes in alike.values()]),
        saturated=np.stack([probes.saturated for probes in alike.values()]),
    )


def ensembles_of(
    by_arm: Mapping[str, Sequence[Trial]], folder: Path | None, *, is_look: bool
) -> tuple[dict[str, Ensemble], list[str]]:
    """The ensemble of each arm of which at least two replicates were kept.

    Returns:
        Ensembles by the name of their arm, and sentences on files that cannot be used.
    """
    if folder is None or not folder.is_dir():
        return {}, []
    ensembles: dict[str, Ensemble] = {}
    problems: list[str] = []
    for name, trials in by_arm.items():
        validation, test = [], []
        for trial in trials:
            final, wrong = kept_final(folder, trial.id)
            if final is not None:
                validation.append(
                    Answers(
                        final.validation_rows,
                        final.validation_labels,
                        final.validation_probabilities,
                    )
                )
                rows = np.arange(len(final.test_labels))
                test.append(Answers(rows, final.test_labels, final.test_probabilities))
            elif wrong:
                problems.append(
                    f"The kept weights of {name}, replicate {trial.replicate}, are left out of its "
                    f"ensemble: {trial.id[:12]}….weights {wrong}."
                )
        if len(validation) > 1:
            pooled_test = pool_answers(test) if is_look else None
            ensembles[name] = Ensemble(len(validation), pool_answers(validation), pooled_test)
    return ensembles, problems


def missing_weights_note(plan: Plan, folder: Path) -> list[str]:
    """A note on trials that are stored and whose weights are not kept; none where all are."""
    stored = {trial.id for trial in plan.trials} - {trial.id for trial in plan.missing}
    count = sum(not weights_file(folder, trial_id).exists() for trial_id in stored)
    if not count:
        return []
    return [
        f"{count:,} stored trials have no kept weights and are left out of ensembles: they were "
        "trained elsewhere or before keep_weights was set, or diverged; to train them again, use "
        "another --out folder with its own store"
    ]
