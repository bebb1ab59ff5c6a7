"""Studies as files: the built-in ones, those of the user, and changes by the path of a key."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from stepladder.errors import StudyError
from stepladder.values import nearest

__all__ = ["BUILT_IN_STUDIES", "put", "read_text"]

BUILT_IN_STUDIES = ("mnist", "mnist-fair", "quick")


def read_text(source: str | Path) -> tuple[str, Path | None]:
    """A study's text and, unless it is built in, the folder that it lies in.

    Raises:
        StudyError: if there is no such study, or it cannot be read.
    """
    if str(source) in BUILT_IN_STUDIES:
        return resources.files("stepladder.studies").joinpath(f"{source}.toml").read_text(
            "utf-8"
        ), None
    path = Path(source)
    try:
        return path.read_text("utf-8"), path.resolve().parent
    except FileNotFoundError:
        near = nearest(str(source), BUILT_IN_STUDIES)
        advice = f"did you mean {near!r}?" if near else "check the path"
        raise StudyError(
            "must be a study file or a built-in study "
            f"({', '.join(BUILT_IN_STUDIES)}), found no file {str(source)!r}; {advice}"
        ) from None
    except UnicodeDecodeError:
        raise StudyError(
            "must be a TOML text in UTF-8, found other bytes; name a study file", str(source)
        ) from None
    except OSError as error:
        raise StudyError(
            f"must be a readable file, found: {error.strerror}; name a study file", str(source)
        ) from None


def put(values: dict[str, Any], path: str, value: object) -> None:
    """Sets the value at a dotted path, making tables on the way.

    Raises:
        StudyError: if the path goes through a value that is no table.
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
