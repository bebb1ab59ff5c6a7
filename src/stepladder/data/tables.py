"""Reads tables: columns of labels or targets, and inputs of numbers, booleans or categories."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from stepladder.data.cells import (
    MISSING,
    are_numbers,
    booleans,
    codes_of,
    in_order,
    is_date,
    is_number,
    numbers,
    to_number,
    together,
    without_missing,
)
from stepladder.data.columnar import ColumnarFile, FrameFile, unnamed_index
from stepladder.data.dataset import Dataset, Images, Labels, Targets, list_names
from stepladder.data.delimited import DelimitedFile, Wanted
from stepladder.data.memory import check_memory
from stepladder.data.rows import NO_KEYS, RowKeys, draw_test_rows
from stepladder.data.splits import divide_by_keys
from stepladder.errors import DataError
from stepladder.files import name_in_list

if TYPE_CHECKING:
    from stepladder.study.sources import TableDataset

_MOST_CATEGORIES = 100
_GREATEST = float(np.finfo(np.float32).max)
_MISSING_CATEGORY = "missing"

_Array = Any
"""A `pyarrow.Array`, which has no types for mypy."""
_Float64 = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.bool_]


class TableFile(Protocol):
    """What holds a table: see `DelimitedFile`, `ColumnarFile` and `FrameFile`."""

    path: Path
    columns: list[str]
    decimal: str
    notes: list[str]
    is_typed: bool
    unfit: dict[str, str]

    def batches(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """The rows of some columns, a block at a time: an array for each column."""

    def place(self, row: int) -> str:
        """Where a row is, for messages; rows count from 0."""


def read_table(
    source: TableDataset,
    name: str,
    frames: Mapping[str, Any] | None = None,
    keys: RowKeys | None = None,
) -> Dataset:
    """The dataset of a table.

    Labels of classes may be any text; classes are in the order of the numbers where all of them are
    numbers, else in the order of the text. Inputs are uint8 where all are whole numbers in
    0…255, else float32. Where the test part is a share of the rows, it is drawn stratified and
    depends on nothing but the file and the share; each class has at least one row in either part,
    and apart from that its share within one row. The test rows of other tasks are drawn at random.

    Categories and the values that replace missing ones are those of the training rows alone.

    Args:
        source: the files, and how to read them.
        name: what the dataset is called.
        frames: of `train`, and perhaps `validation` and `test`, in the place of the files.
        keys: columns that divide the rows, and folds; those of the source when None.

    Raises:
        DataError: if a file is not such a table.
        OSError: if one cannot be opened.
    """
    keys = keys or RowKeys(source.group, source.time, source.part)
    reading = _Reading(source, frames, keys)
    for part in ("train", "validation", "test"):
        reading.add(part)
    return reading.dataset(name)


@dataclass(frozen=True)
class ColumnFacts:
    """What a column holds, as the reader of inputs takes it.

    Attributes:
        name: of it.
        kind: number, boolean or text; None where it holds nothing, or texts among numbers.
        values: numbers, or codes of texts, of shape (rows,); NaN for missing ones.
        unfit: why it can be no input, in a few words; empty where it can.
    """

    name: str
    kind: str | None
    values: _Float64
    unfit: str

    @property
    def has_missing(self) -> bool:
        """Whether a row has no value."""
        return bool(np.isnan(self.values).any())

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """The rows of each of its values, missing ones apart."""
        counts: npt.NDArray[np.int64]
        _, counts = np.unique(self.values[~np.isnan(self.values)], return_counts=True)
        return counts


def column_facts(file: TableFile) -> list[ColumnFacts]:
    """What each column of a table holds, but for an index without a name.

    Args:
        file: the table, which is read once.

    Raises:
        DataError: if it cannot be read.
    """
    index = _index_of(file)
    _check_columns(file, Wanted(()), set(), "train")
    columns = [_Input(name, file.is_typed) for name in file.columns
               if name not in {*index, *file.unfit}]  # fmt: skip
    values: dict[str, list[_Float64]] = {column.name: [] for column in columns}
    unfit, rows = dict(file.unfit), 0
    for arrays in file.batches(list(values)) if columns else ():
        rows += len(arrays[0])
        for column, array in zip(columns, arrays, strict=True):
            if column.name not in unfit:
                try:
                    values[column.name].append(column.read(array, file.decimal, False))
                except _Cell as cell:
                    unfit[column.name] = f"{cell.found} where {cell.expected} is expected"
    unread = np.full(rows, math.nan)
    facts = {name: ColumnFacts(name, None, unread, what) for name, what in unfit.items()}
    for column in columns:
        if column.name not in unfit:
            cells = np.concatenate([np.empty(0), *values.pop(column.name)])
            facts[column.name] = ColumnFacts(column.name, column.kind, cells, column.unfit(rows))
    return [facts[name] for name in file.columns if name not in index]


class _Cell(Exception):
    """A cell that cannot be used.

    Attributes:
        row: of it in its block.
    """

    def __init__(self, row: int, expected: str, found: str, advice: str) -> None:
        super().__init__(expected, found, advice)
        self.row, self.expected, self.found, self.advice = row, expected, found, advice


@dataclass
class _Input:
    """A column of inputs, as its blocks are read one after the other.

    Attributes:
        name: of the column.
        kind: what it holds; None while it has nothing but missing values.
        codes: numbers of the texts, in the order in which they were met.
        is_whole: whether all numbers are whole and in 0…255.
        has_missing: whether a value is missing.
        is_typed: whether the file says what is a text: one of digits is no number.
    """

    name: str
    is_typed: bool = False
    kind: str | None = None
    codes: dict[str, int] = field(default_factory=dict)
    is_whole: bool = True
    has_missing: bool = False

    def read(self, array: _Array, decimal: str, is_first: bool) -> _Float64:
        """Numbers, or the codes of texts; NaN for missing values."""
        values: _Float64 | None
        if self.kind is None:
            self.kind = self._kind(array, decimal)
        if self.kind == "text":
            values = self._encode(array)
        else:
            values = (_truth if self.kind == "boolean" else numbers)(array, decimal)
        if values is None:
            raise self._wrong(array, decimal)
        least, most = (float(bound) for bound in (values.min(), values.max()))  # NaN spreads
        self.has_missing = self.has_missing or math.isnan(least)
        if self.kind == "number":
            self._check_numbers(values, least, most)
        elif self.kind == "text" and is_first:
            self._check_texts(array)
        return values

    def _kind(self, array: _Array, decimal: str) -> str | None:
        from pyarrow import types

        if types.is_boolean(array.type):
            return "boolean"
        if types.is_string(array.type) and not self.is_typed:
            values = numbers(array, decimal)
            if values is None:
                if booleans(array) is not None:
                    return "boolean"
                self._check_mixture(array, decimal)
                return "text"
        elif types.is_string(array.type):
            return "text" if array.null_count < len(array) else None
        else:
            values = numbers(array)
        assert values is not None
        return None if np.isnan(values).all() else "number"

    def _check_mixture(self, array: _Array, decimal: str) -> None:
        """Refuses numbers among which there is a text: most likely a slip."""
        texts = without_missing(array).drop_null()
        counts = texts.value_counts()
        numeric = total = 0
        for text, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(),
                               strict=True):  # fmt: skip
            numeric += count * _reads(text, decimal)
            total += count
        if 2 * numeric > total:
            raise self._wrong(array, decimal)

    def _wrong(self, array: _Array, decimal: str) -> _Cell:
        """The first cell that is neither missing nor of the column's kind."""
        is_boolean = self.kind == "boolean"
        row, text = next(
            (row, text) for row, text in enumerate(without_missing(_texts(array)).to_pylist())
            if text is not None and not (
                text.lower() in ("true", "false") if is_boolean else _reads(text, decimal))
        )  # fmt: skip
        is_comma = decimal == "." and _reads(text, ",")
        advice = (
            'write decimal = "," in dataset if that is the decimal mark' if is_comma
            else f'write a number, or leave the column out with ignore = ["{self.name}"] in dataset'
        )  # fmt: skip
        return _Cell(row, "true or false" if is_boolean else "a number", repr(text[:80]), advice)

    def _check_numbers(self, values: _Float64, least: float, most: float) -> None:
        if not (least >= -_GREATEST and most <= _GREATEST):
            unusable = np.abs(values) > _GREATEST  # false for NaN
            if unusable.any():
                row = int(np.argmax(unusable))
                raise _Cell(row, "a finite number within the range of float32", str(values[row]),
                            "write such a number or remove the row")  # fmt: skip
            values = values[~np.isnan(values)]
            least, most = values.min(initial=0), values.max(initial=0)
        if self.is_whole:
            is_byte = least >= 0 and most <= 255
            self.is_whole = bool(is_byte and (values == np.floor(values)).all())

    def _encode(self, array: _Array) -> _Float64:
        distinct = without_missing(_texts(array)).dictionary_encode()
        numbers = [self.codes.setdefault(text, len(self.codes))
                   for text in distinct.dictionary.to_pylist()]  # fmt: skip
        return np.array([*numbers, math.nan])[codes_of(distinct)]

    @property
    def _has_dates(self) -> bool:
        return bool(self.codes) and all(map(is_date, self.codes))

    def unfit(self, rows: int) -> str:
        """Why a column of so many rows can be no input, in a few words; empty where it can."""
        if self._has_dates:
            return "dates"
        if self.codes and all(map(_AMOUNT.fullmatch, self.codes)):
            return "numbers with a sign such as $ or %: write plain ones"
        # A third, where `_text_encoder` asks for half: of the training rows, which are fewer.
        if len(self.codes) > min(_MOST_CATEGORIES, rows // 3):
            return "too many different texts"
        return "" if self.kind else "no value"

    def _check_texts(self, array: _Array) -> None:
        """Refuses dates, and texts that are no categories."""
        ignore = f'leave the column out with ignore = ["{self.name}"] in dataset'
        if self._has_dates:
            text = next(iter(self.codes))
            row = without_missing(_texts(array)).to_pylist().index(text)
            raise _Cell(row, "a number or a category", f"the date or time {text!r}",
                        f"{ignore}, or write columns of numbers made from it")  # fmt: skip
        if len(self.codes) > _MOST_CATEGORIES:
            raise _Cell(
                0, f"a category, one of {_MOST_CATEGORIES} at most",
                f"{len(self.codes)} texts such as {next(iter(self.codes))[:80]!r}", ignore,
            )  # fmt: skip


_AMOUNT = re.compile(r"(?=.*[%$€£¥])[-+]?[$€£¥]? ?[-+]?\d[\d.,]* ?[%$€£¥]?")
"""A price or a share."""


def _texts(array: _Array) -> _Array:
    """An array as texts: numbers and booleans as Python writes them."""
    import pyarrow
    from pyarrow import types

    if types.is_string(array.type):
        return array
    texts = [None if value is None or value != value else str(value)  # NaN differs from itself
             for value in array.to_pylist()]  # fmt: skip
    return pyarrow.array(texts, pyarrow.string())


def _truth(array: _Array, decimal: str) -> _Float64 | None:
    from pyarrow import types

    return numbers(array) if types.is_boolean(array.type) else booleans(_texts(array))


def _reads(text: str, decimal: str) -> bool:
    if decimal == ",":
        return "." not in text and is_number(text.replace(",", "."))
    return is_number(text)


class _Block(NamedTuple):
    """Rows of one part: inputs uint8 or float32 of shape (rows, columns)."""

    part: str
    inputs: Images


class _Reading:
    """The files of a table, read block by block."""

    def __init__(
        self, source: TableDataset, frames: Mapping[str, Any] | None, keys: RowKeys
    ) -> None:
        self._source, self._frames, self._keys = source, frames, keys
        self._cells: dict[str, list[str]] = {name: [] for name in keys.columns}
        self._is_classes = source.task in (None, "classification")
        labels = source.label if isinstance(source.label, tuple) else (source.label,)
        self._wanted = Wanted(labels, source.ignore, source.task == "regression")
        self._labels: list[str] = []
        self._inputs: list[_Input] = []
        self._blocks: list[_Block] = []
        self._targets: list[tuple[str, npt.NDArray[Any]]] = []
        self._classes: dict[str, int] = {}
        self._notes: list[str] = []
        self._done: dict[str, list[str]] = {}
        self._bytes = 0
        self._path = Path(source.path)

    def add(self, part: str) -> None:
        """Reads the file of a part, if there is one."""
        path = self._source.path if part == "train" else getattr(self._source, part)
        if path is None:
            return
        try:
            self._read(part, Path(path))
        except OSError as error:
            raise DataError(
                f"{path}: must be readable, found: {error.strerror or error}; check the path and "
                "its permissions"
            ) from None

    def _read(self, part: str, path: Path) -> None:
        file = self._open(part, path)
        names = self._columns(file, part)
        self._notes += file.notes
        known, row = len(self._classes), 0
        for arrays in file.batches(names):
            count = len(self._labels)
            start = len(arrays) - len(self._inputs)
            self._add_targets(file, part, row, arrays[:count])
            self._add_cells(file, row, arrays[count:start])
            self._add_inputs(file, part, row, arrays[start:])
            row += len(arrays[0])
        if not row:
            raise DataError(f"{path}: must have rows below its header, found none; add examples")
        if part != "train" and len(self._classes) > known:
            unknown = list(map(repr, list(self._classes)[known:]))
            raise DataError(
                f"{path}: must hold only classes that {self._path.name} holds, found "
                f"{list_names(unknown)} in it alone; add training rows of them, or remove them"
            )

    def _open(self, part: str, path: Path) -> TableFile:
        source = self._source
        if self._frames is not None:
            return FrameFile(self._frames[part], str(path))
        for kind in ("parquet", "arrow"):
            if getattr(source, kind) is not None:
                return ColumnarFile(path, kind)
        return DelimitedFile(path, self._wanted, header=source.header,
                             separator=source.separator, decimal=source.decimal)  # fmt: skip

    def _columns(self, file: TableFile, part: str) -> list[str]:
        """The columns to read: those of labels, then those of inputs."""
        index = _index_of(file)
        if index:
            name = "without a name" if index[0] == _UNNAMED else index[0]
            self._notes.append(
                f"{file.path.name}: the column {name} is taken for an index and left out"
            )
        left_out = {*index, *self._source.ignore}
        _check_columns(file, self._wanted, left_out, part)
        if part == "train":
            self._labels = self._wanted.label_names(file.columns)
            self._inputs = [_Input(name, file.is_typed) for name in file.columns
                            if name not in {*left_out, *self._labels, *self._cells}]  # fmt: skip
            if not self._inputs:
                raise DataError(
                    f"{file.path}: must have inputs and a label, found the column"
                    f"{'s'[: len(self._labels) > 1]} "
                    f"{list_names(list(map(repr, self._labels)))} alone; add columns of numbers"
                )
        cells = self._keys.columns if part == "train" else ()
        names = [*self._labels, *cells, *(column.name for column in self._inputs)]
        missing = [name for name in names if name not in file.columns]
        if missing:
            raise DataError(
                f"{file.path}: must have the columns of {self._path.name}, found no "
                f"{list_names(list(map(repr, missing)))}; add what is missing, or name other files"
            )
        more = [name for name in file.columns if name not in {*names, *left_out, *self._cells}]
        if more:
            self._notes.append(
                f"{file.path.name}: {list_names(more)} is not in {self._path.name} and left out"
            )
        return names

    def _add_inputs(self, file: TableFile, part: str, row: int, arrays: list[_Array]) -> None:
        block = np.empty((len(arrays[0]), len(arrays)), np.float32)
        at_once = self._add_numbers(file, arrays, block)
        for place, (column, array) in enumerate(zip(self._inputs, arrays, strict=True)):
            if place in at_once:
                continue
            try:
                values = column.read(array, file.decimal, part == "train")
                if self._source.impute is None and column.has_missing:
                    raise _missing(column, array, values)
            except _Cell as cell:
                raise DataError(
                    f"{file.path}, {file.place(row + cell.row)}: must have {cell.expected} in "
                    f"column {column.name!r}, found {cell.found}; {cell.advice}"
                ) from None
            block[:, place] = values
        is_bytes = all(column.is_whole and not column.has_missing for column in self._inputs)
        is_bytes = is_bytes and float(block.max(initial=0)) <= 255
        self._blocks.append(_Block(part, block.astype(np.uint8) if is_bytes else block))
        self._bytes += self._blocks[-1].inputs.nbytes
        check_memory(self._bytes, f"{file.path}: its table")

    def _add_numbers(
        self, file: TableFile, arrays: list[_Array], block: npt.NDArray[np.float32]
    ) -> set[int]:
        """Reads the columns of numbers at once, where nothing is wrong with them.

        One by one, a thousand columns would take longer than their numbers.
        """
        places = [place for place, column in enumerate(self._inputs) if column.kind == "number"]
        if file.decimal != "." or not places:
            return set()
        values = together([arrays[place] for place in places])
        if values is None or not np.abs([values.min(), values.max()]).max() <= _GREATEST:
            return set()  # false for NaN too
        columns = [self._inputs[place] for place in places]
        if any(column.is_whole for column in columns):
            are_bytes = (values == np.floor(values)) & (values >= 0) & (values <= 255)
            for column, is_whole in zip(columns, are_bytes.all(axis=1).tolist(), strict=True):
                column.is_whole = column.is_whole and is_whole
        block[:, places] = values.T
        return set(places)

    def _add_targets(self, file: TableFile, part: str, row: int, arrays: list[_Array]) -> None:
        columns = []
        for name, array in zip(self._labels, arrays, strict=True):
            texts = _texts(array)
            try:
                columns.append(self._target(texts, file.decimal))
            except _Cell as cell:
                raise DataError(
                    f"{file.path}, {file.place(row + cell.row)}: must have {cell.expected} in "
                    f"column {name!r}, found {cell.found}; {cell.advice}"
                ) from None
        self._targets.append((part, columns[0] if self._is_classes else np.stack(columns, axis=1)))

    def _add_cells(self, file: TableFile, row: int, arrays: list[_Array]) -> None:
        """Keeps the columns that divide the rows, as texts."""
        for name, array in zip(self._cells, arrays, strict=False):  # none in other files
            texts = [text and text.strip() for text in _texts(array).to_pylist()]
            if not all(texts):
                empty = next(place for place, text in enumerate(texts) if not text)
                raise DataError(
                    f"{file.path}, {file.place(row + empty)}: must have a value in column "
                    f"{name!r}, found an empty cell; fill it or remove the row"
                )
            self._cells[name] += texts

    def _target(self, array: _Array, decimal: str) -> npt.NDArray[Any]:
        import pyarrow.compute as compute

        distinct = compute.utf8_trim_whitespace(array).dictionary_encode()
        codes = codes_of(distinct)
        texts = distinct.dictionary.to_pylist()
        is_empty = np.array([*(not text for text in texts), True])[codes]
        if is_empty.any():
            raise _Cell(int(np.argmax(is_empty)), "a label", "an empty cell",
                        "fill it or remove the row")  # fmt: skip
        if self._is_classes:
            number = [self._classes.setdefault(text, len(self._classes)) for text in texts]
            return np.array(number, np.int32)[codes]
        read = _measured if self._source.task == "regression" else _applies
        kind = np.float32 if self._source.task == "regression" else np.uint8
        values = np.zeros(len(texts), kind)
        for place, text in enumerate(texts):
            try:
                values[place] = read(text, decimal)
            except ValueError as error:
                raise _Cell(
                    int(np.argmax(codes == place)), str(error), repr(text[:80]),
                    "correct that cell or remove the row, or leave task out if the column holds "
                    "classes",
                ) from None  # fmt: skip
        return values[codes]

    def dataset(self, name: str) -> Dataset:
        """The dataset of all that was read."""
        parts = np.concatenate([np.full(len(targets), _PARTS.index(part), np.int8)
                                for part, targets in self._targets])  # fmt: skip
        targets: Targets = np.concatenate([targets for _, targets in self._targets])
        self._targets.clear()
        names = tuple(self._labels)
        if self._is_classes:
            targets, names = self._numbered(targets, parts)
        if self._source.test_share is not None and len(targets) < 2:
            raise DataError(
                f"{self._path}: must have a row in the training and one in the test part, "
                "found a single row; add rows"
            )
        if self._keys != NO_KEYS:
            return self._divided(name, targets, names, parts)
        if self._source.test_share is not None:
            own = parts == 0
            strata = targets[own] if self._is_classes else np.zeros(int(own.sum()), np.int32)
            parts[np.flatnonzero(own)[draw_test_rows(strata, self._source.test_share)]] = 2
        if not (parts == 2).any():
            raise DataError(
                f"{self._path}: must have a test part, found neither test nor test_share; write "
                "the file of the test set, or the share of the rows that are drawn for it"
            )
        x_train, x_test, columns = self._arrange(parts, parts == 0)
        return Dataset(
            name=name,
            x_train=x_train,
            y_train=targets[parts < 2],
            x_test=x_test,
            y_test=targets[parts == 2],
            class_names=names,
            columns=columns,
            task=self._source.task or "classification",
            validation_examples=int((parts == 1).sum()),
            notes=tuple(self._notes),
        )

    def _divided(
        self, name: str, targets: Targets, names: tuple[str, ...], parts: npt.NDArray[np.int8]
    ) -> Dataset:
        """The dataset where columns or folds say how the rows of the first file are divided."""
        own = parts < 2
        has_test = not own.all()  # in a file of its own
        y = targets[own]
        division, groups, times = divide_by_keys(
            name, y, names, keys=self._keys, share=self._source.test_share, cells=self._cells,
            has_test=has_test,
        )  # fmt: skip
        learnt = np.zeros(len(parts), np.bool_)
        learnt[division.train[: len(division.train) - division.validation_examples]] = True
        rows = division.train
        if division.folds is not None:
            rows = np.concatenate([rows, division.test])
            learnt[rows] = True
        x, x_test, columns = self._arrange(parts, learnt)
        return Dataset(
            name=name,
            x_train=x[division.train],
            y_train=y[division.train],
            x_test=x_test if has_test else x[division.test],
            y_test=targets[~own] if has_test else y[division.test],
            class_names=names,
            columns=columns,
            task=self._source.task or "classification",
            validation_examples=division.validation_examples,
            groups=None if groups is None else groups[rows],
            times=None if times is None else times[rows],
            folds=division.folds,
            notes=tuple(self._notes),
        )

    def _numbered(
        self, codes: Labels, parts: npt.NDArray[np.int8]
    ) -> tuple[Labels, tuple[str, ...]]:
        """Classes in their order, for codes in the order in which the texts were met."""
        counts = np.bincount(codes[parts == 0], minlength=len(self._classes))
        texts = dict(zip(self._classes, counts.tolist(), strict=True))
        names = class_names(self._path, texts, is_declared=self._source.task is not None,
                            is_drawn=self._source.test_share is not None)  # fmt: skip
        gaps = [repr(name) for name in names if name in MISSING]
        if gaps:
            self._notes.append(
                f"{self._path.name}: {list_names(gaps)} in the label column is a class of its own; "
                "remove these rows if it stands for no label"
            )
        number = np.empty(len(names), np.int32)
        number[[self._classes[text] for text in names]] = np.arange(len(names))
        return number[codes], names

    def _arrange(
        self, parts: npt.NDArray[np.int8], learnt: _Rows
    ) -> tuple[Images, Images, tuple[str, ...]]:
        """Inputs of both parts, and the names of their columns.

        Args:
            parts: number of the part of each row.
            learnt: rows from which categories and medians are learnt.
        """
        encoders = [self._encoder(place, learnt) for place in range(len(self._inputs))]
        self._notes += [f"{self._path.name}: {what}: {list_names(columns, _SHOWN)}"
                        for what, columns in self._done.items()]  # fmt: skip
        is_bytes = all(encoder.is_bytes for encoder in encoders)
        kind = np.uint8 if is_bytes else np.float32
        columns = tuple(name for encoder in encoders for name in encoder.names)
        is_test = parts == 2
        sizes = (int((~is_test).sum()), int(is_test.sum()))
        needed = len(parts) * len(columns) * np.dtype(kind).itemsize
        check_memory(needed, f"{self._path}: its table")
        x_train, x_test = (np.empty((size, len(columns)), kind) for size in sizes)
        is_plain = all(encoder.is_plain for encoder in encoders)
        start = trained = tested = 0
        self._blocks.reverse()
        while self._blocks:
            block: npt.NDArray[Any] = self._blocks.pop().inputs
            here = is_test[start : start + len(block)]
            start += len(block)
            if not is_plain:
                pieces = [encoder.encode(block[:, place])
                          for place, encoder in enumerate(encoders)]  # fmt: skip
                block = np.concatenate(pieces, axis=1)
            x_train[trained : (trained := trained + int((~here).sum()))] = block[~here]
            x_test[tested : (tested := tested + int(here.sum()))] = block[here]
        return x_train, x_test, columns

    def _encoder(self, place: int, learnt: _Rows) -> _Encoder:
        column = self._inputs[place]
        if column.kind == "boolean" and not column.is_typed:
            self._tell("true and false are 1 and 0", name_in_list(column.name))
        if column.kind != "text" and not column.has_missing:
            return _Encoder((column.name,), column.is_whole or column.kind == "boolean")
        values = np.concatenate([block.inputs[:, place] for block in self._blocks])
        if column.kind == "text":
            return self._text_encoder(column, values, learnt)
        values = values[learnt]
        given = values[~np.isnan(values)].astype(np.float64)
        if not len(given):
            raise DataError(
                f"{self._path}: must have a value in column {column.name!r} in the training part, "
                f'found none; leave the column out with ignore = ["{column.name}"] in dataset'
            )
        median = np.float32(np.median(given))
        has_indicator = self._source.indicator and len(given) < len(values)
        names = (column.name, f"{column.name} is missing")[: 1 + has_indicator]
        self._tell("missing values become the median of the training part",
                   f"{name_in_list(column.name)} {median:g}")  # fmt: skip
        is_whole = column.is_whole and float(median).is_integer()
        return _Encoder(names, is_whole, median=median)

    def _tell(self, what: str, column: str) -> None:
        """Keeps what is done with a column: one note has all columns of which it is true."""
        self._done.setdefault(what, []).append(column)

    def _text_encoder(
        self, column: _Input, values: npt.NDArray[Any], is_trained: _Rows
    ) -> _Encoder:
        """Categories are the texts of training rows, in the order of the text."""
        missing = column.codes.setdefault(_MISSING_CATEGORY, len(column.codes))
        codes = np.where(np.isnan(values), missing, values).astype(np.int64)
        counts, others = (np.bincount(codes[rows], minlength=len(column.codes))
                          for rows in (is_trained, ~is_trained))  # fmt: skip
        names = sorted(text for text, code in column.codes.items() if counts[code])
        unseen = [repr(text) for text, code in column.codes.items()
                  if others[code] and not counts[code]]  # fmt: skip
        if 2 * len(names) > counts.sum():
            raise DataError(
                f"{self._path}: must have numbers or categories in column {column.name!r}, found "
                f"{len(names)} texts in {counts.sum()} training rows; leave it out with "
                f'ignore = ["{column.name}"] in dataset'
            )
        is_index = self._source.categories == "index"
        places = np.zeros(len(column.codes), np.int64)
        places[[column.codes[text] for text in names]] = np.arange(1, len(names) + 1)
        self._tell("each text becomes a number from 1" if is_index
                   else "each text becomes a column of 0 and 1",
                   f"{name_in_list(column.name)} ({len(names)})")  # fmt: skip
        if unseen:
            self._tell(f"texts of no training row become {'0' if is_index else 'no category'}",
                       f"{list_names(unseen, _SHOWN)} of {name_in_list(column.name)}")  # fmt: skip
        return _Encoder(
            (column.name,) if is_index else tuple(f"{column.name}={text}" for text in names),
            is_bytes=True, places=places, missing=missing, is_index=is_index,
        )  # fmt: skip


_SHOWN = 4
_PARTS = ("train", "validation", "test")
_UNNAMED = "\0"  # a name that no file has


@dataclass(frozen=True)
class _Encoder:
    """What becomes of a column, as the training part decides.

    Attributes:
        names: of the columns that it becomes.
        is_bytes: whether its values are whole numbers in 0…255.
        median: replaces missing numbers.
        places: numbers of texts from 1, by their code; 0 for those of no training row.
        missing: the code of missing texts.
        is_index: whether the numbers are the inputs, and not a column for each.
    """

    names: tuple[str, ...]
    is_bytes: bool
    median: np.float32 | None = None
    places: npt.NDArray[np.int64] | None = None
    missing: int = 0
    is_index: bool = False

    @property
    def is_plain(self) -> bool:
        return self.median is None and self.places is None

    def encode(self, values: Images) -> Images:
        """The values of a block as columns, of shape (rows, names)."""
        if self.is_plain:
            return values[:, None]
        is_missing = np.isnan(values)
        columns: npt.NDArray[np.float32]
        if self.places is not None:
            places = self.places[np.where(is_missing, self.missing, values).astype(np.int64)]
            one_hot = places[:, None] == np.arange(1, len(self.names) + 1)
            columns = (places[:, None] if self.is_index else one_hot).astype(np.float32)
            return columns
        assert self.median is not None
        filled = np.where(is_missing, self.median, values)
        columns = np.stack([filled, is_missing][: len(self.names)], axis=1).astype(np.float32)
        return columns


def _missing(column: _Input, array: _Array, values: _Float64) -> _Cell:
    row = int(np.argmax(np.isnan(values)))
    found = array[row].as_py()
    return _Cell(
        row,
        "a text" if column.kind == "text" else "a number",
        repr("" if found is None else found if isinstance(found, str) else str(found)),
        'write one, remove the row, or write impute = "median" in dataset',
    )


def _index_of(file: TableFile) -> list[str]:
    """The columns of an index without a name, the first of which gets one."""
    index = unnamed_index(file.columns)
    file.columns[:1] = [name or _UNNAMED for name in file.columns[:1]]
    return [name or _UNNAMED for name in index]


def _check_columns(file: TableFile, wanted: Wanted, left_out: set[str], part: str) -> None:
    """Refuses names that do not say which column is meant."""
    counts = Counter(file.columns)
    twice = sorted(name for name, times in counts.items() if name and times > 1)
    if "" in counts or twice:
        found = f"{list_names(twice)} more than once" if twice else "a column without a name"
        raise DataError(
            f"{file.path}: columns must have names that differ, found {found}; rename or remove "
            "the column (pandas leaves its index out with to_csv(index=False)), or write "
            "header = false in dataset if the first row is an example"
        )
    labels = wanted.label_names(file.columns)
    ignored = wanted.ignored if part == "train" else ()
    for name, what in [*((name, "label column") for name in labels),
                       *((name, "column to ignore,") for name in ignored)]:  # fmt: skip
        if name not in counts:
            from stepladder.study.schema import (
                did_you_mean,  # pydantic comes with it: only for this message
            )

            advice = did_you_mean(name, file.columns, "name one of these, separated by commas")
            raise DataError(
                f"{file.path}: must have the {what} {name!r}, found the columns "
                f"{list_names(file.columns)}; {advice}"
            )
    both = sorted({*labels} & left_out)
    if both:
        raise DataError(
            f"{file.path}: the label column must not be left out, found {both[0]!r} in ignore; "
            "remove it there"
        )


def _measured(text: str, decimal: str) -> float:
    is_read = _reads(text, decimal)
    number = to_number(text.replace(",", ".") if decimal == "," else text) if is_read else math.nan
    if not abs(number) <= _GREATEST:
        raise ValueError("a finite number within the range of float32")
    return number


def _applies(text: str, _: str) -> bool:
    is_true = {"true": True, "false": False}.get(text.lower())  # as pandas writes them
    if is_true is None and is_number(text) and float(text) in (0, 1):
        is_true = float(text) == 1
    if is_true is None:
        raise ValueError("0 or 1")
    return is_true


def class_names(
    path: Path, counts: Mapping[str, int], *, is_declared: bool, is_drawn: bool
) -> tuple[str, ...]:
    """Names of classes in the order of the numbers where all are numbers, else of the texts.

    Args:
        path: of the table, for messages.
        counts: training rows of each class.
        is_declared: whether the task is said to be a classification.
        is_drawn: whether the test part is a share of the rows.

    Raises:
        DataError: if there are fewer than two, or they look like something else.

    Example:
        >>> class_names(Path("t"), {"10": 2, "9": 2}, is_declared=False, is_drawn=True)
        ('9', '10')
    """
    if len(counts) < 2:
        raise DataError(
            f"{path}: must have at least 2 classes, found {next(iter(counts))!r} in every row; "
            "check the label column"
        )
    names, numeric = in_order(counts), are_numbers(counts)
    if numeric:
        _check_numeric_names(path, names, not is_declared)
    rare = [f"{name[:80]!r}" for name in names if counts[name] < 2]
    if rare and is_drawn:
        advice = "add rows of it, remove it, or check that the label column holds classes"
        if numeric:
            advice = f'write task = "regression" in dataset if they are measured, or {advice}'
        raise DataError(
            f"{path}: each class must have a row in the training and one in the test part, found "
            f"a single row of {list_names(rare)}; {advice}"
        )
    return tuple(names)


def _check_numeric_names(path: Path, names: list[str], refuses_fractions: bool) -> None:
    part = next((name for name in names if not float(name).is_integer()), None)
    if part is not None and refuses_fractions:
        raise DataError(
            f"{path}: must have class labels in the label column, found numbers with "
            f'fractions such as {part!r}; write task = "regression" in dataset if they are '
            'measured, task = "classification" if each of them is a class'
        )
    for one, other in pairwise(names):
        if float(one) == float(other):
            raise DataError(
                f"{path}: a label must be written in one way, found {one!r} and {other!r}, "
                "the same number; write one of them throughout"
            )
