"""`stepladder reproduce` on a small table: trained, judged, stored, and refused."""

import json

import pytest

from stepladder import reproduce
from stepladder.study.published import PublishedTable

TABLE = """
name = "theirs"
source = "them, one run of each"
dataset = "digits"
replicates = 2
epochs = 2
validation = 40

[base]
hidden = [6]
activation = "sigmoid"
learning_rate = 0.1
batch_size = 16

[[row]]
name = "naive"
reported = "~25"
runs = 1
change = {}

[[row]]
name = "ReLU"
reported = 99.5

[[row.reading]]
techniques = ["ReLU"]

[[row.reading]]
techniques = ["He normal", "ReLU"]
change = { batch_size = 8 }
"""
ROW = TABLE.partition("[[row]]")[0]


@pytest.fixture
def table(place):
    """Writes a table into the study's folder; gives its file's name."""

    def write(text=TABLE):
        (place / "table.toml").write_text(text, "utf-8")
        return "table.toml"

    return write


@pytest.mark.slow
def test_a_table_is_trained_judged_and_stored(stepladder, in_process, table):
    first = stepladder("reproduce", table())
    assert first.returncode == 0, first.stderr
    assert "Traceback" not in first.stderr
    assert "confound" not in first.stderr  # it is told where rows are compared, not before
    for words in ("them, one run of each", "ReLU against naive: activation sigmoid → relu",
                  "cannot be judged", "lacks replicates"):  # fmt: skip
        assert words in " ".join(first.stdout.split())
    code, again, err = in_process("reproduce", "table.toml", "--format", "json")
    assert code == 0, err
    assert "All 6 trials are stored: nothing to train." in err
    found = json.loads(again)
    assert found["finished"] is True
    naive, relu = found["rows"]
    assert (naive["reported"], naive["tolerance"], naive["runs"]) == (0.25, 0.01, 1)
    assert relu["runs"] is None
    assert {each["reading"] for each in relu["readings"]} == {"ReLU", "He normal + ReLU"}
    assert [each["n"] for each in relu["readings"]] == [2, 2]
    distances = [each["distance"] for each in relu["readings"]]
    assert relu["nearest"] == relu["readings"][0]["name"]
    if relu["readings"][0]["finding"] == relu["readings"][1]["finding"]:
        assert distances == sorted(distances)
    (pair,) = found["neighbours"]
    assert (pair["row"], pair["above"]) == ("ReLU", "naive")
    assert pair["named"] == [{"what": "activation", "above": "sigmoid", "here": "relu"}]
    assert pair["reported_step"] == pytest.approx(74.5)
    drawn = in_process("report", "runs/theirs", "--format", "md")
    assert drawn[0] == 0, "the readings are a study as any other"
    markdown = in_process("reproduce", "table.toml", "--format", "markdown")
    assert "| ReLU | 99.5 |" in markdown[1]


@pytest.mark.slow
def test_a_trial_of_a_study_is_not_trained_again(trained, in_process, table):
    trained()
    code, out, err = in_process("reproduce", table(), "--store", "runs/small/stepladder.db",
                                "--dry-run")  # fmt: skip
    assert code == 0, err
    # the study's base and its rung of ReLU are the table's naive row and first reading
    assert "2 trials to train, 4 found in the store" in out


def test_what_is_stored_is_judged_without_training(in_process, table, made_up, place):
    made_up(3)  # two of the study's base, one of its rung of ReLU
    code, out, err = in_process("reproduce", table(), "--stored", "--format", "json",
                                "--store", "runs/small/stepladder.db")  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert found["finished"] is False
    assert [[each["n"] for each in row["readings"]] for row in found["rows"]] == [[2], [1, 0]]
    assert not (place / "runs" / "theirs").exists()
    code, out, err = in_process("reproduce", "table.toml", "--stored")
    assert (code, out) == (2, "")
    assert "runs/theirs/stepladder.db" in err


def test_dry_run_trains_nothing_and_says_what_it_took(in_process, table, place):
    text = TABLE.replace("replicates = 2", 'replicates = 3\ntakes = "two seconds"')
    code, out, _ = in_process("reproduce", table(text), "--dry-run")
    assert code == 0
    assert "9 trials to train" in out
    assert "All of it: two seconds." in out
    assert not (place / "runs").exists()


def test_only_some_rows(in_process, table):
    code, out, _ = in_process("reproduce", table(), "--dry-run", "--only", "ReLU: ReLU")
    assert code == 0
    assert "2 trials to train" in out


@pytest.mark.slow
def test_from_python(place, monkeypatch, table):
    monkeypatch.chdir(place)
    made = reproduce(PublishedTable.load(table()).only(["naive"]), workers=1)
    assert (made.trained, made.found) == (2, 0)
    assert "naive" in str(made)
    assert json.loads(made.to_json())["table"] == "theirs"
    assert "| naive |" in made.to_markdown()


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (ROW, (), "a table needs at least one [[row]], found none"),
        (TABLE.replace("reported = 99.5\n", ""), (), "row[2].reported is missing"),
        (TABLE.replace("99.5", "995"), (), "must be a percentage from 0 to 100, found 995"),
        (TABLE.replace("99.5", "-1"), (), "must be a percentage from 0 to 100, found -1"),
        (TABLE.replace("99.5", "nan"), (), "must be a percentage from 0 to 100, found nan"),
        (TABLE.replace("99.5", '"high"'), (), "must be a percentage from 0 to 100, found 'high'"),
        (TABLE.replace("runs = 1", "runs = 0"), (), "row[1].runs must be at least 1, found 0"),
        (TABLE.replace('"ReLU"]\nch', '"Relux"]\nch'), (), "found 'Relux'; did you mean 'ReLU'"),
        (TABLE.replace("[[row.reading]]", "[[row.raeding]]"), (), "raeding is not a key of row[2]"),
        (TABLE.replace('"ReLU"\nrep', '"naive"\nrep'), (), "found 'naive' twice; rename one"),
        (TABLE.replace('dataset = "digits"', 'dataset = "dgits"'), (), "dgits"),
        (TABLE, ("--only", "Relux"), "--only must name a row, found 'Relux'; did you mean 'ReLU'?"),
        (TABLE, ("--only", "ReLU: RelU"), "must name a reading of row 'ReLU', found 'RelU'"),
        (TABLE, ("--replicates", "0"), "replicates must be at least 1, found 0"),
        (TABLE, ("--replicates", "few"), "'few' is not a valid integer"),
        ("name = ", (), "must be TOML"),
        (None, (), "TABLE must be a file or built in (mnist-original)"),
    ],
)
def test_bad_input_is_one_message(in_process, table, place, text, words, said):
    file = table(text) if text is not None else "no-such.toml"
    code, out, err = in_process("reproduce", file, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert not (place / "runs").exists()


def test_a_study_is_no_table_and_a_table_no_study(in_process):
    code, _, err = in_process("reproduce", "quick")
    assert (code, "that is a study: `stepladder run quick`" in err) == (2, True)
    code, _, err = in_process("run", "mnist-original")
    told = "that is a published table: `stepladder reproduce mnist-original`"
    assert (code, told in err) == (2, True)


def test_the_schema_of_tables_has_their_keys(in_process):
    code, out, _ = in_process("schema", "--of", "table")
    assert code == 0
    schema = json.loads(out)
    assert {"row", "protocol", "base", "source"} <= set(schema["properties"])
    assert {"reading", "reported", "runs"} <= set(schema["$defs"]["Row"]["properties"])


OWN = """
name = "own"
source = "them"
trainer = "train.py:train"
metric = { name = "rmse", unit = "kWh" }
replicates = 5
base = { depth = 2 }
row = [{ name = "plain", reported = 0.2, change = {} },
       { name = "deep", reported = 0.5, change = { depth = 3 } }]
"""
TRAIN = """
def train(depth, seed):
    if depth == 3 and "SPOIL" in __import__("os").environ:
        raise ValueError("spoilt")
    return {"rmse": depth / 10 + seed % 100 / 10_000}
"""


def test_a_table_of_ones_own_training_needs_leave_and_is_judged(stepladder, place, table):
    (place / "train.py").write_text(TRAIN, "utf-8")
    refused = stepladder("reproduce", table(OWN))
    assert refused.returncode == 2
    assert "add --allow-code" in refused.stderr
    spoilt = stepladder("reproduce", "table.toml", "--allow-code", SPOIL="1")
    assert spoilt.returncode == 1
    assert "5 trial(s) failed" in spoilt.stderr
    assert "ValueError: spoilt" in spoilt.stderr
    done = stepladder("reproduce", "table.toml", "--allow-code", "--format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["verdict"] for row in rows] == ["reproduced", "not reproduced"]
