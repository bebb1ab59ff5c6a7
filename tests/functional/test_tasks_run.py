"""Regressions, several labels and two classes with one unit, as a user runs them."""

import json

import numpy as np
import pytest

STUDY = """
name = "{name}"
design = "one_at_a_time"
replicates = 2
validation = 20
dataset = {{ csv = "table.csv", label = {label}, test_share = 0.25{task} }}
metric = "{metric}"
[base]
hidden = [6]
epochs = 4
learning_rate = 0.05
optimizer = "adam"
scaling = "standardised"
[[technique]]
name = "early stopping"
change = {{ patience = 1, score_at = "best" }}
[[technique]]
name = "loss"
change = {{ loss = "{loss}" }}
"""


def declare(place, name, *, metric, loss, label='"y"', task=""):
    task = f', task = "{task}"' if task else ""
    text = STUDY.format(name=name, metric=metric, loss=loss, label=label, task=task)
    (place / f"{name}.toml").write_text(text, "utf-8")
    rng = np.random.default_rng(1)
    x = rng.standard_normal((120, 3))
    y = {
        "houses": [100 + 20 * x[:, 0]],
        "colours": [x[:, 0] > 0, x[:, 1] > 0.5],
        "pair": [np.where(x[:, 0] + x[:, 1] > 0, "yes", "no")],
    }[name]
    heads = ["a", "b", "c", *(["y"] if len(y) == 1 else ["y", "z"])]
    lines = [",".join(f"{value:.5f}" for value in row) for row in x]
    ends = [",".join(str(column[at] * 1 if column.dtype == bool else column[at]) for column in y)
            for at in range(len(x))]  # fmt: skip
    rows = [f"{line},{end}" for line, end in zip(lines, ends, strict=True)]
    (place / "table.csv").write_text("\n".join([",".join(heads), *rows]) + "\n", "utf-8")


def test_a_regression_is_run_and_shown(stepladder, place):
    declare(place, "houses", metric="rmse", loss="huber", task="regression")
    done = stepladder("run", "houses.toml", "--explain")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "How long arms were trained" in done.stdout
    assert "Answering the mean of the training part to everything has a test rmse of" in done.stdout
    folder = place / "runs" / "houses"
    assert (folder / "figures" / "predictions.svg").exists()
    page = (folder / "report.html").read_text("utf-8")
    assert "Predicted against true values" in page
    assert "The largest errors" in page
    value = json.loads(stepladder("results", "runs/houses", "--format", "json").stdout)
    assert value["one_answer"] == value["baseline"] > 0
    assert "baseline" not in value["versions"]
    assert value["data_notes"] == []
    arm = value["arms"][1]
    assert 1 <= arm["scored_epoch"]["min"] <= arm["epochs_trained"]["max"] <= 4


@pytest.mark.slow
def test_notes_on_the_data_and_the_commonest_class_stay_with_the_results(stepladder, place):
    declare(place, "pair", metric="accuracy", loss="hinge")
    head, *rows = (place / "table.csv").read_text("utf-8").splitlines()
    labelled = [f"{row.rpartition(',')[0]},7,{'yes' if n % 4 else 'no'}"
                for n, row in enumerate(rows)]  # fmt: skip
    (place / "table.csv").write_text("\n".join([head.replace("y", "d,y"), *labelled]), "utf-8")
    done = stepladder("run", "pair.toml")
    note = "table.csv: the column 'd' holds one value only; leave it out of the file"
    assert done.returncode == 0, done.stderr
    assert note in done.stderr
    assert note not in stepladder("run", "pair.toml").stderr  # nothing is left to train
    shown = stepladder("results", "runs/pair", "--explain")
    assert shown.stdout.count("The commonest class alone reaches a test accuracy of") == 1
    value = json.loads(stepladder("results", "runs/pair", "--format", "json").stdout)
    assert value["data_notes"] == [note]
    assert value["one_answer"] == pytest.approx(0.75, abs=0.05)
    assert value["baseline"] == 0.5
    page = (place / "runs" / "pair" / "report.html").read_text("utf-8")
    assert "the column &#39;d&#39; holds one value only" in page


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--ensemble",)])
def test_a_regression_is_exported_and_predicts_in_its_own_unit(options, stepladder, place):
    declare(place, "houses", metric="rmse", loss="poisson", task="regression")
    done = stepladder("run", "houses.toml", "--set", "keep_weights=true")
    assert done.returncode == 0, done.stderr
    told = []
    for arm in ("base", "+ loss"):
        done = stepladder("export", "runs/houses", "--arm", arm, "--to", "m.keras", *options)
        assert done.returncode == 0, done.stderr
        card = (place / "m.md").read_text("utf-8")
        assert "1 value in the targets' own unit, of `y`." in card
        assert "answers all 30 test rows as" in card
        assert "Calibration" not in card
        np.save(place / "x.npy", np.array([[2, 0, 0], [-2, 0, 0]], np.float32))
        told.append(stepladder("predict", "m.keras", "x.npy", "--format", "json").stdout)
    (high, low) = (each["values"]["y"] for each in json.loads(told[0])["images"])
    assert 20 < low < 100 < high < 180
    assert all(each["values"]["y"] >= 0 for each in json.loads(told[1])["images"])
    (place / "a.png").write_bytes((place / "runs/houses/figures/loss.png").read_bytes())
    refused = stepladder("predict", "m.keras", "a.png")
    assert refused.returncode == 2
    assert "this model is a regression, found a picture" in refused.stderr


@pytest.mark.slow
def test_several_labels_are_run_and_shown(stepladder, place):
    declare(place, "colours", metric="macro_f1", loss="binary_focal_crossentropy",
            label='["y", "z"]', task="multilabel")  # fmt: skip
    done = stepladder("run", "colours.toml", "--explain")
    assert done.returncode == 0, done.stderr
    assert (place / "runs" / "colours" / "figures" / "labels.svg").exists()
    assert "Answering the commoner side of each label" in done.stdout
    done = stepladder("export", "runs/colours", "--arm", "base", "--to", "m.keras")
    assert done.returncode == 0, done.stderr
    assert "2 probabilities that do not sum to 1" in (place / "m.md").read_text("utf-8")
    np.save(place / "x.npy", np.zeros((1, 3), np.float32))
    told = json.loads(stepladder("predict", "m.keras", "x.npy", "--format", "json").stdout)
    assert list(told["images"][0]["probabilities"]) == ["y", "z"]


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["hinge", "binary_crossentropy"])
def test_two_classes_with_one_unit_are_exported_and_predicted(loss, stepladder, place):
    declare(place, "pair", metric="balanced_accuracy", loss=loss)
    done = stepladder("run", "pair.toml")
    assert done.returncode == 0, done.stderr
    done = stepladder("export", "runs/pair", "--arm", "+ loss", "--to", "m.keras")
    assert done.returncode == 0, done.stderr
    card = (place / "m.md").read_text("utf-8")
    assert "answers all 30 test rows as" in card
    assert "image" not in card.partition("## Recipe")[0]
    np.save(place / "x.npy", np.array([[3, 3, 0], [-3, -3, 0]], np.float32))
    told = json.loads(stepladder("predict", "m.keras", "x.npy", "--format", "json").stdout)
    sure, other = (each["probabilities"]["yes"] for each in told["images"])
    assert sure > other  # the one unit is of the second class
