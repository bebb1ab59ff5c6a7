"""A validation part of the user's own: read with the data, and the same in every replicate."""

import numpy as np
import pytest
from dataset_files import parts, write_npz

from stepladder.data import load, split, validation_examples
from stepladder.data.dataset import assemble
from stepladder.data.leaks import dataset_notes
from stepladder.errors import DataError, StudyError

PARTS = parts(examples=30)
OWN = {"x_val": PARTS["x_test"][:4] + 1, "y_val": np.array([2, 0, 2, 1])}


def read(tmp_path, **changes):
    return load(str(write_npz(tmp_path / "set.npz", **PARTS, **{**OWN, **changes})))


def test_it_stands_at_the_end_of_the_training_part(tmp_path):
    made = read(tmp_path)
    count = len(PARTS["x_train"])
    assert made.validation_examples == 4
    np.testing.assert_array_equal(made.x_train[:count], PARTS["x_train"])
    np.testing.assert_array_equal(made.x_train[count:], OWN["x_val"])
    np.testing.assert_array_equal(made.y_train[count:], OWN["y_val"])
    assert not any("not used" in note for note in dataset_notes(made))


def test_every_replicate_has_it_and_trains_on_all_else(tmp_path):
    made = read(tmp_path)
    count = len(PARTS["x_train"])
    for replicate in range(3):
        rows = split(made, validation_examples(made, 0.1), None, seed=0, replicate=replicate)
        assert rows.train.tolist() == list(range(count))
        assert rows.validation.tolist() == list(range(count, count + 4))
    fewer = [split(made, 4, 5, seed=0, replicate=r).train.tolist() for r in range(9)]
    assert len(set(map(tuple, fewer))) > 1
    assert max(map(max, fewer)) < count


def test_its_fingerprint_is_not_that_of_a_longer_training_part(tmp_path):
    made = read(tmp_path)
    joined = {part: np.concatenate([PARTS[f"{part}_train"], OWN[f"{part}_val"]]) for part in "xy"}
    longer = assemble("set.npz", **{**PARTS, "x_train": joined["x"], "y_train": joined["y"]})
    np.testing.assert_array_equal(made.x_train, longer.x_train)
    assert made.fingerprint != longer.fingerprint


def test_classes_are_numbered_over_all_parts(tmp_path):
    values = np.array([7, 30, 200])
    labels = {name: values[y] for name, y in {**PARTS, **OWN}.items() if name.startswith("y")}
    made = load(str(write_npz(tmp_path / "set.npz", **{**PARTS, **OWN, **labels})))
    assert made.class_names == ("7", "30", "200")
    np.testing.assert_array_equal(made.y_train[-4:], OWN["y_val"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_val": None}, "must hold the arrays .* y_val, found .*; add y_val"),
        ({"x_val": None}, "add x_val"),
        ({"y_val": np.array([2, 0, 2])}, "y_val must have one label for each example of x_val"),
        ({"y_val": np.array([2, 0, 9, 1])}, "y_val must hold only classes that y_train holds, "
                                            "found 9 in y_val alone"),
        ({"y_val": np.array([2, 0, 1.5, 1])}, "y_val must hold class labels"),
        ({"x_val": np.zeros((4, 2, 3), np.uint8)}, "x_train and x_val must have examples of one"),
        ({"x_val": OWN["x_val"].astype("f4")}, "x_train and x_val must have examples of one type"),
        ({"x_val": np.array(["a"] * 4)}, "x_val must hold numbers"),
    ],
)  # fmt: skip
def test_refuses_one_that_does_not_belong_to_the_rest(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, **changes)


def test_names_the_example_of_the_users_own_part():
    floats = {name: x.astype("f4") if name[0] == "x" else x for name, x in {**PARTS, **OWN}.items()}
    floats["x_val"][2, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"x_val must .* found nan in example 2"):
        assemble("set", **floats)


@pytest.mark.parametrize(("task", "width"), [("regression", 2), ("multilabel", 3)])
def test_targets_of_other_tasks(task, width):
    random = np.random.default_rng(0)
    y = {part: random.integers(0, 2, (len(PARTS.get(f"x_{part}", OWN["x_val"])), width))
         for part in ("train", "val", "test")}  # fmt: skip
    given = {**PARTS, **OWN, **{f"y_{part}": rows for part, rows in y.items()}}
    made = assemble("set", **given, task=task)
    np.testing.assert_array_equal(made.y_train[-4:], y["val"])
    given["y_val"] = y["val"][:, :1]
    with pytest.raises(DataError, match="y_train and y_val must have the same columns"):
        assemble("set", **given, task=task)


def test_a_size_is_refused_beside_it(tmp_path):
    made = read(tmp_path)
    assert validation_examples(made, 0.1) == validation_examples(made, 4) == 4
    with pytest.raises(StudyError, match=r"validation must be left out: set\.npz has a validation"):
        validation_examples(made, 0.2)
