"""Where studies come from: built-in names and files, and what these name on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from stepladder.errors import StudyError
from stepladder.model_file import ModelFile
from stepladder.places import usable
from stepladder.values import did_you_mean

__all__ = [
    "BUILT_IN_DATASETS",
    "BUILT_IN_STUDIES",
    "BUILT_IN_TABLES",
    "anchored",
    "put",
    "read",
]

BUILT_IN_STUDIES = (
    "mnist", "mnist-best", "mnist-best-augmented", "mnist-fair", "mnist-search", "quick",
)  # fmt: skip
BUILT_IN_TABLES = ("mnist-original",)
BUILT_IN_DATASETS = ("mnist",)


def read(
    source: str | Path, built_in: Sequence[str] = BUILT_IN_STUDIES, what: str = "study"
) -> tuple[str, Path | None]:
    """A study's text and, unless it is built in, the folder that it lies in.

    Args:
        source: a built-in name or a file's path.
        built_in: the names that are built in.
        what: it is, for errors.

    Raises:
        StudyError: if there is no such study or it is no text.
        InputError: if no file could be of that name.
    """
    if str(source) in built_in:
        return resources.files("stepladder.studies").joinpath(f"{source}.toml").read_text(
            "utf-8"
        ), None
    path = usable(source, what.upper())
    try:
        return path.read_text("utf-8"), path.resolve().parent
    except FileNotFoundError:
        advice = did_you_mean(str(source), built_in, "check the path")
        if str(source) in BUILT_IN_TABLES:
            advice = f"that is a published table: `stepladder reproduce {source}`"
        elif str(source) in BUILT_IN_STUDIES:
            advice = f"that is a study: `stepladder run {source}`"
        raise StudyError(
            f"must be a {what} file or a built-in {what} "
            f"({', '.join(built_in)}), found no file {str(source)!r}; {advice}"
        ) from None
    except UnicodeDecodeError:
        raise StudyError(
            f"must be a TOML text in UTF-8, found other bytes; name a {what} file", str(source)
        ) from None
    except OSError as error:
        raise StudyError(
            f"must be a readable file, found: {error.strerror}; name a {what} file", str(source)
        ) from None


def put(values: dict[str, Any], path: str, value: object) -> None:
    """Sets the value at a dotted path, making tables on the way.

    Raises:
        StudyError: if something on the way is no table.
    """
    *tables, last = path.split(".")
    for name in tables:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise StudyError(
                f"--set {path} must name a key of the study, but {name!r} is not a table; "
                "see `stepladder schema` for every key"
            )
        values = inner
    values[last] = value


def anchored(values: dict[str, Any], directory: Path | None) -> dict[str, Any]:
    """The values with what they name on the disk taken relative to the study file's folder.

    Args:
        values: of the study file and of the settings.
        directory: the folder; None for a built-in study, to which settings may have added names:
            those are relative to the working folder.

    Raises:
        StudyError: if the model's file will not do.
    """
    model, dataset = values.get("model"), values.get("dataset")
    if isinstance(model, str | dict):
        values = {**values, "model": ModelFile.load(model, directory or Path.cwd())}
    place = directory or Path.cwd()
    if isinstance(dataset, str) and dataset not in BUILT_IN_DATASETS:
        return {**values, "dataset": str(place / dataset)}
    if isinstance(dataset, dict) and isinstance(dataset.get("csv"), str):
        return {**values, "dataset": {**dataset, "csv": str(place / dataset["csv"])}}
    return values
