"""Where studies come from: built in, TOML files, model files."""

import hashlib
import json
import keyword
import os
import re
import shlex
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeVar

from pydantic import PrivateAttr, field_validator

from stepladder.errors import StudyError
from stepladder.files import parse_toml, read_bounded, undecodable, validate_path
from stepladder.study.foreign_names import takes_arguments
from stepladder.study.recipe import Recipe
from stepladder.study.schema import (
    ByContent,
    FrozenModel,
    did_you_mean,
    nearest,
    own_errors,
    toml_key,
)
from stepladder.study.sources import FILE_KEYS, is_set_name, set_called, table_key
from stepladder.study.trainer import UserTrainer

_MOST_BYTES = 1_000_000
_EXAMPLE = 'write model = "conv.py:build"'
_FILE_AND_FUNCTION = re.compile(r"(?P<file>[^:]+):(?P<function>[^:]+)")


class ModelFile(ByContent):
    """A function `build(recipe, input_shape, classes)` in a file of the study's folder.

    Two are equal when file, function and content are, wherever the file lies.

    Raises:
        StudyError: from the constructor, if the file is not one below the study's folder, or
            the function's name is none.
    """

    # fmt: off
    file: str = toml_key(
        ..., "The file, in the study's folder or below it.", "conv.py", min_length=1,
        max_length=500)
    function: str = toml_key(..., "The function in it.", "build", min_length=1, max_length=200)
    sha256: str = toml_key(..., "SHA-256 of the file's content, as it was when the study was read.")
    # fmt: on
    _text: str | None = PrivateAttr(default=None)

    @field_validator("file")
    @classmethod
    def _check_file(cls, file: str) -> str:
        path = PurePosixPath(file)
        is_strange = "\\" in file or "\0" in file or re.match("[A-Za-z]:", file)
        if path.is_absolute() or ".." in path.parts or is_strange or path.suffix != ".py":
            raise ValueError(
                "must be a .py file in the study's folder or below it, named with forward "
                f"slashes and without '..', found {file!r}; put it into the study's folder and "
                f"{_EXAMPLE}"
            )
        return file

    @field_validator("function")
    @classmethod
    def _check_function(cls, function: str) -> str:
        if not function.isidentifier() or keyword.iskeyword(function):
            raise ValueError(f"must be a function's name, found {function!r}; {_EXAMPLE}")
        return function

    @field_validator("sha256")
    @classmethod
    def _check_hash(cls, sha256: str) -> str:
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise ValueError(
                f"must be 64 hexadecimal digits, found {sha256!r}; leave it out to take the file "
                "as it is now"
            )
        return sha256

    @property
    def identity(self) -> str:
        """What decides a trial's outcome: the content's SHA-256 and the function's name."""
        return f"{self.sha256}:{self.function}"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.function} of {self.file}"

    @classmethod
    def load(cls, source: str | Mapping[str, Any], folder: Path) -> Self:
        """The file that a study names, read and hashed.

        Args:
            source: `file.py:function`, or the table that a run's own study file has, with the
                SHA-256 of what was run; then the file may be missing until it is needed.
            folder: of the study file.

        Raises:
            StudyError: if the name will not do, or the file is not there, not readable, not
                below the folder, or no text.
        """
        if isinstance(source, str):
            match = _FILE_AND_FUNCTION.fullmatch(source)
            if match is None:
                raise StudyError(f"model must be FILE.py:FUNCTION, found {source!r}; {_EXAMPLE}")
            source = match.groupdict()
        try:
            with own_errors():
                code = cls(**{"sha256": "0" * 64, **source})
        except StudyError as error:
            raise StudyError([f"model.{problem}" for problem in error.problems]) from None
        is_pinned = "sha256" in source
        try:
            content = _read_model(folder, code.file)
        except StudyError:
            if is_pinned:
                return code  # `text` raises where the file is needed
            raise
        sha256 = hashlib.sha256(content).hexdigest()
        if not is_pinned:
            code = code.changed({"sha256": sha256})
        if sha256 == code.sha256:
            code._text = content.decode("utf-8-sig")
        return code

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


def _read_model(folder: Path, name: str) -> bytes:
    """The bytes of a file below a folder, links that lead out refused."""
    path = folder / name
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()) or not real.is_file():
            raise StudyError(
                f"model must be a plain file in the study's folder or below it, found {str(path)!r}"
                f", which is {str(real)!r}; put a copy into the study's folder"
            )
        with real.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        content.decode()
    except (OSError, RuntimeError) as error:  # RuntimeError: a ring of links
        reason = getattr(error, "strerror", None) or str(error)
        problem = f"a file that can be read, found {str(path)!r}: {reason}; check its name"
    except UnicodeDecodeError:
        problem = f"a Python file in UTF-8, found other bytes in {str(path)!r}; convert it"
    else:
        if len(content) <= _MOST_BYTES:
            return content
        problem = (f"a file of at most {_MOST_BYTES:,} bytes, found a larger one at "
                   f"{str(path)!r}; keep data out of it")  # fmt: skip
    raise StudyError(f"model must be {problem}")


_IDENTITY = re.compile(r"[0-9a-f]{64}:\w+")
_WITH_CHANGES = {"technique": "technique", "techniques": "technique", "arm": "arm",
                 "explicit": "arm"}  # fmt: skip


def load_models(values: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """A study's values with the files of all networks of its own read.

    In a change the name of a function becomes what decides a trial's outcome, its `identity`;
    `models` then holds the file. What is loaded already stays as it is.

    Args:
        values: of a study file, or from Python.
        folder: where the files are.

    Raises:
        StudyError: if a file or a name will not do, with the technique or arm that has it.
    """
    model, known = values.get("model"), values.get("models", ())
    if isinstance(model, str | Mapping):
        values = {**values, "model": ModelFile.load(model, folder)}
    if values.get("trainer") is not None or not isinstance(known, list | tuple):
        return values  # there `model` may be any key of the user's; or the field says what is wrong
    files = [ModelFile.load(file, folder) if isinstance(file, Mapping) else file for file in known]
    loaded = {file.identity: file for file in files if isinstance(file, ModelFile)}
    used: dict[str, ModelFile] = {}
    for key in values.keys() & _WITH_CHANGES.keys():
        rows = values[key]
        if isinstance(rows, list | tuple):
            rows = [_with_identity(row, _WITH_CHANGES[key], folder, loaded, used) for row in rows]
            values = {**values, key: rows}
    main = values.get("model")
    others = tuple(file for file in used.values() if file != main)
    return {**values, "models": others} if others or files else values


def _with_identity(
    row: Any,  # noqa: ANN401 - whatever the file holds
    what: str,
    folder: Path,
    loaded: dict[str, ModelFile],
    used: dict[str, ModelFile],
) -> Any:  # noqa: ANN401
    """A technique or an arm whose change names its network's function by its identity."""
    is_table = isinstance(row, Mapping)
    change = row.get("change") if is_table else getattr(row, "change", None)
    model = change.get("model") if isinstance(change, Mapping) else None
    if not isinstance(change, Mapping) or not isinstance(model, str):
        return row
    if not _IDENTITY.fullmatch(model):
        name = row.get("name") if is_table else row.name
        try:
            file = ModelFile.load(model, folder)
        except StudyError as error:
            raise StudyError([f"{what} {name!r}: {line}" for line in error.problems]) from None
        model = file.identity
        loaded.setdefault(model, file)
        change = {**change, "model": model}
        row = {**row, "change": change} if is_table else row.changed({"change": change})
    if model in loaded:
        used[model] = loaded[model]
    return row


MODEL_SCHEMA = {
    "anyOf": [
        {
            "type": "string",
            "pattern": _FILE_AND_FUNCTION.pattern.replace("?P", "?"),
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

_Value = TypeVar("_Value", bound=FrozenModel)


def load_toml(
    make: Callable[..., _Value],
    source: str | Path,
    what: str,
    settings: Mapping[str, Any],
    parse_float: Callable[[str], Any] = float,
) -> _Value:
    """A study or a table by its built-in name or from a TOML file.

    Args:
        make: makes it of the file's values.
        source: a built-in name or a file's path; data paths in it are relative to it.
        what: `study` or `table`, for errors.
        settings: values by the path of their key, which replace those of the file.
        parse_float: reads a number with a decimal point.

    Raises:
        StudyError: if there is no such file, it cannot be read, or it is not valid.
        InputError: if no file could be of that name.
    """
    text, folder = _read(source, what)
    try:
        values = parse_toml(text, parse_float)
    except ValueError as error:
        raise StudyError(f"must be TOML: {error}; fix that line", str(source)) from None
    for path, value in settings.items():
        if path in ("epochs", "base.epochs"):  # two ways to say one thing: the last one counts
            path = "epochs" if "epochs" in values else "base.epochs"
        if path == "replicates" and value != "auto":  # a number takes the place of a most
            values.pop("most_replicates", None)
        _set_key(values, path, value)
    are_folds_set = any(path.startswith("splits.") for path in settings)
    if are_folds_set and "folds" in values["splits"] and "replicates" not in settings:
        values.pop("replicates", None)  # which follow from the folds
    _check_keys_of_training(make, values, source)
    try:
        return make(**_resolve_paths(values, folder or Path.cwd()))
    except StudyError as error:
        raise StudyError(error.problems, str(source)) from None


def _read(source: str | Path, what: str) -> tuple[str, Path | None]:
    """A text and, unless it is built in, the folder that it lies in."""
    built_in = BUILT_IN_TABLES if what == "table" else BUILT_IN_STUDIES
    if str(source) in built_in:
        folder = resources.files("stepladder.study").joinpath("builtin")
        return folder.joinpath(f"{source}.toml").read_text("utf-8"), None
    path = validate_path(source, what.upper())
    if path.is_dir():
        path = _study_in(path, what)
    elif path.is_file() and (found := _other_file(path)):
        raise StudyError(f"must be a {what} file, found {found}", str(source))
    try:
        content = read_bounded(path)
        # Editors on Windows begin a text with a byte order mark.
        return content.decode("utf-8-sig"), path.resolve().parent
    except FileNotFoundError:
        write = ", or write one with `stepladder init`" if what == "study" else ""
        advice = did_you_mean(str(source), built_in, f"check the path{write}")
        if str(source) in BUILT_IN_TABLES:
            advice = f"that is a published table: `stepladder reproduce {source}`"
        elif str(source) in BUILT_IN_STUDIES:
            advice = f"that is a study: `stepladder run {source}`"
        elif dataset := set_called(str(source)):
            advice = (
                f"that is a dataset: `stepladder init --dataset {shlex.quote(dataset)}` writes a "
                "study for it"
            )
        raise StudyError(
            f"{what.upper()} must be a file or built in ({', '.join(built_in)}), found no file "
            f"{str(source)!r}; {advice}"
        ) from None
    except UnicodeDecodeError:
        problem = f"must be a TOML text in UTF-8, found {undecodable(content.splitlines())}"
    except OSError as error:
        problem = f"must be a readable file, found: {error.strerror}"
    raise StudyError(f"{problem}; name a {what} file", str(source))


def _study_in(folder: Path, what: str) -> Path:
    """The study file in the folder of a run."""
    if what == "study" and os.path.isfile(folder / "study.toml"):
        return folder / "study.toml"
    raise StudyError(
        f"must be a {what} file, found a folder" + (
            " without study.toml; name a file, or the folder of one run, such as runs/mnist"
            if what == "study" else "; name the file of the table"
        ), str(folder),
    )  # fmt: skip


_DATA = (".npz", ".xlsx", ".npy")


def is_data(path: Path) -> bool:
    """Whether a file holds data, by its name.

    Example:
        >>> is_data(Path("leaves.csv.gz")), is_data(Path("study.toml"))
        (True, False)
    """
    return path.suffix.lower() in _DATA or table_key(path) is not None


def _other_file(path: Path) -> str:
    """What a file is that is no study, and what to do with it; nothing where it may be one."""
    if is_data(path):
        return f"data; `stepladder init --dataset {shlex.quote(str(path))}` writes a study for it"
    if path.suffix.lower() == ".py":
        return (
            "a script; a study says how it is called: `stepladder init --template command` writes "
            "one for a program, `stepladder init --template keras` one for a function"
        )
    return ""


def studies_in(folder: Path) -> list[str]:
    """Names of the files in a folder that look like studies, a few of them."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".toml")
    except OSError:
        return []
    return [path.name for path in files if study_name(path)][:_SHOWN]


_SHOWN = 5


def study_name(file: Path) -> str | None:
    """The name of the study in a file; None where it holds none."""
    try:
        values = parse_toml(read_bounded(file).decode("utf-8-sig"))
    except (OSError, ValueError):
        return None
    name = values.get("name")
    return name if isinstance(name, str) and "base" in values else None


def _check_keys_of_training(
    make: Callable[..., FrozenModel], values: Mapping[str, Any], source: str | Path
) -> None:
    """Refuses keys at the top that a training of the user's own has in its base."""
    base = values.get("base")
    if values.get("trainer") is None or not isinstance(base, dict):
        return
    fields = getattr(make, "model_fields", {})
    known = {*fields, *(info.alias for info in fields.values())} | {"epochs", "most_replicates"}
    own = {key: nearest(key, base) for key in values if key not in known}
    problems = [f"{key} is not a key of the {make.__name__.lower()}; did you mean 'base.{near}'?"
                for key, near in own.items() if near]  # fmt: skip
    if problems:
        raise StudyError(problems, str(source))


def _set_key(values: dict[str, Any], path: str, value: object) -> None:
    """Sets the value at a dotted path, making tables on the way."""
    *tables, last = steps = path.split(".")
    if not all(steps):
        raise StudyError(f"--set must name keys with a dot between, found {path!r}; write "
                         f"{'.'.join(filter(None, steps)) or 'base.learning_rate'}")  # fmt: skip
    for place, name in enumerate(tables):
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise StudyError(
                f"--set {path} must name a key of the study, but {name!r} is not a table; "
                f"{_instead_of_key('.'.join(steps[: place + 1]), inner, {last: value})}"
            )
        values = inner
    values[last] = value


def _instead_of_key(path: str, found: object, asked: Mapping[str, object]) -> str:
    """What to set where there is no table, whose keys could be set."""
    if path in ("technique", "arm", "row", "protocol"):
        example = (
            '["ReLU"]' if path == "technique" else '[{ name = "mine", change = { l2 = 0.1 } }]'
        )
        return f"write the whole list, such as --set '{path}={example}', or edit the file"
    table, _, field = path.rpartition(".")
    if table == "base" and takes_arguments(Recipe.model_fields.get(field)):
        arguments = "".join(f", {key} = {json.dumps(value)}" for key, value in asked.items())
        return f"write its name and arguments, --set '{path}={{ name = \"{found}\"{arguments} }}'"
    return f"write a value for it, such as --set {path}={found}"


def _resolve_paths(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The values with file names relative to a folder: the study file's, or the working one."""
    values, dataset = dict(load_models(values, folder)), values.get("dataset")
    if values.get("trainer") is not None:
        values = {**values, "trainer": UserTrainer.load(values["trainer"], folder)}
    if "dataset" in values:
        values["dataset"] = _resolve_dataset(dataset, folder)
    several = values.get("datasets")
    if isinstance(several, list):
        values["datasets"] = [_resolve_dataset(one, folder) for one in several]
    return values


def _resolve_dataset(dataset: Any, folder: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """A dataset with file names relative to a folder."""
    if isinstance(dataset, str) and dataset not in BUILT_IN_DATASETS and not is_set_name(dataset):
        return str(folder / dataset)
    if isinstance(dataset, dict):
        files = {key: str(folder / dataset[key]) for key in FILE_KEYS
                 if isinstance(dataset.get(key), str)}  # fmt: skip
        return {**dataset, **files}
    return dataset
