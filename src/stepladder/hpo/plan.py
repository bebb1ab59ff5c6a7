"""What a search would train, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from stepladder.data import Dataset, load, split, validation_examples
from stepladder.errors import NoStoreError, RunError, StepladderError, StudyError
from stepladder.execution.machine import Settings
from stepladder.execution.progress import RunAnnouncement
from stepladder.hpo.candidates import Candidate
from stepladder.hpo.halving import Before, goes_on, train_populations, trial_of
from stepladder.hpo.results import choose
from stepladder.hpo.sampling import JOURNAL_NAME, OptunaSampler, learns
from stepladder.runs import folder as folders
from stepladder.runs.folder import STORE_NAME
from stepladder.runs.plan import RunContext, part_sizes, record_of, run_context
from stepladder.runs.preflight import check_possible
from stepladder.runs.stored import RunState, being_trained
from stepladder.store import Store, StudyRecord, check_place, open_store
from stepladder.study.recipe import Recipe
from stepladder.study.search import Population, populations, rungs
from stepladder.study.study import Study
from stepladder.trials.trial import Trial, TrialResult

_FRESH = 5
"""Fresh replicates of the winner where a study leaves their number open."""


def prepare_search(study: Study, settings: Settings) -> tuple[Dataset, StudyRecord]:
    """The dataset and the record of a study that can be searched.

    Raises:
        InputError: if it cannot: it has no space, or its data will not do.
    """
    if study.search is None:
        raise StudyError(
            f"the study {study.name!r} must have a [search.space], found none; write one, such as "
            '[search.space] learning_rate = { type = "float", low = 0.0001, high = 0.1, '
            "log = true }, or search mnist-search"
        )
    dataset = load(study.dataset)
    check_possible(study, dataset, settings)
    record = record_of(study, dataset, part_sizes(study, dataset), settings)
    _check_examples(study, dataset)
    _check_budget(run_context(record))
    return dataset, record


def populations_of(question: RunContext) -> Iterator[Population]:
    """The populations of a search, one after the other, as far as its trials and budget go."""
    study = question.study
    search = study.search
    assert search is not None
    going = goes_on(study, question.engine)
    return populations(search, study.base.epochs, learns(search.sampler), going)


def fresh_trials(winner: Recipe, question: RunContext) -> list[Trial]:
    """The trials of a winner on replicates that the search never saw."""
    study = question.study
    count = _FRESH if study.adaptive else study.replicates
    return [trial_of(winner, question, replicate) for replicate in range(count)]


def fresh_label(trials: Sequence[Trial]) -> str:
    """What these trials are, for progress."""
    return f"the winner on {len(trials)} fresh replicates"


def _check_examples(study: Study, dataset: Dataset) -> None:
    """Makes sure that there are as many training examples as the space may ask for.

    Raises:
        InputError: if there are not.
    """
    given = study.search.space.get("train_examples") if study.search else None
    if given is None:
        return
    validation = validation_examples(dataset, study.validation)
    for count in given.choices or (given.low, given.high):
        split(dataset.y_train, dataset.classes, validation, count, study.seed, 0)


def _check_budget(question: RunContext) -> None:
    """Makes sure that the budget pays for a candidate, where each rung begins anew too.

    Raises:
        StudyError: if it does not.
    """
    study, search = question.study, question.study.search
    assert search is not None
    if next(populations_of(question), None) is None:
        every = rungs(search, study.base.epochs)
        raise StudyError(
            f"search.budget must pay for one candidate at least, which takes {sum(every)} epochs "
            f"where each of its trainings ({', '.join(map(str, every))} epochs) begins anew, found "
            f"{search.budget}; raise it, or lower base.epochs"
        )


class _NotTrainedYet(Exception):
    """The search would train from here on."""


@dataclass
class Replay:
    """Reads trials instead of training them; stops at the first part that lacks any.

    Attributes:
        store: where they are read.
        trials: how many were found.
        epochs: of training that they took.
        part: what the part that was read last trains, in words.
        sought: trials of that part.
        missing: ids of those that it lacks.
        candidates: all that were asked for, once one population is through its first rung.
        seen: ids of all that were found.
    """

    store: Store
    trials: int = 0
    epochs: int = 0
    part: str = ""
    sought: int = 0
    missing: tuple[str, ...] = ()
    candidates: Sequence[Candidate] = ()
    seen: set[str] = field(default_factory=set)

    def __call__(
        self, trials: Sequence[Trial], label: str, before: Before, keeps: Collection[Trial]
    ) -> dict[str, TrialResult]:
        """As `Trainer` has it."""
        ids = dict.fromkeys(trial.id for trial in trials)
        stored = self.store.results(list(ids), curves=False)
        for trial in trials:
            if trial.id in stored and trial.id not in self.seen:
                self.seen.add(trial.id)
                behind = before.get(trial, ())
                self.trials += 1
                self.epochs += trial.recipe.epochs - (behind[-1].epochs if behind else 0)
        self.part, self.sought = label, len(ids)
        self.missing = tuple(each for each in ids if each not in stored)
        if self.missing:
            raise _NotTrainedYet
        return stored


def replayed(
    question: RunContext, plan: Sequence[Population], asker: OptunaSampler, replay: Replay
) -> bool:
    """Goes through a search as far as it was trained; whether that is to its end.

    Raises:
        RunError: if no candidate was trained to its end.
    """
    try:
        for candidates in train_populations(plan, asker, question, replay, lambda _: None):
            replay.candidates = candidates
        winner, _ = choose(replay.candidates, question, replay)
        fresh = fresh_trials(winner.recipe, question)
        replay(fresh, fresh_label(fresh), {}, ())
    except _NotTrainedYet:
        return False
    return True


def plan_search(
    study: Study, folder: Path, settings: Settings, *, store: str | None = None
) -> RunAnnouncement:
    """What searching a study would train, and what is stored already; nothing is written.

    Candidates that diverge, and finalists that are tried again, are known only as results come
    in: the plan counts what the declaration says, and one winner at least.

    Args:
        study: what is asked, with a search.
        folder: where its files would go.
        settings: of this machine.
        store: URL of the store; an SQLite file in the folder when None.

    Raises:
        InputError: if the study, its search, its data, the folder or the store will not do.
    """
    _, record = prepare_search(study, settings)
    question = run_context(record)
    folders.check_holds(folder, study)
    search = study.search
    assert search is not None
    going = goes_on(study, question.engine)
    plan = list(populations_of(question))
    asker = OptunaSampler(question)
    fresh = fresh_trials(study.base, question)  # as many as there will be of the winner
    trials = sum(sum(each.sizes) for each in plan) + len(fresh)
    epochs = sum(each.epochs(going) for each in plan) + len(fresh) * study.base.epochs
    if store is not None:
        check_place(store)
    found, done, seconds, is_all = 0, 0, None, False
    with (
        suppress(NoStoreError),  # the search will make it
        open_store(store or str(folder / folders.STORE_NAME), create=False) as kept,
    ):
        replay = Replay(kept)
        is_all = replayed(question, plan, asker, replay)
        found, done = replay.trials, replay.epochs
        seconds = _seconds_an_epoch(kept, question)
    left, epochs = (0, 0) if is_all else (max(trials - found, 1), max(epochs - done, 1))
    workers = min(len(settings.cpus), left)
    return RunAnnouncement(
        study=study,
        trials=left,
        found=found,
        epochs=epochs,
        workers=workers,
        arm_names={},
        arm_trials={},
        seconds=None if seconds is None or not left else seconds * epochs / workers,
        is_least=bool(left) and search.finalists > 1 and search.replicates > 1,
        notes=_notes(study, plan, len(fresh)),
    )


def _seconds_an_epoch(store: Store, question: RunContext) -> float | None:
    """Of one trial, over those that are stored; None where there are none."""
    timings = store.timings(question.fingerprint, question.engine)
    if not timings:
        return None
    return sum(each for _, each in timings) / sum(recipe.epochs for recipe, _ in timings)


def _notes(study: Study, plan: Sequence[Population], fresh: int) -> tuple[str, ...]:
    """How the search goes about it, in sentences."""
    search = study.search
    assert search is not None
    counts: dict[str, int] = {}
    for each in plan:
        rungs = zip(each.sizes, each.rungs, strict=True)
        text = ", ".join(f"{size} to epoch {epochs}" for size, epochs in rungs)
        counts[text] = counts.get(text, 0) + 1
    drawn = sum(each.size for each in plan)
    told = [f"{drawn} candidates by {search.sampler}"]
    told += [f"{count} × ({text})" if count > 1 else text for text, count in counts.items()]
    again = ""
    if search.finalists > 1 and search.replicates > 1:
        again = (
            f"up to {search.finalists} finalists too close to tell are tried on "
            f"{search.replicates - 1} more replicates; "
        )
    return (
        f"{told[0]}: {'; then '.join(told[1:])}",
        f"{again}the winner is trained on {fresh} fresh replicates",
    )


@dataclass(frozen=True)
class SearchStatus:
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


def search_status(record: StudyRecord, store: Store, folder: Path | None) -> SearchStatus:
    """How far a search is, by its trials in a store.

    Args:
        record: what is asked.
        store: where its trials are.
        folder: of the run; its journal spares asking again for candidates.

    Raises:
        StudyError: if its sampler cannot be had here.
        StoreError: if the store cannot be read.
    """
    question = run_context(record)
    plan = list(populations_of(question))
    asker = OptunaSampler(question, folder / JOURNAL_NAME if folder else None, writes=False)
    replay, is_whole, problem = Replay(store), False, ""
    try:
        is_whole = replayed(question, plan, asker, replay)
    except RunError as error:
        problem = str(error)
    return SearchStatus(
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


def of_run(state: RunState, store: str | None) -> SearchStatus:
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
        return search_status(record, kept, state.folder)


def with_candidates(state: RunState, ask: Callable[[RunState], SearchStatus]) -> RunState:
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
