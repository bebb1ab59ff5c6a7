"""What decides a study's trials."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.store import StudyRecord
from stepladder.study import Study

__all__ = ["Question", "question_of"]


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
