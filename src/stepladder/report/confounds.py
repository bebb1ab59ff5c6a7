"""What else differs between compared arms, as a table of texts."""

from __future__ import annotations

from collections.abc import Sequence

from stepladder.confounds import Confound, shown
from stepladder.report.side_table import SideTable
from stepladder.report.wording import elided, visible

__all__ = ["confound_tables"]

SHOWN = 12
NAME_LENGTH = 60


def confound_tables(found: Sequence[Confound]) -> tuple[SideTable, ...]:
    """One table of confounds, or none where nothing else differs."""
    if not found:
        return ()
    note = "Each may be what an effect is due to: read the effect as that of all of them together."
    if len(found) > SHOWN:
        note += f" The first {SHOWN} of {len(found):,}; all of them are in the JSON."
    return (
        SideTable(
            title="What else differs between compared arms",
            heads=("arm", "against", "what", "values", "what it may do", "what would tell"),
            rows=tuple(_row(each) for each in found[:SHOWN]),
            note=note,
        ),
    )


def _row(confound: Confound) -> tuple[str, ...]:
    what = f"{confound.what} (by the technique)" if confound.by_technique else confound.what
    return (
        elided(confound.arm, NAME_LENGTH),
        elided(confound.compared_with, NAME_LENGTH),
        what,
        visible(f"{shown(confound.here)} and {shown(confound.there)}"),
        confound.may,
        confound.remedy,
    )
