"""What decides a study's trials, and what its store keeps of that."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.data import Dataset
from stepladder.runner.settings import Settings
from stepladder.store import StudyRecord
from stepladder.study import Study
from stepladder.version import __version__, version_of

__all__ = ["Question", "question_of", "record_of"]


@dataclass(frozen=True)
class Question:
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


def question_of(record: StudyRecord, engine: str | None = None) -> Question:
    """What decides the trials of a stored study.

    Args:
        record: the study and its dataset.
        engine: as trials record it; the one that the study was run with when None.
    """
    used = engine or record.versions.get("engine", "population")
    validation, classes = record.sizes["validation"], len(record.classes)
    return Question(record.study, record.fingerprint, validation, used, classes)


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
