"""Diagnosis and ensembles of an arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stepladder.diagnosis.findings import ArmEvidence, Finding, RateCurve, Replicate
from stepladder.diagnosis.rules import diagnose
from stepladder.runs.measures import Replicates
from stepladder.runs.plan import Plan
from stepladder.runs.results import ArmProbes, ArmTuning, Tuned
from stepladder.statistics.classification import Answers, Ensemble, pooled
from stepladder.study.designs import Arm
from stepladder.training.messages import kept_final, weights_file
from stepladder.trials.trial import FinalState, Trial, TrialSummary

_RATE = "learning_rate"


def findings_of(
    arm: Arm, done: Sequence[TrialSummary], classes: Sequence[str], tuned: Tuned | None
) -> tuple[Finding, ...]:
    """What is wrong with an arm.

    Args:
        arm: with the recipe that was trained.
        done: its finished trials.
        classes: names of the classes.
        tuned: how a fair study's arms were tuned, or None.
    """
    tuning = next((each for each in tuned.arms if each.arm == arm.name), None) if tuned else None
    tried = _tried(tuned, tuning) if tuned and tuning else None
    case = ArmEvidence(arm.recipe, tuple(classes), tuple(_replicate(each) for each in done), tried)
    return (*diagnose(case), *(_at_edge(arm, tuning, case) if tuning else ()))


def _replicate(result: TrialSummary) -> Replicate:
    return Replicate(
        diverged=result.diverged,
        constant=result.answer if result.diverged is None else None,
        train=result.train,
        validation=result.validation,
        test=result.test,
        signs=result.signs,
    )


def _tried(tuned: Tuned, tuning: ArmTuning) -> RateCurve | None:
    """What an arm reaches at each learning rate, at the best of what else was tuned."""
    if _RATE not in tuned.fields:
        return None
    place = tuned.fields.index(_RATE)
    best: dict[float, float] = {}
    for each in tuning.tried:
        rate = each.values[place]
        best[rate] = max(each.mean, best.get(rate, 0.0))
    rates = tuple(sorted(best))
    return RateCurve(rates, tuple(best[rate] for rate in rates), tuning.declared[place])


def _at_edge(arm: Arm, tuning: ArmTuning, case: ArmEvidence) -> list[Finding]:
    """A finding for each tuned field whose best value may lie beyond the grid."""
    return [
        Finding(
            code="grid_edge",
            title=f"the best {field} tried, {getattr(arm.recipe, field):g}, is at the edge of the "
            "grid",
            where="",
            detail="a better one may lie beyond",
            advice="widen the grid",
            technique=None,
            evidence={"best": float(getattr(arm.recipe, field))},
            replicates=len(case.replicates),
        )
        for field in tuning.at_edge
    ]


def probes_of(results: Replicates) -> ArmProbes | None:
    """What the networks of an arm were like inside; None where none was looked into.

    Args:
        results: one trial a replicate, None where it is not there yet.
    """
    seen = [
        (number, result.probes)
        for number, result in enumerate(results)
        if result is not None and result.probes is not None
    ]
    if not seen:
        return None
    _, first = seen[0]
    alike = [
        (number, probes)
        for number, probes in seen
        if (probes.kernels, probes.layers, probes.epochs)
        == (first.kernels, first.layers, first.epochs)
    ]
    return ArmProbes(
        replicates=tuple(number for number, _ in alike),
        kernels=first.kernels,
        gradient_norm=np.stack([probes.gradient_norm for _, probes in alike]),
        layers=first.layers,
        dead=np.stack([probes.dead for _, probes in alike]),
        saturated=np.stack([probes.saturated for _, probes in alike]),
    )


def ensembles_of(
    by_arm: Mapping[str, Sequence[Trial]], folder: Path | None, *, is_look: bool
) -> tuple[dict[str, Ensemble], list[str]]:
    """The ensemble of each arm of which at least two replicates were kept.

    Args:
        by_arm: the trials of each arm by its name.
        folder: where weights are kept; None where nobody knows.
        is_look: whether test figures may be shown.

    Returns:
        Ensembles by the name of their arm, and sentences on files that cannot be used.
    """
    if folder is None or not folder.is_dir():
        return {}, []
    made: dict[str, Ensemble] = {}
    problems: list[str] = []
    for name, trials in by_arm.items():
        finals = []
        for trial in trials:
            final, wrong = kept_final(folder, trial.id)
            if final is not None:
                finals.append((_held_out(final), _tested(final)))
            elif wrong:
                problems.append(
                    f"The kept weights of {name}, replicate {trial.replicate}, are left out of its "
                    f"ensemble: {trial.id[:12]}….weights {wrong}."
                )
        if len(finals) > 1:
            validation, test = ([each[part] for each in finals] for part in (0, 1))
            made[name] = Ensemble(
                len(finals), pooled(validation), pooled(test) if is_look else None
            )
    return made, problems


def missing_weights_note(plan: Plan, folder: Path) -> list[str]:
    """A note on trials that are stored and whose weights are not kept; none where all are.

    Args:
        plan: what the study asks for.
        folder: where weights are kept.
    """
    stored = {trial.id for trial in plan.trials} - {trial.id for trial in plan.missing}
    count = sum(not weights_file(folder, trial_id).exists() for trial_id in stored)
    if not count:
        return []
    return [
        f"{count:,} stored trials have no kept weights and are left out of ensembles: they were "
        "trained elsewhere or before keep_weights was set, or diverged; to train them again, use "
        "another --out folder with its own store"
    ]


def _held_out(final: FinalState) -> Answers:
    return Answers(final.validation_rows, final.validation_labels, final.validation_probabilities)


def _tested(final: FinalState) -> Answers:
    rows = np.arange(len(final.test_labels))
    return Answers(rows, final.test_labels, final.test_probabilities)
