"""Where a study's data lie: a name or a path, or a table of a file and of how to read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

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


FILE_KEYS = ("csv", "npz", "test", "validation")
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


_KINDS: Mapping[str, type[FileDataset]] = {"csv": TableDataset, "npz": NpzDataset}
"""Classes of tables by the key that tells them apart."""


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
    | Annotated[NpzDataset, Tag("-NpzDataset")],
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
    return task if task in DEFAULT_METRICS else "classification"
