"""Diagnosing arms: from their trials to what diagnosis takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stepladder.analysis.case import Case, Finding, Replicate, Tried
from stepladder.analysis.diagnosis import diagnose
from stepladder.designs import Arm
from stepladder.outcome import Outcome
from stepladder.runner.measures import Found
from stepladder.runner.results import ArmProbes
from stepladder.runner.tuned import ArmTuning, Tuned

__all__ = ["findings_of", "probes_of"]

_RATE = "learning_rate"


def findings_of(
    arm: Arm, done: Sequence[Outcome], classes: Sequence[str], tuned: Tuned | None
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
    case = Case(arm.recipe, tuple(classes), tuple(_replicate(each) for each in done), tried)
    return (*diagnose(case), *(_at_edge(arm, tuning, case) if tuning else ()))


def _replicate(result: Outcome) -> Replicate:
    return Replicate(
        diverged=result.diverged,
        constant=result.answer if result.diverged is None else None,
        train=result.train,
        validation=result.validation,
        test=result.test,
        signs=result.signs,
    )


def _tried(tuned: Tuned, tuning: ArmTuning) -> Tried | None:
    """What an arm reaches at each learning rate, at the best of what else was tuned."""
    if _RATE not in tuned.fields:
        return None
    place = tuned.fields.index(_RATE)
    best: dict[float, float] = {}
    for each in tuning.tried:
        rate = each.values[place]
        best[rate] = max(each.mean, best.get(rate, 0.0))
    rates = tuple(sorted(best))
    return Tried(rates, tuple(best[rate] for rate in rates), tuning.declared[place])


def _at_edge(arm: Arm, tuning: ArmTuning, case: Case) -> list[Finding]:
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


def probes_of(results: Found) -> ArmProbes | None:
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
