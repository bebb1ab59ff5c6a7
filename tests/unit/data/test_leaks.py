"""What is said of a dataset before training: each kind of leak, and what is none."""

import numpy as np
import pytest

from stepladder.data.dataset import Dataset, assemble
from stepladder.data.leaks import dataset_notes, measured_labels
from stepladder.data.readers import read_npz

RANDOM = np.random.default_rng(0)
TRAIN, TEST = RANDOM.normal(size=(100, 3)), RANDOM.normal(size=(40, 3))
Y_TRAIN, Y_TEST = np.arange(100) % 3, np.arange(40) % 3


def notes(x_train=TRAIN, x_test=TEST):
    parts = [np.asarray(part) for part in (x_train, x_test)]
    return dataset_notes(
        assemble("d", x_train=parts[0], y_train=Y_TRAIN, x_test=parts[1], y_test=Y_TEST)
    )


def with_column(train, test, place=1):
    both = []
    for part, column in ((TRAIN, train), (TEST, test)):
        part = part.copy()
        part[:, place] = column
        both.append(part)
    return both


IMAGES = RANDOM.integers(0, 256, (140, 5, 5), np.uint8)
SHUFFLED = RANDOM.permutation(140)
NUMBERS = "d: column 2 numbers the rows, and their order may give the class away; leave it out"
CLASS = "d: column 2 is another name of the class; leave it out"
TWICE = "of 40 test examples stand in the training part too"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((TRAIN, TEST), ""),
        ((TRAIN, np.r_[TEST[:30], TRAIN[:10]]), f"10 {TWICE}"),
        ((TRAIN, np.r_[TEST[:38], TRAIN[98:]]), f"2 {TWICE}"),
        ((TRAIN, np.r_[TEST[:39], TRAIN[99:]]), ""),
        ((TRAIN, TRAIN[:40]), f"40 {TWICE}"),
        ((IMAGES[:100], IMAGES[100:]), ""),
        ((IMAGES[:100], IMAGES[60:100]), f"40 {TWICE}"),
        ((np.r_[TEST, TEST, TEST[:20]], TEST), "the test part is the training part"),
        (with_column(SHUFFLED[:100], SHUFFLED[100:]), NUMBERS),
        (with_column(np.arange(100), np.arange(40)), NUMBERS),  # a file for each part
        (with_column(1000 + 10 * SHUFFLED[:100], 1000 + 10 * SHUFFLED[100:]), NUMBERS),
        (with_column(10**6 + np.arange(0, 200, 2), np.arange(40)), NUMBERS),
        (with_column(np.arange(100) ** 2, np.arange(40)), NUMBERS),  # runs with the rows
        (with_column((7 * np.arange(100) % 100) ** 2, np.arange(40)), ""),  # all different only
        (with_column(np.arange(100) % 99, np.arange(40)), ""),
        (with_column(np.arange(100) / 7, np.arange(40) / 7), NUMBERS),
        (with_column(Y_TRAIN, Y_TEST), CLASS),
        (with_column(np.array([5, 2, 9])[Y_TRAIN], Y_TEST), CLASS),
        (with_column(np.array([5, 2, 5])[Y_TRAIN], Y_TEST), ""),  # tells one class from two
        (with_column(1, 1), "d: column 2 holds one value only; leave it out of the file"),
    ],
)
def test_what_gives_answers_away_is_said(parts, said):
    found = notes(*parts)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_a_few_rows_are_no_numbering():
    x, y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
    assert dataset_notes(assemble("d", x_train=x, y_train=y, x_test=x + 0.5, y_test=y)) == (
        "d: 2 classes have fewer than 10 training examples, '0' (2), '1' (2); add some, or join "
        "classes",
    )


def test_one_test_example_in_many_may_be_chance():
    x_test = RANDOM.normal(size=(300, 3))
    x_test[:2] = TRAIN[:2]
    y = np.arange(300) % 3
    assert (
        dataset_notes(assemble("d", x_train=TRAIN, y_train=Y_TRAIN, x_test=x_test, y_test=y)) == ()
    )


def test_a_column_is_named_where_its_name_is_known():
    x = np.arange(140, dtype=np.float32)[:, None]
    dataset = Dataset(name="d", x_train=x[:100], y_train=Y_TRAIN.astype(np.int32), x_test=x[100:],
                      y_test=Y_TEST.astype(np.int32), class_names=("a", "b", "c"),
                      columns=("Id",))  # fmt: skip
    assert dataset_notes(dataset)[0].startswith("d: the column 'Id' numbers the rows")


def test_arrays_that_nobody_uses_are_named(tmp_path):
    arrays = {"x_train": TRAIN, "y_train": Y_TRAIN, "x_test": TEST, "y_test": Y_TEST}
    np.savez(tmp_path / "d.npz", **arrays, x_val=TEST, y_val=Y_TEST)
    assert dataset_notes(read_npz(tmp_path / "d.npz", "d")) == (
        "d: x_val, y_val of the file are not used: the validation part is drawn from x_train",
    )
    np.savez(tmp_path / "d.npz", **arrays)
    assert dataset_notes(read_npz(tmp_path / "d.npz", "d")) == ()


def of_task(task, y, x=TRAIN):
    parts = {"x_train": x, "x_test": TEST, "y_train": y, "y_test": y[:40]}
    return dataset_notes(assemble("d", **parts, task=task))


VALUES = RANDOM.normal(size=100)
LABELS = np.stack([np.arange(100) % 2, np.arange(100) % 3 == 0], axis=1)


@pytest.mark.parametrize(
    ("task", "y", "column", "said"),
    [
        ("regression", VALUES, TRAIN[:, 1], ()),
        ("regression", VALUES, 32 - 1.8 * VALUES.astype(np.float32), "the target 'y' in another"),
        ("regression", VALUES, VALUES + 1e-3 * TRAIN[:, 1], ()),
        ("regression", VALUES, 1, "one value in the training part and others in the test part"),
        ("regression", VALUES, SHUFFLED[:100], "order may give the target away"),
        ("multilabel", LABELS, TRAIN[:, 1], ()),
        ("multilabel", LABELS, 7 - LABELS[:, 1], "is another name of the label '1'"),
    ],
)
def test_what_gives_other_targets_away(task, y, column, said):
    x = TRAIN.copy()
    x[:, 1] = column
    lines = of_task(task, y, x)
    assert (lines == ()) == (said == ())
    assert not said or said in lines[0]


def labelled(values, x_shape=(3,), is_bytes=False):
    y = np.repeat(values, 2)
    x = np.zeros((len(y), *x_shape), np.uint8 if is_bytes else np.float32)
    return measured_labels(assemble("d", x_train=x, y_train=y, x_test=x, y_test=y))


@pytest.mark.parametrize(
    ("values", "is_said"),
    [
        (np.arange(45), True),
        (np.arange(20, 65), True),
        (np.arange(1, 80, 4), True),  # spread out
        (np.arange(1, 77, 4), False),  # 19 of them
        (np.arange(10), False),
        (np.arange(26), False),
        (np.arange(1, 27), False),
        (np.arange(2, 28), True),
        (np.arange(27), True),
    ],
)
def test_whole_numbers_that_may_be_measured_are_named(values, is_said):
    lines = labelled(values)
    assert bool(lines) == is_said
    if is_said:
        found = f"{len(values)} whole numbers from {values[0]} to {values[-1]}"
        assert found in lines[0]
        assert 'task = "regression"' in lines[0]
    assert labelled(values, (8, 8)) == labelled(values, (64,), is_bytes=True) == ()  # images


def test_labels_of_text_are_classes():
    values = np.repeat(np.arange(45, dtype=np.int32), 2)
    x = np.zeros((90, 3), np.float32)
    parts = {"x_train": x, "y_train": values, "x_test": x, "y_test": values}
    for form in ("k{}", "{}.5"):
        names = tuple(form.format(number) for number in range(45))
        assert measured_labels(Dataset(name="d", class_names=names, **parts)) == ()
