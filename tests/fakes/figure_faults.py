"""What a reader could not read in a figure: too few ticks, texts cut off, alike or over others."""

from __future__ import annotations

import itertools
import re
import warnings

import matplotlib as mpl

from stepladder.report.figures.base import LIGHT, figure_of, settings

LEAST_TICKS = 3
TOUCH = 1.0
"""Points that boxes of texts may share: a box is higher than its letters."""
_NUMBER = re.compile(r"[−+-]?[\d,]*\.?\d+(?:e[−+-]?\d+)?")


def faults(plot):
    """Everything that is wrong with a figure, a line each."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a font may lack letters of a name
        mpl.rcdefaults()
        mpl.rcParams.update(settings(LIGHT))
        figure = figure_of(plot)
        figure.canvas.draw()
        found = [*_few_ticks(figure), *_unmarked_scales(figure), *_bad_texts(figure),
                 *_equal_titles(figure)]  # fmt: skip
        return [f"{plot.name}: {fault}" for fault in found]


def _few_ticks(figure):
    for panel in figure.axes:
        if not panel.axison:
            continue
        for axis in (panel.xaxis, panel.yaxis):
            low, high = sorted(axis.get_view_interval())
            margin = 1e-9 * (high - low)
            seen = [tick for tick in axis.get_majorticklocs()
                    if low - margin <= tick <= high + margin]  # fmt: skip
            names = [name for name in axis.get_major_formatter().format_ticks(seen) if name]
            is_numeric = names and all(_NUMBER.fullmatch(name) for name in names)
            if is_numeric and len(set(names)) < LEAST_TICKS:
                yield f"{axis.axis_name} axis of {panel.get_title()!r} has the ticks {names} alone"


def _unmarked_scales(figure):
    """Axes that are not linear and do not say so, themselves or for all panels."""
    outer = " ".join(text.get_text() for text in figure.texts)
    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):
            words = f"{axis.label.get_text()} {outer}"
            shown = axis.get_tick_params()
            is_read = panel.axison and len(axis.get_majorticklocs()) and any(
                shown.get(f"label{side}", False) for side in ("left", "bottom", "right", "top")
            )  # fmt: skip
            if axis.get_scale() != "linear" and is_read and "log" not in words:
                yield f"{axis.axis_name} axis of {panel.get_title()!r}: not said to be logarithmic"


def _equal_titles(figure):
    titles = [title for panel in figure.axes if (title := panel.get_title(loc="left"))]
    for title in {title for title in titles if titles.count(title) > 1}:
        yield f"{titles.count(title)} panels have the title {title!r}"


def _bad_texts(figure):
    wide, high = figure.get_size_inches() * 72
    scale = 72 / figure.dpi
    boxes = []
    for text in _texts(figure):
        if not text.get_visible() or not text.get_text().strip():
            continue
        box = text.get_window_extent()
        left, low, right, top = (scale * end for end in (box.x0, box.y0, box.x1, box.y1))
        boxes.append((text.get_text(), left, low, right, top))
        if min(left, low, wide - right, high - top) < -TOUCH / 2:
            yield f"{text.get_text()!r} is cut off at the edge"
    for one, other in itertools.combinations(boxes, 2):
        if (min(one[3], other[3]) - max(one[1], other[1]) > TOUCH
                and min(one[4], other[4]) - max(one[2], other[2]) > 2 * TOUCH):  # fmt: skip
            yield f"{one[0]!r} and {other[0]!r} are over each other"


def _texts(figure):
    """Every text that is drawn: matplotlib keeps labels of ticks beyond the ends too."""
    yield from figure.texts
    for legend in figure.legends:
        yield from legend.get_texts()
    for panel in figure.axes:
        yield from panel.texts
        yield panel.title
        if panel.get_legend():
            yield from panel.get_legend().get_texts()
        for axis in (panel.xaxis, panel.yaxis) if panel.axison else ():
            yield axis.label
            low, high = sorted(axis.get_view_interval())
            margin = 1e-6 * (high - low)
            for place, tick in zip(axis.get_majorticklocs(), axis.get_major_ticks(), strict=False):
                if low - margin <= place <= high + margin:
                    yield tick.label1
