"""Really trained studies of equal arms that are extended: how many ever have a false verdict.

    python benchmarks/trained_extensions.py [--studies N]

Each study has two arms of one recipe, a small network for the 8 × 8 digits of scikit-learn. The
arms differ in their seed alone, so in everything random: split, initial weights, order. Each is
judged at 5, 10, 20, 40 and 100 replicates, by the code that judges any study, and as if each
judgement were the only one. It prints the table of "Really trained networks" in
`docs/measured/calibration.md`. All is on one core: 200 studies are 40,000 trainings of each recipe.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.update(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX counts the cores

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.datasets import load_digits

from stepladder.data import Dataset
from stepladder.statistics.effects import effects
from stepladder.statistics.sequential import Occasion, effects_over_time
from stepladder.study.recipe import Recipe
from stepladder.training.groups import Group
from stepladder.training.population.engine import PopulationEngine
from stepladder.trials.trial import Trial

STEPS = (5, 10, 20, 40, 100)
STACK = 50  # replicates that one program trains together
COMMON = {"hidden": [16], "optimizer": "adam", "epochs": 1, "train_examples": 500}
RECIPES = {
    "sigmoid, 10 steps": Recipe(**COMMON, batch_size=50, learning_rate=0.05),
    "ReLU, 20 steps": Recipe(**COMMON, batch_size=25, learning_rate=0.03, activation="relu"),
}
SIGNED = ("helps", "hurts")

Floats = npt.NDArray[np.float64]


def digits() -> Dataset:
    """1,437 images for training and 360 for testing."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    x, y = pixels[order].reshape(-1, 8, 8).astype(np.float32), labels[order].astype(np.int32)
    return Dataset(name="digits", x_train=x[:1437], y_train=y[:1437], x_test=x[1437:],
                   y_test=y[1437:], class_names=tuple("0123456789"))  # fmt: skip


def trained(engine: PopulationEngine, data: str, recipe: Recipe, seed: int) -> Floats:
    """Test accuracies of one arm, shape (replicates,)."""
    trials = tuple(Trial(recipe, data, 100, seed, replicate) for replicate in range(STEPS[-1]))
    results = [
        result
        for first in range(0, len(trials), STACK)
        for result in engine.train(
            Group(trials[first : first + STACK], 1, STACK), lambda epoch: None
        )
    ]
    return np.array([result.score("test", "accuracy") for result in results])


def false_verdicts(arm: Floats, other: Floats) -> tuple[list[bool], list[bool]]:
    """Whether there is a verdict `helps` or `hurts` at each step: this rule, and each at 5 %."""
    ours, naive = [], []
    for n in STEPS:
        scores, pairs = {"arm": arm[:n].tolist(), "base": other[:n].tolist()}, [("arm", "base")]
        occasion = Occasion(STEPS[:1], (n,), {"arm": 1})
        judged, _ = effects_over_time(scores, pairs, occasion)
        ours.append(judged["arm"].verdict in SIGNED)
        naive.append(effects(scores, pairs)["arm"].verdict in SIGNED)
    return ours, naive


def row(name: str, rule: str, verdicts: npt.NDArray[np.bool_]) -> str:
    """A line of the table: verdicts have the shape (studies, steps)."""
    called = np.logical_or.accumulate(verdicts, axis=1)
    ever, count = int(called[:, -1].sum()), len(called)
    ends = binomtest(ever, count).proportion_ci(method="exact")  # Clopper-Pearson
    shares = " | ".join(f"{100 * share:.1f}" for share in called.mean(axis=0))
    low, high = 100 * ends.low, 100 * ends.high
    return f"| {name} | {rule} | {shares} | {ever} of {count}: {low:.1f} to {high:.1f} % |"


def main() -> None:
    """Trains all studies of each recipe and prints how many are ever called different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    count = parser.parse_args().studies
    dataset = digits()
    engine = PopulationEngine(dataset)
    print("| recipe | rule | " + " | ".join(f"to {n}" for n in STEPS)
          + " | ever, 95 % interval |")  # fmt: skip
    print("|---|---|" + "---:|" * len(STEPS) + "---|", flush=True)
    notes = []
    for name, recipe in RECIPES.items():
        began = time.process_time()
        scores = np.array([
            trained(engine, dataset.fingerprint, recipe, seed) for seed in range(2 * count)
        ]).reshape(count, 2, -1)  # fmt: skip
        seconds, (mean, spread) = time.process_time() - began, (scores.mean(), scores.std())
        notes.append(f"{name}: {scores.size:,} trainings in {seconds:.0f} s of one core, "
                     f"mean {100 * mean:.1f} %, spread {100 * spread:.1f} points")  # fmt: skip
        found = np.array([false_verdicts(*pair) for pair in scores])
        for rule, place in (("each at 5 %", 1), ("this rule", 0)):
            print(row(name, rule, found[:, place]), flush=True)
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
