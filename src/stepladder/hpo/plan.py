"""What a search would train, and how far it is."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stepladder.data import Dataset, split, validation_examples
from stepladder.errors import RunError, StepladderError, StudyError
from stepladder.execution.machine import Settings
from stepladder.execution.progress import RunAnnouncement
from stepladder.hpo.candidates import Candidate
from stepladder.hpo.halving import Before, Trainer, can_extend, train_populations
from stepladder.hpo.results import choose
from stepladder.hpo.sampling import JOURNAL_NAME, OptunaSampler, learns
from stepladder.runs.folder import check_holds, store_of
from stepladder.runs.plan import RunContext, prepare, run_context
from stepladder.runs.session import open_if_exists
from stepladder.runs.stored import RunState, count_training
from stepladder.store import Store, StudyRecord, open_store
from stepladder.study.params import Config
from stepladder.study.search import Population, populations, rungs
from stepladder.study.study import Study
from stepladder.trials.trial import Trial, TrialResult

_FRESH = 5  # fresh replicates of the winner where a study leaves their number open


def prepare_search(study: Study, settings: Settings) -> tuple[Dataset, StudyRecord]:
    """The dataset and the record of a study that can be searched here.

    Raises:
        InputError: if it cannot: it has no space, or its data or its sampler will not do.
    """
    if study.search is None:
        raise StudyError(
            f"the study {study.name!r} must have a [search.space], found none; write one, such as "
            '[search.space] learning_rate = { type = "float", low = 0.0001, high = 0.1, '
            "log = true }, or search mnist-search"
        )
    dataset, record = prepare(study, settings)
    context = run_context(record)
    if study.trainer is None and "train_examples" in study.search.space:
        given = study.search.space["train_examples"]
        validation = validation_examples(dataset, study.validation)
        for count in given.choices or (given.low, given.high):  # refuses more than there are
            split(dataset, validation, count, study.seed, 0)
    if next(populations_of(context), None) is None:
        every = rungs(study.search, study.base.epochs)
        raise StudyError(
            f"search.budget must pay for at least one candidate, which takes {sum(every)} epochs: "
            f"each of its trainings ({', '.join(map(str, every))} epochs) starts from epoch 0. "
            f"Found {study.search.budget}; raise it, or lower base.epochs"
        )
    OptunaSampler(context)  # refuses a sampler that does not exist or does not fit the space
    return dataset, record


def populations_of(context: RunContext) -> Iterator[Population]:
    """The populations of a search, one after the other, as far as its trials and budget go."""
    study = context.study
    assert study.search is not None
    extends = can_extend(study, context.engine)
    return populations(study.search, study.base.epochs, learns(study.search.sampler), extends)


def fresh_trials(winner: Config, context: RunContext) -> list[Trial]:
    """The trials of a winner on replicates that the search never saw."""
    count = _FRESH if context.study.adaptive else context.study.replicates
    return [context.trial(winner, replicate) for replicate in range(count)]


def train_search(
    context: RunContext,
    populations: Iterable[Population],
    sampler: OptunaSampler,
    train: Trainer,
    forget: Callable[[Trial], object],
    observe: Callable[[Sequence[Candidate]], object],
) -> tuple[list[Candidate], tuple[Candidate, ...], list[TrialResult]]:
    """Goes through a search: populations, then finalists, then fresh replicates of the winner.

    Args:
        context: what is asked.
        populations: in the order in which they begin.
        sampler: draws candidates.
        train: trains a part, or reads it.
        forget: is called with trials that no other resumes from.
        observe: is called after each wave with all candidates so far.

    Returns:
        The candidates, the finalists with the best first, and the winner's fresh replicates.

    Raises:
        RunError: if no candidate was trained to its end.
    """
    candidates: list[Candidate] = []
    for candidates in train_populations(populations, sampler, context, train, forget):
        observe(candidates)
    winner, finalists = choose(candidates, context, train)
    trials = fresh_trials(winner.config, context)
    results = train(trials, f"the winner on {len(trials)} fresh replicates", {}, ())
    return candidates, finalists, [results[trial.id] for trial in trials]


class _NotTrainedYet(Exception):
    """The search would train from here on."""


@dataclass
class Replay:
    """Reads trials instead of training them; stops at the first part with missing trials.

    Attributes:
        store: where they are read.
        epochs: of training that the stored trials took.
        part: the part that was read last, in words.
        sought: trials of that part.
        missing: ids of those that are not stored.
        candidates: all that were asked for, once one population is through its first rung.
        seen: ids of all trials that are stored.
    """

    store: Store
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
                stages = before.get(trial, ())
                self.epochs += trial.config.epochs - (stages[-1].epochs if stages else 0)
        self.part, self.sought = label, len(ids)
        self.missing = tuple(trial_id for trial_id in ids if trial_id not in stored)
        if self.missing:
            raise _NotTrainedYet
        return stored

    def note(self, candidates: Sequence[Candidate]) -> None:
        """Takes in the candidates so far."""
        self.candidates = candidates


def replay_search(
    context: RunContext, populations: Iterable[Population], sampler: OptunaSampler, replay: Replay
) -> bool:
    """Goes through a search as far as it was trained; whether that is to its end.

    Raises:
        RunError: if no candidate was trained to its end.
    """
    try:
        train_search(context, populations, sampler, replay, lambda _: None, replay.note)
    except _NotTrainedYet:
        return False
    return True


def plan_search(
    study: Study, folder: Path, settings: Settings, *, store: str | None = None
) -> RunAnnouncement:
    """What `search_study` would train, and what is stored already; nothing is written.

    Candidates that diverge, and finalists that are trained again, are known only as results come
    in: the plan counts what the declaration says, and at least one winner.
    """
    _, record = prepare_search(study, settings)
    context, search = run_context(record), study.search
    assert search is not None
    check_holds(folder, study)
    drawn = list(populations_of(context))
    fresh = len(fresh_trials(study.base, context))  # as many as there will be of the winner
    trials = sum(sum(population.sizes) for population in drawn) + fresh
    extends = can_extend(study, context.engine)
    epochs = sum(population.epochs(extends) for population in drawn) + fresh * study.base.epochs
    found, seconds, is_finished = 0, None, False
    with open_if_exists(folder, store) as known:
        if known is not None:
            replay = Replay(known)
            is_finished = replay_search(context, drawn, OptunaSampler(context), replay)
            found, epochs = len(replay.seen), epochs - replay.epochs
            seconds = _seconds_an_epoch(known, context)
    left, epochs = (0, 0) if is_finished else (max(trials - found, 1), max(epochs, 1))
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
        notes=_notes(study, drawn, fresh),
    )


def _seconds_an_epoch(store: Store, context: RunContext) -> float | None:
    """Of one trial, over those that are stored; None where there are none."""
    timings = store.timings(context.fingerprint, context.engine)
    if not timings:
        return None
    return sum(seconds for _, seconds in timings) / sum(recipe.epochs for recipe, _ in timings)


def _notes(study: Study, drawn: Sequence[Population], fresh: int) -> tuple[str, ...]:
    search = study.search
    assert search is not None
    counts: Counter[str] = Counter()
    for population in drawn:
        sizes = zip(population.sizes, population.rungs, strict=True)
        counts[", ".join(f"{size} to epoch {epochs}" for size, epochs in sizes)] += 1
    parts = [f"{count} × ({text})" if count > 1 else text for text, count in counts.items()]
    count = sum(population.size for population in drawn)
    again = ""
    if search.finalists > 1 and search.replicates > 1:
        again = (
            f"up to {search.finalists} finalists too close to tell are tried on "
            f"{search.replicates - 1} more replicates; "
        )
    return (
        f"{count} candidates by {search.sampler}: {'; then '.join(parts)}",
        f"{again}the winner is trained on {fresh} fresh replicates",
    )


@dataclass(frozen=True)
class SearchStatus:
    """How far a search is.

    Attributes:
        record: what is asked, of which data.
        baseline: the score of guessing; None where it is not known.
        candidates: those that were asked for, as far as they were trained.
        planned: how many there will be.
        part: what is trained now, in words, or comes next.
        stored: trials of that part that are stored.
        sought: all of its trials.
        training: those that are being trained right now.
        is_whole: whether nothing is missing.
        problem: why it cannot continue, or empty.
    """

    record: StudyRecord
    baseline: float | None
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
        """Candidates whose training has ended, or was stopped early."""
        return sum(candidate.is_over for candidate in self.candidates)

    def count_in(self, state: RunState) -> RunState:
        """The state of its run, with its candidates as what is stored and planned."""
        return replace(
            state, stored=self.over, planned=self.planned, training=self.training,
            is_open=not self.is_whole,
        )  # fmt: skip


def search_status(record: StudyRecord, store: Store, folder: Path | None) -> SearchStatus:
    """How far a search is, by its trials in a store.

    Raises:
        StudyError: if its sampler is not installed here.
        StoreError: if the store cannot be read.
    """
    context = run_context(record)
    drawn = list(populations_of(context))
    sampler = OptunaSampler(context, folder / JOURNAL_NAME if folder else None, writes=False)
    replay, is_whole, problem = Replay(store), False, ""
    try:
        is_whole = replay_search(context, drawn, sampler, replay)
    except RunError as error:
        problem = str(error)
    return SearchStatus(
        record=record,
        baseline=context.baseline,
        candidates=tuple(replay.candidates),
        planned=sum(population.size for population in drawn),
        part=replay.part,
        stored=replay.sought - len(replay.missing),
        sought=replay.sought,
        training=count_training(store, replay.missing),
        is_whole=is_whole,
        problem=problem,
    )


def run_search_status(state: RunState, store: str | None) -> SearchStatus:
    """How far the search of a run is.

    Raises:
        StepladderError: if it is not in the store, or that cannot be read.
    """
    place = store_of(state.folder or Path(), store)
    with open_store(place, create=False, writes=False) as opened:
        record = opened.study(state.name)
        if record is None:
            raise StepladderError(f"{state.name!r} must be a search of the store, found none")
        return search_status(record, opened, state.folder)


def with_candidates(state: RunState, ask: Callable[[RunState], SearchStatus]) -> RunState:
    """The state of a run, its candidates counted where it is a search under way.

    A search that cannot be read has a problem.
    """
    if not state.is_search_under_way:
        return state
    try:
        return ask(state).count_in(state)
    except StepladderError as error:
        return replace(state, problem=str(error))
