"""What a trial that `keras.Model.fit` has trained ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from stepladder.records import Final
from stepladder.train.seeds import seed_states

__all__ = ["final_of"]


def final_of(
    model: Any,  # noqa: ANN401 - Keras has no types
    named: Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]],
    held_out: npt.NDArray[np.int32],
    scale: npt.NDArray[np.float32],
    shift: npt.NDArray[np.float32],
    at_once: int,
) -> Final:
    """What a trained model ended with.

    Args:
        model: the `keras.Model`.
        named: scaled inputs and classes of the parts "validation" and "test".
        held_out: rows of the validation part.
        scale: what inputs were multiplied by.
        shift: what was added to them.
        at_once: examples of one evaluation call.
    """
    seeds = {id(state) for state in seed_states(model)}
    statistics = [each for each in model.non_trainable_variables if id(each) not in seeds]
    return Final(
        trainable=_values(model.trainable_variables),
        statistics=_values(statistics),
        scale=scale.reshape(-1) if scale.ndim else scale,
        shift=shift.reshape(-1) if shift.ndim else shift,
        validation_rows=held_out,
        validation_labels=named["validation"][1],
        validation_probabilities=_probabilities(model, named["validation"][0], at_once),
        test_labels=named["test"][1],
        test_probabilities=_probabilities(model, named["test"][0], at_once),
    )


def _values(variables: list[Any]) -> tuple[npt.NDArray[np.float32], ...]:
    return tuple(
        np.array(keras.ops.convert_to_numpy(variable.value), np.float32) for variable in variables
    )


def _probabilities(
    model: Any,  # noqa: ANN401 - Keras has no types
    x: npt.NDArray[np.float32],
    at_once: int,
) -> npt.NDArray[np.float32]:
    """What a model answers: (examples, classes)."""
    logits = model.predict(x, batch_size=at_once, verbose=0)
    return np.asarray(softmax(logits.astype(np.float64), axis=1), np.float32)
