"""The studies that are trained for the comparison, beside the built-in ones."""

from __future__ import annotations

from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.study.techniques import Technique

RATES = tuple(float(f"{10 ** (exponent / 2):.3g}") for exponent in range(-8, 1))
"""Nine learning rates from 0.0001 to 1, two a decade."""


def learning_rates(replicates: int = 3, epochs: int = 20) -> Study:
    """The arm 784-50-50-50-50-10, ReLU, Adam, over nine learning rates."""
    base = Recipe(
        hidden=(50, 50, 50, 50),
        activation="relu",
        initializer="he_normal",
        optimizer="adam",
        learning_rate=RATES[0],
        batch_size=256,
        epochs=epochs,
    )
    return _ladder("learning-rates", base, RATES, replicates, validation=6000)


def short_trials(replicates: int) -> Study:
    """Ten arms of one short epoch each: what a trial costs beside its training."""
    rates = tuple(0.001 * (arm + 1) for arm in range(10))
    base = Recipe(
        hidden=(16,),
        activation="relu",
        optimizer="adam",
        learning_rate=rates[0],
        batch_size=64,
        epochs=1,
        train_examples=1000,
    )
    return _ladder(f"short-{10 * replicates}", base, rates, replicates, validation=500)


def structures(seed: int) -> Study:
    """The structures of the built-in `mnist` study after a small one, that takes the start-up."""
    mnist = Study.load("mnist")
    changed = {
        "hidden": (4,),
        "epochs": 3,
        "train_examples": 5000,
        "learning_rate": 0.001 * (1 + seed),
    }
    layers = Technique(name="layers", change={"hidden": mnist.base.hidden})
    return Study(
        name=f"structures-{seed}",
        base=mnist.base.changed(changed),
        techniques=(layers, *mnist.techniques),
        replicates=1,
        validation=1000,
        seed=seed,
    )


def _ladder(
    name: str, base: Recipe, rates: tuple[float, ...], replicates: int, validation: int
) -> Study:
    """A rung for each learning rate, the base first."""
    rungs = [Technique(name=f"rate {rate:g}", change={"learning_rate": rate}) for rate in rates[1:]]
    return Study(
        name=name, base=base, techniques=tuple(rungs), replicates=replicates, validation=validation
    )
