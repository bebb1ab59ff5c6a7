"""Metrics: what a score measures, which direction is better, and how it is shown."""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from stepladder.errors import InputError
from stepladder.study.schema import nearest, plain

Direction = Literal["maximize", "minimize"]

DIRECTION_OPTIONS = (
    "lower or higher is better: --lower-is-better or --higher-is-better, in Python "
    "direction='minimize' or 'maximize'"
)

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

    Example:
        >>> METRICS["rmse"].direction, METRICS["accuracy"].is_fraction
        ('minimize', True)
    """

    name: str
    direction: Direction
    bounds: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    scale: float = 1.0

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


def _fraction(name: str, direction: Direction = "maximize") -> Metric:
    return Metric(name, direction, (0.0, 1.0), POINTS, 100.0)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _fraction("accuracy"),
        _fraction("balanced_accuracy"),
        _fraction("macro_f1"),
        _fraction("auroc"),
        _fraction("average_precision"),
        _fraction("top_k_accuracy"),
        Metric("log_loss", "minimize", (0.0, math.inf)),
        Metric("brier", "minimize", (0.0, 2.0)),  # 2 with several classes
        Metric("mse", "minimize", (0.0, math.inf)),
        Metric("rmse", "minimize", (0.0, math.inf)),
        Metric("mae", "minimize", (0.0, math.inf)),
        Metric("r2", "maximize", (-math.inf, 1.0)),
        Metric("explained_deviance", "maximize", (-math.inf, 1.0)),
    )
}
"""The built-in metrics by name."""

LOSS = Metric("loss", "minimize", (0.0, math.inf), "nats")
"""The mean cross-entropy of the built-in networks."""

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


def find_metric(name: str, direction: Direction | None = None, unit: str | None = None) -> Metric:
    """A built-in metric by its name, or one of the user's own.

    Args:
        name: as `known_metric` reads it.
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
    known = known_metric(name)
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
