"""The machine: cores, memory, GPU, and the settings of the environment."""

import importlib.util
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs

from stepladder.data.memory import free_memory
from stepladder.errors import InputError
from stepladder.files import load_json
from stepladder.study.schema import check_name
from stepladder.training.checkpoints import SHARE
from stepladder.training.history import versions

EngineChoice = Literal["auto", "population", "fit"]
UserEngine = Literal["function", "command"]


@dataclass(frozen=True)
class Settings:
    """How and where to train; on a CPU nothing in it changes the numbers of a trial.

    Attributes:
        cpus: for each training process, the core it is pinned to; None leaves it unpinned.
        environment: variables that training processes are started with.
        keras_backend: backend of the fit engine: jax, tensorflow or torch.
        cache: folder of compiled programs, or None to keep none.
        machine: one line that says what this machine is.
        engine: what trains; `auto` is the population engine.
        device: what the population engine trains on.
        memory: bytes that all processes together may use; None where that is not known.
        checkpoint_seconds: checkpoints are so frequent that at most this much work is lost.
        endings_bytes: limit of the cached final states, from which trainings of more epochs
            resume; 0 for no such cache.
        patience: a training process that is silent for so many seconds, and for many times its
            longest epoch, hangs.
        shares: all the cores of a training process of the user's own, by its first one.
        executor: where groups are trained: "local", the name of another executor with an address
            where it has one (`dask://HOST:PORT`), or an executor itself; see `choice`.
        workers: places of an executor other than the local one; None where it says that itself.
        resources: of each training process of such an executor: "cores", and "gpus" of one.

    Example:
        >>> Settings((0, 1), {}, "jax", None, "a machine", engine="fit").engine_name
        'fit/jax'
    """

    cpus: tuple[int | None, ...]
    environment: Mapping[str, str] = field(repr=False)
    keras_backend: str
    cache: Path | None
    machine: str
    engine: EngineChoice | UserEngine = "auto"
    device: Literal["cpu", "gpu"] = "cpu"
    memory: int | None = None
    checkpoint_seconds: float = 60.0
    endings_bytes: int = 0
    patience: float = 600.0
    shares: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    executor: object = "local"
    workers: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)

    @property
    def engine_name(self) -> str:
        """The engine as trials record it: `population`, or `fit/` and its Keras backend."""
        if self.engine == "fit":
            return f"fit/{self.keras_backend}"
        return self.engine if self.is_user else "population"

    @property
    def is_user(self) -> bool:
        """Whether a training of the user's own trains."""
        return self.engine in ("function", "command")

    def cores_of(self, cpu: int | None) -> tuple[int, ...]:
        """The cores of a training process: its own, or a share of all for the user's code."""
        if cpu is None:
            return ()
        return self.shares.get(cpu, (cpu,))

    @property
    def endings(self) -> dict[str, Any] | None:
        """Arguments of `FinalStateCache`; None for no cache of final states."""
        if self.cache is None or not self.endings_bytes:
            return None
        return {
            "folder": self.cache.parent / "endings",
            "most": self.endings_bytes,
            "versions": {**versions(self.keras_backend), "on": f"{self.machine}, {self.device}"},
            # Who sets no seconds wants to lose nothing, whatever writing costs.
            "share": SHARE if self.checkpoint_seconds else math.inf,
        }


_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}
_ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    **_QUIET,
}
_CGROUP = Path("/sys/fs/cgroup")
_ENDINGS_MB = 1000
_BACKENDS = ("jax", "tensorflow", "torch")


def settings(workers: int | None = None, engine: EngineChoice = "auto") -> Settings:
    """The settings of a run on this machine.

    Args:
        workers: training processes; when None one for each core that may be used, or one where
            JAX has a GPU.
        engine: what trains.

    Raises:
        InputError: if there are fewer cores than workers, there is no such engine, or the Keras
            backend asked for is not installed.
    """
    check_name("engine must be auto, population or fit", engine, get_args(EngineChoice))
    usable = cores()
    device: Literal["cpu", "gpu"] = "gpu" if engine != "fit" and has_gpu() else "cpu"
    count = _count_workers(workers, len(usable) if device == "cpu" else 1, len(usable))
    backend = keras_backend() if engine == "fit" else "jax"
    return Settings(
        cpus=tuple(usable[:count]) if device == "cpu" else (None,) * count,
        environment={
            **_own_environment(),
            **(_ONE_THREAD if device == "cpu" else {}),
            "KERAS_BACKEND": backend,
            "JAX_PLATFORMS": "cpu" if device == "cpu" else "cuda,cpu",
        },
        keras_backend=backend,
        cache=cache_folder(),
        machine=_machine(len(usable)),
        engine=engine,
        device=device,
        memory=free_memory(),
        checkpoint_seconds=_number("STEPLADDER_CHECKPOINT_SECONDS", Settings.checkpoint_seconds),
        endings_bytes=int(1e6 * _number("STEPLADDER_ENDINGS_MB", _ENDINGS_MB, "megabytes")),
        patience=_number("STEPLADDER_PATIENCE_SECONDS", Settings.patience),
    )


def user_settings(workers: int | None, engine: UserEngine) -> Settings:
    """The settings of a run that trains by the user's own code, in the user's own environment.

    Each process has a share of the cores; libraries are told to use as many threads, unless the
    user's variables say otherwise.

    Raises:
        InputError: if there are fewer cores than workers.
    """
    usable = cores()
    count = _count_workers(workers, len(usable), len(usable))
    shares = {cpu: tuple(core for core in usable[place::count] if core is not None)
              for place, cpu in enumerate(usable[:count]) if cpu is not None}  # fmt: skip
    threads = str(max(1, len(usable) // count))
    limits = {name: threads for name, text in _ONE_THREAD.items() if text == "1"}
    return Settings(
        cpus=tuple(usable[:count]),
        environment={**limits, **os.environ},
        keras_backend="",
        cache=None,
        machine=_machine(len(usable)),
        engine=engine,
        memory=free_memory(),
        patience=0,  # a training that reports nothing is silent; `timeout` limits it
        shares=shares,
    )


def with_executor(
    here: Settings,
    executor: object,
    workers: int | None,
    resources: Mapping[str, float] | None = None,
) -> Settings:
    """The settings of a run whose trials an executor trains, perhaps on other machines.

    Args:
        here: settings of this machine.
        executor: its name and address, a `concurrent.futures.Executor`, or one of ours.
        workers: its places; None where it says that itself.
        resources: "cores" and "gpus" of each training process.

    Raises:
        InputError: if one of them will not do.

    Example:
        >>> here = Settings((0, 1), {}, "jax", None, "a machine")
        >>> with_executor(here, "dask", 64).cpus[:2]
        (None, None)
    """
    if workers is not None and workers < 1:
        raise InputError(f"--workers must be 1 or more, found {workers}; leave it out for all")
    for name, number in (resources or {}).items():
        is_share = name == "gpus" and 0 < number < math.inf
        if not (is_share or (name == "cores" and number >= 1 and number == int(number))):
            raise InputError(
                f"--resources must be cores=N or gpus=SHARE with a number above 0, found "
                f"{name}={number:g}; write --resources cores=2, for example"
            )
    return replace(
        here, executor=executor, workers=workers, resources=dict(resources or {}), memory=None,
        cpus=(None,) * (workers or len(here.cpus)), shares={},
        endings_bytes=0,  # other machines do not have the states that this one has cached
    )  # fmt: skip


def deciding_variables(settings: Settings) -> dict[str, str]:
    """The variables of training processes that decide numbers, wherever they train.

    Example:
        >>> deciding_variables(Settings((0,), {"HOME": "", "MKL_NUM_THREADS": "1"}, "", None, ""))
        {'MKL_NUM_THREADS': '1'}
    """
    deciding = (*_ONE_THREAD, "KERAS_BACKEND", "JAX_PLATFORMS")
    asked = settings.environment
    return {name: asked[name] for name in deciding if name in asked}


def host_environment(settings: Settings, count: int) -> dict[str, str]:
    """Variables of a training process on the machine that calls this, for the driver's settings.

    What decides numbers is as in the driver, everything else as it is here.

    Args:
        settings: of the driver, with `deciding_variables` alone.
        count: cores of the process.
    """
    if settings.is_user:
        limits = {name: str(count) for name, text in _ONE_THREAD.items() if text == "1"}
        return {**limits, **os.environ}
    return {**_own_environment(), **settings.environment}


def _count_workers(workers: int | None, usual: int, usable: int) -> int:
    count = usual if workers is None else workers
    if not 1 <= count <= usable:
        raise InputError(
            f"--workers must be 1 to {usable}, the cores that this process may use, "
            f"found {count}; leave it out to use all of them"
        )
    return count


def model_environment() -> dict[str, str]:
    """Variables of a process that holds a Keras model: on JAX and the CPU, on all cores."""
    return {**_own_environment(), "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **_QUIET}


_DECIDES_NUMBERS = ("JAX_", "KERAS_", "XLA_FLAGS")
"""Beginnings of variables that may change what a training computes, or end it."""


def _own_environment() -> dict[str, str]:
    """The user's variables without those that decide numbers or end an import of Keras.

    A `keras.json` with another image data format gives other figures under the same trial ids.
    Only `KERAS_TORCH_DEVICE` stays: it says where a backend computes, not what.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_DECIDES_NUMBERS) or name == "KERAS_TORCH_DEVICE"
    }
    # Keras can neither read nor write a keras.json there; it imports Matplotlib, which ends with
    # a traceback at a backend that it lacks.
    return {**inherited, "KERAS_HOME": os.devnull, "MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}


def _number(name: str, usual: float, unit: str = "seconds") -> float:
    text = os.environ.get(name)
    if not text:
        return usual
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(
            f"{name} must be a number of {unit} from 0, found {text!r}; set {usual:g}, or unset it"
        )
    return number


def cores() -> list[int | None]:
    """The cores that this process may use, by affinity and cgroup quota; None where unpinnable."""
    if not hasattr(os, "sched_getaffinity"):
        return [None] * (os.cpu_count() or 1)
    allowed: list[int | None] = [*sorted(os.sched_getaffinity(0))]
    quota = _quota(_CGROUP / "cpu.max")
    return allowed[: max(1, min(len(allowed), quota))] if quota else allowed


def _quota(file: Path) -> int | None:
    """Cores of a cgroup's quota (version 2), rounded up; None where there is none."""
    try:
        quota, period = file.read_text().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        return None


def has_gpu() -> bool:
    """Whether there is a GPU, JAX's plugin for it, and no `JAX_PLATFORMS=cpu`; imports nothing."""
    if os.environ.get("JAX_PLATFORMS", "").split(",")[0] == "cpu":
        return False
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    installed = any(importlib.util.find_spec(plugin) for plugin in plugins)
    return installed and Path("/dev/nvidiactl").exists()


def keras_backend() -> str:
    """The user's Keras backend: `KERAS_BACKEND`, else `keras.json` if installed, else JAX.

    Keras itself writes `keras.json` with TensorFlow in it, whether that is there or not, so the
    file counts only where its backend is installed.

    Raises:
        InputError: if `KERAS_BACKEND` names one that is unknown or not installed.
    """
    backend = os.environ.get("KERAS_BACKEND")
    if backend:
        if backend in _BACKENDS and importlib.util.find_spec(backend):
            return backend
        raise InputError(
            f"KERAS_BACKEND must be one of {', '.join(_BACKENDS)} and installed, found "
            f"{backend!r}; install it, or set KERAS_BACKEND=jax"
        )
    # Not Path.home(), which raises where a user has no home.
    home = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))
    try:
        backend = load_json(home / "keras.json").get("backend")
    except (OSError, ValueError, AttributeError):
        return "jax"
    return backend if backend in _BACKENDS and importlib.util.find_spec(backend) else "jax"


def cache_folder() -> Path | None:
    """The folder of compiled programs, or None where no folder can be written."""
    try:
        folder = Path(platformdirs.user_cache_dir("stepladder")) / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None
    return folder if os.access(folder, os.W_OK) else None


def ledger_folder() -> Path | None:
    """The folder of this user's test-set accesses; None where it is switched off or not known.

    `STEPLADDER_LEDGER` names another folder, or is `off`.
    """
    asked = os.environ.get("STEPLADDER_LEDGER")
    if asked:
        return None if asked == "off" else Path(asked)
    try:
        return Path(platformdirs.user_state_dir("stepladder")) / "looks"
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None


def _machine(usable: int) -> str:
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        pass
    return f"{name}, {usable} {'core' if usable == 1 else 'cores'}, {platform.system()}"
