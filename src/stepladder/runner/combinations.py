"""The read-out of a factorial from its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from stepladder.analysis import Readout, factorial
from stepladder.analysis.sequential import adaptive_effects, looks_of
from stepladder.arms import main_of
from stepladder.fractional import pair_aliases
from stepladder.runner.measures import Found, at_chance, leading
from stepladder.study import Study

__all__ = ["combined", "main_scores", "readout"]

Scores = dict[str, list[float]]
Pairs = list[tuple[str, str]]


def combined(study: Study) -> list[str]:
    """The techniques whose combinations a study trains; none for another design."""
    if not study.cells:
        return []
    return [technique.name for technique in main_of(study.techniques)]


def main_scores(study: Study, scores: Mapping[str, Sequence[float]]) -> tuple[Scores, Pairs]:
    """Each technique's two sides: the mean over the combinations with it, and over those without.

    Args:
        study: a factorial or its fraction.
        scores: fractions by arm; replicates count as far as every combination has them.

    Returns:
        Scores by side, and the sides that are compared, in the order of the techniques.
    """
    cells = study.cells
    count = min(len(scores[cell.arm]) for cell in cells)
    table = np.array([scores[cell.arm][:count] for cell in cells], np.float64)
    made: Scores = {}
    pairs: Pairs = []
    for place, name in enumerate(combined(study)):
        inside = np.array([bool(cell.combination >> place & 1) for cell in cells])
        sides = (f"with {name}", f"without {name}")
        for side, rows in zip(sides, (inside, ~inside), strict=True):
            made[side] = table[rows].mean(axis=0).tolist()
        pairs.append(sides)
    return made, pairs


def readout(study: Study, found: Mapping[str, Found], classes: int) -> Readout | None:
    """What the combinations of a study's techniques say, or None for another design.

    A diverged trial counts with the accuracy of guessing: left out, it would take its replicate
    out of every combination.

    Args:
        study: what was asked.
        found: the trials of each arm.
        classes: of the dataset.
    """
    names = combined(study)
    if not names:
        return None
    guessing = {cell.arm: at_chance(found[cell.arm], classes) for cell in study.cells}
    scores = {cell.combination: guessing[cell.arm] for cell in study.cells}
    aliases = pair_aliases(len(names)) if study.design == "fraction" else None
    made = factorial(scores, names, aliases=aliases, delta=study.delta)
    if made is None or not study.adaptive:
        return made
    there = {name: values[: leading(found[name])] for name, values in guessing.items()}
    sides, pairs = main_scores(study, there)
    looks = looks_of(study.replicates, len(names))
    judged, _ = adaptive_effects(sides, pairs, looks, delta=study.delta)
    main = tuple(
        replace(each, effect=judged[side]) for each, (side, _) in zip(made.main, pairs, strict=True)
    )
    return replace(made, main=main)
