"""Effects on other measures than test accuracy, as a table of texts."""

from __future__ import annotations

from stepladder.analysis.judged import Difference
from stepladder.report.shown import Shown
from stepladder.report.side_table import SideTable
from stepladder.report.wording import number, signed, visible
from stepladder.runner.results import ArmResult, Results

__all__ = ["other_measures"]

_HEADS = {
    "val_accuracy": "Validation, points",
    "train_accuracy": "Training, points",
    "test_loss": "Test loss, nats",
    "val_loss": "Validation loss, nats",
    "train_loss": "Training loss, nats",
    "epochs_to_target": "Epochs to target",
    "seconds_to_target": "Seconds to target",
}


def other_measures(results: Results) -> SideTable | None:
    """Effects on accuracy elsewhere, on loss and on time, or None where nothing is compared."""
    judged = [each for each in results.arms if each.effect is not None and each.differences]
    if not judged:
        return None
    measures = [each.measure for each in judged[0].differences]
    target = results.study.target
    note = (
        "Paired differences with 95 % t intervals over replicates, these images, retrained; "
        "without correction and without a verdict. Better: the share of replicates in which the "
        "arm has the higher test accuracy, ties counted half, with Tango's score interval."
    )
    if target is not None:
        note += (
            f" Target: a validation accuracy of {number(100 * target)} %; replicates in which "
            "either arm never reaches it have no pair."
        )
    return SideTable(
        title="Effects on other measures",
        heads=("Arm", "Better in", *(_HEADS[each] for each in measures)),
        rows=tuple(_row(each) for each in judged),
        note=note,
    )


def _row(result: ArmResult) -> tuple[str, ...]:
    name = f"{visible(result.arm.name)} against {visible(result.arm.compared_with or '')}"
    return (name, _better(result), *(_shown(each) for each in result.differences))


def _better(result: ArmResult) -> str:
    effect = result.effect
    if effect is None or effect.p_greater is None or effect.p_greater_ci is None:
        return ""
    ends = effect.p_greater_ci
    share, low, high = (number(100 * each, 0) for each in (effect.p_greater, ends.low, ends.high))
    return f"{share} % [{low}, {high}]"


def _shown(difference: Difference) -> str:
    digits = 4 if difference.unit == "nats" else 2
    if difference.ci_low is None or difference.ci_high is None:
        return signed(difference.mean, digits)
    if digits == 2:
        return Shown.points(difference).text
    half = number((difference.ci_high - difference.ci_low) / 2, digits)
    return f"{signed(difference.mean, digits)} ± {half}"
