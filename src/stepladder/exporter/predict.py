"""Predicting: what a model file answers to pictures and arrays, and whether it knows their like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepladder.analysis.familiar import Familiar, distances
from stepladder.data.framing import Framing
from stepladder.data.pictures import Levels
from stepladder.errors import InputError
from stepladder.exporter.extras import Extras, read_extras
from stepladder.exporter.inputs import Input, inputs_of, read_source
from stepladder.exporter.process import ModelProcess, Refused, opened

__all__ = ["Prediction", "Predictions", "predict_files"]


@dataclass(frozen=True)
class Prediction:
    """What a model answers to one input.

    Attributes:
        given: the input as the model got it.
        answer: name of the class of the largest probability.
        probabilities: of each class, by its number.
        is_familiar: whether it looks like the training set; None where that is not known.
        distance: from the training set, see `analysis.familiar`; None where that is not known.
    """

    given: Input
    answer: str
    probabilities: tuple[float, ...]
    is_familiar: bool | None
    distance: float | None

    @property
    def probability(self) -> float:
        """The largest one."""
        return max(self.probabilities)


@dataclass(frozen=True)
class Predictions:
    """What a model answers to all that it was given.

    Attributes:
        model: its file.
        classes: their names, in the order of their numbers.
        threshold: distance beyond which an input is unlike the training set, or None.
        images: one an input, in their order.
    """

    model: Path
    classes: tuple[str, ...]
    threshold: float | None
    images: tuple[Prediction, ...]


def predict_files(
    model: Path,
    sources: Sequence[Path],
    environment: Mapping[str, str],
    *,
    as_it_is: bool = False,
) -> Predictions:
    """What a model answers to pictures and arrays.

    Args:
        model: a `.keras` file, of `stepladder export` or any that gives probabilities.
        sources: the files.
        environment: variables of the process that Keras runs in.
        as_it_is: whether pictures are only resized, not framed.

    Raises:
        InputError: if the model or a file cannot be read, or they do not fit each other.
    """
    if model.suffix != ".keras":
        raise InputError(
            f"MODEL must be a .keras file as stepladder export writes it, found {str(model)!r}; "
            "name that file"
        )
    extras = read_extras(model)
    held = [read_source(path) for path in sources]  # before Keras starts: a wrong name is told soon
    try:
        process = opened(model, environment)
    except Refused as error:
        raise InputError(
            f"MODEL must be a .keras file that Keras opens in its safe mode, found that "
            f"{str(model)!r} cannot be opened: {error}; export it again"
        ) from None
    with process as holds:
        shape, classes = _checked(model, holds, extras)
        framing, levels = (extras.framing, extras.levels) if extras else _assumed(shape)
        given = [
            each
            for source in held
            for each in inputs_of(source, shape, framing, levels, as_it_is=as_it_is)
        ]
        inputs = np.stack([each.values for each in given])
        try:
            answers = holds.probabilities(inputs)
        except Refused as error:
            raise InputError(
                f"the model {str(model)!r} must answer inputs of shape {shape}, found: {error}"
            ) from None
    if not _are_probabilities(answers):
        raise InputError(
            f"the model {str(model)!r} must give probabilities, found answers that are not in "
            "0…1 with the sum 1; put a Softmax layer at its end"
        )
    known = extras.familiar if extras else None
    away = None if known is None else distances(known, inputs)
    return Predictions(
        model,
        classes,
        None if known is None else known.threshold,
        tuple(
            Prediction(
                given=each,
                answer=classes[int(answers[place].argmax())],
                probabilities=tuple(map(float, answers[place])),
                is_familiar=False if each.is_empty else _is_within(away, place, known),
                distance=None if away is None else float(away[place]),
            )
            for place, each in enumerate(given)
        ),
    )


def _is_within(away: np.ndarray | None, place: int, known: Familiar | None) -> bool | None:
    return None if away is None or known is None else bool(away[place] <= known.threshold)


def _are_probabilities(answers: np.ndarray) -> bool:
    sums = answers.sum(axis=1)
    return bool(np.isfinite(answers).all() and (answers >= 0).all() and
                np.allclose(sums, 1, atol=1e-3))  # fmt: skip


def _checked(
    model: Path, holds: ModelProcess, extras: Extras | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The shape of an input and the names of classes.

    Raises:
        InputError: if the model has not one input and one answer, or other classes than it says.
    """
    shape, output = holds.input_shape, holds.output_shape
    if shape is None or output is None or len(output) != 1 or output[0] < 2 or not shape:
        raise InputError(
            f"the model {str(model)!r} must take one input and give a probability for each of two "
            f"classes or more, found inputs {shape} and outputs {output}"
        )
    if extras is None:
        return shape, tuple(map(str, range(output[0])))
    known = extras.familiar
    if len(extras.classes) != output[0] or (
        known is not None and known.means.shape[1] != np.prod(shape)
    ):
        raise InputError(
            f"the model {str(model)!r} must have {len(extras.classes)} classes as it says of "
            f"itself, found {output[0]}; export it again"
        )
    return shape, extras.classes


def _assumed(shape: tuple[int, ...]) -> tuple[Framing | None, Levels]:
    """A model that says nothing of its images is taken to want small grey ones as MNIST's are."""
    is_grey = len(shape) in (2, 3) and shape[2:] in ((), (1,)) and shape[0] == shape[1] == 28
    return Framing(20) if is_grey else None, Levels(0, 255)
