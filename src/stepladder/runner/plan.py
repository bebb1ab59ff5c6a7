"""The plan of a study: its trials, those that are stored, and those still to be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepladder.data import Dataset, split, validation_examples
from stepladder.recipe import Recipe
from stepladder.records import Trial
from stepladder.runner.forecast import seconds_to_train
from stepladder.runner.progress import Planned
from stepladder.store import Store
from stepladder.study import Study

__all__ = ["Plan", "part_sizes", "plan", "trials_of"]


@dataclass(frozen=True)
class Plan:
    """All trials of a study and those that are missing.

    Attributes:
        study: what was asked.
        trials: every trial once, arm by arm, in the order of replicates.
        missing: those that the store does not hold.
        arm_names: names of the arms that a trial belongs to, by its id.
        timings: recipe and seconds of trials on the same dataset that are stored.
    """

    study: Study
    trials: tuple[Trial, ...]
    missing: tuple[Trial, ...]
    arm_names: dict[str, tuple[str, ...]]
    timings: Sequence[tuple[Recipe, float]] = ()

    def announced(self, workers: int) -> Planned:
        """The plan as progress is told of it."""
        return Planned(
            study=self.study,
            trials=len(self.missing),
            found=len(self.trials) - len(self.missing),
            epochs=sum(trial.recipe.epochs for trial in self.missing),
            workers=workers,
            arm_names={trial.id: self.arm_names[trial.id] for trial in self.missing},
            seconds=seconds_to_train(self.missing, self.timings, workers),
        )


def trials_of(
    study: Study, fingerprint: str, validation: int, engine: str
) -> dict[str, list[Trial]]:
    """The trials of each arm of a study, by its name, in the order of replicates.

    Args:
        study: what was asked.
        fingerprint: of the dataset.
        validation: validation examples, a number.
        engine: as trials record it.
    """
    return {
        arm.name: [
            Trial(arm.recipe, fingerprint, validation, study.seed, replicate, engine)
            for replicate in range(study.replicates)
        ]
        for arm in study.arms
    }


def plan(study: Study, dataset: Dataset, store: Store | None, engine: str) -> Plan:
    """What is to be trained.

    Args:
        study: what was asked.
        dataset: what it is asked of.
        store: where finished trials are looked up; None where there is no store yet.
        engine: as trials record it.

    Raises:
        StoreError: if the store cannot be read.
        InputError: if the dataset leaves too little to train on.
    """
    validation = validation_examples(dataset, study.validation)
    by_arm = trials_of(study, dataset.fingerprint, validation, engine)
    names: dict[str, tuple[str, ...]] = {}
    for arm, trials in by_arm.items():
        for trial in trials:
            names[trial.id] = (*names.get(trial.id, ()), arm)
    every = tuple(dict.fromkeys(trial for trials in by_arm.values() for trial in trials))
    stored = store.has(trial.id for trial in every) if store else set()
    missing = tuple(trial for trial in every if trial.id not in stored)
    timings = store.timings(dataset.fingerprint, engine) if store and missing else []
    return Plan(study, every, missing, names, timings)


def part_sizes(study: Study, dataset: Dataset) -> dict[str, int]:
    """Examples by part, as the base recipe uses them; every arm's split is tried.

    Raises:
        InputError: if an arm asks for more training examples than there are, or the
            validation part leaves none.
    """
    validation = validation_examples(dataset, study.validation)
    wanted: Sequence[int | None] = list(
        dict.fromkeys(arm.recipe.train_examples for arm in study.arms)
    )
    parts = [
        split(dataset.y_train, dataset.classes, validation, each, study.seed, 0) for each in wanted
    ]
    return {
        "train": len(parts[0].train),
        "validation": len(parts[0].validation),
        "test": len(dataset.y_test),
    }
