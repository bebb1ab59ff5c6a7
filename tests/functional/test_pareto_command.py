"""`stepladder pareto` over a run and a search."""

import json
import shutil

import pytest
from test_search_command import SEARCH


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
    assert json.loads(out)["looks"] == 1


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
    assert "nobody has looked at its winner's test figures" in err
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
