"""A training process: reads frames from its driver, trains, writes frames back.

Started as `python -P -m stepladder.training.worker` by the driver, with the environment that
decides Keras' backend and JAX's threads already set. It ends when its driver does: the pipe it
reads from is then closed, whatever killed the driver.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from stepladder.data import Dataset
from stepladder.errors import StepladderError
from stepladder.study.recipe import Recipe
from stepladder.training.checkpoints import Checkpoints, FinalStateCache, Keeping
from stepladder.training.groups import Group
from stepladder.training.messages import read_dataset, read_group, read_recipes, result_frame
from stepladder.training.serialization import Frame, receive, send
from stepladder.trials.trial import TrialResult

_PR_SET_PDEATHSIG = 1


class Engine(Protocol):
    """What trains groups of trials on one dataset."""

    def train(self, group: Group, on_epoch: Callable[[int], None]) -> Iterable[TrialResult]:
        """Trains a group to its end: one result a trial, in the group's order.

        Args:
            group: trials of one replicate and structure.
            on_epoch: called with the number of each finished epoch, from 1, and with 0 when
                compiling is done.
        """


def engine(
    name: str,
    dataset: Dataset,
    cache: str | None = None,
    checkpoints: Keeping = lambda group: None,
    code: dict[str, str] | None = None,
    keeps_final: bool = False,
) -> Engine:
    """An engine by its name.

    Args:
        name: "population", or "fit/" and the Keras backend.
        dataset: what it trains on.
        cache: folder of JAX' persistent compilation cache, or None for none.
        checkpoints: gives the checkpoints of a group.
        code: a user's own code that builds the networks, or None.
        keeps_final: whether results bring what their trials ended with.
    """
    _import_keras()
    from stepladder.training.custom_model import Code, builder

    own = Code(**code) if code else None
    if name != "population":
        from stepladder.training.keras_fit import FitEngine

        return FitEngine(dataset, checkpoints, builder(own), keeps_final)
    import jax

    if cache:
        options: dict[str, object] = {
            "jax_compilation_cache_dir": cache,
            "jax_persistent_cache_min_compile_time_secs": 0.0,
            "jax_persistent_cache_min_entry_size_bytes": -1,
        }
        for option, value in options.items():
            jax.config.update(option, value)  # type: ignore[no-untyped-call]
    from stepladder.training.population.engine import PopulationEngine
    from stepladder.training.population.layers import TRANSPOSED_BUILD

    return PopulationEngine(
        dataset, checkpoints, builder(own, TRANSPOSED_BUILD), keeps_final=keeps_final
    )


def _import_keras() -> None:
    """Imports Keras without Matplotlib, which takes it 0.35 s and which no training draws with."""
    if "matplotlib" in sys.modules:
        return
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # Keras then goes without
    try:
        import keras  # noqa: F401
    finally:
        del sys.modules["matplotlib"]


def main() -> None:
    """Serves the driver on standard input and output until it says stop or is gone."""
    _end_with_driver()
    inbox, outbox = _own_streams()
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    setup = receive(inbox)
    if setup is None:
        return
    header, _ = setup
    cpus = header["cpus"]
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)  # before JAX counts the cores
    threading.Thread(target=_read, args=(inbox, frames), daemon=True).start()
    try:
        _serve(header, frames, outbox)
    except StepladderError as error:  # it explains itself
        send(outbox, {"kind": "failed", "message": str(error), "trace": ""})
        sys.exit(1)
    except Exception as error:  # the driver turns it into a message of its own
        text = "".join(traceback.format_exception(error))
        send(
            outbox, {"kind": "failed", "message": f"{type(error).__name__}: {error}", "trace": text}
        )
        sys.exit(1)


def _end_with_driver() -> None:
    """Lets Linux kill this process with its driver, should it hang so that no pipe can end it."""
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the driver; anything else that writes to standard output goes to stderr."""
    inbox = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    outbox = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return inbox, outbox


def _read(inbox: BinaryIO, frames: queue.SimpleQueue[Frame]) -> None:
    """Passes frames on; ends the process, in the middle of a training too, with its driver."""
    while (frame := receive(inbox)) is not None:
        frames.put(frame)
    os._exit(0)


def _serve(setup: dict[str, Any], frames: queue.SimpleQueue[Frame], outbox: BinaryIO) -> None:
    _import_keras()  # the dataset may take as long to come as this takes
    if setup["engine"] == "population":
        import stepladder.training.population.engine
        import stepladder.training.population.layers  # noqa: F401
    dataset_header, arrays = frames.get()
    dataset = read_dataset(dataset_header, arrays)
    if setup["task"] == "inspect":
        _inspect(setup, dataset, read_recipes(frames.get()[0]), outbox)
        return
    if setup["task"] == "measure":
        _measure(setup, dataset, frames, outbox)
        return
    keeping = _keeping(setup, outbox)
    trains = engine(
        setup["engine"], dataset, setup["cache"], keeping, setup["code"], setup["keeps_final"]
    )
    gc.freeze()  # what Keras and JAX made stays: walking it takes 0.1 s in the middle of a trace
    send(outbox, {"kind": "ready"})
    while True:
        header, _ = frames.get()
        if header["kind"] == "stop":
            return
        group = read_group(header)
        for result in trains.train(
            group, lambda epoch: send(outbox, {"kind": "epoch", "epoch": epoch})
        ):
            send(outbox, *result_frame(result))
        send(outbox, {"kind": "idle"})


def _keeping(setup: dict[str, Any], outbox: BinaryIO) -> Keeping:
    """Checkpoints as the driver wants them; what is wrong with one is told to it."""
    from stepladder.training.history import versions

    made_with = versions(setup["engine"].partition("/")[2] or "jax")
    folder = Path(setup["checkpoints"]) if setup["checkpoints"] else None

    def note(text: str) -> None:
        send(outbox, {"kind": "note", "text": text})

    given = setup["endings"]
    endings = (
        FinalStateCache(**{**given, "folder": Path(given["folder"])}, note=note) if given else None
    )
    return lambda group: Checkpoints(
        folder, group, setup["checkpoint_seconds"], made_with, note, endings=endings
    )


def _measure(
    setup: dict[str, Any],
    dataset: Dataset,
    frames: queue.SimpleQueue[Frame],
    outbox: BinaryIO,
) -> None:
    """Times the ways to put replicates together, group by group, and trains nothing."""
    measures = engine(setup["engine"], dataset, setup["cache"], code=setup["code"])
    from stepladder.training.population.engine import measured

    while True:
        header, _ = frames.get()
        seconds = measured(measures, read_group(header))  # type: ignore[arg-type]
        send(outbox, {"kind": "measured", "seconds": seconds})


def _inspect(
    setup: dict[str, Any], dataset: Dataset, recipes: list[Recipe], outbox: BinaryIO
) -> None:
    """Looks at the networks that a user's code builds, and trains nothing."""
    from stepladder.training.custom_model import Code, inspect_models

    reads, problem = inspect_models(
        Code(**setup["code"]), recipes, dataset.input_shape, dataset.classes, setup["engine"]
    )
    send(outbox, {"kind": "inspected", "reads": reads, "problem": problem})


if __name__ == "__main__":
    main()
