"""A number as it is shown: its mean, its interval, its sign."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from stepladder.analysis import Spread
from stepladder.analysis.judged import Difference, Effect, Estimate
from stepladder.report.wording import number, signed

__all__ = ["Shown"]


@dataclass(frozen=True)
class Shown:
    """A number with its 95 % interval, in the unit in which it is shown.

    Attributes:
        mean: percent or percentage points; NaN when there is none.
        low: lower end of the interval, or None.
        high: upper end of the interval, or None.
        is_difference: whether it carries a sign.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    is_difference: bool = False

    @classmethod
    def accuracy(cls, estimate: Estimate) -> Self:
        """A fraction in 0…1 with its interval, in percent."""
        ends = (estimate.ci_low, estimate.ci_high)
        low, high = (None if end is None else 100 * end for end in ends)
        return cls(100 * estimate.mean, low, high)

    @classmethod
    def points(cls, found: Effect | Difference | Spread) -> Self:
        """A difference in percentage points with its interval and its sign."""
        return cls(found.mean, found.ci_low, found.ci_high, is_difference=True)

    @property
    def number(self) -> str:
        """The mean alone, with two decimals."""
        return signed(self.mean) if self.is_difference else number(self.mean)

    @property
    def half_width(self) -> float | None:
        """Half the interval's width where the mean is its middle, else None."""
        if self.low is None or self.high is None or not math.isfinite(self.mean):
            return None
        above, below = self.high - self.mean, self.mean - self.low
        return above if math.isclose(above, below, rel_tol=1e-6, abs_tol=1e-6) else None

    @property
    def spread(self) -> str:
        """The interval alone: "± 0.12", "[96.90, 97.20]", or nothing."""
        if self.low is None or self.high is None:
            return ""
        half = self.half_width
        if half is not None:
            return f"± {number(half)}"
        write = signed if self.is_difference else number
        return f"[{write(self.low)}, {write(self.high)}]"

    @property
    def text(self) -> str:
        """The mean and its interval."""
        return f"{self.number} {self.spread}".rstrip()
