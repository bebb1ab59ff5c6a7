"""Every error that stepladder raises on purpose.

::

    StepladderError
    ├── InputError            what was asked for cannot be done; exit code 2
    │   ├── StudyError        a study, recipe or technique that is not valid
    │   ├── DataError         a dataset that cannot be read or contradicts itself
    │   ├── OutputError       a folder or file that cannot be written
    │   └── StoreError        a store that cannot be opened or is not stepladder's
    ├── RunError              the study was valid and its run failed; exit code 1
    │   └── WorkerError       a training process died or reported a failure
    └── Detached              no failure: all is queued, and workers train without the driver

A message says three things: what was expected, what was found, what to do. It is written with the
options of the command; whoever called a function reads the names of its arguments.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

_VALUE = (  # after a space: quoted, one of a few names, a placeholder, an address, pair or file
    r"'[^']*'|(?:slurm|spool|ray|dask|fit)\b(?!:)|[A-Z]+\b(?!=)|[\w-]+(?:://|[=./])[^\s;`)]*\w"
)
_ARGUMENTS = (
    "against|arm|chance|claim|columns|delta|engine|epochs|executor|metric|only|out|overlap|pilot"
    "|replicates|resources|set|store|to|unit|workers"
)
_FLAGS = {
    "allow-code": "allow_code=True",
    "ensemble": "ensemble=True",
    "final": "final=True",
    "lower-is-better": 'direction="minimize"',
    "higher-is-better": 'direction="maximize"',
}
_OPTION = re.compile(
    rf"`(?!--)[^`]*`|(?<![\w-])--(?:({'|'.join(_FLAGS)})|({_ARGUMENTS}))(?![\w=-])(?: ({_VALUE}))?"
)
"""An option with its value; what else stands between backticks is a whole command."""


def in_python(text: str) -> str:
    """A text with the arguments of functions in the place of the command's options.

    Example:
        >>> in_python("choose another folder with --out, or add --allow-code")
        'choose another folder with out=, or add allow_code=True'
        >>> in_python("name it with --store URL; write --columns arm=A,score=acc --executor ray")
        'name it with store=URL; write columns={"arm": A, "score": "acc"} executor="ray"'
    """
    return _OPTION.sub(_argument, text)


def _argument(found: re.Match[str]) -> str:
    flag, name, value = found.groups()
    if flag:
        return _FLAGS[flag] + (f" {value}" if value else "")
    if name:
        return f"{'changes' if name == 'set' else name}={_literal(value) if value else ''}"
    return found[0]


def _literal(value: str) -> str:
    """What follows an option, as Python writes it; a placeholder stays one."""
    value = value.strip("'")
    if re.fullmatch(r"[A-Z]+|\d+|[\[{].*", value):
        return value
    if re.match(r"[\w.]+=", value):
        pairs = (pair.partition("=") for pair in re.split(r",(?=\w+=)", value))
        return f"{{{', '.join(f'{json.dumps(key)}: {_literal(one)}' for key, _, one in pairs)}}}"
    return json.dumps(value, ensure_ascii=False)


_speaks_command = False


@contextmanager
def as_command() -> Iterator[None]:
    """Errors name the options of the command as long as this is open."""
    global _speaks_command
    _speaks_command = True
    try:
        yield
    finally:
        _speaks_command = False


class StepladderError(Exception):
    """Any failure that stepladder explains; `exit_code` is what the command returns.

    Example:
        >>> StepladderError.exit_code, InputError.exit_code
        (1, 2)
        >>> str(StepladderError("name another folder with --out"))
        'name another folder with out='
    """

    exit_code = 1

    @property
    def text(self) -> str:
        """The message with the options of the command."""
        return super().__str__()

    def __str__(self) -> str:
        """The message in the words of whoever asked: the command, or a program in Python."""
        return self.text if _speaks_command else in_python(self.text)


class InputError(StepladderError, ValueError):
    """What was asked for cannot be done: nothing was trained and nothing was changed.

    Example:
        >>> import stepladder
        >>> stepladder.run("no-such-study")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        stepladder.errors.StudyError: ...
    """

    exit_code = 2


class StudyError(InputError):
    """A study, recipe or technique that is not valid.

    Attributes:
        problems: one line for each problem, all of them, each with its path.

    Example:
        >>> print(StudyError(["name is missing", "base is missing"], "my.toml"))
        2 problems in my.toml:
          - name is missing
          - base is missing
    """

    def __init__(self, problems: str | Sequence[str], source: str | None = None) -> None:
        """Takes the lines.

        Args:
            problems: one line a problem.
            source: the file or name that was read, for the heading.
        """
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        self.source = source
        super().__init__(self.problems, source)

    @property
    def text(self) -> str:
        """One problem on one line; several under a heading that counts them."""
        where = f" in {self.source}" if self.source else ""
        if len(self.problems) == 1:
            return f"{self.source}: {self.problems[0]}" if self.source else self.problems[0]
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"{len(self.problems)} problems{where}:\n{lines}"


class DataError(InputError):
    """A dataset that cannot be read or contradicts itself.

    Example:
        >>> from stepladder.data import load
        >>> load("no-such-file.npz")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        stepladder.errors.DataError: ...
    """


class OutputError(InputError):
    """A folder or file that cannot be written, or that holds something else.

    Example:
        >>> from pathlib import Path
        >>> from stepladder.files import atomic_write
        >>> atomic_write(Path("/dev/null/table.csv"), b"")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        stepladder.errors.OutputError: ...
    """


class StoreError(InputError):
    """A store that cannot be opened, or a file that is not a store of stepladder.

    Example:
        >>> from stepladder.store import open_store
        >>> open_store("oracle://host/db")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        stepladder.errors.StoreError: ...
    """


class NoStoreError(StoreError):
    """A store that was to be read and does not exist yet."""


class RunError(StepladderError):
    """The study was valid and its run failed; what was finished is stored.

    Example:
        >>> RunError.exit_code, issubclass(WorkerError, RunError)
        (1, True)
    """


class WorkerError(RunError):
    """A training process died or reported a failure.

    Example:
        >>> str(WorkerError("a process must report its results, found that it ended"))
        'a process must report its results, found that it ended'
    """


class Detached(StepladderError):
    """All trainings are queued, and workers go on without this process, as was asked for.

    Example:
        >>> Detached.exit_code
        0
    """

    exit_code = 0


class LeftRunning(KeyboardInterrupt):
    """The user has stopped a run, and workers go on without this process.

    Attributes:
        end: ends them after all.

    Example:
        >>> isinstance(LeftRunning(lambda: None), KeyboardInterrupt)
        True
    """

    def __init__(self, end: Callable[[], object]) -> None:
        super().__init__()
        self.end = end
