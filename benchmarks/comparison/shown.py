"""Results as Markdown for the documentation and as a chart for the README."""

from __future__ import annotations

import importlib.metadata
import io
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from comparison.pages import between
from stepladder.report.figures.base import LIGHT, settings
from stepladder.report.wording import duration
from stepladder.version import __version__

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def chart(results: dict[str, Any], kind: str) -> bytes | None:
    """Times of the `mnist` study and shares of the floor, as a picture; None without either.

    Args:
        results: of the comparison.
        kind: `svg` or `png`.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = results["parts"]
    panels = [draw for name, draw in _PANELS.items() if parts.get(name, {}).get("runs")]
    if not panels:
        return None
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings(LIGHT))
        figure = Figure(figsize=(7.2, 2.6), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, draw in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            draw(axes, parts)
        file = io.BytesIO()
        dates = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, dpi=200, metadata=dates)
    return file.getvalue()


def _times(axes: Axes, parts: dict[str, Any]) -> None:
    runs = parts["mnist"]["runs"]
    ours = runs[0]["seconds"]
    minutes = [run["seconds"] / 60 for run in runs]
    names = [run["title"] + (" *" if run["scaled_from"] else "") for run in runs]
    labels = [
        f" {each:.1f} min" + (f", {run['seconds'] / ours:.1f}×" if place else "")
        for place, (each, run) in enumerate(zip(minutes, runs, strict=True))
    ]
    _bars(axes, names, minutes, labels)
    axes.set_title(f"{runs[0]['trainings']} trainings, start to end", size=8, loc="left")
    scaled = ", * scaled up from a part" if any(run["scaled_from"] for run in runs) else ""
    axes.set_xlabel(f"minutes{scaled}", size=7)


def _shares(axes: Axes, parts: dict[str, Any]) -> None:
    runs = parts["shares"]["runs"]
    values = [100 * run["share"] for run in runs]
    names = [run["title"].replace(", ", ",\n") for run in runs]
    _bars(axes, names, values, [f" {value:.0f} %" for value in values])
    axes.set_xlim(0, 115)
    axes.axvline(100, color=LIGHT.muted, linewidth=0.8)
    axes.set_title("Of the machine's matrix-product rate", size=8, loc="left")
    axes.set_xlabel("% of float32 GEMM on all cores", size=7)


def _bars(axes: Axes, names: list[str], values: list[float], labels: list[str]) -> None:
    ours, theirs = LIGHT.validation, LIGHT.muted
    colours = [theirs if "keras" in name.lower() or "Optuna" in name else ours for name in names]
    places = range(len(names))
    drawn = axes.barh(places, values, color=colours, height=0.65)
    axes.bar_label(drawn, labels, size=7, color=LIGHT.ink)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.45 * max(values))
    axes.grid(visible=False, axis="y")


_PANELS = {"mnist": _times, "shares": _shares}
