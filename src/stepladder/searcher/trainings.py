"""Trials of a search: trained where they are missing, by processes that last, and read."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stepladder.data import Dataset
from stepladder.records import Trial, TrialResult
from stepladder.runner.ensembling import unkept
from stepladder.runner.execute import execute
from stepladder.runner.plan import planned
from stepladder.runner.progress import Progress
from stepladder.runner.settings import Settings
from stepladder.runner.standby import Standby
from stepladder.runner.study_run import workers_for
from stepladder.searcher.thinning import Before
from stepladder.store import Store
from stepladder.study import Study
from stepladder.train.checkpoints import forget

__all__ = ["Trainings"]


@dataclass
class Trainings:
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
    workers: Standby
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
                    Standby() if weights else self.workers, weights,
                )  # fmt: skip
            finally:
                self.told.finish()
                self.store.add_seconds(self.study.name, time.monotonic() - began)
        return self.store.results([trial.id for trial in part.trials], curves=False)
