"""How the arms of a fair study were tuned, in words and as a table of texts."""

from __future__ import annotations

from stepladder.report.side_table import SideTable
from stepladder.report.wording import counted, elided, number
from stepladder.runner.tuned import ArmTuning, Tuned

__all__ = ["TUNING_CAPTION", "tuning_tables", "tuning_words"]

NAME_LENGTH = 60

TUNING_CAPTION = (
    "Validation accuracy of each candidate, mean over the tuning replicates, which the comparison "
    "does not use. Small dots: single replicates; filled: the candidate chosen; open diamond: the "
    "value that a fixed study would keep. Where several fields are tuned, the best over the others "
    "is drawn."
)


def tuning_tables(tuned: Tuned | None) -> tuple[SideTable, ...]:
    """One table of what was chosen, or none for a fixed study."""
    if tuned is None:
        return ()
    fields = ", ".join(tuned.fields)
    note = (
        f"The same {counted(_count(tuned), 'candidate')} for every arm, on validation accuracy, "
        f"{counted(tuned.epochs, 'epoch')} on {counted(tuned.replicates, 'replicate')} that are "
        f"not used again; {tuned.trials:,} trials in all."
    )
    if tuned.widenings:
        note += (
            f" The grid was widened {tuned.widenings}× for all arms, because the best of some lay "
            "at its edge."
        )
    return (
        SideTable(
            title="How each arm was tuned",
            heads=("arm", fields, "validation %", "fixed", "validation %", "remark"),
            rows=tuple(_row(each) for each in tuned.arms),
            note=note,
        ),
    )


def _count(tuned: Tuned) -> int:
    return len(tuned.arms[0].tried) if tuned.arms else 0


def _row(arm: ArmTuning) -> tuple[str, ...]:
    means = {each.values: each.mean for each in arm.tried}
    fixed = means.get(arm.declared)
    remark = f"{', '.join(arm.at_edge)} at the edge" if arm.at_edge else ""
    return (
        elided(arm.arm, NAME_LENGTH),
        _values(arm.chosen),
        number(100 * means[arm.chosen]),
        _values(arm.declared),
        "" if fixed is None else number(100 * fixed),
        remark,
    )


def _values(values: tuple[float, ...]) -> str:
    return ", ".join(f"{each:g}" for each in values)


def tuning_words(tuned: Tuned) -> str:
    """The figure of tuning in words."""
    told = [f"{elided(each.arm, NAME_LENGTH)} {_values(each.chosen)}" for each in tuned.arms]
    return f"Best {', '.join(tuned.fields)} of each arm: {'; '.join(told)}."
