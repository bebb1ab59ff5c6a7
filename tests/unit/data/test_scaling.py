import numpy as np
import pytest

from stepladder.data import affine, synthetic
from stepladder.data.preprocessing import _VALUES_AT_ONCE
from stepladder.errors import DataError

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


@pytest.mark.parametrize("x_train", [BYTE_TABLE, BYTE_IMAGES])
def test_unit_divides_bytes_by_255_whatever_is_in_them(x_train):
    scale, shift = affine(x_train, ALL[:2], "unit")
    assert scale.shape == shift.shape == ()
    assert scale == np.float32(1 / 255)
    assert shift == 0


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
