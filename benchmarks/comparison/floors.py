"""Parts that time the population engine itself, beside the floor of the machine."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from comparison.context import Context, row
from comparison.studies import structures
from stepladder.execution.machine import Settings
from stepladder.runs.run import run_study
from stepladder.study.study import Study
from stepladder.tools.bench import EpochClock, Timing, Work, time_population
from stepladder.trials.trial import Trial

NARROW, WIDE = (50, 50, 50, 50), (512, 512, 512, 512)


def shares(context: Context) -> dict[str, Any]:
    """Seconds per trial·epoch against the floor: own and shared data order, narrow and wide.

    The fastest of three runs counts, as the fastest product counts for the floor.
    """
    narrow, wide = Work(hidden=NARROW, epochs=30), Work(hidden=WIDE, epochs=4)
    if context.quick:
        narrow, wide = replace(narrow, epochs=4), replace(wide, epochs=2, train=4000)
    cases = (
        ("784-50×4-10, own data order", narrow, 1, 0.50, 0.65),
        ("784-50×4-10, data order shared by 8", narrow, 8, 0.72, 0.85),
        ("784-512×4-10, own data order", wide, 1, 0.80, 0.90),
        ("784-512×4-10, data order shared by 4", wide, 4, 0.80, 0.90),
    )
    runs, rows = [], []
    before = context.floor()
    for title, work, lanes, least, aim in cases:
        turns = []
        for _ in range(1 if context.quick else 3):
            context.say(title)
            turns.append(_steady(context, work, lanes, title))
        went = min(turns, key=lambda each: each.seconds)
        after = context.floor()
        floor = max(before, after, key=lambda each: each.rate)  # the clock may have changed
        before = after
        share = work.operations / went.seconds / floor.rate
        every = [each.seconds for each in turns]
        run = _run(title, work, lanes, went)
        runs.append(run | {"share": share, "sgemm": floor.rate, "every_seconds": every})
        rows.append(row(title, f"SGEMM floor ({floor.library})", share, "share", least, aim))
    return {"runs": runs, "rows": rows}


def dropout(context: Context) -> dict[str, Any]:
    """The same arm with dropout and without, by turns, the faster of two each."""
    bare = Work(epochs=4 if context.quick else 20)
    runs, rows = [], []
    for lanes, order in ((1, "own data order"), (8, "data order shared by 8")):
        best: dict[float, float] = {}
        for _ in range(1 if context.quick else 2):
            for share in (0.0, 0.2):
                title = f"784-50×4-10, dropout {share:g}, {order}"
                context.say(title)
                work = replace(bare, dropout=share)
                went = _steady(context, work, lanes, title)
                runs.append(_run(title, work, lanes, went))
                best[share] = min(went.seconds, best.get(share, went.seconds))
        title = f"784-50×4-10 with dropout 0.2, {order}"
        ratio = best[0.2] / best[0.0]
        rows.append(row(title, "the same without", ratio, "ratio", 1.25, 1.1))
    return {"runs": runs, "rows": rows}


def compiling(context: Context) -> dict[str, Any]:
    """Compile times of the `mnist` study's structures, at first and in a second, changed study."""
    settings = replace(
        context.settings, cpus=context.settings.cpus[:1], cache=context.place("compiled")
    )
    went = []
    for seed, title in enumerate(("nothing compiled before", "changed study, structures seen")):
        context.say(f"compiling: {title}")
        study = structures(seed)
        # The first structure takes the process's start and is left out.
        seconds = _compile_seconds(study, settings)[1:]
        went.append({"title": title, "compiling": seconds, "study": study.name})
    first, second = (max(each["compiling"]) for each in went)
    work = "slowest structure of `mnist` to its first step"
    rows = [
        row(work, "nothing compiled before", first, "seconds"),
        row(work, "second run of a changed study", second, "seconds", 0.5),
    ]
    return {"runs": went, "rows": rows}


class _StartClock(EpochClock):
    """Notes too when each trial was last handed to a process."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: dict[Trial, float] = {}

    def trial_started(self, trial: Trial) -> None:
        super().trial_started(trial)
        self.starts[trial] = self.elapsed


def _compile_seconds(study: Study, settings: Settings) -> list[float]:
    """What the first epoch takes beyond a later one, for each set of trials that start together."""
    clock = _StartClock()
    with tempfile.TemporaryDirectory() as folder:
        run_study(study, Path(folder), settings, progress=clock)
    by_start: dict[float, float] = {}
    for trial, ends in clock.ends.items():
        later = median(two - one for one, two in pairwise(ends))
        start = clock.starts[trial]
        near = next((key for key in by_start if abs(key - start) < 0.05), start)
        by_start.setdefault(near, ends[0] - start - later)
    return [seconds for _, seconds in sorted(by_start.items())]


def _steady(context: Context, work: Work, lanes: int, title: str) -> Timing:
    """A study timed; what it compiles is kept for the next run of the same title."""
    cache = context.folder / "".join(letter if letter.isalnum() else "-" for letter in title)
    cache.mkdir(exist_ok=True)
    settings = replace(context.settings, cache=cache)
    return time_population(work.study(lanes, replicates=len(settings.cpus)), settings)


def _run(title: str, work: Work, lanes: int, went: Timing) -> dict[str, Any]:
    return {
        "title": title,
        "lanes": lanes,
        "epochs": work.epochs,
        "operations": work.operations,
        "seconds_per_trial_epoch": went.seconds,
        "first_epoch": went.first_epoch,
    }
