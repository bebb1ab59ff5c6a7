"""`stepladder search` as a user types it: bad input, a whole search, going on, and looks."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from stepladder import Study
from stepladder.runs.folder import write_study
from stepladder.store import open_store

SEARCH = """
name = "searched"
dataset = "digits"
replicates = 2
epochs = 4
validation = 40

[base]
hidden = [6]
learning_rate = 0.1
batch_size = 16

[search]
trials = 6
reduction = 2
least_epochs = 2

[search.space]
learning_rate = { type = "float", low = 0.001, high = 0.5, log = true }
initializer = { type = "categorical", choices = ["glorot_uniform", "he_normal"] }
"""


@pytest.fixture
def searched(place):
    (place / "search.toml").write_text(SEARCH, "utf-8")
    return place


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sampler", "tpee"], "did you mean 'tpe'?"),
        (["--sampler", "GridSampler"], "needs no arguments"),
        (["--trials", "0"], "search.trials must be at least 1"),
        (["--set", "search.budget=3"], "must pay for one candidate at least"),
        (["--set", "search.budget=5", "--set", "base.schedule=cosine"],
         "6 epochs: each of its trainings (2, 4 epochs) starts"),
        (["--sampler", "BruteForceSampler"], "must be one that draws from this space"),
        (["--set", "search.space.lerning_rate=3"], "must be a table"),
        (["--set", "search.space.learning_rate.low=0.7"], "low must be below high"),
        (["--set", "search.space.learning_rate.low=0"], "above 0 on a logarithmic scale"),
        (["--set", "search.space={}"], "at least one field of the recipe"),
        (["--set", 'search.space.activation={type="categorical",choices=["relu","rleu"]}'],
         "did you mean 'relu'?"),
        (["--set", 'search.space.train_examples={type="int",low=10,high=5000}'], "train_examples"),
        (["--set", 'search.space.momentum={type="float",low=0.1,high=0.9}',
          "--set", "base.optimizer=adam"], "must not contradict itself"),
        (["--set", "dataset=nowhere.npz"], "nowhere.npz"),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_is_refused_before_anything_is_written(
    searched, in_process, words, expected
):
    before = sorted(searched.rglob("*"))
    code, out, err = in_process("search", "search.toml", *words)
    assert (code, out) == (2, ""), err
    assert expected in err
    assert "Traceback" not in err
    assert sorted(searched.rglob("*")) == before


def test_a_study_without_a_space_is_refused(place, in_process):
    code, _, err = in_process("search", "study.toml")
    assert code == 2
    assert "must have a [search.space]" in err


@pytest.mark.slow
def test_a_whole_search_goes_on_and_counts_its_looks(searched, stepladder, in_process):
    done = stepladder("search", "search.toml", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [each["number"] for each in found["candidates"]] == list(range(6))
    assert found["best"]["test_accuracy"] is None
    assert found["looks"] == 0
    assert len(found["best"]["val_accuracy"]["values"]) == 2
    assert found["expected_best"]["trials"] == [1, 2, 3, 4, 5, 6]
    assert {each["name"] for each in found["hyperparameters"]} == {"learning_rate", "initializer"}
    first = sum(each["epochs"] for each in found["candidates"])
    assert first < 6 * 4, "the worse ones were dropped"
    again = sum(len(each["more"]) for each in found["candidates"])
    assert found["epochs"] == first + 4 * again + 2 * 4, "finalists and the winner were trained too"
    assert 0 < found["best"]["replicate_seconds"] < found["training_seconds"]
    assert json.loads((searched / "runs/searched/search.json").read_text("utf-8")) == found
    assert not (searched / "runs/searched/checkpoints").exists()

    _, again, said = in_process("search", "search.toml", "--format", "json")
    assert "nothing to train" in said
    same = ("best", "candidates", "hyperparameters", "luck", "finalists", "flat_top")
    assert [json.loads(again)[key] for key in same] == [found[key] for key in same]

    (searched / "runs/searched/optuna.log").unlink()
    _, _, said = in_process("search", "search.toml", "--format", "json")
    assert "nothing to train" in said, "the same study asks for the same candidates"

    _, final, _ = in_process("search", "search.toml", "--final")
    assert "test " in final
    assert "1 look at this test set" in final
    _, once_more, _ = in_process("search", "search.toml", "--final")
    assert "1 look at this test set" in once_more, "the same figures are the same look"
    _, plain, _ = in_process("search", "search.toml")
    assert plain == once_more, "what was looked at stays in sight"
    with open_store(str(searched / "runs/searched/stepladder.db")) as kept:
        (look,) = kept.looks(found["fingerprint"])
        assert (look.command, look.trials) == ("search --final", 2)

    second = stepladder("search", "search.toml", "--final", "--set", "replicates=3")
    assert "2 looks at this test set so far: a figure that was looked at" in second.stdout
    assert re.search(r"on 3 fresh replicates", second.stdout)


@pytest.mark.slow
def test_results_name_the_command_that_shows_a_search(searched, stepladder, in_process):
    assert stepladder("search", "search.toml").returncode == 0
    code, out, err = in_process("results", "runs/searched")
    assert (code, out) == (2, "")
    named = "stepladder search runs/searched/study.toml --out runs/searched"
    assert f"found that of a search: 'runs/searched'; `{named}` prints" in err
    assert "nothing to train" in in_process(*named.split()[1:])[2]


@pytest.mark.slow
def test_a_search_tells_what_it_takes_and_lacks_and_what_it_left_is_its_own(
    searched, made_up, stepladder, in_process
):
    made_up(0, "both.db", name="searched")
    shutil.rmtree(searched / "runs")
    words = ("search", "search.toml", "--store", "both.db", "--set", "keep_weights=true")
    done = stepladder(*words)
    assert done.returncode == 0, done.stderr
    assert "the store held another study named 'searched'" in done.stderr
    assert "no kept weights" not in done.stderr

    shutil.rmtree(searched / "runs/searched/weights")
    _, _, said = in_process(*words)
    assert "nothing to train" in said
    assert "2 stored trials have no kept weights" in said
    assert "the store held another study" not in said

    runs = ("runs", "runs", "--store", "both.db", "--format", "json")
    assert '"finished"' in in_process(*runs)[1]
    study = Study.load(searched / "runs/searched/study.toml", {"base.epochs": 8})
    with open_store("both.db") as kept:
        kept.put_study(replace(kept.study("searched"), study=study))
    write_study(searched / "runs/searched", study)  # as a search that was stopped leaves it
    assert '"unfinished"' in in_process(*runs)[1]
    for command in (("pareto",), ("export", "--to", "winner.keras")):
        code, out, err = in_process(*command, "runs/searched", "--store", "both.db")
        assert (code, out) == (2, ""), command
        assert "stepladder search runs/searched/study.toml --out runs/searched" in err
        assert "resumes it" in err


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(searched, stepladder, in_process):
    before = sorted(searched.rglob("*"))
    code, out, err = in_process("search", "search.toml", "--dry-run")
    assert code == 0, err
    assert out.startswith("searched: at least 11 trials to train, ")
    # 6 candidates to epoch 2, 3 of them on to 4, and 2 fresh replicates of the winner
    assert f"{6 * 2 + 3 * 2 + 2 * 4} epochs in all" in out
    assert "6 to epoch 2, 3 to epoch 4" in err
    assert sorted(searched.rglob("*")) == before
    assert stepladder("search", "search.toml").returncode == 0
    before = sorted(searched.rglob("*"))
    code, out, _ = in_process("search", "search.toml", "--dry-run")
    assert code == 0
    assert re.match(r"searched: 0 trials to train, \d+ found in the store", out)
    code, out, _ = in_process("search", "search.toml", "--dry-run", "--set", "replicates=4")
    assert re.search(r"[1-9]\d* trials? to train, \d+ found in the store", out)
    assert sorted(searched.rglob("*")) == before


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_end(searched, stepladder):
    whole = stepladder("search", "search.toml", "--format", "json", "--out", "whole")
    process = stepladder.start("search", "search.toml", "--out", "killed")
    for line in process.stderr:
        if "to epoch 2" in line:
            process.kill()
            break
    process.communicate()
    went_on = stepladder("search", "search.toml", "--format", "json", "--out", "killed")
    assert went_on.returncode == 0, went_on.stderr
    one, other = json.loads(whole.stdout), json.loads(went_on.stdout)
    for each in (*one["candidates"], *other["candidates"], one["best"], other["best"]):
        for timing in ("seconds", "replicate_seconds"):
            each.pop(timing, None)
    assert one["candidates"] == other["candidates"]
    assert one["best"] == other["best"]
    assert one["luck"] == other["luck"]


# A training of the user's own.

OWN_SEARCH = """
name = "own"
replicates = 2
trainer = "train.py:train"
metric = { name = "err", better = "lower", delta = 0.05, unit = "kWh" }
[base]
lr = 0.1
net.depth = 1
[search]
trials = 6
[search.space]
lr = { type = "float", low = 0.001, high = 1.0, log = true }
net.depth = { type = "int", low = 1, high = 3 }
"""

OWN_TRAINING = """
import math

def train(lr, net, seed):
    err = math.log10(lr / 0.03) ** 2 + net["depth"] + seed % 7 / 1000
    return {"validation": {"err": err}, "test": {"err": err + 1}}

def untold(lr, net, seed):
    return {"err": lr}

def raises(lr, net, seed):
    raise ValueError("no such layer")
"""


@pytest.fixture
def own(place):
    (place / "own.toml").write_text(OWN_SEARCH, "utf-8")
    (place / "train.py").write_text(OWN_TRAINING, "utf-8")
    return place


def test_a_training_of_ones_own_is_searched_by_its_metric(own, stepladder):
    refused = stepladder("search", "own.toml")
    assert (refused.returncode, "--allow-code" in refused.stderr) == (2, True)
    assert not (own / "runs").exists()
    done = stepladder("search", "own.toml", "--allow-code", "--out", "found", "--final")
    assert done.returncode == 0, done.stderr
    assert "validation err" in done.stdout
    assert "kWh" in done.stdout
    found = json.loads((own / "found" / "search.json").read_text("utf-8"))
    scores = {one["number"]: one["score"] for one in found["candidates"]}
    assert min(scores, key=scores.get) in found["finalists"]
    assert found["best"]["test_score"]["mean"] == pytest.approx(
        found["best"]["val_score"]["mean"] + 1
    )
    assert "validation err" in (own / "found" / "report.html").read_text("utf-8")
    again = stepladder("search", "own.toml", "--allow-code", "--out", "found")
    assert (again.returncode, "nothing to train" in again.stderr) == (0, True)


@pytest.mark.parametrize(
    ("function", "code", "expected"),
    [
        ("untold", 2, "of the validation part, found a training that gave none"),
        ("raises", 1, "failed that the next step needs: ValueError: no such layer"),
    ],
)
def test_a_training_that_cannot_be_searched_is_one_message(
    own, stepladder, function, code, expected
):
    failed = stepladder(
        "search", "own.toml", "--allow-code", "--set", f"trainer=train.py:{function}"
    )
    assert failed.returncode == code
    assert expected in failed.stderr
    assert "Traceback" not in failed.stderr
