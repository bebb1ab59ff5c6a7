"""Several runs on one store: each trial is trained once, and all end with the same table."""

import re
import signal

import pytest
from watching import children_of, figures, first_line_of, has_ended, until_there

from stepladder.store import open_store


def trained(err):
    """How many trials a run says that it has trained."""
    return sum(map(int, re.findall(r"Trained (\d+)", err)))


def ended(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


def started(stepladder, names, *words):
    return [stepladder.start("run", "study.toml", *words, "--out", name) for name in names]


@pytest.mark.slow
def test_two_drivers_train_each_trial_once_and_print_one_table(stepladder, place):
    drivers = started(stepladder, ("one", "two"), "--workers", "1", "--store", "both.db")
    (one, first), (two, second) = map(ended, drivers)
    assert trained(first) + trained(second) == 6
    assert one == two


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "server"])
def test_two_drivers_end_with_the_table_of_one_alone(kind, request, stepladder, place):
    url = str(place / "both.db") if kind == "file" else request.getfixturevalue("postgres_url")
    long = ("--epochs", "40", "--workers", "1")
    drivers = started(stepladder, ("one", "two"), *long, "--store", url)
    shares = [trained(ended(driver)[1]) for driver in drivers]
    assert sum(shares) == 6
    assert all(shares)
    alone = stepladder("run", "study.toml", *long, "--out", "alone")
    assert alone.returncode == 0
    expected = figures(stepladder.results("alone"))
    for name in ("one", "two"):
        assert figures(stepladder.results(name, "--store", url)) == expected


@pytest.mark.slow
def test_what_a_killed_driver_had_claimed_is_trained_by_the_one_that_waits(stepladder, place):
    study = ("run", "study.toml", "--replicates", "1", "--epochs", "60", "--workers", "1")
    killed = stepladder.start(*study)
    first_line_of(killed, "1 worker")
    with open_store(place / "runs/small/stepladder.db") as store:
        until_there(store.drivers)  # it has claimed something
    children = children_of(killed.pid)
    killed.send_signal(signal.SIGSTOP)
    heir = stepladder.start(*study)
    first_line_of(heir, "trial(s) that another run is training")
    killed.kill()
    _, err = ended(heir)
    assert trained(err) == 3
    assert [arm["n"] for arm in stepladder.results("runs/small")["arms"]] == [1, 1, 1]
    assert all(has_ended(child) for child in children)
