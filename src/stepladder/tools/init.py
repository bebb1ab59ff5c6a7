"""Starts a project: a study, and a script where the study trains by code of the user's own."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.data import Dataset, load
from stepladder.data.columnar import ColumnarFile
from stepladder.data.delimited import DelimitedFile, Wanted
from stepladder.data.tables import TableFile
from stepladder.errors import DataError, InputError, OutputError
from stepladder.files import atomic_write, name_in_list, validate_path
from stepladder.study.loading import BUILT_IN_DATASETS
from stepladder.study.scoring import Task
from stepladder.study.sources import (
    DatasetSource,
    NpzDataset,
    TableDataset,
    short_name,
    table_key,
)

STUDY = "study.toml"
LABELS = ("label", "target", "class", "y")
"""Names of the column that is learnt; the first that a table has, whatever their case."""

_CHANGES = {
    "keras": "train.py: your data and your network;",
    "pytorch": "train.py: your data and your network;",
    "sklearn": "train.py: your data and your model;",
    "command": "[trainer] command: your program and its options;",
    "mnist": "dataset: your data, or `stepladder init --dataset FILE`;",
}
TEMPLATES = tuple(_CHANGES)


@dataclass(frozen=True)
class Project:
    """What `init` has written.

    Attributes:
        files: that are new.
        notes: what was guessed, a sentence each.
        command: what runs the study.
        change: what to change first.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...]
    command: str
    change: str


def from_template(template: str, folder: Path) -> Project:
    """Writes the files of a template into a folder.

    Args:
        template: one of `TEMPLATES`.
        folder: where to; it is made where it is missing.

    Raises:
        OutputError: if a file of that name is there, or none can be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [file.name for file in from_template("sklearn", Path(folder)).files]
        ['study.toml', 'train.py']
    """
    place = resources.files("stepladder.tools").joinpath("templates", template)
    texts = {STUDY: place.joinpath(STUDY).read_text("utf-8")}
    if place.joinpath("train.py").is_file():
        texts["train.py"] = place.joinpath("train.py").read_text("utf-8")
    files = _write(texts, folder)
    change = f"{_CHANGES[template]} [base] and [[technique]]: what is compared."
    return Project(files, (), _command(files), change)


def from_dataset(data: str, folder: Path) -> Project:
    """Writes a study of the built-in networks on a dataset.

    The label of a table is guessed by its column's name, and what is to be learnt by its
    values; the notes tell both.

    Args:
        data: a table (CSV, Parquet, Arrow), a `.npz` file, or a folder of images or IDX files.
        folder: where to; it is made where it is missing.

    Raises:
        DataError: if the dataset cannot be read; nothing is written.
        OutputError: if there is a study, or none can be written.
    """
    path = validate_path(data, "--dataset")
    _check_new([STUDY], folder)
    source, dataset, notes = _source_of(path)
    notes = (_size_note(dataset), *notes)
    place = data if source in BUILT_IN_DATASETS else os.path.relpath(path, folder)
    text = _study_text(source, dataset, place)
    files = _write({STUDY: text}, folder)
    change = "dataset: its label, task and test_share; [base] and [[technique]]: what is compared."
    return Project(files, notes, _command(files), change)


def _command(files: Sequence[Path]) -> str:
    code = " --allow-code" if len(files) > 1 else ""
    return f"stepladder run {files[0]}{code}"


def _check_new(names: Sequence[str], folder: Path) -> None:
    there = [folder / name for name in names if os.path.lexists(folder / name)]
    if there:
        raise OutputError(
            f"--into must be a folder without {' and '.join(path.name for path in there)}, found "
            f"{' and '.join(repr(str(path)) for path in there)}; nothing is overwritten: name "
            "another folder with --into, or remove what is there"
        )


def _write(texts: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    _check_new(list(texts), folder)
    return tuple(atomic_write(folder / name, text.encode()) for name, text in texts.items())


_READERS = {".xlsx": "read_excel", ".json": "read_json"}
"""Functions of pandas that read what stepladder does not."""


_Found = tuple[DatasetSource, Dataset, tuple[str, ...]]


def _source_of(path: Path) -> _Found:
    """How a study names a dataset, what it holds, and what was guessed of it."""
    suffix, key = path.suffix.lower(), table_key(path)
    if key is not None and path.is_file():
        return _table_source(path, key)
    if suffix == ".npz" and path.is_file():
        return _npz_source(path)
    if suffix in _READERS and path.is_file():
        raise DataError(
            f"--dataset must be a table (CSV, Parquet, Arrow), a .npz file or a folder of images, "
            f"found {str(path)!r}; "
            f'write it as CSV once: pandas.{_READERS[suffix]}("{path.name}")'
            f'.to_csv("{path.stem}.csv", index=False)'
        )
    return str(path), load(str(path)), ()


def _table_source(path: Path, key: str) -> _Found:
    header, first = True, ""
    try:
        label, reason, values = _guess_label(path, key, header)
    except DataError as error:
        if "header = false" not in str(error):
            raise
        header, first = False, " The first row is taken for an example: columns are numbered."
        label, reason, values = _guess_label(path, key, header)
    is_measured = _is_measured(values)
    task: Task | None = "regression" if is_measured else None
    what = "numbers, a regression" if is_measured else f"{len(set(values)):,} classes"
    notes: tuple[str, ...] = (
        f"The label is the column {name_in_list(label)} ({reason}): {what}.{first}",
    )
    values_of: dict[str, Any] = {
        key: str(path), "label": label if header else -1, "test_share": 0.2, "task": task,
        "header": header,
    }  # fmt: skip
    source = TableDataset(**values_of)
    try:
        return source, load(source), notes
    except DataError as error:
        if "impute" not in str(error):
            raise
    source = source.changed({"impute": "median"})
    notes += ("Missing values are replaced by medians of the training rows.",)
    return source, load(source), notes


def _guess_label(path: Path, key: str, header: bool) -> tuple[str, str, list[str]]:
    """The column that is learnt, why, and its cells."""
    file: TableFile = (
        DelimitedFile(path, Wanted((-1,)), header=header, separator=None, decimal=None)
        if key == "csv"
        else ColumnarFile(path, key)
    )
    columns = [name for name in file.columns if name]
    lower = [name.lower() for name in columns]
    place = next((lower.index(name) for name in LABELS if name in lower), len(columns) - 1)
    values = [str(value).strip() for (array,) in file.batches([columns[place]])
              for value in array.to_pylist() if value is not None]  # fmt: skip
    if file.decimal == ",":
        values = [value.replace(",", ".") for value in values]
    return columns[place], "by its name" if lower[place] in LABELS else "the last one", values


_MOST_CLASSES = 20


def _is_measured(values: Sequence[str]) -> bool:
    """Whether the cells of a label are measured numbers and no classes.

    Numbers with fractions are measured, and whole numbers of which there are many: more than 20,
    and more than one for each 20 rows.

    Example:
        >>> _is_measured(["0", "1", "1"]), _is_measured(["0.5", "1"]), _is_measured(["a", "b"])
        (False, True, False)
    """
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return False
    has_fractions = any(math.isfinite(value) and not value.is_integer() for value in numbers)
    return has_fractions or len(set(numbers)) > max(_MOST_CLASSES, len(numbers) // 20)


def _npz_source(path: Path) -> _Found:
    """A `.npz` file, with the first task that its targets will do for."""
    first: DataError | None = None
    sources: tuple[tuple[DatasetSource, str], ...] = (
        (str(path), "classes"),
        (NpzDataset(npz=str(path), task="multilabel"), "labels of 0 and 1"),
        (NpzDataset(npz=str(path), task="regression"), "numbers, a regression"),
    )
    for source, what in sources:
        try:
            return source, load(source), (f"y_train and y_test hold {what}.",)
        except DataError as error:
            first = first or error
    assert first is not None
    raise first


def _size_note(dataset: Dataset) -> str:
    shape = " × ".join(map(str, dataset.input_shape))
    inputs = f"{shape} columns" if len(dataset.input_shape) == 1 else f"shape {shape}"
    return f"{len(dataset.x_train):,} training and {len(dataset.x_test):,} test examples, {inputs}."


def _study_text(source: DatasetSource, dataset: Dataset, path: str) -> str:
    """A study of a small network on a dataset, which takes less than a minute."""
    rows = len(dataset.x_train)
    used = min(rows, _MOST_ROWS)
    epochs = max(3, min(50, 400_000 // used))
    lines = [
        f"# What is each technique worth on {short_name(path)}?".replace("\n", " "),
        f"name = {_quote(short_name(path))}",
        f"dataset = {_source_text(source, path)}",
        *_metric_lines(dataset),
        'design = "one_at_a_time"        # each technique alone on the base; or "ladder"',
        f"replicates = {10 if rows <= _FEW_ROWS else 5}                 # trainings of each arm",
        f"epochs = {epochs}",
        "validation = 0.2                # share of the training rows",
        "",
        "[base]                          # every key: stepladder schema",
        "hidden = [64, 64]",
        'activation = "relu"',
        'optimizer = "adam"',
        "learning_rate = 0.001",
        "batch_size = 32",
        *(['scaling = "standardised"'] if len(dataset.input_shape) == 1 else []),
        *([f"train_examples = {used}          # of {rows:,}"] if used < rows else []),
        "",
        "[[technique]]                   # of the catalogue, which stepladder techniques lists",
        'name = "dropout"',
        "",
        "[[technique]]",
        'name = "batch normalisation"',
        "",
        "[[technique]]                   # one of your own",
        'name = "wider"',
        "change = { hidden = [256, 256] }",
    ]
    return "\n".join(lines) + "\n"


_MOST_ROWS = 50_000
_FEW_ROWS = 5_000


def _source_text(source: DatasetSource, path: str) -> str:
    if isinstance(source, str):
        return _quote(path)
    values = source.with_files(lambda _: path).model_dump(mode="json")
    pairs = (f"{key} = {_quote(value) if isinstance(value, str) else json.dumps(value)}"
             for key, value in values.items())  # fmt: skip
    return f"{{ {', '.join(pairs)} }}"


def _metric_lines(dataset: Dataset) -> list[str]:
    """The metric, and the difference below which none matters."""
    if dataset.task == "regression":
        delta = float(f"{0.02 * np.std(dataset.y_train.astype(np.float64)):.1g}")
        given = f", delta = {delta}" if delta > 0 else ""
        return [f'metric = {{ name = "rmse"{given} }}']
    if dataset.task == "multilabel":
        return []
    least = 0.1 if len(dataset.x_test) >= _FEW_ROWS else max(1, -(-100 // len(dataset.x_test)))
    return ['metric = "accuracy"', f"delta = {least}".ljust(32) + "# points that do not matter"]


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def check_template(template: str) -> str:
    """A template's name.

    Raises:
        InputError: if there is no such template.

    Example:
        >>> check_template("keras")
        'keras'
    """
    if template not in TEMPLATES:
        from stepladder.study.schema import did_you_mean

        advice = did_you_mean(template, TEMPLATES, f"name one of {', '.join(TEMPLATES)}")
        raise InputError(f"--template must be a template, found {template!r}; {advice}")
    return template
