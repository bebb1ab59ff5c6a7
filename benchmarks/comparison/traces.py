"""Traces of searches: validation accuracies as they came in, and what they come to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stepladder.analysis import paired_t

Trace = Sequence[tuple[float, float]]
"""Seconds since the process began, and the accuracy of what was finished then."""


def read(file: Path) -> list[tuple[float, float]]:
    """A trace of lines of JSON."""
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [(line["seconds"], line["accuracy"]) for line in lines]


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
    mean, low, high = (each if math.isfinite(each) else None for each in ends)
    return {"mean": mean, "ci_low": low, "ci_high": high, "n": int(found.pairs)}


def summary(
    traces: Mapping[str, Sequence[Trace]], reference: str, ours: str, shares: Sequence[float]
) -> dict[str, Any]:
    """Time to the accuracy that a reference ends with, and accuracies at equal times.

    Repetitions are pairs: each one of the reference with the others' of its number. A ratio that
    is infinite, because the accuracy was never reached, is counted and left out of the mean.

    Args:
        traces: of each search by name, one a repetition.
        reference: whose end is to be reached, and whose time is the measure.
        ours: name of the search whose ratio is asked for.
        shares: of the reference's time, at which accuracies are compared.
    """
    targets = [best(trace) for trace in traces[reference]]
    lasted = [trace[-1][0] for trace in traces[reference]]
    ratios = [
        reached(trace, target) / seconds
        for trace, target, seconds in zip(traces[ours], targets, lasted, strict=True)
    ]
    finite = [math.log(each) for each in ratios if math.isfinite(each)]
    logs = interval(finite) if finite else interval([math.nan])
    return {
        "target": interval(targets),
        "reference_seconds": interval(lasted),
        "time_ratio": {
            **{name: None if logs[name] is None else math.exp(logs[name])
               for name in ("mean", "ci_low", "ci_high")},
            "n": logs["n"],
            "never": len(ratios) - len(finite),
        },
        "accuracy_at": [
            {
                "share": share,
                **{
                    name: interval([best(trace, share * seconds)
                                    for trace, seconds in zip(each, lasted, strict=True)])
                    for name, each in traces.items()
                },
            }
            for share in shares
        ],
    }  # fmt: skip
