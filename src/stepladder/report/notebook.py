"""In Jupyter: a run shows its table and curves by itself, and its progress while it trains."""

from __future__ import annotations

import html
import sys
import time
from typing import Any, Protocol

from stepladder.execution.progress import Progress, RunAnnouncement
from stepladder.report.progress import Clock, Tally, announcement
from stepladder.report.wording import duration, number, plural, printable, truncate
from stepladder.runs.results import Results
from stepladder.trials.trial import Trial, TrialResult

NAME_LENGTH = 60
SECONDS_BETWEEN = 0.5
_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5em 0;text-align:left"
_CELL = "padding:.2em .8em .2em 0;border-bottom:1px solid #8884;text-align:left"


class Handle(Protocol):
    """What `IPython.display.display(…, display_id=True)` gives."""

    def update(self, obj: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as IPython has it
        """Shows something in the place of what was shown."""


def for_notebook() -> Progress | None:
    """Progress shown in the running cell, or None outside of Jupyter."""
    shell = sys.modules.get("IPython")
    if shell is None:
        return None
    running = shell.get_ipython()
    return NotebookProgress() if running is not None and hasattr(running, "kernel") else None


def as_notebook_html(results: Results) -> str:
    """The table and the curves of a study as a piece of a page; every name in it escaped."""
    from stepladder.report.figures.curves import validation_plot
    from stepladder.report.html import drawn
    from stepladder.report.summary import answer
    from stepladder.report.view import view_of

    view = view_of(results)
    heads = ["arm", "n", "train %", "validation %", "test %", "effect, points", "verdict"]
    rows = []
    for row in view.rows:
        parts = [row.train.text, row.validation.text, row.test.text]
        parts = ["", "", row.instead] if row.instead else parts
        effect = row.effect.text if row.effect else ""
        rows.append([truncate(row.name, NAME_LENGTH), row.replicates, *parts, effect, row.verdict])
    said = "".join(f"<li>{html.escape(each.text)}</li>" for each in answer(results))
    curves = drawn(validation_plot(results))
    image = (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{curves.dark}">'
        f'<img src="{curves.light}" alt="{html.escape(curves.plot.words)}" '
        'style="max-width:44em;width:100%"></picture>'
    )
    status = f"<p>{html.escape(view.status)}</p>" if view.status else ""
    title = f"<strong>{html.escape(view.title)}</strong> {html.escape(view.subtitle)}"
    return f"<div><p>{title}</p>{status}<ul>{said}</ul>{_table(heads, rows)}{image}</div>"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col" style="{_CELL}">{html.escape(each)}</th>' for each in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{html.escape(each)}</td>' for each in row) + "</tr>"
        for row in rows
    )
    return f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


class NotebookProgress:
    """One piece of the cell's output, drawn again at most twice a second.

    Accuracies shown are those on the validation part, as on a terminal.

    Args:
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._tally: Tally | None = None
        self._handle: Handle | None = None
        self._drawn = 0.0
        self._notes: list[str] = []

    def start(self, planned: RunAnnouncement) -> None:
        """Opens the piece of output."""
        from IPython.display import HTML, display

        self._tally = Tally(planned, self._clock)
        self._handle = display(HTML(self.view()), display_id=True)

    def trial_started(self, trial: Trial) -> None:
        """Names the arm among those in training."""
        if self._tally:
            self._tally.trial_started(trial)
            self._draw()

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Moves the bar."""
        if self._tally:
            self._tally.epoch_done(trial, epoch)
            self._draw()

    def trial_done(self, result: TrialResult) -> None:
        """Fills the table."""
        if self._tally:
            self._tally.trial_done(result)
            self._draw()

    def trial_found(self, trial: Trial) -> None:
        """Counts it among those that are there."""
        if self._tally:
            self._tally.trial_found(trial)
            self._draw()

    def note(self, text: str) -> None:
        """Keeps a line above the bar."""
        self._notes.append(printable(text))
        self._draw()

    def finish(self) -> None:
        """Leaves the state as it was at the end."""
        self._draw(at_once=True)
        self._tally = None

    def view(self) -> str:
        """The state as a piece of a page."""
        tally = self._tally
        if tally is None:
            return ""
        planned = tally.planned
        notes = "".join(f"<div>{html.escape(each)}</div>" for each in self._notes)
        told = f"{plural(tally.trials_done, 'trial')} of {planned.trials:,} trained"
        left = tally.time_left if tally.trials_done < planned.trials else duration(tally.elapsed)
        bar = (
            f'<progress max="{max(planned.epochs, 1)}" value="{tally.epochs_done}" '
            'aria-label="epochs trained"></progress>'
        )
        rows = [
            [truncate(arm.name, NAME_LENGTH), f"{arm.done} of {arm.planned}",
             number(100 * arm.mean) if arm.finite else "",
             f"{arm.diverged} diverged" if arm.diverged else ""]
            for arm in tally.arms.values()
        ]  # fmt: skip
        table = _table(["arm", "replicates", "validation %", ""], rows)
        head = html.escape(announcement(planned))
        return f"<div>{notes}<div>{head}</div>{bar} {html.escape(told)}, {left}{table}</div>"

    def _draw(self, at_once: bool = False) -> None:
        if self._handle is None or self._tally is None:
            return
        if not at_once and self._clock() - self._drawn < SECONDS_BETWEEN:
            return
        from IPython.display import HTML

        self._drawn = self._clock()
        self._handle.update(HTML(self.view()))
