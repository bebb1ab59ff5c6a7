"""Which number belongs to which mark: none lies on a line, on another mark or on a number."""

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stepladder.report.figures.base import LIGHT, settings
from stepladder.report.figures.pareto import TIME, Point, front_plot, spots
from stepladder.report.tables import FormattedNumber
from stepladder.report.wording import Measure
from stepladder.study.metrics import METRICS

CASES = {
    "interval beside": [(0.126, 87.7, 8), (0.137, 86.3, 8), (0.226, 93.3, 6), (0.38, 92.0, 4)],
    "triangles": [(2.96, 11.35, 0), (2.96, 11.35, 0), (3.07, 84.8, 0.5), (3.37, 97.2, 0.2)],
    "front above": [(1, 90, 1), (1.1, 90.5, 1), (1.2, 91, 1), (1.22, 90.9, 1), (1.3, 91.4, 2)],
    "one place": [(1, 95, 0.5), (1, 95, 0.5), (1.001, 95.05, 0.5), (2, 96, 1)],
}


def ink(extent):
    """Of a number, which has nothing below its line."""
    x0, y0, x1, y1 = extent.extents
    return matplotlib.transforms.Bbox([[x0, y0 + 0.25 * (y1 - y0)], [x1, y1]])


def box(ends):
    (x0, y0), (x1, y1) = ends.min(axis=0), ends.max(axis=0)
    return matplotlib.transforms.Bbox([[x0 - 0.1, y0 - 0.1], [x1 + 0.1, y1 + 0.1]])


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_free(case):
    points = [Point(f"arm {place}", cost, FormattedNumber(mean, mean - half, mean + half))
              for place, (cost, mean, half) in enumerate(CASES[case])]  # fmt: skip
    plot = front_plot(spots(points), TIME, Measure(METRICS["accuracy"], None))
    with matplotlib.rc_context(settings(LIGHT)):
        figure = Figure()
        FigureCanvasAgg(figure)
        plot.draw(figure, LIGHT)
        figure.canvas.draw()
        (axes,) = figure.axes
        numbers = [ink(text.get_window_extent()) for text in axes.texts]
        taken = []
        for line in axes.lines:
            ends = line.get_transform().transform(line.get_xydata())
            if line.get_drawstyle() == "steps-post":
                for one, other in itertools.pairwise(ends):
                    corner = [other[0], one[1]]
                    taken += [box(np.array(pair))
                              for pair in ([one, corner], [corner, other])]  # fmt: skip
            else:
                taken.append(box(ends).padded(2 if len(ends) == 1 else 0))
    assert [text.get_text() for text in axes.texts] == [str(n + 1) for n in range(len(points))]
    for one, other in itertools.combinations(numbers, 2):
        assert not one.overlaps(other)
    for number in numbers:
        assert [other for other in taken if number.overlaps(other)] == [], number
        assert axes.bbox.padded(1).contains(number.x0, number.y0)
        assert axes.bbox.padded(1).contains(number.x1, number.y1)
