"""What arms answer to each test example, from made-up trials."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from stepladder.data.dataset import Dataset
from stepladder.runs.predictions import find_predictions, largest_residuals
from stepladder.study.designs import Arm
from stepladder.study.metrics import METRICS
from stepladder.study.recipe import Recipe

RECIPE = Recipe(hidden=[3])
ARMS = [Arm("base", RECIPE, None), Arm("a", RECIPE, "base"), Arm("b", RECIPE, "a")]
X = np.zeros((4, 2), np.float32)
Y = np.array([[0], [1], [2], [4]], np.float32)
HOUSES = Dataset(name="houses", x_train=X, y_train=Y, x_test=X, y_test=Y, class_names=("price",),
                 task="regression")  # fmt: skip


def trial(values, validation, diverged=None):
    values = None if values is None else np.array(values, np.float32)[:, None]
    return SimpleNamespace(test_values=values, diverged=diverged,
                           score=lambda part, metric: validation)  # fmt: skip


def found(base, a, b, metric="rmse"):
    return find_predictions(ARMS, {"base": base, "a": a, "b": b}, HOUSES, METRICS[metric])


def test_shown_are_the_first_arm_the_best_and_what_it_is_compared_with():
    many = [[trial([0, 0, 0, 0], 3)], [trial([0, 1, 2, 3], 2)], [trial([0, 1, 2, 4], 1)]]
    assert [arm.name for arm in found(*many).arms] == ["base", "a", "b"]
    assert found(*many).best == "b"
    assert [arm.name for arm in found(*many, metric="r2").arms] == ["base"]  # the most is best


def test_what_diverged_is_missing_or_has_no_values_is_left_out():
    good = trial([0, 1, 2, 3], 2)
    lost = [trial([0, 0, 0, 0], math.nan, diverged=1), None, trial(None, 1)]
    shown = found(lost, [good, *lost], lost)
    assert [(arm.name, arm.values.shape) for arm in shown.arms] == [("a", (1, 4, 1))]
    assert found(lost, lost, lost) is None


def test_classes_have_none():
    y = np.array([0, 1, 0, 1], np.int32)
    classes = Dataset(name="c", x_train=X, y_train=y, x_test=X, y_test=y, class_names=("n", "y"))
    assert find_predictions(ARMS, {}, classes, METRICS["accuracy"]) is None


def test_residuals_are_of_the_mean_over_replicates_the_largest_first():
    shown = found([trial([0, 0, 0, 0], 1), trial([0, 0, 0, 2], 1)], [], [])
    worst, second, *_ = largest_residuals(shown)
    assert (worst.index, worst.truth, worst.mean, worst.low, worst.high) == (3, 4, 1, 0, 2)
    assert second.index == 2
    assert len(largest_residuals(shown, most=2)) == 2


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_several_targets_are_compared_in_their_own_deviations(scale):
    y = np.column_stack([Y[:, 0], scale * Y[:, 0]]).astype(np.float32)
    data = Dataset(name="two", x_train=X, y_train=y, x_test=X, y_test=y, class_names=("p", "q"),
                   task="regression")  # fmt: skip
    off = y.copy()
    off[0, 0] += 3  # more than the deviation of the first target
    off[1, 1] += scale  # less than that of the second
    one = SimpleNamespace(test_values=off, diverged=None, score=lambda part, metric: 1.0)
    shown = find_predictions(ARMS[:1], {"base": [one]}, data, METRICS["rmse"])
    assert [(each.index, each.target) for each in largest_residuals(shown, 2)] == [(0, 0), (1, 1)]
