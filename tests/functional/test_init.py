"""`stepladder init`: what it writes runs at once, and nothing is overwritten."""

import csv
import importlib.util
import io
import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from stepladder import Study
from stepladder.errors import StepladderError
from stepladder.tools.init import TEMPLATES, from_dataset, from_template

NEEDS = {"keras": "keras", "pytorch": "torch", "sklearn": "sklearn"}
SLOW = ("keras", "pytorch", "mnist")


@pytest.mark.parametrize(
    "template",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in TEMPLATES],
)
def test_a_template_runs_as_it_is_and_gives_a_verdict(template, stepladder):
    if importlib.util.find_spec(NEEDS.get(template, "numpy")) is None:
        pytest.skip(f"the template {template} needs pip install {NEEDS[template]}")
    done = stepladder("init", "--template", template, "--into", "new")
    assert done.returncode == 0, done.stderr
    words = re.search(r"^Run: +stepladder (.*)$", done.stdout, re.MULTILINE)[1].split()
    assert words[:2] == ["run", "new/study.toml"]
    done = stepladder(*words, "--out", "made")
    assert done.returncode == 0, done.stderr
    verdicts = [arm["effect"]["verdict"] for arm in stepladder.results("made")["arms"][1:]]
    assert "helps" in verdicts


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_says_what_to_change_in_three_lines_at_most(template, in_process, place):
    code, out, err = in_process("init", "--template", template, "--into", template)
    assert (code, err) == (0, "")
    assert out.startswith(f"Wrote {template}/study.toml")
    assert len(out.splitlines()) <= 4
    study = Study.load(place / template / "study.toml")
    assert study.name == f"my-{template}"
    assert len(study.arms) > 2


def test_nothing_is_overwritten(in_process, place):
    (place / "train.py").write_text("mine")
    before = (place / "study.toml").read_text()
    for words in (["init"], ["init", "--template", "mnist"], ["init", "--dataset", "mnist"]):
        code, out, err = in_process(*words)
        assert (code, out) == (2, "")
        assert "nothing is overwritten" in err
    (place / "study.toml").unlink()
    code, _, err = in_process("init")
    assert (code, "found 'train.py'" in err) == (2, True)
    assert not (place / "study.toml").exists(), "one of two files is not written either"
    (place / "study.toml").symlink_to("nowhere")
    assert in_process("init", "--template", "mnist")[0] == 2
    assert (place / "train.py").read_text() == "mine" != before


def test_one_of_template_and_dataset_is_given(in_process):
    code, _, err = in_process("init", "--template", "mnist", "--dataset", "mnist", "--into", "x")
    assert (code, "found both" in err) == (2, True)


def table(columns, rows):
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue()


CLASSES = [[number % 7, 0.5 * number, "ab"[number % 2]] for number in range(40)]
NUMBERS = [[number % 7, 0.5 * number, number + 0.25] for number in range(40)]
COUNTS = [[number % 7, 0.5 * number, number] for number in range(40)]


@pytest.mark.parametrize(
    ("columns", "rows", "label", "task"),
    [
        (["p", "q", "kind"], CLASSES, "kind", None),
        (["p", "q", "price"], NUMBERS, "price", "regression"),
        (["p", "q", "count"], COUNTS, "count", "regression"),
        (["p", "Target", "q"], [[a, c, b] for a, b, c in CLASSES], "Target", None),
        (["y", "label", "q"], [[a, c, b] for a, b, c in CLASSES], "label", None),
        (["class", "p", "q"], [[c, a, b] for a, b, c in NUMBERS], "class", "regression"),
    ],
)
def test_label_and_task_are_guessed_and_told(columns, rows, label, task, in_process, place):
    (place / "my data.csv").write_text(table(columns, rows))
    code, out, err = in_process("init", "--dataset", "my data.csv", "--into", "new")
    assert (code, err) == (0, "")
    why = "the last one" if label in ("kind", "price", "count") else "by its name"
    assert f"The label is the column {label} ({why})" in out
    study = Study.load(place / "new/study.toml")
    assert (study.dataset.label, study.dataset.task) == (label, task)
    assert study.dataset.test_share == 0.2
    assert study.judged.name == ("rmse" if task else "accuracy")
    assert (study.delta or 0) > 0


def test_a_table_without_a_header_or_with_gaps_is_read_and_told(in_process, place):
    rows = [["5.1", "0.2", "red"], ["4.9", "", "blue"]] * 10
    (place / "bare.csv").write_text(table(["5.0", "0.1", "red"], rows))
    code, out, _ = in_process("init", "--dataset", "bare.csv", "--into", "bare")
    assert code == 0
    assert "The first row is taken for an example" in out
    assert "Missing values are replaced by medians" in out
    dataset = Study.load(place / "bare/study.toml").dataset
    assert (dataset.label, dataset.header, dataset.impute) == (-1, False, "median")


@pytest.mark.slow
@pytest.mark.parametrize("rows", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_a_study_for_a_table_runs(rows, stepladder):
    (stepladder.folder / "data.csv").write_text(table(["p", "q", "r"], rows * 3))
    assert stepladder("init", "--dataset", "data.csv", "--into", "new").returncode == 0
    done = stepladder("run", "new/study.toml", "--epochs", "2", "--replicates", "2")
    assert done.returncode == 0, done.stderr
    assert len(stepladder.results("runs/data")["arms"]) == 4


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (np.arange(40) % 3, None),
        (np.linspace(0, 1, 40), "regression"),
        (np.stack([np.arange(40) % 2, np.arange(40) % 3 // 2], 1), "multilabel"),
    ],
)
def test_an_npz_file_has_the_task_that_its_targets_allow(targets, task, place):
    x = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(place / "data.npz", x_train=x, y_train=targets, x_test=x[::-1] + 1, y_test=targets)
    project = from_dataset(str(place / "data.npz"), place / "new")
    assert any("y_train" in note for note in project.notes)
    assert getattr(Study.load(place / "new/study.toml").dataset, "task", None) == task


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("no.csv", None, "found nothing"),
        ("data.parquet", b"PAR1", "must be a complete Parquet file"),
        ("data.xlsx", b"PK", 'pandas.read_excel("data.xlsx").to_csv("data.csv"'),
        ("empty.csv", b"", "must begin with a header row"),
        ("words.csv", b"a,b\nred,1\n2,2\n3,2\n4,1\n", "must have a number in column 'a'"),
        ("ragged.csv", b"label,b\nx,1\ny\n", "must have 2 cells"),
        ("bytes.csv", b"a,b\n\xff,1\n", "must be text in UTF-8"),
        ("one.csv", b"label\n1\n2\n", "must have inputs and a label"),
        ("data.npz", b"no archive", ""),
    ],
)
def test_data_that_cannot_be_read_leave_nothing(name, content, said, in_process, place):
    if content is not None:
        (place / name).write_bytes(content)
    code, out, err = in_process("init", "--dataset", name, "--into", "new")
    assert (code, out) == (2, "")
    assert said in err
    assert not (place / "new").exists()


@given(columns=some.lists(some.text(min_size=1, max_size=5), min_size=2, max_size=3, unique=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_columns_are_called_the_study_can_be_read(columns, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    rows = [[*map(str, range(row, row + len(columns) - 1)), "ab"[row % 2]] for row in range(20)]
    try:
        (folder / "t.csv").write_text(table(columns, rows), "utf-8", newline="")
        from_dataset(str(folder / "t.csv"), folder / "new")
    except (StepladderError, UnicodeEncodeError):
        assert not (folder / "new").exists()
        return
    study = Study.load(folder / "new" / "study.toml")
    assert study.dataset.label in [column.strip() for column in columns]


def test_a_template_of_any_name_is_refused_before_anything_is_written(place, in_process):
    for name in ("", "../keras", "x" * 300):
        code, _, err = in_process("init", "--template", name, "--into", "new")
        assert (code, "--template must be a template" in err) == (2, True), json.dumps(name)
    assert not (place / "new").exists()
    assert [file.name for file in from_template("mnist", place / "new").files] == ["study.toml"]
