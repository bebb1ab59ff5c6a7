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
