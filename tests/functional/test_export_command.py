"""`stepladder export` as a user types it, on a little of MNIST."""

import numpy as np
import pytest
from exported_runs import alone
from watching import score

from stepladder.store import open_store

pytestmark = pytest.mark.slow


def arm(run, number):
    return run.results("runs/digits")["arms"][number]


def test_the_best_replicate_loads_without_stepladder_and_answers_as_it_did(mnist_run, mnist_model):
    assert "training again" in mnist_model.stderr
    assert "is the stored one: right and wrong on the same of 500 test images" in mnist_model.stderr
    found, said = alone(mnist_run, "model.keras"), arm(mnist_run, 0)
    best = int(np.argmax(score(said, "validation")["values"]))
    assert found["accuracy"] == pytest.approx(score(said)["values"][best], abs=1e-9)
    assert found["sums"] == pytest.approx([1, 1], abs=1e-5)
    assert found["modules"] == ["keras"]


def test_the_card_says_what_it_is(mnist_run, mnist_model):
    card = (mnist_run.folder / "model.md").read_text("utf-8")
    said = mnist_run.results("runs/digits")
    best = int(np.argmax(score(arm(mnist_run, 0), "validation")["values"]))
    assert f"replicate {best} of the arm *base*, the best of 2" in card
    assert f"{100 * score(arm(mnist_run, 0))['values'][best]:.2f} %" in card
    assert said["fingerprint"] in card
    assert "expected calibration error" in card
    assert "rotation (degrees) | 5:" in card
    assert "answers all 500 test images as" in card
    assert "1 look at this test set" in card, "its figures were shown by the run already"
    assert "licence of the data" in card
    assert "light on 0, 20 pixels along its longer side" in card


def test_an_ensemble_is_one_model_and_a_look_of_its_own(mnist_run, mnist_model):
    done = mnist_run("export", "runs/digits", "--arm", "base", "--to", "both.keras", "--ensemble")
    assert done.returncode == 0, done.stderr
    one, both = alone(mnist_run, "model.keras"), alone(mnist_run, "both.keras")
    assert both["modules"] == ["keras"]
    assert both["accuracy"] > 0.7
    assert both["accuracy"] != one["accuracy"] or both["sums"] != one["sums"]
    card = (mnist_run.folder / "both.md").read_text("utf-8")
    assert "mean of the probabilities of 2 networks" in card
    assert "the look is counted" in card
    with open_store(str(mnist_run.folder / "runs/digits/stepladder.db")) as kept:
        looks = kept.looks(mnist_run.results("runs/digits")["fingerprint"])
        assert [each.command for each in looks] == ["run", "export --ensemble"]


def test_kept_weights_are_used_and_a_damaged_file_is_not(mnist_run):
    done = mnist_run("run", "study.toml", "--set", "keep_weights=true", "--out", "kept")
    assert done.returncode == 0, done.stderr
    words = ("export", "kept", "--arm", "+ batch normalisation", "--to", "kept.keras")
    first = mnist_run(*words)
    assert first.returncode == 0, first.stderr
    assert "training again" not in first.stderr
    assert "kept by the run" in (mnist_run.folder / "kept.md").read_text("utf-8")
    for file in (mnist_run.folder / "kept/weights").iterdir():
        file.write_bytes(file.read_bytes()[:-7])
    second = mnist_run(*words)
    assert second.returncode == 0, second.stderr
    assert "is damaged" in second.stderr
    assert "is the stored one" in second.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["runs/nothing", "--to", "a.keras"], "must be the folder of a run"),
        (["runs/digits", "--to", "a.keras"], "--arm must be one of"),
        (["runs/digits", "--arm", "bas", "--to", "a.keras"], "did you mean 'base'?"),
        (["runs/digits", "--arm", "base", "--to", "a.h5"], "ends in .keras"),
        (["runs/digits", "--arm", "base", "--to", "folder.keras"], "found a folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused(mnist_run, words, expected):
    (mnist_run.folder / "folder.keras").mkdir(exist_ok=True)
    done = mnist_run("export", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (mnist_run.folder / "a.keras").exists()


SEARCH = """
name = "searched"
dataset = "some.npz"
replicates = 2
epochs = 2
validation = 400

[base]
hidden = [8]
learning_rate = 0.1

[search]
trials = 2
pruning = "none"
finalists = 1

[search.space]
learning_rate = { type = "float", low = 0.01, high = 0.5, log = true }
"""


def test_the_winner_of_a_search_stays_locked_until_somebody_has_looked(mnist_run):
    (mnist_run.folder / "search.toml").write_text(SEARCH, "utf-8")
    done = mnist_run("search", "search.toml", "--set", "keep_weights=true")
    assert done.returncode == 0, done.stderr
    words = ("export", "runs/searched", "--to", "winner.keras")
    done = mnist_run(*words, "--ensemble")
    assert done.returncode == 0, done.stderr
    assert "training again" not in done.stderr
    assert len(list((mnist_run.folder / "runs/searched/weights").iterdir())) == 2
    card = (mnist_run.folder / "winner.md").read_text("utf-8")
    assert "| test, 500 | locked | locked |" in card
    assert "Not measured" in card
    with open_store(str(mnist_run.folder / "runs/searched/stepladder.db")) as kept:
        (record,) = kept.studies()
        assert kept.looks(record.fingerprint) == []
    final = mnist_run("search", "search.toml", "--set", "keep_weights=true", "--final")
    assert final.returncode == 0, final.stderr
    done = mnist_run(*words)
    assert done.returncode == 0, done.stderr
    card = (mnist_run.folder / "winner.md").read_text("utf-8")
    assert "locked" not in card
    assert "one network of" in card
    assert alone(mnist_run, "winner.keras")["modules"] == ["keras"]
