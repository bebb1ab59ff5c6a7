"""What the trials of a population end with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from stepladder.records import Final, TrialResult
from stepladder.train.structure import evaluated_at_once
from stepladder.train.training import Indices, Training

__all__ = ["with_final"]


def with_final(training: Training, results: Sequence[TrialResult]) -> list[TrialResult]:
    """Results with what each lane ended with; a diverged one has nothing.

    Args:
        training: as it ended.
        results: one a lane.
    """
    validation, test = training.parts.validation, training.test
    answers = [_probabilities(training, part) for part in (validation, test)]
    trainable, statistics = (
        [np.asarray(leaf) for leaf in part]
        for part in (training.weights.trainable, training.weights.statistics)
    )

    def final(lane: int) -> Final:
        return Final(
            trainable=tuple(leaf[lane] for leaf in trainable),
            statistics=tuple(leaf[lane] for leaf in statistics),
            scale=np.asarray(training.data.scale),
            shift=np.asarray(training.data.shift),
            validation_rows=validation,
            validation_labels=training.labels[validation],
            validation_probabilities=answers[0][lane],
            test_labels=training.labels[test],
            test_probabilities=answers[1][lane],
        )

    return [
        result if result.diverged else replace(result, final=final(lane))
        for lane, result in enumerate(results)
    ]


def _probabilities(training: Training, part: Indices) -> npt.NDArray[np.float32]:
    """What the lanes answer to a part: float32 (lanes, examples, classes)."""
    given = []
    for start in range(0, len(part), evaluated_at_once(training.key.structure)):
        index, length = training.stretch(part, start)
        answers = training.program.answer(training.weights, training.data, jnp.asarray(index))
        given.append(np.asarray(answers)[:, :length])
    return np.concatenate(given, axis=1)
