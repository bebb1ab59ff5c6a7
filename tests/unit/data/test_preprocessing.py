"""Preprocessing: values scaled, leaning lines stood up."""

import numpy as np
import pytest

from stepladder.data import affine, synthetic
from stepladder.data.preprocessing import (
    _VALUES_AT_ONCE,
    Prepared,
    deskew_images,
    image_sides,
    is_dim,
)
from stepladder.errors import DataError

# Scaling.


ALL = np.arange(20)
RANDOM = np.random.default_rng(0)
BYTE_TABLE = RANDOM.integers(0, 256, (20, 3)).astype(np.uint8)
BYTE_IMAGES = RANDOM.integers(0, 256, (20, 4, 3)).astype(np.uint8)
TABLE = (RANDOM.normal(size=(20, 3)) * [1, 1e4, 1e-4] + [0, 1e5, 7]).astype(np.float32)
IMAGES = RANDOM.normal(5, 3, (20, 4, 3)).astype(np.float32)


def scaled(x_train, scaling, indices=ALL):
    scale, shift = affine(x_train, indices, scaling)
    assert scale.dtype == shift.dtype == np.float32
    result = x_train[indices].astype(np.float32) * scale + shift
    assert result.dtype == np.float32
    return result


@pytest.mark.parametrize("x_train", [BYTE_TABLE, BYTE_IMAGES, TABLE, IMAGES])
def test_none_changes_nothing(x_train):
    np.testing.assert_array_equal(scaled(x_train, "none"), x_train)


def test_unit_divides_bytes_of_images_by_255_whatever_is_in_them():
    scale, shift = affine(BYTE_IMAGES, ALL[:2], "unit")
    assert scale.shape == shift.shape == ()
    assert scale == np.float32(1 / 255)
    assert shift == 0


@pytest.mark.parametrize(("greatest", "over"), [(16, 16), (127, 127), (128, 255), (1, 1)])
def test_unit_divides_dim_images_by_the_greatest_of_the_training_part(greatest, over):
    images = np.zeros((4, 3, 3), np.uint8)
    images[:2, 1, 1] = greatest
    images[:, 0, 0] = 1
    scale, shift = affine(images, ALL[:2], "unit")
    assert (scale, shift) == (np.float32(1 / over), 0)  # black stays 0, whatever the darkest is
    assert is_dim(images) == (greatest < 128)


def test_images_that_are_dark_throughout_are_not_stretched():
    scale, shift = affine(np.zeros((4, 3, 3), np.uint8), ALL[:4], "unit")
    assert (scale, shift) == (np.float32(1 / 255), 0)


def test_dim_images_are_scaled_by_no_other_part():
    images = np.full((4, 3, 3), 10, np.uint8)
    images[3] = 100
    assert affine(images, ALL[:3], "unit")[0] == np.float32(1 / 10)


def test_unit_takes_a_table_of_bytes_to_the_range_of_each_column_in_the_training_part():
    table = np.array([[0, 3, 7], [16, 5, 7], [8, 4, 9]], np.uint8)
    scale, shift = affine(table, np.arange(2), "unit")
    np.testing.assert_allclose(table * scale + shift, [[0, 0, 0], [1, 1, 0], [0.5, 0.5, 2 / 255]],
                               atol=1e-6)  # fmt: skip
    plain = affine(table[:, :2].astype(np.float32), np.arange(2), "unit")
    np.testing.assert_array_equal(plain, [scale[:2], shift[:2]])  # whatever the file's kind


def test_unit_takes_each_feature_of_a_table_to_its_own_range():
    result = scaled(TABLE, "unit")
    np.testing.assert_allclose(result.min(axis=0), 0, atol=2e-2)
    np.testing.assert_allclose(result.max(axis=0), 1, atol=2e-2)
    assert affine(TABLE, ALL, "unit")[0].shape == (3,)


def test_unit_takes_images_to_one_range():
    scale, shift = affine(IMAGES, ALL, "unit")
    assert scale.shape == shift.shape == ()
    result = scaled(IMAGES, "unit")
    assert result.min() == pytest.approx(0, abs=1e-6)
    assert result.max() == pytest.approx(1)
    assert (result.reshape(20, -1).max(axis=0) < 1).any()


@pytest.mark.parametrize("x_train", [BYTE_IMAGES, IMAGES])
def test_standardised_images_have_mean_0_and_deviation_1_over_all_pixels(x_train):
    scale, shift = affine(x_train, ALL, "standardised")
    assert scale.shape == shift.shape == ()
    pixels = x_train.astype(np.float64)
    assert scale == pytest.approx(1 / pixels.std())
    assert shift == pytest.approx(-pixels.mean() / pixels.std())


@pytest.mark.parametrize("x_train", [BYTE_TABLE, TABLE])
def test_standardised_tables_have_mean_0_and_deviation_1_in_each_feature(x_train):
    scale, shift = affine(x_train, ALL, "standardised")
    assert scale.shape == shift.shape == (3,)
    cells = x_train.astype(np.float64)
    np.testing.assert_allclose(scale, 1 / cells.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(shift, -cells.mean(axis=0) / cells.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("scaling", ["unit", "standardised"])
@pytest.mark.parametrize("x_train", [BYTE_TABLE, BYTE_IMAGES, TABLE, IMAGES])
def test_only_the_training_part_counts(x_train, scaling):
    other = x_train.copy()
    other[10:] = 0
    for one, same in zip(
        affine(x_train, ALL[:10], scaling), affine(other, ALL[:10], scaling), strict=True
    ):
        np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("scaling", ["unit", "standardised"])
@pytest.mark.parametrize("value", [0.0, 0.1, -3e38, 1e-45])
def test_constant_features_are_shifted_to_0_and_not_stretched(scaling, value):
    table = TABLE.copy()
    table[:, 1] = value
    scale, _ = affine(table, ALL, scaling)
    assert scale[1] == 1
    np.testing.assert_array_equal(scaled(table, scaling)[:, 1], 0)


def test_constant_bytes_are_shifted_to_0():
    assert (scaled(np.full((20, 3), 7, np.uint8), "standardised") == 0).all()
    assert (scaled(np.full((20, 2, 2), 7, np.uint8), "standardised") == 0).all()


@pytest.mark.parametrize("scaling", ["unit", "standardised"])
@pytest.mark.parametrize("spread", [1e-45, 1e-40, 1e-30, 1e30])
def test_tiny_and_great_spreads_stay_finite(scaling, spread):
    table = (np.arange(20)[:, None] * np.float32(spread)).astype(np.float32)
    assert np.isfinite(affine(table, ALL, scaling)).all()
    assert np.isfinite(scaled(table, scaling)).all()


def test_pieces_add_up():
    features = 2 * _VALUES_AT_ONCE // 15  # so that 20 examples need several pieces, one shorter
    made = synthetic(20, (features,), 2, seed=0)
    scale, shift = affine(made.x_train, ALL, "standardised")
    cells = made.x_train.astype(np.float64)
    np.testing.assert_allclose(scale, 1 / cells.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(shift, -cells.mean(axis=0) / cells.std(axis=0), rtol=1e-6)


def test_nothing_to_go_by():
    with pytest.raises(DataError, match="at least one training example to go by, found none"):
        affine(TABLE, ALL[:0], "standardised")


# Deskewing: leaning lines stand up, everything else stays, images by themselves.


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
    upright = deskew_images(image)
    assert abs(slant(upright)[0]) < 0.02
    assert upright.sum() == pytest.approx(image.sum(), rel=0.01)


def test_an_upright_image_stays_bit_for_bit():
    image = line(0.0)[None]
    assert np.array_equal(deskew_images(image), image)
    assert np.array_equal(deskew_images(image.astype(np.uint8)), image.astype(np.uint8))


@pytest.mark.parametrize("value", [0, 7, 255])
def test_an_image_of_one_brightness_stays(value):
    image = np.full((2, 5, 6), value, np.uint8)
    assert np.array_equal(deskew_images(image), image)


def test_each_image_is_deskewed_by_itself_and_keeps_type_and_shape():
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (2101, 6, 7, 1)).astype(np.uint8)
    made = deskew_images(images)
    assert (made.dtype, made.shape) == (images.dtype, images.shape)
    for place in (0, 1999, 2000, 2100):
        assert np.array_equal(made[place], deskew_images(images[place : place + 1])[0])


def test_training_and_test_part_are_prepared_alike_and_once():
    dataset = synthetic(examples=60, input_shape=(6, 6), classes=3, seed=0)
    prepared = Prepared(dataset)
    assert prepared(False) is dataset
    upright = prepared(True)
    assert upright is prepared(True)
    assert np.array_equal(upright.x_train, deskew_images(dataset.x_train))
    assert np.array_equal(upright.x_test, deskew_images(dataset.x_test))
    assert np.array_equal(upright.y_test, dataset.y_test)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((28, 20), (28, 20)), ((28, 20, 1), (28, 20)), ((784,), None), ((28, 28, 3), None),
     ((1, 9), None)],
)  # fmt: skip
def test_grey_images_are_told_from_anything_else(shape, sides):
    assert image_sides(shape) == sides
