"""Several runs and studies in one store."""

import re
import signal
from pathlib import Path

import pytest
from postgres_server import PASSWORD
from watching import children_of, figures, first_line_of, has_ended, until_there

from stepladder import Study
from stepladder.runs.folder import remember_store, replacement_note, write_study
from stepladder.store import open_store

# Two studies of one name in one store: both are told, and neither is shown as the other.


STORE = ("--store", "both.db")


@pytest.fixture
def two(made_up, place):
    """A run, and another of the same name whose row has taken the place of its own."""
    made_up(6, "both.db")
    (place / "runs" / "small").rename(place / "runs" / "first")
    made_up(6, "both.db", design="one_at_a_time", seed=3)


@pytest.mark.parametrize("words", [["results"], ["report", "--format", "md"]])
def test_the_first_is_not_shown_as_the_second(words, two, in_process):
    code, out, err = in_process(*words, "runs/first", *STORE)
    assert (code, out) == (2, "")
    assert "found another one named 'small' (design, seed differ), which was run after it" in err
    assert in_process(*words, "runs/small", *STORE)[0] == 0


def test_a_list_of_runs_says_it_too(two, in_process):
    out = in_process("runs", *STORE, "--format", "json", "runs")[1]
    assert out.count('"finished"') == 1
    assert out.count('"unreadable"') == 1


def test_every_command_follows_the_store_that_a_run_used(made_up, in_process, place):
    made_up(6, "shared.db")
    code, _, err = in_process("results", "runs/small")
    assert (code, "name that with --store URL" in err) == (2, True)
    remember_store(place / "runs/small", "shared.db")
    for words in (
        ["results", "runs/small"],
        ["report", "runs/small", "--format", "md"],
        ["store", "check", "runs/small"],
        ["doctor", "runs/small"],
        ["pareto", "runs/small"],
    ):
        assert in_process(*words)[0] == 0, words
    assert "finished" in in_process("runs")[1]
    assert "0 trials to train, 6 found" in in_process("run", "study.toml", "--dry-run")[1]


def test_a_run_remembers_where_its_trials_are(made_up, in_process, place):
    made_up(6, "shared.db")
    assert in_process("run", "study.toml", "--store", "shared.db")[0] == 0
    code, _, err = in_process("run", "study.toml")
    assert (code, "All 6 trials are stored" in err) == (0, True)
    assert not (place / "runs/small/stepladder.db").exists()


@pytest.mark.slow
def test_a_password_comes_from_the_environment(postgres_url, made_up, stepladder, place):
    made_up(6, postgres_url)
    remember_store(place / "runs/small", postgres_url)
    done = stepladder("results", "runs/small")
    assert (done.returncode, "PGPASSWORD" in done.stderr) == (2, True)
    assert stepladder("results", "runs/small", PGPASSWORD=PASSWORD).returncode == 0


def test_a_server_that_does_not_answer_leaves_no_folder(in_process, place):
    for words in ("run", "study.toml"), ("search", "study.toml", "--set", "search.trials=2"):
        server = ("--store", "postgresql://127.0.0.1:1/x", "--out", "new")
        code, _, err = in_process(*words, *server)
        assert code == 2, err
        assert not (place / "new").exists()


def test_who_takes_a_row_is_told(tmp_path):
    one, other = Study.load("quick"), Study.load("quick", {"epochs": 7, "delta": 0.2})
    assert replacement_note(None, one, tmp_path) == replacement_note(one, one, tmp_path) == ""
    said = replacement_note(one, other, tmp_path)
    assert said.startswith("the store held another study named 'quick' (base.epochs, delta differ)")
    write_study(tmp_path, one)
    assert replacement_note(one, other, tmp_path) == "", "its own, declared anew"
    factorial = Study.load("quick", {"design": "factorial"})
    assert f"{tmp_path} held the ladder of this study" in replacement_note(one, factorial, tmp_path)
    assert replacement_note(other, one, tmp_path), "it had lost its row, and takes it back"


def test_where_the_data_lie_is_no_matter():
    one, other = (Study.load("quick", {"dataset": f"{name}.npz"}) for name in "ab")
    assert replacement_note(one, other, Path("nowhere")) == ""


# Several runs on one store: each trial is trained once, and all end with the same table.


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
