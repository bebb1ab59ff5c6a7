"""Deskewing: leaning lines stand up, everything else stays, images by themselves."""

import numpy as np
import pytest

from stepladder.data.preprocessing import Prepared, deskewed, image_sides
from stepladder.data.synthetic import synthetic


def slant(images):
    """Covariance of columns and rows of brightness over the variance of rows."""
    values = np.asarray(images, np.float64)
    rows, columns = np.arange(values.shape[1]), np.arange(values.shape[2])
    total = values.sum(axis=(1, 2))
    row = np.einsum("nhw,h->n", values, rows) / total
    column = np.einsum("nhw,w->n", values, columns) / total
    both = np.einsum("nhw,h,w->n", values, rows, columns) / total - row * column
    return both / (np.einsum("nhw,h->n", values, rows**2) / total - row**2)


def line(lean, size=21):
    image = np.zeros((size, size), np.float32)
    for row in range(4, size - 4):
        at = size / 2 + lean * (row - size // 2)
        left = int(np.floor(at))
        image[row, left], image[row, left + 1] = 200 * (1 - at + left), 200 * (at - left)
    return image


@pytest.mark.parametrize("lean", [-0.5, -0.2, 0.3, 0.6])
def test_a_leaning_line_stands_up(lean):
    image = line(lean)[None]
    assert slant(image)[0] == pytest.approx(lean, abs=0.01)
    upright = deskewed(image)
    assert abs(slant(upright)[0]) < 0.02
    assert upright.sum() == pytest.approx(image.sum(), rel=0.01)


def test_an_upright_image_stays_bit_for_bit():
    image = line(0.0)[None]
    assert np.array_equal(deskewed(image), image)
    assert np.array_equal(deskewed(image.astype(np.uint8)), image.astype(np.uint8))


@pytest.mark.parametrize("value", [0, 7, 255])
def test_an_image_of_one_brightness_stays(value):
    image = np.full((2, 5, 6), value, np.uint8)
    assert np.array_equal(deskewed(image), image)


def test_each_image_is_deskewed_by_itself_and_keeps_type_and_shape():
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (2101, 6, 7, 1)).astype(np.uint8)
    made = deskewed(images)
    assert (made.dtype, made.shape) == (images.dtype, images.shape)
    for place in (0, 1999, 2000, 2100):
        assert np.array_equal(made[place], deskewed(images[place : place + 1])[0])


def test_training_and_test_part_are_prepared_alike_and_once():
    dataset = synthetic(examples=60, input_shape=(6, 6), classes=3, seed=0)
    prepared = Prepared(dataset)
    assert prepared(False) is dataset
    upright = prepared(True)
    assert upright is prepared(True)
    assert np.array_equal(upright.x_train, deskewed(dataset.x_train))
    assert np.array_equal(upright.x_test, deskewed(dataset.x_test))
    assert np.array_equal(upright.y_test, dataset.y_test)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((28, 20), (28, 20)), ((28, 20, 1), (28, 20)), ((784,), None), ((28, 28, 3), None),
     ((1, 9), None)],
)  # fmt: skip
def test_grey_images_are_told_from_anything_else(shape, sides):
    assert image_sides(shape) == sides
