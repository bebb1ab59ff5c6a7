"""Where the runs are that the live page shows: a run's folder, a folder of runs, or a store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stepladder.errors import InputError, StepladderError
from stepladder.runner.folder import STORE_NAME, STUDY_NAME
from stepladder.runner.namesakes import check_own
from stepladder.runner.results import Results
from stepladder.runner.runs import RunState, runs_in, runs_of, state_of
from stepladder.runner.stored import results_of, results_so_far
from stepladder.store import check_place, open_store
from stepladder.study import Study

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """Runs that are read and never written.

    Attributes:
        place: a run's folder, a folder that holds runs, or None where there is only a store.
        store: URL of the store; each run's own when None.
    """

    place: Path | None
    store: str | None

    @classmethod
    def of(cls, named: str, store: str | None = None) -> Source:
        """What a word on the command line names.

        Args:
            named: a folder, or the file or URL of a store.
            store: the store that all runs of a folder used; each its own when None.

        Raises:
            InputError: if it is a folder without any run, or no store could be there.
        """
        if not os.path.isdir(named):  # pathlib raises where a URL is too long a name
            check_place(named)
            return cls(None, named)
        place = Path(named)
        if store is not None:
            check_place(store)
        if not (place / STUDY_NAME).is_file() and not runs_in(place, store):
            raise InputError(
                f"RUN_OR_STORE must be a run, a folder of runs or a store, found the folder "
                f"{named!r} without any; run a study first"
            )
        return cls(place, store)

    def states(self) -> list[RunState]:
        """Every run and how far it is.

        Raises:
            StepladderError: if the store cannot be read.
        """
        if self.place is None:
            with open_store(self.store or "", create=False) as kept:
                return runs_of(kept)
        if (self.place / STUDY_NAME).is_file():
            return [state_of(self.place, self.store)]
        return runs_in(self.place, self.store)

    def results(self, state: RunState) -> Results:
        """What a run came to; while it trains without any test figure, which would be a look.

        Raises:
            StepladderError: if its store cannot be read.
        """
        if state.problem:
            raise StepladderError(state.problem)
        url, name, study = self.store, state.name, None
        if state.folder is not None:
            study = Study.load(state.folder / STUDY_NAME)
            name = study.name
            url = url or str(state.folder / STORE_NAME)
        with open_store(url or "", create=False) as kept:
            if study is not None:
                check_own(kept, study, state.folder or Path())
            if state.state == "finished":
                return results_of(kept, name, "ui", folder=state.folder)
            return results_so_far(kept, name)
