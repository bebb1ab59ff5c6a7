"""What any executor keeps to, ours or of somebody else: `stepladder.execution.base.Executor`.

An executor of your own is tested by an entry of `EXECUTORS`: a function that makes one, with two
places, from settings and a stack that closes what it has started.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

import importlib.util
import io
import multiprocessing
import socket
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from fake_store import FakeStore
from own_training import setup_of, write

import stepladder
from stepladder.data import own_data
from stepladder.data.synthetic import synthetic
from stepladder.errors import InputError, WorkerError
from stepladder.execution import machine
from stepladder.execution.base import Job, Task
from stepladder.execution.choice import make_executor
from stepladder.execution.futures import FuturesExecutor, executor_of
from stepladder.execution.local import LocalExecutor
from stepladder.execution.progress import QuietProgress
from stepladder.execution.scheduler import execute
from stepladder.execution.spool import SpoolExecutor
from stepladder.report.terminal import show_runs
from stepladder.runs.stored import RunState
from stepladder.study.params import Params
from stepladder.study.recipe import Recipe
from stepladder.study.trainer import UserTrainer
from stepladder.training.groups import Group
from stepladder.trials.trial import Trial

DATA = synthetic(examples=120, input_shape=(4,), classes=3, seed=1)


def _local(settings, stack):
    return stack.enter_context(LocalExecutor(settings))


def _threads(settings, stack):
    pool = stack.enter_context(ThreadPoolExecutor(2))
    return stack.enter_context(FuturesExecutor(pool))


def _processes(settings, stack):
    context = multiprocessing.get_context("spawn")
    pool = stack.enter_context(ProcessPoolExecutor(2, mp_context=context))
    return stack.enter_context(FuturesExecutor(pool))


def _named(name):
    def make(settings, stack):
        asked = machine.with_executor(settings, name, 2)
        return stack.enter_context(closing(make_executor(asked, Path("run"))))

    return make


def _joined_dask(settings, stack):
    """A scheduler and two workers, each a process of its own."""
    environment = {**os.environ, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}
    file = Path(stack.enter_context(_folder())) / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli"]
    roles = (
        ("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
         "--scheduler-file", str(file)),
        *2 * (("dask_worker", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1",
               "--scheduler-file", str(file)),),
    )  # fmt: skip
    for role, *words in roles:
        process = subprocess.Popen(
            [*command[:-1], f"distributed.cli.{role}", *words], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.terminate)
    from distributed import Client

    with Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        address = client.scheduler.address.removeprefix("tcp://")
    return _named(f"dask://{address}")(settings, stack)


def _folder():
    import tempfile

    return tempfile.TemporaryDirectory()


STUDY = """
name = "contract"
metric = "accuracy"
[trainer]
function = "train.py:train"
sha256 = { "train.py" = "0" }
"""


def _spool(settings, stack):
    """Two worker programs that see the run's folder."""
    folder = Path(stack.enter_context(_folder()))
    (folder / "study.toml").write_text(STUDY)
    command = [sys.executable, "-m", "stepladder", "worker", str(folder), "--allow-code"]
    for _ in range(2):
        worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        stack.callback(worker.wait)
        stack.callback(worker.terminate)
    return stack.enter_context(closing(SpoolExecutor(replace(settings, workers=2), folder)))


EXECUTORS = {
    "local": _local,
    "threads": _threads,
    "processes": _processes,
    "dask": _named("dask"),
    "dask joined": _joined_dask,
    "ray": _named("ray"),
    "spool": _spool,
}
PACKAGES = {"dask": "distributed", "dask joined": "distributed", "ray": "ray"}


def _parameters(*names):
    return [pytest.param(name, marks=_marks(name)) for name in names]


def _marks(name):
    if name not in PACKAGES:
        return [pytest.mark.slow] if name in ("threads", "spool") else []
    package, extra = PACKAGES[name], name.split()[0]
    needed = extra in os.environ.get("STEPLADDER_REQUIRE", "").split(",")
    is_missing = importlib.util.find_spec(package) is None and not needed
    return [
        pytest.mark.slow,
        pytest.mark.skipif(is_missing, reason=f"needs {package}"),
        pytest.mark.xdist_group(extra),  # one cluster at a time
    ]


FUNCTION = """
import os, random, signal, time
from pathlib import Path

def train(seed, context, how, place, number=0.0):
    print("printed")
    for epoch in (1, 2):
        context.report(epoch, loss=1 / epoch)
    mark = Path(place) / f"{how}-{context.replicate}"
    if how == "fails":
        raise ValueError("it does not like that")
    if how == "kills":
        (mark.with_suffix(".pid")).write_text(str(os.getpid()))
    if how.startswith("kills") and not mark.exists():
        mark.touch()
        os.kill(os.getppid() if how == "kills host" else os.getpid(), signal.SIGKILL)
        time.sleep(100)
    if how == "waits" and not mark.exists():
        mark.write_text(str(os.getpid()))
        time.sleep(1000)
    return {"accuracy": number + random.Random(seed).random() / 2, "pid": os.getpid()}
"""


class Functions:
    """Trials of a function of the user's own, their job, and what becomes of them."""

    def __init__(self, folder):
        write(folder, FUNCTION)
        self.folder = folder
        self.trainer = UserTrainer.load("train.py:train", folder)
        self.settings = machine.user_settings(min(2, len(machine.cores())), "function")
        self.user = setup_of(self.trainer, also=("pid",), output=folder / "output")
        self.checkpoints = folder / "checkpoints"
        self.job = Job(own_data("train.py:train"), self.settings, self.checkpoints, user=self.user)

    def trial(self, how="plain", replicate=0, number=0.0):
        values = {"how": how, "place": str(self.folder), "number": number}
        config = Params(trainer=self.trainer.identity, values=values)
        return Trial(config, "data", 0, 0, replicate, "function")

    def execute(self, trials, executor, on_failure=lambda failure: None, progress=None):
        store = FakeStore()
        execute(
            trials, trials, self.job.dataset, self.settings, progress or QuietProgress(), store,
            self.checkpoints, executor=executor, user=self.user, on_failure=on_failure,
        )  # fmt: skip
        return store.results([trial.id for trial in trials])


@pytest.fixture
def functions(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Functions(tmp_path)


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


def _marks_of_rest(name, is_rest):
    """Those of a test that tells little more than others, and takes long on a cluster."""
    return [*_marks(name), *([pytest.mark.cluster] if is_rest and name in PACKAGES else [])]


@pytest.fixture(params=[
    pytest.param(name, marks=_marks_of_rest(name, name == "dask joined")) for name in EXECUTORS
])  # fmt: skip
def executor(request, functions, stack):
    return EXECUTORS[request.param](functions.settings, stack)


def bits(results):
    """All that trials measured, but for their seconds and the processes that trained them."""
    return {
        trial_id: (
            repr((result.train, result.validation, result.test, result.diverged)),
            result.curve.train_loss.tobytes(), np.asarray(result.test_predictions).tobytes(),
        )
        for trial_id, result in results.items()
    }  # fmt: skip


def heard_until(executor, count, last=("finished", "lost", "failed")):
    """Messages by task, until so many tasks have ended."""
    heard, end = defaultdict(list), time.monotonic() + 120
    while sum(of[-1]["kind"] in last for of in heard.values()) < count:
        assert time.monotonic() < end, dict(heard)
        for event in executor.events(1.0):
            if event.task is not None:
                heard[event.task].append(event.message)
            if event.handled:
                event.handled()
    return heard


def wait_for(condition):
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_the_order_of_events_and_the_free_places(executor, functions):
    executor.open(functions.job)
    assert len(executor.free) == len(functions.settings.cpus)
    trials = [functions.trial(replicate=replicate) for replicate in (0, 1)]
    for number, trial in enumerate(trials):
        executor.submit(Task(f"t{number}", Group((trial,), 1)))
    assert list(executor.free) == []
    heard = heard_until(executor, 2)
    assert sorted(heard) == ["t0", "t1"]
    for number, trial in enumerate(trials):
        kinds = [message["kind"] for message in heard[f"t{number}"]]
        assert kinds[0] == "started"
        assert kinds[-2:] == ["result", "finished"]
        assert set(kinds[1:-2]) <= {"ready", "epoch"}
        assert heard[f"t{number}"][-2]["result"].trial == trial
    assert len(executor.free) >= 2  # a queue may hold more than is trained at once


def test_results_are_those_of_local_processes(executor, functions):
    trials = [functions.trial(number=number, replicate=replicate)
              for number in (0.1, 0.2) for replicate in (0, 1)]  # fmt: skip
    with LocalExecutor(functions.settings) as local:
        expected = functions.execute(trials, local)
    assert bits(functions.execute(trials, executor)) == bits(expected)
    assert not list(functions.checkpoints.glob("*"))


def test_a_failure_is_one_of_its_trial_alone(executor, functions):
    failures = []
    trials = [functions.trial("fails"), functions.trial()]
    found = functions.execute(trials, executor, failures.append)
    assert list(found) == [trials[1].id]
    assert [failure.trial for failure in failures] == trials[:1]
    assert "it does not like that" in failures[0].message


def test_trials_of_a_process_that_was_killed_are_tried_again(executor, functions):
    notes = []
    progress = QuietProgress()
    progress.note = notes.append
    trials = [functions.trial("kills", replicate) for replicate in (0, 1)]
    assert set(functions.execute(trials, executor, progress=progress)) == {t.id for t in trials}
    assert len(notes) == 2
    assert all("died (signal 9" in note for note in notes)


@pytest.mark.parametrize("name", _parameters("dask", "dask joined", "ray"))
def test_trials_of_an_engines_worker_that_was_killed_are_tried_again(name, functions, stack):
    executor = EXECUTORS[name](functions.settings, stack)
    trials = [functions.trial("kills host"), functions.trial(replicate=1)]
    assert set(functions.execute(trials, executor)) == {trial.id for trial in trials}


def test_a_pool_that_is_broken_ends_the_run_with_what_to_do(functions, stack):
    executor = _processes(functions.settings, stack)
    with pytest.raises(WorkerError, match=r"start the executor again.*What was finished is stored"):
        functions.execute([functions.trial("kills host")], executor)


def test_a_task_that_is_cancelled_ends_its_process_and_says_no_more(executor, functions):
    executor.open(functions.job)
    executor.submit(Task("long", Group((functions.trial("waits"),), 1)))
    mark = functions.folder / "waits-0"
    process = psutil.Process(int(wait_for(lambda: mark.exists() and mark.read_text())))
    executor.events(0)
    executor.cancel("long")
    psutil.wait_procs([process], timeout=30)
    assert not process.is_running()
    wait_for(lambda: not [*executor.events(0.1)] and len(executor.free) >= 2)
    executor.submit(Task("next", Group((functions.trial(replicate=1),), 1)))
    assert heard_until(executor, 1).keys() == {"next"}


def test_after_its_end_no_process_is_left(executor, functions, stack):
    trials = [functions.trial(replicate=replicate) for replicate in (0, 1)]
    found = functions.execute(trials, executor)
    pids = {int(result.measures["test"]["pid"]) for result in found.values()}
    assert all(psutil.pid_exists(pid) for pid in pids)
    executor.close()
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    assert psutil.wait_procs(processes, timeout=30)[1] == []
    assert not (functions.folder / ".hosts").exists()


@pytest.mark.parametrize("name", _parameters("processes", "dask", "ray"))
def test_a_timeout_is_kept_by_the_host(name, functions, stack):
    """No scheduler watches here: the host ends the process."""
    trainer = UserTrainer.load({"function": "train.py:train", "timeout": 2.0}, functions.folder)
    functions.job = replace(functions.job, user=setup_of(trainer, also=("pid",)))
    executor = EXECUTORS[name](functions.settings, stack)
    executor.open(functions.job)
    executor.submit(Task("long", Group((functions.trial("waits"),), 1)))
    failure, finished = heard_until(executor, 1)["long"][-2:]
    assert finished == {"kind": "finished"}
    assert failure["failure"].message == "it was stopped after its timeout of 2 s"


# The built-in networks.


@pytest.mark.slow
@pytest.mark.parametrize(("name", "engine"), [
    pytest.param(name, engine, marks=_marks_of_rest(name, engine == "fit"))
    for name in ("processes", "dask", "ray") for engine in ("population", "fit")
])  # fmt: skip
def test_networks_are_those_of_local_processes(name, engine, stack, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = replace(machine.settings(2, engine), endings_bytes=0)
    recipe = Recipe(hidden=[8, 6], batch_size=16, epochs=2)
    trials = [
        Trial(recipe.changed({"learning_rate": rate}), DATA.fingerprint, 20, 0, replicate,
              settings.engine_name)
        for rate in (0.1, 0.2) for replicate in (0, 1)
    ]  # fmt: skip

    def train(executor):
        store = FakeStore()
        execute(trials, trials, DATA, settings, QuietProgress(), store, tmp_path / "checkpoints",
                executor=executor)  # fmt: skip
        return bits(store.results([trial.id for trial in trials]))

    with LocalExecutor(settings) as local:
        expected = train(local)
    assert len(expected) == 4
    assert train(EXECUTORS[name](settings, stack)) == expected


@pytest.mark.parametrize("name", _parameters("processes", "dask", "ray"))
def test_data_are_sent_to_hosts_that_cannot_see_them(name, functions, stack, monkeypatch):
    """This driver has no cache; theirs is that of their own environment."""
    write(functions.folder, DATA_FUNCTION)
    trainer = UserTrainer.load("train.py:train", functions.folder)
    executor = EXECUTORS[name](functions.settings, stack)
    executor.free  # noqa: B018 - it may start workers, with the environment of before
    if name == "processes":
        executor._pool.submit(int).result()  # likewise
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    executor.open(replace(functions.job, dataset=DATA, user=setup_of(trainer)))
    config = Params(trainer=trainer.identity)
    trial = Trial(config, DATA.fingerprint, 20, 0, 0, "function")
    executor.submit(Task("t", Group((trial,), 1)))
    found = heard_until(executor, 1)["t"][-2]
    assert found["result"].test.accuracy == DATA.x_test.sum() / 1e6
    stored = functions.folder / "cache" / "stepladder" / "data" / DATA.fingerprint
    assert {file.name for file in stored.iterdir()} == {
        "x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy", "facts.json"
    }  # fmt: skip


DATA_FUNCTION = """
def train(context):
    return {"accuracy": context.data.x_test.sum() / 1e6}
"""


# Whole studies.


class OtherVersions(ThreadPoolExecutor):
    """Threads of a machine with another Keras."""

    def submit(self, fn, sent, *rest):
        other = {**sent.versions, "Keras": "2.0"}
        return super().submit(fn, replace(sent, versions=other), *rest)


def seeded(params, seed):
    return {"accuracy": params["add"] + seed % 1000 / 2000}


SEEDED = {"base": {"add": 0.0}, "techniques": {"more": {"add": 0.1}}, "replicates": 2}


def test_other_versions_on_a_worker_are_told_before_training(tmp_path):
    with (
        OtherVersions(1) as pool,
        pytest.raises(InputError, match=r"workers must have the versions.* in place of 2.0"),
    ):
        stepladder.compare(seeded, **SEEDED, out=tmp_path / "run", executor=pool)
    assert not (tmp_path / "run").exists()


def test_a_refusal_removes_nothing_that_was_there(tmp_path):
    stepladder.compare(seeded, **SEEDED, out=tmp_path / "run")
    more = {**SEEDED, "replicates": 3}
    with OtherVersions(1) as pool, pytest.raises(InputError, match="must have the versions"):
        stepladder.compare(seeded, **more, out=tmp_path / "run", executor=pool)
    again = stepladder.compare(seeded, **SEEDED, out=tmp_path / "run")
    assert (again.trained, again.found) == (0, 4)


def test_a_pool_of_the_users_gives_the_same_table_and_stays_open(tmp_path):
    expected = stepladder.compare(seeded, **SEEDED, out=tmp_path / "local")
    with ThreadPoolExecutor(2) as pool:
        found = stepladder.compare(seeded, **SEEDED, out=tmp_path / "run", executor=pool)
        assert pool.submit(int).result() == 0
    assert str(found) == str(expected)
    assert found.trained == 4
    assert not (tmp_path / "run" / ".hosts").exists()


def test_runs_show_what_trains_them(tmp_path):
    seen = []

    class Look(QuietProgress):
        def trial_started(self, trial):
            seen.append(executor_of(tmp_path / "run"))

    with ThreadPoolExecutor(1) as pool:
        stepladder.compare(
            seeded, **SEEDED, out=tmp_path / "run", executor=pool, progress=Look()
        )  # fmt: skip
    assert seen == 4 * ["ThreadPoolExecutor"]
    assert executor_of(tmp_path / "run") == ""
    shown = io.StringIO()
    show_runs([RunState("mine", training=2, executor="dask://node7:8786")], shown)
    assert "mine: 2 trials are being trained now by dask://node7:8786" in shown.getvalue()


def test_an_executor_of_unknown_size_needs_workers(tmp_path):
    class Nothing(ThreadPoolExecutor):
        _max_workers = property(lambda self: 0, lambda self, value: None)

    with pytest.raises(InputError, match="workers must say how many trainings Nothing runs"):
        stepladder.compare(seeded, **SEEDED, out=tmp_path / "run", executor=Nothing(1))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "dusk"}, "executor must be one of local, dask, ray.* found 'dusk'"),
        ({"executor": "dask", "workers": 0}, "workers= must be 1 or more, found 0"),
        ({"executor": "dask", "resources": {"cores": 0.5}}, "resources= must be cores=N"),
        ({"executor": "ray", "resources": {"memory": 1}}, "resources= must be cores=N"),
        ({"resources": {"cores": 1}}, "resources= is for an executor other than local"),
    ],
)
def test_options_that_no_executor_can_have(options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        stepladder.compare(seeded, **SEEDED, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("is_silent", [False, True])
@pytest.mark.parametrize("name", _parameters("dask", "ray"))
def test_a_scheduler_that_does_not_answer(name, is_silent, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:  # it accepts, and says nothing
        port = server.getsockname()[1] if is_silent else 9
        address = f"{name}://127.0.0.1:{port}"
        with pytest.raises(InputError, match=r"must name a .* that answers, found none at"):
            stepladder.compare(seeded, **SEEDED, out=tmp_path / "run", executor=address)
    assert not (tmp_path / "run").exists()
