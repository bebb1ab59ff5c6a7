"""Groups of trials on Dask: processes of this machine, or a cluster that has a scheduler."""

import asyncio
import logging
import time
import warnings
from concurrent.futures import Executor as Pool
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stepladder.errors import InputError
from stepladder.execution.base import Event, Job
from stepladder.execution.futures import FuturesExecutor, Submitted, cores_of, needs_package
from stepladder.execution.hosts import end_job, end_task, version_problem, versions_here
from stepladder.execution.machine import Settings, cores, has_gpu
from stepladder.training.messages import Message

_CONNECT_SECONDS = 10
_IGNORES_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Run by workers of this machine as they start: Ctrl-C reaches them too, the driver ends them."""

_ASK_SECONDS = 2.0  # after which the scheduler is asked again which workers there are


def make(settings: Settings, folder: Path, address: str) -> "DaskExecutor":
    """Dask as an executor; see `stepladder.execution.choice`.

    Raises:
        InputError: if it is not installed, no scheduler answers, or its workers will not do.
    """
    needs_package("dask", "distributed")
    return DaskExecutor(settings, address)


@dataclass(frozen=True)
class _Topic:
    """Brings what a task says to the driver, as events of a topic that the scheduler passes on."""

    name: str

    def __call__(self, task_id: str, message: Message) -> None:
        from distributed import get_worker

        worker = get_worker()
        worker.log_event(self.name, {**message, "task": task_id, "place": worker.address})


class DaskExecutor(FuturesExecutor):
    """Has tasks trained by the workers of a Dask cluster.

    Args:
        settings: of the run.
        address: of a scheduler, HOST:PORT; empty to start processes of this machine.

    Raises:
        InputError: if no scheduler answers, or its workers will not do.

    Example:
        >>> DaskExecutor(settings, "node7:8786")  # doctest: +SKIP
    """

    name = "dask"

    def __init__(self, settings: Settings, address: str) -> None:
        self._most, self._asked = settings.workers, 0.0
        self._nthreads: dict[str, int] = {}
        self._programs: dict[str, object] = {}  # the last one of each worker, by its address
        self._resources = (
            {"GPU": settings.resources["gpus"]} if "gpus" in settings.resources else {}
        )
        self._cluster = None if address else _start(settings, self._resources)
        self._client = _connect(self._cluster or address, address)
        super().__init__(self._client.get_executor(), 1, cores_of(settings))
        self._where = f"dask://{address}" if address else "dask"
        self._say = _Topic(f"stepladder-{self._mark}")
        self._client.subscribe_topic(self._say.name, self._hear)
        try:
            if address:
                self._check_versions()
            self._check_resources()
        except BaseException:
            self.close()
            raise

    def _check_versions(self) -> None:
        """Makes sure that the workers of now have the driver's versions; tasks compare them too."""
        try:
            problems = self._client.run(version_problem, versions_here())
        except Exception as error:  # whatever the import of this package raises there
            raise InputError(
                "workers of Dask must have stepladder installed, found on one of them "
                f"{type(error).__name__}: {error}; install it there"
            ) from None
        problem = next(filter(None, problems.values()), None)
        if problem:
            raise InputError(problem)

    def _check_resources(self) -> None:
        known = self._client.run_on_scheduler(_resources_of)
        for name, share in self._resources.items():
            most = max((each.get(name, 0) for each in known.values()), default=0)
            if known and most < share:
                raise InputError(
                    f"--resources gpus={share:g} needs a Dask worker that offers as much, found "
                    f"{most:g} at most; start workers with `dask worker --resources GPU=1`"
                )

    @property
    def free(self) -> list[object]:
        """Workers that have compiled a program come first."""
        left = max(0, self._count() - len(self._sent))
        busy = {sent.place for sent in self._sent.values()}
        known = [program for place, program in self._programs.items() if place not in busy]
        return [*known, *[None] * left][:left]

    def _count(self) -> int:
        """Threads of all workers, at most as many as were asked for; one where there is none."""
        if time.monotonic() - self._asked > _ASK_SECONDS:
            with suppress(Exception):  # a scheduler that restarts: as before
                self._nthreads = dict(self._client.nthreads())
            self._asked = time.monotonic()
            self._programs = {place: program for place, program in self._programs.items()
                              if place in self._nthreads}  # fmt: skip
        count = sum(self._nthreads.values()) or 1  # a task that waits for the first worker
        return min(count, self._most) if self._most else count

    def open(self, job: Job) -> None:
        """Says so where no worker has joined yet."""
        super().open(job)
        self._programs = {}
        if not self._client.nthreads():
            text = "Dask's scheduler has no workers yet; training starts with the first one"
            self._heard.put(Event(None, {"kind": "note", "text": text}))

    def _pool_for(self, sent: Submitted) -> Pool:
        near = [place for place, program in self._programs.items() if program == sent.near]
        options: dict[str, Any] = {"pure": False, "retries": 0}
        if near and sent.near is not None:
            options |= {"workers": near, "allow_other_workers": True}
        if self._resources:
            options["resources"] = self._resources
        pool: Pool = self._client.get_executor(**options)
        return pool

    def _data(self, dataset: Any) -> object:  # noqa: ANN401 - a dataset
        return self._client.scatter(dataset, hash=False)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        message = dict(event[1])
        task_id, place = message.pop("task"), message.pop("place")
        sent = self._sent.get(task_id)
        if sent is not None and not sent.is_cancelled:
            sent.place = place
            self._programs[place] = sent.task.group.key.program
            self._heard.put(Event(task_id, message))

    def cancel(self, task_id: str) -> None:
        """Ends a task wherever it is trained."""
        super().cancel(task_id)
        with suppress(Exception):  # the scheduler may be gone, and its workers with it
            self._client.run(end_task, task_id, wait=False)

    def close(self) -> None:
        """Ends all tasks, and the processes of this machine if it has started them."""
        jobs = set(self._jobs)
        super().close()
        with suppress(Exception):
            for key in jobs:
                self._client.run(partial(end_job, key))
        for part in (self._client, self._cluster):
            with suppress(Exception):
                if part is not None:
                    part.close()


def _resources_of(dask_scheduler: Any) -> dict[str, dict[str, float]]:  # noqa: ANN401
    return {place: dict(worker.resources) for place, worker in dask_scheduler.workers.items()}


def _start(settings: Settings, resources: dict[str, float]) -> Any:  # noqa: ANN401
    """A cluster of processes of this machine, open to nobody else."""
    from distributed import LocalCluster

    count = settings.workers or max(1, len(cores()) // cores_of(settings))
    if resources and has_gpu():
        count = max(1, min(count, int(1 / resources["GPU"])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a port that is taken
        return LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, memory_limit=0, silence_logs=logging.CRITICAL,
            resources=resources if has_gpu() else {}, preload=[_IGNORES_INTERRUPTS],
        )  # fmt: skip


def _connect(place: object, address: str) -> Any:  # noqa: ANN401 - a Client
    from distributed import Client
    from distributed.comm import connect

    async def greet() -> None:  # the client itself waits for ever where a server says nothing
        comm = await asyncio.wait_for(connect(address), _CONNECT_SECONDS)
        comm.abort()

    try:
        if address and "://" not in address:  # within a thread: a notebook has a loop of its own
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, greet()).result()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions that matter are compared later
            return Client(place, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(
            f"--executor dask://HOST:PORT must name a Dask scheduler that answers, found none at "
            f"{address!r} ({error or 'it said nothing'}); start one with `dask scheduler`, or "
            "correct the address"
        ) from None
