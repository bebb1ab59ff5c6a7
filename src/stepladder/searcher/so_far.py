"""How far a search is that trains, or that was interrupted: read off its store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from stepladder.errors import RunError, StepladderError
from stepladder.runner.folder import STORE_NAME
from stepladder.runner.question import question_of
from stepladder.runner.runs import RunState, being_trained
from stepladder.searcher.asking import Asker
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.journal import JOURNAL_NAME
from stepladder.searcher.replay import Replay, replayed
from stepladder.searcher.searchable import populations_of
from stepladder.store import Store, StudyRecord, open_store

__all__ = ["SoFar", "of_run", "so_far", "with_candidates"]


@dataclass(frozen=True)
class SoFar:
    """How far a search is.

    Attributes:
        record: what is asked, of which data.
        chance: accuracy of guessing.
        candidates: those that were asked for, as far as they were trained.
        planned: how many there will be.
        part: what is trained now, in words, or comes next.
        stored: trials of that part that are stored.
        sought: all of its trials.
        training: those that are being trained right now.
        is_whole: whether nothing is missing.
        problem: why it cannot go on, or empty.
    """

    record: StudyRecord
    chance: float
    candidates: tuple[Candidate, ...]
    planned: int
    part: str
    stored: int
    sought: int
    training: int
    is_whole: bool
    problem: str = ""

    @property
    def over(self) -> int:
        """Candidates whose training has come to its end, or was given up."""
        return sum(each.is_over for each in self.candidates)

    def counted_in(self, state: RunState) -> RunState:
        """The state of its run, with its candidates as what is stored and planned."""
        return replace(
            state, stored=self.over, planned=self.planned, training=self.training,
            is_open=not self.is_whole,
        )  # fmt: skip


def so_far(record: StudyRecord, store: Store, folder: Path | None) -> SoFar:
    """How far a search is, by its trials in a store.

    Args:
        record: what is asked.
        store: where its trials are.
        folder: of the run; its journal spares asking again for candidates.

    Raises:
        StudyError: if its sampler cannot be had here.
        StoreError: if the store cannot be read.
    """
    question = question_of(record)
    plan = list(populations_of(question))
    asker = Asker(question, folder / JOURNAL_NAME if folder else None, writes=False)
    replay, is_whole, problem = Replay(store), False, ""
    try:
        is_whole = replayed(question, plan, asker, replay)
    except RunError as error:
        problem = str(error)
    return SoFar(
        record=record,
        chance=1 / question.classes,
        candidates=tuple(replay.candidates),
        planned=sum(each.size for each in plan),
        part=replay.part,
        stored=replay.sought - len(replay.missing),
        sought=replay.sought,
        training=being_trained(store, replay.missing),
        is_whole=is_whole,
        problem=problem,
    )


def of_run(state: RunState, store: str | None) -> SoFar:
    """How far the search of a run is.

    Args:
        state: of the run.
        store: URL of the store that it used; its folder's own when None.

    Raises:
        StepladderError: if it is not in the store, or that cannot be read.
    """
    with open_store(store or str((state.folder or Path()) / STORE_NAME), create=False) as kept:
        record = kept.study(state.name)
        if record is None:
            raise StepladderError(f"{state.name!r} must be a search of the store, found none")
        return so_far(record, kept, state.folder)


def with_candidates(state: RunState, ask: Callable[[RunState], SoFar]) -> RunState:
    """The state of a run, its candidates counted where it is a search under way.

    A search that cannot be gone through has a problem.

    Args:
        state: as `runs_in` has it.
        ask: says how far such a search is, as `of_run` does.
    """
    if not state.is_search_under_way:
        return state
    try:
        return ask(state).counted_in(state)
    except StepladderError as error:
        return replace(state, problem=str(error))
