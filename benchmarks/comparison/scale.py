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
    time of a trial is also given as that by which a study grows: from the smallest, in which every
    process has one replicate, to 100 trials, and from 100 to 1,000. The two smaller studies are
    run three times and their fastest run counts.
    """
    least = min(len(context.settings.cpus), 5)
    sizes = (least, 2 * least, 4 * least) if context.quick else (least, 10, 100)
    runs = [
        _run(context, replicates, 1 if context.quick or place == 2 else 3)
        for place, replicates in enumerate(sizes)
    ]
    small, large = (
        (more["seconds"] - fewer["seconds"]) / (more["trials"] - fewer["trials"])
        for fewer, more in pairwise(runs)
    )
    middle, last = runs[1], runs[2]
    work, against = f"{last['trials']:,} trials", f"{middle['trials']:,} trials"
    whole = last["seconds"] / last["trials"] / (middle["seconds"] / middle["trials"])
    rows = [row(f"{work}, whole time by trials", against, whole, "ratio", 1.1)]
    if small > 0:  # else start-up varied by more than all trials take
        rows.append(
            row(f"{work}, time of each further trial", against, large / small, "ratio", 1.1)
        )
    if last["peak_rss"] and middle["peak_rss"]:
        more = (last["peak_rss"] - middle["peak_rss"]) / MEGABYTE
        rows.append(row(f"{work}, peak memory beyond", against, more, "megabytes", 300))
    return {"runs": runs, "rows": rows}


def _run(context: Context, replicates: int, times: int) -> dict[str, Any]:
    study = short_trials(replicates)
    trials = len(study.arms) * replicates
    file = context.write(study)
    ran = []
    for turn in range(times):
        context.say(f"a study of {trials:,} short trials")
        ran.append(context.stepladder(f"{study.name}-{turn}", file))
    peaks = [each.peak_rss for each in ran if each.peak_rss]
    return {
        "title": f"{trials:,} short trials",
        "trials": trials,
        "seconds": min(each.seconds for each in ran),
        "every_seconds": [each.seconds for each in ran],
        "peak_rss": max(peaks, default=None),
    }
