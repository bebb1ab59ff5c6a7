"""Chooses trained replicates, builds their model again and saves it."""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepladder.data import Dataset
from stepladder.deployment.evaluation import Measured, evaluate
from stepladder.deployment.images import Framing, Levels, framing_of, levels_of
from stepladder.deployment.keras_process import ModelRefused, build_model, open_model
from stepladder.deployment.out_of_distribution import distances, fit_subspaces
from stepladder.deployment.predict import Extras, with_extras
from stepladder.errors import DataError, InputError, OutputError, RunError, StoreError
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress
from stepladder.execution.scheduler import execute
from stepladder.files import atomic_write, load_json
from stepladder.hpo.plan import fresh_trials
from stepladder.runs import folder as folders
from stepladder.runs import preflight
from stepladder.runs.folder import finished_search, search_again
from stepladder.runs.ledger import count_looks, log_look
from stepladder.runs.measures import scope_of
from stepladder.runs.phases import study_trials
from stepladder.runs.plan import dataset_of, make_plan, run_context
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Estimate
from stepladder.store import Store, StudyRecord, open_store
from stepladder.study.metrics import METRICS, Metric
from stepladder.study.recipe import Recipe
from stepladder.study.schema import did_you_mean
from stepladder.study.scoring import Task
from stepladder.study.study import Study
from stepladder.training.final_weights import kept_final, weights_file
from stepladder.trials.trial import FinalState, Trial, TrialResult

WINNER = "winner"
"""Name of a search's best candidate, where an arm's would stand."""


@dataclass(frozen=True)
class ExportSelection:
    """The trials of what is exported.

    Attributes:
        name: of the arm.
        recipe: of all of its replicates.
        replicates: those that are stored and did not diverge, the best by validation first.
        diverged: how many diverged.
        planned: every trial of the study that trains together with them.
        shown: ids of the trials whose test figures the study shows together.
        is_open: whether the test figures of these trials may be shown: a search's winner's are
            locked until somebody has looked at them.
    """

    name: str
    recipe: Recipe
    replicates: tuple[TrialResult, ...]
    diverged: int
    planned: tuple[Trial, ...]
    shown: tuple[str, ...]
    is_open: bool


def select_replicates(
    folder: Path, record: StudyRecord, store: Store, arm: str | None
) -> ExportSelection:
    """The trials of an arm, or of the winner of a search.

    Args:
        folder: of the run.
        record: its study.
        store: where its trials are.
        arm: name of the arm; the winner of a search when None, or the only arm of a run.

    Raises:
        InputError: if there is no such arm, or no replicate of it that did not diverge.
        StoreError: if the store cannot be read.
    """
    context = run_context(record)
    search_file = finished_search(folder, record.study)
    if arm in (None, WINNER):
        if search_file is not None:
            trials = tuple(fresh_trials(_winner(search_file), context))
            ids = tuple(trial.id for trial in trials)
            is_open = store.looked_at(context.fingerprint, ids)
            return _selection(WINNER, trials, store, trials, ids, record.study, is_open=is_open)
        # A study of techniques has other arms that may be meant.
        if record.study.search is not None and (arm or not record.study.techniques):
            raise InputError(
                f"RUN must hold a search that is finished, found one without a winner yet, "
                f"{str(folder)!r}; `{search_again(folder, record.study)}` with the same --store "
                "resumes it"
            )
    by_arm = study_trials(context, store).compared
    if arm is None and len(by_arm) == 1:
        arm = next(iter(by_arm))
    if arm is None or arm not in by_arm:
        raise _no_such_arm(arm, [*([WINNER] if search_file else ()), *by_arm], record)
    planned = tuple(trial for trials in by_arm.values() for trial in trials)
    stored = tuple(sorted(store.has(trial.id for trial in planned)))
    return _selection(arm, by_arm[arm], store, planned, stored, record.study, is_open=True)


def _winner(file: Path) -> Recipe:
    """The winner's recipe as a finished search has left it."""
    try:
        return Recipe(**load_json(file)["best"]["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{file} must be what a search has left, found a file that cannot be read "
            f"({type(error).__name__}); run the search again, which trains nothing"
        ) from None


def _no_such_arm(arm: str | None, names: Sequence[str], record: StudyRecord) -> InputError:
    found = "none" if arm is None else repr(arm)
    example = f"write --arm {names[-1]!r}, for example"
    advice = example if arm is None else did_you_mean(arm, names, example)
    return InputError(
        f"--arm must be one of {', '.join(map(repr, names))} of the study {record.study.name!r}, "
        f"found {found}; {advice}"
    )


def _selection(
    name: str,
    trials: Sequence[Trial],
    store: Store,
    planned: tuple[Trial, ...],
    shown: tuple[str, ...],
    study: Study,
    *,
    is_open: bool,
) -> ExportSelection:
    results = list(store.results([trial.id for trial in trials], curves=False).values())
    finished = [result for result in results if result.diverged is None]
    if not finished:
        found = f"{len(results)} that diverged" if results else "none"
        raise InputError(
            f"{name!r} must have a finished replicate to export, found {found}; "
            + ("lower its learning rate" if results else "run the study first")
        )
    metric = metric_of(study)
    if any(not math.isfinite(result.score("validation", metric.name)) for result in finished):
        scores = "accuracies" if metric.name == "accuracy" else f"figures of {metric.name}"
        raise StoreError(
            f"the replicates of {name!r} must have finite {scores}, found one without; check "
            "the store with stepladder store check"
        )
    # Of equals the one that was surer, and then the first.
    best = sorted(finished, key=lambda result: (-metric.sign
                                                * result.score("validation", metric.name),
                                                result.validation.loss,
                                                result.trial.replicate))  # fmt: skip
    diverged = len(results) - len(finished)
    return ExportSelection(name, trials[0].recipe, tuple(best), diverged, planned, shown, is_open)


def metric_of(study: Study) -> Metric:
    """By what replicates are chosen, and what a card tells: of classes the accuracy."""
    return METRICS["accuracy"] if study.task == "classification" else study.judged


@dataclass(frozen=True)
class FinalWeights:
    """The final state of a trial.

    Attributes:
        final: its weights and answers.
        is_kept: whether the run had kept them; else they were trained again.
        differing: test images on which they are right and the stored trial wrong, or the other
            way round: 0 where they are the same weights.
    """

    final: FinalState
    is_kept: bool
    differing: int


def final_weights(
    results: Sequence[TrialResult],
    folder: Path,
    train_again: Callable[[Sequence[TrialResult]], Mapping[str, FinalState]],
    note: Callable[[str], object],
    noun: str = "image",
) -> list[FinalWeights]:
    """The final weights of stored trials, in their order.

    Trained again are those whose weights no run has kept: from the same streams, in a program of
    the same lanes, so that on the machine and versions of the first training they are the same bit
    for bit. Which test images they get right shows whether they are.

    Args:
        results: of the trials, as the store has them.
        folder: of kept weights.
        train_again: gives final states by the id of the trial.
        note: receives sentences on what is trained again and what that gave.
        noun: what one example is called.

    Raises:
        InputError: if they must be trained again and cannot be here.
        RunError: if training failed, or diverged.
    """
    finals: dict[str, FinalState] = {}
    missing = []
    for result in results:
        final, problem = kept_final(folder, result.trial.id)
        if problem:
            file = weights_file(folder, result.trial.id)
            note(f"the weights {file.name} are not used: {problem}")
        if final is None:
            missing.append(result)
        else:
            finals[result.trial.id] = final
    kept = set(finals)
    if missing:
        numbers = ", ".join(str(result.trial.replicate) for result in missing)
        note(
            f"no weights were kept of replicate{'s' if len(missing) > 1 else ''} {numbers}: "
            f"training again, which took {sum(result.seconds for result in missing):.0f} s; with "
            "keep_weights = true in the study they are kept"
        )
        finals |= train_again(missing)
    weights = []
    for result in results:
        final, is_kept = finals[result.trial.id], result.trial.id in kept
        differing = _count_differing(final, result)
        weights.append(FinalWeights(final, is_kept, differing))
        if differing or not is_kept:
            note(_comparison(result, differing, noun, is_kept=is_kept))
    return weights


def _comparison(result: TrialResult, differing: int, noun: str, *, is_kept: bool) -> str:
    count, name = result.test_examples, f"replicate {result.trial.replicate}"
    if not differing:
        same = (
            "right and wrong on the same of" if result.test_values is None else "equal answers to"
        )
        return f"{name} is the stored one: {same} {count:,} test {noun}s"
    return (
        f"{name} {'as kept' if is_kept else 'trained again here'} is not the stored one bit for "
        f"bit: it differs on {differing:,} of {count:,} test {noun}s. Another machine or other "
        "versions trained it; the card is about what is exported"
    )


def _count_differing(final: FinalState, result: TrialResult) -> int:
    if result.test_values is not None:
        return _count_apart(final.test_probabilities, result.test_values)
    correct = final.test_probabilities.argmax(axis=1) == final.test_labels
    return int(np.count_nonzero(correct != result.test_correct))


def _count_apart(values: np.ndarray, others: np.ndarray) -> int:
    """How many examples have values or probabilities that differ by more than rounding."""
    sizes = np.maximum(others.std(axis=0), np.finfo(np.float32).tiny)
    return int(np.count_nonzero((np.abs(values - others) > _ROUNDING * sizes).any(axis=1)))


_ROUNDING = 1e-3
"""Share of the deviation of a target, or of a label's probabilities, that float32 may leave."""


def _train_again(
    results: Sequence[TrialResult], study: Study, dataset: Dataset, settings: Settings,
    planned: Sequence[Trial], progress: Progress, weights: Path,
) -> Mapping[str, FinalState]:  # fmt: skip
    """Trains trials that are stored, with a store of their own.

    Those that come out as the store has them are kept where the study keeps weights. All `planned`
    trials of the study decide which share a program.
    """
    trials = [result.trial for result in results]
    if settings.engine_name != trials[0].engine:
        raise InputError(
            f"the replicate must be trained again by the engine that trained it, "
            f"{trials[0].engine!r}, found {settings.engine_name!r}; set KERAS_BACKEND="
            f"{trials[0].engine.partition('/')[2] or 'jax'}"
        )
    with tempfile.TemporaryDirectory(prefix="stepladder-") as name:
        place = Path(name)
        with open_store(str(place / folders.STORE_NAME)) as scratch:
            plan = make_plan(study, {"the exported replicates": trials}, None)
            progress.start(plan.announcement(len(settings.cpus)))
            try:
                execute(planned, trials, dataset, settings, progress, scratch, None,
                        study.model_files, plan.arm_names, weights=place)  # fmt: skip
            finally:
                progress.finish()
        finals = {}
        for result in results:
            final, _ = kept_final(place, result.trial.id)
            if final is None:
                raise RunError(
                    f"replicate {result.trial.replicate} must train to its end as it did before, "
                    "found that it diverged; train the study again on this machine with --out, "
                    "and export that"
                )
            finals[result.trial.id] = final
            if study.keep_weights:
                _keep(place, final, result, weights)
    return finals


def _keep(place: Path, final: FinalState, result: TrialResult, weights: Path) -> None:
    """Keeps the weights of a trial that was trained again, if they are those of the stored one."""
    if not _count_differing(final, result):
        file = weights_file(place, result.trial.id)
        atomic_write(weights_file(weights, result.trial.id), file.read_bytes())


_MOST_DIFFERING = 0.001
"""Part of the test images on which the exported model may answer otherwise than the engine did:
float32 sums in another order tip what stands on the edge, and nothing else."""


@dataclass(frozen=True)
class Exported:
    """A model that was exported, and the facts on its card.

    Example:
        >>> import stepladder
        >>> model = stepladder.export("runs/mnist", "model.keras")  # doctest: +SKIP
        >>> model.own_test_accuracy, model.test_accuracy.mean  # doctest: +SKIP
        (0.9823, 0.9817)

    Attributes:
        file: the model.
        record: its study, with dataset and versions.
        arm: name of the arm, or `winner`.
        recipe: that it was trained by.
        parameters: trainable numbers of one network of it.
        replicates: numbers of the replicates that it is made of.
        of: finished replicates that it was chosen among.
        diverged: replicates that diverged.
        is_ensemble: whether it averages probabilities.
        is_kept: whether the run had kept all of its weights.
        differ_from_stored: test images on which these weights are right and the stored trials
            wrong, or the other way round.
        differing: test images that it answers otherwise than the engine that trained it.
        largest_difference: of any probability on them.
        val_accuracy: over the arm's replicates; of a regression, or of several labels, the judged
            metric, as in the next ones.
        test_accuracy: likewise, or None where the test set is locked.
        own_val_accuracy: of this replicate; None for an ensemble, whose parts held out others.
        own_test_accuracy: of this model, or None where the test set is locked.
        looks: readings of this test set's figures that the store knows of.
        measured: calibration and robustness; None where no images were left to measure on.
        framing: how the images that it was trained on are framed, or None.
        levels: the range of their values; None for a table.
        false_alarms: part of the test images that are called unlike the training set.
        pictures: whether the images were files, as pictures that it is asked about are.
    """

    file: Path
    record: StudyRecord
    arm: str
    recipe: Recipe
    parameters: int
    replicates: tuple[int, ...]
    of: int
    diverged: int
    is_ensemble: bool
    is_kept: bool
    differ_from_stored: int
    differing: int
    largest_difference: float
    val_accuracy: Estimate
    test_accuracy: Estimate | None
    own_val_accuracy: float | None
    own_test_accuracy: float | None
    looks: int
    measured: Measured | None
    framing: Framing | None
    levels: Levels | None
    false_alarms: float
    pictures: bool = False


def export_model(
    folder: Path,
    record: StudyRecord,
    store: Store,
    arm: str | None,
    file: Path,
    *,
    is_ensemble: bool,
    settings: Settings,
    environment: Mapping[str, str],
    progress: Progress,
    allow_code: bool = False,
) -> Exported:
    """Exports an arm's best replicate by validation accuracy, or all of them as one model.

    Args:
        folder: of the run.
        record: its study.
        store: where its trials are.
        arm: name of the arm; see `select_replicates`.
        file: where the model goes.
        is_ensemble: whether all replicates become one model that averages their probabilities.
        settings: of this machine, with the engine that trained the study.
        environment: variables of the process that Keras runs in.
        progress: receives what happens.
        allow_code: whether a model file that the study names may run.

    Raises:
        InputError: if there is nothing to export, or it cannot be exported.
        RunError: if training again failed, or the model does not answer as the engine did.
    """
    check_target(file)
    if record.study.trainer is not None:
        raise InputError(
            "RUN must be of networks that stepladder trained, found that "
            f"{record.study.trainer.name} trained them; let it save its model itself"
        )
    selection = select_replicates(folder, record, store, arm)
    preflight.check_code_allowed(record.study, allow_code)
    dataset = dataset_of(record.study)
    if dataset.fingerprint != record.fingerprint:
        raise DataError(
            f"the dataset must be the one that the study was run on, {record.fingerprint[:12]}…, "
            f"found {dataset.fingerprint[:12]}…; put the old file back"
        )
    if is_ensemble and dataset.folds is not None:
        raise InputError(
            "--ensemble must be of networks that no test example has trained, found k-fold, where "
            "each example tests one network and trains the others; leave it out"
        )
    if is_ensemble and len(selection.replicates) < 2:
        raise InputError(
            f"--ensemble must have two replicates or more, found 1 of {selection.name!r}; leave it "
            "out, or run the study with more replicates"
        )
    weights = folder / folders.WEIGHTS_NAME
    finals = final_weights(
        selection.replicates if is_ensemble else selection.replicates[:1], weights,
        lambda missing: _train_again(missing, record.study, dataset, settings, selection.planned,
                                     progress, weights),
        progress.note, record.noun,
    )  # fmt: skip
    view = dataset.view(selection.replicates[0].trial.replicate)
    return _export(selection, finals, view, record, store, file, environment, progress.note)


def check_target(file: Path) -> None:
    """Makes sure that a model can be written to a file.

    Raises:
        OutputError: if its name does not end in .keras, or it is a folder.
    """
    if file.suffix != ".keras" or file.is_dir():
        what = "a folder" if file.is_dir() else f"{str(file)!r}"
        raise OutputError(
            f"--to must be a file whose name ends in .keras, found {what}; write --to model.keras"
        )


def _export(
    selection: ExportSelection,
    finals: Sequence[FinalWeights],
    dataset: Dataset,
    record: StudyRecord,
    store: Store,
    file: Path,
    environment: Mapping[str, str],
    note: Callable[[str], object],
) -> Exported:
    is_ensemble, used = len(finals) > 1, selection.replicates[: len(finals)]
    members = [
        (f"replicate_{result.trial.replicate}", result.trial.recipe, weights.final)
        for result, weights in zip(used, finals, strict=True)
    ]
    held_out = finals[0].final.validation_rows
    trained = np.setdiff1d(np.arange(len(dataset.y_train)), held_out)
    is_classes = dataset.task == "classification"
    kinds = dataset.y_train if is_classes else np.zeros(len(dataset.y_train), np.int32)
    familiar = fit_subspaces(dataset.x_train[trained], kinds[trained], dataset.x_train[held_out])
    levels = levels_of(dataset.x_train)
    # Files of pictures are prepared as those of the training set were, whatever is drawn on them.
    framing = None if dataset.pictures else framing_of(dataset.x_train)
    pictures = dataset.input_shape if dataset.pictures else None
    extras = Extras(dataset.class_names, framing, levels, familiar, dataset.task, pictures)
    metric = metric_of(record.study)
    evaluation = None
    with tempfile.TemporaryDirectory(prefix="stepladder-") as name:
        draft = Path(name) / "model.keras"
        try:
            build_model(members, dataset, draft, environment, record.study.model_files)
            draft.write_bytes(with_extras(draft.read_bytes(), extras))
            with open_model(draft, environment) as model:
                answers = model.probabilities(dataset.x_test)
                differing, largest = _compare(answers, finals, dataset.task)
                own = _score(metric, dataset, answers)
                # It is measured on images that none of its networks was trained on.
                if not is_classes:
                    pass
                elif not is_ensemble:
                    evaluation = evaluate(model.probabilities, "validation",
                                          dataset.x_train[held_out], dataset.y_train[held_out],
                                          note, record.noun)  # fmt: skip
                elif selection.is_open:
                    evaluation = evaluate(model.probabilities, "test", dataset.x_test,
                                          dataset.y_test, note, record.noun)  # fmt: skip
        except ModelRefused as error:
            raise InputError(
                "the model must be one that Keras alone builds, saves and loads in its safe mode, "
                f"found: {error}; build it of Keras' own layers"
            ) from None
        atomic_write(file, draft.read_bytes())
    validation, test = (
        [result.score(part, metric.name) for result in selection.replicates]
        for part in ("validation", "test")
    )
    validation_scope, test_scope = (
        scope_of(part, record.study, record) for part in ("validation", "test")
    )
    unlike = distances(familiar, dataset.x_test) > familiar.threshold
    return Exported(
        file=file,
        record=record,
        arm=selection.name,
        recipe=selection.recipe,
        parameters=used[0].parameters,
        replicates=tuple(result.trial.replicate for result in used),
        of=len(selection.replicates),
        diverged=selection.diverged,
        is_ensemble=is_ensemble,
        is_kept=all(weights.is_kept for weights in finals),
        differ_from_stored=sum(weights.differing for weights in finals),
        differing=differing,
        largest_difference=largest,
        val_accuracy=estimate(
            validation, metric=metric, overlap=validation_scope[0], speaks_for=validation_scope[1]
        ),
        test_accuracy=estimate(test, metric=metric, overlap=test_scope[0], speaks_for=test_scope[1])
        if selection.is_open
        else None,
        own_val_accuracy=None if is_ensemble else validation[0],
        own_test_accuracy=own if selection.is_open else None,
        looks=_log_look(selection, record, store, is_ensemble=is_ensemble),
        measured=evaluation,
        framing=framing,
        levels=levels,
        false_alarms=float(unlike.mean()),
        pictures=dataset.pictures,
    )


def _score(metric: Metric, dataset: Dataset, answers: np.ndarray) -> float:
    """The metric of a model's answers on the test part."""
    if dataset.task == "classification":
        return float((answers.argmax(axis=1) == dataset.y_test).mean())
    assert metric.score is not None  # such a study can judge only what is computed
    given = (answers > 0.5).astype(np.int32) if metric.needs == "labels" else answers
    return float(metric.score(dataset.y_test, given))


def _compare(answers: np.ndarray, finals: Sequence[FinalWeights], task: Task) -> tuple[int, float]:
    """Test images answered otherwise than by the engine, and the largest difference.

    Raises:
        RunError: if they are more than rounding explains.
    """
    wanted = np.mean([weights.final.test_probabilities for weights in finals], axis=0)
    differing = _count_apart(answers, wanted)
    if task == "classification":
        differing = int(np.count_nonzero(answers.argmax(axis=1) != wanted.argmax(axis=1)))
    largest = float(np.abs(answers - wanted).max())
    if not np.isfinite(largest) or differing > max(1, _MOST_DIFFERING * len(answers)):
        raise RunError(
            f"the exported model must answer as the engine that trained it, found that it differs "
            f"on {differing:,} of {len(answers):,} test examples, by up to {largest:.2g}; nothing "
            "was written. Keras or JAX may have changed since the training: train it again"
        )
    return differing, largest


def _log_look(
    selection: ExportSelection, record: StudyRecord, store: Store, *, is_ensemble: bool
) -> int:
    """Logs what the card shows of the test set, and counts the looks at it."""
    study, fingerprint = record.study.name, record.fingerprint
    if not selection.is_open:
        return count_looks(store, fingerprint)[0]
    looks, _ = log_look(store, study, fingerprint, selection.shown, "export")
    if is_ensemble:  # its figures are new, whatever was shown of its parts
        ids = [result.trial.id for result in selection.replicates]
        looks, _ = log_look(store, study, fingerprint, [*ids, "ensemble"], "export --ensemble")
    return looks
