"""A process that holds one Keras model: it builds or opens it, and answers inputs.

Started as `python -P -m stepladder.exporter.child` with Keras' backend set. It ends with its
driver, whose pipe it reads. What a damaged model file does to the libraries that read it, it does
here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from stepladder.errors import StepladderError
from stepladder.wire import Array, receive, send

__all__ = ["main"]

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
    from stepladder import models
    from stepladder.exporter.networks import Member, assembled
    from stepladder.train.custom import Code, builder

    members = [
        Member.of(each, {name.removeprefix(f"{place}."): array for name, array in arrays.items()
                         if name.startswith(f"{place}.")})
        for place, each in enumerate(header["members"])
    ]  # fmt: skip
    build = builder(Code(**header["code"]) if header["code"] else None, models.build)
    model = assembled(
        members, tuple(header["input_shape"]), header["classes"], build,
        is_whole=header["is_whole"],
    )  # fmt: skip
    model.save(header["file"])
    return model


def _opened(file: str) -> Any:  # noqa: ANN401 - Keras has no types
    """Opens a model; Keras' safe mode refuses whatever would run code of the file."""
    import keras

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
    import keras

    found = []
    for start in range(0, len(inputs), _AT_ONCE):
        some = inputs[start : start + _AT_ONCE].astype(np.float32)
        lacking = _AT_ONCE - len(some) if len(inputs) > _AT_ONCE else 0
        padded = np.concatenate([some, np.zeros((lacking, *some.shape[1:]), np.float32)])
        given = keras.ops.convert_to_numpy(model(padded, training=False))
        found.append(np.asarray(given, np.float32)[: len(some)])
    return np.concatenate(found)


if __name__ == "__main__":
    main()
