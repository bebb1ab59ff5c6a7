"""Folds, groups, times and a column that says the part, as a user runs them."""

import csv
import json

import numpy as np
import pytest

STUDY = """
name = "{name}"
design = "one_at_a_time"
dataset = {{ {dataset} }}
validation = 0.2
epochs = 2
{more}
[base]
hidden = [4]
learning_rate = 0.1
[[technique]]
name = "momentum"
"""
FOLDS = 'splits = { kind = "k-fold", folds = 3, repeats = 2 }'


@pytest.fixture
def declare(place):
    rng = np.random.default_rng(3)
    rows = [
        {"a": rng.normal(), "b": rng.normal(), "patient": f"p{place % 9}", "day": str(place // 2),
         "part": ["train", "train", "test"][place % 3], "one": "x", "y": ["yes", "no"][place % 2]}
        for place in range(60)
    ]  # fmt: skip

    def make(name, columns, dataset, more=""):
        with (place / "rows.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["a", "b", *columns, "y"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        text = STUDY.format(name=name, dataset=f'csv = "rows.csv", label = "y"{dataset}', more=more)
        (place / f"{name}.toml").write_text(text, "utf-8")
        return f"{name}.toml"

    return make


def figures(record):
    """All that does not depend on when, where and how often it was run."""
    arms = [{key: arm[key] for key in ("name", "n", "scores", "effect", "differences")}
            for arm in record["arms"]]  # fmt: skip
    return json.dumps([arms, record["sizes"], record["fingerprint"], record["warnings"]])


def test_folds_give_the_same_table_whatever_trains_them_and_in_how_many_runs(stepladder, declare):
    study = declare("folds", [], "", FOLDS)
    done = stepladder("run", study, "--out", "one", "--workers", "1")
    assert done.returncode == 0, done.stderr
    said = " ".join(stepladder("results", "one", "--explain").stdout.split())
    assert "40 test" not in said
    assert "6 replicates (3 folds × 2)" in said
    assert "as wide as folds that overlap ask for" in said
    assert "k-fold: each replicate is tested on other examples" in said
    one = stepladder.results("one")
    assert one["sizes"] == {"train": 32, "validation": 8, "test": 20}
    effect = one["arms"][1]["effect"]
    assert effect["ci_speaks_for"].startswith("over folds of these data")
    assert effect["new_images"] is None
    differences = np.array(effect["differences"])
    half = 2.5705818366147395 * differences.std(ddof=1) * np.sqrt(1 / 6 + 1 / 2)  # t of 5 degrees
    assert effect["ci_high"] - effect["mean"] == pytest.approx(half)
    first = stepladder.start("run", study, "--out", "two", "--workers", "2")
    first.send_signal(2)  # nothing or some of it may be trained
    first.communicate()
    assert stepladder("run", study, "--out", "two", "--workers", "2").returncode == 0
    assert figures(stepladder.results("two")) == figures(one)


@pytest.mark.slow
def test_more_repeats_train_only_what_is_new(stepladder, declare):
    study = declare("more", [], "", FOLDS)
    first = stepladder("run", study, "--set", "splits.repeats=1")
    assert first.returncode == 0
    command = "run runs/more --set splits.repeats=2"
    assert f"Next:    stepladder {command}\n" in first.stderr
    done = stepladder(*command.split(), "--explain")
    assert done.returncode == 0, done.stderr
    assert "Trained 6 trials" in done.stderr
    assert "corrected t test at a level of its own" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_groups_times_and_a_column_that_says_the_part(stepladder, declare):
    for name, column, dataset, more, sizes in (
        ("group", "patient", ', group = "patient", test_share = 0.3', "replicates = 1", None),
        ("time", "day", ', time = "day", test_share = 0.3', "replicates = 1", (34, 8, 18)),
        ("forward", "day", ', time = "day"', 'splits = { kind = "k-fold", folds = 2 }',
         (16, 4, 20)),
        ("part", "part", ', part = "part"', "replicates = 1", (32, 8, 20)),
    ):  # fmt: skip
        study = declare(name, [column], dataset, more)
        done = stepladder("run", study, "--workers", "1")
        assert done.returncode == 0, done.stderr
        record = stepladder.results(f"runs/{name}")
        if sizes:
            found = tuple(record["sizes"][part] for part in ("train", "validation", "test"))
            assert found == sizes


REFUSED = {
    "rare": ('', 'splits = { kind = "k-fold", folds = 31 }', [], "in each of 31 folds, found 30"),
    "groups": (', group = "patient"', 'splits = { kind = "k-fold", folds = 10 }', ["patient"],
               "a group for each of 10 folds, found 9"),
    "one group": (', group = "one", test_share = 0.2', "", ["one"], "two groups or more"),
    "ties": (', time = "one"', 'splits = { kind = "k-fold", folds = 2 }', ["one"], "dates such as"),
    "word": (', part = "patient"', "", ["patient"], "found 'p0' in row 1"),
    "no column": (', group = "ward", test_share = 0.2', "", [], "'ward'"),
    "share": (', test_share = 0.2', FOLDS, [], "test_share must be left out with k-fold"),
    "neither": ('', "", [], "test_share must be given"),
    "replicates": ('', f"{FOLDS}\nreplicates = 5", [], "replicates must be the 6 of 3 folds"),
    "auto": ('', f'{FOLDS}\nreplicates = "auto"', [], "folds bring no new data"),
    "fair": ('', f'{FOLDS}\ntuning = "fair"', [], "rows that other folds test on"),
    "both": (', group = "patient", time = "day", test_share = 0.2', "", ["patient", "day"],
             "group and time"),
    "repeats": (', time = "day"', FOLDS, ["day"], "splits.repeats must be 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_divided_is_refused_before_training(name, in_process, declare, place):
    dataset, more, columns, expected = REFUSED[name]
    study = declare("refused", columns, dataset, more)
    before = sorted(place.rglob("*"))
    code, out, err = in_process("run", study)
    assert code == 2, err
    assert expected in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(place.rglob("*")) == before
