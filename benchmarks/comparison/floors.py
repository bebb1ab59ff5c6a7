"""Parts that time the population engine itself, beside the floor of the machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from comparison.context import Context, row
from comparison.studies import structures
from stepladder.tools.bench import Steady, Work, steady

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
        share = floor.share(work.operations, went.seconds)
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
        seconds = steady(study, settings).compiling[1:]
        went.append({"title": title, "compiling": seconds, "study": study.name})
    first, second = (max(each["compiling"]) for each in went)
    work = "slowest structure of `mnist` to its first step"
    rows = [
        row(work, "nothing compiled before", first, "seconds"),
        row(work, "second run of a changed study", second, "seconds", 0.5),
    ]
    return {"runs": went, "rows": rows}


def _steady(context: Context, work: Work, lanes: int, title: str) -> Steady:
    """A study timed; what it compiles is kept for the next run of the same title."""
    cache = context.folder / "".join(letter if letter.isalnum() else "-" for letter in title)
    cache.mkdir(exist_ok=True)
    settings = replace(context.settings, cache=cache)
    return steady(work.study(lanes, replicates=len(settings.cpus)), settings)


def _run(title: str, work: Work, lanes: int, went: Steady) -> dict[str, Any]:
    return {
        "title": title,
        "lanes": lanes,
        "epochs": work.epochs,
        "operations": work.operations,
        "seconds_per_trial_epoch": went.seconds,
        "first_epoch": went.first_epoch,
    }
