"""What gives answers away: rows in both parts, running numbers, copies of the label."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, list_names

_LEAST_SHARE = 0.01
"""Share of the test rows that must stand in the training part too to be told."""

_FEWEST_ROWS = 20
"""Rows below which even steps of a column may be chance."""

_LOOKED_AT = 200
"""Rows on which a column is looked at first."""

_FEWEST_MEASURED, _LETTERS = 20, 26
"""Distinct labels from which they may be measured, and up to which they may be numbered classes."""

_FEWEST_PIXELS = 64
"""Columns of bytes from which a table may be of images, such as digits of 8 × 8."""

_Table = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


def dataset_notes(dataset: Dataset) -> tuple[str, ...]:
    """What reading took for granted or left out, and what flatters test scores, as sentences.

    Example:
        >>> from stepladder.data import synthetic
        >>> dataset_notes(synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0))
        ()
    """
    unused = list_names(list(dataset.unused))
    notes = [
        f"{dataset.name}: {unused} of the file {'is' if len(dataset.unused) == 1 else 'are'} not "
        "used: the validation part is drawn from x_train"
    ] if dataset.unused else []  # fmt: skip
    notes += dataset.notes
    notes += _rows_in_both_parts(dataset)
    if dataset.x_train.ndim == 2:
        notes += _telling_columns(dataset)
    return tuple(notes)


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
    train, test = (_keys(part) for part in (dataset.x_train, dataset.x_test))
    is_known, is_asked = np.isin(test, train), np.isin(train, test)
    known = set(_rows(dataset.x_train[is_asked]))  # keys are equal for some others too
    count = sum(row in known for row in _rows(dataset.x_test[is_known]))
    if count < _LEAST_SHARE * len(test):
        return []
    if count == len(test) and is_asked.all():
        return [
            f"{dataset.name}: the test part is the training part: test accuracy says nothing of "
            "new examples; give other examples as x_test"
        ]
    return [
        f"{dataset.name}: {count:,} of {len(test):,} test examples stand in the training part too, "
        "and can be answered from memory; leave each example in one part"
    ]


def _keys(x: _Table) -> npt.NDArray[np.uint64]:
    """A number for each example, equal where all its values are, and for few others."""
    values = x.reshape(len(x), -1).view(np.uint8)
    words = np.pad(values, ((0, 0), (0, -values.shape[1] % 8))).view(np.uint64)
    weights = np.random.default_rng(0).integers(2**64, size=words.shape[1], dtype=np.uint64)
    keys: npt.NDArray[np.uint64] = words @ weights  # modulo 2^64
    return keys


def _rows(x: _Table) -> list[bytes]:
    return [row.tobytes() for row in x]


def _telling_columns(dataset: Dataset) -> list[str]:
    parts = dataset.x_train, dataset.x_test
    target = {"classification": "class", "regression": "target", "multilabel": "labels"}
    telling = [
        (place, f"numbers the rows, and their order may give the {target[dataset.task]} away")
        for place in _numbering_columns(parts)
    ]
    if dataset.task == "classification":
        copies = _copies_of_label(dataset.x_train, dataset.y_train)
        telling += [(place, "is another name of the class") for place in copies]
    for name, y in zip(dataset.class_names, dataset.y_train.T, strict=False):
        if dataset.task == "multilabel":
            copies = _copies_of_label(dataset.x_train, y)
            telling += [(place, f"is another name of the label {name!r}") for place in copies]
        elif dataset.task == "regression":
            copies = _other_units(dataset.x_train, y)
            telling += [(place, f"is the target {name!r} in another unit") for place in copies]
    return [
        f"{dataset.name}: {_column(dataset, place)} {what}; leave it out of the file"
        for place, what in telling
    ]


def _other_units(x: _Table, y: npt.NDArray[np.float32]) -> list[int]:
    """Columns of which the target is a linear function, but for rounding to float32."""
    inputs = x.astype(np.float64)  # a copy: tables are small beside images
    inputs -= inputs.mean(axis=0)
    target = y.astype(np.float64) - y.mean(dtype=np.float64)
    lengths = np.sqrt((inputs**2).sum(axis=0) * (target @ target))
    alike = np.abs(target @ inputs) >= (1 - 1e-12) * lengths
    return [int(place) for place in np.flatnonzero(alike & (lengths > 0))]


def _column(dataset: Dataset, place: int) -> str:
    return f"the column {dataset.columns[place]!r}" if dataset.columns else f"column {place + 1}"


def _numbering_columns(parts: tuple[_Table, _Table]) -> list[int]:
    """Columns of whole numbers, all different, that fill at least half of a grid of even steps."""
    start = parts[0][:_LOOKED_AT]
    if len(start) < _FEWEST_ROWS:
        return []
    is_whole = (start == np.floor(start)).all(axis=0) & (start[0] != start[1])
    return [
        int(place)
        for place in np.flatnonzero(is_whole)
        if len(np.unique(start[:, place])) == len(start)  # most columns end here
        and (
            _is_numbering(parts[0][:, place])
            or _is_numbering(np.concatenate([part[:, place] for part in parts]))
        )
    ]


def _is_numbering(values: npt.NDArray[Any]) -> bool:
    ordered = np.sort(values).astype(np.float64)
    gaps = np.diff(ordered)
    step = gaps.min()
    if step <= 0 or ordered[-1] - ordered[0] >= 2 * len(ordered) * step:
        return False
    return bool((gaps % step == 0).all())


def _copies_of_label(x: _Table, y: npt.NDArray[np.int32]) -> list[int]:
    """Columns that have one value in each class, and in no two classes the same."""
    places = np.arange(x.shape[1])
    firsts: list[npt.NDArray[Any]] = []
    for label in range(int(y.max()) + 1):
        rows = x[y == label][:, places]
        same = (rows == rows[0]).all(axis=0)
        places, firsts = places[same], [own[same] for own in firsts] + [rows[0][same]]
        if not len(places):
            return []
    table = np.stack(firsts)
    return [int(place) for place, column in zip(places, table.T, strict=True)
            if len(np.unique(column)) == len(column)]  # fmt: skip
