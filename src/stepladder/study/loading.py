"""Where studies come from: built in, TOML files, model files."""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, Self

from pydantic import Field, PrivateAttr, field_validator

from stepladder.errors import StudyError
from stepladder.files import validate_path
from stepladder.study.schema import FrozenModel, did_you_mean

_BUILT_IN = resources.files("stepladder.study").joinpath("builtin")

_MOST_BYTES = 1_000_000
_EXAMPLE = 'write model = "conv.py:build"'
_NAMED = re.compile(r"(?P<file>[^:]+):(?P<function>[^:]+)")


class ModelFile(FrozenModel):
    """A function `build(recipe, input_shape, classes)` in a file beside the study.

    Two are equal when file, function and content are, wherever the file lies.

    Raises:
        StudyError: from the constructor, if the file is not one below the study's folder, or
            the function's name is none.
    """

    file: str = Field(
        min_length=1,
        max_length=500,
        description="The file, in the study's folder or below it.",
        examples=["conv.py"],
    )
    function: str = Field(
        min_length=1, max_length=200, description="The function in it.", examples=["build"]
    )
    sha256: str = Field(
        description="SHA-256 of the file's content, as it was when the study was read.",
    )
    _text: str | None = PrivateAttr(default=None)

    @field_validator("file")
    @classmethod
    def _lies_below(cls, file: str) -> str:
        path = PurePosixPath(file)
        strange = "\\" in file or "\0" in file or re.match("[A-Za-z]:", file)
        if path.is_absolute() or ".." in path.parts or strange or path.suffix != ".py":
            raise ValueError(
                "must be a .py file in the study's folder or below it, named with forward "
                f"slashes and without '..', found {file!r}; put it beside the study and "
                f"{_EXAMPLE}"
            )
        return file

    @field_validator("function")
    @classmethod
    def _is_a_name(cls, function: str) -> str:
        if not function.isidentifier() or keyword.iskeyword(function):
            raise ValueError(f"must be a function's name, found {function!r}; {_EXAMPLE}")
        return function

    @field_validator("sha256")
    @classmethod
    def _is_a_hash(cls, sha256: str) -> str:
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise ValueError(
                f"must be 64 hexadecimal digits, found {sha256!r}; leave it out to take the file "
                "as it is now"
            )
        return sha256

    def __eq__(self, other: object) -> bool:
        """Whether both name the same code; that it was read here or not makes no difference."""
        return isinstance(other, ModelFile) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        """Of what equality compares, but for the file's name."""
        return hash(self.identity)

    @property
    def identity(self) -> str:
        """What decides a trial's outcome: the content's SHA-256 and the function's name."""
        return f"{self.sha256}:{self.function}"

    @classmethod
    def load(cls, given: str | dict[str, Any], folder: Path) -> Self:
        """The file that a study names, read and hashed.

        Args:
            given: `file.py:function`, or the table that a run's own study file has, with the
                SHA-256 of what was run; then the file may be missing until it is needed.
            folder: of the study file.

        Raises:
            StudyError: if the name will not do, or the file is not there, not readable, not
                below the folder, or no text.
        """
        if isinstance(given, dict) and "sha256" in given:
            pinned = cls._checked(given)
            with suppress(StudyError):  # said when it is needed, by `text`
                content = _content(folder, pinned.file)
                if hashlib.sha256(content).hexdigest() == pinned.sha256:
                    pinned._text = content.decode("utf-8-sig")
            return pinned
        named = given if isinstance(given, dict) else _named(given)
        checked = cls._checked({**named, "sha256": "0" * 64})
        content = _content(folder, checked.file)
        made = checked.changed({"sha256": hashlib.sha256(content).hexdigest()})
        made._text = content.decode("utf-8-sig")
        return made

    @classmethod
    def _checked(cls, given: dict[str, Any]) -> Self:
        try:
            return cls(**given)
        except StudyError as error:
            raise StudyError([f"model.{problem}" for problem in error.problems]) from None

    @property
    def text(self) -> str:
        """The file's text, which is what was hashed.

        Raises:
            StudyError: if a file of this content was not there when the study was read.
        """
        if self._text is None:
            raise StudyError(
                f"model must be the file {self.file!r} in the study's folder, with the SHA-256 "
                f"{self.sha256}, found no such file or another content; put that file there, "
                f'or write model = "{self.file}:{self.function}" to take it as it is now'
            )
        return self._text


def _named(given: str) -> dict[str, str]:
    match = _NAMED.fullmatch(given)
    if match is None:
        raise StudyError(f"model must be FILE.py:FUNCTION, found {given!r}; {_EXAMPLE}")
    return match.groupdict()


def _content(folder: Path, name: str) -> bytes:
    """The bytes of a file below a folder, links that lead out refused."""
    path = folder / name
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()) or not real.is_file():
            raise StudyError(
                f"model must be a plain file in the study's folder or below it, found {str(path)!r}"
                f", which is {str(real)!r}; put a copy beside the study"
            )
        with real.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        content.decode()
    except (OSError, RuntimeError) as error:  # RuntimeError: a ring of links
        found = getattr(error, "strerror", None) or str(error)
        raise StudyError(
            f"model must be a file that can be read, found {str(path)!r}: {found}; check its name"
        ) from None
    except UnicodeDecodeError:
        raise StudyError(
            f"model must be a Python file in UTF-8, found other bytes in {str(path)!r}; convert it"
        ) from None
    if len(content) > _MOST_BYTES:
        raise StudyError(
            f"model must be a file of at most {_MOST_BYTES:,} bytes, found a larger one at "
            f"{str(path)!r}; keep data out of it"
        )
    return content


MODEL_SCHEMA = {
    "anyOf": [
        {
            "type": "string",
            "pattern": _NAMED.pattern.replace("?P", "?"),
            "examples": ["conv.py:build"],
        },
        ModelFile.model_json_schema(),
        {"type": "null"},
    ]
}
"""As a study file may have it: a text, or a table with the SHA-256 of what is meant."""


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
        return _BUILT_IN.joinpath(f"{source}.toml").read_text("utf-8"), None
    path = validate_path(source, what.upper())
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


def set_key(values: dict[str, Any], path: str, value: object) -> None:
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


def resolve_paths(values: dict[str, Any], directory: Path | None) -> dict[str, Any]:
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
