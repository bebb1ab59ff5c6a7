"""Judging: accuracies in, effects with intervals and verdicts out.

Arrays and numbers alone; nothing here reads or writes a file, or knows of recipes and stores.
"""

from __future__ import annotations

from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import effect, effects
from stepladder.statistics.factorial import factorial
from stepladder.statistics.intervals import (
    Prediction,
    WinShare,
    estimate,
    new_images,
    prediction,
    win_share,
)
from stepladder.statistics.paired import PairedT, difference, paired_t, sign_flip, tost, welch
from stepladder.statistics.results import (
    Difference,
    Effect,
    Estimate,
    FactorialAnalysis,
    Interaction,
    Interval,
    MainEffect,
    MeanInterval,
    ShapleyShare,
    Verdict,
)

__all__ = [
    "Difference",
    "Effect",
    "Estimate",
    "FactorialAnalysis",
    "Interaction",
    "Interval",
    "MainEffect",
    "MeanInterval",
    "PairedT",
    "Prediction",
    "ShapleyShare",
    "Verdict",
    "WinShare",
    "difference",
    "effect",
    "effects",
    "estimate",
    "factorial",
    "holm",
    "new_images",
    "paired_t",
    "prediction",
    "sign_flip",
    "tost",
    "welch",
    "win_share",
]
