import subprocess
import sys

import numpy as np
import pytest

from stepladder.data import Dataset, synthetic
from stepladder.errors import DataError

CLASSES = ("a", "b")


def make(**changes):
    parts = {
        "name": "tiny",
        "x_train": np.arange(12, dtype=np.uint8).reshape(4, 3),
        "y_train": np.array([0, 1, 1, 0], np.int32),
        "x_test": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "y_test": np.array([1, 0], np.int32),
        "class_names": CLASSES,
    }
    return Dataset(**{**parts, **changes})


def as_float(array):
    return array.astype(np.float32)


def test_tells_its_shape_and_classes():
    made = make()
    assert made.input_shape == (3,)
    assert made.classes == 2


def test_fingerprint_is_the_same_on_every_machine_and_for_good():
    # Stored trials are found again by it: this text changes only with a migration.
    assert make().fingerprint == "eb8054a15effaf433c630620abc627000bdc6d95115555cca9af88f60016cc51"


def test_fingerprint_tells_contents_and_not_the_name():
    assert make(name="other").fingerprint == make().fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"x_train": np.arange(1, 13, dtype=np.uint8).reshape(4, 3)},
        {"y_train": np.array([1, 0, 1, 0], np.int32)},
        {"x_test": np.arange(1, 7, dtype=np.uint8).reshape(2, 3)},
        {"y_test": np.array([0, 1], np.int32)},
        {"class_names": ("a", "c")},
        {
            "x_train": np.arange(12, dtype=np.uint8).reshape(4, 3, 1),
            "x_test": np.arange(6, dtype=np.uint8).reshape(2, 3, 1),
        },
        {
            "x_train": as_float(np.arange(12).reshape(4, 3)),
            "x_test": as_float(np.arange(6).reshape(2, 3)),
        },
    ],
)
def test_fingerprint_tells_any_change(changes):
    assert make(**changes).fingerprint != make().fingerprint


def test_fingerprint_does_not_depend_on_memory_layout():
    fortran = np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(4, 3))
    assert make(x_train=fortran).fingerprint == make().fingerprint


@pytest.mark.parametrize("part", ["x_train", "y_train", "x_test", "y_test"])
def test_arrays_are_read_only_and_the_callers_are_left_alone(part):
    given = getattr(make(), part).copy()
    made = make(**{part: given})
    with pytest.raises(ValueError, match="read-only"):
        getattr(made, part)[0] = 1
    given[0] = 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("a",)}, r"2 to 65,536 classes, found 1 \('a'\)"),
        ({"class_names": ("a", "a")}, "must differ, found 'a' more than once"),
        ({"x_train": np.zeros((4, 3))}, "x_train must be uint8 or float32, found float64"),
        ({"x_test": np.zeros(2, np.uint8)}, r"x_test must have the shape .* found \(2,\)"),
        ({"x_test": np.zeros((2, 0), np.uint8)}, r"no side of 0, found \(2, 0\)"),
        ({"x_train": np.zeros((4, 1, 1, 1, 1), np.uint8)}, r"found \(4, 1, 1, 1, 1\)"),
        ({"x_test": np.zeros((2, 4), np.uint8)}, r"uint8 \(3,\) and uint8 \(4,\)"),
        ({"x_test": np.zeros((2, 3), np.float32)}, r"uint8 \(3,\) and float32 \(3,\)"),
        ({"y_test": np.zeros(3, np.int32)}, r"2 examples and 3 labels \(int32 of shape \(3,\)"),
        ({"y_test": np.zeros(2, np.int64)}, r"y_test must be int32 .*\(int64"),
        ({"y_train": np.array([0, 1, 2, 0], np.int32)}, r"y_train must lie in 0…1, .* found 2"),
        ({"y_test": np.array([0, -1], np.int32)}, r"y_test must lie in 0…1, .* found -1"),
        ({"y_train": np.zeros(4, np.int32)}, "training example, found none of 'b'"),
    ],
)
def test_refuses_what_makes_no_sense(changes, message):
    with pytest.raises(DataError, match=message) as caught:
        make(**changes)
    assert str(caught.value).startswith("tiny: ")
    assert "; " in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", ["x_train", "x_test"])
def test_refuses_what_is_not_finite_and_names_the_example(part, value):
    made = make()
    images = {"x_train": as_float(made.x_train), "x_test": as_float(made.x_test)}
    images[part][1, 2] = value
    with pytest.raises(DataError, match=f"{part} must hold finite .* found {value} in example 1"):
        make(**images)


def test_importing_the_room_costs_no_more_than_numpy():
    heavy = ("pydantic", "scipy", "keras", "jax", "matplotlib", "sqlalchemy", "pandas")
    code = f"import sys, stepladder.data; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("examples", "input_shape", "classes"), [(20, (4,), 2), (30, (5, 4), 3), (7, (2, 2, 3), 7)]
)
def test_synthetic_has_what_was_asked_for(examples, input_shape, classes):
    made = synthetic(examples, input_shape, classes, seed=1)
    assert made.x_train.shape == (examples, *input_shape)
    assert made.x_train.dtype == np.uint8
    assert made.classes == classes
    assert len(made.y_test) == max(classes, examples // 5)
    for labels in (made.y_train, made.y_test):
        counts = np.bincount(labels, minlength=classes)
        assert counts.max() - counts.min() <= 1


def test_synthetic_is_the_same_for_a_seed_and_differs_between_seeds():
    one, same, other = (synthetic(20, (4,), 2, seed) for seed in (1, 1, 2))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_synthetic_can_be_learned_by_its_nearest_centre():
    made = synthetic(200, (5, 5), 4, seed=3)
    inputs = made.x_train.astype(float)
    centres = np.stack([inputs[made.y_train == number].mean(axis=0) for number in range(4)])
    distances = np.square(made.x_test[:, None].astype(float) - centres).sum(axis=(2, 3))
    assert np.mean(distances.argmin(axis=1) == made.y_test) > 0.9


def test_synthetic_refuses_fewer_examples_than_classes():
    with pytest.raises(DataError, match="training example, found none of"):
        synthetic(2, (4,), 3, seed=0)
