"""Figures look as they did: compared with pictures that somebody has looked at.

`PYTHONPATH=src:tests/fakes python tests/unit/report/figures/test_pictures.py` draws these
anew; look at them before committing them.
"""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_plots import made, plots
from example_results import mnist_results
from matplotlib.testing.compare import compare_images
from matplotlib.testing.exceptions import ImageComparisonFailure
from PIL import Image

from stepladder.report.figures import base
from stepladder.report.figures.base import png_of

PICTURES = Path(__file__).parent / "pictures"
SHOWN = {"ladder": "mnist", "effects": "mnist", "validation": "mnist", "factorial": "factorial"}
WIDTH = 520
"""Pixels, each the mean of some five: how edges are smoothed is no matter."""
TOLERANCE = 6.0
"""Root mean square over all pixels, of 255: a third of what the least change below comes to."""


def picture(plot):
    """A figure in few pixels, as the bytes of a PNG file."""
    drawn = Image.open(io.BytesIO(png_of(plot))).convert("RGB")
    small = drawn.resize((WIDTH, round(WIDTH * drawn.height / drawn.width)), Image.Resampling.BOX)
    file = io.BytesIO()
    small.quantize(64).save(file, "png", optimize=True)
    return file.getvalue()


def difference(name, plot, folder):
    """How far a figure is from its picture, or None where it is within the tolerance."""
    file = folder / f"{name}.png"
    file.write_bytes(picture(plot))
    try:
        return compare_images(str(PICTURES / file.name), str(file), TOLERANCE)
    except ImageComparisonFailure as error:  # another size
        return str(error)


@pytest.mark.parametrize("name", SHOWN)
def test_a_figure_looks_as_it_did(name, tmp_path):
    found = difference(name, made(SHOWN[name])[name], tmp_path)
    assert found is None, found


def changed(arm, **fields):
    """The ladder with one arm's results otherwise."""
    results = mnist_results()
    arms = [replace(each, **fields) if n == arm else each for n, each in enumerate(results.arms)]
    return plots(replace(results, arms=tuple(arms)))


def test_a_figure_that_is_drawn_otherwise_is_told(tmp_path, monkeypatch):
    whole = made("mnist")
    with monkeypatch.context() as patch:
        patch.setattr(base, "LIGHT", base.DARK)
        assert difference("effects", whole["effects"], tmp_path), "another paper"
    flipped = replace(mnist_results().arms[4].effect, mean=-13.6, ci_low=-14.0, ci_high=-13.2)
    assert difference("effects", changed(4, effect=flipped)["effects"], tmp_path), "an interval"
    lost = changed(6, curves=())["validation"]
    assert difference("validation", lost, tmp_path), "a line is missing"
    assert difference("ladder", whole["effects"], tmp_path), "another figure"


def test_pictures_are_small_and_each_is_compared():
    files = {file.stem: file.stat().st_size for file in PICTURES.iterdir()}
    assert set(files) == set(SHOWN)
    assert max(files.values()) < 60_000


if __name__ == "__main__":
    for name, variant in SHOWN.items():
        (PICTURES / f"{name}.png").write_bytes(picture(made(variant)[name]))
