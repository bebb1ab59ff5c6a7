"""Results as Markdown for the documentation, and its picture."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from comparison.pages import between
from stepladder.report.figures.axes import label_rows, row_axes, write_above
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import duration
from stepladder.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PACKAGES = ("keras", "jax", "numpy")
_UNITS = {
    "times": "{:.1f}×",
    "share": "{:.0%}",
    "ratio": "{:.2f}×",
    "seconds": "{:.2f} s",
    "megabytes": "{:.0f} MB",
}
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
_MORE_IS_BETTER = ("times", "share")


def versions() -> dict[str, str]:
    """Of stepladder and what it trains with here."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"stepladder": __version__, "python": platform.python_version(), **found}


def markdown(results: dict[str, Any]) -> str:
    """The tables of the documentation, every figure from the results."""
    parts = results["parts"]
    lines = ["| work | against | measured | required | aim | |", "|---|---|---:|---:|---:|---|"]
    for part in parts.values():
        lines += [_line(row, part["quick"]) for row in part["rows"]]
    lines += ["", "| whole processes | time | memory, peak | |", "|---|---:|---:|---|"]
    for part in parts.values():
        lines += [_process_line(run) for run in part["runs"] if "peak_rss" in run]
    lines += ["", *_conditions(parts)]
    return "\n".join(lines) + "\n"


def filled(page: str, tables: str) -> str:
    """A page with what stands between its marks replaced.

    Raises:
        ValueError: if it does not have both marks once.
    """
    return between(page, BEGIN, END, tables)


def is_reached(row: dict[str, Any], level: str) -> bool | None:
    """Whether a row reaches its `at_least` or its `aim`; None where it has none."""
    wanted = row[level]
    if wanted is None:
        return None
    return row["value"] >= wanted if row["unit"] in _MORE_IS_BETTER else row["value"] <= wanted


def _line(row: dict[str, Any], is_quick: bool) -> str:
    form = _UNITS[row["unit"]].format
    bounds = [form(row[level]) if row[level] is not None else "" for level in ("at_least", "aim")]
    sign = "at least " if row["unit"] in _MORE_IS_BETTER else "at most "
    required = sign + bounds[0] if bounds[0] else ""
    verdict = {None: "", True: "reached", False: "**missed**"}[is_reached(row, "at_least")]
    if is_reached(row, "aim"):
        verdict = "aim reached"
    if is_quick:
        verdict = "quick: means nothing"
    last = "; ".join(each for each in (verdict, row["note"]) if each)
    cells = (row["work"], row["against"], f"**{form(row['value'])}**", required, bounds[1], last)
    return f"| {' | '.join(cells)} |"


def _process_line(run: dict[str, Any]) -> str:
    memory = f"{run['peak_rss'] / 1e6:,.0f} MB" if run["peak_rss"] else ""
    note, part = "", run.get("scaled_from")
    if part:
        note = (
            f"scaled up from {part['few_replicates']} of {part['replicates']} replicates and "
            f"{part['few_epochs']} of {part['epochs']} epochs in "
            f"{duration(run['measured_seconds'])}"
        )
    trainings = f", {run['trainings']} trainings" if "trainings" in run else ""
    return f"| {run['title']}{trainings} | {duration(run['seconds'])} | {memory} | {note} |"


def _conditions(parts: dict[str, Any]) -> Iterator[str]:
    for name, part in parts.items():
        sgemm, found = part["sgemm"], part["versions"]
        rates = " and ".join(f"{sgemm[when] / 1e9:.0f}" for when in ("before", "after"))
        mark = ", **quick: these figures mean nothing**" if part["quick"] else ""
        skipped = f", skipped: {part['skipped']}" if "skipped" in part else ""
        yield (
            f"- {name}: {part['date']}, {part['machine']}, SGEMM {rates} GFLOP/s before and after "
            f"({sgemm['library']}), {', '.join(f'{key} {found[key]}' for key in found)}"
            f"{skipped}{mark}"
        )


_PROCESS = re.compile(r"^\| (.+), \d+ trainings \| (.+?) \| .+? \| (.*?) ?\|$", re.MULTILINE)
_MINUTES = {"h": 60, "min": 1, "s": 1 / 60}


def chart(page: str) -> Plot:
    """Times of the `mnist` study from start to end, as the page's table of processes has them."""
    times = dict(re.findall(r"study \| (.+?) \| \*\*(.+?×)\*\*", page))
    table = _PROCESS.findall(page[page.index("| stepladder, 35 trainings") :])
    rows = [(name + " *" * bool(note), f"{time}, {times[name]}" if name in times else time,
             sum(int(count) * _MINUTES[unit] for count, unit in re.findall(r"(\d+) (\w+)", time)))
            for name, time, note in table]  # fmt: skip
    return Plot(
        name="speed",
        title="35 trainings, from start to end",
        caption="Times of complete processes.",
        words=". ".join(f"{name}: {time}" for name, time, _ in rows),
        columns=("program", "time", "minutes"),
        rows=lambda: rows,
        draw=partial(_draw, *zip(*rows, strict=True)),
    )


def _draw(
    names: Sequence[str],
    times: Sequence[str],
    minutes: Sequence[float],
    figure: Figure,
    theme: Theme,
) -> None:
    axes, middles = row_axes(figure, names, times)
    colours = [theme.validation, *[theme.muted] * (len(names) - 1)]
    axes.barh(middles, minutes, height=0.12, color=colours)
    for middle, name, time in zip(middles, names, times, strict=True):
        write_above(axes, middle, name, time)
    axes.set_xlim(0, 1.05 * max(minutes))
    label_rows(axes, "minutes (* scaled up from a part)")
