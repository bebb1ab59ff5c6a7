"""Reads CSV tables: a header, a label column, and numbers in every other column."""

import csv
import io
from array import array
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Images, list_names
from stepladder.data.splits import allocate, pick
from stepladder.errors import DataError
from stepladder.files import open_regular, undecodable
from stepladder.trials.seeding import generator


class _Table(NamedTuple):
    """A file's cells: inputs float64 of shape (rows, features), labels as they are written."""

    columns: list[str]
    inputs: npt.NDArray[np.float64]
    labels: list[str]
    lines: list[int]


def read_table(path: Path, name: str, label: str, test_share: float) -> Dataset:
    """The dataset of a CSV file in UTF-8 with a header.

    Labels may be any text; classes are in the order of the numbers where all of them are
    numbers, else in the order of the text. Inputs are uint8 where all are whole numbers in
    0…255, else float32. The test rows are drawn stratified and depend on nothing but the file
    and `test_share`; each class has at least one row in either part, and apart from that its
    share within one row.

    Args:
        path: the file.
        name: what the dataset is called.
        label: the column that holds the label.
        test_share: share of the rows for the test part, between 0 and 1.

    Raises:
        DataError: if the file is not such a table.
        OSError: if it cannot be opened.
    """
    table = _read(path, label)
    class_names = _class_names(path, table.labels)
    number = {text: place for place, text in enumerate(class_names)}
    labels = np.array([number[text] for text in table.labels], np.int32)
    inputs = _inputs(path, table)
    # One stream for good: a test part that changed with the seed or the replicate would leak
    # test rows into training.
    random = generator(0, 0, "split", 1)
    counts = np.bincount(labels, minlength=len(class_names))
    shares = allocate(counts, round(test_share * len(labels)), random.permutation(len(counts)))
    test = pick(labels, counts, np.clip(shares, 1, counts - 1), random)
    return Dataset(
        name=name,
        x_train=inputs[~test],
        y_train=labels[~test],
        x_test=inputs[test],
        y_test=labels[test],
        class_names=class_names,
        columns=tuple(table.columns),
    )


def _read(path: Path, label: str) -> _Table:
    with io.TextIOWrapper(open_regular(path), "utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True, skipinitialspace=True)
        try:
            columns = _columns(path, next(reader, None), label)
            place = columns.index(label)
            numbers, labels, lines = array("d"), [], []
            for row in reader:
                if not row:
                    continue  # a blank line
                text, cells = _cells(path, reader.line_num, row, columns, place)
                numbers.extend(cells)
                labels.append(text)
                lines.append(reader.line_num)
        except UnicodeDecodeError:
            stream.buffer.seek(0)
            raise DataError(
                f"{path}: must be text in UTF-8, found {undecodable(stream.buffer)}; save it as "
                "UTF-8"
            ) from None
        except csv.Error as error:
            raise DataError(
                f"{path}: must be a table of comma-separated values, found: {error}, in line "
                f"{reader.line_num}; correct that line"
            ) from None
    if not labels:
        raise DataError(f"{path}: must have rows below its header, found none; add examples")
    inputs = np.frombuffer(numbers, np.float64).reshape(len(labels), len(columns) - 1)
    features = [column for column in columns if column != label]
    return _Table(features, inputs, labels, lines)


def _columns(path: Path, header: list[str] | None, label: str) -> list[str]:
    if not header:
        raise DataError(
            f"{path}: must begin with a header row, found an empty "
            f"{'file' if header is None else 'line'}; write the names of the columns first"
        )
    columns = [name.strip() for name in header]
    twice = sorted(name for name, times in Counter(columns).items() if name and times > 1)
    if "" in columns or twice:
        found = f"{list_names(twice)} more than once" if twice else "a column without a name"
        raise DataError(
            f"{path}: columns must have names that differ, found {found}; rename or remove the "
            "column (pandas leaves its index out with to_csv(index=False))"
        )
    if label not in columns:
        from stepladder.study.schema import (
            did_you_mean,  # pydantic comes with it: only for this message
        )

        advice = did_you_mean(label, columns, "name one of these, separated by commas")
        raise DataError(
            f"{path}: must have the label column {label!r}, found the columns "
            f"{list_names(columns)}; {advice}"
        )
    if len(columns) == 1:
        raise DataError(
            f"{path}: must have inputs and a label, found the column {label!r} alone; add "
            "columns of numbers"
        )
    return columns


def _cells(
    path: Path, line: int, row: list[str], columns: list[str], place: int
) -> tuple[str, list[float]]:
    """The label and the inputs of one row."""
    if len(row) != len(columns):
        raise DataError(
            f"{path}, line {line}: must have {len(columns)} cells as the header has, found "
            f"{len(row)}; correct that line"
        )
    text = row.pop(place).strip()
    if not text:
        raise DataError(
            f"{path}, line {line}: must have a label in column {columns[place]!r}, found an empty "
            "cell; fill it or remove the row"
        )
    try:
        return text, list(map(to_number, row))
    except ValueError:
        features = [*columns[:place], *columns[place + 1 :]]
        column, found = next(
            cell for cell in zip(features, row, strict=True) if not _is_number(cell[1])
        )
        raise DataError(
            f"{path}, line {line}: must have a number in column {column!r}, found "
            f"{found[:80]!r}; write a number or remove the column"
        ) from None


def to_number(text: str) -> float:
    """The number that a cell holds.

    Python alone reads `1_000` and digits of other scripts; elsewhere they are texts.

    Raises:
        ValueError: if it is none.

    Example:
        >>> to_number(" 1e-3 ")
        0.001
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"no number: {text!r}")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        to_number(text)
    except ValueError:
        return False
    return True


def _class_names(path: Path, labels: list[str]) -> tuple[str, ...]:
    counts = Counter(labels)
    if len(counts) < 2:
        raise DataError(
            f"{path}: must have at least 2 classes, found {next(iter(counts))!r} in every row; "
            "check the label column"
        )
    names = sorted(counts)
    numeric = all(_is_number(name) and np.isfinite(float(name)) for name in names)
    if numeric:
        names.sort(key=float)
        for one, other in pairwise(names):
            if float(one) == float(other):
                raise DataError(
                    f"{path}: a label must be written in one way, found {one!r} and {other!r}, "
                    "the same number; write one of them throughout"
                )
    rare = [f"{name!r}" for name in names if counts[name] < 2]
    if rare:
        raise DataError(
            f"{path}: each class must have a row in the training and one in the test part, found "
            f"a single row of {list_names(rare)}; add rows of it, remove it, or check that the "
            "label column holds classes"
        )
    return tuple(names)


def _inputs(path: Path, table: _Table) -> Images:
    inputs = table.inputs
    usable = np.abs(inputs) <= np.finfo(np.float32).max  # false for NaN too
    if not usable.all():
        row, column = np.argwhere(~usable)[0]
        raise DataError(
            f"{path}, line {table.lines[row]}: must have a finite number within the range of "
            f"float32 in column {table.columns[column]!r}, found {inputs[row, column]}; write "
            "such a number or remove the row"
        )
    if inputs.min() >= 0 and inputs.max() <= 255 and (inputs == np.floor(inputs)).all():
        return inputs.astype(np.uint8)
    return inputs.astype(np.float32)
