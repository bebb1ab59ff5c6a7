"""Traces of searches: validation accuracies as they came in, and what they come to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stepladder.statistics.paired import paired_t

ENDS = ("mean", "ci_low", "ci_high")

Trace = Sequence[tuple[float, float]]
"""Seconds since the process began, and the accuracy of what was finished then."""


def read(file: Path) -> list[tuple[float, float]]:
    """A trace of lines of JSON."""
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [(round(line["seconds"], 3), round(line["accuracy"], 6)) for line in lines]


def best(trace: Trace, seconds: float = math.inf) -> float:
    """The best accuracy up to a time; NaN before any."""
    return max((accuracy for at, accuracy in trace if at <= seconds), default=math.nan)


def reached(trace: Trace, accuracy: float) -> float:
    """Seconds until an accuracy was reached; infinite if never."""
    return min((at for at, value in trace if value >= accuracy), default=math.inf)


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean and 95 % t interval of some finite values, and how many there are."""
    found = paired_t(list(values))
    ends = [float(each) for each in (found.mean, found.ci_low, found.ci_high)]
    known = (each if math.isfinite(each) else None for each in ends)
    return {**dict(zip(ENDS, known, strict=True)), "n": int(found.pairs)}


def _share(values: Sequence[float]) -> dict[str, Any]:
    """The same of fractions, whose interval ends at 0 and 1."""
    found = interval(values)
    ends = {name: found[name] if found[name] is None else min(max(found[name], 0.0), 1.0)
            for name in ENDS}  # fmt: skip
    return {**found, **ends}


def summary(
    traces: Mapping[str, Sequence[Trace]], reference: str, shares: Sequence[float]
) -> dict[str, Any]:
    """Times to the accuracy that a reference ends with, and accuracies at equal times.

    Repetitions are pairs: each one of the reference with the others' of its number.

    Args:
        traces: of each search by name, one a repetition.
        reference: whose end is to be reached, and whose time is the measure.
        shares: of the reference's time, at which accuracies are compared.
    """
    targets = [best(trace) for trace in traces[reference]]
    lasted = [trace[-1][0] for trace in traces[reference]]
    return {
        "target": _share(targets),
        "reference_seconds": _geometric(lasted),
        "time_ratios": {
            name: _geometric(
                [reached(trace, target) / seconds
                 for trace, target, seconds in zip(each, targets, lasted, strict=True)]
            )
            for name, each in traces.items()
        },
        "accuracy_at": [
            {
                "share": share,
                **{
                    name: _share([best(trace, share * seconds)
                                  for trace, seconds in zip(each, lasted, strict=True)])
                    for name, each in traces.items()
                },
            }
            for share in shares
        ],
    }  # fmt: skip


def _geometric(times: Sequence[float]) -> dict[str, Any]:
    """Geometric mean and interval; a time that is infinite, for never, is counted and left out."""
    finite = [math.log(each) for each in times if math.isfinite(each)]
    logs = interval(finite or [math.nan])
    ends = {name: None if logs[name] is None else math.exp(logs[name]) for name in ENDS}
    return {**ends, "n": len(finite), "never": len(times) - len(finite)}
