"""`stepladder pareto` over a run and a search."""

import json
import shutil

import pytest
from test_search_command import SEARCH

from stepladder.store import open_store


@pytest.fixture
def weighed(place, made_up):
    made_up(6)
    return place


def test_a_run_is_weighed_with_its_figures(weighed, in_process):
    code, out, err = in_process("pareto", "runs/small")
    assert code == 0, err
    assert "small: plain" in out
    assert "No network reaches 98 %" in out
    folder = weighed / "runs/small/pareto"
    names = {
        f"pareto{which}.{kind}" for which in ("", "-weights") for kind in ("svg", "png", "csv")
    }
    assert {file.name for file in folder.iterdir()} == names
    code, out, _ = in_process("pareto", "runs/small", "--format", "json", "--output", "figures")
    assert code == 0
    assert len(json.loads(out)["arms"]) == 3
    assert (weighed / "figures/pareto.svg").exists()


def test_the_same_figures_are_no_new_look(weighed, in_process):
    in_process("results", "runs/small")
    in_process("pareto", "runs/small")
    _, out, _ = in_process("results", "runs/small", "--format", "json")
    assert json.loads(out)["test_set_accesses"] == 1


def looks(store="runs/small/stepladder.db"):
    with open_store(store) as kept:
        (record,) = kept.studies()
        return len(kept.looks(record.fingerprint))


def test_validation_figures_are_no_look(weighed, in_process):
    code, out, err = in_process("pareto", "runs/small", "--on", "validation", "--format", "json")
    assert code == 0, err
    assert len(json.loads(out)["arms"]) == 3
    assert looks() == 0
    assert in_process("pareto", "runs/small")[0] == 0
    assert looks() == 1


def test_a_shared_store_shows_no_other_study_of_the_same_name(place, made_up, in_process):
    made_up(6, "both.db")
    (place / "runs/small").rename(place / "runs/first")
    made_up(6, "both.db", design="one_at_a_time", seed=3)
    for part in ("test", "validation"):
        words = ("--store", "both.db", "--on", part)
        code, out, err = in_process("pareto", "runs/first", *words)
        assert (code, out) == (2, "")
        assert "found another one named 'small' (design, seed differ)" in err
        assert in_process("pareto", "runs/small", *words)[0] == 0


def test_runs_of_one_name_are_told_apart(weighed, in_process):
    for folder in ("a", "b", "b/c"):
        shutil.copytree("runs/small", f"{folder}/small")
    words = ("--format", "json", "--output", "figures")
    code, out, err = in_process("pareto", "a/small", "b/small", "b/c/small", *words)
    assert code == 0, err
    names = [each["name"] for each in json.loads(out)["arms"]]
    assert [name for name in names if name.endswith("plain")] == [
        "a/small: plain", "b/small: plain", "c/small: plain",
    ]  # fmt: skip
    shutil.copytree("b", "a/b")
    code, out, _ = in_process("pareto", "a/b/small", "b/small", "a/b/small/.", *words)
    names = [each["name"] for each in json.loads(out)["arms"]]
    assert len(names) == 6, "one that is named twice counts once"
    assert [name for name in names if name.endswith("plain")] == [
        "a/b/small: plain", f"{weighed.name}/b/small: plain",
    ]  # fmt: skip


def test_a_search_that_is_not_finished_is_told(weighed, made_up, in_process):
    (weighed / "study.toml").write_text(SEARCH, "utf-8")
    made_up(0, "runs/searched/stepladder.db")
    code, out, err = in_process("pareto", "runs/small", "runs/searched", "--format", "json")
    assert code == 0, err
    assert len(json.loads(out)["arms"]) == 3
    command = "stepladder search runs/searched/study.toml --out runs/searched"
    assert "searched: winner is left out: its search is not finished" in err
    assert f"`{command}` resumes it" in err
    code, out, err = in_process("pareto", "runs/searched")
    assert (code, out) == (2, "")
    assert command in err


def test_saved_results_are_weighed_as_their_run_is(weighed, in_process):
    code, printed, _ = in_process("results", "runs/small", "--format", "json")
    assert code == 0
    folder = json.loads(in_process("pareto", "runs/small", "--format", "json")[1])
    (weighed / "kept").mkdir()
    (weighed / "kept/small.json").write_text(printed, "utf-8")
    shutil.rmtree(weighed / "runs/small")
    code, out, err = in_process("pareto", "kept/small.json", "--format", "json")
    assert code == 0, err
    assert json.loads(out) == folder
    assert (weighed / "kept/pareto/pareto.svg").exists()


@pytest.mark.slow
def test_a_search_stands_beside_it_and_stays_locked(weighed, stepladder, in_process):
    (weighed / "search.toml").write_text(SEARCH, "utf-8")
    done = stepladder("search", "search.toml")
    assert done.returncode == 0, done.stderr
    words = ("pareto", "runs/small", "runs/searched", "--format", "json")
    code, out, err = in_process(*words)
    assert code == 0, err
    assert "searched: winner is left out: nobody has looked at its test figures" in err
    assert len(json.loads(out)["arms"]) == 3
    code, out, _ = in_process(*words, "--on", "validation")
    names = [each["name"] for each in json.loads(out)["arms"]]
    assert names[-1] == "searched: winner"
    assert stepladder("search", "search.toml", "--final").returncode == 0
    code, out, _ = in_process(*words)
    assert "searched: winner" in [each["name"] for each in json.loads(out)["arms"]]


def test_what_cannot_be_weighed_is_refused(weighed, in_process):
    code, out, err = in_process("pareto", "runs/nothing")
    assert (code, out) == (2, "")
    assert "must be the folder of a run" in err
    (weighed / "notes.txt").write_text("no results", "utf-8")
    code, out, err = in_process("pareto", "notes.txt")
    assert (code, out) == (2, "")
    assert "notes.txt', which is none" in err
    shutil.rmtree(weighed / "runs/small")
    (weighed / "runs/small").mkdir()
    code, out, err = in_process("pareto", "runs/small")
    assert (code, out) == (2, "")
    assert "study.toml" in err
