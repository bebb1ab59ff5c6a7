"""Judging: accuracies in, effects with intervals and verdicts out.

Arrays and numbers alone; nothing here reads or writes a file, or knows of recipes and stores.
"""

from __future__ import annotations

from stepladder.analysis.effects import effect, effects
from stepladder.analysis.estimates import estimate
from stepladder.analysis.families import holm
from stepladder.analysis.judged import Effect, Estimate, Verdict
from stepladder.analysis.paired import PairedT, paired_t, tost
from stepladder.analysis.sign_flip import sign_flip

__all__ = [
    "Effect",
    "Estimate",
    "PairedT",
    "Verdict",
    "effect",
    "effects",
    "estimate",
    "holm",
    "paired_t",
    "sign_flip",
    "tost",
]
