"""Tables in Parquet and Arrow files, whose columns have types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepladder.data.memory import check_memory
from stepladder.errors import DataError
from stepladder.files import open_regular

_VALUES_AT_ONCE = 2**20
_INDEX = "__index_level_"  # as pandas calls an index without a name

_Schema = Any
"""A `pyarrow.Schema`, which has no types for mypy."""


_AT_ONCE = 100_000


class FrameFile:
    """A table in a frame of pandas, polars or another library.

    Attributes:
        path: what it is called.
        columns: names of its columns, in their order.
        decimal: the decimal mark of its texts.
        notes: what was taken for granted.
        unfit: columns whose type cannot be read, and what they hold.
    """

    decimal = "."
    is_typed = True

    def __init__(self, frame: Any, name: str) -> None:  # noqa: ANN401 - of any library
        self.path, self._frame = Path(name), frame
        self.notes: list[str] = []
        self.unfit: dict[str, str] = {}
        self.columns = list(map(str, frame.columns))

    def batches(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """The rows of some columns, a block at a time: an array for each column.

        Raises:
            DataError: if a column holds something else than numbers, booleans and texts.
        """
        columns = [self._frame[self._frame.columns[self.columns.index(name)]] for name in names]
        for start in range(0, len(columns[0]), _AT_ONCE):
            yield [self._array(name, column[start : start + _AT_ONCE])
                   for name, column in zip(names, columns, strict=True)]  # fmt: skip

    def place(self, row: int) -> str:
        """Where a row is, for messages; rows count from 0."""
        return f"row {row}"

    def _array(self, name: str, column: Any) -> Any:  # noqa: ANN401
        import pyarrow

        try:
            array = (column.to_arrow() if hasattr(column, "to_arrow")
                     else pyarrow.array(column, from_pandas=True))  # fmt: skip
        except (pyarrow.ArrowException, TypeError, ValueError):
            raise DataError(
                f"{self.path}: must have values of one kind in column {name!r}, found several, or "
                f'none that can be read; leave it out with ignore = ["{name}"], or convert it'
            ) from None
        if isinstance(array, pyarrow.ChunkedArray):
            array = array.combine_chunks()
        _check_type(self.path, name, array.type)
        return plain(array)


class ColumnarFile:
    """A table in a Parquet file or in an Arrow file (IPC or Feather).

    Attributes:
        kind: `parquet` or `arrow`.
        columns: names of its columns, in their order.
        decimal: the decimal mark of its texts.
        notes: what was taken for granted.
        unfit: columns whose type cannot be read, and what they hold.
    """

    decimal = "."
    is_typed = True

    def __init__(self, path: Path, kind: str) -> None:
        """Opens it and reads the names and types of its columns.

        Args:
            path: the file.
            kind: `parquet` or `arrow`.

        Raises:
            DataError: if it is no such file, or is too large for the memory.
            OSError: if it cannot be opened.
        """
        self.path, self.kind = path, kind
        self.notes: list[str] = []
        with self._open() as opened:
            if kind == "parquet":
                self._schema = opened.schema_arrow
                rows = opened.metadata.num_rows
                check_memory(rows * max(1, len(self._schema)), f"{path}: its table")
            else:
                self._schema = opened.schema
        self.columns = list(map(str, self._schema.names))
        held = {name: _unfit(kind)
                for name, kind in zip(self.columns, self._schema.types, strict=True)}  # fmt: skip
        self.unfit = {name: what for name, what in held.items() if what}

    def batches(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """The rows of some columns, a block at a time: an array for each column.

        Raises:
            DataError: if the file is damaged, or a column holds something else than numbers,
                booleans and texts.
        """
        for name in names:
            self._check(name)
        with self._open() as opened:
            for batch in self._raw_batches(opened, names):
                batch.validate(full=True)  # offsets of a damaged file lead anywhere
                if len(batch):
                    yield [plain(batch.column(name)) for name in names]

    def place(self, row: int) -> str:
        """Where a row is, for messages; rows count from 0."""
        return f"row {row + 1}"

    def _raw_batches(self, opened: Any, names: Sequence[str]) -> Iterator[Any]:  # noqa: ANN401
        if self.kind == "parquet":
            rows = max(1, _VALUES_AT_ONCE // len(names))
            yield from opened.iter_batches(rows, columns=list(names))
        elif hasattr(opened, "num_record_batches"):
            for place in range(opened.num_record_batches):
                yield opened.get_batch(place)
        else:
            yield from opened

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The file, opened by its library; what that raises is told as one error."""
        import pyarrow

        with open_regular(self.path) as stream:
            try:
                yield self._opened(stream)
            except (pyarrow.ArrowException, OSError, MemoryError, ValueError) as error:
                if isinstance(error, DataError):
                    raise
                found = " ".join(str(error).split())[:200] or type(error).__name__
                name = "Parquet" if self.kind == "parquet" else "Arrow (IPC or Feather)"
                raise DataError(
                    f"{self.path}: must be a complete {name} file, found one that cannot be read: "
                    f"{found}; save it again"
                ) from None

    def _opened(self, stream: Any) -> Any:  # noqa: ANN401
        import pyarrow

        if self.kind == "parquet":
            from pyarrow import parquet

            return parquet.ParquetFile(stream)
        start = stream.read(8)
        stream.seek(0)
        if start[:4] == b"FEA1":
            raise ValueError("it is of Feather version 1")
        open_by = pyarrow.ipc.open_file if start[:6] == b"ARROW1" else pyarrow.ipc.open_stream
        return open_by(stream)

    def _check(self, name: str) -> None:
        if self.columns.count(name) > 1:
            return  # told with the other names
        _check_type(self.path, name, self._schema.field(name).type)


def _unfit(kind: Any) -> str:  # noqa: ANN401 - a type of pyarrow
    """What a column of a type holds that is neither a number nor a text; empty for those."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    fits = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean,
            types.is_string, types.is_large_string, types.is_null)  # fmt: skip
    if any(is_kind(kind) for is_kind in fits) or "string_view" in str(kind):
        return ""
    return "dates or times" if types.is_temporal(kind) else str(kind)[:100]


def _check_type(path: Path, name: str, kind: Any) -> None:  # noqa: ANN401
    """Refuses a column whose type is neither of numbers nor of texts."""
    what = _unfit(kind)
    if what:
        raise DataError(
            f"{path}: must have numbers, booleans or texts in column {name!r}, found {what}; leave "
            f'it out with ignore = ["{name}"] in dataset, or write columns of numbers made from it'
        )


def unnamed_index(columns: Sequence[str]) -> list[str]:
    """Columns that a library writes for an index without a name.

    Example:
        >>> unnamed_index(["", "height"]), unnamed_index(["height", "__index_level_0__"])
        ([''], ['__index_level_0__'])
    """
    first = [name for name in columns[:1] if not name]
    return first + [name for name in columns if name.startswith(_INDEX)]


def plain(array: Any) -> Any:  # noqa: ANN401
    """An array of numbers, booleans, or texts of the type string."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_large_string(array.type) or "string_view" in str(array.type):
        array = array.cast(pyarrow.string())
    if types.is_null(array.type):
        array = array.cast(pyarrow.float64())
    return array
