"""Which rows stand in which part: exact, whatever the names and the order; scikit-learn's folds."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from stepladder.data import split
from stepladder.data.arrays import Columns
from stepladder.data.rows import RowKeys, fold_numbers, number_groups, read_times
from stepladder.data.tables import read_table
from stepladder.errors import DataError, StudyError
from stepladder.study.sources import TableDataset

RNG = np.random.default_rng(0)
STRATA = RNG.permutation(np.repeat([0, 1, 2], (61, 30, 12))).astype(np.int32)
GROUPS = RNG.integers(25, size=len(STRATA))
TIMES = RNG.permutation(len(STRATA)).astype(float)


def table(labels, keys=None, share=None, cells=None):
    """Rows as the table they come from would have them: a row's input is its number."""
    columns = {"row": np.arange(len(labels)), "label": [f"c{label}" for label in labels]}
    source = TableDataset(csv="t", label="label", test_share=share)
    return read_table(source, "t", {"train": Columns({**columns, **(cells or {})})}, keys)


def folded(folds, labels=STRATA, groups=None, times=None):
    cells = {"g": groups, "t": times}
    cells = {name: list(map(str, values)) for name, values in cells.items() if values is not None}
    keys = RowKeys("g" if groups is not None else None, "t" if times is not None else None, None,
                   folds)  # fmt: skip
    return table(labels, keys=keys, cells=cells)


def parts(dataset, replicate):
    view = dataset.view(replicate)
    return tuple(x[:, 0].astype(int).tolist() for x in (view.x_train, view.x_test))


def count(labels, numbers):
    folds, classes = int(numbers.max()) + 1, int(labels.max()) + 1
    return np.array([np.bincount(labels[numbers == fold], minlength=classes)
                     for fold in range(folds)])  # fmt: skip


@pytest.mark.parametrize("folds", [2, 3, 5, 12])
@pytest.mark.parametrize("groups", [None, GROUPS])
def test_every_row_is_tested_exactly_once_a_repeat_and_never_trains_then(folds, groups):
    dataset = folded(folds, groups=groups)
    for repeat in range(3):
        rows = [parts(dataset, repeat * folds + fold) for fold in range(folds)]
        assert sorted(chain.from_iterable(test for _, test in rows)) == list(range(len(STRATA)))
        for train, test in rows:
            assert sorted(train + test) == list(range(len(STRATA)))


def test_labels_groups_and_inputs_stay_together():
    dataset = folded(5, groups=GROUPS)
    for replicate in (0, 4, 7):
        view = dataset.view(replicate)
        train = view.x_train[:, 0].astype(int)
        np.testing.assert_array_equal(view.y_train, STRATA[train])
        np.testing.assert_array_equal(view.y_test, STRATA[view.x_test[:, 0].astype(int)])
        names = np.unique(list(map(str, GROUPS)))
        assert [names[number] for number in view.groups] == [str(GROUPS[row]) for row in train]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=80), st.integers(2, 5), st.integers(0, 3))
def test_sizes_and_class_shares_are_within_one(labels, folds, repeat):
    labels = np.array(labels, np.int32)
    numbers = fold_numbers(labels, folds, repeat)
    table_ = count(labels, numbers)
    assert np.ptp(np.bincount(numbers, minlength=folds)) <= 1
    if len(table_) == folds:
        assert (np.ptp(table_, axis=0) <= 1).all()


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_folds_have_as_many_of_each_class_as_those_of_scikit_learn(folds):
    ours = count(STRATA, fold_numbers(STRATA, folds, 0))
    x = np.zeros((len(STRATA), 1))
    theirs = np.array([np.bincount(STRATA[test], minlength=3)
                       for _, test in StratifiedKFold(folds).split(x, STRATA)])  # fmt: skip
    np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))
    np.testing.assert_array_equal(np.sort(ours.sum(axis=1)), np.sort(theirs.sum(axis=1)))


def imbalance(tests):
    table_ = np.array([np.bincount(STRATA[test], minlength=3) for test in tests])
    return (table_ / table_.sum(axis=0)).std(axis=0).mean(), np.ptp(table_.sum(axis=1))


@pytest.mark.parametrize("folds", [3, 5])
def test_groups_are_dealt_out_as_evenly_as_by_scikit_learn(folds):
    numbers = fold_numbers(STRATA, folds, 0, GROUPS)
    ours = imbalance([np.flatnonzero(numbers == fold) for fold in range(folds)])
    x = np.zeros((len(STRATA), 1))
    stratified = imbalance([t for _, t in StratifiedGroupKFold(folds).split(x, STRATA, GROUPS)])
    plain = imbalance([t for _, t in GroupKFold(folds).split(x, STRATA, GROUPS)])
    assert ours[0] <= 1.25 * stratified[0] + 0.01
    assert ours[0] < plain[0]
    assert ours[1] <= stratified[1] + 2


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_group_stands_in_two_parts(data):
    rows = data.draw(st.integers(12, 60))
    groups = np.array(data.draw(st.lists(st.integers(0, 9), min_size=rows, max_size=rows)))
    labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)))
    labels[:2] = 0, 1
    folds = data.draw(st.sampled_from([None, 2, 3]))
    keys = RowKeys("g", folds=folds)
    try:
        made = table(labels, keys=keys, share=None if folds else 0.25,
                     cells={"g": list(map(str, groups))})  # fmt: skip
    except DataError:
        return
    for replicate in range(3):
        train, test = parts(made, replicate)
        assert not set(groups[train]) & set(groups[test])
        try:
            rows = split(made.view(replicate), 2, None, 0, replicate)
        except StudyError:
            continue
        own = groups[train]
        assert not set(own[rows.train]) & set(own[rows.validation])
        assert len(rows.validation)
        assert set(made.view(replicate).y_train) == set(made.view(replicate).y_train[rows.train])


def test_names_of_groups_change_nothing():
    first = number_groups([f"p{value:02}" for value in GROUPS])
    again = number_groups([f"patient {value:02}" for value in GROUPS])
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(fold_numbers(STRATA, 5, 1, first),
                                  fold_numbers(STRATA, 5, 1, again + 100))  # fmt: skip


def test_repeats_are_other_draws_and_the_same_for_good():
    draws = {tuple(fold_numbers(STRATA, 3, repeat).tolist()) for repeat in range(5)}
    assert len(draws) == 5
    # Promised for every version: stored trials are found again by their fold.
    assert fold_numbers(np.arange(8) % 2, 2, 0).tolist() == [1, 0, 0, 0, 0, 1, 1, 1]
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    assert fold_numbers(np.arange(8) % 2, 2, 0, groups).tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


def test_a_replicate_is_the_same_view_in_any_order():
    one, other = folded(4), folded(4)
    forwards = [parts(one, replicate) for replicate in range(8)]
    backwards = [parts(other, replicate) for replicate in reversed(range(8))][::-1]
    assert forwards == backwards
    assert one.fingerprint == other.fingerprint != folded(5).fingerprint != table(
        STRATA, share=0.2
    ).fingerprint  # fmt: skip


@pytest.mark.parametrize("folds", [2, 4, 9])
def test_blocks_of_time_are_those_of_scikit_learn(folds):
    dataset = folded(folds, np.zeros(len(TIMES), np.int32) + np.arange(len(TIMES)) % 2, times=TIMES)
    order = np.argsort(TIMES)
    for replicate, (train, test) in enumerate(TimeSeriesSplit(folds).split(TIMES)):
        ours = parts(dataset, replicate)
        assert sorted(ours[0]) == sorted(order[train].tolist())
        assert sorted(ours[1]) == sorted(order[test].tolist())


def test_parts_follow_each_other_in_time_and_no_time_is_divided():
    days = np.sort(RNG.integers(30, size=len(STRATA))).astype(float)
    shuffle = RNG.permutation(len(days))
    days, labels = days[shuffle], (np.arange(len(days)) % 2).astype(np.int32)
    for dataset, replicates in (
        (folded(4, labels, times=days), 4),
        (table(labels, keys=RowKeys(time="t"), cells={"t": list(map(str, days))}, share=0.2), 2),
    ):
        for replicate in range(replicates):
            view = dataset.view(replicate)
            train, test = parts(dataset, replicate)
            rows = split(view, 5, None, 0, replicate)
            times = days[train]
            np.testing.assert_array_equal(view.times, times)
            assert times[rows.train].max() < times[rows.validation].min()
            assert times[rows.validation].max() < days[test].min()


def test_the_order_of_rows_changes_nothing_in_time():
    labels, shuffle = (np.arange(40) % 2).astype(np.int32), RNG.permutation(40)
    times = np.arange(40.0)
    first, second = folded(3, labels, times=times), folded(3, labels[shuffle], times=times[shuffle])
    for replicate in range(3):
        for ours, theirs in zip(parts(first, replicate), parts(second, replicate), strict=True):
            assert sorted(ours) == sorted(shuffle[theirs].tolist())


def test_a_column_says_the_part():
    words = ["Train", "test", "validation", "train", " test", "train"]
    labels = np.array([0, 1, 0, 1, 0, 1], np.int32)
    dataset = table(labels, keys=RowKeys(part="p"), cells={"p": words})
    assert parts(dataset, 0) == ([0, 3, 5, 2], [1, 4])
    rows = split(dataset, dataset.validation_examples, None, 0, 7)
    assert dataset.x_train[rows.validation].tolist() == [[2.0]]


def test_times_are_numbers_or_dates():
    assert read_times("t", ["3", "1e2"]).tolist() == [3.0, 100.0]
    dates = ["2023-12-31", "2024-01-01T06:00", "2024-01-01 12:00:00"]
    assert np.diff(read_times("t", dates)).tolist() == [108_000.0, 21_600.0]
    zones = ["2024-01-01T12:00+02:00", "2024-01-01T11:00Z"]
    assert np.diff(read_times("t", zones)).tolist() == [3_600.0]


REFUSED = {
    "rare class": (dict(folds=5, labels=[0] * 20 + [1] * 3), "each class must have a row in each"),
    "few rows": (dict(folds=5, labels=[0, 1] * 2), "must have a row for each of 5 folds, found 4"),
    "few groups": (
        dict(folds=4, labels=[0, 1] * 6, groups=["a", "b", "c"] * 4),
        "must have a group for each of 4 folds, found 3",
    ),
    "class of one group": (
        dict(folds=2, labels=[0] * 6 + [1] * 3, groups=list("aabbccddd")),
        "each class must have a group to train and one to test, found 1 group of the class 'c1'",
    ),
    "one group": (dict(share=0.3, labels=[0, 1] * 6, groups=["a"] * 12), "two groups or more"),
    "one time": (dict(share=0.3, labels=[0, 1] * 6, times=["3"] * 12), "found 1 different times"),
    "ties": (
        dict(folds=4, labels=[0, 1] * 6, times=["1"] * 10 + ["2", "3"]),
        "stand on both sides of a border",
    ),
    "few rows for time": (dict(folds=9, labels=[0, 1] * 3, times=list("123456")), "10 rows"),
    "late class": (
        dict(folds=2, labels=[0] * 8 + [1] * 4, times=list(range(12))),
        "first of 3 blocks of time, found none of the class 'c1'",
    ),
    "no date": (dict(folds=2, labels=[0, 1] * 3, times=["1", "2", "x", "4", "5", "6"]), "dates"),
    "nan": (dict(folds=2, labels=[0, 1] * 3, times=["1", "2", "nan", "4", "5", "6"]), "'nan'"),
    "zones": (
        dict(share=0.3, labels=[0, 1] * 2, times=["2024-01-01T00:00Z", "2024-01-01"] * 2),
        "must all have a time zone, or none",
    ),
    "unknown word": (
        dict(parts=["train", "dev", "test"], labels=[0, 1, 0]),
        "found 'dev' in row 2",
    ),
    "no test rows": (dict(parts=["train", "train"], labels=[0, 1]), "0 of test"),
    "divided group": (
        dict(parts=["train", "train", "test"], labels=[0, 1, 0], groups=list("aba")),
        "no group may stand in two parts",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_divided_is_refused_with_what_to_do(name):
    given, expected = REFUSED[name]
    given = dict(given)
    columns = {"g": given.pop("groups", None), "t": given.pop("times", None),
               "p": given.pop("parts", None)}  # fmt: skip
    keys = RowKeys(*(key if column is not None else None for key, column in columns.items()),
                   folds=given.pop("folds", None))  # fmt: skip
    cells = {key: list(map(str, column)) for key, column in columns.items() if column is not None}
    with pytest.raises(DataError) as error:
        table(np.array(given.pop("labels")), keys=keys, cells=cells, **given)
    assert expected in str(error.value)
    assert "; " in str(error.value)
    assert "\n" not in str(error.value)


def test_train_sizes_are_those_of_the_views():
    for dataset in (folded(7), folded(4, np.arange(40, dtype=np.int32) % 2, times=np.arange(40.0))):
        sizes = [len(dataset.view(replicate).y_train) for replicate in range(dataset.folds.count)]
        assert dataset.folds.train_sizes() == sizes
        assert dataset.least_training == min(sizes)
        if dataset.folds.is_forward:
            assert all(one < other for one, other in pairwise(sizes))
