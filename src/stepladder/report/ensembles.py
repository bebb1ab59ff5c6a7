"""The ensembles of arms whose weights were kept, as a table of texts."""

from __future__ import annotations

from collections.abc import Sequence

from stepladder.analysis.ensembles import Pooled
from stepladder.report.side_table import SideTable
from stepladder.report.wording import elided, number
from stepladder.runner.results import ArmResult

__all__ = ["ensemble_tables"]

NAME_LENGTH = 60

_NOTE = (
    "The replicates of an arm as one network, which gives the mean of their probabilities. "
    "[ ] is Wilson's 95 % interval: new images, these very networks. Validation: images that two "
    "members or more held out, answered by those alone, so by fewer than answer the test images. "
    "Single: the mean of the members on the same images."
)


def ensemble_tables(arms: Sequence[ArmResult]) -> tuple[SideTable, ...]:
    """One table of all ensembles, or none where there are none."""
    rows = tuple(
        (
            elided(arm.arm.name, NAME_LENGTH),
            str(arm.ensemble.members),
            *_cells(arm.ensemble.validation),
            *_cells(arm.ensemble.test),
        )
        for arm in arms
        if arm.ensemble is not None
    )
    if not rows:
        return ()
    heads = ("ensemble of", "members", "validation %", "single %", "test %", "single %")
    return (SideTable(title="Ensembles", heads=heads, rows=rows, note=_NOTE),)


def _cells(pooled: Pooled | None) -> tuple[str, str]:
    if pooled is None:
        return "", ""
    ends = pooled.interval
    spread = f"{number(100 * ends.low)} to {number(100 * ends.high)}"
    return f"{number(100 * pooled.accuracy)} [{spread}]", number(100 * pooled.single)
