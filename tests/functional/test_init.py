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
COUNTS = [[number % 7, 0.5 * number, 3 * number] for number in range(40)]


@pytest.mark.parametrize(
    ("columns", "rows", "label", "task"),
    [
        (["p", "q", "kind"], CLASSES, "kind", None),
        (["p", "q", "cost"], NUMBERS, "cost", "regression"),
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
    why = "the last one" if label in ("kind", "cost", "count") else "by its name"
    assert f"The label is the column {label} ({why})" in out
    study = Study.load(place / "new/study.toml")
    assert (study.dataset.label, study.dataset.task) == (label, task)
    assert study.dataset.test_share == 0.2
    assert study.judged.name == ("rmse" if task else "accuracy")
    assert (study.delta or 0) > 0


def some_table(**columns):
    """A table of 40 rows, from a function of the row for each column."""
    rows = [[value(row) for value in columns.values()] for row in range(40)]
    return table([name.replace("_", " ") for name in columns], rows)


def number(row):
    return row % 7 + 0.5


def colour(row):
    return ("red", "green", "blue")[row % 3]


def size(row):
    return ("small", "large")[row % 2]


def year(row):
    return 2007 + row % 3


def name(row):
    return f"row {row}"


def day(row):
    return f"2024-01-{row % 28 + 1:02}"


def slip(row):
    return "n/k" if row == 3 else row


def gap(row):
    return "" if row == 3 else colour(row)


@pytest.mark.parametrize(
    ("columns", "label", "why", "left_out"),
    [
        ({"kind": colour, "p": number, "size": size, "year": year}, "kind", "the first one", []),
        ({"Id": lambda row: 9 * row, "kind": colour, "p": number}, "kind", "the first one", ["Id"]),
        ({"p": number, "Species": colour, "sex": size}, "Species", "by its name", []),
        ({"p": number, "kind": colour, "year": year}, "kind", "the only one of a few texts", []),
        ({"p": number, "kind": colour, "cost": number}, "cost", "the last one", []),
        ({"kind": colour, "p": number, "died": lambda row: row % 2}, "died", "the last one", []),
        ({"p": number, "kind": colour, "seen": gap}, "kind", "the last one that fits", []),
        ({"p": number, "kind": colour, "text": name}, "kind", "the last one that fits", ["text"]),
        ({"p": number, "kind": colour, "day": day}, "kind", "the last one that fits", ["day"]),
        ({"p": number, "kind": colour, "row": int}, "kind", "the last one that fits", ["row"]),
        ({"user_id": colour, "p": number, "q": number}, "q", "the last one", []),
        ({"y": name, "p": number, "kind": colour}, "kind", "the last one", ["y"]),
        ({"x": number, "y": number, "kind": colour}, "kind", "the last one", []),
        ({"x": int, "y": number}, "y", "by its name", []),
        ({"p": slip, "q": number, "kind": colour, "r": lambda _: 1}, "kind",
         "the last one that fits", ["p", "r"]),
    ],
)  # fmt: skip
def test_the_guess_says_why_and_what_is_left_out(columns, label, why, left_out, in_process, place):
    (place / "data.csv").write_text(some_table(**columns))
    code, out, err = in_process("init", "--dataset", "data.csv", "--into", "new")
    assert (code, err) == (0, "")
    assert f"The label is the column {label} ({why}): " in out
    assert "Another label: remove new/study.toml, and add --label COLUMN." in out
    dataset = Study.load(place / "new/study.toml").dataset
    left_out = [column.replace("_", " ") for column in left_out]
    assert (dataset.label, list(dataset.ignore)) == (label, left_out)
    assert all(column in out for column in left_out)


def test_a_row_number_is_no_input_but_where_there_is_no_other(place):
    (place / "data.csv").write_text(some_table(Id=int, index=lambda row: 3 * row + 4, cost=number))
    project = from_dataset(str(place / "data.csv"), place / "new")
    assert Study.load(place / "new/study.toml").dataset.ignore == ()
    assert not any("Left out" in note for note in project.notes)


def test_each_reason_to_leave_columns_out_is_said_once(place):
    columns = {"Id": int, "name": name, "day": day, "p": number, "note": name, "kind": colour,
               "price": lambda row: f"${row}.50", "share": lambda row: f"{row % 7} %"}  # fmt: skip
    (place / "data.csv").write_text(some_table(**columns))
    assert (
        "Left out with ignore: Id (numbers of the rows); name, note (too many different texts); "
        "day (dates); price, share (numbers with a sign such as $ or %: write plain ones)."
    ) in from_dataset(str(place / "data.csv"), place / "new").notes


def test_a_label_is_taken_as_asked(in_process, place):
    (place / "data.csv").write_text(some_table(Id=int, kind=colour, p=number, size=size))
    for label, task in (("p", "regression"), ("kind", None), ("Id", "regression")):
        code, out, err = in_process("init", "--dataset", "data.csv", "--label", label,
                                    "--into", label)  # fmt: skip
        assert (code, err) == (0, "")
        assert f"The label is the column {label} (by --label)" in out
        assert "Another label" not in out
        dataset = Study.load(place / label / "study.toml").dataset
        assert (dataset.label, dataset.task) == (label, task)
        assert label not in dataset.ignore


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "data.csv", "--label", "sise"], "found 'sise'; did you mean 'size'?"),
        (["--dataset", "data.csv", "--label", "weight"], "the columns are p, kind, size"),
        (["--label", "size"], "--label must stand beside --dataset"),
        (["--dataset", "data.npz", "--label", "size"], "which is none; leave --label out"),
        (["--dataset", "mnist", "--label", "size"], "which is none; leave --label out"),
    ],
)
def test_a_label_that_is_no_column_is_refused(words, said, in_process, place):
    (place / "data.csv").write_text(some_table(p=number, kind=colour, size=size))
    (place / "data.npz").write_bytes(b"any")
    code, out, err = in_process("init", *words, "--into", "new")
    assert (code, out) == (2, "")
    assert said in err
    assert not (place / "new").exists()


@pytest.mark.extra
@pytest.mark.parametrize(("empty", "separator"), [("", ","), ("NA", ","), ("", ";")])
def test_the_way_out_of_a_label_with_gaps_works(empty, separator, in_process, place, monkeypatch):
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(place)
    label = number if empty else colour
    text = some_table(p=number, label=lambda row: empty if row % 9 == 3 else label(row))
    (place / "data.csv").write_text(text.replace(",", separator))
    code, out, err = in_process("init", "--dataset", "data.csv", "--into", "new")
    assert (code, out) == (2, "")
    assert "found 5 of 40 rows without" in err
    eval(re.search(r"leave those out with (.*), or name another", err)[1], {"pandas": pandas})
    code, out, _ = in_process("init", "--dataset", "data-labelled.csv", "--into", "new")
    assert (code, "28 training and 7 test" in out) == (0, True)


@pytest.mark.parametrize("name", ["data.txt", "data.DATA", "data.dat"])
def test_a_table_of_text_may_have_another_ending(name, place):
    (place / name).write_text(some_table(p=number, kind=colour).replace(",", "\t"))
    from_dataset(str(place / name), place / "new")
    assert Study.load(place / "new/study.toml").dataset.label == "kind"


def test_a_parquet_file_is_looked_at_as_a_csv_file(place):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    days = pyarrow.array(range(40), pyarrow.int32()).cast(pyarrow.date32())
    columns = {"day": days, "Id": range(40), "kind": [*map(colour, range(40))],
               "p": [*map(number, range(40))]}  # fmt: skip
    parquet.write_table(pyarrow.table(columns), place / "data.parquet")
    from_dataset(str(place / "data.parquet"), place / "new")
    dataset = Study.load(place / "new/study.toml").dataset
    assert (dataset.label, dataset.ignore) == ("p", ("day", "Id"))


def test_a_table_without_a_header_or_with_gaps_is_read_and_told(in_process, place):
    rows = [["5.1", "0.2", "red"], ["4.9", "", "blue"]] * 10
    (place / "bare.csv").write_text(table(["5.0", "0.1", "red"], rows))
    code, out, _ = in_process("init", "--dataset", "bare.csv", "--into", "bare")
    assert code == 0
    assert "The first row is taken for an example" in out
    assert "Missing numbers become medians of the training rows" in out
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
        (
            "words.csv",
            b"a,b\nred,1\n2,2\n3,2\n4,1\n5,1\n",
            "('red' where a number is expected); add",
        ),
        ("days.csv", b"a,b\n" + b"2024-01-01,1.5\n" * 5, "found only a (dates); add columns"),
        ("three.csv", b"a,b\n1,x\n2,y\n3,x\n", "must have 5 rows or more below its header"),
        ("rows.csv", b"a,b\n", "must have 5 rows or more below its header"),
        ("twice.csv", b"a,a,b\n" + b"1,2,x\n3,4,y\n" * 5, "found a more than once; rename"),
        ("notes.csv", b"# made by me\na,b\n1,x\n", "remove the lines above the names"),
        ("ragged.csv", b"label,b\nx,1\ny\n", "must have 2 cells"),
        ("bytes.csv", b"a,b\n\xff,1\n", "must be text in UTF-8"),
        ("one.csv", b"label\n" + b"1\n2\n" * 5, "must have inputs and a label"),
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


def test_a_set_of_another_library_keeps_its_name(in_process, place):
    code, out, err = in_process("init", "--dataset", "sklearn:diabetes", "--into", "new")
    assert (code, err) == (0, "")
    assert "Change: dataset: your data;" in out
    study = Study.load(place / "new" / "study.toml")
    assert (study.dataset, study.metric.name) == ("sklearn:diabetes", "rmse")


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
    dataset = Study.load(folder / "new" / "study.toml").dataset
    names = [column.strip() for column in columns]
    assert dataset.label in (names if dataset.header else [*range(1, len(columns)), -1])


def test_a_template_of_any_name_is_refused_before_anything_is_written(place, in_process):
    for name in ("", "../keras", "x" * 300):
        code, _, err = in_process("init", "--template", name, "--into", "new")
        assert (code, "--template must be a template" in err) == (2, True), json.dumps(name)
    assert not (place / "new").exists()
    assert [file.name for file in from_template("mnist", place / "new").files] == ["study.toml"]
