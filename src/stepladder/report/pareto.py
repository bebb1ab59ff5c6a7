"""Several runs in accuracy, time and size: who is beaten by none, and who is the smallest."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepladder.errors import InputError
from stepladder.report.formats import csv_text
from stepladder.report.json_form import finite
from stepladder.report.pareto_entries import Entry, Part
from stepladder.report.plots.pareto import SIZE, TIME, Point, Spot, front_plot, spots
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

_SAME_IMAGES = " on these test images, and new images would make it wider"


@dataclass(frozen=True)
class Smallest:
    """The smallest networks that reach an accuracy.

    Attributes:
        level: the accuracy, a fraction.
        surely: of those whose whole interval reaches it and of which no replicate diverged; None
            where there is none.
        by_mean: of those whose mean reaches it; None where there is none.
    """

    level: float
    surely: Entry | None
    by_mean: Entry | None


def checked(entries: Sequence[Entry], left_out: Sequence[str] = ()) -> None:
    """Makes sure that entries can be compared.

    Args:
        entries: what there is.
        left_out: what there is not, in sentences.

    Raises:
        InputError: if there are none, or they are of different datasets.
    """
    if not entries:
        found = f"none ({'; '.join(left_out)})" if left_out else "none"
        raise InputError(
            f"pareto must have an arm with a finished replicate, found {found}; run a study first, "
            "or write --on validation for searches whose test figures nobody has looked at"
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
    surely = (each for each in by_size if _reaches(each, level))
    by_mean = (each for each in by_size if each.accuracy.mean >= level)
    return Smallest(level, next(surely, None), next(by_mean, None))


def _reaches(each: Entry, level: float) -> bool:
    low = each.accuracy.ci_low
    return low is not None and low >= level and not each.diverged


def plots_of(entries: Sequence[Entry], part: Part) -> tuple[Plot, ...]:
    """Accuracy against time and against size, where there are two or more to compare."""
    by_time, by_size = _spots(entries)
    timed = [spot for spot in by_time if math.isfinite(spot.cost)]
    made = (front_plot(timed, TIME, part), front_plot(by_size, SIZE, part))
    return tuple(plot for plot in made if plot is not None)


def _spots(entries: Sequence[Entry]) -> tuple[Sequence[Spot], Sequence[Spot]]:
    """Entries in time and in size; a time that is not known is infinite, and on no front."""
    times = [each.seconds if each.seconds > 0 else math.inf for each in entries]
    by_time = spots([Point(e.marked, time, e.shown)
                     for e, time in zip(entries, times, strict=True)])  # fmt: skip
    return (
        [replace(spot, is_front=spot.is_front and math.isfinite(spot.cost)) for spot in by_time],
        spots([Point(each.marked, each.parameters, each.shown) for each in entries]),
    )


def side_table(entries: Sequence[Entry], part: Part) -> SideTable:
    """Every entry, the smallest network first."""
    by_time, by_size = _spots(entries)
    rows = [
        (each.marked, f"{each.parameters:,}", number(each.seconds, 2), each.shown.text,
         "yes" if small.is_front else "", "yes" if fast.is_front else "")
        for each, fast, small in zip(entries, by_time, by_size, strict=True)
    ]  # fmt: skip
    order = sorted(range(len(rows)), key=lambda place: (entries[place].parameters, place))
    return SideTable(
        title=f"{part.capitalize()} accuracy against size and training time",
        heads=("arm", "weights", "seconds", f"{part} %", "smallest", "fastest"),
        rows=tuple(rows[place] for place in order),
        note="smallest, fastest: on the Pareto front of weights, of training time: no other arm "
        "is at least as good in both and better in one. Fronts are read off means; ± is the 95 % "
        f"t interval over replicates{_SAME_IMAGES if part == 'test' else ''}. Seconds are those "
        f"of one replicate, compiling left out.{_diverged(entries)}",
    )


def _diverged(entries: Sequence[Entry]) -> str:
    if not any(each.diverged for each in entries):
        return ""
    return (
        " Where replicates diverged, accuracy is that of the others, and the network is not surely "
        "the smallest; seconds are the mean of all, though one that diverged may have ended early."
    )


def as_csv(entries: Sequence[Entry], part: Part) -> str:
    """Every entry as CSV, its numbers in full."""
    heads = ("arm", "weights", "seconds", f"{part}_percent", "low_percent", "high_percent",
             "smallest", "fastest", "n", "diverged")  # fmt: skip
    return csv_text(heads, (
        (each.name, each.parameters, each.seconds, small.test, small.low, small.high,
         int(small.is_front), int(fast.is_front), each.n, each.diverged)
        for each, fast, small in zip(entries, *_spots(entries), strict=True)
    ))  # fmt: skip


def sentence(found: Smallest) -> str:
    """Which network is the smallest at an accuracy, in a sentence."""
    level = f"{100 * found.level:g} %"
    if found.by_mean is None:
        return f"No network reaches {level}."
    if found.surely is None:
        return (
            f"Smallest network at {level}: none surely (no whole interval reaches it, arms "
            f"with diverged replicates aside); by its mean {_told(found.by_mean)}."
        )
    text = (
        f"Smallest network at {level}: {_told(found.surely)}, its whole interval over replicates "
        "included"
    )
    if found.by_mean is not found.surely:
        text += f"; by its mean alone {_told(found.by_mean)}"
    return f"{text}."


def _told(each: Entry) -> str:
    return f"{each.marked} with {counted(each.parameters, 'weight')} ({each.shown.text} %)"


def as_json(entries: Sequence[Entry], part: Part) -> str:
    """All of it as one JSON object, indented, ended by a line break."""
    value = {
        "part": part,
        "arms": [
            {
                "name": each.name, "parameters": each.parameters,
                "seconds": finite(each.seconds), "accuracy": finite(each.accuracy.mean),
                "ci_low": each.accuracy.ci_low, "ci_high": each.accuracy.ci_high,
                "smallest": small.is_front, "fastest": fast.is_front,
                "n": each.n, "diverged": each.diverged,
            }
            for each, fast, small in zip(entries, *_spots(entries), strict=True)
        ],
        "smallest": [_smallest(smallest(entries, level)) for level in LEVELS],
    }  # fmt: skip
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _smallest(found: Smallest) -> dict[str, Any]:
    names = {"surely": found.surely, "by_mean": found.by_mean}
    return {"level": found.level} | {
        name: None if each is None else each.name for name, each in names.items()
    }
