"""A search, run."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stepladder.data import Dataset
from stepladder.errors import RunError
from stepladder.execution.local import WarmPool
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress, QuietProgress
from stepladder.execution.scheduler import execute, forget_dead
from stepladder.hpo import results
from stepladder.hpo.candidates import Candidate, different
from stepladder.hpo.halving import Before, goes_on, train_populations
from stepladder.hpo.plan import fresh_label, fresh_trials, populations_of, prepare_search
from stepladder.hpo.results import SearchResult, choose
from stepladder.hpo.sampling import JOURNAL_NAME, OptunaSampler
from stepladder.runs import folder as folders
from stepladder.runs import preflight
from stepladder.runs.arm_analysis import unkept
from stepladder.runs.folder import take_row
from stepladder.runs.plan import RunContext, planned, run_context
from stepladder.runs.run import all_is_to_be_trained, workers_for
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Estimate
from stepladder.store import Store, StudyRecord, check_place, open_store
from stepladder.study.study import Study
from stepladder.training.checkpoints import clear, forget
from stepladder.trials.trial import Trial, TrialResult


@dataclass
class TrialRunner:
    """Trains what is missing of some trials, and reads what all of them came to.

    Attributes:
        study: what is searched.
        dataset: what is trained on.
        settings: of this machine.
        store: where trials are kept.
        told: is told how it goes.
        checkpoints: folder of checkpoints.
        workers: training processes, which last from one part of the search to the next.
        trained: trials that were trained here.
        seen: ids of all trials that were asked for.
    """

    study: Study
    dataset: Dataset
    settings: Settings
    store: Store
    told: Progress
    checkpoints: Path
    workers: WarmPool
    trained: int = 0
    seen: set[str] = field(default_factory=set)

    def forget(self, trial: Trial) -> None:
        """Removes where a trial ended: nobody will go on from there."""
        forget(self.checkpoints, trial)

    def __call__(
        self, trials: Sequence[Trial], label: str, before: Before, keeps: Collection[Trial],
        weights: Path | None = None,
    ) -> dict[str, TrialResult]:  # fmt: skip
        """As `Trainer` has it; what each ends with goes to `weights`, from processes of its own."""
        part = planned(self.study, {label: trials}, self.store)
        self.seen.update(trial.id for trial in part.trials)
        if weights and (line := unkept(part, weights)):
            self.told.note(line)
        if part.missing:
            began = time.monotonic()
            announced = part.announced(workers_for(self.settings, part))
            self.told.start(replace(announced, arm_trials={label: len(part.trials)}))
            try:
                self.trained += execute(
                    part.trials, part.missing, self.dataset, self.settings, self.told, self.store,
                    self.checkpoints, self.study.model, part.arm_names, before, keeps,
                    WarmPool() if weights else self.workers, weights,
                )  # fmt: skip
            finally:
                self.told.finish()
                self.store.add_seconds(self.study.name, time.monotonic() - began)
        return self.store.results([trial.id for trial in part.trials], curves=False)


def search_study(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    store: str | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
    final: bool = False,
) -> SearchResult:
    """Searches a study's space and retrains the winner on replicates that the search never saw.

    Candidates are trials like any other: what the store holds is not trained again, so the same
    call goes on with an interrupted search. Nothing of the test set is read unless `final`.

    Args:
        study: what is asked, with a search.
        folder: where its files go; made if need be.
        settings: of this machine.
        store: URL of the store; an SQLite file in the folder when None.
        progress: is told how it goes.
        allow_code: whether a model file that the study names may run, in training processes.
        final: whether to look at the winner's test figures; the look is logged.

    Raises:
        InputError: if the study, its search, its data, its model, the folder or the store will
            not do; nothing was trained.
        RunError: if a training failed, or every candidate or the winner diverged.
        KeyboardInterrupt: if the user stops it; what was finished is stored.
    """
    preflight.check_code_allowed(study, allow_code)
    if store is not None:
        check_place(store)
    workers = WarmPool(persistent=True)
    try:
        if study.search and all_is_to_be_trained(study, folder, store):
            workers.start(settings, folder / folders.CHECKPOINTS_NAME, study.search.trials)
        told = progress or QuietProgress()
        return _search_study(study, folder, settings, store, told, final, workers)
    finally:
        workers.end()


def _search_study(
    study: Study, folder: Path, settings: Settings, store: str | None, told: Progress,
    final: bool, workers: WarmPool,
) -> SearchResult:  # fmt: skip
    dataset, record = prepare_search(study, settings)
    question = run_context(record)
    folders.check_holds(folder, study)
    asker = OptunaSampler(question, folder / JOURNAL_NAME)
    if study.model is not None:
        preflight.inspect_models(study, dataset, settings)
    folders.check(folder, study)
    with open_store(store or str(folder / folders.STORE_NAME)) as kept:
        take_row(kept, record, folder, told)
        checkpoints = folder / folders.CHECKPOINTS_NAME
        trains = TrialRunner(study, dataset, settings, kept, told, checkpoints, workers)
        candidates = _searched(question, asker, trains)
        winner, finalists = choose(candidates, question, trains)
        fresh = _fresh(winner, question, trains, folder / folders.WEIGHTS_NAME)
        forget_dead(kept)
        if not kept.claimed(trains.seen):
            clear(checkpoints)
        latest = kept.study(study.name) or record
        return _told(question, latest, kept, trains, candidates, finalists, fresh, final)


def _searched(question: RunContext, asker: OptunaSampler, trains: TrialRunner) -> list[Candidate]:
    """Every candidate with its outcome."""
    search = question.study.search
    assert search is not None
    candidates: list[Candidate] = []
    for candidates in train_populations(
        populations_of(question), asker, question, trains, trains.forget
    ):
        best = max(candidates, key=lambda each: (each.is_whole, _or_0(each.accuracy)))
        trains.told.note(
            f"{len(candidates)} of {search.trials} candidates, the best so far "
            f"{_or_0(best.accuracy):.2%} on validation"
        )
    return candidates


def _epochs(candidates: Sequence[Candidate], fresh: Sequence[TrialResult], going: bool) -> int:
    """Epochs of training that candidates took, finalists again, and the winner's replicates."""
    first = sum(each.epochs if going else sum(each.rungs) for each in different(candidates))
    again = sum(len(each.more) * each.recipe.epochs for each in candidates)
    return first + again + sum(result.trial.recipe.epochs for result in fresh)


def _or_0(accuracy: float) -> float:
    return 0.0 if math.isnan(accuracy) else accuracy


def _fresh(
    winner: Candidate, question: RunContext, trains: TrialRunner, weights: Path
) -> list[TrialResult]:
    """The winner on replicates that the search never saw; their weights are kept if need be.

    Raises:
        RunError: if it diverged on all of them.
    """
    trials = fresh_trials(winner.recipe, question)
    kept = weights if question.study.keep_weights else None
    trained = trains(trials, fresh_label(trials), {}, (), kept)
    found = [trained[trial.id] for trial in trials]
    if all(each.diverged for each in found):
        raise RunError(
            f"the winner, candidate {winner.number}, must train on fresh replicates, found that "
            f"it diverged on all {len(trials)}; narrow the space, its learning rate first. What "
            "was trained is stored, and the test set was not looked at"
        )
    return found


def _told(
    question: RunContext, record: StudyRecord, store: Store, trains: TrialRunner,
    candidates: Sequence[Candidate], finalists: Sequence[Candidate],
    fresh: Sequence[TrialResult], final: bool,
) -> SearchResult:  # fmt: skip
    study, winner, chance = question.study, finalists[0], 1 / question.classes
    accuracies = [result.validation.accuracy for result in fresh]
    lucky = results.luck(candidates, finalists, accuracies, study, question.validation, chance)
    top, maybe = results.equivalent_candidates(candidates, winner, study.delta, lucky.noise, chance)
    expected, each = results.expected(candidates, chance)
    test, looks = _look(question, store, fresh, final)
    knobs = results.summarize_hyperparameters(study, candidates, winner, top, chance)
    lost = sum(result.diverged is not None for result in fresh)
    return SearchResult(
        study=study,
        dataset=record.dataset,
        fingerprint=record.fingerprint,
        sizes=record.sizes,
        candidates=tuple(candidates),
        finalists=tuple(finalists),
        winner=winner,
        chance=chance,
        searched=winner.mean(chance),
        fresh=estimate(accuracies),
        fresh_diverged=lost,
        test=test,
        looks=looks,
        luck=lucky,
        expected=expected,
        seconds_each=each,
        knobs=knobs,
        top=top,
        not_excluded=maybe,
        whole=sum(each.is_whole for each in different(candidates)),
        diverged=sum(math.isnan(each.accuracy) for each in candidates),
        parameters=fresh[0].parameters,
        replicate_seconds=math.fsum(result.seconds for result in fresh) / len(fresh),
        epochs=_epochs(candidates, fresh, goes_on(study, question.engine)),
        training_seconds=_seconds(candidates, fresh),
        seconds=record.seconds,
        versions=record.versions,
        machine=record.machine,
        warnings=results.warnings(study, knobs, winner, lost, len(fresh)),
        trained=trains.trained,
        found=len(trains.seen) - trains.trained,
    )


def _seconds(candidates: Sequence[Candidate], fresh: Sequence[TrialResult]) -> float:
    searched = math.fsum(each.seconds + each.more_seconds for each in different(candidates))
    return searched + math.fsum(each.seconds for each in fresh)


def _look(
    question: RunContext, store: Store, fresh: Sequence[TrialResult], final: bool
) -> tuple[Estimate | None, int]:
    """The winner's test accuracy, and how many looks there were.

    Shown where it is asked for, or was before: the same figures again are no new look.
    """
    ids = [result.trial.id for result in fresh]
    if not final and not store.looked_at(question.fingerprint, ids):
        return None, len(store.looks(question.fingerprint))
    looks = store.look(question.study.name, question.fingerprint, ids, "search --final")
    return estimate([result.test.accuracy for result in fresh]), looks
