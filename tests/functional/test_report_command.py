"""`stepladder report`: a run told as HTML or Markdown, and two runs compared."""

import shutil

import pytest


def test_a_run_as_markdown_goes_to_stdout(made_up, in_process):
    made_up(6)
    code, out, _ = in_process("report", "runs/small", "--format", "md")
    assert code == 0
    assert out.startswith("### small")
    assert "**What is not known**" in out
    assert "| plain |" in out


def test_two_runs_are_compared(made_up, in_process, place):
    made_up(6)
    shutil.copytree(place / "runs" / "small", place / "runs" / "again")
    code, out, _ = in_process("report", "--compare", "runs/small", "runs/again", "--format", "md")
    assert code == 0
    assert out.startswith("### small against again")
    assert "All 3 arms came out exactly the same in both." in out
    code, out, _ = in_process("report", "--compare", "runs/small", "runs/again")
    assert (code, out) == (0, "runs/small/compare.html\n")
    assert "small against again" in (place / "runs" / "small" / "compare.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--compare", "runs/small"), "--compare needs two runs, found 1"),
        (("runs/small", "runs/small"), "name one run, found 2"),
        (("runs/small", "--format", "pdf"), "'pdf' is not one of"),
        (("runs/nothing",), "found no folder 'runs/nothing'"),
        (("runs/small", "--format", "md", "--output", "."), "found: "),
    ],
)
def test_bad_input_is_named(made_up, in_process, words, said):
    made_up(6)
    code, out, err = in_process("report", *words)
    assert code == 2
    assert said in err
    assert out == ""


def test_a_run_that_goes_on_says_so(made_up, in_process):
    made_up(4)
    code, out, _ = in_process("report", "runs/small", "--format", "md")
    assert code == 0
    assert "**Unfinished: 4 of 6 trials. Every figure may still change.**" in out
