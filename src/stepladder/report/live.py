"""Pages of a study that trains, and of all runs: what can be said without the test set."""

from __future__ import annotations

from collections.abc import Sequence

from stepladder.report.html import drawn, rendered
from stepladder.report.plots.plot import Plot
from stepladder.report.side_table import SideTable
from stepladder.report.view import view_of
from stepladder.report.wording import elided
from stepladder.runner.results import Results

__all__ = ["live_html", "runs_html"]

NAME_LENGTH = 120
SECONDS = 5


def live_html(
    results: Results, plots: Sequence[Plot], state: str, others: Sequence[tuple[str, str]]
) -> str:
    """A study that trains: how far it is and its curves, on validation data alone.

    Args:
        results: so far, without test figures.
        plots: the figures to show.
        state: of the run, in a word.
        others: names and addresses of the other runs.
    """
    view = view_of(results)
    rows = [
        (elided(row.name, NAME_LENGTH), row.replicates, row.train.text, row.validation.text,
         "" if row.instead in (None, "waiting") else row.instead)
        for row in view.rows
    ]  # fmt: skip
    table = SideTable(
        title="So far",
        heads=("arm", "replicates", "train %", "validation %", "remark"),
        rows=tuple(rows),
        note="While a study trains only training and validation accuracy are shown: looking at "
        "the test set would invite stopping when it pleases. The report follows at the end.",
    )
    context = {
        "view": view, "state": state, "table": table, "seconds": SECONDS,
        "figures": [drawn(plot) for plot in plots], "others": others,
    }  # fmt: skip
    return rendered("live.html", context)


def runs_html(rows: Sequence[tuple[str, str, str, str, str, str]], problem: str = "") -> str:
    """All runs: name, address, state, trials, time and problem of each.

    Args:
        rows: one a run.
        problem: why none can be read, or empty.
    """
    return rendered("runs.html", {"rows": rows, "problem": problem, "seconds": SECONDS})
