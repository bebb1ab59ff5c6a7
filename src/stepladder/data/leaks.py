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

_Table = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


def dataset_notes(dataset: Dataset) -> tuple[str, ...]:
    """What makes test accuracy look better than it is, and arrays that are not used, as sentences.

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
    notes += _rows_in_both_parts(dataset)
    if dataset.x_train.ndim == 2:
        notes += _telling_columns(dataset)
    return tuple(notes)


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
    numbering = _numbering_columns(parts)
    copies = _copies_of_label(dataset.x_train, dataset.y_train)
    return [
        f"{dataset.name}: {_column(dataset, place)} {what}; leave it out of the file"
        for places, what in (
            (numbering, "numbers the rows, and their order may give the class away"),
            (copies, "is another name of the class"),
        )
        for place in places
    ]


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
