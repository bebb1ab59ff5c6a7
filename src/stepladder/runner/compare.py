"""The effects of a study's arms from their trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stepladder.analysis import Effect, effects
from stepladder.analysis.sequential import Looked, adaptive_effects
from stepladder.designs import Arm
from stepladder.runner.adapt import compared, looks
from stepladder.runner.combinations import combined, main_scores
from stepladder.runner.measures import (
    Found,
    accuracies,
    at_chance,
    effect_with_images,
    leading,
)
from stepladder.study import Study

__all__ = ["effects_of"]

Pairs = list[tuple[str, str]]
Scores = dict[str, list[float]]


def effects_of(
    study: Study, arms: Sequence[Arm], found: Mapping[str, Found], classes: int
) -> tuple[dict[str, Effect], Looked | None]:
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
) -> tuple[dict[str, Effect], Looked | None]:
    """Verdicts of the looks, over the replicates that each comparison had at its own."""
    pairs = compared(arms)
    there = {name: scores[name][: leading(results)] for name, results in found.items()}
    guessed = {name: guessing[name][: leading(results)] for name, results in found.items()}
    if not pairs or not any(there.values()):
        return {}, None
    judged, looked = adaptive_effects(there, pairs, looks(study, arms),
                                      delta=study.delta)  # fmt: skip
    if combined(study):  # looks are taken at the main effects of its techniques
        sides, of_techniques = main_scores(study, guessed)
        _, looked = adaptive_effects(sides, of_techniques, looks(study, arms), delta=study.delta)
    chance, _ = adaptive_effects(guessed, pairs, looks(study, arms), delta=study.delta)
    return {
        name: replace(each, at_chance=chance[name]) if each.unpaired else each
        for name, each in judged.items()
        if each.pairs
    }, looked
