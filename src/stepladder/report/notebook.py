"""In Jupyter: a run shows its table and curves by itself, and its progress while it trains."""

import html
import io
import math
import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from stepladder.errors import in_python
from stepladder.execution.progress import Progress, RunAnnouncement
from stepladder.report.document import Table, words
from stepladder.report.progress import Clock, TallyProgress, announcement
from stepladder.report.wording import printable, truncate
from stepladder.runs.results import Results

NAME_LENGTH = 60
SECONDS_BETWEEN = 0.5
WIDTH = 100  # columns of the view of a terminal
_PRE = '<pre style="line-height:normal;overflow-x:auto">{code}</pre>'
_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5em 0;text-align:left"
_CELL = "padding:.2em .8em .2em 0;border-bottom:1px solid #8884;text-align:left"


class Handle(Protocol):
    """What `IPython.display.display(…, display_id=True)` gives.

    Example:
        >>> class Printed:
        ...     def update(self, obj, **kwargs):
        ...         print(obj)
        >>> handle: Handle = Printed()
        >>> handle.update("half")
        half
    """

    def update(self, obj: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as IPython has it
        """Shows something in the place of what was shown."""


def for_notebook() -> Progress | None:
    """Progress shown in the running cell, or None outside of Jupyter.

    Example:
        >>> for_notebook() is None
        True
    """
    shell = sys.modules.get("IPython")
    if shell is None:
        return None
    running = shell.get_ipython()
    return NotebookProgress() if running is not None and hasattr(running, "kernel") else None


def as_notebook_html(results: Results) -> str:
    """The table and the curves of a study as a piece of a page; every name in it escaped."""
    from stepladder.report.figures.curves import validation_plot
    from stepladder.report.figures.forest import ladder_plot
    from stepladder.report.figures.reported import reported_plots
    from stepladder.report.html import drawn
    from stepladder.report.summary import answer
    from stepladder.report.view import view_of
    from stepladder.report.wording import measure_of

    view, unit = view_of(results), measure_of(results).unit
    shown_parts = (*view.parts, "test")
    rows = []
    for row in view.rows:
        parts = [getattr(row, part).text for part in shown_parts]
        if row.instead:
            parts = [*("" for _ in parts[1:]), row.instead]
        effect = row.effect.text if row.effect else ""
        rows.append((truncate(row.name, NAME_LENGTH), row.replicates, *parts, effect, row.verdict))
    figures = (view.headings[part] for part in shown_parts)
    heads = ("arm", "n", *figures, f"effect, {unit}" if unit else "effect", "verdict")
    items = "".join(f"<li>{html.escape(sentence.text)}</li>" for sentence in answer(results))
    plot = validation_plot(results) or next(iter(reported_plots(results)), ladder_plot(results))
    image = ""
    if plot is not None:
        curves = drawn(plot)
        image = (
            f'<img src="{curves.source}" alt="{html.escape(curves.plot.words)}" '
            'style="max-width:44em;width:100%">'
        )
    status = f"<p>{html.escape(view.status)}</p>" if view.status else ""
    title = f"<strong>{html.escape(view.title)}</strong> {html.escape(view.subtitle)}"
    table = _table(Table("", words(*heads), tuple(rows)))
    return f"<div><p>{title}</p>{status}<ul>{items}</ul>{table}{image}</div>"


def _table(table: Table) -> str:
    def cells(tag: str, texts: tuple[str, ...]) -> str:
        row = (f'<{tag} style="{_CELL}">{html.escape(text)}</{tag[:2]}>' for text in texts)
        return f"<tr>{''.join(row)}</tr>"

    head = cells('th scope="col"', table.heads)
    body = "".join(cells("td", row) for row in table.rows)
    return f'<table style="{_STYLE}"><thead>{head}</thead><tbody>{body}</tbody></table>'


class NotebookProgress(TallyProgress):
    """One piece of the cell's output, drawn again at most twice a second: that of a terminal.

    Args:
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._handle: Handle | None = None
        self._drawn = 0.0
        self._notes: list[str] = []

    def start(self, planned: RunAnnouncement) -> None:
        """Opens the piece of output."""
        from IPython.display import HTML, display

        super().start(planned)
        self._handle = display(HTML(self.to_html()), display_id=True)

    def note(self, text: str) -> None:
        """Keeps a line above the bars; options in it have the names of Python's arguments."""
        self._notes.append(printable(in_python(text)))
        self._draw()

    def finish(self) -> None:
        """Leaves the state as it was at the end."""
        self._drawn = -math.inf
        self._draw()
        self._tally = None

    def to_html(self) -> str:
        """The state as a piece of a page."""
        console = Console(record=True, file=io.StringIO(), width=WIDTH)
        notes = (*self._notes, announcement(self._tally.planned)) if self._tally else ()
        console.print(*map(Text, notes), self.view(), sep="\n")
        return console.export_html(inline_styles=True, code_format=_PRE)

    def _draw(self) -> None:
        if self._handle is None or self._tally is None:
            return
        if self._clock() - self._drawn < SECONDS_BETWEEN:
            return
        from IPython.display import HTML

        self._drawn = self._clock()
        self._handle.update(HTML(self.to_html()))
