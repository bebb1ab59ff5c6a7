"""Two studies of one name in one store: both are told, and neither is shown as the other."""

from pathlib import Path

import pytest

from stepladder import Study
from stepladder.runs.folder import replaced, write_study

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


def test_who_takes_a_row_is_told(tmp_path):
    one, other = Study.load("quick"), Study.load("quick", {"epochs": 7, "delta": 0.2})
    assert replaced(None, one, tmp_path) == replaced(one, one, tmp_path) == ""
    said = replaced(one, other, tmp_path)
    assert said.startswith("the store held another study named 'quick' (base.epochs, delta differ)")
    write_study(tmp_path, one)
    assert replaced(one, other, tmp_path) == "", "its own, declared anew"
    factorial = Study.load("quick", {"design": "factorial"})
    assert f"{tmp_path} held the ladder of this study" in replaced(one, factorial, tmp_path)
    assert replaced(other, one, tmp_path), "it had lost its row, and takes it back"


def test_where_the_data_lie_is_no_matter():
    one, other = (Study.load("quick", {"dataset": f"{name}.npz"}) for name in "ab")
    assert replaced(one, other, Path("nowhere")) == ""
