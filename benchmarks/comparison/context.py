"""What every part of the comparison is given, and the rows that it gives back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comparison.processes import Ran, run_timed
from comparison.rivals import Rival
from stepladder.execution.machine import Settings
from stepladder.study.study import Study
from stepladder.tools.bench import Floor, Work, measure_floor


@dataclass(frozen=True)
class Context:
    """How a part is run.

    Attributes:
        quick: to see that it works: less work on every side, figures that mean little.
        replicates: that rivals run, the rest scaled up; all when None.
        epochs: that rivals run, the rest scaled up; all when None.
        rivals: those that take part.
        pythons: of rivals' environments, by name; made when first asked for.
        data: MNIST as an .npz in Keras' layout.
        folder: for files that are thrown away.
        settings: of this machine.
        say: is told what is done.
    """

    quick: bool
    replicates: int | None
    epochs: int | None
    rivals: tuple[Rival, ...]
    pythons: Callable[[Rival], Path]
    data: Path
    folder: Path
    settings: Settings
    say: Callable[[str], object]

    def place(self, name: str) -> Path:
        """A new folder for files that are thrown away."""
        made = self.folder / name
        made.mkdir(parents=True)
        return made

    def write(self, study: Study) -> Path:
        """A study as a file."""
        file = self.folder / f"{study.name}.toml"
        file.write_text(study.to_toml(), "utf-8")
        return file

    def floor(self) -> Floor:
        """The rate of this machine's matrix products, measured now."""
        work = Work(gemm_seconds=0.1) if self.quick else Work()
        return measure_floor(self.settings, work.side, work.gemm_seconds)

    def stepladder(self, name: str, study: Path) -> Ran:
        """`stepladder run` as a whole process that finds nothing compiled before."""
        place = self.place(name)
        words = [sys.executable, "-m", "stepladder", "run", str(study), "--out", str(place / "run")]
        environment = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",  # as for the rivals
            "XDG_CACHE_HOME": str(place / "cache"),
        }
        return run_timed(words, environment, place / "log.txt")


def row(
    work: str,
    against: str,
    value: float,
    unit: str,
    at_least: float | None = None,
    aim: float | None = None,
    note: str = "",
) -> dict[str, Any]:
    """A line of the table.

    Args:
        work: what was done.
        against: what it is compared with.
        value: what was measured.
        unit: `times` (more is better), `share` (a fraction, more is better), `ratio`, `seconds` or
            `megabytes` (less is better).
        at_least: what it must reach, None for no demand.
        aim: what it should reach.
        note: to be shown below.
    """
    return {
        "work": work,
        "against": against,
        "value": value,
        "unit": unit,
        "at_least": at_least,
        "aim": aim,
        "note": note,
    }
