"""Pictures for a model: framed, levelled and perturbed."""

import numpy as np
import pytest
from drawn_digits import drawn, photographed
from PIL import Image
from scipy import ndimage

from stepladder.data import load, synthetic
from stepladder.deployment.images import (
    PERTURBATIONS,
    Levels,
    Perturbation,
    find_ink,
    frame,
    framing_of,
    level_background,
    levels_of,
    perturb,
)

# Pictures of digits come out as MNIST was made, however they were drawn.


SHAPE, BOX = (28, 28), 20


def prepared(image):
    return frame(find_ink(np.asarray(image, float)), SHAPE, BOX)


@pytest.fixture(scope="module")
def mnist():
    return load("mnist")


PICTURES = {
    "dark on light": drawn("5"),
    "light on dark": drawn("5", ink=255, paper=0),
    "pale": drawn("5", ink=150, paper=190),
    "off-centre": drawn("5", (300, 200), at=(60, 150)),
    "small in a large picture": drawn("5", (800, 800), at=(600, 150), height=60),
    "nearly filling it": drawn("5", (80, 110), height=120),
    "a photo": photographed("5"),
    "its negative": Image.eval(photographed("5"), lambda level: 255 - level),
}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_drawn_digits_land_within_the_conventions_of_mnist(name):
    image = prepared(PICTURES[name])
    assert image.shape == SHAPE
    assert image.dtype == np.uint8
    rows, columns = np.nonzero(image)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == BOX
    offset = np.array(ndimage.center_of_mass(image.astype(float))) - 14
    assert np.abs(offset).max() <= 0.55
    assert image.max() == 255
    assert image[0].max() == image[-1].max() == image[:, 0].max() == image[:, -1].max() == 0
    assert 0.04 < (image > 127).mean() < 0.3, "strokes are neither lost nor blots"


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_however_it_was_drawn_it_is_the_same_digit(name):
    one, other = (prepared(PICTURES[each]).astype(float) for each in ("dark on light", name))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_mnist_keeps_to_its_framing_and_is_left_nearly_as_it_is(mnist):
    found = framing_of(mnist.x_train)
    assert found is not None
    assert found.box == BOX
    differences = [
        np.abs(prepared(image).astype(float) - image).mean() for image in mnist.x_test[:50]
    ]
    assert np.mean(differences) < 0.5  # grey levels


@pytest.mark.parametrize(("scale", "shift"), [(1 / 255, 0), (1 / 127.5, -1), (1, 0)])
def test_its_framing_is_seen_in_other_values_too(mnist, scale, shift):
    images = mnist.x_train[:2000] * np.float32(scale) + np.float32(shift)
    assert framing_of(images) == framing_of(mnist.x_train[:2000])


def test_other_images_keep_to_no_framing():
    plain = synthetic(examples=200, input_shape=(8, 8), classes=3, seed=1)
    assert framing_of(plain.x_train) is None
    assert framing_of(plain.x_train.astype(np.float32)) is None
    assert framing_of(np.zeros((5, 8, 8), np.uint8)) is None


def test_thin_strokes_are_thickened():
    line = np.zeros((400, 400))
    line[50:350, 200] = 1
    line[50, 120:280] = 1
    assert (frame(line, SHAPE, BOX) > 127).sum() >= 1.5 * BOX


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_drawn_gives_nothing(level):
    assert not find_ink(np.full((60, 40), float(level))).any()
    assert not prepared(np.full((60, 40), float(level))).any()


def test_grain_alone_is_no_ink():
    grain = np.random.default_rng(0).normal(200, 4, (120, 120))
    assert not find_ink(grain).any()


def test_a_speck_of_dirt_is_left_out():
    image = np.asarray(drawn("7"), float).copy()
    image[5:9, 5:9] = 0
    assert np.array_equal(prepared(image), prepared(drawn("7")))


def test_what_is_drawn_twice_as_large_is_the_same():
    image = np.asarray(drawn("3"), float)
    small, large = prepared(image), prepared(np.kron(image, np.ones((2, 2))))
    assert np.abs(small.astype(float) - large).mean() < 8


# Pictures get the values that a dataset's images have.


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


# Perturbed images: moved by whole pixels, turned both ways, noise of the strength that is said.


@pytest.fixture
def images():
    made = np.zeros((3, 9, 9), np.uint8)
    made[:, 4, 4] = 255
    return made


def test_shifts_go_to_the_four_sides(images):
    places = [np.argwhere(each[0] == 255).tolist() for each in
              perturb(images, Perturbation("shift", 2))]  # fmt: skip
    assert sorted(places) == [[[2, 4]], [[4, 2]], [[4, 6]], [[6, 4]]]


def test_rotations_by_a_right_angle_are_exact():
    image = np.arange(49, dtype=np.uint8).reshape(1, 7, 7)
    one, other = perturb(image, Perturbation("rotation", 90))
    turned = [np.rot90(image[0]), np.rot90(image[0], -1)]
    assert any(np.array_equal(one[0], each) for each in turned)
    assert np.array_equal(np.rot90(one[0], 2), other[0])


def test_noise_has_its_deviation_and_is_the_same_each_time():
    images = np.full((4, 50, 50), 128, np.uint8)
    images[0, 0, :2] = 0, 255  # the range
    (one,), (again,) = (perturb(images, Perturbation("noise", 0.1)) for _ in range(2))
    assert np.array_equal(one, again)
    assert one[1:].astype(float).std() == pytest.approx(25.5, rel=0.05)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("how", PERTURBATIONS)
def test_type_shape_and_range_stay(how, kind):
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1)).astype(kind)
    for each in perturb(images, how):
        assert each.dtype == images.dtype
        assert each.shape == images.shape
        assert each.min() >= 0
        assert each.max() <= 255
