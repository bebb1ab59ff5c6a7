"""What stands below a table: what intervals speak for, how verdicts come about, what is open."""

from __future__ import annotations

from stepladder.report.sentences import points
from stepladder.report.wording import counted, duration, joined
from stepladder.runner.results import Results

__all__ = [
    "UNDER_NEW_IMAGES", "adaptive_note", "footnotes", "interval_note", "ladder_note",
    "looks_note", "rate_note", "rule_text", "tuning_note", "verdict_note",
]  # fmt: skip

UNDER_NEW_IMAGES = "; an effect's interval for new test images too is under new images"
"""A clause that is true only where there is such a column."""


def footnotes(results: Results) -> tuple[str, ...]:
    """What the intervals speak for, how verdicts are reached, what the design leaves open."""
    return tuple(
        note
        for note in (
            interval_note(results),
            verdict_note(results),
            ladder_note(results),
            rate_note(results),
            tuning_note(results),
            adaptive_note(results),
            looks_note(results),
        )
        if note
    )


def interval_note(results: Results) -> str:
    """Which images and trainings an interval speaks for."""
    counts = sorted({result.n - result.diverged for result in results.arms})
    if not counts or counts[-1] == 0:
        return "No replicate has finished: there are no figures yet."
    if counts[-1] == 1:
        return (
            "One replicate an arm: no interval can be given, and nothing says how sure a figure is."
        )
    several = [count for count in counts if count > 1]
    span = f"{several[0]:,}" if len(several) == 1 else f"{several[0]:,} to {several[-1]:,}"
    images = f"these {results.sizes['test']:,}" if "test" in results.sizes else "these"
    said = (
        f"± is the 95 % t interval of the mean over {span} replicates: {images} test images, "
        "retrained. It does not speak for new test images"
    )
    if any(result.effect and result.effect.new_images for result in results.arms):
        return f"{said}{UNDER_NEW_IMAGES}."
    return f"{said}."


def verdict_note(results: Results) -> str:
    """How verdicts are reached; empty where there is none."""
    if all(result.effect is None for result in results.arms):
        return ""
    compared = sum(result.arm.compared_with is not None for result in results.arms)
    return (
        f"Verdicts: {rule_text(compared, '5 %' if results.adapted is None else '')}; no difference "
        f"means within {points(results.study.delta)} by two one-sided tests."
    )


def rule_text(comparisons: int, level: str = "5 %") -> str:
    """By which tests a difference is told, in a family of some size.

    Args:
        comparisons: of the family.
        level: of the tests; empty where another note tells it.
    """
    at = f", at {level}" if level else ""
    family = f", corrected for {comparisons} comparisons (Holm)" if comparisons > 1 else ""
    return f"paired t test over replicates, with sign flips or one sign throughout{at}{family}"


def ladder_note(results: Results) -> str:
    """What a ladder leaves open; empty for another design."""
    if results.study.design != "ladder" or len(results.arms) < 3:
        return ""
    return "A rung stands on the rungs below it: on another base its effect may differ."


def rate_note(results: Results) -> str:
    """What one learning rate for all leaves open; empty where each has its own."""
    rates = {result.arm.recipe.learning_rate for result in results.arms}
    if len(rates) != 1 or len(results.arms) < 2 or results.study.tuned is not None:
        return ""
    return (
        f"Every arm kept one learning rate, {rates.pop():g}: an arm may be worth more at a rate "
        "of its own."
    )


def tuning_note(results: Results) -> str:
    """How a fair study was tuned; empty for a fixed one."""
    tuned = results.tuned
    if tuned is None:
        return ""
    wider = f", widened {tuned.widenings}×" if tuned.widenings else ""
    candidates = counted(len(tuned.arms[0].tried), "candidate") if tuned.arms else "no candidate"
    return (
        f"Fair: each arm has its own {joined(tuned.fields)}, the best of {candidates}{wider} on "
        f"validation accuracy, the same for every arm, on {counted(tuned.replicates, 'replicate')} "
        "that the comparison does not use."
    )


def adaptive_note(results: Results) -> str:
    """How replicates were added; empty where their number is fixed."""
    adapted = results.adapted
    if adapted is None:
        return ""
    saved = adapted.at_most - adapted.trials
    looks = joined([str(each) for each in adapted.looks])
    said = (
        f"Replicates were added while a verdict was open, at {adapted.taken} of the looks planned "
        f"at {looks}, the error rate split among them"
    )
    if saved > 0:
        said += (
            f": {adapted.trials:,} trials instead of {adapted.at_most:,}, which saved about "
            f"{duration(adapted.seconds_saved)} of training"
        )
    return f"{said}. Intervals are not corrected for stopping."


def looks_note(results: Results) -> str:
    """How often test figures were read."""
    if results.looks <= 1:
        return "First look at this test set."
    return (
        f"{results.looks:,} looks at this test set so far: the more looks, the more a choice made "
        "on them is fitted to it."
    )
