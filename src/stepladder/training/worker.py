"""A training process: receives messages from its driver, trains, and sends results back.

Started as `python -P -m stepladder.training.worker` by the driver, with the environment that
decides Keras' backend and JAX's threads already set. It ends when its driver does: the pipe it
reads from is then closed, whatever killed the driver.
"""

import gc
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import BinaryIO, Protocol

from stepladder.data import Dataset
from stepladder.data.cache import StoredDataset
from stepladder.errors import InputError, StepladderError
from stepladder.study.recipe import Recipe
from stepladder.training.checkpoints import (
    CheckpointFactory,
    Checkpoints,
    FinalStateCache,
    request_checkpoint,
)
from stepladder.training.function import FunctionEngine, TrialFailure
from stepladder.training.groups import Group
from stepladder.training.messages import Message, WorkerSetup, receive_message, send_message
from stepladder.training.processes import (
    children,
    end_group,
    end_trees,
    end_with_parent,
    guard_group,
)
from stepladder.trials.trial import TrialResult


class Engine(Protocol):
    """What trains groups of trials on one dataset.

    Example:
        >>> class Sleeper:
        ...     def train(self, group, on_epoch):
        ...         on_epoch(0)
        ...         return []
        >>> engine: Engine = Sleeper()
    """

    def train(self, group: Group, on_epoch: Callable[[int], None]) -> Iterable[TrialResult]:
        """Trains a group to its end: one result a trial, in the group's order.

        Args:
            group: trials of one structure.
            on_epoch: called with the number of each finished epoch, from 1, and with 0 when
                compiling is done.
        """


def _make_engine(setup: WorkerSetup, dataset: Dataset, checkpoints: CheckpointFactory) -> Engine:
    from stepladder.training.custom_model import Code, builder

    codes = [Code(**code) for code in setup.codes]
    if setup.engine != "population":
        from stepladder.training.keras_fit import FitEngine

        return FitEngine(dataset, checkpoints, builder(codes, task=dataset.task), setup.keeps_final)
    import jax

    if setup.cache:
        options: dict[str, object] = {
            "jax_compilation_cache_dir": str(setup.cache),
            "jax_persistent_cache_min_compile_time_secs": 0.0,
            "jax_persistent_cache_min_entry_size_bytes": -1,
        }
        for option, value in options.items():
            jax.config.update(option, value)  # type: ignore[no-untyped-call]
    from stepladder.training.population.engine import PopulationEngine
    from stepladder.training.population.layers import TRANSPOSED_BUILD

    build = builder(codes, TRANSPOSED_BUILD, dataset.task)
    return PopulationEngine(dataset, checkpoints, build, keeps_final=setup.keeps_final)


def main() -> None:
    """Serves the driver on standard input and output until it is gone."""
    inbox, outbox = _open_pipes()
    messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
    setup: WorkerSetup | None = receive_message(inbox)
    if setup is None:
        return
    end_with_parent()
    if setup.user is not None:
        guard_group(inbox)
        os.register_at_fork(after_in_child=partial(_cut_off, inbox, outbox))
    if setup.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, setup.cpus)  # before JAX counts the cores
    end = os._exit if setup.user is None else _end_group
    threading.Thread(target=_read, args=(inbox, messages, end), daemon=True).start()
    try:
        (_serve if setup.user is None else _serve_user)(setup, messages, outbox)
    except Exception as error:  # the driver turns it into a message of its own
        failure: Message = {"kind": "failed", "message": f"{type(error).__name__}: {error}"}
        failure["trace"] = "".join(traceback.format_exception(error))
        if isinstance(error, StepladderError):  # it explains itself
            failure |= {"message": error.text, "trace": ""}
        failure["is_input"] = isinstance(error, InputError)
        if isinstance(error, MemoryError):
            failure |= {"trace": "", "message": (
                f"a training process must have memory enough, found: {error or 'none left'}; "
                "train with fewer --workers or fewer examples"
            )}  # fmt: skip
        send_message(outbox, failure)
        sys.exit(1)


def _cut_off(inbox: BinaryIO, outbox: BinaryIO) -> None:
    """Keeps a fork of this process from the pipes: the driver would take its word for ours."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for pipe in (inbox, outbox):
        os.dup2(nowhere, pipe.fileno())
    os.close(nowhere)


def _open_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the driver; anything else that writes to standard output goes to stderr."""
    inbox = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    outbox = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return inbox, outbox


def _read(
    inbox: BinaryIO, messages: queue.SimpleQueue[Message], end: Callable[[int], object]
) -> None:
    """Passes messages on; ends the process, also during a training, with its driver."""
    while (message := receive_message(inbox)) is not None:
        messages.put(message)
    end(0)


def _end_group(_code: int) -> None:
    """Ends this process and all that the user's code has started."""
    end_trees(children())
    end_group(os.getpid())
    os._exit(0)


def _serve_user(setup: WorkerSetup, messages: queue.SimpleQueue[Message], outbox: BinaryIO) -> None:
    """Serves the driver with trials of the user's own; the code is loaded at once."""
    assert setup.user is not None
    assert setup.checkpoints is not None
    if setup.engine == "command":
        from stepladder.training.command import CommandEngine

        engine: CommandEngine | FunctionEngine = CommandEngine(setup.user, setup.checkpoints)
    else:
        engine = FunctionEngine(setup.user, setup.checkpoints)
    send_message(outbox, {"kind": "ready"})
    engine.dataset = _open_dataset(messages.get())
    process = os.getpid()
    while True:
        for outcome in engine.train(
            messages.get()["group"],
            lambda epoch: send_message(outbox, {"kind": "epoch", "epoch": epoch}),
        ):
            if os.getpid() != process:  # the user's code has forked, and its child returned too
                os._exit(0)
            kind = "failure" if isinstance(outcome, TrialFailure) else "result"
            send_message(outbox, {"kind": kind, kind: outcome})
        send_message(outbox, {"kind": "idle"})


def _serve(setup: WorkerSetup, messages: queue.SimpleQueue[Message], outbox: BinaryIO) -> None:
    if hasattr(signal, "SIGUSR1"):  # the last epochs are lost if it comes during an import
        signal.signal(signal.SIGUSR1, lambda *_: request_checkpoint())
    # The dataset may take as long to arrive as this takes.
    import stepladder.training.keras_import

    if setup.engine == "population":
        import stepladder.training.population.engine
        import stepladder.training.population.layers  # noqa: F401
    dataset = _open_dataset(messages.get())
    if setup.inspects and not setup.codes:
        from stepladder.training.refusals import refusals

        problems = [refusals(recipe, dataset.input_shape, dataset.outputs, dataset.task)
                    for recipe in messages.get()["recipes"]]  # fmt: skip
        send_message(outbox, {"kind": "inspected", "problems": problems})
        return
    if setup.inspects:
        send_message(outbox, _inspect(setup, dataset, messages.get()["recipes"]))
        return
    engine = _make_engine(setup, dataset, _checkpoint_factory(setup, outbox))
    gc.freeze()  # what Keras and JAX made stays: walking it takes 0.1 s in the middle of a trace
    send_message(outbox, {"kind": "ready"})
    while True:
        for result in engine.train(
            messages.get()["group"],
            lambda epoch: send_message(outbox, {"kind": "epoch", "epoch": epoch}),
        ):
            send_message(outbox, {"kind": "result", "result": result})
        send_message(outbox, {"kind": "idle"})


def _open_dataset(message: Message) -> Dataset:
    """The dataset of a message: itself, or files of this machine."""
    dataset: Dataset | StoredDataset = message["dataset"]
    return dataset.load() if isinstance(dataset, StoredDataset) else dataset


def _inspect(setup: WorkerSetup, dataset: Dataset, recipes: Sequence[Recipe]) -> Message:
    """What the user's code reads of recipes, how it uses the inputs, and the first problem."""
    from stepladder.training.custom_model import Code, inspect_inputs, inspect_models

    codes, target = [Code(**code) for code in setup.codes], (dataset.task, dataset.outputs)
    reads, problem = inspect_models(codes, recipes, dataset.input_shape, target, setup.engine)
    uses = {}
    for code in codes:
        recipe = next((one for one in recipes if one.model == code.identity), None)
        if problem is None and recipe is not None:
            use = inspect_inputs(code, recipe, dataset.x_train, target)
            uses[code.identity], problem = (use.takes_ids, use.looked_up_by), use.problem
    return {"kind": "inspected", "reads": reads, "problem": problem, "uses": uses}


def _checkpoint_factory(setup: WorkerSetup, outbox: BinaryIO) -> CheckpointFactory:
    """Checkpoints as the driver wants them; problems with one are reported to it."""
    from stepladder.training.history import versions

    made_with = versions(setup.engine.partition("/")[2] or "jax")

    def note(text: str) -> None:
        send_message(outbox, {"kind": "note", "text": text})

    cache = FinalStateCache(**setup.endings, note=note) if setup.endings else None
    return lambda group: Checkpoints(
        setup.checkpoints, group, setup.checkpoint_seconds, made_with, note, endings=cache
    )


if __name__ == "__main__":
    main()
