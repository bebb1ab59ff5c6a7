"""Where a study's data lie: a name or a path, or a table of a file and of how to read it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    Discriminator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from stepladder.errors import StepladderError
from stepladder.study.metrics import DEFAULT_METRICS
from stepladder.study.schema import FrozenModel, ListOf, toml_key
from stepladder.study.scoring import Task


def _column_tag(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return "-place"
    return "-columns" if isinstance(value, list | tuple) else "-column"


_Column = Annotated[Annotated[str, Field(min_length=1)], Tag("-column")]
_Several = Annotated[ListOf[str], Tag("-columns")]
_Columns = Annotated[_Column | _Several, Discriminator(_column_tag)]
_Places = Annotated[_Column | Annotated[int, Tag("-place")] | _Several, Discriminator(_column_tag)]

_TASK = (
    "What is to be learnt: classes, numbers (regression), or which of several labels apply "
    "(multilabel). Classes when left out."
)


_GROUP = "{} of groups, such as patients, none of which stands in two parts."
_TIME = "{} of times: numbers, or dates such as 2024-05-31. Validation and test are later."

FILE_KEYS = ("csv", "parquet", "arrow", "npz", "images", "test", "validation", "folder")
"""Keys of all tables below that hold the path of a file or a folder."""


TABLE_KEYS = ("csv", "parquet", "arrow")
"""Keys of `TableDataset` that hold the file of its rows."""


class FileDataset(FrozenModel):
    """What all tables share: a key is stored only where its value is not the default."""

    @model_serializer(mode="wrap")
    def _drop_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A study is stored as before there was a key that it does not use: it is the same study.
        values: dict[str, Any] = handler(self)
        defaults = type(self).model_fields
        return {
            key: value
            for key, value in values.items()
            if defaults[key].is_required() or getattr(self, key) != defaults[key].default
        }

    @property
    def path(self) -> str:
        """The file or folder of the training examples."""
        return next(iter(self._files.values()), "")

    def with_files(self, change: Callable[[str], str]) -> Self:
        """The same table, each path in it changed.

        Args:
            change: gives a path for a path.

        Example:
            >>> NpzDataset(npz="digits.npz").with_files(str.upper).path
            'DIGITS.NPZ'
        """
        return self.changed({key: change(path) for key, path in self._files.items()})

    @property
    def _files(self) -> dict[str, str]:
        given = {key: getattr(self, key, None) for key in FILE_KEYS}
        return {key: path for key, path in given.items() if isinstance(path, str)}


_Rows = TypeVar("_Rows", bound=FileDataset)


def check_group_and_time(dataset: _Rows) -> _Rows:
    """Makes sure that a table names groups or times, and not both.

    Raises:
        ValueError: if it does: a group that lasts would have to be divided.
    """
    if getattr(dataset, "group", None) is not None and getattr(dataset, "time", None) is not None:
        raise ValueError("group and time must not be given both, as parts that follow each other "
                         "in time divide groups; remove one")  # fmt: skip
    return dataset


class TableDataset(FileDataset):
    """A table of examples: one row an example, one column the label, the others its inputs.

    Example:
        >>> TableDataset(csv="digits.csv", label="digit", test_share=0.2).label
        'digit'
    """

    # fmt: off
    csv: str | None = toml_key(
        None, "The file: text with a row for each example, also .tsv and .gz.", "digits.csv",
        min_length=1)
    parquet: str | None = toml_key(
        None, "A Parquet file instead.", "digits.parquet", min_length=1)
    arrow: str | None = toml_key(
        None, "An Arrow file (IPC or Feather) instead.", "digits.arrow", min_length=1)
    label: _Places = toml_key(
        ..., "The column that holds the label; a list of columns for several targets or labels. "
        "Without a header, its place from 1, or from the end: -1 is the last.", "digit")
    test_share: float | None = toml_key(
        None, "Share of the rows kept for the test set; or give test. Left out with k-fold and "
        "with part.", 0.2, gt=0, lt=1)
    test: str | None = toml_key(
        None, "A file of the same kind that holds the test set, instead of test_share.",
        "test.csv", min_length=1)
    validation: str | None = toml_key(
        None, "A file of the same kind that holds the validation set; drawn from the training "
        "rows when left out.", "validation.csv", min_length=1)
    task: Task | None = toml_key(None, _TASK, "regression")
    header: bool = toml_key(
        True, "Whether the first row names the columns; without, they are named 1, 2, …", False)
    separator: str | None = toml_key(
        None, "What separates the cells of a csv; told from the content when left out.", ";",
        min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = toml_key(
        None, "The decimal mark of a csv; told from the content when left out.", ",")
    ignore: ListOf[str] = toml_key((), "Columns to leave out.", ["Id"])
    categories: Literal["one-hot", "index"] = toml_key(
        "one-hot", "What becomes of columns of texts: a column of 0 and 1 for each text, or one "
        "column of numbers for an embedding, 0 for texts of no training row.", "index")
    impute: Literal["median"] | None = toml_key(
        None, "What replaces missing values: the median of the training rows, and for texts a "
        "category of their own; they are refused when left out.", "median")
    indicator: bool = toml_key(
        False, "Whether each column of numbers with missing values gets a column of 0 and 1 that "
        "says where; needs impute.", True)
    group: str | None = toml_key(None, _GROUP.format("A column"), "patient", min_length=1)
    time: str | None = toml_key(None, _TIME.format("A column"), "date", min_length=1)
    part: str | None = toml_key(
        None, "A column that says train, validation or test in each row.", "part", min_length=1)
    # fmt: on

    @field_validator("label", mode="after")
    @classmethod
    def _check_label(cls, label: str | int | tuple[str, ...]) -> str | int | tuple[str, ...]:
        columns = label if isinstance(label, tuple) else (label,)
        if not columns or not all(columns) or len(set(columns)) < len(columns):
            raise ValueError(
                f"must name columns that differ, found {label!r}; write the names from the header"
            )
        return label

    @field_validator("separator", mode="after")
    @classmethod
    def _check_separator(cls, separator: str | None) -> str | None:
        if separator is not None and (separator in '"\r\n.+-_' or separator.isalnum()
                                      or not separator.isascii()):  # fmt: skip
            raise ValueError(
                f"must be a sign that no cell is made of, found {separator!r}; write one such as "
                '";" or "\\t"'
            )
        return separator

    @model_validator(mode="after")
    def _check_keys(self) -> TableDataset:
        kinds = [key for key in TABLE_KEYS if getattr(self, key) is not None]
        if len(kinds) != 1:
            raise ValueError(
                f"must have one of {', '.join(TABLE_KEYS)}, found "
                f"{' and '.join(kinds) or 'none'}; keep one"
            )
        if self.test is not None and self.test_share is not None:
            raise ValueError(
                "must have one of test and test_share, found both; keep the file of the test set, "
                "or the share of the rows that are drawn for it"
            )
        text_only = [key for key in ("header", "separator", "decimal")
                     if getattr(self, key) != type(self).model_fields[key].default]  # fmt: skip
        if self.csv is None and text_only:
            raise ValueError(f"{text_only[0]} must stand beside csv, found {kinds[0]}; remove it")
        if isinstance(self.label, int) and self.header:
            raise ValueError(
                f"label must be a name where columns have names, found {self.label}; write the "
                "name, or header = false"
            )
        if self.indicator and self.impute is None:
            raise ValueError(
                'indicator must stand beside impute, found it alone; write impute = "median" too'
            )
        return self

    @model_validator(mode="after")
    def _check_rows(self) -> TableDataset:
        others = {"part": ("test_share", "test", "validation", "time"),
                  "group": ("validation",), "time": ("validation",)}  # fmt: skip
        for key, refused in others.items():
            other = next((name for name in refused if getattr(self, name) is not None), None)
            if getattr(self, key) is not None and other is not None:
                raise ValueError(
                    f"{other} must be left out beside {key}, which says the parts, found both; "
                    "remove one"
                )
        labels = self.label if isinstance(self.label, tuple) else [self.label]
        columns = [*labels,
                   *filter(None, (self.group, self.time, self.part))]  # fmt: skip
        if len(set(columns)) < len(columns):
            raise ValueError(
                f"label, group, time and part must name columns that differ, found "
                f"{', '.join(map(repr, columns))}; write the names from the header"
            )
        return check_group_and_time(self)

    @model_validator(mode="after")
    def _check_task(self) -> TableDataset:
        if isinstance(self.label, tuple) and self.task in (None, "classification"):
            raise ValueError(
                f"label must be one column for classes, found a list of {len(self.label)}; name "
                'one, or write task = "regression" (numbers) or task = "multilabel" (columns of 0 '
                "and 1)"
            )
        return self


class NpzDataset(FileDataset):
    """A `.npz` file whose targets are told what they are.

    Example:
        >>> NpzDataset(npz="houses.npz", task="regression").task
        'regression'
    """

    npz: str = toml_key(..., "The file.", "houses.npz", min_length=1)
    task: Task | None = toml_key(None, _TASK, "regression")
    group: str | None = toml_key(None, _GROUP.format("An array"), "groups", min_length=1)
    time: str | None = toml_key(None, _TIME.format("An array"), "times", min_length=1)

    @model_validator(mode="after")
    def _check_rows(self) -> NpzDataset:
        return check_group_and_time(self)


class ImagesDataset(FileDataset):
    """A folder of images with one subfolder a class, in itself or in its `train` and `test`.

    Example:
        >>> ImagesDataset(images="photos", size=[28, 28], color=False, test_share=0.2).size
        (28, 28)
    """

    images: str = toml_key(..., "The folder.", "photos", min_length=1)
    size: Annotated[ListOf[int], Field(min_length=2, max_length=2)] | None = toml_key(
        None, "Height and width that images are brought to; the one that all have when left out.",
        [28, 28])  # fmt: skip
    color: bool | None = toml_key(
        None, "Three channels, or one of grey levels; when left out, one if all files are grey.",
        False)  # fmt: skip
    test_share: float | None = toml_key(
        None, "Share of the images kept for the test set where there is no folder test; 0.2 when "
        "left out.", 0.2, gt=0, lt=1)  # fmt: skip

    @field_validator("size", mode="after")
    @classmethod
    def _check_size(cls, size: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if size is not None and not all(1 <= side <= _LONGEST_SIDE for side in size):
            raise ValueError(
                f"must be height and width in pixels, from 1 to {_LONGEST_SIDE:,}, found "
                f"{list(size)}; write for example [28, 28]"
            )
        return size


_LONGEST_SIDE = 16_384


class ArraysDataset(FileDataset):
    """Data that were given from Python: `stepladder.dataset(...)` makes one.

    A run writes them into its folder, so that it can be resumed and read without the program that
    gave them.

    Example:
        >>> ArraysDataset(arrays="0" * 64, name="mine").name
        'mine'
    """

    arrays: str = toml_key(
        ..., "Fingerprint of the data.", "0" * 64, pattern=r"^[0-9a-f]{64}$")  # fmt: skip
    name: str = toml_key("data", "What they are called.", "mine", min_length=1, max_length=200)
    folder: str | None = toml_key(None, "The folder that holds them.", "data", min_length=1)
    task: Task | None = toml_key(None, _TASK, "regression")
    _held: Any = PrivateAttr(default=None)

    @classmethod
    def of(cls, held: Any, **values: Any) -> Self:  # noqa: ANN401 - a dataset, which lies above
        """What stands for a dataset in a study, and keeps it in memory."""
        made = cls(**values)
        made._held = held
        return made

    @property
    def held(self) -> Any:  # noqa: ANN401 - a dataset, which lies above
        """The dataset, where this process has it; None elsewhere."""
        return self._held

    def changed(self, change: Mapping[str, Any]) -> Self:
        """The same data with some keys replaced, kept in memory too."""
        made = super().changed(change)
        made._held = self._held
        return made


SET_PREFIXES = ("sklearn", "keras", "openml", "hf")
"""Where sets are known by a name: a text that begins with one of them and a colon is no path."""

SETS = {
    "sklearn": ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"),
    "keras": ("fashion_mnist", "mnist", "california_housing", "boston_housing", "cifar10",
              "cifar100", "imdb", "reuters"),
}  # fmt: skip
"""Sets that libraries have under a name of their own."""

_REGRESSIONS = ("sklearn:diabetes", "sklearn:linnerud", "keras:california_housing",
                "keras:boston_housing")  # fmt: skip


def is_set_name(text: str) -> bool:
    """Whether a text names a set of another library, and no file.

    Example:
        >>> is_set_name("sklearn:iris"), is_set_name("./sklearn:iris"), is_set_name("iris.npz")
        (True, False, False)
    """
    return text.partition(":")[0] in SET_PREFIXES and ":" in text


def set_called(name: str) -> str:
    """The set that a library has under a name, or nothing.

    Example:
        >>> set_called("iris"), set_called("Fashion-MNIST"), set_called("leaves")
        ('sklearn:iris', 'keras:fashion_mnist', '')
    """
    if is_set_name(name):
        return name
    plain = name.lower().replace("-", "_")
    return next((f"{library}:{plain}" for library, sets in SETS.items() if plain in sets), "")


class NamedDataset(FileDataset):
    """A set that another library carries or has downloaded, by its name.

    Example:
        >>> NamedDataset(name="sklearn:iris", test_share=0.3).test_share
        0.3
    """

    name: str = toml_key(..., "The library and the name of the set.", "sklearn:iris", min_length=1)
    test_share: float | None = toml_key(
        None, "Share of the rows kept for the test set, where the set has none: 0.2 when left out.",
        0.2, gt=0, lt=1)  # fmt: skip
    label: _Columns | None = toml_key(
        None, "The column that holds the label, where the set does not say it.", "class"
    )
    task: Task | None = toml_key(None, _TASK, "regression")

    @field_validator("name", mode="after")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not is_set_name(name):
            known = ", ".join(f"{prefix}:…" for prefix in SET_PREFIXES)
            raise ValueError(
                f"must be one of {known}, found {name!r}; write a name such as sklearn:iris, or "
                "csv or npz for a file"
            )
        return name

    @property
    def path(self) -> str:
        """Its name: it has no file of the user's."""
        return self.name


_KINDS: Mapping[str, type[FileDataset]] = {
    **dict.fromkeys(TABLE_KEYS, TableDataset),
    "npz": NpzDataset,
    "images": ImagesDataset,
    "arrays": ArraysDataset,
    "name": NamedDataset,
}
"""Classes of tables by the key that tells them apart; the first one that is there counts."""


def hold_data(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study's values with what stands for data in the place of those that Python gives.

    Raises:
        ValueError: if they are no data.
    """
    values = dict(values)
    if "dataset" in values:
        values["dataset"] = _hold(values["dataset"])
    if isinstance(several := values.get("datasets"), list | tuple):
        values["datasets"] = tuple(map(_hold, several))
    return values


def _hold(value: object) -> object:
    is_table = type(value) is dict and "x_train" not in value
    if value is None or is_table or isinstance(value, str | bool | int | float | FileDataset):
        return value
    # Data lie above studies: they are imported where a program gives some, and nowhere else.
    hold = importlib.import_module("stepladder.data.arrays").dataset
    try:
        return hold(value)
    except StepladderError as error:
        raise ValueError(str(error)) from None


def _tag(value: object) -> str:
    if isinstance(value, FileDataset):
        return f"-{type(value).__name__}"
    if isinstance(value, Mapping):
        kind = next((kind for key, kind in _KINDS.items() if key in value), TableDataset)
        return f"-{kind.__name__}"
    return "-name"


DatasetSource = Annotated[
    Annotated[str, Tag("-name")]
    | Annotated[TableDataset, Tag("-TableDataset")]
    | Annotated[NpzDataset, Tag("-NpzDataset")]
    | Annotated[ImagesDataset, Tag("-ImagesDataset")]
    | Annotated[ArraysDataset, Tag("-ArraysDataset")]
    | Annotated[NamedDataset, Tag("-NamedDataset")],
    Discriminator(_tag),
]
"""A built-in name or a path, or a table of its own."""


_SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".csv.gz", ".tsv.gz", ".txt.gz"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
}


def table_key(file: Path) -> str | None:
    """The key of a table that a file is named by; None for a file that is no table by its name.

    Example:
        >>> table_key(Path("digits.csv.gz")), table_key(Path("digits.npz"))
        ('csv', None)
    """
    name = file.name.lower()
    return next((key for suffix, key in _SUFFIXES.items() if name.endswith(suffix)), None)


def short_name(source: DatasetSource) -> str:
    """What a data set is called in tables and folders: a built-in name, or that of its file.

    Example:
        >>> short_name("data/digits.npz"), short_name("mnist")
        ('digits', 'mnist')
    """
    path = source if isinstance(source, str) else source.path
    if isinstance(source, ArraysDataset) or (isinstance(path, str) and is_set_name(path)):
        path = getattr(source, "name", path).replace(":", "-") + ".npz"
    plain = re.sub(r"[^\w.-]+", "-", Path(path).stem).strip(".-")[:50]
    return plain or "data"


def task_of(dataset: object) -> Task:
    """What is to be learnt from a dataset, as a study declares it.

    Example:
        >>> task_of("mnist"), task_of({"npz": "houses.npz", "task": "regression"})
        ('classification', 'regression')
    """
    get = dataset.get if isinstance(dataset, Mapping) else partial(getattr, dataset)
    task = get("task", None)
    if task is None and (dataset if isinstance(dataset, str) else get("name", "")) in _REGRESSIONS:
        return "regression"
    return task if task in DEFAULT_METRICS else "classification"
