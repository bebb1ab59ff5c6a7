"""Lists of runs, and what tending a store came to, as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.table import Table
from rich.text import Text

from stepladder.report.terminal import console_on
from stepladder.report.wording import counted, duration, visible
from stepladder.runner.runs import RunState

__all__ = ["byte_size", "runs_json", "show_runs"]

_STYLES = {"finished": "green", "training": "cyan", "unreadable": "red"}


def show_runs(runs: Sequence[RunState], stream: TextIO | None = None) -> None:
    """Prints runs as a table.

    Args:
        runs: what to list.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console = console_on(stream)
    if not runs:
        console.print("No runs yet: begin with `stepladder run quick`.", markup=False)
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for head in ("study", "state"):
        table.add_column(head)
    for head in ("trials", "time", "size"):
        table.add_column(head, justify="right")
    table.add_column("folder")
    for run in runs:
        table.add_row(
            Text(visible(run.name)),
            Text(run.state, style=_STYLES.get(run.state, "default")),
            "–" if run.problem else f"{run.stored:,} of {run.planned:,}",
            "–" if run.problem else duration(run.seconds),
            "–" if run.size is None else byte_size(run.size),
            Text("" if run.folder is None else visible(str(run.folder))),
        )
    console.print(table)
    for run in runs:
        if run.problem:
            console.print(Text(f"{visible(run.name)}: {visible(run.problem)}"), soft_wrap=True)
        elif run.training:
            being = "is" if run.training == 1 else "are"
            console.print(f"{visible(run.name)}: {counted(run.training, 'trial')} {being} being "
                          "trained now", markup=False)  # fmt: skip


def runs_json(runs: Sequence[RunState]) -> str:
    """Runs as a JSON list; fields are added, never renamed."""
    listed = [
        {
            "study": run.name,
            "state": run.state,
            "stored": run.stored,
            "planned": run.planned,
            "training": run.training,
            "seconds": run.seconds,
            "bytes": run.size,
            "folder": None if run.folder is None else str(run.folder),
            "problem": run.problem or None,
        }
        for run in runs
    ]
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def byte_size(size: int) -> str:
    """A number of bytes in the largest unit that fits: "512 B", "1.3 MB"."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
