"""Pages of what trains, and of all runs: what can be said without the test set.

They need no web server: `stepladder.tools.dashboard` serves them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepladder.hpo.plan import SearchStatus
from stepladder.report.figures.base import Plot
from stepladder.report.figures.search import thinned_plot
from stepladder.report.html import drawn, rendered
from stepladder.report.search import CANDIDATE_HEADS, LEADING, candidate_row, sampling_text
from stepladder.report.tables import TextTable
from stepladder.report.view import view_of
from stepladder.report.wording import plural, printable, truncate
from stepladder.runs.results import Results

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
        (truncate(row.name, NAME_LENGTH), row.replicates, row.train.text, row.validation.text,
         "" if row.state == "waiting" else row.instead or "")
        for row in view.rows
    ]  # fmt: skip
    table = TextTable(
        title="So far",
        heads=("arm", "replicates", "train %", "validation %", "remark"),
        rows=tuple(rows),
        note="While a study trains only training and validation accuracy are shown: looking at "
        "the test set would invite stopping when it pleases. The report follows at the end.",
    )
    context = {
        "what": "a study", "title": view.title, "subtitle": view.subtitle, "status": view.status,
        "state": state, "table": table, "seconds": SECONDS,
        "figures": [drawn(plot) for plot in plots], "others": others,
    }  # fmt: skip
    return rendered("live.html", context)


def search_live_html(found: SearchStatus, state: str, others: Sequence[tuple[str, str]]) -> str:
    """A search that trains: how far it is and its leading candidates, on validation data alone.

    Args:
        found: so far.
        state: of the run, in a word.
        others: names and addresses of the other runs.
    """
    study = found.record.study
    search = study.search
    assert search is not None
    whole = sum(each.is_whole for each in found.candidates)
    plot = thinned_plot(found.candidates, None)
    context = {
        "what": "a search", "title": printable(study.name),
        "subtitle": f"{printable(found.record.dataset)} · {found.over:,} of "
        f"{plural(found.planned, 'candidate')} done, {whole} of them trained to the end · "
        f"{sampling_text(search)}",
        "status": _part_text(found), "state": state, "table": _leading(found),
        "seconds": SECONDS, "figures": [drawn(plot)] if plot else [], "others": others,
    }  # fmt: skip
    return rendered("live.html", context)


def _part_text(found: SearchStatus) -> str:
    """What is trained now, or comes next."""
    if found.problem:
        return found.problem
    done = f"{found.part}: {found.stored:,} of {plural(found.sought, 'trial')} done"
    if not found.training:
        return f"Next: {done}. Nobody trains it now; the same command goes on."
    return f"Now: {done}, {found.training:,} being trained."


def _leading(found: SearchStatus) -> TextTable:
    finite = [each for each in found.candidates if math.isfinite(each.accuracy)]
    finite.sort(key=lambda each: (-each.epochs, -each.mean(found.chance), each.number))
    return TextTable(
        title="Leading so far",
        heads=CANDIDATE_HEADS,
        rows=tuple(candidate_row(each, found.chance) for each in finite[:LEADING]),
        note="Those that got furthest first. Validation figures alone decide: the search never "
        "reads the test set. Its page follows at the end.",
    )


def runs_html(rows: Sequence[tuple[str, str, str, str, str, str]], problem: str = "") -> str:
    """All runs: name, address, state, trials, time and problem of each.

    Args:
        rows: one a run.
        problem: why none can be read, or empty.
    """
    training = sum(state == "training" for _, _, state, *_ in rows)
    subtitle = plural(len(rows), "run") + (f", {training} of them training" if training else "")
    context = {"rows": rows, "subtitle": subtitle, "problem": problem, "seconds": SECONDS}
    return rendered("runs.html", context)
