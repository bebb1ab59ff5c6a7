"""The critical-difference diagram, and the forest plots over data sets."""

import itertools

import matplotlib
import numpy as np
import pytest
from drawn_plots import on_dark_paper
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stepladder.report.datasets import as_text, documents_of, plots_over
from stepladder.report.figures.base import DARK, LIGHT, csv_of, settings, svg_of
from stepladder.report.figures.ranks import ranks_plot
from stepladder.report.markdown import to_markdown
from stepladder.statistics.datasets import rank_arms
from stepladder.statistics.scores import judge_datasets
from stepladder.study.metrics import METRICS


def ranking(arms, datasets=20, length=60):
    rng = np.random.default_rng(arms)
    names = [f"{place} {'a technique with a long name ' * 3}"[:length] for place in range(arms)]
    levels = rng.normal(0, 0.02, arms)
    scores = {f"set {data}": dict(zip(names, 0.8 + levels + rng.normal(0, 0.02, arms), strict=True))
              for data in range(datasets)}  # fmt: skip
    return rank_arms(scores, names, METRICS["accuracy"])


def boxes(plot):
    """Where the texts of a figure are, and where the figure is, in pixels."""
    with matplotlib.rc_context(settings(LIGHT)):
        figure = Figure()
        canvas = FigureCanvasAgg(figure)
        plot.draw(figure, LIGHT)
        canvas.draw()
        (axes,) = figure.axes
        texts = (*axes.texts, axes.xaxis.label, *axes.get_xticklabels())
        return [text.get_window_extent() for text in texts if text.get_text()], figure.bbox


@pytest.mark.parametrize("length", [3, 60])
@pytest.mark.parametrize("arms", [2, 3, 8, 30])
def test_no_label_is_over_another_or_outside(arms, length):
    extents, whole = boxes(ranks_plot(ranking(arms, length=length), "accuracy"))
    assert len(extents) > arms
    for one, other in itertools.combinations(extents, 2):
        assert not one.shrunk(0.98, 0.9).overlaps(other.shrunk(0.98, 0.9))
    for extent in extents:
        assert whole.x0 <= extent.x0
        assert extent.x1 <= whole.x1
        assert whole.y0 <= extent.y0
        assert extent.y1 <= whole.y1


def test_it_is_drawn_for_dark_paper_and_its_data_hold_every_pair():
    plot = ranks_plot(ranking(4), "accuracy")
    dark = on_dark_paper(svg_of(plot)).partition("</style>")[2]
    assert DARK.ink in dark
    assert LIGHT.ink not in dark
    assert len(csv_of(plot).splitlines()) == 1 + 4 + 6


def test_arms_that_too_few_data_sets_tell_apart_are_not_said_to_be_alike():
    plot = ranks_plot(ranking(3, datasets=3, length=45), "accuracy")
    assert "not shown to differ" in plot.title
    assert "Arms that are not shown to differ: 0 a technique" in plot.words
    assert "…" not in svg_of(plot).partition("</style>")[2]


def hostile(datasets=8):
    rng = np.random.default_rng(0)
    arms = ["base", "<script>alert(1)</script>", "x" * 200, "two\nlines \x1b[2J"]
    return judge_datasets({
        f"{'<b>long</b> ' * 10}{data}": {
            arm: {str(seed): 0.5 + 0.02 * place + rng.normal(0, 0.002) for seed in range(4)}
            for place, arm in enumerate(arms)
        }
        for data in range(datasets)
    })  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_table_fits_any_terminal_and_names_cannot_move_its_cursor(width):
    text = as_text(hostile(), width)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "helps" in text


def test_names_are_text_in_pages_and_figures():
    judged = hostile()
    assert "<script>" not in to_markdown(documents_of(judged, is_page=True)[0])
    plots = plots_over(judged.over)
    assert [plot.name for plot in plots] == ["datasets-1", "datasets-2", "datasets-3", "ranks"]
    for plot in plots:
        assert "<script>" not in svg_of(plot)
