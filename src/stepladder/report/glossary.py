"""The words of a report, explained; only those that it uses."""

from __future__ import annotations

from stepladder.report.wording import number
from stepladder.runner.results import Results

__all__ = ["glossary"]

_ALWAYS = {
    "Recipe": "all that defines one training: layers, activation, initial weights, optimizer, "
    "learning rate, batch size, epochs and the rest.",
    "Technique": "a named change to a recipe.",
    "Arm": "one recipe under a name, with the arm that it is compared with.",
    "Replicate": "one draw of everything random: validation split, initial weights, data order, "
    "dropout. The same number is the same draw in every arm.",
    "Trial": "one arm trained in one replicate.",
    "Validation part": "training images kept apart, on which choices may be made.",
    "Look": "one reading of test figures. The more looks, the more a choice is fitted to them.",
    "95 % interval": "made so that 95 of 100 such intervals hold the true mean. Of these images, "
    "retrained, unless it says new images too.",
    "Log-odds": "ln(p / (1 - p)) of an accuracy p, a scale on which halving the errors is the "
    "same step wherever it begins.",
}
_COMPARED = {
    "Effect": "the mean paired difference of test accuracy between an arm and the one it is "
    "compared with, in percentage points.",
    "Helps, hurts": "the difference is above, or below, zero by a paired t test at 5 % after "
    "Holm's correction, and the signs of the pairs agree with it.",
    "Not enough replicates": "neither a difference nor its absence could be shown.",
    "Holm's correction": "raises the bar with the number of comparisons, so that the chance that "
    "any of equal arms is said to help or to hurt stays at 5 %, and likewise the chance that any "
    "difference of δ or more is said to be none.",
    "Pareto front": "the arms that no other beats in both accuracy and time.",
}
_FACTORIAL = {
    "Main effect": "what a technique adds, averaged over the combinations of the others that "
    "were trained.",
    "Interaction": "how many points more a technique is worth where another is.",
    "Shapley value": "a technique's part in the gain from base to all: its worth averaged over "
    "all orders in which techniques could be put on top of each other.",
}
_FAIR = {
    "Fair study": "each arm has its own best learning rate, tuned with equal effort on replicates "
    "that the comparison does not use.",
}


def glossary(results: Results) -> tuple[tuple[str, str], ...]:
    """Words and meanings, in the order of the alphabet."""
    words = dict(_ALWAYS)
    if any(each.effect is not None for each in results.arms):
        delta = number(results.study.delta, 2)
        words |= _COMPARED
        words["No difference beyond δ"] = (
            f"the difference lies within ± δ = {delta} points by two one-sided tests: an absence "
            "that was shown, not merely not refuted."
        )
    if results.readout is not None:
        words |= _FACTORIAL
    if results.tuned is not None:
        words |= _FAIR
    return tuple(sorted(words.items(), key=lambda word: word[0].lower()))
