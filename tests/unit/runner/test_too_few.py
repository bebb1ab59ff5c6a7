"""What a number of replicates can never say is said before it is trained."""

import numpy as np
import pytest

from stepladder.runs.preflight import underpowered
from stepladder.statistics import effects
from stepladder.study.study import Study

BASE = {"hidden": [8], "activation": "sigmoid"}


@pytest.mark.parametrize(("replicates", "said"), [(1, "1 replicate of"), (2, "2 replicates of")])
def test_one_or_two_replicates_say_nothing(replicates, said):
    (line,) = underpowered(Study.load("mnist", {"replicates": replicates}))
    assert line.startswith(said)
    assert "luck cannot be told" in line


def test_enough_replicates_and_single_arms_are_not_named():
    assert underpowered(Study.load("mnist")) == ()
    assert underpowered(Study(name="s", base=BASE, replicates=1)) == ()


def test_a_factorial_of_five_says_that_its_comparisons_need_one_more():
    (line,) = underpowered(Study.load("mnist", {"design": "factorial"}))
    assert line.startswith("5 replicates of each arm are too few for any comparison")
    assert "in a family of 32, however large its effect; 6 would do" in line
    assert "Main effects, a family of 5, are judged for themselves" in line
    assert underpowered(Study.load("mnist", {"design": "factorial", "replicates": 6})) == ()


@pytest.mark.parametrize("family", [1, 6, 32])
def test_it_is_said_exactly_where_no_effect_is_large_enough(family):
    techniques = [{"name": f"t{n}", "change": {"hidden": [9 + n]}} for n in range(family)]
    for replicates in range(3, 9):
        study = Study(name="s", base=BASE, techniques=techniques, replicates=replicates,
                      design="one_at_a_time")  # fmt: skip
        base = np.linspace(0.1, 0.1001, replicates)
        scores = {"base": base, **{f"t{n}": base + 0.8 for n in range(family)}}
        pairs = [(f"t{n}", "base") for n in range(family)]
        said = {each.verdict for each in effects(scores, pairs).values()}
        assert (said == {"helps"}) == (underpowered(study) == ())
