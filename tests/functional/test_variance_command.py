"""`variance`: its trials are stored, resumed and used by `run`; its forms; bad input."""

import csv
import io
import json
import sqlite3

import pytest
from watching import until_there

import stepladder as package

OWN = """
name = "own"
trainer = "own.py:train"
metric = "accuracy"
dataset = "digits"
[base]
size = 0.01
[[technique]]
name = "still"
change = { size = 0.0 }
"""
CODE = """
import time
def train(params, seed, context):
    time.sleep(0.05)
    return {"accuracy": 0.5 + params["size"] * (seed % 7) + context.data.x_train.mean() / 10_000}
"""


@pytest.fixture
def words(place):
    """The command on a training of the user's own."""
    (place / "own.toml").write_text(OWN, "utf-8")
    (place / "own.py").write_text(CODE, "utf-8")
    return ("variance", "own.toml", "--replicates", "5", "--workers", "1", "--allow-code")


def rows(place, run="own"):
    with sqlite3.connect(f"file:{place}/runs/{run}/stepladder.db?mode=ro", uri=True) as store:
        return store.execute("SELECT count(*), count(DISTINCT id) FROM trials").fetchone()


def stored_some(place):
    try:
        return rows(place)[0] > 1
    except sqlite3.OperationalError:  # not made yet
        return False


def test_killed_and_resumed_it_gives_the_same_figures(words, stepladder, in_process, place):
    killed = stepladder.start(*words)
    until_there(lambda: stored_some(place))
    killed.kill()
    killed.communicate()
    done = rows(place)[0]
    assert 1 < done < 13
    code, out, err = in_process(*words, "--format", "json")
    assert code == 0, err
    assert f"{13 - done} trials to train" in err
    assert rows(place) == (13, 13)  # 2 sources and all together, which share replicate 0
    code, whole, err = in_process(*words, "--format", "json", "--out", "runs/whole")
    assert code == 0, err
    resumed, whole = json.loads(out), json.loads(whole)
    assert (resumed["sources"], resumed["together"]) == (whole["sources"], whole["together"])
    assert [source["name"] for source in whole["sources"]] == ["split", "seed"]
    assert len({source["scores"][0] for source in (*whole["sources"], whole["together"])}) == 1


def test_each_source_of_a_training_of_the_users_own_is_varied_alone(words, in_process, place):
    code, _, err = in_process(*words[:-1])
    assert code == 2
    assert "--allow-code" in err
    code, out, err = in_process(*words)
    assert code == 0, err
    assert "has one seed for all that it draws" in out
    made = package.variance("own.toml", "+ still", replicates=5, workers=1, allow_code=True)
    split, seed = made.made.analysis.sources
    assert (split.name, seed.name, seed.deviation, seed.share) == ("split", "seed", 0, 0)
    assert split.scores == made.made.analysis.together.scores
    assert "No spread was seen of seed" in str(made)


@pytest.mark.slow
def test_networks_are_trained_stored_and_shared_with_run(in_process, place):
    words = ("variance", "study.toml", "--replicates", "5")
    code, out, err = in_process(*words, "--format", "json")
    assert code == 0, err
    assert rows(place, "small") == (17, 17)
    made = json.loads(out)
    names = ["split", "initial weights", "data order"]
    assert [source["name"] for source in made["sources"]] == names
    assert made["left_out"] == ["dropout and noise", "distortion", "mixup", "perturbation"]
    assert (place / "runs" / "small" / "figures" / "variance.svg").exists()
    forms = {form: in_process(*words, "--format", form) for form in ("table", "csv", "markdown")}
    assert all("All 17 trials are stored: nothing to train" in err for _, _, err in forms.values())
    assert "To halve the interval of the mean" in forms["table"][1]
    assert "| sum of the sources |" in forms["markdown"][1]
    listed = list(csv.DictReader(io.StringIO(forms["csv"][1])))
    assert [row["n"] for row in listed] == ["5", "5", "5", "", "5"]
    code, out, _ = in_process("run", "study.toml", "--dry-run")
    assert code == 0
    assert "4 trials" in out  # of 6: both replicates of the base are there


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--replicates", "4"), "replicates must be from 5 to 10,000 of each source, found 4"),
        (("--arm", "rleu"), "did you mean '+ ReLU'?"),
        (("--set", "base.hidden=0"), "base.hidden must be a list"),
        (("--store", "oracle://x"), "a store's URL must be of SQLite or PostgreSQL"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(words, message, in_process, place):
    refused(words, message, in_process, place)


def test_several_data_sets_are_refused(in_process, place):
    text = (place / "study.toml").read_text("utf-8")
    changed = text.replace('dataset = "digits"', 'datasets = ["digits", "mnist"]')
    assert changed != text
    (place / "study.toml").write_text(changed, "utf-8")
    refused((), "study must be on one data set, found 2", in_process, place)


def refused(words, message, in_process, place):
    code, out, err = in_process("variance", "study.toml", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert not (place / "runs").exists()
