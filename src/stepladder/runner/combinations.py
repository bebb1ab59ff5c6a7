"""The read-out of a factorial from its trials."""

from __future__ import annotations

from collections.abc import Mapping

from stepladder.analysis import Readout, factorial
from stepladder.arms import main_of
from stepladder.fractional import pair_aliases
from stepladder.runner.measures import Found, at_chance
from stepladder.study import Study

__all__ = ["readout"]


def readout(study: Study, found: Mapping[str, Found], classes: int) -> Readout | None:
    """What the combinations of a study's techniques say, or None for another design.

    A diverged trial counts with the accuracy of guessing: left out, it would take its replicate
    out of every combination.

    Args:
        study: what was asked.
        found: the trials of each arm.
        classes: of the dataset.
    """
    cells = study.cells
    names = [technique.name for technique in main_of(study.techniques)]
    if not cells or not names:
        return None
    scores = {cell.combination: at_chance(found[cell.arm], classes) for cell in cells}
    aliases = pair_aliases(len(names)) if study.design == "fraction" else None
    return factorial(scores, names, aliases=aliases, delta=study.delta)
