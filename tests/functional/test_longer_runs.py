"""A study with more epochs goes on where it stood, and ends as if it had been trained at once."""

import sqlite3
from contextlib import closing

import pytest
from faulty_runs import RUN, study
from watching import figures

KEPT = {"STEPLADDER_CHECKPOINT_SECONDS": "0"}  # every ending, however short its training was


def curves(place, epochs):
    """Every stored epoch of trials over some epochs, the seconds left out."""
    with closing(sqlite3.connect(place / "stepladder.db")) as store:
        return store.execute(
            "SELECT trial_id, epoch, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy "
            "FROM epochs e JOIN trials t ON t.id = trial_id WHERE t.epochs = ? ORDER BY 1, 2",
            [epochs],
        ).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [(), pytest.param(("--engine", "fit"), marks=pytest.mark.slow)],
    ids=["population", "fit"],
)
def test_more_epochs_train_only_the_rest(more, stepladder, place):
    environment = {**KEPT, "KERAS_BACKEND": "jax"}
    first = stepladder(*study(3, *more), **environment)
    assert first.returncode == 0, first.stderr
    dry = stepladder(*study(5, "--dry-run", *more), **environment)
    said = "6 trials to train, 6 of them resumed from epoch 3, "
    assert said in dry.stdout
    assert "12 epochs in all" in dry.stdout
    longer = stepladder(*study(5, *more), **environment)
    assert longer.returncode == 0, longer.stderr
    assert said in longer.stderr
    whole = stepladder(*study(5, *more, "--out", "whole"), **environment)
    assert whole.returncode == 0, whole.stderr
    assert "going on" not in whole.stderr  # another store: from the start
    assert figures(stepladder.results(RUN)) == figures(stepladder.results("whole"))
    assert len(curves(place / RUN, 5)) == 30
    assert curves(place / RUN, 5) == curves(place / "whole", 5)
    assert len(curves(place / RUN, 3)) == 18


@pytest.mark.slow
def test_nothing_is_kept_where_that_is_switched_off(stepladder):
    environment = {**KEPT, "STEPLADDER_ENDINGS_MB": "0"}
    words = ("--set", "base.hidden=[5]")  # of which no other test has left an ending
    stepladder(*study(2, *words), **environment)
    assert "going on" not in stepladder(*study(3, "--dry-run", *words), **KEPT).stdout


@pytest.mark.slow
def test_a_schedule_that_looks_ahead_trains_from_the_start(stepladder):
    words = ("--set", "base.schedule=cosine")
    stepladder(*study(2, *words), **KEPT)
    assert "going on" not in stepladder(*study(3, "--dry-run", *words), **KEPT).stdout


@pytest.mark.slow
def test_a_damaged_ending_is_told_and_the_trials_are_trained_from_the_start(stepladder, cache):
    words = ("--set", "base.hidden=[4]", "--replicates", "1", "--workers", "1")
    environment = {**KEPT, "XDG_CACHE_HOME": str(cache / "damaged")}
    stepladder(*study(2, *words), **environment)
    for file in (cache / "damaged").rglob("*.ending"):
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = stepladder(*study(3, *words), **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not used: it is damaged") == 2
    stepladder(*study(3, *words, "--out", "whole"), **environment)
    assert figures(stepladder.results(RUN)) == figures(stepladder.results("whole"))
