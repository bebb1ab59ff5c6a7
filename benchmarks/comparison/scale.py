"""A study of 1,000 short trials against one of 100: time of a trial, and memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from comparison.context import Context, row
from comparison.studies import short_trials

MEGABYTE = 1e6


def scale(context: Context) -> dict[str, Any]:
    """Whole studies of 10, 100 and 1,000 trials, each a process with nothing compiled before.

    What every study pays once (start-up, compiling) would hide what a trial costs, so that the
    time of a trial is that by which a study grows: from 10 to 100 trials, and from 100 to 1,000.
    """
    runs = []
    for replicates in (1, 2, 4) if context.quick else (1, 10, 100):
        study = short_trials(replicates)
        trials = len(study.arms) * replicates
        context.say(f"a study of {trials:,} short trials")
        ran = context.stepladder(study.name, context.write(study))
        runs.append(
            {
                "title": f"{trials:,} trials",
                "trials": trials,
                "seconds": ran.seconds,
                "peak_rss": ran.peak_rss,
            }
        )
    small, large = (
        (more["seconds"] - fewer["seconds"]) / (more["trials"] - fewer["trials"])
        for fewer, more in pairwise(runs)
    )
    middle, last = runs[1], runs[2]
    work, against = f"{last['trials']:,} trials", f"{middle['trials']:,} trials"
    whole = last["seconds"] / last["trials"] / (middle["seconds"] / middle["trials"])
    rows = [
        row(f"{work}, time of each further trial", against, large / small, "ratio", 1.1),
        row(f"{work}, whole time by trials", against, whole, "ratio", 1.1),
    ]
    if last["peak_rss"] and middle["peak_rss"]:
        more = (last["peak_rss"] - middle["peak_rss"]) / MEGABYTE
        rows.append(row(f"{work}, peak memory beyond", against, more, "megabytes", 300))
    return {"runs": runs, "rows": rows}
