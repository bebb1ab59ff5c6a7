"""The built-in metrics, computed: by hand, and against scikit-learn's own functions."""

import math
import sys

import numpy as np
import pytest
import sklearn.metrics
from installed_package import install

from stepladder.errors import InputError
from stepladder.study import metrics, scoring
from stepladder.study.metrics import (
    DEFAULT_METRICS,
    METRICS,
    Metric,
    find_metric,
    is_computed,
    named_metric,
)

# Three examples of three classes; the second is answered wrongly.
TRUTH = np.array([0, 1, 2], np.int32)
SHARES = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], np.float32)
VALUES = np.array([1.0, 2.0, 5.0])

BY_HAND = {
    "accuracy": 2 / 3,
    "balanced_accuracy": 2 / 3,
    "macro_f1": (2 / 3 + 0 + 1) / 3,
    "auroc": (0.75 + 0.5 + 1) / 3,
    "average_precision": (0.5 + 1 / 3 + 1) / 3,
    "top_k_accuracy": 2 / 3,  # of a tie scikit-learn takes the later class
    "log_loss": (2 * math.log(2) + math.log(4)) / 3,
    "brier": (0.375 + 0.875 + 0.375) / 3,
    "mse": (1 + 1 + 9) / 3,
    "rmse": math.sqrt(11 / 3),
    "mae": 5 / 3,
    "r2": 1 - 11 / 2,
    "explained_deviance": None,  # the truth has a 0, and its deviance a logarithm: below
}


def given_to(metric, truth=TRUTH, shares=SHARES):
    """What a metric is computed of."""
    by_need = {"labels": shares.argmax(axis=1), "probabilities": shares, "values": VALUES}
    return truth, by_need[metric.needs]


@pytest.mark.parametrize("name", METRICS)
def test_three_examples_by_hand(name):
    if BY_HAND[name] is None:
        truth, values = np.array([1.0, 3.0]), np.array([1.0, 3.0])
        assert METRICS[name].score(truth, values) == pytest.approx(1)
        assert METRICS[name].score(truth, np.array([2.0, 2.0])) == pytest.approx(0)
        return
    expected = BY_HAND[name]
    assert METRICS[name].score(*given_to(METRICS[name])) == pytest.approx(expected)


SKLEARN = {
    "accuracy": lambda y, p: sklearn.metrics.accuracy_score(y, p.argmax(axis=1)),
    "balanced_accuracy": lambda y, p: sklearn.metrics.balanced_accuracy_score(y, p.argmax(axis=1)),
    "macro_f1": lambda y, p: sklearn.metrics.f1_score(y, p.argmax(axis=1), average="macro"),
    "auroc": lambda y, p: sklearn.metrics.roc_auc_score(
        y, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr"
    ),
    "average_precision": lambda y, p: sklearn.metrics.average_precision_score(
        y, p[:, 1] if p.shape[1] == 2 else p
    ),
    "top_k_accuracy": lambda y, p: sklearn.metrics.top_k_accuracy_score(
        y, p[:, 1] if p.shape[1] == 2 else p, k=min(5, p.shape[1] - 1)
    ),
    "log_loss": sklearn.metrics.log_loss,
    "brier": lambda y, p: ((p[:, 1] - y) ** 2).mean() if p.shape[1] == 2 else (
        ((np.eye(p.shape[1])[y] - p) ** 2).sum(axis=1).mean()
    ),
}  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3, 8])
@pytest.mark.parametrize("name", SKLEARN)
def test_it_is_what_scikit_learn_says(name, classes):
    rng = np.random.default_rng(classes)
    truth = np.concatenate([np.arange(classes), rng.integers(classes, size=80)])
    logits = rng.normal(size=(len(truth), classes)) + np.eye(classes)[truth]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    metric = METRICS[name]
    got = metric.score(*given_to(metric, truth, shares))
    assert got == pytest.approx(SKLEARN[name](truth, shares), abs=1e-12)
    low, high = metric.bounds
    assert low <= got <= high


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].per_example])
def test_the_mean_over_examples_is_the_metric(name):
    metric = METRICS[name]
    each = metric.per_example(*given_to(metric))
    assert each.shape == (3,)
    assert each.mean() == pytest.approx(metric.score(*given_to(metric)))


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].baseline])
def test_the_baseline_is_what_guessing_gets(name, classes):
    metric = METRICS[name]
    truth = np.repeat(np.arange(classes), 5)
    uniform = np.full((len(truth), classes), 1 / classes)
    if name == "top_k_accuracy":  # of equally probable classes scikit-learn takes the last ones
        assert metric.baseline(classes) == min(5, classes - 1) / classes
        return
    predicted = np.zeros(len(truth), int) if metric.needs == "labels" else uniform
    assert metric.score(truth, predicted) == pytest.approx(metric.baseline(classes))


@pytest.mark.parametrize("name", ["auroc", "average_precision"])
@pytest.mark.parametrize("truth", [[0, 0, 0], [0, 1, 1]])
def test_a_class_that_is_not_there_leaves_it_undefined(name, truth):
    assert math.isnan(METRICS[name].score(np.array(truth), SHARES))


def test_the_number_of_probable_classes_is_below_that_of_all():
    assert [scoring.top_k(classes) for classes in (2, 3, 5, 6, 100)] == [1, 2, 4, 5, 5]


def test_a_certain_mistake_costs_what_scikit_learn_says():
    shares = np.array([[1.0, 0.0], [0.0, 1.0]])
    truth = np.array([1, 1])
    assert METRICS["log_loss"].score(truth, shares) == pytest.approx(
        sklearn.metrics.log_loss(truth, shares, labels=[0, 1])
    )


def test_scikit_learn_is_imported_only_to_compute():
    """Metrics are found by every command, and it takes half a second."""
    source = metrics.__file__, scoring.__file__
    for file in source:
        with open(file, encoding="utf-8") as stream:
            assert not any(line.startswith(("import sklearn", "from sklearn")) for line in stream)


# Metrics of other packages: a module that is found by its entry point.

FOUND = """
from stepladder.study.metrics import Metric

def _worst(y_true, labels):
    return float((y_true != labels).any())

worst = Metric("any name", "minimize", (0.0, 1.0), "points", 100.0, "labels", _worst)
nothing = 7
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    install(
        tmp_path, "found_metrics", FOUND,
        "[stepladder.metrics]\nworst = found_metrics:worst\nseven = found_metrics:nothing\n"
        "gone = found_metrics_gone:worst\nlog_loss = found_metrics:nothing\n",
    )  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    named_metric.cache_clear()
    yield
    named_metric.cache_clear()
    sys.modules.pop("found_metrics", None)


@pytest.mark.usefixtures("package")
def test_a_package_offers_a_metric_by_its_entry_point():
    assert isinstance(find_metric("log_loss"), Metric)  # built-in ones need no package
    assert "found_metrics" not in sys.modules
    worst = find_metric("worst")
    assert (worst.name, worst.direction, worst.is_fraction) == ("worst", "minimize", True)
    assert worst.score(np.array([1]), np.array([0])) == 1
    with pytest.raises(InputError, match="worst must be judged as lower is better"):
        find_metric("worst", "maximize")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("seven", "found a value of type int at"),
        ("gone", "found ModuleNotFoundError: .*found_metrics_gone"),
    ],
)
def test_a_package_that_does_not_work_is_one_message(name, found):
    with pytest.raises(InputError, match=f"{found}.* entry point of found_metrics; update"):
        find_metric(name)


RNG = np.random.default_rng(0)
LABELS = (RNG.random((60, 3)) < (0.2, 0.5, 0.7)).astype(np.uint8)
OF_LABELS = np.clip(RNG.random((60, 3)) * 0.6 + LABELS * 0.4, 0, 1).astype(np.float32)
SKLEARN_OF_LABELS = {
    "accuracy": lambda y, p: sklearn.metrics.accuracy_score(y, p > 0.5),
    "macro_f1": lambda y, p: sklearn.metrics.f1_score(y, p > 0.5, average="macro"),
    "auroc": lambda y, p: sklearn.metrics.roc_auc_score(y, p, average="macro"),
    "average_precision": lambda y, p: sklearn.metrics.average_precision_score(
        y, p, average="macro"
    ),
    "log_loss": lambda y, p: np.mean([
        sklearn.metrics.log_loss(*pair) for pair in zip(y.T, p.T, strict=True)
    ]),
    "brier": lambda y, p: np.mean([
        sklearn.metrics.brier_score_loss(*pair) for pair in zip(y.T, p.T, strict=True)
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", [m.name for m in METRICS.values() if is_computed(m, "multilabel")])
def test_several_labels_are_scored_as_scikit_learn_does(name):
    metric = METRICS[name]
    given = (OF_LABELS > 0.5).astype(np.uint8) if metric.needs == "labels" else OF_LABELS
    assert metric.score(LABELS, given) == pytest.approx(SKLEARN_OF_LABELS[name](LABELS, OF_LABELS))
    if metric.per_example is not None:
        each = metric.per_example(LABELS, given)
        assert each.shape == (60,)
        assert each.mean() == pytest.approx(metric.score(LABELS, given))
    one = metric.score(LABELS[:, :1], given[:, :1])  # a single label too
    assert one == pytest.approx(metric.score(LABELS[:, [0, 0]], given[:, [0, 0]]))


def test_an_area_needs_both_values_of_every_label():
    none = np.concatenate([LABELS, np.zeros((60, 1), np.uint8)], axis=1)
    for name in ("auroc", "average_precision"):
        assert math.isnan(METRICS[name].score(none, RNG.random((60, 4))))


TARGETS = RNG.gamma(2, size=(60, 2))
OF_TARGETS = TARGETS + RNG.random((60, 2))
SKLEARN_OF_TARGETS = {
    "mse": sklearn.metrics.mean_squared_error,
    "rmse": sklearn.metrics.root_mean_squared_error,
    "mae": sklearn.metrics.mean_absolute_error,
    "r2": sklearn.metrics.r2_score,
    "explained_deviance": lambda y, v: np.mean([
        sklearn.metrics.d2_tweedie_score(*pair, power=1) for pair in zip(y.T, v.T, strict=True)
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", [m.name for m in METRICS.values() if is_computed(m, "regression")])
def test_several_targets_are_averaged_as_scikit_learn_does(name):
    metric = METRICS[name]
    expected = SKLEARN_OF_TARGETS[name](TARGETS, OF_TARGETS)
    assert metric.score(TARGETS, OF_TARGETS) == pytest.approx(expected)
    alone = metric.score(TARGETS[:, 0], OF_TARGETS[:, 0])
    assert metric.score(TARGETS[:, :1], OF_TARGETS[:, :1]) == pytest.approx(alone)
    if metric.per_example is not None:
        each = metric.per_example(TARGETS, OF_TARGETS)
        assert each.shape == (60,)
        assert each.mean() == pytest.approx(expected)


def test_what_is_computed_follows_the_task():
    computed = {task: {name for name, metric in METRICS.items() if is_computed(metric, task)}
                for task in DEFAULT_METRICS}  # fmt: skip
    assert computed["regression"] == set(SKLEARN_OF_TARGETS)
    assert computed["classification"] == set(METRICS) - computed["regression"]
    assert computed["multilabel"] == set(SKLEARN_OF_LABELS)
    assert not is_computed(Metric("own", "minimize"), "regression")
    own = Metric("own", "maximize", needs="labels", score=scoring.accuracy)  # knows of no labels
    assert not is_computed(own, "multilabel")
    assert all(name in computed[task] for task, name in DEFAULT_METRICS.items())
