"""The process that holds a Keras model: it builds, opens and answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from stepladder.data.preprocessing import image_sides
from stepladder.errors import StepladderError
from stepladder.study.recipe import Recipe
from stepladder.training.layer_state import seed_states
from stepladder.training.serialization import Array, receive, send

_AT_ONCE = 512


def main() -> None:
    """Serves the driver on standard input and output until it is gone."""
    inbox = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    outbox = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    frame = receive(inbox)
    if frame is None:
        return
    header, arrays = frame
    try:
        model = _built(header, arrays) if header["kind"] == "build" else _opened(header["file"])
    except StepladderError as error:  # it explains itself
        send(outbox, {"kind": "refused", "message": str(error)})
        return
    except Exception as error:  # whatever a file or a user's code makes of Keras
        send(outbox, {"kind": "refused", "message": _told(error)})
        return
    send(outbox, {"kind": "ready", **_described(model)})
    while (frame := receive(inbox)) is not None:
        try:
            send(outbox, {"kind": "answers"}, {"answers": _answers(model, frame[1]["inputs"])})
        except Exception as error:  # a model may be anything
            send(outbox, {"kind": "refused", "message": _told(error)})


def _told(error: Exception) -> str:
    """An error in a line; Keras puts the cause behind a long configuration."""
    text = " ".join(str(error).split()).rpartition("Exception encountered: ")[2]
    return f"{type(error).__name__}: {text[:300]}"


def _built(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Any:  # noqa: ANN401
    """Builds a model of its members and saves it."""
    from stepladder.training import keras_models
    from stepladder.training.custom_model import Code, builder

    members = [
        Member.of(each, {name.removeprefix(f"{place}."): array for name, array in arrays.items()
                         if name.startswith(f"{place}.")})
        for place, each in enumerate(header["members"])
    ]  # fmt: skip
    build = builder(Code(**header["code"]) if header["code"] else None, keras_models.build)
    model = assembled(
        members, tuple(header["input_shape"]), header["classes"], build,
        is_whole=header["is_whole"],
    )  # fmt: skip
    model.save(header["file"])
    return model


def _opened(file: str) -> Any:  # noqa: ANN401 - Keras has no types
    """Opens a model; Keras' safe mode refuses whatever would run code of the file."""
    return keras.saving.load_model(file, compile=False, safe_mode=True)


def _described(model: Any) -> dict[str, Any]:  # noqa: ANN401 - Keras has no types
    """Shapes of one input and of its answer; null where a model has not one of each."""
    shapes = [getattr(model, name, None) for name in ("input_shape", "output_shape")]
    plain = [
        list(shape[1:]) if isinstance(shape, tuple) and None not in shape[1:] else None
        for shape in shapes
    ]
    return {"input_shape": plain[0], "output_shape": plain[1]}


def _answers(model: Any, inputs: Array) -> Array:  # noqa: ANN401 - Keras has no types
    """Float32 (examples, classes)."""
    found = []
    for start in range(0, len(inputs), _AT_ONCE):
        some = inputs[start : start + _AT_ONCE].astype(np.float32)
        lacking = _AT_ONCE - len(some) if len(inputs) > _AT_ONCE else 0
        padded = np.concatenate([some, np.zeros((lacking, *some.shape[1:]), np.float32)])
        given = keras.ops.convert_to_numpy(model(padded, training=False))
        found.append(np.asarray(given, np.float32)[: len(some)])
    return np.concatenate(found)


def upright(images: Any, *, is_whole: bool) -> Any:  # noqa: ANN401 - tensors of Keras
    """Images sheared row by row until what they show no longer leans.

    Moments are taken about the middle of the image, where float32 has digits enough.

    Args:
        images: symbolic, (batch, height, width) or (batch, height, width, 1).
        is_whole: whether what comes out is rounded, as the training set of whole numbers was.

    Returns:
        The same shape.
    """
    shape = tuple(images.shape[1:])
    sides = image_sides(shape)
    assert sides is not None, shape
    height, width = sides
    values = ops.reshape(images, (-1, height, width))
    rows, columns = (
        (np.arange(side, dtype=np.float32) - (side - 1) / 2) for side in (height, width)
    )
    ink = values - ops.min(values, axis=(1, 2), keepdims=True)
    total = ops.maximum(ops.sum(ink, axis=(1, 2)), np.finfo(np.float32).tiny)
    by_row, by_column = ops.sum(ink, axis=2), ops.sum(ink, axis=1)
    mean_row = ops.sum(by_row * rows, axis=1) / total
    mean_column = ops.sum(by_column * columns, axis=1) / total
    variance = ops.sum(by_row * rows**2, axis=1) / total - mean_row * mean_row
    together = ops.sum(ops.sum(ink * columns, axis=2) * rows, axis=1)
    both = together / total - mean_row * mean_column
    has_height = ops.cast(variance > 1e-6, "float32")
    slant = has_height * both / ops.maximum(variance, 1e-6)
    moved = ops.expand_dims(slant, 1) * ops.subtract(rows, ops.expand_dims(mean_row, 1))
    reached = ops.expand_dims(moved, 2) + np.arange(width, dtype=np.float32)
    at = ops.clip(reached, 0, width - 1)
    left = ops.minimum(ops.floor(at), width - 2)
    share = at - left
    whole = ops.cast(left, "int32")
    one = ops.take_along_axis(values, whole, axis=2)
    two = ops.take_along_axis(values, whole + 1, axis=2)
    made = one * (1 - share) + two * share
    return ops.reshape(ops.round(made) if is_whole else made, (-1, *shape))


Build = Callable[[Recipe, tuple[int, ...], int], Any]


@dataclass(frozen=True)
class Member:
    """One trained network.

    Attributes:
        name: of its part of the model.
        recipe: that it was trained by.
        trainable: its trainable weights, in Keras' order and shapes.
        statistics: its other weights, states of random generators left out.
        scale: what raw inputs are multiplied by, of shape () or flat.
        shift: what is then added to them.
    """

    name: str
    recipe: Recipe
    trainable: Sequence[Array]
    statistics: Sequence[Array]
    scale: Array
    shift: Array

    @classmethod
    def of(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Member:
        """The member that a frame tells of, `arrays` those that are its own."""
        return cls(
            header["name"], Recipe(**header["recipe"]),
            [arrays[f"trainable.{place}"] for place in range(header["trainable"])],
            [arrays[f"statistics.{place}"] for place in range(header["statistics"])],
            arrays["scale"], arrays["shift"],
        )  # fmt: skip


def assembled(
    members: Sequence[Member],
    input_shape: tuple[int, ...],
    classes: int,
    build: Build,
    *,
    is_whole: bool,
) -> Any:  # noqa: ANN401 - Keras has no types
    """One model of one or more networks.

    Args:
        members: the networks; several answer with the mean of their probabilities.
        input_shape: of one raw example.
        classes: how many there are.
        build: makes a recipe a network that gives logits, of Keras' own layers.
        is_whole: whether the training set's inputs are whole numbers.

    Returns:
        A `keras.Model`: raw inputs float32 (batch, *input_shape) to probabilities (batch, classes).

    Raises:
        ValueError: if weights do not fit a network.
    """
    image = keras.Input(input_shape, name="image")
    given = upright(image, is_whole=is_whole) if members[0].recipe.deskew else image
    answers = [_answer(each, build(each.recipe, input_shape, classes), given) for each in members]
    if len(answers) == 1:
        return keras.Model(image, answers[0], name=members[0].name)
    return keras.Model(image, keras.layers.Average(name="mean")(answers), name="ensemble")


def _answer(member: Member, network: Any, image: Any) -> Any:  # noqa: ANN401 - Keras has no types
    seeds = {id(each) for each in seed_states(network)}
    fixed = [each for each in network.non_trainable_variables if id(each) not in seeds]
    for variables, values in (
        (network.trainable_variables, member.trainable),
        (fixed, member.statistics),
    ):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    network.name = f"{member.name}_logits"
    scaled = _scaling(member, tuple(image.shape[1:]))(image)
    return keras.layers.Softmax(name=f"{member.name}_probabilities")(network(scaled))


def _scaling(member: Member, input_shape: tuple[int, ...]) -> Any:  # noqa: ANN401
    scale, shift = (
        float(each) if each.ndim == 0 else each.reshape(input_shape)
        for each in (member.scale, member.shift)
    )
    return keras.layers.Rescaling(scale, shift, name=f"{member.name}_scaling")


if __name__ == "__main__":
    main()
