"""Perturbed images: moved by whole pixels, turned both ways, noise of the strength that is said."""

import numpy as np
import pytest

from stepladder.deployment.images import PERTURBATIONS, Perturbation, perturbed


@pytest.fixture
def images():
    made = np.zeros((3, 9, 9), np.uint8)
    made[:, 4, 4] = 255
    return made


def test_shifts_go_to_the_four_sides(images):
    places = [np.argwhere(each[0] == 255).tolist() for each in
              perturbed(images, Perturbation("shift", 2))]  # fmt: skip
    assert sorted(places) == [[[2, 4]], [[4, 2]], [[4, 6]], [[6, 4]]]


def test_rotations_by_a_right_angle_are_exact():
    image = np.arange(49, dtype=np.uint8).reshape(1, 7, 7)
    one, other = perturbed(image, Perturbation("rotation", 90))
    turned = [np.rot90(image[0]), np.rot90(image[0], -1)]
    assert any(np.array_equal(one[0], each) for each in turned)
    assert np.array_equal(np.rot90(one[0], 2), other[0])


def test_noise_has_its_deviation_and_is_the_same_each_time():
    images = np.full((4, 50, 50), 128, np.uint8)
    images[0, 0, :2] = 0, 255  # the range
    (one,), (again,) = (perturbed(images, Perturbation("noise", 0.1)) for _ in range(2))
    assert np.array_equal(one, again)
    assert one[1:].astype(float).std() == pytest.approx(25.5, rel=0.05)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("how", PERTURBATIONS)
def test_type_shape_and_range_stay(how, kind):
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1)).astype(kind)
    for each in perturbed(images, how):
        assert each.dtype == images.dtype
        assert each.shape == images.shape
        assert each.min() >= 0
        assert each.max() <= 255
