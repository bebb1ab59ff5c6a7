"""Servers that go and come back: waiting for them, and doing again what was cut off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from stepladder.errors import RunError

__all__ = ["ConnectionLostError", "again_if_cut", "connected"]

_PAUSE = 0.25  # seconds between two attempts to reach a server

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class ConnectionLostError(RunError):
    """The connection to a server was cut within a transaction, which was undone or committed."""


def connected(engine: sa.Engine, timeout: float) -> sa.Connection:
    """A connection; a server that has gone is waited for.

    Raises:
        OperationalError: if it does not come back in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return engine.connect()
        except OperationalError:
            if engine.dialect.name == "sqlite" or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)


def again_if_cut(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A method that is called once more when its connection was cut; twice must do no harm."""

    @wraps(method)
    def patient(*given: Arguments.args, **named: Arguments.kwargs) -> Result:
        kept: Any = [list(each) if isinstance(each, Iterator) else each for each in given]
        try:
            return method(*kept, **named)
        except ConnectionLostError:
            return method(*kept, **named)

    return patient
