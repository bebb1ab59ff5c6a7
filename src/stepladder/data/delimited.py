"""Tables as text: what separates their cells, their decimal mark, and their rows."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from stepladder.data.cells import is_number
from stepladder.errors import DataError
from stepladder.files import open_regular, undecodable

_SEPARATORS = (",", ";", "\t", "|", " ")
_NAMES = {"\t": "tabs", " ": "spaces"}
_SAMPLE = 2**20
_LONGEST_LINE = 2**24
_BLOCK = 2**20  # fits a processor's cache: larger ones are read more slowly
_CELLS_LOOKED_AT = 20_000
_LEAST_UNPACKED, _MOST_FOLD = 2**26, 300
"""Bytes and growth up to which a compressed file is unpacked: real tables shrink 3 to 50 fold."""

_WITH_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_WITH_DOT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


class Wanted(NamedTuple):
    """What a study says of a table's columns.

    Attributes:
        labels: names of the columns of labels or targets, or their places from 1 or from the end.
        ignored: names of the columns to leave out.
        has_numbers: whether the labels are numbers.
    """

    labels: tuple[str | int, ...]
    ignored: tuple[str, ...] = ()
    has_numbers: bool = False

    def label_names(self, columns: Sequence[str]) -> list[str]:
        """The names of the columns of labels; a place that there is not stays a number.

        Example:
            >>> Wanted((-1,)).label_names(["1", "2", "3"])
            ['3']
        """
        count = len(columns)
        return [
            columns[label - (label > 0)]
            if isinstance(label, int) and label and -count <= label <= count
            else str(label)
            for label in self.labels
        ]


class DelimitedFile:
    """A table in a file of text.

    Attributes:
        columns: names of its columns, in their order.
        decimal: the decimal mark.
        notes: what was taken for granted.
        unfit: none, as each column is text.
    """

    is_typed = False

    def __init__(
        self,
        path: Path,
        wanted: Wanted,
        *,
        header: bool = True,
        separator: str | None = None,
        decimal: str | None = None,
    ) -> None:
        """Opens it and tells its form from its first rows.

        Args:
            path: the file, plain or compressed by gzip.
            wanted: which columns are asked for.
            header: whether the first row names the columns.
            separator: what stands between cells; told from the content where it is None.
            decimal: the decimal mark; likewise.

        Raises:
            DataError: if it is no such table.
            OSError: if it cannot be opened.
        """
        self.path, self._header = path, header
        self.unfit: dict[str, str] = {}
        with self._open() as stream:
            sample = stream.read(_SAMPLE)
            more = sample
            while more and not re.search(rb"[\r\n]", more):
                if len(sample) > _LONGEST_LINE:
                    raise DataError(
                        f"{path}: must be a table, a row a line, found a line of more than "
                        f"{_LONGEST_LINE:,} bytes; save it with a line for each row"
                    )
                more = stream.read(_SAMPLE)
                sample += more
        text = sample.decode("utf-8-sig", "surrogateescape")
        if len(sample) >= _SAMPLE:  # without the line that is cut off
            text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
        self._separator = separator or _separator_of(path, text, wanted, header)
        rows = self._sample_rows(text)
        self._offset = 0
        self.columns = self._names(text, rows, wanted)
        has_no_commas = self._separator == "," and '"' not in text  # within cells
        self.decimal = decimal or (
            "." if has_no_commas else self._decimal_of(rows[header:], wanted)
        )
        self.notes = self._notes(separator, decimal)

    def batches(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """The rows of some columns, a block at a time: an array of texts for each column.

        Raises:
            DataError: if a row has another number of cells, or the file is no text.
        """
        rows = 0
        if self._separator != " ":
            try:
                for block in self._plain_batches(names):
                    rows += len(block[0])
                    yield block
                return
            except _Quoted:  # what follows is read as Python reads quotes: strictly
                pass
        yield from self._quoted_batches(names, rows)

    def place(self, row: int) -> str:
        """Where a row is, for messages; rows count from 0."""
        line, _ = next(islice(self._rows(), row, None))
        return f"line {line}"

    def _plain_batches(self, names: Sequence[str]) -> Iterator[list[Any]]:
        import pyarrow
        from pyarrow import csv as arrow_csv

        kinds = dict.fromkeys(map(str, range(len(self.columns))), pyarrow.string())
        asked = [str(self.columns.index(name)) for name in names]
        size = max(_BLOCK, 8 * self._offset)
        with self._open() as stream:
            stream.read(self._offset)
            try:
                reader = arrow_csv.open_csv(
                    pyarrow.PythonFile(_Unquoted(stream), mode="r"),
                    arrow_csv.ReadOptions(column_names=list(kinds), block_size=size),
                    arrow_csv.ParseOptions(delimiter=self._separator, quote_char=False),
                    arrow_csv.ConvertOptions(
                        column_types=kinds, include_columns=asked, strings_can_be_null=False
                    ),
                )
                for batch in reader:
                    if len(batch):
                        yield batch.columns
            except pyarrow.ArrowInvalid as error:
                if "Empty CSV" in str(error):
                    return
                self._explain(error)

    def _explain(self, error: Exception) -> None:
        """Says in which line the trouble is."""
        for _ in self._rows():
            pass
        raise DataError(
            f"{self.path}: must be a table of separated values, found: {error}; correct the file"
        ) from None

    def _quoted_batches(self, names: Sequence[str], done: int) -> Iterator[list[Any]]:
        import pyarrow

        places = [self.columns.index(name) for name in names]
        rows = (row for _, row in islice(self._rows(), done, None))
        at_once = max(1, 2**18 // len(self.columns))
        while block := list(islice(rows, at_once)):
            cells = list(zip(*block, strict=True))
            yield [pyarrow.array(cells[place], pyarrow.string()) for place in places]

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """All rows below the header by Python's reader, each with the number of its line."""
        with self._open() as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as stream:
            reader = csv.reader(self._lines(stream), strict=True, **self._dialect)
            try:
                if self._header:
                    next(reader, None)
                for row in reader:
                    if len(row) == len(self.columns):
                        yield reader.line_num, row
                    elif row:  # and no blank line
                        raise DataError(self._ragged(reader.line_num, len(row)))
            except UnicodeDecodeError:
                raise self._undecodable() from None
            except csv.Error as error:
                raise DataError(
                    f"{self.path}: must be a table of {self._values}, found: {error}, in line "
                    f"{reader.line_num}; correct that line"
                ) from None

    def _undecodable(self) -> DataError:
        with self._open() as stream:
            return DataError(
                f"{self.path}: must be text in UTF-8, found {undecodable(stream)}; save it as UTF-8"
            )

    def _ragged(self, line: int, cells: int) -> str:
        advice = "correct that line"
        if self._separator == "," and cells > len(self.columns):
            advice += (
                '. Where commas are decimal marks too, save it with ";" between the cells; where '
                "they belong to a text, quote that text"
            )
        if self._header and self.columns[0].startswith("#"):
            advice = "remove the lines above the names of the columns"
        than = "the header has" if self._header else "the first row has"
        return (
            f"{self.path}, line {line}: must have {len(self.columns)} cells as {than}, found "
            f"{cells}; {advice}"
        )

    @property
    def _values(self) -> str:
        return {",": "comma-separated values"}.get(
            self._separator, f"values separated by {_shown(self._separator)}"
        )

    @property
    def _dialect(self) -> dict[str, Any]:
        return {"delimiter": self._separator, "skipinitialspace": True}

    def _lines(self, stream: io.TextIOBase) -> Iterator[str]:
        while line := stream.readline(_LONGEST_LINE):
            if self._separator != " ":
                yield line
            else:  # aligned by spaces, also before the first column
                yield f"{line.strip()}\n"

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with open_regular(self.path) as raw:
            packed = self.path.suffix.lower() == ".gz" or raw.peek(2)[:2] == b"\x1f\x8b"
            try:
                if packed:
                    yield io.BufferedReader(_Unpacked(raw, self.path), _SAMPLE)
                else:
                    yield raw
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DataError(
                    f"{self.path}: must be a complete gzip file, found: {error}; save it again"
                ) from None

    def _sample_rows(self, text: str) -> list[list[str]]:
        """The first rows, as far as they can be read."""
        rows: list[list[str]] = []
        reader = csv.reader(self._lines(io.StringIO(text, newline="")), **self._dialect)
        with suppress(csv.Error):  # reading says which line it is
            first = next(reader, [])
            rows.append(first)
            rows.extend(islice(reader, 10 + _CELLS_LOOKED_AT // (1 + len(first))))
        return rows

    def _names(self, text: str, rows: list[list[str]], wanted: Wanted) -> list[str]:
        if not self._header:
            if not any(rows):
                raise DataError(f"{self.path}: must have rows, found an empty file; add examples")
            return [str(place) for place in range(1, len(next(filter(None, rows))) + 1)]
        lines: list[str] = []
        stream = io.StringIO(text, newline="")
        reader = csv.reader((lines.append(line) or line for line in self._lines(stream)),  # type: ignore[func-returns-value]
                            strict=True, **self._dialect)  # fmt: skip
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{self.path}: must begin with a header row, found: {error}, in line "
                f"{reader.line_num}; correct that line"
            ) from None
        if not header:
            raise DataError(
                f"{self.path}: must begin with a header row, found an empty "
                f"{'file' if header is None else 'line'}; write the names of the columns first"
            )
        try:
            "".join(header).encode()
        except UnicodeEncodeError:
            raise self._undecodable() from None
        self._offset = len("".join(lines).encode("utf-8", "surrogateescape"))
        with self._open() as raw:
            self._offset += 3 * (raw.read(3) == b"\xef\xbb\xbf")
        names = [name.strip() for name in header]
        self._check_has_header(names, wanted)
        return names

    def _check_has_header(self, names: list[str], wanted: Wanted) -> None:
        """Refuses a first row that is an example."""
        numeric = [name for name in names if is_number(name)]
        are_counted = len(numeric) > 2 and numeric == list(map(str, range(len(numeric))))
        # Columns of a frame that was made from an array are called 0, 1, 2, …
        looks_like_row = 2 * len(numeric) >= len(names) and numeric and not are_counted
        if looks_like_row and not set(wanted.labels) <= set(names):
            raise NoHeader(
                f"{self.path}: must begin with a header row, found numbers in it: "
                f"{', '.join(names[:5])}; write the names of the columns first, or header = false "
                "and label = -1 for the last column, in dataset"
            )

    def _decimal_of(self, rows: list[list[str]], wanted: Wanted) -> str:
        labels = () if wanted.has_numbers else wanted.label_names(self.columns)
        left_out = {*wanted.ignored, *labels}
        places = [place for place, name in enumerate(self.columns) if name not in left_out]
        cells = [row[place].strip() for row in rows if len(row) == len(self.columns)
                 for place in places if row[place]]  # fmt: skip
        commas = [cell for cell in cells if _WITH_COMMA.fullmatch(cell)]
        if not commas:
            return "."
        dot = next(filter(_WITH_DOT.fullmatch, cells), None)
        if dot is not None or all(map(_THOUSANDS.fullmatch, commas)):
            found = f"{commas[0]!r} and {dot!r}" if dot else f"{commas[0]!r}"
            meaning = "" if dot else ", which may be thousands or a fraction"
            raise DataError(
                f"{self.path}: numbers must have one decimal mark, found {found}{meaning}; remove "
                'commas of thousands from the file, or write decimal = "," in dataset if each is '
                "a decimal mark"
            )
        return ","

    def _notes(self, separator: str | None, decimal: str | None) -> list[str]:
        expected = "\t" if _is_tsv(self.path) else ","
        told = []
        if separator is None and self._separator != expected:
            told.append(f"cells are separated by {_shown(self._separator)}")
        if decimal is None and (self.decimal == "," or told):
            told.append(f"decimals by {self.decimal!r}")
        return [f"{self.path.name}: {', '.join(told)}"] if told else []


class NoHeader(DataError):
    """The first row holds numbers, as an example does."""


class _Quoted(Exception):
    """A quote was found."""


class _Unquoted:
    """A stream that ends where there is a quote: Arrow reads quotes that are wrong, too."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        if b'"' in piece:
            raise _Quoted
        return piece

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, up to a size that is sensible for a table."""

    def __init__(self, raw: BinaryIO, path: Path) -> None:
        self._stream = gzip.GzipFile(fileobj=raw)
        self._most = max(_LEAST_UNPACKED, _MOST_FOLD * path.stat().st_size)
        self._path, self._read = path, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - of the interpreter
        piece = self._stream.read(len(buffer))
        self._read += len(piece)
        if self._read > self._most:
            raise DataError(
                f"{self._path}: must be a table compressed by gzip, found one that grows more than "
                f"{_MOST_FOLD}-fold; unpack it and name the unpacked file"
            )
        buffer[: len(piece)] = piece
        return len(piece)


def _separator_of(path: Path, text: str, wanted: Wanted, header: bool) -> str:
    """What separates the cells: the first sign that gives the columns asked for."""
    signs = ("\t", *_SEPARATORS) if _is_tsv(path) else _SEPARATORS
    rows = {sign: _rows_by(sign, text) for sign in dict.fromkeys(signs)}
    asked = {name for name in (*wanted.labels, *wanted.ignored) if isinstance(name, str)}
    for sign, table in rows.items():
        if header and table and asked <= {name.strip() for name in table[0]} and len(table[0]) > 1:
            return sign
    scores = {sign: _score(table, sign) for sign, table in rows.items()}
    best = max(scores.values())
    alike = [sign for sign, score in scores.items() if score == best]
    if len(alike) > 1 and best > 0 and not header:
        raise DataError(
            f"{path}: cells must be separated by one sign, found rows that "
            f"{' and '.join(map(_shown, alike))} divide alike; write separator in dataset"
        )
    return alike[0]


def _is_tsv(path: Path) -> bool:
    return ".tsv" in (suffix.lower() for suffix in path.suffixes)


def _rows_by(sign: str, text: str) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    plain = (f"{line.strip()}\n" for line in lines) if sign == " " else lines
    rows: list[list[str]] = []
    with suppress(csv.Error):  # reading says which line it is
        rows.extend(islice(csv.reader(plain, delimiter=sign, skipinitialspace=True), 50))
    return rows


def _score(rows: list[list[str]], sign: str) -> float:
    """The share of cells that are numbers, where all rows have as many cells, two or more."""
    cells = [cell.strip() for row in rows[1:] or rows for cell in row]
    if len({len(row) for row in rows if row}) != 1 or len(rows[0]) < 2:
        return -1
    return sum(is_number(cell) or bool(sign != "," and _WITH_COMMA.fullmatch(cell))
               for cell in cells) / max(1, len(cells))  # fmt: skip


def _shown(sign: str) -> str:
    return _NAMES.get(sign, repr(sign))
