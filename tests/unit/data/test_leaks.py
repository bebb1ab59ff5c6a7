"""What is said of a dataset before training: each kind of leak, and what is none."""

import numpy as np
import pytest

from stepladder.data.dataset import Dataset, assemble
from stepladder.data.leaks import (
    SHOWN_NOTES,
    _equal_rows,
    dataset_notes,
    measured_labels,
    shown_notes,
)
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
    np.savez(tmp_path / "d.npz", **arrays, x_more=TEST)
    assert dataset_notes(read_npz(tmp_path / "d.npz", "d")) == (
        "d: x_more of the file is not used: the validation part is drawn from x_train",
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


# Columns that number the rows, and those that do not.

EVERY = np.arange(140.0)
DATES = np.array(
    [20240000 + 100 * month + day for month in range(1, 11) for day in range(1, 15)], np.float64
)


def of_column(values, wide=True):
    """Notes on a table with a column of 140 values, of which every fourth is a test row."""
    test = np.arange(140) % 4 == 0
    x = np.c_[values, np.random.default_rng(1).normal(size=(140, 2))] if wide else values[:, None]
    y = np.arange(140) % 3
    parts = {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}
    return dataset_notes(assemble("d", **parts))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param(EVERY / 10, "numbers", id="tenths"),
        pytest.param(-EVERY / 10, "numbers", id="descending"),
        pytest.param((EVERY - 70) / 40, "numbers", id="standardised"),
        pytest.param(((EVERY - 70) / 40)[SHUFFLED], "numbers", id="standardised and shuffled"),
        pytest.param(500 - 3 * EVERY, "numbers", id="descending by threes"),
        pytest.param(np.cumsum(RANDOM.integers(1, 9, 140)), "numbers", id="gaps"),
        pytest.param(np.cumsum(RANDOM.integers(1, 9, 140))[SHUFFLED], "", id="gaps, shuffled"),
        pytest.param(EVERY + RANDOM.uniform(0, 0.5, 140), "numbers", id="a clock that is not even"),
        pytest.param(45_000 + EVERY, "numbers", id="days of a spreadsheet"),
        pytest.param(1.7e9 + 86_400 * EVERY, "numbers", id="days of Unix"),
        pytest.param((1.7e9 + 3_600 * EVERY)[SHUFFLED], "numbers", id="hours of Unix, shuffled"),
        pytest.param(DATES, "holds dates as numbers such as 20240131", id="dates"),
        pytest.param(DATES[SHUFFLED], "holds dates as numbers", id="dates, shuffled"),
        pytest.param(np.sort(RANDOM.normal(size=140)), "", id="sorted by what was measured"),
        pytest.param(np.sort(RANDOM.exponential(size=140)), "", id="sorted, skewed"),
        pytest.param(RANDOM.normal(size=140).cumsum(), "", id="random walk"),
        pytest.param(np.round(RANDOM.normal(size=140), 1), "", id="one decimal"),
        pytest.param(RANDOM.permutation(10**6)[:140], "", id="large whole numbers"),
        pytest.param(20_240_000.0 + RANDOM.integers(0, 9999, 140), "", id="no dates"),
    ],
)
def test_columns_that_number_the_rows(values, said):
    lines = of_column(np.asarray(values, np.float64))
    assert len(lines) == bool(said)
    assert not said or lines[0].startswith(f"d: column 1 {said}")


def test_the_only_column_of_fractions_is_an_input():
    assert of_column(np.linspace(0, 10, 140), wide=False) == ()
    assert of_column(EVERY, wide=False) != ()  # whole numbers are no measured input


def test_several_columns_are_one_note():
    x = np.c_[TRAIN, np.arange(100), 3 * np.arange(100)]
    test = np.c_[TEST, np.arange(40), 3 * np.arange(40)]
    (line,) = notes(x, test)
    assert line.startswith("d: columns 4, 5 number the rows, and")
    assert line.endswith("leave them out of the file")


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_nothing_is_said_of_well_known_data(name, seed):
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    stratify = None if name == "diabetes" else y
    parts = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed, stratify=stratify)
    train, test = (np.sort(part) if seed is None else part for part in parts)
    task = {"task": "regression"} if name == "diabetes" else {}
    dataset = assemble(name, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test],
                       **task)  # fmt: skip
    assert dataset_notes(dataset) == ()


@pytest.mark.parametrize("seed", range(200))
def test_nothing_is_said_of_random_tables(seed):
    random = np.random.default_rng(seed)
    rows = int(random.integers(60, 1000))
    kinds = [
        lambda: random.normal(size=rows),
        lambda: np.sort(random.normal(size=rows)),
        lambda: random.normal(size=rows).cumsum(),
        lambda: random.lognormal(0, 3, rows),
        lambda: np.round(100 * random.normal(size=rows), int(random.integers(3))),
        lambda: random.integers(0, int(random.integers(2, 10**6)), rows),
        lambda: random.uniform(0, 10.0 ** int(random.integers(-6, 7)), rows),
    ]
    columns = [kinds[kind]() for kind in random.integers(0, len(kinds), random.integers(2, 12))]
    x, test = np.stack([random.normal(size=rows), *columns], axis=1), random.permutation(rows) < 20
    y = random.integers(0, 2, rows) if seed % 2 else random.normal(size=rows)
    task = {} if seed % 2 else {"task": "regression"}
    parts = {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}
    assert dataset_notes(assemble("d", **parts, **task)) == ()


# Rows in both parts.


@pytest.mark.extra
@pytest.mark.parametrize("wide", [1, 3, 7, 8, 9, 33, 200])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_rows_in_both_parts_are_those_that_pandas_finds(wide, kind):
    """Few values differ, in any place: neither by a few columns nor by one number alone."""
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(wide)
    train, test = (np.zeros((count, wide), kind) for count in (300, 200))
    for part in (train, test):
        part[np.arange(len(part)), random.integers(0, wide, len(part))] = random.integers(
            0, 256, len(part)
        )
    tested, trained = _equal_rows(train, test)
    known = set(map(tuple, train.tolist()))
    expected = pandas.Series(list(map(tuple, test.tolist()))).isin(known)
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(expected))
    np.testing.assert_array_equal(test[tested], train[trained])


def test_the_same_row_with_another_class_is_counted():
    y = Y_TEST.copy()
    y[30:] = (Y_TRAIN[:10] + np.r_[np.ones(4, int), np.zeros(6, int)]) % 3
    x_test = np.r_[TEST[:30], TRAIN[:10]]
    (line,) = dataset_notes(assemble("d", x_train=TRAIN, y_train=Y_TRAIN, x_test=x_test, y_test=y))
    assert f"10 {TWICE}, 4 of them with another class; the rest can be answered" in line


def test_rows_of_a_few_values_repeat_without_a_mistake():
    values = np.random.default_rng(0).integers(0, 3, (140, 3))
    assert notes(values[:100], values[100:]) == ()


def test_the_same_part_twice_is_told_of_a_few_values_too():
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10), np.array([0, 1, 1, 0] * 10)
    (line,) = dataset_notes(assemble("xor", x_train=x, y_train=y, x_test=x[::-1], y_test=y[::-1]))
    assert line.startswith("xor: the test part is the training part")


def test_places_of_a_sequence_are_no_columns():
    tokens = np.random.default_rng(0).integers(0, 50, (140, 8))
    tokens[:, 0] = 1  # the sign that begins each text
    tokens[:, 1] = SHUFFLED
    parts = {"x_train": tokens[:100], "y_train": Y_TRAIN, "x_test": tokens[100:], "y_test": Y_TEST}
    assert len(dataset_notes(assemble("d", **parts))) == 2
    assert dataset_notes(assemble("d", **parts), may_be_ids=True) == ()


def test_at_most_eight_notes_are_shown():
    lines = tuple(map(str, range(SHOWN_NOTES)))
    assert shown_notes(lines) == lines
    assert shown_notes((*lines, "x")) == (*lines, "1 more note on the data")
    assert shown_notes((*lines, "x", "y"))[-1] == "2 more notes on the data"


@pytest.mark.slow
def test_a_million_rows_are_not_copied():
    import tracemalloc

    x = np.random.default_rng(0).standard_normal((1_000_000, 100), dtype=np.float32)
    y = (np.arange(len(x)) % 3).astype(np.int32)
    dataset = Dataset(name="d", x_train=x[:800_000], y_train=y[:800_000], x_test=x[800_000:],
                      y_test=y[800_000:], class_names=("a", "b", "c"))  # fmt: skip
    tracemalloc.start()
    assert dataset_notes(dataset) == ()
    assert tracemalloc.get_traced_memory()[1] < 0.15 * x.nbytes
    tracemalloc.stop()
