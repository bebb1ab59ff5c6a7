"""What a run says before it begins: how much there is to train, and about how long that takes."""

from __future__ import annotations

from stepladder.report.wording import counted, duration, visible
from stepladder.runner.progress import Planned

__all__ = ["about", "announcement"]


def announcement(planned: Planned) -> str:
    """One line: trials to train and trials found, workers, epochs, and the time if it is known."""
    found = f", {planned.found:,} found in the store" if planned.found else ""
    least = "at least " if planned.is_least else ""
    trials = f"{least}{counted(planned.trials, 'trial')}"
    line = f"{visible(planned.study.name)}: {trials} to train{found}"
    if not planned.trials:
        return line
    if planned.at_hand:
        ends = " or ".join(f"{each:,}" for each in sorted(set(planned.at_hand.values())))
        line += f", {len(planned.at_hand):,} of them going on from epoch {ends}"
    line += f", {counted(planned.workers, 'worker')}, {planned.epochs:,} epochs in all"
    if planned.seconds is None:
        return f"{line}; how long it takes is known after the first epochs"
    return f"{line}, about {about(planned.seconds)} and the time to compile"


def about(seconds: float) -> str:
    """Seconds as far as an estimate is worth: in steps of 5 s, from 2 minutes whole minutes."""
    return duration(60 * round(seconds / 60) if seconds >= 120 else max(5, 5 * round(seconds / 5)))
