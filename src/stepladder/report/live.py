"""Pages of what trains, and of all runs: what is known without the test set.

They need no web server: `stepladder.tools.dashboard` serves them.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from stepladder.hpo.plan import SearchStatus
from stepladder.hpo.results import mean_merit
from stepladder.report.document import Cell, Table, numbers, words
from stepladder.report.figures.search import course_plot, thinned_plot
from stepladder.report.html import DrawnFigure, drawn, rendered
from stepladder.report.search import (
    LEADING,
    TRAINED,
    candidate_table,
    sampling_text,
    search_measure,
)
from stepladder.report.view import view_of
from stepladder.report.wording import duration, measure_of, plural, printable, truncate
from stepladder.runs.results import ArmResult, Results

NAME_LENGTH = 120
SECONDS = 5
"""Between two loads of a page in a browser that runs no script; others ask each second."""


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        done: trials, or candidates of a search, that are done.
        planned: all of them.
        left: the time left in words, or empty.
    """

    done: int
    planned: int
    left: str = ""


class ListedRun(NamedTuple):
    """A run in the list of all runs.

    Attributes:
        name: of the run.
        address: its part of the path of its page.
        state: in a word or two.
        stored: trials that are stored.
        planned: all of its trials.
        seconds: wall time that running it has taken.
        problem: why it cannot be read, or empty.
        study: name of its study.
        scores: validation scores of its trials so far, in their order.
        left: the time left in words while it trains, or empty.
        is_compared: whether it can be compared with another.
    """

    name: str
    address: str
    state: str
    stored: int
    planned: int
    seconds: float
    problem: str = ""
    study: str = ""
    scores: tuple[float, ...] = ()
    left: str = ""
    is_compared: bool = False

    @property
    def trials(self) -> str:
        """How many of its trials are stored."""
        return f"{self.stored:,} of {self.planned:,}"

    @property
    def time(self) -> str:
        """The time left while it trains, else its wall time, in words."""
        return self.left or (duration(self.seconds) if self.seconds else "")

    @property
    def spark(self) -> str:
        """Its scores as places of a line in a box of 100 by 20; empty with fewer than two."""
        finite = [score for score in self.scores if math.isfinite(score)]
        if len(finite) < 2:
            return ""
        low, span = min(finite), (max(finite) - min(finite)) or 1.0
        step = 100 / (len(finite) - 1)
        return " ".join(
            f"{place * step:.1f},{18 - 16 * (score - low) / span:.1f}"
            for place, score in enumerate(finite)
        )

    @property
    def spark_words(self) -> str:
        """The line in words."""
        finite = [score for score in self.scores if math.isfinite(score)]
        return (
            f"validation scores of {plural(len(finite), 'trial')}, "
            f"{min(finite):.4g} to {max(finite):.4g}"
        )


def live_html(results: Results, figures: Sequence[DrawnFigure], state: str, left: str = "") -> str:
    """A study that trains: how far it is and its curves, on validation data alone.

    Args:
        results: so far, without test figures.
        figures: those to show.
        state: of the run, in a word.
        left: the time left in words, or empty.
    """
    view = view_of(results)
    planned = sum(max(arm.planned or results.study.replicates, arm.n) for arm in results.arms)
    progress = Progress(sum(arm.n for arm in results.arms), planned, left)
    parts = view.parts[::-1]  # by validation, arms are compared
    rows = tuple(
        (Cell(truncate(row.name, NAME_LENGTH), detail="" if row.state == "waiting"
              else _remark(arm, row.instead, results)),
         row.replicates, *(getattr(row, part).text for part in parts))
        for row, arm in zip(view.rows, results.arms, strict=True)
    )  # fmt: skip
    heads = [view.headings[part] for part in parts]
    seen = f"only training and validation {measure_of(results).name} are shown"
    if results.study.trainer is not None:
        seen = "no score on the test part is shown"
    note = (
        f"While a study trains {seen}: looking at the "
        "test set would invite stopping when it pleases. The report follows at the end."
    )
    columns = (*words("arm"), *numbers("replicates", *heads))
    is_tuning = results.study.tuned is not None and results.tuned is None
    return rendered("live.html", {
        "what": "a study", "counted": "trials", "title": view.title, "subtitle": view.subtitle,
        "status": view.status if is_tuning else "",  # else the progress says how far it is
        "state": state, "table": Table("So far", columns, rows, note), "seconds": SECONDS,
        "figures": figures, "progress": progress,
    })  # fmt: skip


def _remark(arm: ArmResult, instead: str | None, results: Results) -> str:
    """That an arm has all its replicates, and what is to be noted of them."""
    done = "done" if arm.n >= (arm.planned or results.study.replicates) else ""
    return "; ".join(filter(None, [done, instead]))


def search_live_html(status: SearchStatus, state: str, left: str = "") -> str:
    """A search that trains: how far it is and its leading candidates, on validation data alone.

    Args:
        status: so far.
        state: of the run, in a word.
        left: the time left in words, or empty.
    """
    study = status.record.study
    search = study.search
    assert search is not None
    whole = sum(candidate.is_whole for candidate in status.candidates)
    measure = search_measure(study)
    plots = (course_plot(status.candidates, measure),
             thinned_plot(status.candidates, None, measure))  # fmt: skip
    return rendered("live.html", {
        "what": "a search", "counted": "candidates", "title": printable(study.name),
        "subtitle": f"{printable(status.record.dataset)} · {whole:,} trained to the end · "
        f"{sampling_text(search)}",
        "status": _part_text(status), "state": state, "table": _leading(status),
        "seconds": SECONDS, "figures": [drawn(plot) for plot in plots if plot],
        "progress": Progress(status.over, status.planned, left),
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
        f"Those that got furthest first. {TRAINED} Validation figures alone decide: the search "
        "never reads the test set. Its page follows at the end."
    )
    measure = search_measure(status.record.study)
    return candidate_table("Leading so far", finite[:LEADING], status.baseline, measure, note)


def runs_html(runs: Sequence[ListedRun], problem: str = "") -> str:
    """All runs, each with its state, its trials, their validation scores and its time.

    Args:
        runs: what to list.
        problem: why none can be read, or empty.

    Example:
        >>> "There is no run yet." in runs_html([])
        True
    """
    training = sum(run.state == "training" for run in runs)
    subtitle = plural(len(runs), "run") + (f", {training} of them training" if training else "")
    return rendered("runs.html", {
        "runs": runs, "subtitle": subtitle, "problem": problem, "seconds": SECONDS,
        "has_studies": any(run.study != run.name for run in runs),
    })  # fmt: skip
