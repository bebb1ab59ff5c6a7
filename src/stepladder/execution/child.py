"""A module of the package that runs as a program in a process of its own."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, Self


class ChildProcess:
    """A program that reads its standard input, writes answers, and ends with this context.

    Attributes:
        stdin: its standard input, binary.
        stdout: its standard output, binary.

    Example:
        >>> with ChildProcess("calendar", ["no year"], {}) as child:
        ...     child.ending().partition(":")[0]
        'exit code 2'
    """

    def __init__(self, module: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C reaches the driver alone, which ends the program
        )  # fmt: skip
        self.stdin: Any = self._process.stdin
        self.stdout: Any = self._process.stdout

    def ending(self) -> str:
        """Waits for its end: its signal or exit code, and the last line of its error output."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        end = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"{end}: {lines[-1]}" if lines else end

    def close(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.communicate()  # closes its pipes too
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
