"""Metrics by name: built-in ones, and those of the user."""

import math

import pytest

from stepladder.errors import InputError
from stepladder.trials.metrics import METRICS, Metric, find_metric

LOWER = {"log_loss", "brier", "mse", "rmse", "mae"}


@pytest.mark.parametrize("name", METRICS)
def test_a_built_in_metric_knows_its_direction_and_scale(name):
    metric = find_metric(name.replace("_", " ").upper())
    assert metric is METRICS[name]
    assert metric.direction == ("minimize" if name in LOWER else "maximize")
    assert metric.is_fraction == (metric.scale == 100) == (metric.unit == "points")
    assert not metric.is_fraction or metric.bounds == (0, 1)


def test_a_metric_of_ones_own_has_the_direction_and_unit_given():
    assert find_metric("latency", "minimize", "ms") == Metric(
        "latency", "minimize", (-math.inf, math.inf), "ms", 1.0
    )
    iou = find_metric("iou", "maximize", "points")
    assert (iou.is_fraction, iou.scale, iou.bounds) == (True, 100, (0, 1))
    assert find_metric("rmse", unit="kWh").unit == "kWh"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("rmsee",), "did you mean 'rmse'"),
        (("perplexity",), "whether lower or higher is better"),
        (("mse", "maximize"), "mse must be judged as lower is better"),
        (("accuracy", "minimize"), "accuracy must be judged as higher is better"),
        (("accuracy", None, "ms"), "unit of accuracy must be points"),
        (("mae", None, "points"), "unit of mae"),
    ],
)
def test_what_is_not_known_is_asked_for(words, expected):
    with pytest.raises(InputError, match=expected):
        find_metric(*words)
