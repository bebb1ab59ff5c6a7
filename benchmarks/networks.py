"""Lanes of a convolutional network: one beside four, and beside `keras.Model.fit`, on one core.

Run as `KERAS_BACKEND=jax XLA_FLAGS=--xla_cpu_multi_thread_eigen=false taskset -c 0 python
benchmarks/networks.py`.
"""

import hashlib
import time
from pathlib import Path

import numpy as np

from stepladder.data import load
from stepladder.study.recipe import Recipe
from stepladder.training.custom_model import Code, builder
from stepladder.training.groups import Group
from stepladder.training.heads import Head
from stepladder.training.keras_callbacks import Batches
from stepladder.training.keras_fit import make_model
from stepladder.training.population.engine import PopulationEngine
from stepladder.trials.trial import Trial

EXAMPLES = 2_560
FILE = Path(__file__).parents[1] / "tests" / "fakes" / "networks" / "conv.py"


def trials(code, lanes):
    """Trials of one structure that differ in their learning rates."""
    fields = {"model": f"{code.sha256}:build", "hidden": [8], "batch_size": 128}
    rates = [0.01 * (lane + 1) for lane in range(lanes)]
    recipes = [Recipe(learning_rate=rate, train_examples=EXAMPLES, **fields) for rate in rates]
    return tuple(Trial(recipe, "", 100, 0, 0) for recipe in recipes)


def main():
    """Prints three lines."""
    text = FILE.read_text("utf-8")
    code = Code(FILE.name, "build", hashlib.sha256(text.encode()).hexdigest(), text)
    build, dataset = builder(code), load("mnist")
    engine = PopulationEngine(dataset, build=build)
    for lanes in (1, 4):
        training = engine.begin(Group(trials(code, lanes), lanes))
        training.epoch(0).loss.block_until_ready()
        began = time.perf_counter()
        training.epoch(1).loss.block_until_ready()
        seconds = (time.perf_counter() - began) / lanes
        print(f"{lanes} lane(s): {seconds:.2f} s a trial and epoch of {EXAMPLES} images")
    (trial,) = trials(code, 1)
    head = Head("classification", dataset.classes)
    model = make_model(trial, dataset.input_shape, head, EXAMPLES, build)
    x = dataset.x_train[:EXAMPLES].astype(np.float32) / 255
    batches = Batches(x, dataset.y_train[:EXAMPLES], trial, head)
    model.fit(batches, shuffle=False, verbose=0)
    began = time.perf_counter()
    model.fit(batches, shuffle=False, verbose=0)
    print(f"keras.Model.fit: {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main()
