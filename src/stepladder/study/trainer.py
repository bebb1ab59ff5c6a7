"""A training of the user's own: a function in a Python file, a command, or a callable."""

import ast
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from stepladder.errors import InputError, StudyError
from stepladder.files import open_regular
from stepladder.study.plugins import find_plugin, load_plugin, package_of, plugin_names
from stepladder.study.schema import ByContent, ListOf, fingerprint, toml_key, unknown_names
from stepladder.study.source import sources
from stepladder.study.values import flatten

_FUNCTION = re.compile(r"(?P<file>[^:]+\.py):(?P<name>[A-Za-z_]\w*)")
_PACKAGED = re.compile(r"[\w-]+")
_TRAINERS = "stepladder.trainers"  # the group of entry points of packages that offer one
_EXAMPLE = 'write trainer = "train.py:train", or { command = ["python", "train.py"] }'
_MOST_CODE = 1_000_000
GIVEN = ("seed", "replicate", "out", "params", "context")
"""Names of what stepladder gives to a training: no key of [base] may have one of them."""

BRACES = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
"""What stands in a command's arguments for a plain brace or a value; a single brace is a mistake.
Names are taken as they are, so that a key may have any character but a brace."""


def _patterns(value: object) -> object:
    return {"": value} if isinstance(value, str) else value


class UserTrainer(ByContent):
    """What trains the trials of a study, where that is the user's own code.

    Exactly one of `function` and `command` is given. `sha256` has the content of every file that
    decides the outcome, as it was when the study was read.

    Raises:
        StudyError: from the constructor, if it is none or both of them, or a file cannot be read.

    Example:
        >>> UserTrainer(command=["sleep", "{seconds}"]).placeholders
        ('seconds',)
    """

    # fmt: off
    function: str | None = toml_key(
        None, "A function in a file of the study's folder, called with the parameters and a seed, "
        "or the name of an installed package's trainer.", "train.py:train", max_length=500)
    command: ListOf[Annotated[str, Field(max_length=10_000)]] = toml_key(
        (), "A program and its arguments; {KEY} stands for a value of [base], {seed}, {out} or "
        "{params}.", ["python", "train.py", "--lr={learning_rate}", "--seed={seed}"],
        max_length=1000)
    files: ListOf[str] = toml_key(
        (), "Further files that decide the outcome, such as data or weights that it reads.",
        ["data.csv"], max_length=1000)
    version: str | None = toml_key(
        None, "Stands for the code in a trial's id, so that a change of the code trains nothing "
        "again until the version changes.", "2", min_length=1, max_length=200)
    pattern: Annotated[dict[str, str], BeforeValidator(_patterns)] = toml_key(
        ..., "For a command that prints its result as text: a regular expression with one group, "
        "or one for each metric.", "accuracy: ([0-9.]+)", default_factory=dict)
    timeout: float | None = toml_key(
        None, "Seconds after which a training is stopped and has failed.", 3600.0, gt=0)
    sha256: dict[str, str] = toml_key(
        ..., "SHA-256 of each file, as it was when the study was read.", default_factory=dict)
    # fmt: on
    _folder: Path | None = PrivateAttr(default=None)
    _callable: Callable[..., Any] | None = PrivateAttr(default=None)
    _stamps: dict[str, tuple[int, ...] | None] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.function) == bool(self.command):
            found = "both" if self.command else "neither"
            raise ValueError(f"must have either function or command, found {found}; {_EXAMPLE}")
        if self.pattern and self.function:
            raise ValueError(
                "pattern is for a command, found one beside a function; let the function return "
                "a mapping of metric to value"
            )
        for name, pattern in self.pattern.items():
            _check_pattern(name, pattern)
        _ = self.placeholders  # raises where a brace is not closed
        return self

    @property
    def engine(self) -> str:
        """What trains, as trials record it."""
        return "command" if self.command else "function"

    @property
    def name(self) -> str:
        """The function, or the program with its first argument."""
        if self.function and self.was_callable:
            return self.function.rpartition(":")[2]
        return self.function or " ".join(self.command[:2])

    @property
    def was_callable(self) -> bool:
        """Whether it was given from Python: it is known by its module, and by no file."""
        function = self.function or ""
        return ":" in function and ".py:" not in function

    @property
    def identity(self) -> str:
        """What decides a trial's outcome beside its parameters, as 64 hexadecimal digits."""
        code: dict[str, Any] = {"files": self.sha256}
        if self.version is not None:
            code = {"version": self.version}
        name = self.function.rpartition(":")[2] if self.function else list(self.command)
        return fingerprint({"train": name, "pattern": self.pattern, **code})

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What stands in braces in the command, each once; `{{` and `}}` are plain braces."""
        names: dict[str, None] = {}
        for argument in self.command:
            for match in BRACES.finditer(argument):
                if match[0] in ("{", "}"):
                    raise ValueError(
                        f"command must have its braces in pairs, found {argument!r}; write {{{{ "
                        "and }} for plain ones"
                    )
                if match["name"] is not None:
                    names[match["name"]] = None
        return tuple(names)

    @property
    def folder(self) -> Path:
        """The folder of its files.

        Raises:
            StudyError: if it is not known, or a file has changed since the study was read.
        """
        if self._folder is None:
            raise StudyError(
                "trainer must be run from the study that names it, found only its description; "
                "run the study file itself again"
            )
        return self._folder

    @property
    def is_callable(self) -> bool:
        """Whether it is a function that was given from Python or by an installed package."""
        return self._callable is not None

    def without_callable(self) -> Self:
        """The same without the function itself, which may be one that pickle cannot take."""
        copy = self.model_copy()
        copy._callable = None
        return copy

    def pickled(self) -> bytes | None:
        """The function by cloudpickle, where it was given from Python; None otherwise.

        Raises:
            StudyError: if it cannot be sent to another process.
        """
        if self._callable is None:
            return None
        import cloudpickle

        try:
            return bytes(cloudpickle.dumps(self._callable))
        except Exception as error:  # whatever an object in its closure may raise
            raise StudyError(
                f"trainer must be a function that can be sent to other processes, found that "
                f"{self.name} holds what cannot: {error}; open files and connections within it"
            ) from None

    @classmethod
    def load(cls, source: object, folder: Path) -> Self:
        """The training that a study names, its files read and hashed.

        Args:
            source: `FILE.py:FUNCTION`, a table, a callable, or the name under which an installed
                package offers one.
            folder: of the study file.

        Raises:
            StudyError: if it names no training, or a file cannot be read.
        """
        if callable(source) and not isinstance(source, type):
            return cls._of_callable(source)
        if isinstance(source, str):
            source = {"function": source}
        if not isinstance(source, Mapping):
            raise StudyError(f"trainer must be a text or a table, found {source!r}; {_EXAMPLE}")
        is_pinned = bool(source.get("sha256"))
        try:
            trainer = cls(**source)
            if is_pinned:
                return trainer
            if trainer.function and not _FUNCTION.fullmatch(trainer.function):
                if not _PACKAGED.fullmatch(trainer.function):
                    raise StudyError(
                        f"trainer must be FILE.py:FUNCTION, found {trainer.function!r}; {_EXAMPLE}"
                    )
                return trainer._of_package(folder)
            names = trainer._named_files(folder)
            stamps = {name: _stamp(folder / name) for name in names}  # before they are read
            trainer = trainer.changed({"sha256": {name: _sha256(folder, name) for name in names}})
        except StudyError as error:
            raise StudyError([
                line if line.startswith("trainer") else
                f"trainer{' ' if line.startswith('must') else '.'}{line}" for line in error.problems
            ]) from None  # fmt: skip
        trainer._folder, trainer._stamps = folder.resolve(), stamps
        trainer._check_function()
        return trainer

    @classmethod
    def _of_callable(cls, function: Callable[..., Any]) -> Self:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        trainer = cls(function=f"{getattr(function, '__module__', '')}:{name}",
                      sha256={"source": fingerprint(sorted(sources(function)))})  # fmt: skip
        trainer._folder, trainer._callable = Path.cwd(), function
        return trainer

    def _of_package(self, folder: Path) -> Self:
        """This, where its function is the name of an installed package's trainer."""
        assert self.function is not None
        entry = find_plugin(_TRAINERS, self.function)
        if entry is None:
            raise StudyError(unknown_names(
                "trainer must be FILE.py:FUNCTION or a trainer of an installed package",
                [self.function], plugin_names(_TRAINERS), _EXAMPLE,
            ))  # fmt: skip
        try:
            function = load_plugin(entry, "trainer", "a function", callable)
        except InputError as error:
            raise StudyError(str(error)) from None
        code = {package_of(entry): entry.dist.version if entry.dist else "",
                "source": fingerprint(sorted(sources(function)))}  # fmt: skip
        stamps = {name: _stamp(folder / name) for name in self.files}
        files = {name: _sha256(folder, name) for name in self.files}
        trainer = self.changed({"sha256": {**code, **files}})
        trainer._folder, trainer._stamps = folder.resolve(), stamps
        trainer._callable = function
        return trainer

    def _named_files(self, folder: Path) -> list[str]:
        """The code, and every argument of a command that is a file of the study's folder."""
        code = [self.function.partition(":")[0]] if self.function else [
            argument for argument in self.command if _is_file(folder, argument)
        ]  # fmt: skip
        return list(dict.fromkeys([*code, *self.files]))

    def _takes(self) -> tuple[dict[str, bool], bool]:
        """Whether each of the function's parameters is required; whether it takes any others."""
        if self._callable is not None:
            return _of_signature(self._callable)
        found = self._definition() if self.function and self._folder is not None else None
        if found is None:
            return {}, True
        arguments = found.args
        plain = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        optional = len(plain) - len(arguments.defaults)
        takes = {name: place < optional for place, name in enumerate(plain)}
        only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        takes |= {argument.arg: default is None for argument, default in only}
        return takes, arguments.kwarg is not None

    def problems(self, base: Mapping[str, Any]) -> list[str]:
        """What does not fit between the training and the keys of [base], one line each."""
        names = [path for path, _ in flatten(base)]
        taken = [
            f"base.{name} must have another name, found one that stepladder gives to every "
            "training; rename it"
            for name in base if name in GIVEN
        ]  # fmt: skip
        if self.command:
            return taken + self._command_problems(names)
        takes, is_open = self._takes()
        is_whole = "params" in takes  # it gets all of [base] as one mapping
        known = GIVEN if is_whole else (*base, *GIVEN)
        problems = [
            f"{self.name} takes {name}, which must be a key of [base], found none; add it, or "
            "name the function's mapping of all parameters params"
            for name, is_required in takes.items() if is_required and name not in known
        ]  # fmt: skip
        if not is_open and not is_whole:
            problems += unknown_names(
                f"{self.name} must take what [base] has", base, takes,
                "add it to the function, or name its first parameter params",
            )  # fmt: skip
        return taken + problems

    def _command_problems(self, names: Sequence[str]) -> list[str]:
        used = self.placeholders
        problems = unknown_names(
            "command must have the names of [base] in braces, or seed, replicate, out or params",
            [name for name in used if name not in GIVEN[:4]], names,
            "write {{ and }} for plain braces",
        )  # fmt: skip
        if "params" in used:
            return problems
        return problems + [
            f"base.{name} must be in the command as {{{name}}}, found it nowhere: a change of it "
            "would change nothing; add it, or {params}, the file of all parameters"
            for name in names if name not in used
        ]  # fmt: skip

    def _check_function(self) -> None:
        if self.function and self._definition() is None:
            file, _, name = self.function.partition(":")
            names = [node.name for node in _functions(self._tree())]
            advice = unknown_names(f"trainer must name a function of {file}", [name], names)
            raise StudyError(advice or f"trainer must name a function of {file}, found none")

    def _tree(self) -> ast.Module:
        assert self.function is not None
        file = self.function.partition(":")[0]
        try:
            return ast.parse((self.folder / file).read_bytes(), file)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise StudyError(f"trainer must be a Python file, found {error}; fix it") from None

    def _definition(self) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        assert self.function is not None
        name = self.function.rpartition(":")[2]
        functions = reversed(_functions(self._tree()))  # of two with one name the last counts
        return next((node for node in functions if node.name == name), None)

    def check_files(self) -> None:
        """Makes sure that no file has changed since the study was read.

        Raises:
            StudyError: if one has.
        """
        folder = self.folder
        if self.version is not None:
            return
        for name, before in self._stamps.items():
            stamp = _stamp(folder / name)
            if stamp is not None and stamp == before:
                continue  # as large and as old as when it was hashed
            if _sha256(folder, name) != self.sha256[name]:
                raise StudyError(
                    f"trainer must have the file {name!r} as it was when the study was read, found "
                    "it changed; run the study again, and let the training write no file that its "
                    "trainer names"
                )
            self._stamps[name] = stamp


def _check_pattern(name: str, pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(
            f"pattern must be a regular expression, found {pattern!r}: {error}; fix it"
        ) from None
    if groups != 1:
        raise ValueError(
            f"pattern must have one group in round brackets, the number, found {groups} in "
            f'{pattern!r}; write a pattern such as "accuracy: ([0-9.]+)"'
        )


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _is_file(folder: Path, argument: str) -> bool:
    try:
        return bool(argument) and (folder / argument).is_file()
    except (OSError, ValueError):
        return False


def _sha256(folder: Path, name: str) -> str:
    """SHA-256 of a file of any size."""
    try:
        digest = hashlib.sha256()
        with open_regular(folder / name) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyError(
            f"trainer must name files that can be read, found {name!r} in {str(folder)!r}: "
            f"{reason}; check its name"
        ) from None


def _stamp(file: Path) -> tuple[int, ...] | None:
    """What changes with a file's content, without reading it."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _of_signature(function: Callable[..., Any]) -> tuple[dict[str, bool], bool]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of a function in C
        return {}, True
    takes = {
        name: parameter.default is parameter.empty
        for name, parameter in parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    kinds = {parameter.kind for parameter in parameters.values()}
    return takes, inspect.Parameter.VAR_KEYWORD in kinds
