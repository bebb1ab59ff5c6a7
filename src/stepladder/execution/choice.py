"""Which executor trains a run: the local one, one by name, or one that the user has made."""

import concurrent.futures
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from stepladder.errors import InputError
from stepladder.execution.base import Executor
from stepladder.execution.futures import FuturesExecutor, cores_of
from stepladder.execution.local import LocalExecutor
from stepladder.execution.machine import Settings
from stepladder.study.plugins import find_plugin, load_plugin, plugin_names

GROUP = "stepladder.executors"
"""Entry points of this group make executors from settings, the run's folder and an address."""

_OURS = {name: f"stepladder.execution.{name}" for name in ("dask", "ray", "slurm", "spool")}
"""Modules of our own, each with `make`, imported where they are asked for."""

_Factory = Callable[[Settings, Path, str], Executor]


def make_executor(settings: Settings, folder: Path) -> Executor:
    """The executor that settings ask for; it is closed by whoever asked.

    Args:
        settings: of the run.
        folder: of the run.

    Raises:
        InputError: if there is none of that name, or it cannot be had here.

    Example:
        >>> settings = Settings((0,), {}, "jax", None, "a machine")
        >>> make_executor(settings, Path("run")).name
        'local'
    """
    if settings.executor == "local":
        return LocalExecutor(settings)
    if isinstance(settings.executor, concurrent.futures.Executor):
        return FuturesExecutor(settings.executor, settings.workers, cores_of(settings))
    if not isinstance(settings.executor, str):
        return cast(Executor, settings.executor)
    name, _, address = settings.executor.partition("://")
    if name in _OURS:
        ours: _Factory = import_module(_OURS[name]).make
        return ours(settings, folder, address)
    entry = find_plugin(GROUP, name)
    if entry is None:
        known = ", ".join(["local", *_OURS, *plugin_names(GROUP)])
        raise InputError(
            f"executor must be one of {known}, found {name!r}; install the package that has it, or "
            "name another"
        )
    factory: _Factory = load_plugin(entry, "the executor", "a function that makes one", callable)
    return factory(settings, folder, address)
