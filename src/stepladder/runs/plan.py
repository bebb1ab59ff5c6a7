"""The trials of a study, its context, and how long they will take."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from stepladder.data import Dataset, split, validation_examples
from stepladder.execution.batching import make_groups
from stepladder.execution.machine import Settings
from stepladder.execution.progress import RunAnnouncement
from stepladder.store import Store, StudyRecord
from stepladder.study.designs import Arm
from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.training.groups import program_key
from stepladder.trials.trial import Trial
from stepladder.version import __version__, version_of

_Kind = tuple[Recipe, int | None]


def seconds_to_train(
    missing: Sequence[Trial],
    timings: Iterable[tuple[Recipe, float]],
    workers: int,
    at_hand: Mapping[str, int],
) -> float | None:
    """Wall time of trials yet to be trained, compiling left out.

    A trial takes the mean time an epoch of the stored trials of its structure, of as many
    training examples.

    Args:
        missing: what is to be trained, on one dataset and engine.
        timings: recipe and seconds of stored trials on it.
        workers: processes that train at once.
        at_hand: epochs that need not be trained, by the id of a missing trial.

    Returns:
        Seconds, or None where for some trial there is nothing like it to tell by.
    """
    known: dict[_Kind, list[float]] = defaultdict(list)
    for recipe, seconds in timings:
        if recipe.epochs and math.isfinite(seconds):
            known[_kind(recipe)].append(seconds / recipe.epochs)
    total = 0.0
    for trial in missing:
        like = known.get(_kind(trial.recipe))
        if not like:
            return None
        epochs = trial.recipe.epochs - at_hand.get(trial.id, 0)
        total += epochs * math.fsum(like) / len(like)
    return total / max(1, workers)


def _kind(recipe: Recipe) -> _Kind:
    return program_key(recipe), recipe.train_examples


_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Plan:
    """All trials of a study and those that are missing.

    Attributes:
        study: what was asked.
        trials: every trial once, arm by arm, in the order of replicates.
        missing: those that the store does not hold.
        arm_names: names of the arms that a trial belongs to, by its id.
        timings: recipe and seconds of trials on the same dataset that are stored.
        is_least: whether what these trials come to may ask for more.
    """

    study: Study
    trials: tuple[Trial, ...]
    missing: tuple[Trial, ...]
    arm_names: dict[str, tuple[str, ...]]
    timings: Sequence[tuple[Recipe, float]] = ()
    is_least: bool = False

    def announced(self, workers: int, at_hand: Mapping[str, int] = _NOTHING) -> RunAnnouncement:
        """The plan as progress is told of it.

        Args:
            workers: processes that train.
            at_hand: epochs that need not be trained, by the id of a trial that is missing.
        """
        counts = Counter(name for names in self.arm_names.values() for name in names)
        return RunAnnouncement(
            study=self.study,
            trials=len(self.missing),
            found=len(self.trials) - len(self.missing),
            epochs=sum(each.recipe.epochs - at_hand.get(each.id, 0) for each in self.missing),
            workers=workers,
            arm_names={trial.id: self.arm_names[trial.id] for trial in self.missing},
            arm_trials={arm.name: counts[arm.name] for arm in self.study.arms},
            seconds=seconds_to_train(self.missing, self.timings, workers, at_hand),
            is_least=self.is_least,
            at_hand=at_hand,
        )


def trials_of(
    study: Study,
    fingerprint: str,
    validation: int,
    engine: str,
    arms: Sequence[Arm] | None = None,
    replicates: Mapping[str, int] | None = None,
) -> dict[str, list[Trial]]:
    """The trials of each arm of a study, by its name, in the order of replicates.

    Args:
        study: what was asked.
        fingerprint: of the dataset.
        validation: validation examples, a number.
        engine: as trials record it.
        arms: with the recipes that are compared; the study's own when None.
        replicates: of each arm by its name; the study's number when None.
    """
    return {
        arm.name: [
            Trial(arm.recipe, fingerprint, validation, study.seed, replicate, engine)
            for replicate in range(replicates[arm.name] if replicates else study.replicates)
        ]
        for arm in (study.arms if arms is None else arms)
    }


def plan(
    study: Study,
    dataset: Dataset,
    store: Store | None,
    engine: str,
    arms: Sequence[Arm] | None = None,
    replicates: Mapping[str, int] | None = None,
) -> Plan:
    """What is to be trained.

    Args:
        study: what was asked.
        dataset: what it is asked of.
        store: where finished trials are looked up; None where there is no store yet.
        engine: as trials record it.
        arms: with the recipes that are compared; the study's own when None.
        replicates: of each arm by its name; the study's number when None.

    Raises:
        StoreError: if the store cannot be read.
        InputError: if the dataset leaves too little to train on.
    """
    validation = validation_examples(dataset, study.validation)
    by_arm = trials_of(study, dataset.fingerprint, validation, engine, arms, replicates)
    return planned(study, by_arm, store)


def planned(study: Study, by_arm: Mapping[str, Iterable[Trial]], store: Store | None) -> Plan:
    """A plan of trials, whichever they are.

    Args:
        study: what was asked.
        by_arm: trials by the name of their arm, all of one dataset and engine.
        store: where finished trials are looked up; None where there is no store yet.

    Raises:
        StoreError: if the store cannot be read.
    """
    names: dict[str, tuple[str, ...]] = {}
    every: dict[str, Trial] = {}
    for arm, trials in by_arm.items():
        for trial in trials:
            names[trial.id] = (*names.get(trial.id, ()), arm)
            every.setdefault(trial.id, trial)
    stored = store.has(every) if store else set()
    missing = tuple(trial for each, trial in every.items() if each not in stored)
    timings = store.timings(missing[0].dataset, missing[0].engine) if store and missing else []
    return Plan(study, tuple(every.values()), missing, names, timings)


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


@dataclass(frozen=True)
class RunContext:
    """What decides a study's trials beside their recipes.

    Attributes:
        study: what is asked.
        fingerprint: of the dataset.
        validation: validation examples, a number.
        engine: as trials record it.
        classes: of the dataset.
    """

    study: Study
    fingerprint: str
    validation: int
    engine: str
    classes: int


def run_context(record: StudyRecord, engine: str | None = None) -> RunContext:
    """What decides the trials of a stored study.

    Args:
        record: the study and its dataset.
        engine: as trials record it; the one that the study was run with when None.
    """
    used = engine or record.versions.get("engine", "population")
    validation, classes = record.sizes["validation"], len(record.classes)
    return RunContext(record.study, record.fingerprint, validation, used, classes)


def record_of(
    study: Study, dataset: Dataset, sizes: dict[str, int], settings: Settings
) -> StudyRecord:
    """A study as its store keeps it, with what it is about to be trained by."""
    names = ["keras", "numpy", settings.keras_backend]
    installed = {name: version_of(name) for name in dict.fromkeys(names)}
    return StudyRecord(
        study=study,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        sizes=sizes,
        classes=dataset.class_names,
        versions={"stepladder": __version__, **installed, "engine": settings.engine_name},
        machine=settings.machine,
    )


def cached_epochs(plan: Plan, dataset: Dataset, settings: Settings, store: Store) -> dict[str, int]:
    """Epochs that missing trials need not train, by id, for they go on from a shorter training.

    Args:
        plan: what is to be trained.
        dataset: what it is trained on.
        settings: how it will be trained.
        store: where finished trials are.

    Raises:
        StoreError: if the store cannot be read.
    """
    if settings.endings is None or not plan.missing:
        return {}
    waiting = make_groups(plan.trials, plan.missing, dataset, settings, store)
    return {trial.id: group.start_epoch for group in waiting if group.start_epoch
            for trial in group.trials}  # fmt: skip
