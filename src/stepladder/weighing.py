"""Weighing runs against each other from Python: accuracy against training time and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stepladder.errors import StoreError
from stepladder.places import usable
from stepladder.report import pareto
from stepladder.report.formats import markdown_side_table
from stepladder.report.pareto_entries import (
    Entry,
    Found,
    Part,
    entries_of_file,
    entries_of_results,
    entry_of_search,
)
from stepladder.report.plots.plot import Plot
from stepladder.report.table import side_as_text
from stepladder.runner.folder import SEARCH_NAME, STORE_NAME, STUDY_NAME, run_folder
from stepladder.runner.stored import results_of
from stepladder.store import open_store
from stepladder.study import Study

__all__ = ["Weighed", "weigh"]


@dataclass(frozen=True)
class Weighed:
    """Arms and winners of several runs.

    Attributes:
        entries: each of them.
        part: of the data that accuracies are of.
        notes: what was left out, in sentences.
    """

    entries: tuple[Entry, ...]
    part: Part
    notes: tuple[str, ...]

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The figures."""
        return pareto.plots_of(self.entries, self.part)

    def as_text(self, form: str) -> str:
        """All of it as `table`, `json`, `csv` or `markdown`."""
        if form == "json":
            return pareto.as_json(self.entries, self.part)
        if form == "csv":
            return pareto.as_csv(self.entries, self.part)
        table = pareto.side_table(self.entries, self.part)
        lines = [pareto.sentence(pareto.smallest(self.entries, each)) for each in pareto.LEVELS]
        if form == "markdown":
            return "\n".join(
                [*markdown_side_table(table), "", *(f"- {each}" for each in lines), ""]
            )
        return "\n".join([side_as_text(table), *lines, ""])


def weigh(runs: Sequence[str | Path], *, part: Part = "test", store: str | None = None) -> Weighed:
    """Arms of runs and winners of searches, with accuracy, training time and weights.

    Test figures are those that the runs show themselves; reading them is a look, and the same
    look as theirs.

    Args:
        runs: folders of runs and of searches, or files of results that they left as JSON.
        part: which accuracy.
        store: URL of the runs' store where that is not in their folders.

    Raises:
        InputError: if a folder or file is none of a run, they are of several datasets, or there is
            nothing to compare.
    """
    entries: list[Entry] = []
    notes = []
    for run in runs:
        file = usable(run, "RUN")
        found = entries_of_file(file, part) if file.is_file() else _of_folder(file, part, store)
        entries += found.entries
        if found.is_locked:
            notes.append(
                f"{found.name} is left out: nobody has looked at its winner's test figures; "
                f"stepladder search --final does, or compare --on validation"
            )
    pareto.checked(entries)
    return Weighed(tuple(entries), part, tuple(notes))


def _of_folder(run: Path, part: Part, store: str | None) -> Found:
    """What the folder of a run or of a search has."""
    folder = run_folder(run)
    name = folder.name or str(folder)
    study = Study.load(folder / STUDY_NAME)
    found = Found(name, ())
    if study.search is not None and (folder / SEARCH_NAME).exists():
        found = entry_of_search(folder / SEARCH_NAME, name, part)
        if not study.techniques:
            return found
    with open_store(store or str(folder / STORE_NAME), create=False) as kept:
        try:
            results = results_of(kept, study.name, "pareto", curves=False)
        except StoreError:
            if study.search is None:
                raise
            return found
    arms = entries_of_results(results, name, part)
    return replace(found, entries=(*found.entries, *arms))
