"""What a study and a search have in common while they train: store, folder, processes."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from stepladder.data import Dataset
from stepladder.errors import InputError, NoStoreError, StoreError, StudyError, WorkerError
from stepladder.execution.base import Executor
from stepladder.execution.choice import make_executor
from stepladder.execution.local import LocalExecutor
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress, QuietProgress
from stepladder.execution.scheduler import execute, forget_dead
from stepladder.runs import folder as folders
from stepladder.runs.inspection import check_names, inspect_models, names_to_check
from stepladder.runs.phases import plan_all_phases
from stepladder.runs.plan import NO_EPOCHS, Plan, RunContext, cached_epochs, prepare, run_context
from stepladder.runs.preflight import check_code_allowed
from stepladder.store import Store, StudyRecord, check_place, open_store
from stepladder.study.study import Study
from stepladder.training.checkpoints import clear
from stepladder.training.function import TrialFailure, UserSetup
from stepladder.training.groups import Stage
from stepladder.trials.trial import Trial


@dataclass
class Session:
    """The store, the folder and the training processes of one run.

    Attributes:
        record: the study, its dataset's name and its versions.
        executor: where trials are trained.
        user: the training of the user's own, or None.
        fail_fast: whether its first failure stops the run.
        failures: of its trials, by their ids.
        trained: trials that this run trained.
        seen: ids of all trials that were asked for.
        is_refused: whether training was refused, as by a worker with other versions, before
            anything was stored.
    """

    record: StudyRecord
    dataset: Dataset
    settings: Settings
    store: Store
    folder: Path
    progress: Progress
    executor: Executor
    user: UserSetup | None = None
    fail_fast: bool = False
    trained: int = 0
    failures: dict[str, TrialFailure] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    is_refused: bool = False

    @property
    def study(self) -> Study:
        """What is asked."""
        return self.record.study

    @property
    def context(self) -> RunContext:
        """What decides the trials."""
        return run_context(self.record)

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.folder / folders.CHECKPOINTS_NAME

    @property
    def weights(self) -> Path | None:
        """Folder of final weights; None where the study does not keep them."""
        return self.folder / folders.WEIGHTS_NAME if self.study.keep_weights else None

    def train(
        self,
        plan: Plan,
        before: Mapping[Trial, tuple[Stage, ...]] | None = None,
        keeps: Collection[Trial] = (),
        weights: Path | None = None,
    ) -> None:
        """Trains the missing trials of a plan; other runs may train some of them.

        Args:
            plan: trials, and which are missing.
            before: stages that trials have behind them; None where there are no stages.
            keeps: trials that later stages resume from.
            weights: folder of final weights, or None to keep none.

        Raises:
            WorkerError: if a training failed; what was finished is stored.
        """
        self.seen.update(trial.id for trial in plan.trials)
        if not plan.missing:
            return
        if all(trial.id in self.failures for trial in plan.missing):
            self.check_failures(plan)
        began = time.monotonic()
        cached = NO_EPOCHS
        if before is None:
            cached = cached_epochs(plan, self.dataset, self.settings, self.store)
        self.progress.start(plan.announcement(len(self.settings.cpus), cached))
        try:
            self.trained += execute(
                plan.trials, plan.missing, self.dataset, self.settings, self.progress, self.store,
                self.checkpoints, self.study.model_files, plan.arm_names, before, keeps,
                self.executor, weights, self.user, self._on_failure,
            )  # fmt: skip
        except InputError:
            self.is_refused = not self.store.has(self.seen)
            raise
        finally:
            self.progress.finish()
            self.progress.stage("Judging")
            self.store.add_seconds(self.study.name, time.monotonic() - began)

    def check_failures(self, plan: Plan) -> None:
        """Makes sure that no trial of a plan failed.

        Raises:
            WorkerError: if one did.
        """
        failed = [self.failures[trial.id] for trial in plan.missing if trial.id in self.failures]
        if failed:
            raise WorkerError(
                f"{len(failed)} trial(s) failed that the next step needs: {failed[0].message}. "
                "What was finished is stored; the same command tries the others again"
            )

    def _on_failure(self, failure: TrialFailure) -> None:
        self.failures[failure.trial.id] = failure
        if self.fail_fast:
            raise WorkerError(
                f"replicate {failure.trial.shown_replicate} failed: {failure.message}. What was "
                f"finished is stored; the same command tries it again\n{failure.trace}".rstrip()
            )

    def finish(self) -> StudyRecord:
        """Removes checkpoints that no other run needs; the study's record with its seconds."""
        forget_dead(self.store)
        if self.user is not None:  # a driver that was killed may have left them
            for trial_id in self.store.has(self.seen):
                shutil.rmtree(self.checkpoints / trial_id[:32], ignore_errors=True)
        if not self.store.claimed(self.seen):
            clear(self.checkpoints)
        return self.store.study(self.study.name) or self.record


@contextmanager
def open_session(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    store: str | None,
    progress: Progress | None,
    allow_code: bool,
    prepare: Callable[[Study, Settings], tuple[Dataset, StudyRecord]] = prepare,
    is_search: bool = False,
    fail_fast: bool = False,
    plan: Callable[[RunContext, Store | None], Plan] = plan_all_phases,
) -> Iterator[Session]:
    """Checks all that can be checked before training, and opens the store of a run.

    Args:
        study: what is asked.
        folder: where its files go; made if need be.
        settings: of this machine.
        store: URL of the store; as for `folder.store_of` when None.
        progress: shows how it goes; None for none.
        allow_code: whether a model file that the study names may run, in training processes.
        prepare: loads and checks the dataset.
        is_search: whether processes last from one part to the next, as the parts of a search need.
        fail_fast: whether the first failure of a training of the user's own stops the run.
        plan: the trials of a study that is no search; those of `run` when it is left out.

    Raises:
        InputError: if the study, its data, its model, the folder or the store will not do;
            nothing was trained and nothing stored was touched.
    """
    check_code_allowed(study, allow_code)
    place, own = folders.store_of(folder, store), str(folder / folders.STORE_NAME)
    is_new_folder, session = not os.path.lexists(folder), None
    if place != own:  # before anything is made or takes long
        check_place(place)
    keeps_final = study.keep_weights and not is_search
    user = user_setup(study, folder) if study.trainer is not None else None
    executor = make_executor(settings, folder)
    local = executor if isinstance(executor, LocalExecutor) else None
    settings = settings if local else replace(settings, cpus=(None,) * max(1, len(executor.free)))
    shown = progress or QuietProgress()
    try:
        shown.stage("Reading the data")
        is_new = place == own and not os.path.exists(own)
        if local and is_new and user is None and not study.model_files:
            # Everything is to be trained: processes import JAX while the dataset is read.
            local.start(
                _most_trials(study, is_search), folder / folders.CHECKPOINTS_NAME, keeps_final
            )
        dataset, record = prepare(study, settings)
        shown.stage("Checking what is to be trained")
        notes: tuple[str, ...] = ()
        has_code = bool(names_to_check(study) or study.model_files) or user is not None
        if has_code and (is_search or _needs_training(record, folder, store, plan)):
            notes = _check_code(study, dataset, settings, is_search)
            if user is not None and local:
                _start_user(local, user, folder, _most_trials(study, is_search))
        record = _with_folder(record, folder, store, is_elsewhere=place != own)
        with open_store(place) as opened:
            folders.remember_store(folder, place)
            for note in notes:
                shown.note(note)
            session = Session(record, dataset, settings, opened, folder, shown, executor,
                              user, fail_fast)  # fmt: skip
            yield session
    finally:
        shown.stage("")
        executor.close()
        if is_new_folder and session is not None and session.is_refused:
            shutil.rmtree(folder, ignore_errors=True)


def _with_folder(
    record: StudyRecord, folder: Path, store: str | None, *, is_elsewhere: bool
) -> StudyRecord:
    """The record of a run whose folder is there and holds what it needs."""
    if is_elsewhere:
        with open_if_exists(folder, store):
            pass  # a server that does not answer leaves no folder behind
    folders.check(folder, record.study)
    return replace(record, study=folders.keep_data(folder, record.study))


def _check_code(
    study: Study, dataset: Dataset, settings: Settings, is_search: bool
) -> tuple[str, ...]:
    """Has Keras look at names and networks of a study; notes on them."""
    if names_to_check(study):
        check_names(study, dataset, settings)
    if study.model_files and study.trainer is None:
        return inspect_models(study, dataset, settings, is_search)
    return ()


def _most_trials(study: Study, is_search: bool) -> int:
    if is_search:
        return study.search.trials if study.search else 0
    return len(study.arms) * study.replicates


def user_setup(study: Study, folder: Path) -> UserSetup:
    """What processes need to train by the user's own code.

    Raises:
        StudyError: if its files are not those that were read, or a callable cannot be sent.
    """
    trainer = study.trainer
    assert trainer is not None
    trainer.check_files()
    path = tuple(os.path.abspath(entry) for entry in sys.path)
    output = (folder / folders.OUTPUT_NAME).resolve()
    judged = replace(study.judged, score=None, per_example=None, baseline=None)  # code stays here
    return UserSetup(trainer.without_callable(), judged, study.also, path,
                     trainer.pickled(), output)  # fmt: skip


def _start_user(executor: LocalExecutor, user: UserSetup, folder: Path, most: int) -> None:
    """Starts the processes, and waits until one has loaded the user's code.

    Raises:
        StudyError: if it cannot be loaded; nothing was made or trained.
    """
    executor.start(most, folder / folders.CHECKPOINTS_NAME, user=user)
    worker, message = executor.first_word()
    if message is None:
        raise StudyError(
            f"trainer must name code that can be loaded, found that {user.trainer.name} ended its "
            f"process ({worker.exit_message()}); run it once by hand"
        )
    if message["kind"] == "failed":
        raise StudyError(message["message"])


def _needs_training(
    record: StudyRecord,
    folder: Path,
    store: str | None,
    plan: Callable[[RunContext, Store | None], Plan],
) -> bool:
    try:
        with open_if_exists(folder, store) as known:
            planned = plan(run_context(record), known)
    except StoreError:
        return True  # opening it for writing tells what is wrong
    return bool(planned.missing) or planned.is_least


@contextmanager
def open_if_exists(folder: Path, store: str | None) -> Iterator[Store | None]:
    """Opens the store of a run; None where the run is yet to make it. Nothing is written.

    Args:
        folder: of the run.
        store: URL of the store; as for `folder.store_of` when None.

    Raises:
        StoreError: if there can be no store, or it cannot be read.
    """
    if store is not None:
        check_place(store)
    try:
        known = open_store(folders.store_of(folder, store), create=False, writes=False)
    except NoStoreError:
        yield None
        return
    with known:
        yield known
