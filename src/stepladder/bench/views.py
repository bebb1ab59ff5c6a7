"""A measurement as a table for the terminal and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from stepladder.bench.measure import Bench
from stepladder.report.wording import counted

__all__ = ["as_json", "as_text"]

_HEADS = ("", "processes", "trials", "first epoch", "trial·epoch", "of the floor", "faster")


def as_text(bench: Bench) -> str:
    """The measurement as a table, below it what the columns mean; 100 columns wide at most."""
    floor, work = bench.floor, bench.work
    rows = [
        (
            timing.name,
            str(timing.processes),
            str(timing.trials),
            f"{timing.first_epoch:.1f} s",
            _short(timing.seconds),
            f"{timing.share:.0%}",
            f"{bench.times_faster(timing):.1f}×",
        )
        for timing in bench.timings
    ]
    rows.append(("floor", str(_cores(bench)), "", "", _short(bench.floor_seconds), "100%", ""))
    others = ", ".join(
        f"{name} {sum(rates) / 1e9:.1f}"
        for name, rates in floor.rates.items()
        if name != floor.library
    )
    return "\n".join(
        [
            bench.machine,
            ", ".join(f"{name} {version}" for name, version in bench.versions.items()),
            work.described,
            "",
            *_aligned([_HEADS, *rows]),
            "",
            f"floor        float32 matrix products of {floor.side} × {floor.side} in "
            f"{counted(_cores(bench), 'pinned process', 'pinned processes')}:",
            f"             {floor.rate / 1e9:.1f} GFLOP/s by {floor.library} ({others}); "
            f"a trial·epoch is {work.operations / 1e9:.3g} GFLOP",
            "first epoch  after starting a process: imports, data and compiling",
            "trial·epoch  wall time of one epoch of one trial from the second epoch on",
            "faster       than keras.Model.fit on JAX, by the time of a trial·epoch",
            "",
        ]
    )


def as_json(bench: Bench) -> str:
    """The measurement as JSON: seconds, fractions, operations a second."""
    floor = bench.floor
    value = {
        "machine": bench.machine,
        "versions": bench.versions,
        "work": {
            **asdict(bench.work),
            "sizes": bench.work.sizes,
            "operations": bench.work.operations,
        },
        "floor": {
            "side": floor.side,
            "library": floor.library,
            "rate": floor.rate,
            "rates": floor.rates,
            "seconds": bench.floor_seconds,
        },
        "timings": [
            {**asdict(timing), "times_faster": bench.times_faster(timing)}
            for timing in bench.timings
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _cores(bench: Bench) -> int:
    return len(bench.floor.rates[bench.floor.library])


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines: the first column to the left, all others to the right."""
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]).rstrip()
        for row in rows
    ]
