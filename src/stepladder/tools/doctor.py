"""Examining an installation: what is here, and whether it will do."""

from __future__ import annotations

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
from stepladder.runs.folder import STORE_NAME
from stepladder.store import open_store
from stepladder.version import __version__

_PACKAGES = ("keras", "jax", "numpy", "scipy", "sqlalchemy", "matplotlib")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what it is, in a word.
        text: what was found, and what to do where it is not well.
        healthy: whether it will do.
    """

    subject: str
    text: str
    healthy: bool = True


def examine(run: Path | None = None) -> list[Finding]:
    """Everything that training depends on, and a run's store if one is named.

    Args:
        run: folder of a run, or None.
    """
    findings = list(_versions())
    looked_at: list[tuple[str, Callable[[], str]]] = [
        ("cores", _cores),
        ("backend", _backend),
        ("cache", _cache),
        ("data", _data),
    ]
    if run is not None:
        looked_at.append(("store", lambda: _store(run)))
    return findings + [_finding(subject, look) for subject, look in looked_at]


def _finding(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, look())
    except StepladderError as error:
        return Finding(subject, str(error), healthy=False)


def _versions() -> Iterator[Finding]:
    yield Finding("stepladder", __version__)
    yield Finding("python", f"{platform.python_version()} at {sys.executable}")
    for name in _PACKAGES:
        try:
            yield Finding(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "not installed; run `pip install stepladder` again", healthy=False)


def _cores() -> str:
    usable, there = machine.cores(), os.cpu_count() or 1
    pinned = "each training process pinned to its own" if usable[0] is not None else "not pinned"
    return f"{len(usable)} of {there} may be used, {pinned}"


def _backend() -> str:
    device = "a GPU" if machine.has_gpu() else "the CPU"
    return f"JAX on {device} for the population engine, {machine.keras_backend()} for fit"


def _cache() -> str:
    folder = machine.cache_folder()
    if folder is None:
        return "no folder for compiled programs can be written: every run compiles anew"
    count = sum(len(names) for _, _, names in os.walk(folder))
    return f"{count} compiled programs, {size_of(folder) / 1e6:.1f} MB, in {folder}"


def _data() -> str:
    mnist = data.load("mnist")
    return f"MNIST is whole: {len(mnist.x_train):,} + {len(mnist.x_test):,} images"


def _store(run: Path) -> str:
    with open_store(str(run / STORE_NAME), create=False) as store:
        studies = store.studies()
        names = ", ".join(record.study.name for record in studies)
        return f"sound, holds {len(studies)} {'study' if len(studies) == 1 else 'studies'}: {names}"
