"""Where the runs are that the live page shows: a run's folder, a folder of runs, or a store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stepladder.errors import InputError, StepladderError
from stepladder.runner.folder import REPORT_NAME, STORE_NAME, STUDY_NAME
from stepladder.runner.namesakes import check_own
from stepladder.runner.results import Results
from stepladder.runner.runs import RunState, runs_in, runs_of, state_of
from stepladder.runner.stored import results_of, results_so_far
from stepladder.searcher.so_far import SoFar, of_run
from stepladder.store import check_place, is_missing, open_store
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
            _check_is_there(named)
            return cls(None, named)
        place = Path(os.path.abspath(named))  # whose name is never "." or ".."
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

    def search_page(self, state: RunState) -> str:
        """The page that a finished search has left in its folder.

        Raises:
            StepladderError: if it is not there.
        """
        if state.folder is None:
            raise StepladderError(
                f"{state.name!r} is a finished search: its page lies in its folder, and is shown "
                "where that folder is named"
            )
        try:
            return (state.folder / REPORT_NAME).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StepladderError(
                f"the page of the search {state.name!r} cannot be read ({error}); run the search "
                "again, which trains nothing that is stored"
            ) from None

    def so_far(self, state: RunState) -> SoFar:
        """How far a search is, without any test figure.

        Raises:
            StepladderError: if its store cannot be read.
        """
        return of_run(state, self.store)

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


def _check_is_there(store: str) -> None:
    """Makes sure that a store which is a file exists; a server may be asked later.

    Raises:
        InputError: if it does not, or no store could be there.
    """
    check_place(store)
    if is_missing(store):
        raise InputError(
            f"RUN_OR_STORE must be a run, a folder of runs or a store, found nothing at {store!r}; "
            "check the path, or run a study first"
        )
