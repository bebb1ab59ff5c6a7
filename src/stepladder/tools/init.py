"""Starts a project: a study, and a script where the study trains by code of the user's own."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.data import Dataset, load
from stepladder.data.columnar import ColumnarFile
from stepladder.data.dataset import list_names
from stepladder.data.delimited import DelimitedFile, NoHeader, Wanted
from stepladder.data.tables import ColumnFacts, TableFile, column_facts
from stepladder.errors import DataError, InputError, OutputError
from stepladder.files import atomic_write, name_in_list, validate_path
from stepladder.study.loading import BUILT_IN_DATASETS
from stepladder.study.sources import (
    DatasetSource,
    NpzDataset,
    TableDataset,
    is_set_name,
    short_name,
    table_key,
)

STUDY = "study.toml"
LABELS = ("label", "target", "class", "y", "outcome", "species", "diagnosis", "survived", "quality",
          "price")  # fmt: skip
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


def from_dataset(data: str, folder: Path, label: str | None = None) -> Project:
    """Writes a study of the built-in networks on a dataset.

    The label of a table is guessed by its column's name and place, what is to be learnt by its
    values, and which columns teach nothing; the notes tell all of it.

    Args:
        data: a table (CSV, Parquet, Arrow), a `.npz` file, or a folder of images or IDX files.
        folder: where to; it is made where it is missing.
        label: the column of a table that holds the label; guessed when None.

    Raises:
        DataError: if the dataset cannot be read, or has no such column; nothing is written.
        OutputError: if there is a study, or none can be written.
    """
    path = validate_path(data, "--dataset")
    _check_new([STUDY], folder)
    source, dataset, notes = _source_of(path, label)
    if label is None and isinstance(source, TableDataset):
        notes += (f"Another label: remove {folder / STUDY}, and add --label COLUMN.",)
    notes = (_size_note(dataset), *notes)
    is_name = source in BUILT_IN_DATASETS or is_set_name(data)
    place = data if is_name else os.path.relpath(path, folder)
    text = _study_text(source, dataset, place)
    files = _write({STUDY: text}, folder)
    keys = "its label, task and test_share" if isinstance(source, TableDataset) else "your data"
    change = f"dataset: {keys}; [base] and [[technique]]: what is compared."
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


def _source_of(path: Path, label: str | None) -> _Found:
    """How a study names a dataset, what it holds, and what was guessed of it."""
    suffix = path.suffix.lower()
    key = table_key(path) or ("csv" if suffix in (".txt", ".data", ".dat") else None)
    if key is not None and path.is_file():
        return _table_source(path, key, label)
    if label is not None:
        raise InputError(
            f"--label must name a column of a table, found --dataset {str(path)!r}, which is none; "
            "leave --label out"
        )
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


def _table_source(path: Path, key: str, asked: str | None) -> _Found:
    header = True
    try:
        file = _open(path, key, header)
    except NoHeader:
        header = False
        file = _open(path, key, header)
    columns = column_facts(file)
    rows = max((len(column.values) for column in columns), default=0)
    if rows < _FEWEST_ROWS:
        raise DataError(
            f"{path}: must have {_FEWEST_ROWS} rows or more below its header, for training, "
            f"validation and test, found {rows}; add examples"
        )
    left_out = {column.name: why for column in columns if (why := _why_no_input(column))}
    label, reason = _named(path, columns, asked) if asked else _guess(columns, left_out)
    left_out.pop(label.name, None)
    inputs = [column for column in columns if column is not label]
    if all(column.name in left_out for column in inputs):  # row numbers are better than nothing
        left_out = {column.name: column.unfit for column in inputs if column.unfit}
    if inputs and len(left_out) == len(inputs):
        raise DataError(
            f"{path}: must have a column to learn the label {label.name!r} from, found only "
            f"{_by_reason(left_out)}; add columns of numbers made from these, such as the month "
            "of a date or the length of a text, or name another label with --label"
        )
    _check_has_label(file, label)
    is_measured = _is_measured(label)
    has_gaps = any(column.has_missing for column in inputs if column.name not in left_out)
    place = -1 if label is columns[-1] else label.name
    values: dict[str, Any] = {
        key: str(path), "label": label.name if header else int(place), "test_share": 0.2,
        "task": "regression" if is_measured else None, "header": header,
        "ignore": tuple(left_out), "impute": "median" if has_gaps else None,
    }  # fmt: skip
    source = TableDataset(**values)
    dataset = load(source)
    what = "numbers, a regression" if is_measured else f"{len(dataset.class_names):,} classes"
    first = "" if header else " The first row is taken for an example: columns are numbered."
    notes = [f"The label is the column {name_in_list(label.name)} ({reason}): {what}.{first}"]
    if left_out:
        notes.append(f"Left out with ignore: {_by_reason(left_out)}.")
    if has_gaps:
        notes.append(
            "Missing numbers become medians of the training rows, missing texts a category."
        )
    return source, dataset, tuple(notes)


def _open(path: Path, key: str, header: bool) -> TableFile:
    if key != "csv":
        return ColumnarFile(path, key)
    wanted = Wanted((-1,), has_numbers=True)  # any column may have a decimal mark
    return DelimitedFile(path, wanted, header=header, separator=None, decimal=None)


_ID = re.compile(r"(.*[\W_])?(?i:id|index|rownames|unnamed: \d+)|.*[a-z](Id|ID)")
"""Names of columns that number the rows."""


def _why_no_input(column: ColumnFacts) -> str:
    """Why a column teaches nothing about other rows, in a few words; empty where it may."""
    values, is_text = column.values, column.kind == "text"
    if column.unfit:
        return column.unfit
    least, most = values.min(), values.max()  # NaN where a value is missing: a category of texts
    if not is_text and column.has_missing:
        least, most = np.nanmin(values), np.nanmax(values)
    if least == most:
        return "one value"
    if is_text or (values != np.floor(values)).any() or len(column.counts) < len(values):
        return ""
    is_running = least in (0, 1) and most - least == len(values) - 1
    return "numbers of the rows" if is_running or _ID.fullmatch(column.name) else ""


def _by_reason(left_out: Mapping[str, str]) -> str:
    """Columns by the reason why they are left out."""
    return "; ".join(
        f"{list_names([name for name in left_out if left_out[name] == why])} ({why})"
        for why in dict.fromkeys(left_out.values())
    )


def _named(path: Path, columns: Sequence[ColumnFacts], asked: str) -> tuple[ColumnFacts, str]:
    """The column that is asked for."""
    from stepladder.study.schema import did_you_mean

    names = [column.name for column in columns]
    if asked not in names:
        advice = did_you_mean(asked, names, f"the columns are {list_names(names)}")
        raise InputError(f"--label must name a column of {path}, found {asked!r}; {advice}")
    return columns[names.index(asked)], "by --label"


def _guess(columns: Sequence[ColumnFacts], left_out: Mapping[str, str]) -> tuple[ColumnFacts, str]:
    """The column that is learnt, and why it is taken for that."""
    fit = [column for column in columns if column.name not in left_out]
    many = [column for column in columns
            if column.kind != "number" and column.counts.min(initial=2) > 1]  # fmt: skip
    by_name = {column.name.lower(): column for column in (*many, *fit)}
    if len(columns) > 2 and "x" in by_name:
        by_name.pop("y", None)  # both are a place
    for name in LABELS:
        if name in by_name:
            return by_name[name], "by its name"
    can_run = [column for column in fit if not column.has_missing
               and (column.kind == "number" or column.counts.min() > 1)]  # fmt: skip
    last = (can_run or fit or columns)[-1]
    texts = [column for column in can_run if column.kind != "number" and _are_few(column)
             and not _ID.fullmatch(column.name)]  # fmt: skip
    if last not in texts and not (_are_few(last) and len(last.counts) == 2):
        first = next((column for column in columns if not _ID.fullmatch(column.name)), last)
        if first in texts:
            return first, "the first one"
        if len(texts) == 1 and not _is_measured(last):
            return texts[0], "the only one of a few texts"
    return last, "the last one" if last is columns[-1] else "the last one that fits"


def _are_few(column: ColumnFacts) -> bool:
    """Whether the values of a column may be classes: up to 20, in two rows or more each."""
    counts = column.counts
    return 2 <= len(counts) <= _MOST_CLASSES and bool(counts.min() > 1)


def _check_has_label(file: TableFile, label: ColumnFacts) -> None:
    """Refuses a label with gaps: a text such as NA may be a class, an empty cell is none."""
    if not label.has_missing:
        return
    gaps = np.isnan(label.values)
    is_text = label.kind != "number"
    if is_text:
        cells = [cell for (array,) in file.batches([label.name]) for cell in array.to_pylist()]
        gaps = np.array([cell is None or not str(cell).strip() for cell in cells])
    if not gaps.any():
        return
    name, path = label.name, file.path
    kind = file.kind if isinstance(file, ColumnarFile) else "csv"
    kind = "feather" if kind == "arrow" else kind
    how = ', keep_default_na=False, na_values=""' if is_text and kind == "csv" else ""
    if kind == "csv" and (file.notes or path.suffix.lower() != ".csv"):
        how += f', sep=None, engine="python", decimal="{file.decimal}"'
    raise DataError(
        f"{path}: the label {name!r} must be in every row, found {gaps.sum():,} of {len(gaps):,} "
        f"rows without; leave those out with pandas.read_{kind}({str(path)!r}{how})"
        f".dropna(subset=[{name!r}]).to_csv({path.stem + '-labelled.csv'!r}, index=False), or name "
        "another column with --label"
    )


_MOST_CLASSES = 20


def _is_measured(label: ColumnFacts) -> bool:
    """Whether the cells of a label are measured numbers and no classes.

    Numbers with fractions are measured, and whole numbers of which there are many: more than 20,
    and more than one for each 20 rows, or some in one row alone.
    """
    if label.kind != "number":
        return False
    counts, rows = label.counts, len(label.values)
    has_fractions = bool((label.values != np.floor(label.values)).any())
    is_rare = len(counts) > 2 and counts.min() == 1
    return has_fractions or is_rare or len(counts) > max(_MOST_CLASSES, rows // 20)


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
    inputs = f"inputs of shape {shape}"
    if len(dataset.input_shape) == 1:
        inputs = f"{shape} input{'s' if shape != '1' else ''}"
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


_FEWEST_ROWS = 5
_MOST_ROWS = 50_000
_FEW_ROWS = 5_000


def _source_text(source: DatasetSource, path: str) -> str:
    if isinstance(source, str):
        return _quote(path)
    values = source.with_files(lambda _: path).model_dump(mode="json")
    pairs = (f"{key} = {_quote(value)}" for key, value in values.items())
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


def _quote(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


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
