"""Results of trainings of a user's own, of any metric, without training anything."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from stepladder.runs.results import ArmResult, ArmTuning, Results, TriedValues, Tuned
from stepladder.statistics.effects import effects
from stepladder.statistics.factorial import factorial
from stepladder.statistics.intervals import estimate
from stepladder.study.study import Study
from stepladder.trials.trial import NO_HISTORY, PARTS

RMSE = {"name": "rmse", "better": "lower", "delta": 0.05, "unit": "kWh"}
TECHNIQUES = ("dropout", "layer norm", "augmentation")
WORTH = (-0.25, -0.12, 0.3)
"""What each technique adds to a score of about 1."""


def curves(end, epochs=10, names=("rmse", "loss"), scale=1.0):
    """What a training reports that ends at a score."""
    steps = range(1, epochs + 1)
    values = {name: tuple(scale * (end + math.exp(-step / 3)) for step in steps) for name in names}
    return {"epoch": tuple(map(float, steps)), **values}


def own_results(
    metric=RMSE, design="one_at_a_time", replicates=5, scale=1.0, offset=0.0, reports=curves,
    techniques=TECHNIQUES, worth=WORTH, validation=True, also=(),
) -> Results:  # fmt: skip
    """A study of a command; scores are `offset + scale * (1 + worth)`, with some noise."""
    study = Study(
        name="own", design=design, replicates=replicates, metric=metric, also=also,
        trainer={"command": ["train", *(f"{{key{place}}}" for place in range(len(techniques)))]},
        base={f"key{place}": 0 for place in range(len(techniques))},
        techniques=[{"name": name, "change": {f"key{place}": 1}}
                    for place, name in enumerate(techniques)],
    )  # fmt: skip
    rng, judged = np.random.default_rng(5), study.judged
    noise = 0.03 * rng.standard_normal(replicates)
    scores = {}
    for arm in study.arms:
        on = [arm.config.values[f"key{place}"] for place in range(len(techniques))]
        own = 1 + noise + 0.01 * rng.standard_normal(replicates) + np.dot(on, worth)
        scores[arm.name] = (offset + scale * own).tolist()
    pairs = [(arm.name, arm.compared_with) for arm in study.arms if arm.compared_with]
    found = effects(scores, pairs, delta=study.delta, metric=judged)
    nothing = estimate([math.nan] * replicates, metric=judged)
    arms = tuple(
        ArmResult(
            arm=arm, n=replicates, diverged=0, train=nothing,
            validation=estimate(scores[arm.name], metric=judged) if validation else nothing,
            test=estimate(scores[arm.name], metric=judged), effect=found.get(arm.name),
            curves=(NO_HISTORY,) * replicates, reported=None, parameters=None,
            seconds=replicates * (1.0 + place),
            also={one.name: dict.fromkeys(PARTS, nothing) for one in study.recorded},
            reported_curves=tuple(reports(score) for score in scores[arm.name]),
        )
        for place, arm in enumerate(study.arms)
    )  # fmt: skip
    results = Results(
        study=study, dataset="the data of train", fingerprint="ab" * 32, sizes={}, classes=(),
        arms=arms, looks=1, finished=True, versions={"engine": "command"}, machine="a machine",
        seconds=3.0,
    )  # fmt: skip
    if design != "factorial":
        return results
    by_cell = {cell.combination: scores[cell.arm] for cell in study.cells}
    return replace(results, readout=factorial(by_cell, techniques, metric=judged))


def tuned(results: Results) -> Results:
    """The results as those of a fair study, whose second candidate has the lowest score."""
    means = (1.0, 0.5, 2.0)
    tried = tuple(TriedValues((rate,), (mean - 0.1, mean + 0.1), mean)
                  for rate, mean in zip((0.1, 0.2, 0.4), means, strict=True))  # fmt: skip
    arms = tuple(ArmTuning(arm.arm.name, tried, (0.2,), (0.1,), ()) for arm in results.arms)
    grid = {"lr": (0.1, 0.2, 0.4)}
    return replace(results, tuned=Tuned(grid, grid, 0, 2, 1, arms, 24, 1.0))
