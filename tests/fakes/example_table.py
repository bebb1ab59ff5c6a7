"""A published table and results that follow a rule."""

import numpy as np
from example_run import trials_by_arm
from fake_store import FakeStore
from fake_training import noise, record_of, result_of

from stepladder import PublishedTable
from stepladder.data.synthetic import synthetic
from stepladder.runs.judging import judge
from stepladder.runs.plan import RunContext, trials_of
from stepladder.runs.reproduction import reproduction
from stepladder.store import StudyRecord
from stepladder.trials.trial import NO_HISTORY, UNSCORED, TrialResult

BASE = {"hidden": [6], "activation": "sigmoid", "epochs": 2, "batch_size": 16}
ROWS = [
    {"name": "naive", "reported": 30, "change": {}},
    {"name": "ReLU", "reported": "~90.0", "runs": 1, "readings": [
        {"name": "far", "techniques": ["ReLU"]},
        {"name": "near", "techniques": ["ReLU"], "change": {"batch_size": 4}},
    ]},
    {"name": "dropout", "reported": "80.0", "readings": [
        {"name": "on ReLU", "techniques": ["ReLU", "dropout"]},
        {"name": "on Adam", "techniques": ["ReLU", "Adam", "dropout"]},
    ]},
]  # fmt: skip


def accuracy(trial):
    """What a recipe comes to, and its luck."""
    recipe = trial.recipe
    mean = 0.3 if recipe.activation == "sigmoid" else 0.85
    mean += 0.05 * (recipe.batch_size == 4) + 0.1 * (recipe.optimizer == "adam")
    return mean - 0.05 * (recipe.dropout > 0) + noise(trial)


def judged(rows=ROWS, rule=accuracy, replicates=5, trained=None, only=("",), **fields):
    """A table judged by results that follow a rule, and its rows by name."""
    table = PublishedTable(
        name="t", source="them", base=BASE, rows=rows, replicates=replicates, **fields
    )
    store, data = FakeStore(), synthetic(100, (4, 4), 4, seed=2)
    record = record_of(table.study, data)
    store.put_study(record)
    sizes = record.sizes["validation"]
    for arm, trials in trials_by_arm(table.study, data.fingerprint, sizes, "population").items():
        for trial in trials[: trained if arm.startswith(tuple(only)) else 0]:
            store.add(result_of(trial, rule(trial)))
    made = reproduction(table, judge(store, record, "population", "test", curves=False))
    return made, {row.row.name: row for row in made.rows}


def judged_own(rows, rule, replicates=5, **fields):
    """A table of a training of the user's own, judged by scores that follow a rule."""
    table = PublishedTable(name="t", source="them", rows=rows, replicates=replicates, **fields)
    study, store = table.study, FakeStore()
    record = StudyRecord(study, "d", "data", {}, (), {}, "m")
    store.put_study(record)
    for trials in trials_of(RunContext(study, "data", 0, "command", 0)).values():
        for trial in trials:
            if not store.has([trial.id]):
                measures = {"test": {study.judged.name: rule(trial)}}
                store.add(
                    TrialResult(trial, NO_HISTORY, UNSCORED, UNSCORED, UNSCORED,
                                np.zeros(0, np.uint16), np.zeros(0, np.bool_), None, 0, 1.0, {},
                                measures=measures)
                )  # fmt: skip
    made = reproduction(table, judge(store, record, "command", "test", curves=False))
    return made, {row.row.name: row for row in made.rows}
