"""Every kind of dataset that a study may name, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stepladder.data.dataset import Dataset
from stepladder.data.idx import read_idx_folder
from stepladder.data.mnist import read_mnist
from stepladder.data.npz import read_npz
from stepladder.data.table import read_table
from stepladder.errors import DataError

if TYPE_CHECKING:
    from stepladder.study import CsvDataset

__all__ = ["BUILT_IN", "load"]

BUILT_IN: dict[str, Callable[[], Dataset]] = {"mnist": read_mnist}

_KINDS = (
    f"dataset must be a built-in name ({', '.join(BUILT_IN)}), a .npz file, a folder of IDX files, "
    'or a table { csv = "…", label = "…", test_share = 0.2 }'
)


def load(dataset: str | CsvDataset) -> Dataset:
    """The dataset that a study names.

    Args:
        dataset: a built-in name, the path of a `.npz` file or of a folder of IDX files, or a
            CSV table. A built-in name wins over a path; write `./mnist` for a folder.

    Raises:
        DataError: if there is no such dataset, it cannot be read or it makes no sense.
    """
    if not isinstance(dataset, str):
        read = partial(read_table, label=dataset.label, test_share=dataset.test_share)
        return _read(Path(dataset.csv), {"file": read})
    if dataset in BUILT_IN:
        return BUILT_IN[dataset]()
    path = Path(dataset)
    if path.suffix.lower() == ".npz":
        return _read(path, {"file": read_npz, "folder": read_idx_folder})
    return _read(path, {"folder": read_idx_folder})


def _read(path: Path, readers: dict[str, Callable[[Path, str], Dataset]]) -> Dataset:
    try:
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "neither"
        if kind in readers:
            return readers[kind](path, path.resolve().name)
        exists = path.exists()
    except OSError as error:
        raise DataError(
            f"{path}: must be readable, found: {error.strerror or error}; check the path and its "
            "permissions"
        ) from None
    raise DataError(_advised(path, kind if exists else "nothing"))


def _advised(path: Path, kind: str) -> str:
    if kind == "nothing":
        from stepladder.values import did_you_mean  # pydantic comes with it: only for this message

        otherwise = "check the path"
        advice = otherwise if path.suffix else did_you_mean(path.name, BUILT_IN, otherwise)
        return f"{_KINDS}, found nothing at {str(path)!r}; {advice}"
    if path.suffix.lower() == ".csv" and kind == "file":
        advice = f'write dataset = {{ csv = "{path.name}", label = "…", test_share = 0.2 }}'
    else:
        advice = "name one of these"
    found = {"file": "another file", "folder": "a folder", "neither": "no plain file or folder"}
    return f"{_KINDS}, found {found[kind]} at {str(path)!r}; {advice}"
