"""What is said of scores that are not from our store."""

import json
from dataclasses import replace

import pytest

from stepladder.report.scores import FORMATS, view_of_scores
from stepladder.statistics.scores import judge_scores

NOTE = "effect with diverged replicates at chance: 0.00 ± 0.05, no difference beyond 0.5"


@pytest.fixture
def judged():
    """Two arms, one of which makes no difference beyond half a point."""
    judged = judge_scores({"base": {"0": 0.5, "1": 0.6}, "better": {"0": 0.5, "1": 0.6}}, delta=0.5)
    base, better = judged.arms
    within = replace(better.effect, mean=0.0, ci_low=-0.05, ci_high=0.05,
                     verdict="no difference beyond δ")  # fmt: skip
    arms = (base, replace(better, effect=replace(within, at_chance=within)))
    return replace(judged, arms=arms)


def test_every_verdict_names_its_points(judged):
    view = view_of_scores(judged)
    assert view.rows[1].verdict == "no difference beyond 0.5"
    assert dict(view.notes) == {"better": NOTE}
    assert "δ" not in FORMATS["markdown"](judged)
    assert json.loads(FORMATS["json"](judged))["arms"][1]["notes"] == [NOTE]


def test_what_a_family_says_at_once_and_what_no_difference_may_miss():
    base = {str(r): 0.5 + r / 1_000 for r in range(8)}
    rows = {"base": base, "same": dict(base)}
    for name in "abcdef":
        rows[name] = {r: value + 0.001 * (int(r) % 3 - 0.3) for r, value in base.items()}
    judged = judge_scores(rows)
    effects = {arm["name"]: arm["effect"] for arm in json.loads(FORMATS["json"](judged))["arms"]}
    assert effects["same"]["not_excluded_share"] == pytest.approx(1 - 0.05 ** (1 / 8))
    assert effects["a"]["simultaneous"]["comparisons"] == 7
    assert effects["a"]["simultaneous"]["ci_low"] < effects["a"]["ci_low"]
    assert effects["same"]["p_verdict"] == pytest.approx(7 / 2**8)
    assert "not_excluded_share" not in effects["a"]
    notes = " ".join(view_of_scores(judged).footnotes)
    assert "does not exclude effects in up to 31 % of trainings" in notes
