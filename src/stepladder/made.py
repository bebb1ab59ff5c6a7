"""What running gives back: a study, a published table or a search that was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepladder.files import write_whole
from stepladder.report.formats import as_json
from stepladder.report.frames import Kind
from stepladder.report.write import write_report
from stepladder.runner.folder import RESULTS_NAME, SEARCH_NAME
from stepladder.runner.reproduced import Reproduction
from stepladder.runner.results import Results

if TYPE_CHECKING:
    import pandas as pd

    from stepladder.recipe import Recipe
    from stepladder.searcher.found import Found

__all__ = ["Reproduced", "Run", "SearchRun"]


@dataclass(frozen=True)
class Run:
    """A study that has been run.

    Attributes:
        results: every arm judged.
        folder: where its study, store, report and figures lie.
        trained: trials that this run trained.
        found: trials that were stored before it.
    """

    results: Results
    folder: Path
    trained: int
    found: int

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.table import as_text

        return as_text(self.results)

    def to_json(self) -> str:
        """The results as JSON, as `stepladder results --format json` prints them."""
        return as_json(self.results)

    def to_frame(self, kind: Kind = "trials") -> pd.DataFrame:
        """The results as a pandas frame; pandas must be installed.

        Args:
            kind: `trials` (a row a finished trial), `arms` (a row an arm, with effect and
                verdict) or `epochs` (a row an epoch of each trial).

        Raises:
            InputError: if pandas is not installed, or there is no such kind.
        """
        from stepladder.report.frames import frame_of

        return frame_of(self.results, kind)

    def _repr_html_(self) -> str:
        """The table and the curves, as Jupyter shows a run by itself."""
        from stepladder.report.notebook import as_notebook_html

        return as_notebook_html(self.results)

    def report(self) -> Path:
        """Draws the report and its figures beside the results; returns the report's path.

        Raises:
            OutputError: if they cannot be written.
        """
        write_report(self.results, self.folder)
        write_whole(self.folder / RESULTS_NAME, self.to_json().encode())
        return self.folder / "report.html"

    @property
    def is_reported(self) -> bool:
        """Whether the folder holds the report of these very results."""
        return _is_reported(self.folder, RESULTS_NAME, self.to_json())


def _is_reported(folder: Path, name: str, results: str) -> bool:
    """Whether a folder holds a report and these results, which are written after it."""
    try:
        written = (folder / name).read_text("utf-8")
    except (OSError, ValueError):
        return False
    return written == results and (folder / "report.html").exists()


@dataclass(frozen=True)
class Reproduced:
    """A published table that was run under its protocol.

    Attributes:
        judged: every row, with the readings that it may stand for.
        folder: where the study of its readings lies, with its store.
        trained: trials that this run trained.
        found: trials that were stored before it.
    """

    judged: Reproduction
    folder: Path
    trained: int
    found: int

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.reproduction_forms import as_text

        return as_text(self.judged)

    def to_json(self) -> str:
        """What the table came to as JSON, as `stepladder reproduce --format json` prints it."""
        return self._as("json")

    def to_markdown(self) -> str:
        """The same as Markdown."""
        return self._as("markdown")

    def _as(self, form: str) -> str:
        from stepladder.report.reproduction_forms import FORMATS

        return FORMATS[form](self.judged)


@dataclass(frozen=True)
class SearchRun:
    """A search that has been run.

    Attributes:
        found: its candidates, the best, and how sure that is.
        folder: where its study, store, report, Optuna's journal and `search.json` lie.
    """

    found: Found
    folder: Path

    @property
    def recipe(self) -> Recipe:
        """The best recipe."""
        return self.found.winner.recipe

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.search_table import as_text

        return as_text(self.found)

    def to_json(self) -> str:
        """What was found as JSON, as `stepladder search --format json` prints it."""
        from stepladder.report.search_json import as_json

        return as_json(self.found)

    def report(self) -> Path:
        """Draws the report and its figures beside what was found; returns the report's path.

        Raises:
            OutputError: if they cannot be written.
        """
        from stepladder.report.write import write_search

        write_search(self.found, self.folder)
        write_whole(self.folder / SEARCH_NAME, self.to_json().encode())
        return self.folder / "report.html"

    @property
    def is_reported(self) -> bool:
        """Whether the folder holds the report of this very search."""
        return _is_reported(self.folder, SEARCH_NAME, self.to_json())
