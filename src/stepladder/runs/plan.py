"""The trials of a study, its context, and how long they will take."""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from stepladder.data import Dataset, load, own_data, split, validation_examples
from stepladder.errors import StudyError
from stepladder.execution.batching import make_groups
from stepladder.execution.machine import Settings
from stepladder.execution.progress import RunAnnouncement
from stepladder.runs.preflight import check_possible
from stepladder.store import OWN_VALIDATION, Store, StudyRecord
from stepladder.study.designs import Arm
from stepladder.study.effective import empty_comparisons
from stepladder.study.metrics import LOSS, METRICS, Metric, is_computed
from stepladder.study.params import Config, Params
from stepladder.study.study import Study
from stepladder.training.groups import program_key
from stepladder.trials.trial import Trial
from stepladder.version import __version__, version_of

NO_EPOCHS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class RunContext:
    """What decides a study's trials, apart from their recipes.

    Attributes:
        study: what is asked.
        fingerprint: of the dataset.
        validation: validation examples, a number.
        engine: as trials record it.
        classes: of the dataset.
        constant: the judged metric of one answer to every test example, where there are no
            classes; None where it is not known.
        commonest: the test accuracy of answering the commonest class of the training part, where
            the accuracy of classes is judged; None where it is not known.
        notes: what was noted of the data before training.
        has_own_validation: whether the validation part is the same in every replicate.
    """

    study: Study
    fingerprint: str
    validation: int
    engine: str
    classes: int
    constant: float | None = None
    commonest: float | None = None
    notes: tuple[str, ...] = ()
    has_own_validation: bool = False

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / self.classes

    @property
    def baseline(self) -> float | None:
        """What a diverged trial counts as: the judged metric of guessing, where it is known."""
        if self.study.task != "classification":
            return self.constant
        of_guessing = self.study.judged.baseline
        return of_guessing(self.classes) if of_guessing and self.classes > 0 else None

    @property
    def one_answer(self) -> float | None:
        """The judged metric of one answer to every test example, where it is known."""
        is_accuracy = self.study.judged.name == "accuracy" and self.study.task == "classification"
        return self.commonest if is_accuracy else self.baseline

    def trial(self, config: Config, replicate: int) -> Trial:
        """The trial of a configuration on one replicate."""
        return Trial(
            config, self.fingerprint, self.validation, self.study.seed, replicate, self.engine,
            metrics=self.study.computed,
        )  # fmt: skip


def run_context(record: StudyRecord, engine: str | None = None) -> RunContext:
    """What decides the trials of a stored study.

    Args:
        record: the study and its dataset.
        engine: as trials record it; the one that the study was run with when None.
    """
    used = engine or record.versions.get("engine", "population")
    validation, classes = record.sizes.get("validation", 0), len(record.classes)
    constant, commonest = (
        None if (score := record.versions.get(name)) is None else float(score)
        for name in ("baseline", "commonest")
    )
    notes = tuple(json.loads(record.versions.get("notes", "[]")))
    return RunContext(record.study, record.fingerprint, validation, used, classes, constant,
                      commonest, notes, record.has_own_validation)  # fmt: skip


def with_notes(record: StudyRecord, notes: tuple[str, ...]) -> StudyRecord:
    """A record that keeps what was noted of the data before training."""
    return replace(record, versions={**record.versions, "notes": json.dumps(notes)})


_FACTS = ("baseline", "commonest", "notes", "validation")


def versions_shown(versions: Mapping[str, str]) -> dict[str, str]:
    """The versions of a record, without the facts that it keeps among them."""
    return {name: version for name, version in versions.items() if name not in _FACTS}


def trials_of(
    context: RunContext,
    arms: Sequence[Arm] | None = None,
    replicates: Mapping[str, int] | None = None,
) -> dict[str, list[Trial]]:
    """The trials of each arm of a study, by its name, in the order of replicates.

    Args:
        context: what decides them.
        arms: with the recipes that are compared; the study's own when None.
        replicates: of each arm by its name; the study's number when None.

    Example:
        >>> from stepladder import Study
        >>> base = {"hidden": [8], "activation": "sigmoid"}
        >>> study = Study(name="two", base=base, techniques=["ReLU"], replicates=3)
        >>> trials = trials_of(RunContext(study, "fingerprint", 10, "population", 2))
        >>> {name: [trial.replicate for trial in trials[name]] for name in trials}
        {'base': [0, 1, 2], '+ ReLU': [0, 1, 2]}
    """
    return {
        arm.name: [
            context.trial(arm.config, replicate)
            for replicate in range(replicates[arm.name] if replicates else context.study.replicates)
        ]
        for arm in (context.study.arms if arms is None else arms)
    }


@dataclass(frozen=True)
class Plan:
    """Trials to train, and those that are missing.

    Attributes:
        study: what was asked.
        trials: every trial once, arm by arm, in the order of replicates.
        missing: those that the store does not hold.
        arm_names: names of the arms that a trial belongs to, by its id.
        arm_trials: how many trials each arm has, by its name.
        timings: configuration and seconds of trials on the same dataset that are stored.
        is_least: whether the results of these trials may ask for more.
    """

    study: Study
    trials: tuple[Trial, ...]
    missing: tuple[Trial, ...]
    arm_names: dict[str, tuple[str, ...]]
    arm_trials: dict[str, int]
    timings: Sequence[tuple[Config, float]] = ()
    is_least: bool = False

    def announcement(
        self, processes: int, cached: Mapping[str, int] = NO_EPOCHS
    ) -> RunAnnouncement:
        """The plan as progress shows it.

        Args:
            processes: that can train at once.
            cached: epochs that need not be trained, by the id of a missing trial.
        """
        workers = min(processes, len(self.missing))
        return RunAnnouncement(
            study=self.study,
            trials=len(self.missing),
            found=len(self.trials) - len(self.missing),
            epochs=sum(trial.config.epochs - cached.get(trial.id, 0) for trial in self.missing),
            workers=workers,
            arm_names={trial.id: self.arm_names[trial.id] for trial in self.missing},
            arm_trials=self.arm_trials,
            seconds=_seconds_to_train(self.missing, self.timings, workers, cached),
            is_least=self.is_least,
            at_hand=cached,
        )


def make_plan(study: Study, by_arm: Mapping[str, Iterable[Trial]], store: Store | None) -> Plan:
    """A plan of some trials.

    Args:
        study: what was asked.
        by_arm: trials by the name of their arm, all of one dataset and engine.
        store: where finished trials are looked up; None where there is no store yet.
    """
    names: dict[str, tuple[str, ...]] = {}
    by_id: dict[str, Trial] = {}
    counts = {}
    for arm, trials in by_arm.items():
        distinct = dict.fromkeys(trials)
        counts[arm] = len(distinct)
        for trial in distinct:
            names[trial.id] = (*names.get(trial.id, ()), arm)
            by_id.setdefault(trial.id, trial)
    stored: Collection[str] = store.has(by_id) if store else ()
    missing = tuple(trial for trial_id, trial in by_id.items() if trial_id not in stored)
    timings = store.timings(missing[0].dataset, missing[0].engine) if store and missing else []
    return Plan(study, tuple(by_id.values()), missing, names, counts, timings)


def _seconds_to_train(
    missing: Sequence[Trial],
    timings: Iterable[tuple[Config, float]],
    workers: int,
    cached: Mapping[str, int],
) -> float | None:
    """Wall time of missing trials, compiling left out; None where one is like no stored trial.

    A trial takes the mean time an epoch of stored trials of its structure and number of training
    examples.
    """
    known: dict[object, list[float]] = defaultdict(list)
    for recipe, seconds in timings:
        if recipe.epochs and math.isfinite(seconds):
            known[_cost_key(recipe)].append(seconds / recipe.epochs)
    total = 0.0
    for trial in missing:
        alike = known.get(_cost_key(trial.config))
        if not alike:
            return None
        epochs = trial.config.epochs - cached.get(trial.id, 0)
        total += epochs * math.fsum(alike) / len(alike)
    return total / max(1, workers)


def _cost_key(config: Config) -> object:
    if isinstance(config, Params):  # the arms of a training may take any time each
        return config.trainer
    return program_key(config), config.train_examples


def dataset_of(study: Study) -> Dataset:
    """The dataset of a study; what stands for it where its training brings its own.

    Raises:
        DataError: if it cannot be read.
    """
    if study.dataset is None:
        assert study.trainer is not None
        return own_data(study.trainer.name)
    return load(study.dataset, study.splits.folds)


def part_sizes(study: Study, dataset: Dataset) -> dict[str, int]:
    """Examples by part, as the base recipe uses them; every arm's split is tried.

    Parts of folds, of groups or of times differ in size: these are of the first replicate.

    Raises:
        InputError: if an arm asks for more training examples than there are, or the
            validation part leaves none, in any replicate where they differ.
    """
    if study.dataset is None:
        return {}
    validation = validation_examples(dataset, study.validation)
    counts: dict[int | None, None] = {None: None}
    if study.trainer is None:
        counts = dict.fromkeys(arm.recipe.train_examples for arm in study.arms)
    slim = dataset.without_inputs()
    count = study.replicates if slim.groups is not None else 1
    if slim.folds is not None and slim.groups is None:
        # Of classes, further repeats are like the first.
        count = slim.folds.count if slim.task == "classification" else study.replicates
    sizes: dict[str, int] = {}
    for replicate in range(count):
        view = slim.view(replicate)
        parts = [split(view, validation, count, study.seed, replicate) for count in counts]
        sizes = sizes or {
            "train": len(parts[0].train),
            "validation": len(parts[0].validation),
            "test": len(view.y_test),
        }
    return sizes


def score_of_constant(metric: Metric, dataset: Dataset) -> float | None:
    """A metric of the best answer that knows no input, given to every test example.

    That is the mean of the training part, its median for absolute errors, and the share of
    examples to which each label applies; of folds, their mean score. None of classes, and where
    the metric is not computed or not defined.

    Args:
        metric: any one.
        dataset: with both parts.
    """
    is_regression = dataset.task == "regression"
    if metric.name == LOSS.name and not is_regression:
        metric = METRICS["log_loss"]
    if dataset.task == "classification" or not is_computed(metric, dataset.task):
        return None
    assert metric.score is not None
    middle = np.median if metric.name == "mae" else np.mean
    slim, scores = dataset.without_inputs(), []
    for replicate in range(dataset.folds.count if dataset.folds else 1):
        view = slim.view(replicate)
        answer = middle(view.y_train.astype(np.float64), axis=0)
        if metric.needs == "labels":
            answer = (answer > 0.5).astype(np.uint8)
        scores.append(metric.score(view.y_test, np.broadcast_to(answer, view.y_test.shape)))
    score = math.fsum(scores) / len(scores)
    return score if math.isfinite(score) else None


def record_of(study: Study, dataset: Dataset, settings: Settings) -> StudyRecord:
    """A study as its store keeps it, with what is about to train it.

    Raises:
        InputError: as `part_sizes` does.
    """
    names = ["numpy"] if settings.is_user else ["keras", "numpy", settings.keras_backend]
    installed = {name: version_of(name) for name in dict.fromkeys(names)}
    shape = {"inputs": " × ".join(map(str, dataset.input_shape))} if dataset.outputs else {}
    constant = score_of_constant(study.judged, dataset)
    if constant is not None:
        shape["baseline"] = repr(constant)
    if dataset.task == "classification" and study.judged.name == "accuracy" and dataset.outputs:
        commonest = np.bincount(dataset.y_train).argmax()
        shape["commonest"] = repr(float(np.mean(dataset.y_test == commonest)))
    if dataset.validation_examples:
        shape["validation"] = OWN_VALIDATION
    return StudyRecord(
        study=study,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        sizes=part_sizes(study, dataset),
        classes=dataset.class_names if dataset.classes else (),  # targets are no classes
        versions={"stepladder": __version__, **installed, "engine": settings.engine_name, **shape},
        machine=settings.machine,
    )  # fmt: skip


def prepare(study: Study, settings: Settings) -> tuple[Dataset, StudyRecord]:
    """The dataset and the record of a study that can be trained here.

    Raises:
        InputError: if the study or its data will not do.
    """
    dataset = dataset_of(study)
    if study.trainer is None:
        check_possible(study, dataset, settings)
    elif problems := empty_comparisons(study):
        raise StudyError(problems)
    return dataset, record_of(study, dataset, settings)


def cached_epochs(plan: Plan, dataset: Dataset, settings: Settings, store: Store) -> dict[str, int]:
    """Epochs that missing trials need not train, by id: they resume from a shorter training."""
    if settings.endings is None or settings.is_user or not plan.missing:
        return {}
    waiting = make_groups(plan.trials, plan.missing, dataset, settings, store)
    return {trial.id: group.start_epoch for group in waiting if group.start_epoch
            for trial in group.trials}  # fmt: skip
