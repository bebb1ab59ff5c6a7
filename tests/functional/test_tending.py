"""`stepladder runs`, `stepladder store` and `stepladder run --dry-run`."""

import json
import sqlite3
from contextlib import closing

import pytest
from example_run import finished

from stepladder.execution.local import this_owner
from stepladder.store import open_store

STORE = "runs/small/stepladder.db"


def listed(in_process, *words):
    code, out, err = in_process("runs", *words, "--format", "json")
    assert code == 0, err
    return json.loads(out)


def test_nothing_yet(in_process):
    assert listed(in_process) == []
    assert "No runs yet" in in_process("runs")[1]
    code, _, err = in_process("runs", "nowhere")
    assert code == 2
    assert "found 'nowhere'" in err


def test_runs_are_listed_with_their_state_and_size(in_process, made_up, place):
    made_up(6, "done.db", name="done")
    made_up(2)
    (run,) = [each for each in listed(in_process) if each["study"] == "small"]
    assert (run["state"], run["stored"], run["planned"]) == ("unfinished", 2, 6)
    assert run["bytes"] > 10_000
    with open_store(place / STORE) as store:
        planned = made_up(0)
        store.claim(this_owner(), [planned.trials[-1].id])
    assert [each["state"] for each in listed(in_process)] == ["unreadable", "training"]
    table = in_process("runs")[1]
    assert "2 of 6" in table
    assert "small: 1 trial is being trained now" in table
    assert "no such file" in table
    (done,) = listed(in_process, "--store", "done.db")
    assert (done["study"], done["state"], done["folder"]) == ("done", "finished", None)


def test_a_dry_run_tells_and_writes_nothing(in_process, made_up, place):
    before = sorted(place.rglob("*"))
    code, out, err = in_process("run", "study.toml", "--dry-run")
    assert code == 0
    assert "\n2 replicates of each arm: an effect cannot be distinguished" in err
    assert "small: 6 trials to train, " in out
    assert "known after the first epochs" in out
    assert sorted(place.rglob("*")) == before


def test_a_dry_run_takes_a_store_that_the_run_would_make(in_process, place):
    code, out, err = in_process("run", "study.toml", "--store", "new.db", "--dry-run")
    assert code == 0, err
    assert "small: 6 trials to train, " in out
    assert not (place / "new.db").exists()
    code, _, err = in_process("run", "study.toml", "--store", "nowhere/new.db", "--dry-run")
    assert code == 2
    assert "must lie in a folder that exists" in err


def test_a_dry_run_of_a_fair_study_counts_its_candidates_and_names_confounds(in_process, place):
    words = ("--set", "tuning=fair", "--set", "tune.grid.learning_rate=[0.1, 0.3, 1.0]")
    one = '[{name="ReLU", change={activation="relu", batch_size=8}}]'
    code, out, err = in_process(
        "run", "study.toml", "--dry-run", *words, "--replicates", "5", "--set", f"technique={one}"
    )
    assert code == 0
    assert "small: at least 22 trials to train, " in out  # 2 arms: 3 candidates twice, 5 replicates
    assert err.startswith(
        "confound: + ReLU differs from plain in the number of optimizer steps (66 "
    )


def test_a_dry_run_tells_the_time_from_like_trials(in_process, made_up, place):
    made_up(5)  # one second each; ReLU and He normal are of one structure
    before = (place / STORE).read_bytes()
    words = ("run", "study.toml", "--dry-run", "--workers", "1")
    assert (
        "1 trial to train, 5 found in the store, 1 worker, 2 epochs in all, about 5 s"
        in (in_process(*words)[1])
    )
    more = in_process(*words, "--replicates", "100")[1]
    assert "295 trials to train, 5 found" in more
    assert "about 5 min" in more
    assert "known after" in in_process(*words, "--set", "base.hidden=[9]")[1]
    made_up(1)
    assert in_process(*words)[1] == "small: 0 trials to train, 6 found in the store\n"
    assert (place / STORE).read_bytes() != before


def test_check_says_what_is_well_and_what_is_not(in_process, made_up, place):
    planned = made_up(4)
    for name in (STORE, "runs/small"):
        assert in_process("store", "check", name)[:2] == (
            0,
            "ok  4 trials and 1 study, all undamaged\n",
        )
    made_up(0, replicates=1)
    with closing(sqlite3.connect(place / STORE)) as connection:
        connection.execute(
            "UPDATE trials SET test_accuracy = 0.9 WHERE id = ?", [planned.trials[0].id]
        )
        connection.execute("INSERT INTO epochs (trial_id, epoch) VALUES ('gone', 1)")
        connection.commit()
    code, out, _ = in_process("store", "check", STORE)
    assert code == 1
    assert f"BAD trial {planned.trials[0].id} must be as stepladder stored it" in out
    assert "BAD epochs without their trial: gone" in out
    assert "belong to no study" in out


def test_a_trial_that_cannot_be_read_hides_no_study(in_process, made_up, place):
    planned = made_up(4)
    made_up(0, replicates=1)
    with closing(sqlite3.connect(place / STORE)) as connection:
        connection.execute(
            "UPDATE trials SET recipe = json_set(recipe, '$.study', 1) WHERE id = ?",
            [planned.trials[0].id],
        )
        connection.commit()
    code, out, err = in_process("store", "check", STORE)
    assert code == 1, err
    assert "study" in out.splitlines()[-1]
    assert "belong to no study" in out


def test_check_tells_all_faults_where_what_is_asked_for_cannot_be_known(in_process, made_up, place):
    """Which replicates an adaptive study wants follows from results, of which one is altered."""
    planned = made_up(6, replicates="auto", most_replicates=20)
    with closing(sqlite3.connect(place / STORE)) as database, database:
        change = "UPDATE trials SET test_accuracy = 0.9 WHERE id = ?"
        database.execute(change, [planned.trials[0].id])
    code, out, err = in_process("store", "check", "runs/small")
    assert code == 1, err
    assert f"BAD trial {planned.trials[0].id} must be as stepladder stored it" in out
    assert "belong to no study" not in out


def test_trials_of_an_older_arithmetic_are_told(in_process, made_up, place):
    from dataclasses import replace

    planned = made_up(1)
    with open_store(place / STORE) as store:
        store.add(finished(replace(planned.trials[1], numerics=0), 0.5))
    code, out, _ = in_process("store", "check", STORE)
    assert code == 0
    assert "1 trials were trained by another version of the arithmetic" in out


@pytest.mark.parametrize("words", [["export", STORE, "b.db"], ["import", "b.db", "runs/small"]])
def test_copies_go_both_ways(words, in_process, made_up, place):
    made_up(4)
    code, out, err = in_process("store", *words)
    assert (code, err) == (0, "")
    assert out == ("4 trials, 1 studies and 0 looks copied; 0 trials were there already\n")
    assert in_process("store", "check", "b.db")[0] == 0


def test_a_store_is_exported_to_postgresql_and_read_there(in_process, made_up, postgres_url):
    made_up(6)
    assert in_process("store", "export", "runs/small", postgres_url)[0] == 0
    here = in_process("results", "runs/small", "--format", "csv")
    assert here[0] == 0
    assert in_process("results", "runs/small", "--format", "csv", "--store", postgres_url) == here
    assert listed(in_process, "--store", postgres_url)[0]["state"] == "finished"
    assert in_process("store", "check", postgres_url)[0] == 0
    assert in_process("store", "vacuum", postgres_url)[0] == 0
    code, out, _ = in_process("run", "study.toml", "--dry-run", "--store", postgres_url)
    assert (code, out) == (0, "small: 0 trials to train, 6 found in the store\n")


def test_vacuum_tells_the_size(in_process, made_up):
    made_up(1)
    assert " before, " in in_process("store", "vacuum", STORE)[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["check", "none.db"], "no such file"),
        (["check", "study.toml"], "must be a SQLite file"),
        (["check", "digits"], "no such file"),
        (["export", "none.db", "b.db"], "no such file"),
        (["export", STORE, STORE], "must not be the same"),
        (["import", STORE, "mysql://a/b"], "found the scheme 'mysql'"),
        (["vacuum", "none.db"], "no such file"),
    ],
)
def test_what_is_no_store_is_refused(words, expected, in_process, made_up, place):
    made_up(1)
    before = sorted(place.rglob("*"))
    code, out, err = in_process("store", *words)
    assert (code, out) == (2, "")
    assert expected in err
    assert sorted(place.rglob("*")) == before


def test_a_damaged_study_is_not_imported_and_can_be_deleted(in_process, made_up, place):
    made_up(6)
    with closing(sqlite3.connect(place / STORE)) as connection:
        connection.execute("UPDATE studies SET definition = '{}'")
        connection.commit()
    for words in (("import", "new.db", STORE), ("export", STORE, "new.db")):
        code, _, err = in_process("store", *words)
        assert code == 2
        assert "study 'small' must be as stepladder stored it" in err
        assert not (place / "new.db").exists()
    assert in_process("runs", "--store", STORE)[0] == 2
    code, out, _ = in_process("store", "check", STORE, "--delete-damaged")
    assert code == 0
    assert out.startswith("deleted: study 'small' must be as")
    assert "6 trials and 0 studies, all undamaged" in out
    assert listed(in_process, "--store", STORE) == []
    assert in_process("store", "export", STORE, "new.db")[0] == 0
