"""Reads tables of text: fields apart by commas, semicolons or tabs."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stepladder.errors import InputError
from stepladder.files import read_bounded, undecodable

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")


def read_text_table(file: str | Path) -> tuple[list[str], Iterator[tuple[int, list[str]]], str]:
    """The heading and the rows of a text file.

    Args:
        file: in UTF-8, with a heading.

    Returns:
        The heading, each row that is not blank with its line, and what separates fields. Where
        that is no comma, decimal commas have become points.

    Raises:
        InputError: if the file cannot be read; while rows are read too, if they are no CSV.
    """
    text = _text(Path(file))
    if '" ' in text:  # a space after the last quotation mark of a line is an error to `csv`
        text = re.sub(r'" +(?=\r?$)', '"', text, flags=re.MULTILINE)
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)  # the first of these where none occurs
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise _no_csv(file, error, reader.line_num) from None
    return head, _rows(file, reader, separator), separator


def _rows(
    file: str | Path,
    reader: Any,  # noqa: ANN401 - the module gives the class of `csv.reader` no name
    separator: str,
) -> Iterator[tuple[int, list[str]]]:
    try:
        for row in reader:
            if separator != ",":
                row = [
                    cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell
                    for cell in row
                ]
            if "".join(row).strip():
                yield reader.line_num, row
    except csv.Error as error:
        raise _no_csv(file, error, reader.line_num) from None


def _no_csv(file: str | Path, error: csv.Error, line: int) -> InputError:
    return InputError(f"{str(file)!r} must be CSV, found: {error}, in line {line}; correct it")


def _text(file: Path) -> str:
    try:
        content = read_bounded(file)
    except FileNotFoundError:
        raise InputError(
            f"SCORES must be a CSV file, found no file {str(file)!r}; check the path"
        ) from None
    except OSError as error:
        raise InputError(
            f"{str(file)!r} must be a readable file, found: {error.strerror}; name a CSV file"
        ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        found = undecodable(content.splitlines())
        raise InputError(
            f"{str(file)!r} must be a text in UTF-8, found {found}; save it as UTF-8"
        ) from None
