"""Exporting: one model file of a replicate or an ensemble, and what its card says."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepladder.analysis import Estimate, estimate
from stepladder.analysis.familiar import Familiar, distances, fitted
from stepladder.data import Dataset, load
from stepladder.data.framing import Framing, framing_of
from stepladder.data.pictures import Levels, levels_of
from stepladder.errors import DataError, InputError, OutputError, RunError
from stepladder.exporter.chosen import Chosen, chosen
from stepladder.exporter.extras import Extras, with_extras
from stepladder.exporter.finals import Found, Retraining, finals_of
from stepladder.exporter.measured import Measured, measured
from stepladder.exporter.process import Refused, built, opened
from stepladder.files import write_whole
from stepladder.recipe import Recipe
from stepladder.runner import own_model
from stepladder.runner.progress import Progress
from stepladder.runner.settings import Settings
from stepladder.store import Store, StudyRecord

__all__ = ["Exported", "export_model"]

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
    own_model.allow(record.study, allow_code)
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
    found: Chosen,
    finals: Sequence[Found],
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
        write_whole(file, draft.read_bytes())
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


def _familiar(dataset: Dataset, first: Found) -> Familiar:
    """What the training set is like."""
    held_out = first.final.validation_rows
    trained = np.setdiff1d(np.arange(len(dataset.y_train)), held_out)
    return fitted(dataset.x_train[trained], dataset.y_train[trained], dataset.x_train[held_out])


def _alarms(familiar: Familiar, dataset: Dataset) -> float:
    return float((distances(familiar, dataset.x_test) > familiar.threshold).mean())


def _compared(answers: np.ndarray, finals: Sequence[Found]) -> tuple[int, float]:
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
    found: Chosen, finals: Sequence[Found], dataset: Dataset
) -> tuple[str, np.ndarray, np.ndarray] | None:
    """What a model is measured on: images that none of its networks was trained on."""
    if len(finals) == 1:
        rows = finals[0].final.validation_rows
        return "validation", dataset.x_train[rows], dataset.y_train[rows]
    return ("test", dataset.x_test, dataset.y_test) if found.is_open else None


def _looks(found: Chosen, record: StudyRecord, store: Store, is_ensemble: bool) -> int:
    """Logs what the card shows of the test set; how many looks there were."""
    study, fingerprint = record.study.name, record.fingerprint
    if not found.is_open:
        return len(store.looks(fingerprint))
    looks = store.look(study, fingerprint, found.shown, "export")
    if is_ensemble:  # its figures are new, whatever was shown of its parts
        ids = [result.trial.id for result in found.replicates]
        looks = store.look(study, fingerprint, [*ids, "ensemble"], "export --ensemble")
    return looks
