"""Programs that measure in a process of their own and answer in lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from stepladder.errors import WorkerError

__all__ = ["Child"]

_KEPT = 3_000  # bytes of what it wrote to stderr


class Child:
    """A module of ours run as a program; ended on leaving its context, whatever happened."""

    def __init__(self, module: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it.

        Args:
            module: its name.
            words: its arguments.
            environment: the variables that it sees.
        """
        self._module = module
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child is ended
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C reaches the driver alone, which ends its children
            text=True,
        )

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        self._errors.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    @property
    def elapsed(self) -> float:
        """Seconds since it was started."""
        return time.perf_counter() - self._began

    def tell(self, text: str) -> None:
        """Writes it a line."""
        pipe: Any = self._process.stdin
        with suppress(OSError):  # a process that is gone says so by its end
            pipe.write(text + "\n")
            pipe.flush()

    def answer(self) -> Any:  # noqa: ANN401 - whatever JSON it writes
        """The value of its next line.

        Raises:
            WorkerError: if it ended instead.
        """
        pipe: Any = self._process.stdout
        line = pipe.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        size = self._errors.seek(0, 2)
        self._errors.seek(max(0, size - _KEPT))
        words = self._errors.read().decode("utf-8", "replace").strip()
        raise WorkerError(
            f"{self._module} must measure and answer, found that it ended with exit code {code}; "
            f"run `stepladder doctor`. It said:\n{words}"
        )
