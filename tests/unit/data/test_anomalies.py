"""What is odd in data is said, and nothing of what is ordinary."""

import numpy as np
import pytest
from scipy import stats

from stepladder.data.anomalies import _BY_CHANCE, anomalies, name_columns
from stepladder.data.dataset import Dataset, assemble

RANDOM = np.random.default_rng(0)
X_TRAIN, X_TEST = RANDOM.normal(size=(100, 3)), RANDOM.normal(size=(40, 3))


def of_classes(y_train, y_test, x_train=None, x_test=None, has_columns=True):
    x_train = RANDOM.normal(size=(len(y_train), 3)) if x_train is None else x_train
    x_test = RANDOM.normal(size=(len(y_test), 3)) if x_test is None else x_test
    parts = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    return anomalies(assemble("d", **parts), has_columns)


def constant(train, test, **options):
    x_train, x_test = X_TRAIN.copy(), X_TEST.copy()
    for place, (one, other) in enumerate(zip(train, test, strict=True)):
        if one is not None:
            x_train[:, place], x_test[:, place] = one, other
    return of_classes(np.arange(100) % 2, np.arange(40) % 2, x_train, x_test, **options)


NOTHING_LEARNT = "of which nothing is learnt; leave {} out of the file, or shuffle the rows"


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ((None, None, None), (None, None, None), []),
        ((None, 7, None), (None, 7, None), ["d: column 2 holds one value only; leave it out"]),
        ((0, None, 7), (0, None, 7), ["d: columns 1, 3 hold one value only; leave them out"]),
        ((None, 7, None), (None, 8, None), ["d: column 2 holds one value in the training part"]),
        ((1, 7, None), (1, 8, None), ["d: column 1 holds one value only", "d: column 2 holds"]),
        ((1, 7, None), (0, 8, None), ["d: columns 1, 2 hold one value in the training part and "
                                      "others in the test part, " + NOTHING_LEARNT.format("them")]),
    ],
)  # fmt: skip
def test_columns_of_one_value_are_named(train, test, said):
    found = constant(train, test)
    assert len(found) == len(said)
    for line, beginning in zip(found, said, strict=True):
        assert line.startswith(beginning)
    assert constant(train, test, has_columns=False) == ()  # places of a sequence, or images


@pytest.mark.parametrize("row", [0, 1, 199, 200, 99_999])
def test_a_single_other_value_is_seen_wherever_it_is(row):
    x = np.zeros((100_000, 2), np.float32)
    x[:, 0] = RANDOM.normal(size=len(x))
    x[row, 1] = 1
    y = np.arange(len(x)) % 2
    assert of_classes(y, y[:40], x, X_TEST[:, :2]) == ()


def test_pixels_may_be_constant():
    x = RANDOM.integers(0, 17, (100, 64))
    x[:, [0, 32]] = 0  # as in the digits of scikit-learn
    y = np.arange(100) % 2
    for kind in (np.uint8, np.float64):
        assert of_classes(y, y, x.astype(kind), x.astype(kind)) == ()
    assert of_classes(y, y, x[:, :63], x[:, :63]) != ()


def test_columns_are_named_as_the_file_names_them():
    x, y = X_TRAIN.astype(np.float32), (np.arange(100) % 2).astype(np.int32)
    dataset = Dataset(name="d", x_train=x, y_train=y, x_test=x, y_test=y, class_names=("a", "b"),
                      columns=("Id", "age", "sex"))  # fmt: skip
    assert name_columns(dataset, [0]) == "the column 'Id'"
    assert name_columns(dataset, [0, 2]) == "the columns 'Id', 'sex'"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((10, 20), ""),
        ((9, 20), "d: a class has fewer than 10 training examples, '0' (9); add some"),
        ((9, 20, 1), "d: 2 classes have fewer than 10 training examples, '0' (9), '2' (1); add"),
    ],
)
def test_classes_of_a_few_examples_are_named(counts, said):
    y = np.repeat(np.arange(len(counts)), counts)
    lines = of_classes(y, y)
    assert len(lines) == bool(said)
    assert not said or lines[0].startswith(said)


@pytest.mark.parametrize(
    ("train", "test", "is_said"),
    [
        ((500, 500), (50, 50), False),
        ((500, 500), (90, 10), True),
        ((500, 500), (65, 35), False),  # p = 0.004
        ((500, 500), (6, 2), False),
        ((500_000, 500_000), (49_500, 50_500), False),  # significant, and no matter
        ((300, 300, 300), (90, 0, 0), True),
    ],
)
def test_shares_of_classes_that_differ_between_parts_are_told_with_counts(train, test, is_said):
    y_train, y_test = (np.repeat(np.arange(len(one)), one) for one in (train, test))
    lines = of_classes(y_train, y_test)
    assert len(lines) == is_said
    if is_said:
        assert stats.chi2_contingency([train, test]).pvalue < _BY_CHANCE
        of = f"{train[0]} of {sum(train)} training".replace("500 of 1000", "500 of 1,000")
        assert f"the class '0' has {of} and {test[0]} of {sum(test)} test examples" in lines[0]


@pytest.mark.parametrize("seed", range(50))
def test_parts_that_were_drawn_at_random_do_not_differ(seed):
    random = np.random.default_rng(seed)
    y = random.choice(3, 200, p=[0.5, 0.3, 0.2])
    assert of_classes(y[:150], y[150:]) == ()


def regression(y_train, y_test):
    parts = {"x_train": np.ones((len(y_train), 2)), "x_test": np.ones((len(y_test), 2)),
             "y_train": y_train, "y_test": y_test}  # fmt: skip
    return anomalies(assemble("d", **parts, task="regression"), False)


@pytest.mark.parametrize(
    ("row", "value", "said"),
    [
        (17, 1e12, "d: the target 'y' is 1e+12 in example 17 of the training part, a million"),
        (120, -1e12, "d: the target 'y' is -1e+12 in example 20 of the test part, a million"),
        ([3, 5], 1e12, "d: the target 'y' is 1e+12 in example 3 of the training part and 1 more"),
        (17, 1e4, ""),
    ],
)
def test_a_target_far_beyond_all_others_is_named(row, value, said):
    y = RANDOM.normal(size=140)
    assert regression(y[:100], y[100:]) == ()
    y[row] = value
    lines = regression(y[:100], y[100:])
    assert len(lines) == bool(said)
    assert not said or lines[0].startswith(said)


@pytest.mark.parametrize("name", ["lognormal", "standard_cauchy", "pareto"])
def test_heavy_tails_are_no_mistake(name):
    for seed in range(20):
        draw = getattr(np.random.default_rng(seed), name)
        y = draw(size=2000) if name == "standard_cauchy" else draw(2, size=2000)
        assert regression(y[:1500], y[1500:]) == ()


def test_a_target_that_is_mostly_one_value_is_no_mistake():
    y = np.zeros(140)
    y[[3, 120]] = 5, 1e3
    assert regression(y[:100], y[100:]) == ()
