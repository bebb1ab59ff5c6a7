"""Pages of what trains, and of all runs: what is known without the test set.

They need no web server: `stepladder.tools.dashboard` serves them.
"""

import math
from collections.abc import Sequence

from stepladder.hpo.plan import SearchStatus
from stepladder.hpo.results import mean_merit
from stepladder.report.document import Table, numbers, words
from stepladder.report.figures.base import Plot
from stepladder.report.figures.search import thinned_plot
from stepladder.report.html import drawn, rendered
from stepladder.report.search import LEADING, candidate_table, sampling_text, search_measure
from stepladder.report.view import view_of
from stepladder.report.wording import measure_of, plural, printable, truncate
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
    rows = tuple(
        (truncate(row.name, NAME_LENGTH), row.replicates,
         *(getattr(row, part).text for part in view.parts),
         "" if row.state == "waiting" else row.instead or "")
        for row in view.rows
    )  # fmt: skip
    heads = [view.headings[part] for part in view.parts]
    seen = f"only training and validation {measure_of(results).name} are shown"
    if results.study.trainer is not None:
        seen = "no score on the test part is shown"
    note = (
        f"While a study trains {seen}: looking at the "
        "test set would invite stopping when it pleases. The report follows at the end."
    )
    columns = (*words("arm"), *numbers("replicates", *heads), *words("remark"))
    return rendered("live.html", {
        "what": "a study", "title": view.title, "subtitle": view.subtitle, "status": view.status,
        "state": state, "table": Table("So far", columns, rows, note), "seconds": SECONDS,
        "figures": [drawn(plot) for plot in plots], "others": others,
    })  # fmt: skip


def search_live_html(status: SearchStatus, state: str, others: Sequence[tuple[str, str]]) -> str:
    """A search that trains: how far it is and its leading candidates, on validation data alone.

    Args:
        status: so far.
        state: of the run, in a word.
        others: names and addresses of the other runs.
    """
    study = status.record.study
    search = study.search
    assert search is not None
    whole = sum(candidate.is_whole for candidate in status.candidates)
    plot = thinned_plot(status.candidates, None, search_measure(study))
    return rendered("live.html", {
        "what": "a search", "title": printable(study.name),
        "subtitle": f"{printable(status.record.dataset)} · {status.over:,} of "
        f"{plural(status.planned, 'candidate')} done, {whole} of them trained to the end · "
        f"{sampling_text(search)}",
        "status": _part_text(status), "state": state, "table": _leading(status),
        "seconds": SECONDS, "figures": [drawn(plot)] if plot else [], "others": others,
    })  # fmt: skip


def _part_text(status: SearchStatus) -> str:
    """What is trained now, or comes next."""
    if status.problem:
        return status.problem
    done = f"{status.part}: {status.stored:,} of {plural(status.sought, 'trial')} done"
    if not status.training:
        return f"Next: {done}. Nobody trains it now; the same command resumes it."
    return f"Now: {done}, {status.training:,} being trained."


def _leading(status: SearchStatus) -> Table:
    finite = sorted(
        (candidate for candidate in status.candidates if math.isfinite(candidate.score)),
        key=lambda one: (-one.epochs, -mean_merit(one, status.baseline), one.number),
    )
    note = (
        "Those that got furthest first. Validation figures alone decide: the search never reads "
        "the test set. Its page follows at the end."
    )
    measure = search_measure(status.record.study)
    return candidate_table("Leading so far", finite[:LEADING], status.baseline, measure, note)


def runs_html(rows: Sequence[tuple[str, str, str, str, str, str]], problem: str = "") -> str:
    """All runs: name, address, state, trials, time and problem of each.

    Args:
        rows: one a run.
        problem: why none can be read, or empty.

    Example:
        >>> "There is no run yet." in runs_html([])
        True
    """
    training = sum(state == "training" for _, _, state, *_ in rows)
    subtitle = plural(len(rows), "run") + (f", {training} of them training" if training else "")
    context = {"rows": rows, "subtitle": subtitle, "problem": problem, "seconds": SECONDS}
    return rendered("runs.html", context)
