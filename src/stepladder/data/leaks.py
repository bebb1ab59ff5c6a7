"""What gives answers away: rows in both parts, running numbers, copies of the label."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.data.anomalies import PIECE, anomalies, name_columns, start_of
from stepladder.data.dataset import Dataset, Images, list_names

_LEAST_SHARE = 0.01
"""Share of the test rows that must stand in the training part too to be told."""

_FEWEST_TWICE = 2
"""Test rows that do: a single one says little, and may be two that were measured alike."""

_FEW_BYTES = 32
"""Bytes of each row by which rows are compared first: most are found different by them."""

_FEWEST_ROWS = 20
"""Rows below which even steps of a column may be chance."""

_FEWEST_MEASURED, _LETTERS = 20, 26
"""Distinct labels from which they may be measured, and up to which they may be numbered classes."""

_FEWEST_PIXELS = 64
"""Columns of bytes from which a table may be of images, such as digits of 8 × 8."""

SHOWN_NOTES = 8  # before training; the report has them all

_Array = npt.NDArray[Any]


def dataset_notes(dataset: Dataset, may_be_ids: bool = False) -> tuple[str, ...]:
    """What reading took for granted or left out, and what flatters test scores, as sentences.

    Args:
        dataset: any one.
        may_be_ids: whether the columns of a table of whole numbers may be places of a sequence,
            which a network of the user's own looks up: then nothing is said of columns.

    Example:
        >>> from stepladder.data import synthetic
        >>> dataset_notes(synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0))
        ()
    """
    unused = list_names(list(dataset.unused))
    part = "x_val" if dataset.validation_examples else "drawn from x_train"
    notes = [
        f"{dataset.name}: {unused} of the file {'is' if len(dataset.unused) == 1 else 'are'} not "
        f"used: the validation part is {part}"
    ] if dataset.unused else []  # fmt: skip
    notes += dataset.notes
    notes += _rows_in_both_parts(dataset)
    has_columns = dataset.x_train.ndim == 2
    if has_columns and may_be_ids:
        start = start_of(dataset.x_train)
        has_columns = bool((start != np.floor(start)).any() or start.min() < 0)
    if has_columns:
        notes += _telling_columns(dataset)
    return (*notes, *anomalies(dataset, has_columns))


def shown_notes(notes: tuple[str, ...], where: str = "") -> tuple[str, ...]:
    """The first of some notes on data, and how many more there are.

    Args:
        notes: all of them.
        where: the others are, such as ", in the report".

    Example:
        >>> shown_notes(("a",) * 10)[-1]
        '2 more notes on the data'
    """
    more = len(notes) - SHOWN_NOTES
    if more <= 0:
        return notes
    return (*notes[:SHOWN_NOTES], f"{more} more note{'s' if more > 1 else ''} on the data{where}")


def measured_labels(dataset: Dataset) -> tuple[str, ...]:
    """A note where classes look like numbers that were measured; empty where they do not.

    Such are 20 whole numbers or more of a table, unless they number classes from 0 or 1 without a
    gap: as letters do, or up to 26 of anything. Labels of images are classes, also where each
    pixel has a column.

    Example:
        >>> from stepladder.data import synthetic
        >>> measured_labels(synthetic(examples=100, input_shape=(4,), classes=26, seed=0))
        ()
    """
    names, x = dataset.class_names, dataset.x_train
    has_pixels = x.ndim > 2 or (x.dtype == np.uint8 and x[0].size >= _FEWEST_PIXELS)
    if dataset.task != "classification" or has_pixels or len(names) < _FEWEST_MEASURED:
        return ()
    try:
        values = np.array(names, np.float64)
    except ValueError:
        return ()
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        return ()
    first, last = int(values.min()), int(values.max())
    is_numbered = first in (0, 1) and last - first == len(names) - 1
    if is_numbered and len(names) <= _LETTERS:
        return ()
    return (
        f"{dataset.name}: the labels are {len(names)} whole numbers from {first} to {last}, and "
        "each is taken for a class of its own. If they are measured, write task = "
        '"regression" beside csv or npz in dataset; if not, task = "classification"',
    )


def _rows_in_both_parts(dataset: Dataset) -> list[str]:
    tested, trained = _equal_rows(dataset.x_train, dataset.x_test)
    count, of, every = len(tested), len(dataset.x_test), len(dataset.x_train)
    if count < max(_FEWEST_TWICE, _LEAST_SHARE * of):
        return []
    is_same = count == of == every and _are_same(dataset.x_train, dataset.x_test)
    if not is_same and _is_coarse(dataset.x_train):
        return []  # so few values that rows repeat
    if is_same or (count == of and len(_equal_rows(dataset.x_test, dataset.x_train)[0]) == every):
        return [
            f"{dataset.name}: the test part is the training part: test accuracy says nothing of "
            "new examples; give other examples as x_test"
        ]
    differs = dataset.y_test[tested] != dataset.y_train[trained]
    others = int(np.count_nonzero(differs.any(axis=1) if differs.ndim > 1 else differs))
    what = {"classification": "class", "regression": "target", "multilabel": "set of labels"}
    same = ", and can be answered from memory"
    if others:
        same = f", {others:,} of them with another {what[dataset.task]}"
        same += "; the rest can be answered from memory" if others < count else ""
    return [
        f"{dataset.name}: {count:,} of {of:,} test examples stand in the training part "
        f"too{same}; leave each example in one part"
    ]


def _are_same(x_train: Images, x_test: Images) -> bool:
    """Whether both parts have the same rows as often, in any order."""
    rows = [x.reshape(len(x), -1) for x in (x_train, x_test)]
    train, test = (np.sort(_keys(part, np.arange(len(part)))) for part in rows)
    return np.array_equal(train, test)


_Places = npt.NDArray[np.intp]


def _equal_rows(x_train: Images, x_test: Images) -> tuple[_Places, _Places]:
    """Test rows that stand in the training part, and a place where each of them does.

    By a few values of each row first, then by a number made of all of them, then exactly. No more
    than a piece of the rows is copied at a time.
    """
    rows = [x.reshape(len(x), -1) for x in (x_train, x_test)]
    middle = rows[0].shape[1] // 2
    few = slice(middle, middle + max(1, _FEW_BYTES // rows[0].itemsize))
    train, test = np.arange(len(x_train)), np.arange(len(x_test))
    for columns in (few, slice(None)):
        keys, asked = (_keys(part[:, columns], own) for part, own in zip(rows, (train, test),
                                                                         strict=True))  # fmt: skip
        is_known = _is_in(asked, keys)
        test, asked = test[is_known], asked[is_known]
        is_asked = _is_in(keys, asked)
        train, keys = train[is_asked], keys[is_asked]
        if not len(test):
            return test, test
    order = np.argsort(keys, kind="stable")
    places = train[order[np.searchsorted(keys, asked, sorter=order)]]
    step = _rows_of_piece(rows[0])
    same = np.concatenate([
        (rows[1][test[at : at + step]] == rows[0][places[at : at + step]]).all(axis=1)
        for at in range(0, len(test), step)
    ])  # fmt: skip
    return test[same], places[same]


def _keys(rows: _Array, places: _Places) -> npt.NDArray[np.uint64]:
    """A number for each of some rows, equal where all values are, and for hardly any others."""
    wide, step = rows.shape[1] * rows.itemsize, _rows_of_piece(rows)
    weights = np.random.default_rng(0).integers(2**64, size=-(-wide // 8), dtype=np.uint64)
    keys = np.empty(len(places), np.uint64)
    is_all = len(places) == len(rows)
    for at in range(0, len(places), step):
        piece = rows[at : at + step] if is_all else rows[places[at : at + step]]
        values = np.ascontiguousarray(piece).view(np.uint8)
        if wide % 8:
            values = np.pad(values, ((0, 0), (0, -wide % 8)))
        words = values.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # modulo 2^64
        words ^= words >> np.uint64(32)  # or what differs in high bits alone would often meet
        keys[at : at + step] = words @ weights
    return keys


def _is_in(values: npt.NDArray[np.uint64], pool: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    ordered = np.sort(pool)  # a third of the time of np.isin
    places = np.searchsorted(ordered, values)
    return np.asarray(np.append(ordered, 0)[places] == values) & (places < len(ordered))


def _rows_of_piece(rows: _Array) -> int:
    return max(1, PIECE // max(1, rows[:1].nbytes))


def _is_coarse(x: Images) -> bool:
    """Whether columns have so few values that rows are alike without any mistake."""
    possible = 1
    for column in x.reshape(len(x), -1)[:10_000].T:
        possible *= len(np.unique(column))
        if possible * _LEAST_SHARE > len(x):
            return False
    return True


def _telling_columns(dataset: Dataset) -> list[str]:
    x, y = dataset.x_train, dataset.y_train
    goal = {"classification": "class", "regression": "target", "multilabel": "labels"}
    away = f"the rows, and their order may give the {goal[dataset.task]} away; leave"
    numbering = _numbering_columns(x, dataset.x_test)
    dates = [place for place in _date_columns(x) if place not in numbering]
    found = [
        (numbering, f"numbers {away} it out of the file", f"number {away} them out of the file"),
        (dates, "holds dates as numbers such as 20240131, whose steps are uneven; write days since "
         "the first, or leave it out of the file",
         "hold dates as numbers such as 20240131, whose steps are uneven; write days since the "
         "first, or leave them out of the file"),
    ]  # fmt: skip
    if dataset.task == "classification":
        found.append(_named("is another name of the class", "are other names of the class",
                            _copies_of_label(x, y)))  # fmt: skip
    for name, column in zip(dataset.class_names, y.T, strict=False):
        if dataset.task == "multilabel":
            found.append(_named(f"is another name of the label {name!r}",
                                f"are other names of the label {name!r}",
                                _copies_of_label(x, column)))  # fmt: skip
        elif dataset.task == "regression":
            found.append(_named(f"is the target {name!r} in another unit",
                                f"are the target {name!r} in another unit",
                                _other_units(x, column)))  # fmt: skip
    return [
        f"{dataset.name}: {name_columns(dataset, places)} {one if len(places) == 1 else several}"
        for places, one, several in found
        if places
    ]


def _named(one: str, several: str, places: list[int]) -> tuple[list[int], str, str]:
    return places, f"{one}; leave it out of the file", f"{several}; leave them out of the file"


def _other_units(x: Images, y: npt.NDArray[np.float32]) -> list[int]:
    """Columns of which the target is a linear function, but for rounding to float32."""
    start = start_of(x)
    alike, _ = _are_linear(start, y[: len(start)], 1e-6)
    return [
        int(place)
        for place in np.flatnonzero(alike)  # also what is constant so far
        if all(one.all() for one in _are_linear(x[:, place : place + 1], y, 1e-12))
    ]


def _are_linear(x: _Array, y: _Array, tolerance: float) -> tuple[_Array, _Array]:
    """Whether a target is a linear function of each column, and whether the two vary at all."""
    inputs = x.astype(np.float64)
    inputs -= inputs.mean(axis=0)
    target = y.astype(np.float64) - y.mean(dtype=np.float64)
    lengths = np.sqrt((inputs**2).sum(axis=0) * (target @ target))
    return np.abs(target @ inputs) >= (1 - tolerance) * lengths, lengths > 0


def _numbering_columns(train: Images, test: Images) -> list[int]:
    """Columns that count the rows: by their order, or by even steps of what is all different.

    Whole numbers may leave out half of the steps, in any order, or any number of them where they
    run with the rows. Others fill all steps, or run with the rows in steps that are about even,
    since a file may be sorted by something that was measured.
    """
    start = start_of(train)
    if len(start) < _FEWEST_ROWS:
        return []
    is_distinct = (np.diff(np.sort(start, axis=0), axis=0) > 0).all(axis=0)
    steps = np.diff(start, axis=0)
    runs = (steps > 0).all(axis=0) | (steps < 0).all(axis=0)
    is_whole = (start == np.floor(start)).all(axis=0)
    is_wide = train.shape[1] > 1  # the only input is no number of a row
    is_even = np.zeros_like(runs)
    if is_wide and is_distinct.any():
        is_even = _may_fill_grid(start, train, test)
    return [
        int(place)
        for place in np.flatnonzero(is_distinct & (is_whole | (is_wide & (runs | is_even))))
        if _numbers_rows(train[:, place], test[:, place], bool(is_whole[place]), is_wide)
    ]


def _may_fill_grid(start: _Array, train: Images, test: Images) -> npt.NDArray[np.bool_]:
    """Whether the first values are on the grid of as many even steps as there are rows."""
    ends = [np.stack([part.min(axis=0), part.max(axis=0)]) for part in (train, test)]
    low, high = (pick([end[at] for end in ends], axis=0).astype(np.float64)
                 for at, pick in enumerate((np.min, np.max)))  # fmt: skip
    step = (high - low) / (len(train) + len(test) - 1)
    is_fine = step > 10 * _rounding(low, high)
    places = np.divide(start - low, step, out=np.full_like(start, 0.5), where=is_fine)
    return np.asarray((np.abs(places - np.rint(places)) < 0.1).all(axis=0))


def _rounding(low: _Array, high: _Array) -> _Array:
    """How far apart numbers of float32 are, where they are farthest."""
    greatest = np.maximum(np.abs(low), np.abs(high)).astype(np.float32)
    return np.spacing(greatest).astype(np.float64)


def _numbers_rows(train: _Array, test: _Array, is_whole: bool, is_wide: bool) -> bool:
    both = np.concatenate([train, test])
    if is_whole and (_is_numbering(train) or _is_numbering(both)):
        return True
    if not is_wide:
        return False
    gaps = np.diff(np.sort(both).astype(np.float64))
    if gaps.max() - gaps.min() < 0.1 * gaps.mean() + 2 * float(_rounding(both.min(), both.max())):
        return bool(gaps.min() > 0)
    if not any(all(_runs(sign * part) for part in (train, test)) for sign in (1, -1)):
        return False
    own = np.diff(np.sort(train).astype(np.float64))
    return is_whole or any(float(np.std(one)) < 0.5 * float(np.mean(one)) for one in (gaps, own))


def _runs(values: _Array) -> bool:
    return bool((np.diff(values.astype(np.float64)) > 0).all())


def _is_numbering(values: _Array) -> bool:
    """Whether they are all different and fill at least half of a grid of even steps."""
    ordered = np.sort(values).astype(np.float64)
    gaps = np.diff(ordered)
    step = gaps.min()
    if step <= 0 or ordered[-1] - ordered[0] >= 2 * len(ordered) * step:
        return False
    return bool(gaps.max() == step or (gaps % step == 0).all())


def _date_columns(x: Images) -> list[int]:
    """Columns of whole numbers that are all year, month and day: 19000101 to 21001231."""
    start = start_of(x)
    if len(start) < _FEWEST_ROWS:
        return []
    varies = (start != start[0]).any(axis=0)
    return [int(place) for place in np.flatnonzero(varies & _are_dates(start).all(axis=0))
            if _are_dates(x[:, place].astype(np.float64)).all()]  # fmt: skip


def _are_dates(values: _Array) -> npt.NDArray[np.bool_]:
    month, day = np.floor(values / 100) % 100, values % 100  # a day is up to 32 in float32
    is_year = (values >= 19_000_000) & (values <= 21_001_232)
    return np.asarray(is_year & (month >= 1) & (month <= 12) & (day <= 32))


def _copies_of_label(x: Images, y: npt.NDArray[np.int32]) -> list[int]:
    """Columns that have one value in each class, and in no two classes the same."""
    firsts = np.unique(y, return_index=True)[1]
    first = firsts[y]  # every class has a training example
    start = start_of(x)
    is_same = (start == x[first[: len(start)]]).all(axis=0)
    return [
        int(place)
        for place in np.flatnonzero(is_same)
        if len(np.unique(x[firsts, place])) == len(firsts)
        and (x[:, place] == x[first, place]).all()
    ]
