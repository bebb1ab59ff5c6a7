"""Watching real processes: what they say, their children, and that they end."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def score(arm: dict, part: str = "test") -> dict:
    """The accuracy of an arm in the JSON of results."""
    return arm["scores"][part]["accuracy"]


def figures(results: dict) -> list[tuple]:
    """What must not change between two runs of one study."""
    return [
        (arm["name"], arm["n"], arm["diverged"], arm["diagnosis"], arm["effect"],
         *(score(arm, part) for part in ("test", "validation", "train")))
        for arm in results["arms"]
    ]  # fmt: skip


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def first_line_of(process: subprocess.Popen, containing: str) -> str:
    for line in process.stderr:
        if containing in line:
            return line
    raise AssertionError(f"ended without saying {containing!r}")


def has_ended(pid: int, seconds: float = 20.0) -> bool:
    """Whether a process ends within some seconds; its parent is gone, so its end is watched."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def until_there(look: Callable[[], T], seconds: float = 60.0) -> T:
    """What a look gives as soon as it gives anything."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.01)
    return found
