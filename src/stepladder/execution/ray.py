"""Groups of trials on Ray: processes of this machine, or a cluster."""

import os
import socket
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stepladder.errors import InputError
from stepladder.execution.futures import FuturesExecutor, cores_of, needs_package
from stepladder.execution.hosts import version_problem, versions_here
from stepladder.execution.machine import Settings, cores

_ASK_SECONDS = 2.0  # after which Ray is asked again what the cluster has
_PROBE_SECONDS = 60.0
_CONNECT_SECONDS = 5.0


def make(settings: Settings, folder: Path, address: str) -> "RayExecutor":
    """Ray as an executor; see `stepladder.execution.choice`.

    Raises:
        InputError: if it is not installed, no cluster answers, or its nodes will not do.
    """
    needs_package("ray", "ray")
    if address:
        needs_package("ray", "grpc")  # of ray[client]
    joins = not isinstance(settings.executor, str) or "://" in settings.executor
    return RayExecutor(settings, (f"ray://{address}" if address else "auto") if joins else None)


class _RayPool(Pool):
    """Calls of functions as Ray's tasks, which are not tried again: the scheduler does that."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - of Ray's tasks
        import ray

        self._call = ray.remote(_call).options(max_retries=0, **options)
        self.refs: dict[Future[Any], Any] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401
        ref = self._call.remote(fn, *args, **kwargs)
        future: Future[Any] = ref.future()
        self.refs[future] = ref
        future.add_done_callback(lambda done: self.refs.pop(done, None))
        return future


def _call(function: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401 - whatever it returns
    return function(*args)


class RayExecutor(FuturesExecutor):
    """Has tasks trained by the workers of a Ray cluster.

    Args:
        settings: of the run.
        address: as `ray.init` takes it; None to start processes of this machine.

    Raises:
        InputError: if no cluster answers, or its nodes will not do.

    Example:
        >>> RayExecutor(settings, "ray://head:10001")  # doctest: +SKIP
    """

    name = "ray"

    def __init__(self, settings: Settings, address: str | None) -> None:
        count = cores_of(settings)
        self._takes = {"CPU": float(count), "GPU": settings.resources.get("gpus", 0.0)}
        self._most, self._asked, self._known = settings.workers, 0.0, 1
        self._owns = _start(address, count * (settings.workers or len(cores())))
        import ray

        self._ray = ray
        self._tasks = _RayPool(num_cpus=count, num_gpus=self._takes["GPU"])
        super().__init__(self._tasks, 1, count)
        self._where = address if address and "://" in address else "ray"
        try:
            self._check_resources()
            if address is not None:
                self._check_versions()
        except BaseException:
            self.close()
            raise

    def _check_resources(self) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(all(node.get(name, 0) >= share for name, share in self._takes.items())
                   for node in nodes):  # fmt: skip
            most = {name: max((node.get(name, 0) for node in nodes), default=0)
                    for name in self._takes}  # fmt: skip
            raise InputError(
                f"--resources must be what a node of Ray has, found cores={self._takes['CPU']:g} "
                f"and gpus={self._takes['GPU']:g} asked for and {most['CPU']:g} and "
                f"{most['GPU']:g} at most; ask for less, or add such a node"
            )

    def _check_versions(self) -> None:
        """Asks each node, unless it is too busy to answer: then its first task is refused."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        refs = []
        for node in self._ray.nodes():
            if node["Alive"]:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                probe = self._ray.remote(_call).options(num_cpus=0, scheduling_strategy=there)
                refs.append(probe.remote(version_problem, versions_here()))
        try:
            problems = self._ray.get(refs, timeout=_PROBE_SECONDS)
        except self._ray.exceptions.GetTimeoutError:
            return
        except Exception as error:  # whatever the import of this package raises there
            last = str(error).strip().splitlines()[-1:]
            raise InputError(
                "nodes of Ray must have stepladder installed, found on one of them "
                f"{type(error).__name__}: {''.join(last)}; install it there"
            ) from None
        problem = next(filter(None, problems), None)
        if problem:
            raise InputError(problem)

    @property
    def free(self) -> list[object]:
        """As many tasks as the cluster has cores and GPUs for, or as were asked for."""
        return [None] * max(0, (self._most or self._count()) - len(self._sent))

    def _count(self) -> int:
        if time.monotonic() - self._asked > _ASK_SECONDS:
            self._asked = time.monotonic()
            with suppress(Exception):  # a cluster that does not answer now: as before
                known = self._ray.cluster_resources()
                counts = (
                    known.get(name, 0) // share for name, share in self._takes.items() if share
                )
                self._known = max(1, int(min(counts)))
        return self._known

    def _data(self, dataset: Any) -> object:  # noqa: ANN401 - a dataset
        return self._ray.put(dataset)

    def cancel(self, task_id: str) -> None:
        """Ends a task wherever it is trained."""
        sent = self._sent.get(task_id)
        ref = self._tasks.refs.get(sent.future) if sent and sent.future else None
        super().cancel(task_id)
        if ref is not None:
            with suppress(Exception):  # it may have ended, or its node
                self._ray.cancel(ref, force=False)

    def close(self) -> None:
        """Ends all tasks, and Ray if it has started or joined it."""
        super().close()
        if self._owns:
            self._ray.shutdown()


def _start(address: str | None, count: int) -> bool:
    """Starts or joins Ray, unless this process has; whether it was."""
    if address is None:  # read as Ray is imported: then it listens on the loopback device alone
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        return False
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address is None:
        options |= {"num_cpus": count, "include_dashboard": False}
    try:
        if address and "://" in address:
            _wait_for(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says it too
            ray.init(address=address or "local", **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"--executor ray://HOST:PORT must name a Ray cluster that answers, found none at "
            f"{address!r} ({str(error).strip().splitlines()[0]}); start one with `ray start "
            "--head`, correct the address, or set RAY_AUTH_MODE and RAY_AUTH_TOKEN as it has them"
        ) from None
    return True


def _wait_for(address: str) -> None:
    """Waits some seconds for the server of an address; Ray itself would try for half a minute.

    Raises:
        OSError: if none answers.
    """
    import grpc

    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 10001
    socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    if os.environ.get("RAY_USE_TLS", "0") == "1":  # Ray has the certificates
        return
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
        except grpc.FutureTimeoutError:
            raise OSError(f"it said nothing for {_CONNECT_SECONDS:g} s") from None
