"""Metrics: what a score measures, which direction is better, and how it is shown."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy.typing as npt

from stepladder.errors import InputError
from stepladder.study import scoring
from stepladder.study.plugins import find_plugin, load_plugin
from stepladder.study.schema import check_name, nearest, plain
from stepladder.study.scoring import Task

Direction = Literal["maximize", "minimize"]
Needs = Literal["labels", "probabilities", "values"]
_Array = npt.NDArray[Any]
_Score = Callable[[_Array, _Array], float]
_ScoreOfEach = Callable[[_Array, _Array], _Array]

DIRECTION_OPTIONS = "lower or higher is better: --lower-is-better or --higher-is-better"

POINTS = "points"
"""The unit of differences between fractions: percentage points."""


@dataclass(frozen=True)
class Metric:
    """A named measure.

    Attributes:
        name: its name, as scikit-learn or the field has it.
        direction: whether a larger (`maximize`) or a smaller value (`minimize`) is better.
        bounds: the least and the largest value that it can have.
        unit: of differences; "points" for fractions, "" where it has none.
        scale: what a value is multiplied by before it is shown or compared; 100 for fractions.
        needs: what it is computed of beside the truth: `labels` that were predicted, int
            (examples,), `probabilities`, float32 (examples, classes), or `values`; None for a
            metric that the training itself gives. `scoring` has the shapes of each task.
        score: computes it of the truth and of what was predicted; NaN where it is not defined.
        per_example: the same of each example, where it is a mean over examples.
        baseline: what a diverged trial counts as: the metric of uniform probabilities, or of one
            answer to everything, by the number of classes, which count as equally frequent.
        is_multilabel: whether it is of several labels an example too, as `scoring` has them.

    Example:
        >>> METRICS["rmse"].direction, METRICS["accuracy"].is_fraction
        ('minimize', True)
        >>> METRICS["accuracy"].baseline(10)
        0.1
    """

    name: str
    direction: Direction
    bounds: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    scale: float = 1.0
    needs: Needs | None = None
    score: _Score | None = field(default=None, compare=False, repr=False)
    per_example: _ScoreOfEach | None = field(default=None, compare=False, repr=False)
    baseline: Callable[[int], float] | None = field(default=None, compare=False, repr=False)
    is_multilabel: bool = field(default=False, compare=False, repr=False)

    @property
    def is_fraction(self) -> bool:
        """Whether it is a fraction in 0…1 that is shown in percent."""
        return self.unit == POINTS

    @property
    def range(self) -> str:
        """Its bounds in words: "in 0…1", "at least 0", "finite"."""
        low, high = self.bounds
        if math.isfinite(low) and math.isfinite(high):
            return f"in {low:g}…{high:g}"
        if math.isfinite(low):
            return f"finite and at least {low:g}"
        return f"finite and at most {high:g}" if math.isfinite(high) else "finite"

    @property
    def sign(self) -> int:
        """1 where larger is better, -1 where smaller is."""
        return 1 if self.direction == "maximize" else -1


def _fraction(name: str, direction: Direction = "maximize", *computed: Any) -> Metric:  # noqa: ANN401
    return Metric(name, direction, (0.0, 1.0), POINTS, 100.0, *computed)


def _error(name: str, most: float, *computed: Any) -> Metric:  # noqa: ANN401
    return Metric(name, "minimize", (0.0, most), "", 1.0, *computed)


def _share(name: str, score: _Score) -> Metric:
    return Metric(name, "maximize", (-math.inf, 1.0), "", 1.0, "values", score)


def _one_of(classes: int) -> float:
    return 1 / classes


def _half(_classes: int) -> float:
    return 0.5


def _f1_of_one_answer(classes: int) -> float:
    return 2 / (classes * (classes + 1))


def _top_k_of_classes(classes: int) -> float:
    return scoring.top_k(classes) / classes


def _brier_of_uniform(classes: int) -> float:
    return 0.25 if classes == 2 else 1 - 1 / classes


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _fraction("accuracy", "maximize", "labels", scoring.accuracy, scoring.accuracy_of_each,
                  _one_of, True),
        _fraction("balanced_accuracy", "maximize", "labels", scoring.balanced_accuracy, None,
                  _one_of),
        _fraction("macro_f1", "maximize", "labels", scoring.macro_f1, None, _f1_of_one_answer,
                  True),
        _fraction("auroc", "maximize", "probabilities", scoring.auroc, None, _half, True),
        _fraction("average_precision", "maximize", "probabilities", scoring.average_precision,
                  None, _one_of, True),
        _fraction("top_k_accuracy", "maximize", "probabilities", scoring.top_k_accuracy, None,
                  _top_k_of_classes),
        _error("log_loss", math.inf, "probabilities", scoring.log_loss, scoring.log_loss_of_each,
               math.log, True),
        _error("brier", 2.0, "probabilities", scoring.brier, scoring.brier_of_each,  # 1 with two
               _brier_of_uniform, True),
        _error("mse", math.inf, "values", scoring.mse, scoring.mse_of_each),
        _error("rmse", math.inf, "values", scoring.rmse),
        _error("mae", math.inf, "values", scoring.mae, scoring.mae_of_each),
        _share("r2", scoring.r2),
        _share("explained_deviance", scoring.explained_deviance),
    )
}  # fmt: skip
"""The built-in metrics by name."""

LOSS = Metric("loss", "minimize", (0.0, math.inf), "nats", baseline=math.log)
"""The mean cross-entropy of the built-in networks that classify."""

LOSS_OF_VALUES = replace(LOSS, unit="", baseline=None)
"""Their loss in a regression."""


def is_computed(metric: Metric, task: Task) -> bool:
    """Whether it can be computed of what a built-in network answers to a task.

    Example:
        >>> is_computed(METRICS["rmse"], "regression"), is_computed(METRICS["rmse"], "multilabel")
        (True, False)
    """
    if metric.score is None or metric.needs is None:
        return False
    if task == "regression":
        return metric.needs == "values"
    return metric.needs != "values" and (task == "classification" or metric.is_multilabel)


DEFAULT_METRICS: Mapping[Task, str] = MappingProxyType(
    {"classification": "accuracy", "regression": "rmse", "multilabel": "macro_f1"}
)
"""What is judged where a study does not say."""


def means_over_examples(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some metrics, sorted, of which built-in networks keep each test example's."""
    return tuple(
        name for name in sorted(names) if name in METRICS and METRICS[name].per_example is not None
    )


METRIC_ALIASES = {
    "acc": "accuracy", "top1": "accuracy", "categorical_accuracy": "accuracy",
    "f1_macro": "macro_f1", "roc_auc": "auroc", "auc": "auroc", "auc_roc": "auroc",
    "pr_auc": "average_precision", "auprc": "average_precision", "ap": "average_precision",
    "topk": "top_k_accuracy", "top5": "top_k_accuracy", "top_5_accuracy": "top_k_accuracy",
    "nll": "log_loss", "cross_entropy": "log_loss", "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse", "mean_absolute_error": "mae", "r_squared": "r2",
    "d2": "explained_deviance",
}  # fmt: skip
"""Other names of built-in metrics."""

_BY_PLAIN = {
    **{plain(alias): METRICS[name] for alias, name in METRIC_ALIASES.items()},
    **{plain(name): metric for name, metric in METRICS.items()},
}
_PARTS = re.compile(r"(train|val|valid|validation|test|eval|dev|final|best|mean)[\W_]+(?=\w)")


def known_metric(name: str) -> Metric | None:
    """The built-in metric that a name or a heading such as `val/acc` stands for, or None.

    Example:
        >>> known_metric("test/Accuracy").name, known_metric("val_acc_score").name
        ('accuracy', 'accuracy')
    """
    bare = name.strip().casefold()
    while part := _PARTS.match(bare):
        bare = bare[part.end() :]
    return _BY_PLAIN.get(plain(bare)) or _BY_PLAIN.get(plain(bare.removesuffix("score")))


PLUGINS = "stepladder.metrics"
"""The group of entry points under which a package offers metrics."""


@lru_cache(maxsize=256)
def named_metric(name: str) -> Metric | None:
    """The built-in metric of a name, else that of an installed package, or None.

    A package offers one by an entry point of the group `stepladder.metrics`; nothing of it is
    imported before its name is asked for.

    Raises:
        InputError: if there is one that cannot be loaded, or is none.
    """
    known = known_metric(name)
    if known is not None:
        return known
    entry = find_plugin(PLUGINS, name)
    if entry is None:
        return None
    kind = "a stepladder.study.metrics.Metric"
    metric = load_plugin(entry, "the metric", kind, lambda value: isinstance(value, Metric))
    assert isinstance(metric, Metric)
    return replace(metric, name=name)


def check_direction(direction: str | None) -> None:
    """Checks that a direction is one of those that there are, where one is given.

    Raises:
        InputError: if it is not.
    """
    if direction is not None:
        check_name("direction must be minimize or maximize", direction, ("minimize", "maximize"))


def find_metric(name: str, direction: Direction | None = None, unit: str | None = None) -> Metric:
    """A built-in metric by its name, or one of the user's own.

    Args:
        name: as `named_metric` reads it.
        direction: which values are better; only a metric of one's own needs it.
        unit: of the differences; "points" says that values are fractions in 0…1, and is for a
            metric of one's own.

    Raises:
        InputError: if a metric of one's own has no direction, or a built-in one has another.

    Example:
        >>> find_metric("Macro F1").name
        'macro_f1'
        >>> find_metric("perplexity", "minimize").direction
        'minimize'
    """
    known = named_metric(name)
    if known is None:
        if direction is None:
            near = nearest(name, METRICS, METRIC_ALIASES.items())
            advice = f"did you mean {near!r}? Otherwise say" if near else "say"
            raise InputError(
                f"metric must be one of {', '.join(METRICS)}, or have a direction, found {name!r} "
                f"without one; {advice} whether {DIRECTION_OPTIONS}"
            )
        return (
            _fraction(name, direction)
            if unit == POINTS
            else Metric(name, direction, unit=unit or "")
        )
    if direction not in (None, known.direction):
        better = "higher" if known.direction == "maximize" else "lower"
        raise InputError(
            f"{known.name} must be judged as {better} is better, found the other direction; leave "
            "the direction out, or give the metric another name"
        )
    if unit is not None and known.is_fraction != (unit == POINTS):
        raise InputError(
            f"unit of {known.name} must be {known.unit or 'that of its values'}, found {unit!r}; "
            "leave the unit out, or give the metric another name"
        )
    return known if unit is None else replace(known, unit=unit)
