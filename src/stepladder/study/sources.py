"""Where a study's data lie: a name or a path, or a table of a file and of how to read it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

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
    return "-columns" if isinstance(value, list | tuple) else "-column"


_Columns = Annotated[
    Annotated[Annotated[str, Field(min_length=1)], Tag("-column")]
    | Annotated[ListOf[str], Tag("-columns")],
    Discriminator(_column_tag),
]

_TASK = (
    "What is to be learnt: classes, numbers (regression), or which of several labels apply "
    "(multilabel). Classes when left out."
)


FILE_KEYS = ("csv", "npz", "test", "validation", "folder")
"""Keys of all tables below that hold the path of a file or a folder."""


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


class TableDataset(FileDataset):
    """A table of examples: one row an example, one column the label, the others its inputs.

    Example:
        >>> TableDataset(csv="digits.csv", label="digit", test_share=0.2).label
        'digit'
    """

    csv: str = toml_key(..., "The file.", "digits.csv", min_length=1)
    label: _Columns = toml_key(
        ..., "The column that holds the label; a list of columns for several targets or labels.",
        "digit")  # fmt: skip
    test_share: float = toml_key(..., "Share of the rows kept for the test set.", 0.2, gt=0, lt=1)
    task: Task | None = toml_key(None, _TASK, "regression")

    @field_validator("label", mode="after")
    @classmethod
    def _check_label(cls, label: str | tuple[str, ...]) -> str | tuple[str, ...]:
        columns = (label,) if isinstance(label, str) else label
        if not columns or not all(columns) or len(set(columns)) < len(columns):
            raise ValueError(
                f"must name columns that differ, found {label!r}; write the names from the header"
            )
        return label

    @model_validator(mode="after")
    def _check_task(self) -> TableDataset:
        if not isinstance(self.label, str) and self.task in (None, "classification"):
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

_REGRESSIONS = ("sklearn:diabetes", "sklearn:linnerud", "keras:california_housing",
                "keras:boston_housing")  # fmt: skip


def is_set_name(text: str) -> bool:
    """Whether a text names a set of another library, and no file.

    Example:
        >>> is_set_name("sklearn:iris"), is_set_name("./sklearn:iris"), is_set_name("iris.npz")
        (True, False, False)
    """
    return text.partition(":")[0] in SET_PREFIXES and ":" in text


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
    "csv": TableDataset,
    "npz": NpzDataset,
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
    | Annotated[ArraysDataset, Tag("-ArraysDataset")]
    | Annotated[NamedDataset, Tag("-NamedDataset")],
    Discriminator(_tag),
]
"""A built-in name or a path, or a table of its own."""


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
