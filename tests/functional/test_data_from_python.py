"""Studies of data from Python: trained, resumed by command, and refused where the data are gone."""

import gc
import shutil
from pathlib import Path

import numpy as np
import pytest

import stepladder

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(120, 4)).astype(np.float32)
Y = np.array(["low", "high"])[(X[:, 0] > 0).astype(int)]
FOUR = X[:80], Y[:80], X[80:], Y[80:]
BASE = {"hidden": [4], "epochs": 2}


def study(**more):
    given = {"name": "s", "base": BASE, "replicates": 2, "dataset": FOUR, **more}
    return stepladder.Study(**given)


@pytest.mark.slow
def test_a_run_has_its_data_and_is_resumed_by_command_wherever_it_lies(in_process):
    first = stepladder.run(study(), out="run", workers=1)
    assert (first.trained, first.results.classes) == (2, ("high", "low"))
    assert stepladder.run(study(), out="run", workers=1).trained == 0
    held = stepladder.dataset(FOUR).arrays
    assert sorted(path.name for path in Path("run", "data").iterdir()) == [held, f"{held}.lock"]
    shutil.move("run", "moved")
    gc.collect()  # this process forgets the data
    code, out, _ = in_process("run", "moved", "--replicates", "3", "--workers", "1")
    assert (code, "3 replicates" in out) == (0, True)
    shutil.rmtree("moved/data")
    assert in_process("results", "moved")[0] == 0
    code, _, err = in_process("run", "moved", "--replicates", "4")
    assert code == 2
    assert "data: the data that were given from Python must be there, found none" in err
    assert stepladder.run(study(replicates=4), out="moved", workers=1).trained == 1


@pytest.mark.slow
def test_several_data_sets_keep_theirs(place, in_process):
    other = (FOUR[0] * 2, FOUR[1], FOUR[2] * 2, FOUR[3])
    several = study(datasets=[FOUR, stepladder.dataset(other, name="twice")])
    finished = stepladder.run(
        several.changed({"dataset": several.datasets[0]}), out="many", workers=1
    )
    assert sorted(finished.runs) == ["data", "twice"]
    again = stepladder.Study.load("many/study.toml")
    assert [source.folder for source in again.datasets] == [
        str(place / "many" / name / "data") for name in ("data", "twice")
    ]


def train(params, seed, context):
    data = context.data
    nearest = np.abs(data.x_test[:, None, 0] - data.x_train[None, :, 0]).argmin(1)
    right = (data.y_train[nearest] == data.y_test).mean()
    return {"test": {"accuracy": float(right)}, "validation": {"accuracy": len(data.x_val) / 100}}


def test_a_training_of_ones_own_gets_them(in_process):
    six = (*FOUR[:2], X[80:90], Y[80:90], X[90:], Y[90:])
    finished = stepladder.compare(
        train, base={"k": 1}, techniques={"two": {"k": 2}}, replicates=2, dataset=six, out="own",
        workers=1,
    )  # fmt: skip
    assert finished.results.sizes == {"train": 80, "validation": 10, "test": 30}
    assert finished.results.arms[0].validation.mean == pytest.approx(0.1)


@pytest.mark.slow
def test_keras_fit_gets_them(in_process):
    one = stepladder.run(study(), out="fit", engine="fit", workers=1)
    assert one.results.versions["engine"].startswith("fit")
    assert one.results.sizes == {"train": 72, "validation": 8, "test": 40}


@pytest.mark.slow
def test_a_set_by_name_is_trained_on(in_process):
    finished = stepladder.run(study(dataset="sklearn:iris"), out="iris", workers=1)
    assert finished.results.dataset == "iris"
    assert finished.results.sizes == {"train": 108, "validation": 12, "test": 30}
