"""Studies and scores on several data sets: the whole commands."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from own_training import write

from stepladder import Study, api
from stepladder.execution.progress import QuietProgress
from stepladder.runs.stored import judge_stored

TRAIN = """
import random

def train(params, seed, context):
    gain = params["y"] * len(context.data.x_train) / 1000
    return {"test": {"accuracy": 0.5 + gain + random.Random(seed).random() / 50}}
"""
STUDY = """
name = "many"
trainer = "train.py:train"
replicates = 3
datasets = ["small.npz", "large.npz"]
design = "one_at_a_time"
base = { y = 0.0 }
technique = [{ name = "two", change = { y = 0.9 } }]
"""


def lay_out(folder, sizes=(("small", 100), ("large", 200))):
    write(folder, TRAIN)
    write(folder, STUDY, "many.toml")
    for seed, (name, size) in enumerate(sizes):
        rng = np.random.default_rng(seed)
        x, y = rng.random((size, 3)).astype(np.float32), rng.integers(0, 2, size)
        np.savez(folder / f"{name}.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])


class Stop(QuietProgress):
    """Ctrl-C when the second data set begins to train."""

    def __init__(self):
        self.begun = 0

    def start(self, plan):
        self.begun += 1
        if self.begun == 2:
            raise KeyboardInterrupt


@pytest.mark.extra
def test_a_study_on_several_data_sets(in_process, place):
    lay_out(place)
    code, out, err = in_process("run", "many.toml", "--dry-run")
    assert code == 0, err
    assert "many/small: 6 trials to train" in out
    assert "In general: 2 data sets; a verdict over them needs 6 or more" in out
    assert not (place / "runs").exists()

    with pytest.raises(KeyboardInterrupt):
        api.run("many.toml", allow_code=True, progress=Stop())
    code, out, _ = in_process("results", "runs/many")
    assert "Unfinished: 1 of 2 data sets" in out
    assert json.loads(in_process("results", "runs/many", "--format", "json")[1])["across"] is None
    assert "unfinished" in in_process("runs")[1]

    code, out, err = in_process("run", "many.toml", "--allow-code")
    assert code == 0, err
    assert out.splitlines()[-1].startswith("+ two ")
    assert out.endswith("not enough data sets\n")
    assert "Explain: stepladder results runs/many --explain" in err
    explained = in_process("results", "runs/many", "--explain")[1]
    assert explained == api.read("runs/many").explain()
    assert "Data set by data set" in explained
    assert "Verdicts in general" in explained
    assert str(api.read("runs/many")) == in_process("results", "runs/many")[1] == out
    for file in ("report.html", "results.json", "small/report.html", "figures/ranks.png"):
        assert (place / "runs" / "many" / file).stat().st_size > 0
    page = (place / "runs" / "many" / "report.html").read_text("utf-8")
    assert 'href="small/report.html"' in page
    assert page.count("<script") == 1

    code, text, err = in_process("results", "runs/many", "--format", "json")
    record = json.loads(text)
    assert (place / "runs" / "many" / "results.json").read_text("utf-8") == text
    assert [one["name"] for one in record["datasets"]] == ["small", "large"]
    alone = json.loads(in_process("results", "runs/many/small", "--format", "json")[1])
    effects = {one["name"]: one["arms"][1]["effect"]["mean"] for one in record["datasets"]}
    assert effects["small"] == alone["arms"][1]["effect"]["mean"]
    (_, two) = record["across"]["arms"]
    assert two["effect"]["mean"] == pytest.approx(sum(effects.values()) / 2)
    assert two["effect"]["verdict"] == "not enough data sets"
    (_, row) = csv.DictReader(io.StringIO(in_process("results", "runs/many", "--format", "csv")[1]))
    assert row["verdict"] == "not enough data sets"
    assert "finished" in in_process("runs")[1]
    used_again(in_process)


def used_again(in_process):
    again = in_process("run", "many.toml", "--allow-code")
    assert "All 12 trials are stored" in again[2], again
    for words in (("export", "--arm", "two", "--to", "two.keras"), ("pareto",),
                  ("report", "--compare", "runs/many")):  # fmt: skip
        code, _, err = in_process(words[0], "runs/many", *words[1:])
        assert code == 2
        assert "one data set, found one on 2" in err
    other = Study.load("many.toml").by_dataset["small"]  # a study of its own
    store, here = "runs/many/stepladder.db", api.settings_of(other, 1, "auto")
    results = judge_stored(other, Path("runs/many/small"), here, "test", store=store)
    assert [arm.n for arm in results.arms] == [3, 3]
    pytest.importorskip("uvicorn", reason="the live page needs pip install 'stepladder[ui]'")
    from stepladder.tools.dashboard import Source

    states = Source.of("runs/many").states()
    assert [state.name for state in states] == ["many/large", "many/small"]


def test_what_makes_no_sense_is_refused_before_anything_is_trained(in_process, place):
    lay_out(place)
    (place / "large.npz").write_bytes((place / "small.npz").read_bytes())
    code, _, err = in_process("run", "many.toml", "--allow-code")
    assert code == 2
    assert "datasets must differ, found the same examples in small and large" in err
    (place / "large.npz").unlink()
    code, _, err = in_process("run", "many.toml", "--allow-code")
    assert code == 2
    assert "large.npz" in err
    assert not (place / "runs").exists()
    code, _, err = in_process("run", "many.toml", "--dry-run", "--pilot", "runs/x")
    assert code == 2
    assert "--pilot is for a study on one data set, found 2" in err


# Scores


def rows(datasets=8, gain=0.05, head="task,method,seed,acc"):
    rng = np.random.default_rng(0)
    lines = [head]
    for data in range(datasets):
        for arm in ("base", "new"):
            own = gain * (arm == "new") * rng.uniform(0.5, 1.5)
            for seed in range(4):
                lines.append(f"set {data},{arm},{seed},{0.5 + own + rng.normal(0, 0.005):.5f}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def judge(in_process, place):
    def run(text, *words):
        (place / "scores.csv").write_text(text, "utf-8")
        return in_process("judge", "scores.csv", *words)

    return run


def test_scores_on_several_data_sets_are_judged_on_each_and_in_general(judge, place):
    code, text, err = judge(rows(), "--format", "json", "--output", "figures")
    assert code == 0, err
    assert "dataset = task" in err
    record = json.loads(text)
    assert [one["dataset"] for one in record["datasets"]] == [f"set {data}" for data in range(8)]
    (_, new) = record["across"]["arms"]
    assert (new["effect"]["verdict"], new["helped"], new["effect"]["datasets"]) == ("helps", 8, 8)
    assert (place / "figures" / "datasets-1.svg").exists()
    for form in ("table", "markdown", "csv"):
        out = judge(rows(), "--format", form)[1]
        assert "helps" in out
        assert "new" in out
    seconds = rows(head="task,method,seed,seconds")
    lower = judge(seconds, "--lower-is-better", "--unit", "s")[1]
    assert "hurts" in lower


def test_a_column_of_data_sets_may_be_named_and_one_data_set_is_judged_as_before(judge):
    named = ("--columns", "dataset=benchmark", "--format", "json")
    text = rows(head="benchmark,method,seed,acc")
    assert len(json.loads(judge(text, *named)[1])["datasets"]) == 8
    one = json.loads(judge(rows(1), "--format", "json")[1])
    assert "across" not in one
    code, _, err = judge(rows(1), "--output", "figures")
    assert code == 2
    assert "--output needs several data sets, found one" in err


def test_one_score_a_data_set_will_do_in_a_long_or_a_wide_table(judge):
    wide = "dataset,base,new\n" + "".join(f"s{n},0.{50 + n},0.{60 + 2 * n}\n" for n in range(8))
    long = "dataset,method,acc\n" + "".join(
        f"s{n},base,0.{50 + n}\ns{n},new,0.{60 + 2 * n}\n" for n in range(8)
    )
    records = [json.loads(judge(text, "--format", "json")[1]) for text in (wide, long)]
    for record in records:
        (_, new) = record["across"]["arms"]
        assert (new["effect"]["verdict"], new["open"]) == ("helps", 8)
    assert records[0]["across"] == records[1]["across"]


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        (rows() + "set 0,base,0,0.5\n", (), "'base' and 0 twice on 'set 0'"),
        (rows() + ",base,0,0.5\n", (), "must name a data set and an arm"),
        (rows() + "set 9,new,0,0.5\n", (), "every data set must have the arm 'base'"),
        (rows(), ("--claim", "not worse"), 'the claim "not worse" is for one data set, found 8'),
        (rows(), ("--anytime",), "judging at any time is for one data set, found 8"),
        (rows(), ("--against", "bass"), "did you mean 'base'?"),
    ],
)
def test_bad_tables_of_several_data_sets_get_one_message(judge, text, words, problem):
    code, _, err = judge(text, *words)
    assert code == 2
    assert problem in err
