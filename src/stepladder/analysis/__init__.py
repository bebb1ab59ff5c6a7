"""Judging: accuracies in, effects with intervals and verdicts out.

Arrays and numbers alone; nothing here reads or writes a file, or knows of recipes and stores.
"""

from __future__ import annotations

from stepladder.analysis.differences import difference
from stepladder.analysis.effects import effect, effects
from stepladder.analysis.estimates import estimate
from stepladder.analysis.factorial import factorial
from stepladder.analysis.families import holm
from stepladder.analysis.images import new_images
from stepladder.analysis.judged import Difference, Effect, Estimate, Interval, Verdict
from stepladder.analysis.paired import PairedT, paired_t, tost
from stepladder.analysis.prediction import Prediction, prediction
from stepladder.analysis.readout import Interaction, MainEffect, Readout, Share, Spread
from stepladder.analysis.sign_flip import sign_flip
from stepladder.analysis.unpaired import welch
from stepladder.analysis.wins import WinShare, win_share

__all__ = [
    "Difference",
    "Effect",
    "Estimate",
    "Interaction",
    "Interval",
    "MainEffect",
    "PairedT",
    "Prediction",
    "Readout",
    "Share",
    "Spread",
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
