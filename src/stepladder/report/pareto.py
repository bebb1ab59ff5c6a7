"""Several runs in accuracy, time and size: who is beaten by none, and who is the smallest."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepladder.errors import InputError
from stepladder.report.formats import csv_text
from stepladder.report.json_form import finite
from stepladder.report.pareto_entries import Entry, Part
from stepladder.report.plots.pareto import SIZE, TIME, Point, front_plot, spots
from stepladder.report.plots.plot import Plot
from stepladder.report.side_table import SideTable
from stepladder.report.wording import counted, number

__all__ = [
    "LEVELS",
    "Smallest",
    "as_csv",
    "as_json",
    "checked",
    "plots_of",
    "sentence",
    "side_table",
    "smallest",
]

LEVELS = (0.98, 0.99)
"""Accuracies at which the smallest network is named."""


@dataclass(frozen=True)
class Smallest:
    """The smallest networks that reach an accuracy.

    Attributes:
        level: the accuracy, a fraction.
        surely: of those whose whole interval reaches it; None where there is none.
        by_mean: of those whose mean reaches it; None where there is none.
    """

    level: float
    surely: Entry | None
    by_mean: Entry | None


def checked(entries: Sequence[Entry]) -> None:
    """Makes sure that entries can be compared.

    Raises:
        InputError: if there are none, or they are of different datasets.
    """
    if not entries:
        raise InputError(
            "pareto must have an arm with a finished replicate, found none; run a study first, or "
            "write --on validation for searches whose test figures nobody has looked at"
        )
    first = entries[0]
    for each in entries:
        if each.fingerprint != first.fingerprint:
            raise InputError(
                f"runs must be of one dataset, found {first.name!r} on {first.fingerprint[:12]}… "
                f"and {each.name!r} on {each.fingerprint[:12]}…; compare those of one dataset"
            )


def smallest(entries: Sequence[Entry], level: float) -> Smallest:
    """The smallest networks that reach an accuracy, surely and by their mean.

    Args:
        entries: what there is.
        level: the accuracy, a fraction.
    """
    by_size = sorted(entries, key=lambda each: (each.parameters, -each.accuracy.mean))
    surely = (e for e in by_size if e.accuracy.ci_low is not None and e.accuracy.ci_low >= level)
    by_mean = (each for each in by_size if each.accuracy.mean >= level)
    return Smallest(level, next(surely, None), next(by_mean, None))


def plots_of(entries: Sequence[Entry], part: Part) -> tuple[Plot, ...]:
    """Accuracy against time and against size, where there are two or more to compare."""
    timed = [each for each in entries if math.isfinite(each.seconds) and each.seconds > 0]
    made = (
        front_plot(spots([Point(e.name, e.seconds, e.shown) for e in timed]), TIME, part),
        front_plot(spots([Point(e.name, e.parameters, e.shown) for e in entries]), SIZE, part),
    )
    return tuple(plot for plot in made if plot is not None)


def _fronts(entries: Sequence[Entry]) -> tuple[list[bool], list[bool]]:
    """Whether each is on the front of time, and on that of size."""
    times = [e.seconds if math.isfinite(e.seconds) else math.inf for e in entries]
    by_time = spots([Point(e.name, time, e.shown) for e, time in zip(entries, times, strict=True)])
    by_size = spots([Point(e.name, e.parameters, e.shown) for e in entries])
    return (
        [spot.is_front and math.isfinite(spot.cost) for spot in by_time],
        [spot.is_front for spot in by_size],
    )


def side_table(entries: Sequence[Entry], part: Part) -> SideTable:
    """Every entry, the smallest network first."""
    fast, small = _fronts(entries)
    rows = [
        (each.name, f"{each.parameters:,}", number(each.seconds, 2), each.shown.text,
         "yes" if small[place] else "", "yes" if fast[place] else "")
        for place, each in enumerate(entries)
    ]  # fmt: skip
    order = sorted(range(len(rows)), key=lambda place: (entries[place].parameters, place))
    return SideTable(
        title=f"{part.capitalize()} accuracy against size and training time",
        heads=("arm", "weights", "seconds", f"{part} %", "smallest", "fastest"),
        rows=tuple(rows[place] for place in order),
        note="smallest, fastest: on the Pareto front of weights, of training time: no other arm "
        "is at least as good in both and better in one. Fronts are read off means; ± is the 95 % "
        "t interval over replicates. Seconds are those of one replicate, compiling left out.",
    )


def as_csv(entries: Sequence[Entry], part: Part) -> str:
    """Every entry as CSV, its numbers in full."""
    fast, small = _fronts(entries)
    heads = ("arm", "weights", "seconds", f"{part}_percent", "low_percent", "high_percent",
             "smallest", "fastest")  # fmt: skip
    return csv_text(heads, (
        (each.name, each.parameters, each.seconds, shown.mean, shown.low, shown.high,
         int(small[place]), int(fast[place]))
        for place, (each, shown) in enumerate((each, each.shown) for each in entries)
    ))  # fmt: skip


def sentence(found: Smallest) -> str:
    """Which network is the smallest at an accuracy, in a sentence."""
    level = f"{100 * found.level:g} %"
    if found.by_mean is None:
        return f"No network reaches {level}."
    if found.surely is None:
        return (
            f"Smallest network at {level}: none surely (no whole interval reaches it); by its mean "
            f"{_told(found.by_mean)}."
        )
    text = f"Smallest network at {level}: {_told(found.surely)}, its whole interval included"
    if found.by_mean is not found.surely:
        text += f"; by its mean alone {_told(found.by_mean)}"
    return f"{text}."


def _told(each: Entry) -> str:
    return f"{each.name} with {counted(each.parameters, 'weight')} ({each.shown.text} %)"


def as_json(entries: Sequence[Entry], part: Part) -> str:
    """All of it as one JSON object, indented, ended by a line break."""
    fast, small = _fronts(entries)
    value = {
        "part": part,
        "arms": [
            {
                "name": each.name, "parameters": each.parameters,
                "seconds": finite(each.seconds), "accuracy": finite(each.accuracy.mean),
                "ci_low": each.accuracy.ci_low, "ci_high": each.accuracy.ci_high,
                "smallest": small[place], "fastest": fast[place],
            }
            for place, each in enumerate(entries)
        ],
        "smallest": [_smallest(smallest(entries, level)) for level in LEVELS],
    }  # fmt: skip
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _smallest(found: Smallest) -> dict[str, Any]:
    names = {"surely": found.surely, "by_mean": found.by_mean}
    return {"level": found.level} | {
        name: None if each is None else each.name for name, each in names.items()
    }
