"""Pictures get the values that a dataset's images have."""

import numpy as np
import pytest

from stepladder.deployment.images import Levels, level_background, levels_of

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GREY[None], Levels(0, 255)),
        (GREY[None] // 2 + 20, Levels(0, 255)),
        ((GREY[None] > 127).astype(np.uint8), Levels(0, 1)),
        (GREY[None] // 16, Levels(0, 15)),
        (GREY[None] / np.float32(255), Levels(0, 1)),
        (GREY[None] / np.float32(127.5) - 1, Levels(-1, 1)),
        (GREY, None),
        (GREY / np.float32(255), None),
    ],
)
def test_the_levels_of_a_dataset_are_those_of_its_images(images, expected):
    assert levels_of(images) == expected


def test_grey_levels_of_a_byte_stay_as_they_are():
    assert level_background(GREY, Levels(0, 255)) is GREY


@pytest.mark.parametrize("levels", [Levels(0, 1), Levels(-0.4242, 2.8215), Levels(3, 3)])
def test_black_is_the_least_value_and_white_the_greatest(levels):
    found = level_background(GREY, levels)
    assert found.dtype == np.float32
    assert found.shape == GREY.shape
    expected = np.linspace(levels.least, levels.greatest, 256).reshape(16, 16)
    assert found == pytest.approx(expected, abs=1e-6)
    assert (found.min(), found.max()) == (np.float32(levels.least), np.float32(levels.greatest))


@pytest.mark.parametrize("divisor", [1, 255])
def test_a_dataset_that_was_divided_gets_its_pictures_divided(divisor):
    """What `level_background` makes of a dataset's own images is the dataset."""
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8)).astype(np.uint8)
    images.flat[:2] = 0, 255
    kept = images / np.float32(divisor)
    levels = levels_of(kept)
    assert levels is not None
    assert level_background(images, levels) == pytest.approx(kept, abs=1e-7)
