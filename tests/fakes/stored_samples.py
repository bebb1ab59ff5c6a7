"""Trials and studies to store, made up, and what it means that two of them are the same."""

import sqlite3
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.store import Judgement, StudyRecord
from stepladder.study.params import Params
from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.trials.trial import (
    NO_HISTORY,
    UNSCORED,
    FinalState,
    History,
    HistorySummary,
    Probes,
    Score,
    Trial,
    TrialResult,
    TrialSummary,
)

DATASET = "d" * 64


def altered(path: Path, *statements: str) -> None:
    """Changes an SQLite file behind the store's back."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def trial(replicate: int = 0, **changes: Any) -> Trial:
    recipe = Recipe(hidden=[50, 50], activation="relu", optimizer="adam", batch_size=256)
    return Trial(**{
        "config": recipe, "dataset": DATASET, "validation": 6000, "seed": 7,
        "replicate": replicate, "numerics": 1, **changes,  # as in the databases of old releases
    })  # fmt: skip


def result(replicate: int = 0, epochs: int = 3, images: int = 11, **changes: Any) -> TrialResult:
    draw = np.random.default_rng(replicate)
    predictions = draw.integers(0, 10, images).astype(np.uint16)
    return TrialResult(**{
        "trial": trial(replicate),
        "curve": History(*draw.random((6, epochs))),
        "train": Score(*draw.random(2).tolist()),
        "validation": Score(*draw.random(2).tolist()),
        "test": Score(*draw.random(2).tolist()),
        "test_predictions": predictions,
        "test_correct": predictions < 9,
        "diverged": None,
        "parameters": 42_310,
        "seconds": 1.5,
        "versions": {"keras": "3.15.1", "jax": "0.10.2"},
        **changes,
    })  # fmt: skip


def judgement(count: int = 5, **changes: Any) -> Judgement:
    return Judgement(**{
        "study": "mine", "fingerprint": DATASET, "metric": "accuracy", "delta": 0.1,
        "looks": (count,), "is_adaptive": False, "comparisons": {"+ ReLU": "c" * 64},
        "replicates": {"+ ReLU": count}, "verdicts": {"+ ReLU": "helps"}, "level": 0.05,
        "command": "run", "at": datetime(2026, 1, 2, tzinfo=UTC), **changes,
    })  # fmt: skip


def probes(replicate: int = 0, epochs: int = 3) -> Probes:
    draw = np.random.default_rng(replicate)
    norms, dead = (draw.random((epochs, width)).astype(np.float32) for width in (3, 2))
    dead[-1] = np.nan
    nothing = np.full((epochs, 2), np.nan, np.float32)
    return Probes(("dense_1", "dense_2", "logits"), norms, ("dense_1", "Ø"), dead, nothing,
                  float(draw.random()), float("nan"))  # fmt: skip


def seen(replicate: int = 0) -> TrialResult:
    """A trial whose network was looked into."""
    signs = HistorySummary(best_epoch=2.0, best_val_loss=0.1, dead=0.25, dead_layer="Ø")
    return result(replicate, probes=probes(replicate), signs=signs)


def diverged(replicate: int = 0) -> TrialResult:
    nan = float("nan")
    curve = History(*(np.array([0.5, nan, nan]) for _ in fields(History)))
    score = Score(nan, nan)
    nothing = np.zeros(11, np.uint16)
    return result(
        replicate, curve=curve, train=score, validation=score, test=score, diverged=2,
        test_predictions=nothing, test_correct=nothing.astype(bool),
    )  # fmt: skip


def own(replicate: int = 0) -> TrialResult:
    """A trial of a training of the user's own."""
    nan, inf = float("nan"), float("inf")
    params = Params(trainer="t" * 64, values={"lr": 0.1, "net": {"depth": 2}, "names": ["a", "Ø"]})
    return TrialResult(
        trial=trial(replicate, config=params, engine="function", metrics=("auroc",)),
        curve=NO_HISTORY, train=UNSCORED, validation=UNSCORED, test=Score(nan, 0.5),
        test_predictions=np.zeros(0, np.uint16), test_correct=np.zeros(0, np.bool_),
        diverged=None, parameters=0, seconds=0.25, versions={"python": "3.11.2"},
        measures={"test": {"accuracy": 0.5, "auroc": 1 / 3}, "train": {"loss": nan, "ratio": -inf}},
        reported={"epoch": (1.0, 2.0), "loss": (0.5, nan)},
        per_example=np.array([0.0, 1.0, 0.25], np.float32),
    )  # fmt: skip


def valued(replicate: int = 0) -> TrialResult:
    """A trial that learnt values, and stopped early."""
    signs = HistorySummary(best_epoch=1.0, best_val_loss=0.1, stopped=2.0, scored_epoch=1.0)
    values = np.random.default_rng(replicate).normal(size=(11, 2)).astype(np.float32)
    recipe = Recipe(hidden=[5], loss="huber", patience=1, score_at="best")
    return result(
        replicate, trial=trial(replicate, config=recipe), signs=signs, test_values=values,
        test_predictions=np.zeros(0, np.uint16), test_correct=np.zeros(0, np.bool_),
    )  # fmt: skip


def study(name: str = "mine", **changes: Any) -> Study:
    return Study(**{
        "name": name, "validation": 6000, "base": Recipe(hidden=[50], max_norm=3.0),
        "techniques": ["Adam", {"name": "own", "change": {"hidden": [7, 7]}}], **changes,
    })  # fmt: skip


def record(name: str = "mine", **changes: Any) -> StudyRecord:
    return StudyRecord(**{
        "study": study(name), "dataset": "mnist", "fingerprint": DATASET,
        "sizes": {"train": 54_000, "validation": 6000, "test": 10_000},
        "classes": ("0", "1", "Ø"), "versions": {"keras": "3.15.1"},
        "machine": "a machine of 2 cores", "seconds": 0.5, **changes,
    })  # fmt: skip


def exact(value: Any) -> Any:
    """Something that is equal for equal bits and types: NaN equals NaN, 0 differs from −0."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, float):
        return float.hex(value)
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(exact, value))
    if isinstance(value, Score | History | Probes | HistorySummary | FinalState | TrialResult):
        return [(field.name, exact(getattr(value, field.name))) for field in fields(value)]
    return type(value), value


def assert_same(found: TrialResult | TrialSummary, expected: TrialResult | TrialSummary) -> None:
    for field in fields(expected):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        assert exact(ours) == exact(theirs), field.name
