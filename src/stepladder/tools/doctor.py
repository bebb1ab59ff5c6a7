"""Checks an installation: versions, cores, backend, cache, data, and a run's store."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stepladder import data
from stepladder.errors import StepladderError
from stepladder.execution import machine
from stepladder.files import size_of
from stepladder.report.wording import printable
from stepladder.runs.folder import store_of
from stepladder.store import open_store
from stepladder.version import __version__

_PACKAGES = ("keras", "jax", "numpy", "scipy", "sqlalchemy", "matplotlib")


@dataclass(frozen=True)
class Finding:
    """The state of one subject.

    Attributes:
        subject: what it is, in a word.
        text: what was found, and what to do where it is bad.
        healthy: whether it is good.
    """

    subject: str
    text: str
    healthy: bool = True


def examine(run: Path | None = None) -> list[Finding]:
    """Checks everything that training depends on, and a run's store if one is named.

    Args:
        run: folder of a run, or None.

    Example:
        >>> examine()[0].subject
        'stepladder'
    """
    findings = list(_versions())
    checks: list[tuple[str, Callable[[], str]]] = [
        ("cores", _cores),
        ("backend", _backend),
        ("cache", _cache),
        ("data", _data),
    ]
    if run is not None:
        checks.append(("store", lambda: _store(run)))
    for subject, check in checks:
        try:
            findings.append(Finding(subject, check()))
        except StepladderError as error:
            findings.append(Finding(subject, str(error), healthy=False))
    return findings


def _versions() -> Iterator[Finding]:
    yield Finding("stepladder", __version__)
    yield Finding("python", f"{platform.python_version()} at {sys.executable}")
    for name in _PACKAGES:
        try:
            yield Finding(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "not installed; run `pip install stepladder` again", healthy=False)


def _cores() -> str:
    usable = machine.cores()
    pinned = "each training process pinned to its own" if usable[0] is not None else "not pinned"
    return f"{len(usable)} of {os.cpu_count() or 1} may be used, {pinned}"


def _backend() -> str:
    device = "a GPU" if machine.has_gpu() else "the CPU"
    return f"JAX on {device} for the population engine, {machine.keras_backend()} for fit"


def _cache() -> str:
    folder = machine.cache_folder()
    if folder is None:
        return "no folder for compiled programs can be written: every run compiles again"
    count = sum(len(names) for _, _, names in os.walk(folder))
    return f"{count} compiled programs, {size_of(folder) / 1e6:.1f} MB, in {folder}"


def _data() -> str:
    mnist = data.load("mnist")
    return f"MNIST is complete: {len(mnist.x_train):,} + {len(mnist.x_test):,} images"


def _store(run: Path) -> str:
    with open_store(store_of(run), create=False, writes=False) as store:
        studies = store.studies()
        names = ", ".join(printable(record.study.name) for record in studies)
        return f"sound, holds {len(studies)} {'study' if len(studies) == 1 else 'studies'}: {names}"
