"""`stepladder judge` on files that others made, good and bad."""

import csv
import io
import json

import numpy as np
import pytest
from scipy import stats

from stepladder.cli import main

GOOD = {
    "plain": [0.90, 0.91, 0.89, 0.92, 0.90, 0.91],
    "better": [0.95, 0.96, 0.93, 0.96, 0.95, 0.96],
    "same": [0.90, 0.91, 0.89, 0.92, 0.90, 0.91],
}


def csv_of(scores, head="arm,replicate,score"):
    rows = [f"{arm},{place},{score}" for arm, values in scores.items()
            for place, score in enumerate(values)]  # fmt: skip
    return "\n".join([head, *rows]) + "\n"


@pytest.fixture
def judge(tmp_path, monkeypatch, capsys):
    """Writes a file and judges it; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(content, *words):
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / "scores.csv").write_bytes(data)
        monkeypatch.setattr("sys.argv", ["stepladder", "judge", "scores.csv", *words])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return ended.value.code, said.out, said.err

    return run


def as_json(judge, content, *words):
    code, out, err = judge(content, *words, "--format", "json")
    assert code == 0, err
    return {arm["name"]: arm for arm in json.loads(out)["arms"]}


def test_the_first_arm_is_what_the_others_are_compared_with(judge):
    arms = as_json(judge, csv_of(GOOD))
    assert [arm["compared_with"] for arm in arms.values()] == [None, "plain", "plain"]
    assert arms["plain"]["effect"] is None
    effect = arms["better"]["effect"]
    expected = stats.ttest_rel(GOOD["better"], GOOD["plain"])
    interval = expected.confidence_interval()
    assert effect["p_t"] == pytest.approx(expected.pvalue, abs=1e-10)
    assert effect["ci_low"] == pytest.approx(100 * interval.low, abs=1e-10)
    assert effect["verdict"] == "helps"
    assert arms["better"]["n"] == 6
    same = arms["same"]["effect"]
    assert (same["mean"], same["p"], same["verdict"]) == (0, 1, "no difference beyond δ")
    assert arms["plain"]["scores"]["test"]["score"]["mean"] == pytest.approx(np.mean(GOOD["plain"]))


def test_another_arm_may_be_named(judge):
    arms = as_json(judge, csv_of(GOOD), "--against", "better")
    assert arms["better"]["effect"] is None
    assert arms["plain"]["effect"]["verdict"] == "hurts"


def test_every_form_says_the_same(judge):
    for form in ("table", "markdown", "csv"):
        code, out, _ = judge(csv_of(GOOD), "--format", form)
        assert code == 0
        assert "better" in out
        assert "helps" in out
    table = judge(csv_of(GOOD))[1]
    assert "score %" in table
    assert "train" not in table.splitlines()[3]
    assert "better (+4.67) improves the score." in table


def test_rows_in_any_order_and_more_columns_change_nothing(judge):
    lines = csv_of(GOOD).splitlines()
    order = np.random.default_rng(0).permutation(len(lines) - 1)
    mixed = "\ufeff" + "\r\n".join(
        ["note, Replicate ,Arm,score"]
        + [",".join(["x", *(row.split(",")[place] for place in (1, 0, 2))])
           for row in (lines[1 + at] for at in order)]
    )  # fmt: skip
    ours, theirs = (as_json(judge, text, "--against", "plain") for text in (csv_of(GOOD), mixed))
    for name, arm in ours.items():
        assert {**arm, "diagnosis": []} == {**theirs[name], "diagnosis": []}


def test_a_missing_replicate_leaves_the_other_pairs_and_it_says_so(judge):
    text = csv_of(GOOD).replace("better,2,0.93\n", "")
    arm = as_json(judge, text)["better"]
    assert (arm["n"], arm["missing"]) == (5, ["2"])
    assert (arm["effect"]["pairs"], arm["effect"]["unpaired"]) == (5, 1)
    table = judge(text)[1]
    assert "lacks 1 replicate: 2" in table
    assert "effect over 5 pairs" in table


def test_one_replicate_has_no_interval(judge):
    arm = as_json(judge, "arm,replicate,score\na,0,0.5\nb,0,0.7\n")["b"]
    assert arm["effect"]["ci_low"] is None
    assert arm["effect"]["verdict"] == "not enough replicates"
    assert arm["effect"]["mean"] == pytest.approx(20)


def test_a_diverged_replicate_is_counted_and_also_taken_at_chance(judge):
    text = csv_of(GOOD).replace("better,2,0.93", "better,2,nan")
    arm = as_json(judge, text)["better"]
    assert (arm["n"], arm["diverged"], arm["effect"]["pairs"]) == (6, 1, 5)
    assert arm["effect"]["at_chance"] is None
    guessing = as_json(judge, text, "--chance", "0.1")["better"]["effect"]["at_chance"]
    assert guessing["pairs"] == 6
    assert guessing["mean"] == pytest.approx((5 + 5 - 79 + 4 + 5 + 5) / 6)
    assert "diverged in 1 of 6 replicates" in judge(text)[1]
    rows = csv.DictReader(io.StringIO(judge(text, "--chance", "0.1", "--format", "csv")[1]))
    assert [row["effect_at_chance_points"] for row in rows if row["arm"] == "better"] == [
        str(guessing["mean"])
    ]


def test_folds_overlap_and_their_intervals_are_wider(judge):
    text = csv_of(GOOD, "arm,fold,score")
    alone, folds = (as_json(judge, text, *more)["better"]["effect"]
                    for more in ((), ("--overlap", "0.2")))  # fmt: skip
    widths = [effect["ci_high"] - effect["ci_low"] for effect in (alone, folds)]
    assert widths[1] / widths[0] == pytest.approx(((1 / 6 + 0.2) / (1 / 6)) ** 0.5)
    assert (folds["mean"], folds["replicates_needed"]) == (alone["mean"], None)
    assert folds["p_t"] > alone["p_t"]
    assert folds["p_verdict"] >= folds["p_t_adjusted"]
    assert "Replicates overlap (0.2 test examples" in judge(text, "--overlap", "0.2")[2]


@pytest.mark.parametrize("ratio", ["-1", "nan", "inf"])
def test_an_overlap_that_is_no_ratio_is_refused(judge, ratio):
    code, _, message = judge(csv_of(GOOD), "--overlap", ratio)
    assert code == 2
    assert "write 0.111 for ten folds" in message


def test_folds_without_pairs_are_refused(judge):
    code, _, message = judge("arm,fold,score\na,0,0.5\na,1,0.6\nb,x,0.7\nb,y,0.8\n",
                             "--overlap", "1")  # fmt: skip
    assert code == 2
    assert "name folds alike in all arms" in message


def test_one_arm_is_only_shown(judge):
    code, out, _ = judge("arm,replicate,score\na,0,0.5\na,1,0.6\n")
    assert code == 0
    assert "One arm is compared with nothing" in out


LOSSES = {"base": [0.431, 0.435, 0.429, 0.433, 0.430], "lora": [0.311, 0.315, 0.320, 0.317, 0.312]}


def as_document(judge, content, *words):
    code, out, err = judge(content, *words, "--format", "json")
    assert code == 0, err
    return json.loads(out)


def test_arms_may_claim_to_be_not_worse(judge):
    scores = {
        "base": [0.90, 0.91, 0.90, 0.92, 0.91, 0.90],
        "small": [0.92, 0.91, 0.92, 0.92, 0.91, 0.92],
    }
    words = ("--delta", "1", "--claim", "not worse")
    effect = as_json(judge, csv_of(scores), *words)["small"]["effect"]
    assert effect["verdict"] == "not worse beyond δ"
    assert effect["not_excluded_share"] == pytest.approx(1 - 0.05 ** (1 / 6))
    out = " ".join(judge(None, *words, "--explain")[1].split())
    assert "small (+1.00) loses less than 1 point of the score, if anything." in out
    assert "not worse means worse by less than 1 point, if at all, by a one-sided test" in out


def test_a_loss_is_judged_in_its_own_unit(judge):
    words = ("--metric", "loss", "--lower-is-better", "--unit", "nats", "--delta", "0.2")
    document = as_document(judge, csv_of(LOSSES), *words)
    assert document["format"] == 2
    assert document["metric"] == {"name": "loss", "better": "lower", "unit": "nats", "delta": 0.2}
    base, lora = document["arms"]
    assert base["scores"]["test"]["loss"]["values"] == LOSSES["base"]
    effect, expected = lora["effect"], stats.ttest_rel(LOSSES["lora"], LOSSES["base"])
    interval = expected.confidence_interval()
    assert effect["verdict"] == "helps"
    assert effect["mean"] == pytest.approx(-0.1166, abs=1e-12)
    assert effect["p_t"] == pytest.approx(expected.pvalue, abs=1e-10)
    assert (effect["ci_low"], effect["ci_high"]) == pytest.approx(tuple(interval), abs=1e-10)
    assert effect["p_greater"]["mean"] == 1
    code, out, _ = judge(None, *words, "--explain")
    assert code == 0
    assert "lora (−0.1166) improves loss by less than 0.2" in out
    assert "loss (nats)" in " ".join(out.split())
    assert "−0.1166 ± 0.0057" in out
    assert "lower is better" in out
    assert "no difference means within 0.2 nats by two one-sided tests" in " ".join(out.split())
    rows = list(csv.DictReader(io.StringIO(judge(None, *words, "--format", "csv")[1])))
    assert [(row["metric"], row["better"], row["unit"]) for row in rows] == [
        ("loss", "lower", "nats")
    ] * 2
    higher = as_document(judge, None, "--metric", "gain", "--higher-is-better")
    assert higher["arms"][1]["effect"]["verdict"] == "hurts"
    assert higher["metric"]["delta"] is None


def test_no_difference_needs_a_delta_where_scores_are_no_fractions(judge):
    losses = csv_of({"a": [2.1, 2.2, 2.3, 2.2, 2.1], "b": [2.1, 2.2, 2.3, 2.2, 2.1]})
    code, out, _ = judge(losses, "--lower-is-better", "--explain")
    assert code == 0
    assert "no difference without a delta" in " ".join(out.split())
    assert "not enough replicates" in out
    assert "makes no difference beyond 0.05 in the score" in " ".join(
        judge(losses, "--lower-is-better", "--delta", "0.05")[1].split()
    )


def test_a_diverged_loss_is_left_out_and_it_says_so(judge):
    text = csv_of(LOSSES).replace("lora,2,0.32", "lora,2,nan")
    document = as_document(judge, text, "--metric", "loss", "--lower-is-better")
    lora = document["arms"][1]
    assert (lora["diverged"], lora["effect"]["pairs"]) == (1, 4)
    assert lora["notes"][0] == "diverged in 1 of 5 replicates"


def test_arms_without_a_common_replicate_are_compared_by_welch(judge):
    sides = {"a": [0.91, 0.911, 0.912, 0.913, 0.914], "b": [0.95, 0.952, 0.953, 0.953, 0.957]}
    text = csv_of({"a": sides["a"]}) + "".join(
        f"b,t{place},{score}\n" for place, score in enumerate(sides["b"])
    )
    effect = as_json(judge, text)["b"]["effect"]
    expected = stats.ttest_ind(sides["b"], sides["a"], equal_var=False)
    interval = expected.confidence_interval()
    assert effect["p_t"] == pytest.approx(expected.pvalue, abs=1e-12)
    assert effect["ci_low"] == pytest.approx(100 * interval.low, abs=1e-9)
    assert effect["ci_high"] == pytest.approx(100 * interval.high, abs=1e-9)
    assert (effect["verdict"], effect["pairs"], effect["p"]) == ("helps", 0, None)
    out = " ".join(judge(None)[1].split())
    assert "no replicate in common with a: two means are compared (Welch)" in out
    assert "more replicates" not in out


def test_notes_go_to_stderr_where_stdout_is_for_programs(judge):
    text = csv_of(GOOD, "method,seed,acc")
    code, out, err = judge(text, "--format", "csv")
    assert (code, "Read" in out) == (0, False)
    assert err == "Read arm = method, replicate = seed, score = acc.\n"
    _, table, brief = judge(text)
    assert brief == f"{err}\nExplain: the same command with --explain\n"
    assert table.splitlines()[-1].startswith("same ")
    _, explained, nothing = judge(text, "--explain")
    assert nothing == ""
    assert "Read arm = method" in " ".join(explained.split())
    named = "arm=method,replicate=seed,score=acc"
    assert judge(text, "--columns", named, "--format", "csv")[1:] == (out, "")


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        (csv_of(GOOD), ("--lower-is-better", "--higher-is-better"), "found both; leave one out"),
        (csv_of(GOOD), ("--columns", "arm"), "must be ROLE=NAME, found 'arm'"),
        (csv_of(GOOD), ("--columns", "arm=amr"), "found 'amr'; did you mean 'arm'"),
        (csv_of(GOOD, "arm,seed,rmse"), ("--higher-is-better",), "rmse must be judged as lower"),
        (csv_of(GOOD, "arm,seed,rmse"), ("--chance", "0.1"), "chance must be left out of what"),
        (csv_of(GOOD, "arm,seed,rmse"), ("--delta", "0"), "delta must be a number above 0"),
        (csv_of(GOOD, "arm,seed,loss"), (), "--lower-is-better or --higher-is-better"),
        (None, (), "found no file 'scores.csv'"),
        ("", (), "must have the columns arm, replicate, score, found nothing"),
        ("arm,replicate,score\n", (), "one row a replicate, found none"),
        ("arm,replicat,score\na,0,0.5\n", (), "without replicate; rename 'replicat'"),
        ("arm,replicate\na,0\n", (), "without score"),
        (
            "arm,replicate,score\na,0,0,97\n",
            (),
            "line 2: must have 3 cells as the header has, found",
        ),
        ("arm,replicate,score\na,0,0_1\n", (), "line 2: score must be a number, found '0_1'"),
        ("arm,replicate,score\na,0,high\n", (), "line 2: score must be a number, found 'high'"),
        ("arm,replicate,score\na,0,\n", (), "one row a replicate, found none, a 0 without a score"),
        ("arm,replicate,score\na,0,97.1\n", (), "line 2: score must be in 0…1, found 97.1; divide"),
        ("arm,replicate,score\na,0,-0.1\n", (), "line 2: score must be in 0…1, found -0.1"),
        ("arm,replicate,score\na,0,inf\n", (), "line 2: score must be in 0…1, found inf"),
        ("arm,replicate,score\na,0,0.5\na,0,0.6\n", (), "line 3: one row an arm and replicate"),
        ("arm,replicate,score\na,0\n", (), "line 2: must have 3 fields or more, found 2"),
        ("arm,replicate,score\n,0,0.5\n", (), "line 2: must name an arm and a replicate"),
        ("arm,replicate,score\na,0,x\n\na,1,y\n", (), "2 bad row(s)"),
        (b"arm,replicate,score\n\xff\xfe,0,0.5\n", (), "must be a text in UTF-8"),
        ('arm,replicate,score\n"a,0,0.5\n', (), "must be CSV"),
        (csv_of(GOOD), ("--against", "bettter"), "did you mean 'better'?"),
        (csv_of(GOOD), ("--against", "zzz"), "the names are plain, better, same"),
        (csv_of(GOOD), ("--delta", "0"), "delta must be percentage points above 0"),
        (csv_of(GOOD), ("--delta", "-1"), "delta must be percentage points above 0"),
        (csv_of(GOOD), ("--chance", "1.5"), "chance must be between 0 and 1"),
        (csv_of(GOOD), ("--format", "yaml"), "yaml"),
    ],
)
def test_bad_input_gets_one_message_and_exit_code_2(content, words, expected, judge):
    code, out, err = judge(content, *words)
    assert code == 2
    assert out == ""
    assert expected in err


def test_a_quoted_name_may_have_any_line_break(judge):
    names = ["a\nb", "a\u2028b", "a\x85b", "a\x0cb"]
    rows = [f'"{name}",{place},0.{place + 1}' for name in names for place in range(2)]
    assert list(as_json(judge, "\n".join(["arm,replicate,score", *rows]))) == names


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('arm,replicate,score\n"a\nb",0,x\na,0,y\n', ("line 3: score", "line 4: score")),
        ("arm,replicate,score,Score\na,0,0.5,0.6\n", ("found 'score' twice", "rename")),
        ("arm,arm,replicate,score,score\na,b,0,0.5,0.6\n", ("found 'arm' and 'score' twice",)),
        (b"arm,replicate,score\na,0,0.5\ncaf\xe9,0,0.5\n", ("the byte 0xe9 in line 3",)),
        ('arm,replicate,score\na,0,0.5\n"a"b,0,0.5\n', ("expected after", "in line 3")),
    ],
)
def test_a_fault_is_named_with_its_line_or_column(judge, content, said):
    code, _, err = judge(content)
    assert code == 2
    for text in said:
        assert text in err
