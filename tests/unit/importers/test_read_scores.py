"""Tables of scores as people have them: which columns and rows are what, and of which metric."""

import math
import subprocess
import sys

import numpy as np
import pytest

import stepladder
from stepladder.errors import InputError
from stepladder.importers.scores import is_lower_better, read_scores

LONG = {"a": {"0": 0.91, "1": 0.92}, "b": {"0": 0.95, "1": 0.96}}

WANDB = (
    '"Name","State","Notes","Runtime","Sweep","seed","use_dropout","test/accuracy","val/loss"\n'
    '"sunny-glade-12","finished","-","122","","0","true","0.9312","0.231"\n'
    '"royal-frog-11","finished","-","121","","0","false","0.9251","0.255"\n'
    '"zany-oath-10","crashed","-","12","","1","true","","" \n'
)


@pytest.fixture
def read(tmp_path):
    """Reads a text as a file of scores."""

    def of(text, *, name="table.csv", **options):
        file = tmp_path / name
        file.write_text(text)
        return read_scores(file, **options)

    return of


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("arm,replicate,score\na,0,.91\na,1,.92\nb,0,.95\nb,1,.96\n", None),
        (
            "method,seed,accuracy\na,0,.91\na,1,.92\nb,0,.95\nb,1,.96\n",
            "Read arm = method, replicate = seed, score = accuracy.",
        ),
        (
            "Model;Seed;Score\na;0;0,91\na;1;0,92\nb;0;0,95\nb;1;0,96\n",
            "Read fields apart by semicolons; a comma in a number is a point.",
        ),
        ("arm\treplicate\tscore\na\t0\t.91\na\t1\t.92\nb\t0\t.95\nb\t1\t.96\n", None),
        (
            "seed,a,b\n0,0.91,0.95\n1,0.92,0.96\n",
            "Read as a wide table: one column an arm, one row a replicate (seed).",
        ),
        (
            "method,0,1\na,0.91,0.92\nb,0.95,0.96\n",
            "Read as a wide table: one column a replicate, one row an arm (method).",
        ),
        (",a,b\n0,0.91,0.95\n1,0.92,0.96\n", None),  # an index without a name
        ("which,0,1\na,0.91,0.92\nb,0.95,0.96\n", None),
        ("arm,seed,dice\na,0,.91\na,1,.92\nb,0,.95\nb,1,.96\n", "score = dice"),
        ("arm,seed,accuracy,seconds\na,0,.91,8\na,1,.92,8\nb,0,.95,8\nb,1,.96,8\n", None),
        ("method,name,seed,acc\na,r1,0,.91\na,r2,1,.92\nb,r3,0,.95\nb,r4,1,.96\n", None),
    ],
)
def test_every_layout_gives_the_same_scores(text, note, read):
    table = read(text)
    assert table.scores == LONG
    assert table.metric.is_fraction
    assert note is None or note in " ".join(table.notes)


def test_crashed_runs_are_left_out_by_name(read):
    table = read(WANDB, columns={"arm": "use_dropout"})
    assert table.scores == {"true": {"0": 0.9312}, "false": {"0": 0.9251}}
    assert table.metric.name == "accuracy"
    assert "zany-oath-10 (crashed)" in " ".join(table.notes)
    table = read(WANDB.replace('"",""', '"0.3","9"'), columns={"arm": "use_dropout"})
    assert table.scores["true"] == {"0": 0.9312}  # a score of an unfinished run is none


def test_an_empty_score_is_left_out_and_nan_has_diverged(read):
    table = read("arm,replicate,score\na,0,\na,1,0.5\nb,0,nan\nb,1,N/A\n")
    assert table.scores["a"] == {"1": 0.5}
    assert math.isnan(table.scores["b"]["0"])
    assert "a 0, b 1" in table.notes[0]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (WANDB, {}, 'without arm; name the columns: columns={"arm": NAME}'),
        (WANDB, {"columns": {"arm": "use_dropuot"}}, "did you mean 'use_dropout'"),
        (WANDB, {"columns": {"arms": "lr"}}, "found 'arms'; did you mean 'arm'"),
        ("a,b\n0.1,0.2\n", {}, "a wide table needs a column that numbers its rows"),
        ("arm,seed,f1,acc,auroc\na,0,1,1,1\n", {}, "found acc, auroc; name one"),
        ("arm,seed,score,score\na,0,1,1\n", {}, "found 'score' twice"),
        ("arm,seed,score\na,0,.5\na,0,.5\n", {}, "or name other columns with columns="),
        ("arm,seed,score\na,0,0,97\n", {}, "line 2: must have 3 cells as the header has, found 4"),
        ("seed,a,b\n0,0.5,x\n1,.5,.5\n", {}, "without arm, score"),
        ("seed,a,b\n0,0.5,.5\n1,.5,x\n", {}, "line 3: score must be a number, found 'x'"),
        ("arm,seed,acc\na,0,97\n", {}, "line 2: accuracy must be in 0…1, found 97; divide perc"),
        ("arm,seed,rmse\na,0,-1\n", {}, "rmse must be finite and at least 0, found -1"),
        ("arm,seed,x\na,0,inf\n", {"direction": "minimize"}, "x must be finite, found inf; write"),
    ],
)
def test_a_table_that_cannot_be_read_says_what_is_wrong(text, options, expected, read):
    with pytest.raises(InputError) as caught:
        read(text, **options)
    assert expected in str(caught.value)


LOSS = "arm,seed,{}\na,0,0.31\na,1,0.32\nb,0,0.25\nb,1,0.26\n"


@pytest.mark.parametrize(
    ("heading", "file"),
    [
        *((heading, "table.csv") for heading in (
            "loss", "val/loss", "trainLoss", "test_error", "WER", "cer", "perplexity", "latency",
            "seconds", "neg_mean_squared_error", "time")),
        ("score", "judge-loss.csv"), ("score", "latency_ms.csv"), ("score", "RMSE 2.csv"),
    ],
)  # fmt: skip
def test_the_direction_is_asked_for_where_a_name_says_loss(heading, file, read):
    with pytest.raises(InputError, match='direction="minimize" or direction="maximize"'):
        read(LOSS.format(heading), name=file)
    metric = read(LOSS.format(heading), name=file, direction="minimize").metric
    assert (metric.direction, metric.scale) == ("minimize", 1)


def test_the_direction_is_asked_for_where_values_are_no_fractions(read):
    text = LOSS.format("score").replace("0.31", "2.31")
    with pytest.raises(InputError, match=r'line 2.*direction="minimize" or direction="maximize"'):
        read(text)
    assert read(text, direction="maximize").metric.scale == 1
    assert read(LOSS.format("score"), direction="maximize").metric.scale == 100


@pytest.mark.parametrize("name", ["accuracy", "score", "timestamp", "dice", "merit", "answer"])
def test_other_names_say_nothing(name):
    assert not is_lower_better(name)


def test_a_direction_is_one_of_two_words():
    with pytest.raises(InputError, match="direction must be minimize or maximize, found 'lower'"):
        read_scores(LONG, direction="lower")


def test_an_error_rate_may_be_shown_in_points(read):
    metric = read(LOSS.format("error"), direction="minimize", unit="points").metric
    assert (metric.name, metric.direction, metric.scale) == ("error", "minimize", 100)


def test_a_named_metric_says_which_column_is_meant(read):
    text = "arm,seed,rmse,R2\na,0,3,0.5\nb,0,2,0.7\n"
    for metric, unit, value in (("rmse", "kWh", 3), ("r2", None, 0.5)):
        table = read(text, metric=metric, unit=unit)
        assert (table.metric.name, table.metric.unit) == (metric, unit or "")
        assert table.scores["a"] == {"0": value}
    with pytest.raises(InputError, match="did you mean 'rmse'"):
        read(text, metric="rmsee")


@pytest.mark.parametrize(
    "source",
    [
        LONG,
        {"a": [0.91, 0.92], "b": np.array([0.95, 0.96])},
        {"a": (0.91, 0.92), "b": [0.95, 0.96]},
        {"method": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1], "acc": [0.91, 0.92, 0.95, 0.96]},
    ],
    ids=["mappings", "arrays", "sequences", "columns"],
)
def test_what_python_has(source):
    assert read_scores(source).scores == LONG


@pytest.mark.parametrize(
    "made",
    [
        lambda pd: {"a": pd.Series([0.91, 0.92]), "b": (0.95, 0.96)},
        lambda pd: pd.DataFrame({"arm": list("aabb"), "seed": [0.0, 1.0, 0.0, 1.0],
                                 "score": [0.91, 0.92, 0.95, 0.96]}),
        lambda pd: pd.DataFrame({"seed": [0, 1], "a": [0.91, 0.92], "b": [0.95, 0.96]}),
        lambda pd: pd.DataFrame({"a": [0.91, 0.92], "b": [0.95, 0.96]},
                                index=pd.Index([0, 1], name="seed")),
    ],
    ids=["series", "long", "wide", "pivoted"],
)  # fmt: skip
def test_what_pandas_has(jupyter, made):
    import pandas as pd

    assert read_scores(made(pd)).scores == LONG


class Polars:
    """A frame as Polars has it: no index, and columns that are a list of names."""

    columns = ("arm", "seed", "score")

    def __getitem__(self, name):
        values = {"arm": list("aabb"), "seed": [0, 1, 0, 1], "score": [0.91, 0.92, 0.95, 0.96]}
        return np.array(values[name], dtype=object)


def test_a_frame_of_another_library():
    assert read_scores(Polars()).scores == LONG


def test_judge_imports_no_pandas():
    code = "import sys, stepladder; stepladder.judge({'a': [0.5]}); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (3, "scores must be a path, a frame of pandas or Polars, or a mapping"),
        ({"a": 0.5}, "scores of arm 'a' must be a sequence of numbers, found 0.5"),
        ({}, "scores must have one row a replicate, found none"),
        ({"a": [True]}, "score must be a number, found True"),
        ({"a": [2.5]}, "row 0: score must be in 0…1, found 2.5"),
    ],
)
def test_what_python_must_not_have(source, expected):
    with pytest.raises(InputError) as caught:
        read_scores(source)
    assert expected in str(caught.value)


def test_judge_in_python_reads_a_file_too(tmp_path):
    file = tmp_path / "losses.csv"
    rows = [f"{arm},{seed},{value + seed / 100}" for arm, value in (("base", 2.3), ("new", 2.0))
            for seed in range(6)]  # fmt: skip
    file.write_text("\n".join(["arm,replicate,score", *rows]))
    table = stepladder.judge(file, direction="minimize", unit="nats")
    assert table.verdicts == {"new": "helps"}
    assert table.effects["new"].mean == pytest.approx(-0.3)
    assert "new (−0.300) improves the score." in str(table)
