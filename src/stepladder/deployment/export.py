"""A model is chosen, rebuilt and saved."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepladder.data import Dataset, load
from stepladder.deployment.evaluation import Measured, measured
from stepladder.deployment.images import Framing, Levels, framing_of, levels_of
from stepladder.deployment.keras_process import Refused, built, opened
from stepladder.deployment.out_of_distribution import SubspaceMixture, distances, fitted
from stepladder.deployment.predict import Extras, with_extras
from stepladder.errors import DataError, InputError, OutputError, RunError, StoreError
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress
from stepladder.execution.scheduler import execute
from stepladder.files import atomic_write
from stepladder.hpo.plan import fresh_trials
from stepladder.runs import folder as folders
from stepladder.runs import preflight
from stepladder.runs.folder import finished_search, search_again
from stepladder.runs.phases import study_trials
from stepladder.runs.plan import RunContext, make_plan, run_context
from stepladder.statistics import Estimate, estimate
from stepladder.store import Store, StudyRecord, open_store
from stepladder.study.loading import ModelFile
from stepladder.study.recipe import Recipe
from stepladder.study.schema import did_you_mean
from stepladder.study.study import Study
from stepladder.training.messages import kept_final, weights_file
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


def chosen(folder: Path, record: StudyRecord, store: Store, arm: str | None) -> ExportSelection:
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
    question = run_context(record)
    file = finished_search(folder, record.study)
    winner = _winner(file) if file else None
    if winner is not None and arm in (None, WINNER):
        return _of_search(winner, question, store)
    if winner is None and record.study.search is not None and arm in (None, WINNER):
        _refuse_unfinished(folder, record.study, arm)
    by_arm = study_trials(question, store).compared
    names = [*([WINNER] if winner is not None else ()), *by_arm]
    if arm is None and len(by_arm) == 1:
        arm = next(iter(by_arm))
    if arm is None or arm not in by_arm:
        raise _no_such_arm(arm, names, record)
    every = tuple(trial for trials in by_arm.values() for trial in trials)
    stored = tuple(sorted(store.has(trial.id for trial in every)))
    return _chosen(arm, by_arm[arm], store, every, stored, is_open=True)


def _of_search(recipe: Recipe, question: RunContext, store: Store) -> ExportSelection:
    trials = tuple(fresh_trials(recipe, question))
    ids = tuple(trial.id for trial in trials)
    is_open = store.looked_at(question.fingerprint, ids)
    return _chosen(WINNER, trials, store, trials, ids, is_open=is_open)


def _winner(file: Path) -> Recipe:
    """The winner's recipe as a finished search has left it."""
    try:
        return Recipe(**json.loads(file.read_text("utf-8"))["best"]["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{file} must be what a search has left, found a file that cannot be read "
            f"({type(error).__name__}); run the search again, which trains nothing"
        ) from None


def _refuse_unfinished(folder: Path, study: Study, arm: str | None) -> None:
    """Refuses the winner of a search that is under way; a study of techniques has other arms.

    Raises:
        InputError: if nothing else can be meant.
    """
    if arm is None and study.techniques:
        return
    raise InputError(
        f"RUN must hold a search that is finished, found one without a winner yet, "
        f"{str(folder)!r}; `{search_again(folder, study)}` with the same --store goes on with it"
    )


def _no_such_arm(arm: str | None, names: Sequence[str], record: StudyRecord) -> InputError:
    listed = ", ".join(map(repr, names))
    found = "none" if arm is None else repr(arm)
    example = f"write --arm {names[-1]!r}, for example"
    advice = example if arm is None else did_you_mean(arm, names, example)
    return InputError(
        f"--arm must be one of {listed} of the study {record.study.name!r}, found {found}; {advice}"
    )


def _chosen(
    name: str,
    trials: Sequence[Trial],
    store: Store,
    planned: tuple[Trial, ...],
    shown: tuple[str, ...],
    *,
    is_open: bool,
) -> ExportSelection:
    results = list(store.results([trial.id for trial in trials], curves=False).values())
    whole = [each for each in results if each.diverged is None]
    if not whole:
        lost = f"{len(results)} that diverged" if results else "none"
        raise InputError(
            f"{name!r} must have a finished replicate to export, found {lost}; "
            + ("lower its learning rate" if results else "run the study first")
        )
    if any(not math.isfinite(each.validation.accuracy) for each in whole):
        raise StoreError(
            f"the replicates of {name!r} must have finite accuracies, found one without; check "
            "the store with stepladder store check"
        )
    # Of equals the one that was surer, and then the first.
    best = sorted(whole, key=lambda each: (-each.validation.accuracy, each.validation.loss,
                                           each.trial.replicate))  # fmt: skip
    return ExportSelection(
        name, trials[0].recipe, tuple(best), len(results) - len(whole), planned, shown, is_open
    )


@dataclass(frozen=True)
class FinalWeights:
    """What a trial ended with.

    Attributes:
        final: its weights and answers.
        is_kept: whether they were kept by the run; else they were trained again.
        differing: test images on which they are right and the stored trial wrong, or the other
            way round: 0 where they are the same weights.
    """

    final: FinalState
    is_kept: bool
    differing: int


@dataclass(frozen=True)
class Retraining:
    """All that training a stored trial again takes.

    Attributes:
        study: that it belongs to.
        dataset: what it was trained on.
        settings: of this machine, with the engine that trained it.
        planned: every trial of its study: they decide which share a program.
        progress: is told how it goes.
        code: of a network of the user's own, or None.
    """

    study: Study
    dataset: Dataset
    settings: Settings
    planned: Sequence[Trial]
    progress: Progress
    code: ModelFile | None = None


def finals_of(
    results: Sequence[TrialResult],
    folder: Path,
    retraining: Callable[[], Retraining],
    note: Callable[[str], object],
) -> list[FinalWeights]:
    """What stored trials ended with, in their order.

    Trained again are those whose weights no run has kept: from the same streams, in a program of
    the same lanes, so that on the machine and versions of the first training they come out bit
    for bit. Whether they did is seen by which test images they get right; those that did are kept
    where the study keeps weights.

    Args:
        results: of the trials, as the store has them.
        folder: of their run.
        retraining: gives what training again takes; called only then.
        note: is told, in a sentence, what was trained again and what came of it.

    Raises:
        InputError: if they must be trained again and cannot be here.
        RunError: if training failed, or diverged.
    """
    place = folder / folders.WEIGHTS_NAME
    found: dict[str, FinalState] = {}
    lacking = []
    for result in results:
        final, wrong = kept_final(place, result.trial.id)
        if wrong:
            note(f"the weights {weights_file(place, result.trial.id).name} are not used: {wrong}")
        if final is None:
            lacking.append(result)
        else:
            found[result.trial.id] = final
    kept = set(found)
    if lacking:
        note(_before(lacking))
        found |= _trained(lacking, retraining(), place)
    made = []
    for result in results:
        final = found[result.trial.id]
        made.append(FinalWeights(final, result.trial.id in kept, _differing(final, result)))
    for result, each in zip(results, made, strict=True):
        if not each.is_kept or each.differing:
            note(_after(result, each))
    return made


def _before(lacking: Sequence[TrialResult]) -> str:
    seconds = sum(each.seconds for each in lacking)
    what = ", ".join(str(each.trial.replicate) for each in lacking)
    return (
        f"no weights were kept of replicate{'s' if len(lacking) > 1 else ''} {what}: training "
        f"again, which took {seconds:.0f} s; with keep_weights = true in the study they are kept"
    )


def _after(result: TrialResult, found: FinalWeights) -> str:
    images = len(result.test_correct)
    what = f"replicate {result.trial.replicate}"
    if not found.differing:
        return f"{what} is the stored one: right and wrong on the same of {images:,} test images"
    how = "as kept" if found.is_kept else "trained again here"
    return (
        f"{what} {how} is not the stored one bit for bit: it differs on {found.differing:,} of "
        f"{images:,} test images. Another machine or other versions trained it; the card is about "
        "what is exported"
    )


def _differing(final: FinalState, result: TrialResult) -> int:
    correct = final.test_probabilities.argmax(axis=1) == final.test_labels
    return int(np.count_nonzero(correct != result.test_correct))


def _trained(lacking: Sequence[TrialResult], how: Retraining, kept: Path) -> dict[str, FinalState]:
    """What trials end with that are trained again, apart from the store that has them."""
    trials = [each.trial for each in lacking]
    if how.settings.engine_name != trials[0].engine:
        raise InputError(
            f"the replicate must be trained again by the engine that trained it, "
            f"{trials[0].engine!r}, found {how.settings.engine_name!r}; set KERAS_BACKEND="
            f"{trials[0].engine.partition('/')[2] or 'jax'}"
        )
    ids = {trial.id for trial in trials}
    with tempfile.TemporaryDirectory(prefix="stepladder-") as name:
        place = Path(name)
        with open_store(str(place / folders.STORE_NAME)) as scratch:
            part = make_plan(how.study, {"the exported replicates": trials}, None)
            how.progress.start(part.announcement(len(how.settings.cpus)))
            try:
                execute(
                    how.planned, trials, how.dataset, how.settings, how.progress, scratch,
                    None, how.code, part.arm_names, weights=place,
                )  # fmt: skip
            finally:
                how.progress.finish()
        finals = {each: kept_final(place, each)[0] for each in ids}
        if how.study.keep_weights:
            for each in lacking:
                _keep(place, finals[each.trial.id], each, kept)
    lost = [each.trial.replicate for each in lacking if finals[each.trial.id] is None]
    if lost:
        raise RunError(
            f"replicate {lost[0]} must train to its end as it did before, found that it diverged; "
            "train the study again on this machine with --out, and export that"
        )
    return {each: final for each, final in finals.items() if final is not None}


def _keep(place: Path, final: FinalState | None, result: TrialResult, kept: Path) -> None:
    """Keeps what a trial ended with that was trained again, if it is what the store is about."""
    if final is not None and not _differing(final, result):
        name = weights_file(place, result.trial.id)
        atomic_write(weights_file(kept, result.trial.id), name.read_bytes())


_MOST_DIFFERING = 0.001
"""Part of the test images on which the exported model may answer otherwise than the engine did:
float32 sums in another order tip what stands on the edge, and nothing else."""


@dataclass(frozen=True)
class Exported:
    """A model that was exported, and what is known of it.

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
        val_accuracy: over the arm's replicates.
        test_accuracy: likewise, or None where the test set is locked.
        own_val_accuracy: of this replicate; None for an ensemble, whose parts held out others.
        own_test_accuracy: of this model, or None where the test set is locked.
        looks: readings of this test set's figures that the store knows of.
        measured: calibration and robustness; None where no images were left to measure on.
        framing: how the images that it was trained on are framed, or None.
        levels: the values that they have; None for a table.
        false_alarms: part of the test images that are called unlike the training set.
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
        arm: name of the arm; see `chosen`.
        file: where the model goes.
        is_ensemble: whether all replicates become one model that averages their probabilities.
        settings: of this machine, with the engine that trained the study.
        environment: variables of the process that Keras runs in.
        progress: is told how it goes.
        allow_code: whether a model file that the study names may run.

    Raises:
        InputError: if there is nothing to export, or it cannot be exported.
        RunError: if training again failed, or the model does not answer as the engine did.
    """
    check_target(file)
    found = chosen(folder, record, store, arm)
    preflight.check_code_allowed(record.study, allow_code)
    dataset = load(record.study.dataset)
    if dataset.fingerprint != record.fingerprint:
        raise DataError(
            f"the dataset must be the one that the study was run on, {record.fingerprint[:12]}…, "
            f"found {dataset.fingerprint[:12]}…; put the old file back"
        )
    if is_ensemble and len(found.replicates) < 2:
        raise InputError(
            f"--ensemble must have two replicates or more, found 1 of {found.name!r}; leave it "
            "out, or run the study with more replicates"
        )
    used = found.replicates if is_ensemble else found.replicates[:1]
    finals = finals_of(
        used, folder,
        lambda: Retraining(record.study, dataset, settings, found.planned, progress,
                           record.study.model),
        progress.note,
    )  # fmt: skip
    return _made(found, finals, dataset, record, store, file, environment, progress.note)


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


def _made(
    found: ExportSelection,
    finals: Sequence[FinalWeights],
    dataset: Dataset,
    record: StudyRecord,
    store: Store,
    file: Path,
    environment: Mapping[str, str],
    note: Callable[[str], object],
) -> Exported:
    is_ensemble = len(finals) > 1
    used = found.replicates[: len(finals)]
    members = [
        (f"replicate_{result.trial.replicate}", result.trial.recipe, each.final)
        for result, each in zip(used, finals, strict=True)
    ]
    familiar = _familiar(dataset, finals[0])
    framing, levels = framing_of(dataset.x_train), levels_of(dataset.x_train)
    extras = Extras(dataset.class_names, framing, levels, familiar)
    with tempfile.TemporaryDirectory(prefix="stepladder-") as name:
        draft = Path(name) / "model.keras"
        try:
            built(members, dataset, draft, environment, record.study.model)  # fmt: skip
            draft.write_bytes(with_extras(draft.read_bytes(), extras))
            with opened(draft, environment) as model:
                answers = model.probabilities(dataset.x_test)
                differing, largest = _compared(answers, finals)
                own = float((answers.argmax(axis=1) == dataset.y_test).mean())
                part = _part(found, finals, dataset)
                tried = None if part is None else measured(model.probabilities, *part, note)
        except Refused as error:
            raise InputError(
                "the model must be one that Keras alone builds, saves and loads in its safe mode, "
                f"found: {error}; build it of Keras' own layers"
            ) from None
        atomic_write(file, draft.read_bytes())
    looks = _looks(found, record, store, is_ensemble)
    return Exported(
        file=file,
        record=record,
        arm=found.name,
        recipe=found.recipe,
        parameters=used[0].parameters,
        replicates=tuple(result.trial.replicate for result in used),
        of=len(found.replicates),
        diverged=found.diverged,
        is_ensemble=is_ensemble,
        is_kept=all(each.is_kept for each in finals),
        differ_from_stored=sum(each.differing for each in finals),
        differing=differing,
        largest_difference=largest,
        val_accuracy=estimate([each.validation.accuracy for each in found.replicates]),
        test_accuracy=estimate([each.test.accuracy for each in found.replicates])
        if found.is_open
        else None,
        own_val_accuracy=None if is_ensemble else used[0].validation.accuracy,
        own_test_accuracy=own if found.is_open else None,
        looks=looks,
        measured=tried,
        framing=framing,
        levels=levels,
        false_alarms=_alarms(familiar, dataset),
    )


def _familiar(dataset: Dataset, first: FinalWeights) -> SubspaceMixture:
    """What the training set is like."""
    held_out = first.final.validation_rows
    trained = np.setdiff1d(np.arange(len(dataset.y_train)), held_out)
    return fitted(dataset.x_train[trained], dataset.y_train[trained], dataset.x_train[held_out])


def _alarms(familiar: SubspaceMixture, dataset: Dataset) -> float:
    return float((distances(familiar, dataset.x_test) > familiar.threshold).mean())


def _compared(answers: np.ndarray, finals: Sequence[FinalWeights]) -> tuple[int, float]:
    """Test images answered otherwise than by the engine, and the largest difference.

    Raises:
        RunError: if they are more than rounding explains.
    """
    wanted = np.mean([each.final.test_probabilities for each in finals], axis=0)
    differing = int(np.count_nonzero(answers.argmax(axis=1) != wanted.argmax(axis=1)))
    largest = float(np.abs(answers - wanted).max())
    if not np.isfinite(largest) or differing > max(1, _MOST_DIFFERING * len(answers)):
        raise RunError(
            f"the exported model must answer as the engine that trained it, found that it differs "
            f"on {differing:,} of {len(answers):,} test images, by up to {largest:.2g}; nothing "
            "was written. Keras or JAX may have changed since the training: train it again"
        )
    return differing, largest


def _part(
    found: ExportSelection, finals: Sequence[FinalWeights], dataset: Dataset
) -> tuple[str, np.ndarray, np.ndarray] | None:
    """What a model is measured on: images that none of its networks was trained on."""
    if len(finals) == 1:
        rows = finals[0].final.validation_rows
        return "validation", dataset.x_train[rows], dataset.y_train[rows]
    return ("test", dataset.x_test, dataset.y_test) if found.is_open else None


def _looks(found: ExportSelection, record: StudyRecord, store: Store, is_ensemble: bool) -> int:
    """Logs what the card shows of the test set; how many looks there were."""
    study, fingerprint = record.study.name, record.fingerprint
    if not found.is_open:
        return len(store.looks(fingerprint))
    looks = store.look(study, fingerprint, found.shown, "export")
    if is_ensemble:  # its figures are new, whatever was shown of its parts
        ids = [result.trial.id for result in found.replicates]
        looks = store.look(study, fingerprint, [*ids, "ensemble"], "export --ensemble")
    return looks
