"""Weighing runs against each other from Python: accuracy against training time and size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stepladder.errors import StoreError
from stepladder.places import usable
from stepladder.report import pareto
from stepladder.report.formats import markdown_side_table
from stepladder.report.pareto_entries import (
    WINNER,
    Entry,
    Found,
    Part,
    entries_of_file,
    entries_of_results,
    entry_of_search,
)
from stepladder.report.plots.plot import Plot
from stepladder.report.table import side_as_text
from stepladder.report.wording import visible
from stepladder.runner.folder import (
    STORE_NAME,
    STUDY_NAME,
    finished_search,
    run_folder,
    search_again,
)
from stepladder.runner.namesakes import check_own
from stepladder.runner.stored import results_of, results_so_far
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
    look as theirs. Validation figures are none.

    Args:
        runs: folders of runs and of searches, or files of results that they left as JSON; one that
            is named twice counts once.
        part: which accuracy.
        store: URL of the runs' store where that is not in their folders.

    Raises:
        InputError: if a folder or file is none of a run, they are of several datasets, or there is
            nothing to compare.
        StoreError: if a store cannot be read, or holds another study of a run's name.
    """
    files = [usable(run, "RUN") for run in runs]
    places = {Path(os.path.abspath(file)): file for file in files}
    told = [
        entries_of_file(file, part) if file.is_file() else _of_folder(file, part, store)
        for file in places.values()
    ]
    told = _told_apart(told, list(places))
    entries = tuple(entry for found in told for entry in found.entries)
    notes = tuple(
        f"{visible(found.name)}: {visible(arm)} is left out: {why}"
        for found in told
        for arm, why in found.left_out
    )
    pareto.checked(entries, notes)
    return Weighed(entries, part, notes)


def _told_apart(told: Sequence[Found], places: Sequence[Path]) -> list[Found]:
    """Runs of one name each under the least of its path that no other of them ends with."""
    made = []
    for found, place in zip(told, places, strict=True):
        same = [other for each, other in zip(told, places, strict=True) if each.name == found.name]
        ends = (Path(*place.parts[-length:]) for length in range(1, len(place.parts)))
        apart = (end for end in ends if sum(_ends(other, end) for other in same) == 1)
        made.append(found if len(same) == 1 else found.named(str(next(apart, place))))
    return made


def _ends(place: Path, end: Path) -> bool:
    return place.parts[-len(end.parts) :] == end.parts


def _of_folder(run: Path, part: Part, store: str | None) -> Found:
    """What the folder of a run or of a search has."""
    folder = run_folder(run)
    name = folder.name or str(folder)
    study = Study.load(folder / STUDY_NAME)
    found = Found(name, ())
    if file := finished_search(folder, study):
        found = entry_of_search(file, name, part)
        if not study.techniques:
            return found
    elif study.search is not None:
        found = Found(name, (), ((WINNER, _unfinished(folder, study, store)),))
    with open_store(store or str(folder / STORE_NAME), create=False) as kept:
        check_own(kept, study, folder)
        try:
            if part == "test":
                results = results_of(kept, study.name, "pareto", curves=False)
            else:
                results = results_so_far(kept, study.name)
        except StoreError:
            if study.search is None:
                raise
            return found
    arms = entries_of_results(results, name, part)
    return replace(
        found,
        entries=(*found.entries, *arms.entries),
        left_out=(*found.left_out, *arms.left_out),
    )


def _unfinished(folder: Path, study: Study, store: str | None) -> str:
    """Why a search has no winner yet, and what to do."""
    return f"its search is not finished; `{search_again(folder, study, store)}` goes on with it"
