"""Diagnosis: what is wrong with an arm, from the numbers that its trainings left.

Each rule looks for one way to fail and knows nothing of the others. They read plain values, and
every threshold stands beside its source in the module of its rule.
"""

from __future__ import annotations

from collections.abc import Callable

from stepladder.analysis.case import Case, Finding
from stepladder.analysis.rules_course import (
    constant_answer,
    diverged,
    learns_nothing,
    overfitting,
    replicates_disagree,
    still_improving,
)
from stepladder.analysis.rules_inside import (
    dead_units,
    exploding_gradients,
    inputs_not_scaled,
    saturated_units,
    vanishing_gradients,
)
from stepladder.analysis.rules_recipe import (
    dropout_in_small_network,
    learning_rate_far_off,
    small_batches,
)

__all__ = ["RULES", "diagnose"]

RULES: dict[str, Callable[[Case], Finding | None]] = {
    rule.__name__: rule
    for rule in (
        diverged,
        constant_answer,
        learns_nothing,
        replicates_disagree,
        inputs_not_scaled,
        vanishing_gradients,
        exploding_gradients,
        saturated_units,
        dead_units,
        learning_rate_far_off,
        overfitting,
        still_improving,
        small_batches,
        dropout_in_small_network,
    )
}
"""Every rule by the code of its finding: what is seen first, then what may be its cause."""


def diagnose(case: Case) -> tuple[Finding, ...]:
    """What every rule finds in an arm, in the order of `RULES`; empty where nothing is wrong.

    Args:
        case: the arm; one without a finished replicate has no findings.
    """
    if not case.replicates:
        return ()
    found = (rule(case) for rule in RULES.values())
    return tuple(each for each in found if each is not None)
