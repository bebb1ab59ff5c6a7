"""The critical-difference diagram: average ranks over data sets, and who is not told apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.figures.axes import (
    LINE,
    NAME_LENGTH,
    first_of,
    set_ticks,
    single_axes,
    wrap_text,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import number, p_value, plural, truncate
from stepladder.statistics.datasets import Ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_WIDTH = 15  # characters a line
NAME_LINES = 6
SIDE = 1.18  # inches for names at either side
LEVEL = 0.11  # inches from one group's bar to the next


def ranks_plot(ranking: Ranking, measure: str) -> Plot:
    """A figure of average ranks.

    Args:
        ranking: of two arms or more.
        measure: what they are ranked by.
    """
    ranks = ", ".join(f"{truncate(arm, NAME_LENGTH)} {number(rank)}"
                      for arm, rank in list(ranking.ranks.items())[:10])  # fmt: skip
    groups = [" and ".join(truncate(arm, NAME_LENGTH) for arm in group) for group in ranking.groups]
    alike = first_of(groups, 4, "further groups") if groups else "none"
    return Plot(
        name="ranks",
        title="Average ranks, and which arms are not shown to differ",
        caption=f"Critical-difference diagram: average rank by {measure} over "
        f"{plural(len(ranking.datasets), 'data set')}, 1 is the best. A thick bar joins arms of "
        "which no two are shown to differ by Wilcoxon's signed-rank test at 5 % after Holm's "
        "correction over all pairs (Demšar 2006; Benavoli et al. 2016).",
        words=f"Average ranks: {ranks}. Arms that are not shown to differ: {alike}.",
        columns=("arm", "average_rank", "other", "p_adjusted"),
        rows=partial(_rows, ranking),
        draw=partial(_draw, ranking),
    )


def _rows(ranking: Ranking) -> Iterable[tuple[object, ...]]:
    for arm, rank in ranking.ranks.items():
        yield (arm, rank, "", None)
    for (arm, other), p in ranking.p_pairs.items():
        yield (arm, ranking.ranks[arm], other, p_value(p))


def _draw(ranking: Ranking, figure: Figure, theme: Theme) -> None:
    arms = list(ranking.ranks)
    half = (len(arms) + 1) // 2
    sides = arms[:half], arms[half:][::-1]  # from the outside: then no line crosses another
    spans = [(ranking.ranks[group[0]], ranking.ranks[group[-1]]) for group in ranking.groups]
    levels = _levels(spans, 0.05 * (len(arms) - 1))
    top = 0.12 + LEVEL * (max(levels, default=0) + 1)
    labels = [[_label(arm, ranking.ranks[arm]) for arm in side] for side in sides]
    heights = [_middles(side, top) for side in labels]
    total = max(end for _, end in heights)
    axes = single_axes(figure, total, SIDE, SIDE, bottom=0.05, top=0.45)
    axes.set(xlim=(1, len(arms)), ylim=(total, 0), yticks=[])
    axes.grid(visible=False)
    for name in ("left", "bottom"):
        axes.spines[name].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("average rank (← better)")
    set_ticks(axes.xaxis, range(1, len(arms) + 1, max(1, -(-(len(arms) - 1) // 4))))
    for side, texts, (middles, _), edge in zip(sides, labels, heights, (0, 1), strict=True):
        for arm, text, middle in zip(side, texts, middles, strict=True):
            _draw_arm(axes, ranking.ranks[arm], text, middle, edge, theme)
    for span, level in zip(spans, levels, strict=True):
        axes.plot(span, [0.12 + LEVEL * level] * 2, color=theme.ink, linewidth=3, zorder=4,
                  solid_capstyle="round", clip_on=False)  # fmt: skip


def _label(arm: str, rank: float) -> str:
    return f"{wrap_text(arm, NAME_WIDTH, NAME_LINES)}\n{number(rank)}"


def _middles(labels: Sequence[str], top: float) -> tuple[list[float], float]:
    """The heights of labels below each other, in inches from above, and where the last ends."""
    middles, end = [], top
    for label in labels:
        height = LINE * (1 + label.count("\n")) + 0.05
        middles.append(end + height / 2)
        end += height
    return middles, end


def _levels(spans: Sequence[tuple[float, float]], apart: float) -> list[int]:
    """A level for the bar of each group, so that no two on one level are nearer than that."""
    ends: list[float] = []
    levels = []
    for first, last in spans:
        level = next((at for at, end in enumerate(ends) if end + apart < first), len(ends))
        ends[level : level + 1] = [last]
        levels.append(level)
    return levels


def _draw_arm(axes: Axes, rank: float, text: str, middle: float, edge: int, theme: Theme) -> None:
    """A line from a rank on the axis down to its label, at the left (0) or the right (1)."""
    low, high = axes.get_xlim()
    axes.plot([rank, rank, (low, high)[edge]], [0, middle, middle], color=theme.muted,
              linewidth=0.8, zorder=2, clip_on=False, solid_joinstyle="miter")  # fmt: skip
    axes.annotate(text, (edge, middle), xytext=(12 * edge - 6, 0),
                  xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
                  ha="left" if edge else "right", linespacing=1.1,
                  annotation_clip=False)  # fmt: skip
