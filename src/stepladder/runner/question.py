"""What decides a study's trials."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.study import Study

__all__ = ["Question"]


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
