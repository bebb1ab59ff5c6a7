"""Messages between a driver and its training processes: pickled values on a pipe.

Both ends are this program, started by this user: a training process runs the user's own code
with the user's rights. Files hold no pickles: see `stepladder.training.serialization`.
"""

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from stepladder.study.loading import ModelFile
from stepladder.training.function import UserSetup

Message = dict[str, Any]
"""What one end says, its kind under "kind"."""


@dataclass(frozen=True)
class WorkerSetup:
    """What a training process is told first.

    Attributes:
        cpus: the cores to pin itself to; empty for any.
        engine: as trials record it: "population", "fit/" and the Keras backend, "function" or
            "command".
        cache: folder of JAX' compilation cache, or None for none.
        checkpoints: folder of checkpoints, or None to keep none.
        checkpoint_seconds: at most so much work is lost.
        endings: arguments of `FinalStateCache`, or None for no such cache.
        codes: a user's own code that builds the networks, as `code_headers` has it.
        inspects: whether it looks at networks once and trains nothing.
        keeps_final: whether results include the final state of their trials.
        user: the training of the user's own, or None.
    """

    cpus: tuple[int, ...]
    engine: str
    cache: Path | None
    checkpoints: Path | None
    checkpoint_seconds: float
    endings: Mapping[str, Any] | None
    codes: list[dict[str, str]]
    inspects: bool
    keeps_final: bool
    user: UserSetup | None = None


def send_message(stream: BinaryIO, message: object) -> None:
    """Writes one message and flushes it.

    Args:
        stream: a binary stream.
        message: a `WorkerSetup` or a `Message`.

    Raises:
        BrokenPipeError: if the other side is gone.

    Example:
        >>> import io
        >>> stream = io.BytesIO()
        >>> send_message(stream, {"kind": "epoch", "epoch": 3})
        >>> _ = stream.seek(0)
        >>> receive_message(stream), receive_message(stream)
        ({'kind': 'epoch', 'epoch': 3}, None)
    """
    pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()


def receive_message(stream: BinaryIO) -> Any:  # noqa: ANN401 - whatever was sent
    """Reads one message, or None where the stream has ended, within a message included."""
    try:
        return pickle.load(stream)
    except (EOFError, pickle.UnpicklingError):
        return None


def code_headers(models: Iterable[ModelFile]) -> list[dict[str, str]]:
    """A study's own code as JSON values, with the texts that were hashed."""
    return [{**model.model_dump(), "text": model.text} for model in models]
