"""A search: what more candidates bring, and which hyperparameters matter."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stepladder.report.plots.layout import LINE, SMALL, WIDTH, axes_at, folded, plain_rows
from stepladder.report.plots.overlay import LOG_ODDS
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.scales import accuracy_axis, is_high
from stepladder.report.plots.slices import parallel_plot, plateau_plot
from stepladder.report.plots.thinned import thinned_plot
from stepladder.report.search_words import expected_text, value_text
from stepladder.report.shown import Shown
from stepladder.report.style import Theme
from stepladder.report.wording import duration, number
from stepladder.searcher.found import Found, Knob

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["search_figures"]

NAME_WIDTH = 22
LEFT, RIGHT = 0.62, 0.12


def search_figures(found: Found) -> list[Plot]:
    """The figures of a search, in the order in which they are read."""
    figures = (_expected_plot(found), thinned_plot(found.candidates, found.winner),
               _importance_plot(found), plateau_plot(found), parallel_plot(found))  # fmt: skip
    return [figure for figure in figures if figure]


def _expected_plot(found: Found) -> Plot | None:
    if len(found.expected.trials) < 2:
        return None
    fresh = Shown.accuracy(found.fresh)
    stretched = f" {LOG_ODDS}" if is_high(100 * found.expected.mean) else ""
    return Plot(
        name="expected-best",
        title="What more candidates bring",
        caption="Validation accuracy that the best of so many of these candidates is expected to "
        "have, as the search sees it, against the time of training them; shaded: ± one standard "
        "deviation over which candidates were drawn. The mark at the right is the best one on "
        "replicates that the search never saw, with its 95 % t interval: what lies between is the "
        f"luck of having been chosen.{stretched}",
        words=f"{expected_text(found)} On fresh replicates the best has {fresh.text} %.",
        columns=("candidates", "training_seconds", "expected_percent", "deviation_percent"),
        rows=partial(_expected_rows, found),
        draw=partial(_draw_expected, found),
    )


def _expected_rows(found: Found) -> Iterable[tuple[object, ...]]:
    curve = found.expected
    for trials, mean, spread in zip(curve.trials, curve.mean, curve.spread, strict=True):
        seconds = int(trials) * found.seconds_each
        yield (int(trials), seconds, 100 * float(mean), 100 * float(spread))


def _draw_expected(found: Found, figure: Figure, theme: Theme) -> None:
    height, bottom, wide = 2.2, 0.45, 0.62
    figure.set_size_inches(WIDTH, bottom + height + 0.45)
    axes = axes_at(figure, LEFT, bottom, WIDTH - LEFT - wide, height)
    curve, fresh = found.expected, Shown.accuracy(found.fresh)
    trials, mean, spread = curve.trials, 100 * curve.mean, 100 * curve.spread
    low, high = mean - spread, np.minimum(mean + spread, mean[-1])
    ends = [float(mean[0]), float(mean[-1]), fresh.mean, fresh.low or fresh.mean,
            fresh.high or fresh.mean]  # fmt: skip
    is_log = is_high(mean)
    accuracy_axis(axes, "y", ends, is_log=is_log)
    axes.set_xscale("log")
    axes.set_xlim(1, trials[-1])
    axes.fill_between(trials, low, high, color=theme.validation, alpha=0.14, linewidth=0)
    axes.plot(trials, mean, color=theme.validation, marker="o", markersize=3,
              markevery=[len(mean) - 1])  # fmt: skip
    _whole_numbers(axes, [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000], int(trials[-1]))
    axes.set_xlabel("candidates, best of", labelpad=2)
    axes.set_ylabel("validation accuracy, %" + (" (log-odds)" if is_log else ""))
    _times_above(axes, found, int(trials[-1]))
    beside = axes_at(figure, WIDTH - wide + 0.14, bottom, 0.24, height)
    _draw_fresh(beside, found, theme, ends, is_log=is_log)


def _whole_numbers(axes: Axes, wanted: list[int], most: int) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    kept = [each for each in wanted if each <= most / 2] + [most]
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _times_above(axes: Axes, found: Found, most: int) -> None:
    """The time of training as many candidates, above the axes."""
    for trials in sorted({1, round(math.sqrt(most)), most}):
        axes.annotate(
            duration(trials * found.seconds_each), (trials, 1), xytext=(0, 4),
            xycoords=("data", "axes fraction"), textcoords="offset points", size=SMALL,
            color=axes.xaxis.get_ticklabels()[0].get_color(), va="bottom",
            ha="left" if trials == 1 else "right" if trials == most else "center",
        )  # fmt: skip


def _draw_fresh(
    axes: Axes, found: Found, theme: Theme, ends: list[float], *, is_log: bool
) -> None:  # fmt: skip
    """The best one on fresh replicates, on the curve's scale beside it."""
    fresh = Shown.accuracy(found.fresh)
    accuracy_axis(axes, "y", ends, is_log=is_log)
    axes.grid(visible=False)
    axes.set_xlim(-1, 1)
    axes.set_xticks([])
    axes.tick_params(labelleft=False, left=False)
    axes.spines["left"].set_visible(False)
    dots = [100 * value for value in found.fresh.values]
    axes.plot([0.45] * len(dots), dots, ".", color=theme.muted, markersize=3, markeredgewidth=0)
    if fresh.low is not None and fresh.high is not None:
        axes.plot([0, 0], [fresh.low, fresh.high], color=theme.train, linewidth=1.8)
    axes.plot([0], [fresh.mean], "D", color=theme.train, markersize=4)
    axes.set_xlabel("fresh", size=SMALL, color=theme.train)


def _importance_plot(found: Found) -> Plot | None:
    knobs = [each for each in found.knobs if math.isfinite(each.importance.share)]
    if not knobs:
        return None
    return Plot(
        name="importance",
        title="Which hyperparameters matter",
        caption="Share of the variance of the candidates' ranks that each hyperparameter explains "
        "alone (Kruskal-Wallis, corrected for chance), with its p-value; at the right the best "
        "one's value. What two do only together is not seen. A bar that stands back has p > 0.05.",
        words="Importance: "
        + "; ".join(
            f"{each.name} {number(100 * each.importance.share, 0)} % "
            f"(p = {each.importance.p:.2g}), best {value_text(each.best)}"
            for each in knobs
        )
        + ".",
        columns=("hyperparameter", "share", "p", "candidates", "best"),
        rows=partial(_importance_rows, knobs),
        draw=partial(_draw_importance, knobs),
    )


def _importance_rows(knobs: list[Knob]) -> Iterable[tuple[object, ...]]:
    for each in knobs:
        told = each.importance
        yield (each.name, told.share, told.p, told.candidates, value_text(each.best))


def _draw_importance(knobs: list[Knob], figure: Figure, theme: Theme) -> None:
    left, right, bottom, row = 1.5, 1.75, 0.42, 0.26
    height = row * len(knobs)
    figure.set_size_inches(WIDTH, bottom + height + 0.08)
    axes = axes_at(figure, left, bottom, WIDTH - left - right, height)
    axes.set_ylim(len(knobs) - 0.5, -0.5)
    most = max(100 * each.importance.share for each in knobs)
    axes.set_xlim(0, max(10.0, 1.05 * most))
    for line, each in enumerate(knobs):
        is_clear = each.importance.p <= 0.05
        axes.barh([line], [100 * each.importance.share], height=0.55, linewidth=0,
                  color=theme.validation if is_clear else theme.muted,
                  alpha=0.85 if is_clear else 0.45)  # fmt: skip
        told = f"p = {each.importance.p:.2g}   best {value_text(each.best)}"
        for inches, text, side in ((-0.08, each.name, "right"), (0.08, told, "left")):
            axes.annotate(
                folded(text, NAME_WIDTH if inches < 0 else 32, 1),
                (0 if inches < 0 else 1, line), xytext=(72 * inches, 0),
                xycoords=("axes fraction", "data"), textcoords="offset points", size=SMALL,
                color=theme.ink, va="center", ha=side, annotation_clip=False,
            )  # fmt: skip
    plain_rows(axes)
    axes.set_xlabel("variance of ranks explained, %", labelpad=2 + LINE)
