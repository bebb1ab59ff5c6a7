"""How the candidates of a search are thinned out: accuracy from rung to rung."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.plots.layout import WIDTH, axes_at
from stepladder.report.plots.overlay import LOG_ODDS
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.scales import accuracy_axis, is_high
from stepladder.report.search_words import params_text
from stepladder.report.style import Theme
from stepladder.report.wording import counted, number
from stepladder.searcher.candidates import Candidate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["thinned_plot"]

LEFT, RIGHT, HEIGHT, BOTTOM = 0.62, 0.2, 2.3, 0.42  # inches
FLOOR = 0.1
"""Share of the candidates' figures that the axis may leave out, below, so that the others part."""


def thinned_plot(candidates: Sequence[Candidate], best: Candidate | None) -> Plot | None:
    """Accuracy of each candidate at each of its rungs; None where all have but one.

    Args:
        candidates: of the search, as far as they were trained.
        best: the winner; None for the one that is best so far.
    """
    drawn = [each for each in candidates if any(map(math.isfinite, each.rungs.values()))]
    if not any(len(each.rungs) > 1 for each in drawn):
        return None
    alive = [each for each in drawn if math.isfinite(each.accuracy)] or drawn
    leader = best or max(alive, key=lambda each: (each.epochs, each.accuracy, -each.number))
    stretched = f" {LOG_ODDS}" if is_high(_percents(drawn)) else ""
    return Plot(
        name="thinning",
        title="How candidates are thinned out",
        caption="Validation accuracy of each candidate after so many epochs, on the first "
        "replicate: a line from rung to rung, which ends where the candidate was stopped, or "
        "is by now. In colour: trained to the end; thick: the best. The lowest tenth of the "
        f"figures may lie below the axes.{stretched}",
        words=f"{_counts(drawn)} The best, candidate {leader.number}: "
        f"{params_text(leader.params)}, {number(100 * leader.accuracy)} % after "
        f"{counted(leader.epochs, 'epoch')}.",
        columns=("candidate", "epochs", "validation_percent"),
        rows=partial(_rows, candidates),
        draw=partial(_draw, drawn, leader),
    )


def _counts(candidates: Sequence[Candidate]) -> str:
    epochs = sorted({epochs for each in candidates for epochs in each.rungs})
    told = [f"{sum(rung in each.rungs for each in candidates)} to epoch {rung}" for rung in epochs]
    return f"Candidates trained: {', '.join(told)}."


def _rows(candidates: Sequence[Candidate]) -> Iterable[tuple[object, ...]]:
    for each in candidates:
        for epochs, accuracy in sorted(each.rungs.items()):
            yield (each.number, epochs, 100 * accuracy)


def _percents(candidates: Sequence[Candidate]) -> list[float]:
    return sorted(
        100 * accuracy
        for each in candidates
        for accuracy in each.rungs.values()
        if math.isfinite(accuracy)
    )


def _draw(
    candidates: Sequence[Candidate], leader: Candidate, figure: Figure, theme: Theme
) -> None:  # fmt: skip
    from matplotlib.ticker import FixedLocator, NullLocator

    figure.set_size_inches(WIDTH, BOTTOM + HEIGHT + 0.12)
    axes = axes_at(figure, LEFT, BOTTOM, WIDTH - LEFT - RIGHT, HEIGHT)
    values = _percents(candidates)
    is_log = is_high(values)
    accuracy_axis(axes, "y", values[int(FLOOR * len(values)) :], is_log=is_log)
    axes.set_xscale("log")
    ends = sorted({epochs for each in candidates for epochs in each.rungs})
    axes.set_xlim(ends[0] / 1.06, ends[-1] * 1.06)
    for each in sorted(candidates, key=lambda each: (each is leader, each.is_whole, each.epochs)):
        rungs = sorted(each.rungs.items())
        is_best = each is leader
        axes.plot(
            [epochs for epochs, _ in rungs], [100 * accuracy for _, accuracy in rungs],
            marker="o", markersize=3.2 if is_best else 2.2, markeredgewidth=0,
            linewidth=1.8 if is_best else 1.0 if each.is_whole else 0.6,
            color=theme.train if is_best else theme.validation if each.is_whole else theme.muted,
            alpha=1.0 if is_best else 0.75 if each.is_whole else 0.4,
            zorder=4 if is_best else 3 if each.is_whole else 2,
        )  # fmt: skip
    axes.xaxis.set_major_locator(FixedLocator(ends))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("epochs", labelpad=2)
    axes.set_ylabel("validation accuracy, %" + (" (log-odds)" if is_log else ""))
