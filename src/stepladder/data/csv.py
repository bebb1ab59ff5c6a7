"""Reads CSV tables: a header, columns of labels or targets, numbers in every other column."""

import csv
import io
import math
from array import array
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Images, Labels, Targets, Task, list_names
from stepladder.data.splits import allocate, pick
from stepladder.errors import DataError
from stepladder.files import open_regular, undecodable
from stepladder.trials.seeding import generator


class _Table(NamedTuple):
    """A file's cells: inputs float64 of shape (rows, features), labels as they are written."""

    columns: list[str]
    inputs: npt.NDArray[np.float64]
    labels: list[tuple[str, ...]]
    lines: list[int]


def read_table(
    path: Path,
    name: str,
    label: str | tuple[str, ...],
    test_share: float,
    task: Task | None = None,
) -> Dataset:
    """The dataset of a CSV file in UTF-8 with a header.

    Labels of classes may be any text; classes are in the order of the numbers where all of them are
    numbers, else in the order of the text. Inputs are uint8 where all are whole numbers in
    0…255, else float32. The test rows are drawn stratified and depend on nothing but the file
    and `test_share`; each class has at least one row in either part, and apart from that its
    share within one row. The test rows of other tasks are drawn at random.

    Args:
        path: the file.
        name: what the dataset is called.
        label: the column that holds the label, or the columns of labels or targets.
        test_share: share of the rows for the test part, between 0 and 1.
        task: what is to be learnt; classes when None, but not of numbers with fractions.

    Raises:
        DataError: if the file is not such a table.
        OSError: if it cannot be opened.
    """
    columns = (label,) if isinstance(label, str) else label
    table = _read(path, columns)
    targets: Targets
    if task is None or task == "classification":
        names = _class_names(path, [text for (text,) in table.labels], task is None)
        number = {text: place for place, text in enumerate(names)}
        targets = strata = np.array([number[text] for (text,) in table.labels], np.int32)
    else:
        names, targets = columns, _targets(path, columns, table, task)
        strata = np.zeros(len(targets), np.int32)
    inputs = _inputs(path, table)
    test = _test_rows(strata, test_share)
    return Dataset(
        name=name,
        x_train=inputs[~test],
        y_train=targets[~test],
        x_test=inputs[test],
        y_test=targets[test],
        class_names=names,
        columns=tuple(table.columns),
        task=task or "classification",
    )


def _test_rows(strata: Labels, test_share: float) -> npt.NDArray[np.bool_]:
    """Whether each row is in the test part; each stratum has a row in either part."""
    # One stream for good: a test part that changed with the seed or the replicate would leak
    # test rows into training.
    random = generator(0, 0, "split", 1)
    counts = np.bincount(strata)
    shares = allocate(counts, round(test_share * len(strata)), random.permutation(len(counts)))
    return pick(strata, counts, np.clip(shares, 1, counts - 1), random)


def _targets(path: Path, columns: tuple[str, ...], table: _Table, task: Task) -> Targets:
    """Numbers of a regression, float32, or labels of 0 and 1, uint8; a column each."""
    if len(table.labels) < 2:
        raise DataError(
            f"{path}: must have a row in the training and one in the test part, found a single "
            "row; add rows"
        )
    read, kind = (_measured, np.float32) if task == "regression" else (_applies, np.uint8)
    rows = []
    for line, texts in zip(table.lines, table.labels, strict=True):
        try:
            rows.append([read(text) for text in texts])
        except ValueError as error:
            column, found = next(cell for cell in zip(columns, texts, strict=True)
                                 if not _can(read, cell[1]))  # fmt: skip
            raise DataError(
                f"{path}, line {line}: must have {error} in column {column!r}, found "
                f"{found[:80]!r}; correct that cell or remove the row, or leave task out if the "
                "column holds classes"
            ) from None
    return np.array(rows, kind)


_GREATEST = float(np.finfo(np.float32).max)


def _measured(text: str) -> float:
    try:
        number = to_number(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= _GREATEST:
        raise ValueError("a finite number within the range of float32")
    return number


def _applies(text: str) -> bool:
    is_true = {"true": True, "false": False}.get(text.lower())  # as pandas writes them
    if is_true is None and _is_number(text) and float(text) in (0, 1):
        is_true = float(text) == 1
    if is_true is None:
        raise ValueError("0 or 1")
    return is_true


def _read(path: Path, label: tuple[str, ...]) -> _Table:
    with io.TextIOWrapper(open_regular(path), "utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True, skipinitialspace=True)
        try:
            columns = _columns(path, next(reader, None), label)
            places = [columns.index(column) for column in label]
            numbers, labels, lines = array("d"), [], []
            for row in reader:
                if not row:
                    continue  # a blank line
                texts, cells = _cells(path, reader.line_num, row, columns, places)
                numbers.extend(cells)
                labels.append(texts)
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
    features = [column for column in columns if column not in label]
    inputs = np.frombuffer(numbers, np.float64).reshape(len(labels), len(features))
    return _Table(features, inputs, labels, lines)


def _columns(path: Path, header: list[str] | None, label: tuple[str, ...]) -> list[str]:
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
    missing = next((column for column in label if column not in columns), None)
    if missing is not None:
        from stepladder.study.schema import (
            did_you_mean,  # pydantic comes with it: only for this message
        )

        advice = did_you_mean(missing, columns, "name one of these, separated by commas")
        raise DataError(
            f"{path}: must have the label column {missing!r}, found the columns "
            f"{list_names(columns)}; {advice}"
        )
    if len(columns) == len(label):
        raise DataError(
            f"{path}: must have inputs and a label, found the column{'s'[: len(label) > 1]} "
            f"{list_names(list(map(repr, label)))} alone; add columns of numbers"
        )
    return columns


def _cells(
    path: Path, line: int, row: list[str], columns: list[str], places: list[int]
) -> tuple[tuple[str, ...], list[float]]:
    """The labels and the inputs of one row."""
    if len(row) != len(columns):
        raise DataError(
            f"{path}, line {line}: must have {len(columns)} cells as the header has, found "
            f"{len(row)}; correct that line"
        )
    texts = tuple(row[place].strip() for place in places)
    if not all(texts):
        raise DataError(
            f"{path}, line {line}: must have a label in column "
            f"{columns[places[texts.index('')]]!r}, found an empty cell; fill it or remove the row"
        )
    for place in sorted(places, reverse=True):
        del row[place]
    try:
        return texts, list(map(to_number, row))
    except ValueError:
        features = [column for place, column in enumerate(columns) if place not in places]
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
    return _can(to_number, text)


def _can(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _class_names(path: Path, labels: list[str], refuses_fractions: bool) -> tuple[str, ...]:
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
    rare = [f"{name!r}" for name in names if counts[name] < 2]
    if rare:
        advice = "add rows of it, remove it, or check that the label column holds classes"
        if numeric:
            advice = f'write task = "regression" in dataset if they are measured, or {advice}'
        raise DataError(
            f"{path}: each class must have a row in the training and one in the test part, found "
            f"a single row of {list_names(rare)}; {advice}"
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
