"""The process that holds a Keras model: it builds, opens and answers."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import psutil

from stepladder.data.memory import check_memory
from stepladder.data.preprocessing import image_sides
from stepladder.errors import DataError, StepladderError
from stepladder.study.losses import form_of
from stepladder.study.recipe import Recipe
from stepladder.study.scoring import Task
from stepladder.training.final_weights import read_final
from stepladder.training.keras_import import keras
from stepladder.training.layer_state import statistics_of
from stepladder.training.serialization import Array, receive, send
from stepladder.trials.trial import FinalState

ops = keras.ops
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
        if header["kind"] == "build":
            model = _build(header, arrays)
        else:  # Keras' safe mode refuses whatever would run code of the file.
            with _bounded_memory(_check_sizes(header["file"])):
                model = keras.saving.load_model(header["file"], compile=False, safe_mode=True)
    except StepladderError as error:  # it explains itself
        send(outbox, {"kind": "refused", "message": error.text})
        return
    except Exception as error:  # whatever a file or a user's code makes of Keras
        send(outbox, {"kind": "refused", "message": _one_line(error)})
        return
    send(outbox, {"kind": "ready", **_shapes(model)})
    while (frame := receive(inbox)) is not None:
        try:
            send(outbox, {"kind": "answers"}, {"answers": _answer(model, frame[1]["inputs"])})
        except Exception as error:  # a model may be anything
            send(outbox, {"kind": "refused", "message": _one_line(error)})


_SMALL = 2**26  # bytes that any model may need
_MOST_TIMES = 100  # trained weights hardly compress


def _check_sizes(file: str) -> int:
    """The bytes that the members of a model's file announce, before they are expanded.

    Raises:
        DataError: if they are many times those of the file, or need more memory than is free.
    """
    with zipfile.ZipFile(file) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > max(_SMALL, _MOST_TIMES * os.path.getsize(file)):
        raise DataError(f"its {os.path.getsize(file):,} bytes announce {size:,}")
    check_memory(2 * size, "the model")
    return size


@contextmanager
def _bounded_memory(size: int) -> Iterator[None]:
    """Lets a model of a size have no more memory than it can need: its layers announce any size."""
    import resource  # not on Windows, where no process of ours runs

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used = psutil.Process().memory_info().data
    most = used + 16 * _SMALL + 8 * size
    most = min([most, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _one_line(error: Exception) -> str:
    """An error in a line; Keras puts the cause behind a long configuration."""
    text = " ".join(str(error).split()).rpartition("Exception encountered: ")[2]
    return f"{type(error).__name__}: {text[:300]}"


def _build(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Any:  # noqa: ANN401
    """Builds a model of its members and saves it."""
    from stepladder.training import keras_models
    from stepladder.training.custom_model import Code, builder

    members = [
        Member(member["name"], Recipe(**member["recipe"]), read_final({
            name.removeprefix(f"{place}."): array for name, array in arrays.items()
            if name.startswith(f"{place}.")
        }))
        for place, member in enumerate(header["members"])
    ]  # fmt: skip
    codes = [Code(**code) for code in header["codes"]]
    build = builder(codes, keras_models.build, header["task"])
    model = assemble_model(
        members, tuple(header["input_shape"]), header["outputs"], build,
        is_whole=header["is_whole"], task=header["task"],
    )  # fmt: skip
    model.save(header["file"])
    return model


def _shapes(model: Any) -> dict[str, Any]:  # noqa: ANN401 - Keras has no types
    """Shapes of one input and of its answer; null where a model has not one of each."""
    shapes = {name: getattr(model, name, None) for name in ("input_shape", "output_shape")}
    return {
        name: list(shape[1:]) if isinstance(shape, tuple) and None not in shape[1:] else None
        for name, shape in shapes.items()
    }


def _answer(model: Any, inputs: Array) -> Array:  # noqa: ANN401 - Keras has no types
    """Float32 (examples, classes)."""
    answers = []
    for start in range(0, len(inputs), _AT_ONCE):
        batch = inputs[start : start + _AT_ONCE].astype(np.float32)
        # Batches of one shape: each other shape would be compiled.
        missing = _AT_ONCE - len(batch) if len(inputs) > _AT_ONCE else 0
        padded = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.float32)])
        output = keras.ops.convert_to_numpy(model(padded, training=False))
        answers.append(np.asarray(output, np.float32)[: len(batch)])
    return np.concatenate(answers)


def deskew(images: Any, *, is_whole: bool) -> Any:  # noqa: ANN401 - tensors of Keras
    """Images sheared row by row until what they show no longer leans.

    Moments are taken about the middle of the image, where float32 has digits enough.

    Args:
        images: symbolic, (batch, height, width) or (batch, height, width, 1).
        is_whole: whether the result is rounded, as the training set of whole numbers was.

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
    index = ops.cast(left, "int32")
    one = ops.take_along_axis(values, index, axis=2)
    two = ops.take_along_axis(values, index + 1, axis=2)
    result = one * (1 - share) + two * share
    return ops.reshape(ops.round(result) if is_whole else result, (-1, *shape))


Build = Callable[[Recipe, tuple[int, ...], int], Any]


class Member(NamedTuple):
    """One trained network.

    Attributes:
        name: of its part of the model.
        recipe: that it was trained by.
        final: its weights, in Keras' order and shapes, and how inputs and targets were scaled.
    """

    name: str
    recipe: Recipe
    final: FinalState


def assemble_model(
    members: Sequence[Member],
    input_shape: tuple[int, ...],
    outputs: int,
    build: Build,
    *,
    is_whole: bool,
    task: Task = "classification",
) -> Any:  # noqa: ANN401 - Keras has no types
    """One model of one or more networks.

    Args:
        members: the networks; several answer with the mean of their probabilities, or values.
        input_shape: of one raw example.
        outputs: how many classes, labels or targets there are.
        build: makes a recipe a network that gives logits, of Keras' own layers.
        is_whole: whether the training set's inputs are whole numbers.
        task: what was learnt.

    Returns:
        A `keras.Model`: raw inputs float32 (batch, *input_shape) to probabilities (batch, outputs)
        of classes or labels, or to values in the targets' own unit.

    Raises:
        ValueError: if weights do not fit a network.
    """
    image = keras.Input(input_shape, name="image")
    given = deskew(image, is_whole=is_whole) if members[0].recipe.deskew else image
    answers = []
    for member in members:
        network = build(member.recipe, input_shape, _units(member, task, outputs))
        raw = _raw_outputs(member, network, given)
        answers.append(_values(member, raw) if task == "regression" else
                       _probabilities(member, raw, task))  # fmt: skip
    if len(answers) == 1:
        return keras.Model(image, answers[0], name=members[0].name)
    return keras.Model(image, keras.layers.Average(name="mean")(answers), name="ensemble")


def _units(member: Member, task: Task, outputs: int) -> int:
    from stepladder.training.heads import Head  # after `keras_import`

    return Head.of(member.recipe, task, outputs).units


def _raw_outputs(member: Member, network: Any, image: Any) -> Any:  # noqa: ANN401
    for variables, values in (
        (network.trainable_variables, member.final.trainable),
        (statistics_of(network), member.final.statistics),
    ):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    network.name = f"{member.name}_logits"
    scale, shift = (
        float(value) if value.ndim == 0 else value.reshape(tuple(image.shape[1:]))
        for value in (member.final.scale, member.final.shift)
    )
    scaled = keras.layers.Rescaling(scale, shift, name=f"{member.name}_scaling")(image)
    return network(scaled)


def _values(member: Member, raw: Any) -> Any:  # noqa: ANN401
    """Values in the targets' own unit."""
    if form_of(member.recipe.loss, "regression") == "log":
        raw = keras.layers.Activation("exponential", name=f"{member.name}_exponential")(raw)
    final = member.final
    scale, shift = (np.float64(value) for value in (final.target_scale, final.target_shift))
    return keras.layers.Rescaling(1 / scale, -shift / scale, name=f"{member.name}_values")(raw)


def _probabilities(member: Member, logits: Any, task: Task) -> Any:  # noqa: ANN401
    if task == "multilabel":
        return keras.layers.Activation("sigmoid", name=f"{member.name}_probabilities")(logits)
    if logits.shape[-1] == 1:  # of the second of two classes
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=1)
    return keras.layers.Softmax(name=f"{member.name}_probabilities")(logits)


if __name__ == "__main__":
    main()
