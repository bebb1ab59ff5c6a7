"""What any trainer keeps to, ours or of somebody else: `Engine.train(group, on_epoch)`.

A trainer of your own is tested by an entry of `TRAINERS`: a class with the folder to work in, that
makes an engine and trials of it.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

import math
import queue
import sys

import numpy as np
import pytest
from own_training import setup_of, write

from stepladder.data.synthetic import synthetic
from stepladder.execution.local import Worker
from stepladder.execution.machine import user_settings
from stepladder.study.params import Params
from stepladder.study.recipe import Recipe
from stepladder.study.trainer import UserTrainer
from stepladder.training.command import CommandEngine
from stepladder.training.function import FunctionEngine, TrialFailure, make_user_result
from stepladder.training.groups import Group
from stepladder.training.worker import Engine
from stepladder.trials.trial import Trial, TrialResult

DATA = synthetic(examples=120, input_shape=(4,), classes=3, seed=1)
NUMBERS = (0.01, 0.02)  # of two arms
DIVERGING = 1e30


class Networks:
    """The engines of the built-in networks: an arm is a learning rate."""

    name = "population"

    def __init__(self, folder):
        pass

    def engine(self) -> Engine:
        from stepladder.training.population.engine import PopulationEngine

        return PopulationEngine(DATA)

    def trial(self, number, replicate=0):
        recipe = Recipe(hidden=[8, 6], batch_size=16, epochs=2,
                        learning_rate=number)  # fmt: skip
        return Trial(recipe, DATA.fingerprint, 20, 0, replicate, self.name)


class Fit(Networks):
    name = "fit/jax"

    def engine(self) -> Engine:
        from stepladder.training.keras_fit import FitEngine

        return FitEngine(DATA)


FUNCTION = """
import random

def train(number, seed, context):
    print("printed")
    for epoch in (1, 2):
        context.report(epoch, loss=1 / epoch)
    if number > 1:
        return {"accuracy": float("nan")}
    return {"accuracy": number + random.Random(seed).random() / 2}
"""


class Function:
    """A function of the user's own: an arm is a number that it adds."""

    def __init__(self, folder):
        self.folder = folder
        write(folder, FUNCTION)
        self.trainer = UserTrainer.load(self.source(), folder)
        self.setup = setup_of(self.trainer, output=folder / "output")

    def source(self):
        return "train.py:train"

    def engine(self) -> Engine:
        return FunctionEngine(self.setup, self.folder / "checkpoints")

    def trial(self, number, replicate=0):
        config = Params(trainer=self.trainer.identity, values={"number": number})
        return Trial(config, "data", 0, 0, replicate, self.trainer.engine)


COMMAND = """
import json, random, sys
number, seed = float(sys.argv[1]), int(sys.argv[2])
for epoch in (1, 2):
    print(json.dumps({"epoch": epoch, "loss": 1 / epoch}))
accuracy = float("nan") if number > 1 else number + random.Random(seed).random() / 2
print(json.dumps({"accuracy": accuracy}))
"""


class Command(Function):
    def source(self):
        write(self.folder, COMMAND)
        return {"command": [sys.executable, "-S", "train.py", "{number}", "{seed}"]}

    def engine(self) -> Engine:
        return CommandEngine(self.setup, self.folder / "checkpoints")


class ThirdParty(Function):
    """What somebody else may write with nothing but the protocol."""

    def engine(self) -> Engine:
        given = self.setup

        class Guess:
            def train(self, group, on_epoch):
                for trial in group.trials:
                    on_epoch(1)
                    number = trial.config.values["number"]
                    luck = np.random.default_rng([trial.seed, trial.replicate]).random() / 2
                    diverged = number > 1
                    accuracy = math.nan if diverged else number + luck
                    answer = {"accuracy": accuracy}
                    yield make_user_result(trial, answer, {}, 0.0, given)

        return Guess()


TRAINERS = (Networks, Fit, Function, Command, ThirdParty)


@pytest.fixture(
    params=[
        pytest.param(kind, id=kind.__name__,
                     marks=pytest.mark.slow if issubclass(kind, Networks) else ())
        for kind in TRAINERS
    ]
)  # fmt: skip
def trainer(request, tmp_path):
    path = sys.path[:]
    yield request.param(tmp_path)
    sys.path[:] = path
    sys.modules.pop("train", None)


def trained(engine, trials, on_epoch=lambda epoch: None):
    return list(engine.train(Group(tuple(trials), len(NUMBERS)), on_epoch))


def bits(result):
    """All that a trial measured, but for its seconds."""
    curve = result.curve
    arrays = [curve.train_loss, curve.val_loss, result.test_predictions, *result.reported.values()]
    scores = [result.train, result.validation, result.test, result.diverged]
    return [np.asarray(array).tobytes() for array in arrays], repr((scores, result.measures))


def test_there_is_one_result_for_each_trial_in_order(trainer):
    trials = [trainer.trial(number) for number in NUMBERS]
    found = trained(trainer.engine(), trials)
    assert [result.trial for result in found] == trials
    assert all(isinstance(result, TrialResult) and result.seconds >= 0 for result in found)
    assert all(result.diverged is None for result in found)
    assert all(math.isfinite(result.test.accuracy) for result in found)


def test_the_same_trial_has_the_same_result(trainer):
    trials = [trainer.trial(number) for number in NUMBERS]
    one, two = (trained(trainer.engine(), trials) for _ in range(2))
    assert [*map(bits, one)] == [*map(bits, two)]


def test_neither_an_extra_arm_nor_the_order_changes_another_trial(trainer):
    first, second = (trainer.trial(number) for number in NUMBERS)
    engine = trainer.engine()
    both = trained(engine, [first, second])
    assert bits(trained(trainer.engine(), [second])[0]) == bits(both[1])
    assert bits(trained(engine, [first])[0]) == bits(both[0])


def test_replicates_differ(trainer):
    engine = trainer.engine()
    found = [trained(engine, [trainer.trial(0.01, replicate)])[0] for replicate in (0, 1)]
    assert bits(found[0]) != bits(found[1])


def test_nan_is_a_divergence_and_no_failure(trainer):
    (found,) = trained(trainer.engine(), [trainer.trial(DIVERGING)])
    assert isinstance(found, TrialResult)
    assert found.diverged is not None
    assert found.diverged >= 1


def test_epochs_are_reported(trainer):
    epochs: list[int] = []
    trained(trainer.engine(), [trainer.trial(0.01)], epochs.append)
    assert epochs
    assert all(type(epoch) is int and epoch >= 0 for epoch in epochs)
    numbered = [epoch for epoch in epochs if epoch]
    assert numbered == sorted(set(numbered))


def test_nothing_is_printed(trainer, capfd):
    trained(trainer.engine(), [trainer.trial(0.01)])
    os.write(2, b".")  # what Keras and JAX say while they are imported may be on stderr
    assert capfd.readouterr().out in ("", "printed\n")  # pytest has its own sys.stdout


# In a training process.


WITHIN = """
import os, sys
HEAVY = ("keras", "jax", "tensorflow", "torch", "matplotlib", "optuna", "sqlalchemy")

def train(line, seed, context):
    print("x" * 100_000)
    exec(line)
    return {"accuracy": 1.0, "heavy": sum(name in sys.modules for name in HEAVY)}
"""
LINES = {
    "prints": "print('\\x80\\x04' * 1000, flush=True)",
    "writes": "os.write(1, b'\\x80\\x04N.' * 1000)",
    "closes": "os.close(1)",
    "closes all": "sys.stdout.close(); sys.stderr.close()",
    "child": "import subprocess; subprocess.run([sys.executable, '-c', 'print(1)'], check=True)",
    "reads": "assert sys.stdin.read() == ''",
    "forks": "\nif os.fork() == 0:\n    os._exit(0)\nos.wait()",
    "returns twice": "os.fork()",
    "raises in a fork": "\nif os.fork() == 0:\n    raise ValueError",
    "exits a fork": "\nif os.fork() == 0:\n    sys.exit()",
    "leaves a thread": "from threading import Event, Thread; Thread(target=Event().wait).start()",
    "leaves a process": "import subprocess; subprocess.Popen(['sleep', '1000'])",
    "signals": "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
}  # fmt: skip


def served(trainer, trials, folder):
    """What a training process says about trials, one after the other."""
    events: queue.SimpleQueue = queue.SimpleQueue()
    settings = user_settings(1, trainer.engine)
    setup = setup_of(trainer, output=folder / "output")
    worker = Worker(DATA, settings, None, events, folder / "checkpoints", user=setup)
    try:
        assert events.get(timeout=60)[1] == {"kind": "ready"}
        for trial in trials:
            worker.train(Group((trial,), 1))
            while (message := events.get(timeout=60)[1])["kind"] == "epoch":
                pass
            assert events.get(timeout=60)[1] == {"kind": "idle"}
            yield message.get("result") or message["failure"]
    finally:
        worker.end()


def test_nothing_that_a_function_does_breaks_the_protocol(tmp_path):
    write(tmp_path, WITHIN)
    trainer = UserTrainer.load("train.py:train", tmp_path)
    trials = {name: Trial(Params(trainer=trainer.identity, values={"line": line}), "data", 0, 0, 0,
                          "function") for name, line in LINES.items()}  # fmt: skip
    for name, found in zip(trials, served(trainer, trials.values(), tmp_path), strict=True):
        assert not isinstance(found, TrialFailure), (name, found)
        assert found.trial == trials[name]
        assert found.measures["test"] == {"accuracy": 1.0, "heavy": 0.0}, name


START_METHODS = """
import concurrent.futures, multiprocessing

def square(x):
    return x * x

def train(method, seed):
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        return {"accuracy": sum(pool.map(square, [0.5, 0.5]))}
"""


@pytest.mark.parametrize(
    "method",
    ["fork", pytest.param("spawn", marks=pytest.mark.slow),
     pytest.param("forkserver", marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_function_may_start_processes_by_any_method(method, tmp_path):
    write(tmp_path, START_METHODS)
    trainer = UserTrainer.load("train.py:train", tmp_path)
    config = Params(trainer=trainer.identity, values={"method": method})
    (found,) = served(trainer, [Trial(config, "data", 0, 0, 0, "function")], tmp_path)
    assert found.test.accuracy == 0.5, found


LIBRARIES = """
import json, os, sys
names = ("keras", "jax", "tensorflow", "torch", "matplotlib", "sqlalchemy")
maps = open(f"/proc/{os.getppid()}/maps").read()
print(json.dumps({"accuracy": float(any(f"/{name}/" in maps for name in names))}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_of_a_command_imports_neither_keras_nor_jax(tmp_path):
    write(tmp_path, LIBRARIES, "run.py")
    trainer = UserTrainer.load({"command": [sys.executable, "run.py"]}, tmp_path)
    trial = Trial(Params(trainer=trainer.identity), "data", 0, 0, 0, "command")
    (found,) = served(trainer, [trial], tmp_path)
    assert found.test.accuracy == 0.0
