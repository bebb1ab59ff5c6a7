"""Data from Python: arrays, frames, and the datasets of other libraries, read once into arrays.

No library is imported: a value is known by what it can do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from stepladder.data.cache import StoredDataset, cache_root
from stepladder.data.cells import in_order
from stepladder.data.dataset import Dataset, Task, assemble, list_names, refuse_unknown
from stepladder.data.memory import check_memory
from stepladder.data.preprocessing import with_revision
from stepladder.data.rows import draw_test_rows
from stepladder.data.tables import class_names, read_table
from stepladder.errors import DataError, StudyError
from stepladder.study.sources import ArraysDataset, TableDataset

_Array = npt.NDArray[Any]
_Value = Any  # of any library

_HELD: WeakValueDictionary[str, Dataset] = WeakValueDictionary()
"""Data that studies of this process hold, by fingerprint."""

_FORMS = (
    "(x_train, y_train, x_test, y_test), the same with x_val, y_val before x_test, a mapping of "
    "these names, ((x_train, y_train), (x_test, y_test)), or what stepladder.dataset() makes of a "
    "frame and its label"
)
_NAMES = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")
_GREATEST = float(np.finfo(np.float32).max)


def dataset(
    data: object,
    test: object = None,
    validation: object = None,
    *,
    label: str | Sequence[str] | None = None,
    test_share: float | None = None,
    task: Task | None = None,
    name: str = "data",
    **table: Any,  # noqa: ANN401 - see TableDataset
) -> ArraysDataset:
    """Data of a Python program as a study takes them: `Study(dataset=...)`.

    Args:
        data: `(x_train, y_train, x_test, y_test)`, the same with `x_val, y_val` before `x_test`,
            a mapping of these names, or `((x_train, y_train), (x_test, y_test))` as Keras loads
            data. Or examples alone, beside `test` or `test_share`: `(x, y)`, a pandas or polars
            frame, a scikit-learn `Bunch`, a finite dataset of torch or `tf.data`.
        test: the test part, in the same form as the examples.
        validation: a validation part, used in the place of one that is drawn.
        label: column of a frame that holds the label, or the columns of labels or targets.
        test_share: share of the rows that become the test part, drawn as of a CSV file.
        task: what is to be learnt; classes when None.
        name: what the data are called in tables and reports.
        table: of a frame, what a table of a study may say: `ignore`, `categories`, `impute`,
            `indicator`.

    Raises:
        DataError: if they are no such data.

    Example:
        >>> x, y = [[0.5], [1.5], [0.5], [1.5]], ["no", "yes", "no", "yes"]
        >>> dataset((x, y, x, y), name="tiny").name
        'tiny'
    """
    given = {"train": data, "validation": validation, "test": test}
    frames = {part: value for part, value in given.items() if value is not None or part == "train"}
    if label is not None and frames and all(map(_is_frame, frames.values())):
        made = _of_frames(name, frames, label, test_share, task, table)
        held = _HELD.setdefault(made.fingerprint, made)
        return ArraysDataset.of(held, arrays=made.fingerprint, name=name, task=task)
    if table:
        raise DataError(
            f"{name}: {list_names(list(table))} must stand beside a frame and its label, found "
            f"{_kind(data)}; leave it out"
        )
    parts = _parts(name, data, test, validation, label)
    if test_share is None:
        made = with_parts(name, parts, task)
    else:
        if parts.keys() != {"train"}:
            raise DataError(
                f"{name}: test_share must stand alone, found a test or validation part beside it; "
                "leave one of them out"
            )
        made = drawn_test(name, parts["train"], test_share, task)
    made = with_revision(_with_own_memory(made, parts))
    held = _HELD.setdefault(made.fingerprint, made)
    return ArraysDataset.of(held, arrays=made.fingerprint, name=name, task=task)


def _of_frames(
    name: str, frames: Mapping[str, _Value], label: str | Sequence[str], test_share: float | None,
    task: Task | None, table: Mapping[str, Any],
) -> Dataset:  # fmt: skip
    """The dataset of frames, read as a file of the same content is."""
    parts = {part: name for part in frames if part != "train"}
    labels = label if isinstance(label, str) else tuple(label)
    try:
        source = TableDataset(csv=name, label=labels, test_share=test_share, task=task,
                              **{**parts, **table})  # fmt: skip
    except StudyError as error:
        raise DataError(f"{name}: {error}") from None
    return with_revision(read_table(source, name, frames))


def find_held(source: ArraysDataset) -> Dataset:
    """The data that were given from Python: in this process, the run's folder or the cache.

    Raises:
        DataError: if they are nowhere any more.
    """
    held = source.held or _HELD.get(source.arrays)
    for root in (source.folder and Path(source.folder), cache_root()):
        if held is None and root:
            held = StoredDataset.find(root, source.arrays)
    if held is None:
        where = f" in {source.folder!r}" if source.folder else ""
        raise DataError(
            f"{source.name}: the data that were given from Python must be there, found none of the "
            f"fingerprint {source.arrays[:16]}…{where} or in the cache of this machine; run the "
            "study again from the program that gives them, Study(dataset=...)"
        )
    return held if held.name == source.name else replace(held, name=source.name)


class Examples(NamedTuple):
    """Inputs and targets as they were given, with what is known of them."""

    x: _Value
    y: _Value
    notes: tuple[str, ...] = ()


def _parts(
    name: str, data: _Value, test: _Value, validation: _Value, label: str | Sequence[str] | None
) -> dict[str, Examples]:
    """The examples of each part that was given."""
    together = _together(name, data)
    if together is not None:
        if test is not None or validation is not None or label is not None:
            raise DataError(
                f"{name}: data must be examples alone where test, validation or label is given, "
                "found several parts; leave one of them out"
            )
        return together
    all_parts = {"train": data, "val": validation, "test": test}
    given = {part: value for part, value in all_parts.items() if value is not None}
    other = next((value for value in given.values() if not _is_frame(value)), None)
    if label is not None and other is not None:
        raise DataError(
            f"{name}: label is a column of a frame, found it beside {_kind(other)}; leave it out"
        )
    return {part: _examples(name, part, value) for part, value in given.items()}


def _together(name: str, data: _Value) -> dict[str, Examples] | None:
    """All parts where they come in one value; None for examples alone."""
    if isinstance(data, Mapping) and not _is_bunch(data):
        unknown = sorted(map(str, set(data) - set(_NAMES)))
        if unknown or not {"x_train", "y_train", "x_test", "y_test"} <= set(data):
            raise DataError(
                f"{name}: a mapping must have x_train, y_train, x_test, y_test, and may have x_val "
                f"and y_val, found {list_names(sorted(map(str, data)))}; give these names"
            )
        values = [data[key] for key in _NAMES if key in data]
    elif isinstance(data, tuple | list):
        pairs = isinstance(data, tuple) and len(data) == 2
        if pairs and all(isinstance(part, tuple) and len(part) == 2 for part in data):
            values = [*data[0], *data[1]]  # as keras.datasets loads them
        elif pairs and all(_is_iterated(part) for part in data):
            return {"train": _examples(name, "train", data[0]),
                    "test": _examples(name, "test", data[1])}  # fmt: skip
        elif pairs:
            return None
        else:
            values = list(data)
    else:
        return None
    if len(values) not in (4, 6):
        raise DataError(
            f"{name}: data must be {_FORMS}, found {len(values)} values; give 4 or 6 of them"
        )
    names = ("train", "test") if len(values) == 4 else ("train", "val", "test")
    return {part: Examples(values[2 * place], values[2 * place + 1])
            for place, part in enumerate(names)}  # fmt: skip


def _examples(name: str, part: str, value: _Value) -> Examples:
    """Inputs and targets of one value that holds both."""
    if _is_frame(value):
        raise DataError(
            f"{name}: a frame must have its label named, found no label among "
            f'{list_names(list(map(str, value.columns)))}; give label="…", or x and y apart'
        )
    if _is_bunch(value):
        return of_bunch(value)
    if isinstance(value, tuple | list) and len(value) == 2:
        return Examples(*value)
    if _is_iterated(value):
        return _read(name, part, value)
    raise DataError(f"{name}: data must be {_FORMS}, found {_kind(value)}; give one of these")


def _kind(value: _Value) -> str:
    """What a value is, for messages."""
    kind = type(value)
    shape = getattr(value, "shape", None)
    found = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{found} of shape {tuple(shape)}" if isinstance(shape, tuple) else found


def _is_frame(value: _Value) -> bool:
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def _is_series(value: _Value) -> bool:
    return hasattr(value, "to_numpy") and hasattr(value, "name") and not _is_frame(value)


def _is_bunch(value: _Value) -> bool:
    return isinstance(value, Mapping) and "data" in value and "target" in value


def of_bunch(bunch: Mapping[str, _Value]) -> Examples:
    """Inputs and targets of what scikit-learn loads; classes have their names.

    Args:
        bunch: with `data`, `target`, and perhaps `feature_names` and `target_names`.
    """
    x, y = bunch["data"], bunch["target"]
    columns, names = bunch.get("feature_names"), bunch.get("target_names")
    inputs, values = None if _is_frame(x) else as_array(x), as_array(y)
    if not hasattr(y, "name") and values.ndim == 1 and values.dtype.kind == "f":
        y = Columns({"target": values})  # as in its frame
    if (
        inputs is not None
        and inputs.ndim == 2
        and isinstance(columns, Collection)
        and len(columns) == inputs.shape[1]
    ):
        x = Columns(dict(zip(map(str, columns), inputs.T, strict=True)))
    if _is_frame(y) or not isinstance(names, Collection):
        return Examples(x, y)
    if values.ndim == 2 and len(names) == values.shape[1]:
        y = Columns(dict(zip(map(str, names), values.T, strict=True)))
    elif (
        values.dtype.kind in "iu"
        and values.ndim == 1
        and len(names) > 1
        and ((values >= 0) & (values < len(names))).all()
    ):
        y = np.asarray([str(text) for text in names])[values]
    return Examples(x, y)


@dataclass(frozen=True)
class Columns:
    """Columns by name, as a frame has them."""

    by_name: Mapping[str, _Value]

    @property
    def columns(self) -> list[str]:
        """Their names."""
        return list(self.by_name)

    def __getitem__(self, name: str) -> _Value:
        return self.by_name[name]

    def to_numpy(self) -> _Array:
        """All of them, side by side."""
        return np.stack([as_array(column) for column in self.by_name.values()], axis=1)


def as_array(value: _Value) -> _Array:
    """Any array, series, tensor or list as an array of NumPy.

    Example:
        >>> as_array([[1, 2]]).shape
        (1, 2)
    """
    if hasattr(value, "detach"):  # a tensor of torch, which may be on a GPU or have a gradient
        value = value.detach().cpu().numpy()
    if hasattr(value, "toarray"):  # sparse, of SciPy
        check_memory(math.prod(value.shape) * value.dtype.itemsize, "a sparse matrix")
        value = value.toarray()
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        return np.asarray(value)
    except ValueError:  # lists of unequal lengths
        raise DataError(
            f"data must be arrays of one shape, found {_kind(value)} whose rows differ in length; "
            "give rows of one length"
        ) from None


# Classes may be texts.


def _is_text(values: _Array) -> bool:
    return values.dtype.kind in "USO"


def _texts(name: str, part: str, values: _Array) -> list[str]:
    """Labels as a CSV file has them."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(
            f"{name}: y_{part} must be one label an example, found the shape {values.shape}; give "
            "class names or numbers"
        )
    texts = ["" if _is_missing(value) else str(value).strip() for value in values.tolist()]
    if "" in texts:
        raise DataError(
            f"{name}: y_{part} must have a label in every row, found none in row "
            f"{texts.index('')}; fill it or leave out the row"
        )
    return texts


def _is_missing(value: object) -> bool:
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def _number_texts(
    name: str, texts: Mapping[str, list[str]]
) -> tuple[dict[str, _Array], tuple[str, ...]]:
    """Numbers of the classes of each part, and their names; the training part has all of them."""
    names = in_order(texts["train"])
    number = {text: place for place, text in enumerate(names)}
    numbers: dict[str, _Array] = {}
    for part, labels in texts.items():
        refuse_unknown(name, f"y_{part}", sorted(set(labels) - set(number)))
        numbers[part] = np.array([number[text] for text in labels], np.int32)
    return numbers, tuple(names)


# Parts that were given.


def with_parts(name: str, parts: Mapping[str, Examples], task: Task | None) -> Dataset:
    """A dataset whose test part was given.

    Args:
        name: what it is called.
        parts: examples of `train`, `test`, and perhaps `val`.
        task: what is to be learnt; classes when None.

    Raises:
        DataError: if they are no such parts, or do not belong together.

    Example:
        >>> one = Examples(np.eye(2), ["no", "yes"])
        >>> with_parts("t", {"train": one, "test": one}, None).class_names
        ('no', 'yes')
    """
    if "test" not in parts:
        raise DataError(
            f"{name}: data must have a test part, found none; give test=, or test_share=0.2 to "
            "have one drawn"
        )
    notes = tuple(dict.fromkeys(note for part in parts.values() for note in part.notes))
    y = {part: as_array(examples.y) for part, examples in parts.items()}
    is_table = all(_is_frame(examples.x) for examples in parts.values())
    is_classes = task in (None, "classification")
    names = None if is_classes else _target_names(parts["train"].y)
    if is_classes and (is_table or any(map(_is_text, y.values()))):
        texts = {part: _texts(name, part, values) for part, values in y.items()}
        y, names = _number_texts(name, texts)
    columns: tuple[str, ...] = ()
    if is_table:
        columns, x = _tables(name, {part: examples.x for part, examples in parts.items()})
    else:
        x = {part: as_array(examples.x) for part, examples in parts.items()}
    for part in parts:
        _check_lengths(name, part, x[part], y[part])
    made = assemble(
        name, x_train=x["train"], y_train=y["train"], x_test=x["test"], y_test=y["test"],
        x_val=x.get("val"), y_val=y.get("val"), task=task,
    )  # fmt: skip
    return replace(made, class_names=names or made.class_names, columns=columns, notes=notes)


def _check_lengths(name: str, part: str, x: _Array, y: _Array) -> None:
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise DataError(
            f"{name}: y_{part} must have one label for each example of x_{part}, found the shapes "
            f"{x.shape} and {y.shape}; check that the two belong together"
        )


def _target_names(y: _Value) -> tuple[str, ...] | None:
    """Names of targets or labels, where the value has some."""
    if _is_frame(y):
        return tuple(map(str, y.columns))
    return (str(y.name),) if _is_series(y) and y.name is not None else None


def _tables(name: str, frames: Mapping[str, _Value]) -> tuple[tuple[str, ...], dict[str, _Array]]:
    """Column names, and the inputs of each part: uint8 where all of them can be."""
    columns = [str(column) for column in frames["train"].columns]
    for part, frame in frames.items():
        found = [str(column) for column in frame.columns]
        if found != columns:
            raise DataError(
                f"{name}: x_{part} must have the columns of x_train, found {list_names(found)} and "
                f"{list_names(columns)}; give the same ones in the same order"
            )
    tables = {part: _numbers(name, part, frame) for part, frame in frames.items()}
    is_bytes = all(is_whole for _, is_whole in tables.values())
    return tuple(columns), {part: table.astype(np.uint8) if is_bytes else table
                            for part, (table, _) in tables.items()}  # fmt: skip


def _numbers(name: str, part: str, frame: _Value) -> tuple[npt.NDArray[np.float32], bool]:
    """The numbers of a frame, and whether all are whole and in 0…255, as `read_table` tells."""
    columns = list(frame.columns)
    rows = len(as_array(frame[columns[0]])) if columns else 0
    if not rows:
        raise DataError(
            f"{name}: x_{part} must have rows and columns, found {rows} rows of {len(columns)} "
            "columns; give more"
        )
    twice = [str(column) for column, times in Counter(columns).items() if times > 1]
    if twice:
        raise DataError(
            f"{name}: x_{part} must have columns whose names differ, found {list_names(twice)} "
            "more than once; rename one"
        )
    check_memory(2 * 4 * rows * len(columns), f"{name}: x_{part}")
    table, is_whole = np.empty((rows, len(columns)), np.float32), True
    for place, column in enumerate(columns):
        values = as_array(frame[column])
        if values.dtype.kind not in "biuf":
            raise _no_number(name, part, str(column), values)
        wide = values.astype(np.float64, copy=False)
        usable = np.abs(wide) <= _GREATEST  # false for NaN too
        if not usable.all():
            row = int(np.argmin(usable))
            raise DataError(
                f"{name}: x_{part} must have a finite number within the range of float32 in column "
                f"{str(column)!r}, found {wide[row]} in row {row}; fill it or leave out the row"
            )
        is_whole = is_whole and bool(
            wide.min() >= 0 and wide.max() <= 255 and (wide == np.floor(wide)).all()
        )
        table[:, place] = wide
    return table, is_whole


def _table_of_array(name: str, x: _Array) -> _Array:
    """A table as `_tables` has it, without a pass over each column; other arrays as they are."""
    if x.ndim != 2:
        return x
    is_number = x.dtype.kind in "biuf" and x.size > 0
    low, high = (x.min(), x.max()) if is_number else (math.nan, math.nan)
    if not (low >= -_GREATEST and high <= _GREATEST):  # so for NaN too: a column is named
        columns = {f"column {place + 1}": column for place, column in enumerate(x.T)}
        return _tables(name, {"train": Columns(columns)})[1]["train"]
    start = x[:1000]
    is_bytes = low >= 0 and high <= 255 and (start == np.floor(start)).all()
    is_bytes = is_bytes and (x.dtype.kind != "f" or bool((x == np.floor(x)).all()))
    return x.astype(np.uint8 if is_bytes else np.float32, copy=False)


def _no_number(name: str, part: str, column: str, values: _Array) -> DataError:
    """The refusal of a column that holds no numbers alone."""
    cells = values.tolist()
    row = next((row for row, cell in enumerate(cells) if not isinstance(cell, int | float)), 0)
    return DataError(
        f"{name}: x_{part} must hold numbers, found {cells[row]!r} in row {row} of column "
        f"{column!r}; give numbers, as pandas.get_dummies makes of categories, or leave the column "
        "out"
    )


# Parts that are drawn.


def drawn_test(name: str, examples: Examples, test_share: float, task: Task | None) -> Dataset:
    """A dataset whose test part is drawn from its rows, as that of a CSV file is.

    Args:
        name: what it is called.
        examples: all rows.
        test_share: share of the rows for the test part, between 0 and 1.
        task: what is to be learnt; classes when None.

    Raises:
        DataError: if it cannot be drawn.

    Example:
        >>> made = drawn_test("t", Examples(np.eye(4), ["a", "b", "a", "b"]), 0.5, None)
        >>> len(made.x_train), made.class_names
        (2, ('a', 'b'))
    """
    if not isinstance(test_share, float) or not 0 < test_share < 1:
        raise DataError(
            f"{name}: test_share must be a share between 0 and 1, found {test_share!r}; write a "
            "number such as 0.2"
        )
    x, y = examples.x, as_array(examples.y)
    if y.ndim == 0 or (not _is_frame(x) and as_array(x).ndim == 0):
        raise DataError(
            f"{name}: data must be x and y with a row for each example, found {_kind(x)} and "
            f"{_kind(examples.y)}; give arrays"
        )
    columns: tuple[str, ...] = ()
    if _is_frame(x):
        columns, tables = _tables(name, {"train": x})
        inputs = tables["train"]
    else:
        inputs = _table_of_array(name, as_array(x))
    if len(inputs) != len(y) or len(y) < 2:
        raise DataError(
            f"{name}: data must have one label for each example, and 2 examples or more, found "
            f"{len(inputs)} examples and {len(y)} labels; check that the two belong together"
        )
    is_classes = task in (None, "classification")
    strata, names = np.zeros(len(y), np.int32), _target_names(examples.y)
    if is_classes:
        texts = _texts(name, "train", y)
        names = class_names(Path(name), Counter(texts), is_declared=task is not None, is_drawn=True)
        number = {text: place for place, text in enumerate(names)}
        y = strata = np.array([number[text] for text in texts], np.int32)
    test = draw_test_rows(strata, test_share)
    made = assemble(name, x_train=inputs[~test], y_train=y[~test], x_test=inputs[test],
                    y_test=y[test], task=task)  # fmt: skip
    return replace(made, class_names=names or made.class_names, columns=columns,
                   notes=examples.notes)  # fmt: skip


def _with_own_memory(made: Dataset, parts: Mapping[str, Examples]) -> Dataset:
    """The dataset, none of whose arrays the program can change afterwards."""
    given = [value for examples in parts.values() for value in (examples.x, examples.y)]
    arrays = [as_array(value) for value in given if not _is_frame(value)]
    shared: dict[str, Any] = {
        part: np.array(getattr(made, part))
        for part in ("x_train", "y_train", "x_test", "y_test")
        if any(np.may_share_memory(getattr(made, part), array) for array in arrays)
    }
    return replace(made, **shared) if shared else made


# Datasets of torch and tf.data.


def _is_iterated(value: _Value) -> bool:
    """Whether it is a dataset or loader of torch, or a dataset of TensorFlow."""
    if hasattr(value, "element_spec"):
        return True
    if (
        isinstance(value, tuple | list | str | Mapping)
        or hasattr(value, "dtype")
        or _is_frame(value)
    ):
        return False
    has_length = hasattr(value, "__getitem__") and hasattr(value, "__len__")
    return has_length or any(kind.__module__.startswith("torch.") for kind in type(value).__mro__)


def _read(name: str, part: str, value: _Value) -> Examples:
    """The examples of a dataset that is read once, from its first to its last."""
    if hasattr(value, "element_spec"):
        return _of_tensorflow(name, part, value)
    inner: _Value = getattr(value, "dataset", value)  # a loader shuffles and leaves rows out
    if hasattr(inner, "__getitem__") and hasattr(inner, "__len__"):
        return _of_torch(name, part, (inner[row] for row in range(len(inner))), len(inner))
    raise DataError(
        f"{name}: {part} must be a dataset of known length, found {_kind(inner)} without one; read "
        "it into arrays and give these"
    )


def _of_torch(name: str, part: str, rows: Iterator[_Value], count: int) -> Examples:
    first = next(rows, None)
    if first is None:
        raise DataError(f"{name}: {part} must have examples, found none; give a longer dataset")
    ys: list[_Array] = []
    xs, kinds = np.empty(0), None
    for place, row in enumerate(chain([first], rows)):
        if not isinstance(row, tuple | list) or len(row) != 2:
            raise DataError(
                f"{name}: {part} must give pairs of input and label, found {_kind(row)}; give a "
                "dataset of such pairs"
            )
        x, y = as_array(row[0]), as_array(row[1])
        if place == 0:
            check_memory(count * x.nbytes, f"{name}: {part}")
            xs, kinds = np.empty((count, *x.shape), x.dtype), (x.shape, x.dtype, y.shape)
        if (x.shape, x.dtype, y.shape) != kinds:
            raise DataError(
                f"{name}: {part} must have examples and labels of one shape and type, found "
                f"{x.dtype} {x.shape} and {y.shape} in example {place} after {xs.dtype} "
                f"{xs.shape[1:]} and {ys[0].shape}; bring them to one"
            )
        xs[place] = x
        ys.append(y)
    moved, notes = _channels_last(name, xs)
    return Examples(moved, np.stack(ys), notes)


def _channels_last(name: str, x: _Array) -> tuple[_Array, tuple[str, ...]]:
    """Images of torch, whose channels come first, as ours."""
    if x.ndim != 4 or x.shape[1] not in (1, 3, 4) or x.shape[3] in (1, 3, 4):
        return x, ()
    moved = x[:, 0] if x.shape[1] == 1 else np.moveaxis(x, 1, -1)
    return np.ascontiguousarray(moved), (
        f"{name}: examples of shape {x.shape[1:]} are taken for images with their channels first, "
        f"and read as {moved.shape[1:]}",
    )


_INFINITE = -1


def _of_tensorflow(name: str, part: str, value: _Value) -> Examples:
    spec = value.element_spec
    if not isinstance(spec, tuple | list) or len(spec) != 2:
        raise DataError(
            f"{name}: {part} must give pairs of input and label, found elements of {spec}; give a "
            "dataset of such pairs"
        )
    if int(value.cardinality()) == _INFINITE:
        raise DataError(
            f"{name}: {part} must end, found an infinite dataset; leave out repeat(), or add "
            "take(examples)"
        )
    is_batched = _is_batched(*(tuple(one.shape) for one in spec))
    xs, ys, size = [], [], 0
    for element in value:
        x, y = as_array(element[0]), as_array(element[1])
        xs.append(x if is_batched else x[None])
        ys.append(y if is_batched else y[None])
        size += x.nbytes
        check_memory(2 * size, f"{name}: {part}")
    if not xs:
        raise DataError(f"{name}: {part} must have examples, found none; give a longer dataset")
    notes = (f"{name}: {part} was read as batches of examples",) if is_batched else ()
    return Examples(np.concatenate(xs), np.concatenate(ys), notes)


def _is_batched(x: tuple[int | None, ...], y: tuple[int | None, ...]) -> bool:
    """Whether elements hold several examples: both begin with the same side.

    Example:
        >>> _is_batched((None, 28, 28), (None,)), _is_batched((28, 28), ())
        (True, False)
    """
    return len(x) > 1 and len(y) > 0 and x[0] == y[0]
