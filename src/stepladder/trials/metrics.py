"""Metrics: what a score measures, which direction is better, and how it is shown."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from stepladder.errors import InputError
from stepladder.study.schema import nearest, plain

Direction = Literal["maximize", "minimize"]

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


def find_metric(name: str, direction: Direction | None = None, unit: str | None = None) -> Metric:
    """A built-in metric by its name, or one of the user's own.

    Args:
        name: capitals, spaces and hyphens do not matter for built-in ones.
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
    known = next((metric for key, metric in METRICS.items() if plain(key) == plain(name)), None)
    if known is None:
        if direction is None:
            near = nearest(name, METRICS)
            advice = f"did you mean {near!r}? Otherwise say" if near else "say"
            raise InputError(
                f"metric must be one of {', '.join(METRICS)}, or have a direction, found {name!r} "
                f"without one; {advice} whether lower or higher is better"
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
