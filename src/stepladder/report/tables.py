"""Side tables: confounds, ensembles, measures, factorial, tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from stepladder.report.wording import (  # fmt: skip
    combinations_of,
    join_list,
    number,
    p_value,
    plural,
    printable,
    signed,
    truncate,
    verdict_text,
)
from stepladder.runs.results import ArmResult, ArmTuning, Results, Tuned
from stepladder.statistics.classification import Pooled
from stepladder.statistics.results import (
    Difference,
    Effect,
    Estimate,
    FactorialAnalysis,
    Interaction,
    MainEffect,
    MeanInterval,
    ShapleyShare,
)
from stepladder.study.confounds import Confound, format_value


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Attributes:
        title: its heading.
        heads: one a column; the first is that of the names.
        rows: as many texts each, names made visible and not escaped.
        note: what it shows, in a sentence or two.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


@dataclass(frozen=True)
class FormattedNumber:
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
    def points(cls, found: Effect | Difference | MeanInterval) -> Self:
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


SHOWN = 12
NAME_LENGTH = 60


def confound_tables(found: Sequence[Confound]) -> tuple[TextTable, ...]:
    """One table of confounds, or none where nothing else differs."""
    if not found:
        return ()
    note = "Each may be what an effect is due to: read the effect as that of all of them together."
    if len(found) > SHOWN:
        note += f" The first {SHOWN} of {len(found):,}; all of them are in the JSON."
    return (
        TextTable(
            title="What else differs between compared arms",
            heads=("arm", "against", "what", "values", "what it may do", "what would tell"),
            rows=tuple(_confound_row(each) for each in found[:SHOWN]),
            note=note,
        ),
    )


def _confound_row(confound: Confound) -> tuple[str, ...]:
    what = f"{confound.what} (by the technique)" if confound.by_technique else confound.what
    return (
        truncate(confound.arm, NAME_LENGTH),
        truncate(confound.compared_with, NAME_LENGTH),
        what,
        printable(f"{format_value(confound.here)} and {format_value(confound.there)}"),
        confound.may,
        confound.remedy,
    )


_NOTE = (
    "The replicates of an arm as one network, which gives the mean of their probabilities. "
    "[ ] is Wilson's 95 % interval: new images, these very networks. Validation: images that two "
    "members or more held out, answered by those alone, so by fewer than answer the test images. "
    "Single: the mean of the members on the same images."
)


def ensemble_tables(arms: Sequence[ArmResult]) -> tuple[TextTable, ...]:
    """One table of all ensembles, or none where there are none."""
    rows = tuple(
        (
            truncate(arm.arm.name, NAME_LENGTH),
            str(arm.ensemble.members),
            *_cells(arm.ensemble.validation),
            *_cells(arm.ensemble.test),
        )
        for arm in arms
        if arm.ensemble is not None
    )
    if not rows:
        return ()
    heads = ("ensemble of", "members", "validation %", "single %", "test %", "single %")
    return (TextTable(title="Ensembles", heads=heads, rows=rows, note=_NOTE),)


def _cells(pooled: Pooled | None) -> tuple[str, str]:
    if pooled is None:
        return "", ""
    ends = pooled.interval
    spread = f"{number(100 * ends.low)} to {number(100 * ends.high)}"
    return f"{number(100 * pooled.accuracy)} [{spread}]", number(100 * pooled.single)


_HEADS = {
    "val_accuracy": "Validation, points",
    "train_accuracy": "Training, points",
    "test_loss": "Test loss, nats",
    "val_loss": "Validation loss, nats",
    "train_loss": "Training loss, nats",
    "epochs_to_target": "Epochs to target",
    "seconds_to_target": "Seconds to target",
}


def other_measures(results: Results) -> TextTable | None:
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
    return TextTable(
        title="Effects on other measures",
        heads=("Arm", "Better in", *(_HEADS[each] for each in measures)),
        rows=tuple(_measure_row(each) for each in judged),
        note=note,
    )


def _measure_row(result: ArmResult) -> tuple[str, ...]:
    name = f"{printable(result.arm.name)} against {printable(result.arm.compared_with or '')}"
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
        return FormattedNumber.points(difference).text
    half = number((difference.ci_high - difference.ci_low) / 2, digits)
    return f"{signed(difference.mean, digits)} ± {half}"


READOUT_CAPTION = (
    "Bar and point: the part of each technique in the gain from base to all (its exact Shapley "
    "value, the mean over all orders; in a fraction its main effect), with its 95 % t interval "
    "over replicates. Grey dots below: what single orders of a ladder would have said, each as "
    "large as the share of the orders that say it."
)

PAIRS_SHOWN = 15


def readout_tables(readout: FactorialAnalysis | None, delta: float) -> tuple[TextTable, ...]:
    """The tables of a factorial; none without a read-out.

    Args:
        readout: of the factorial.
        delta: percentage points below which a difference does not matter, for the verdicts.
    """
    if readout is None:
        return ()
    tables = [_techniques(readout, delta)]
    if readout.interactions:
        tables.append(_interactions(readout))
    return tuple(tables)


def readout_words(readout: FactorialAnalysis) -> str:
    """The figure of a factorial in words."""
    parts = {share.technique: share.shapley for share in readout.shares}
    told = [
        f"{truncate(each.technique, NAME_LENGTH)} "
        + (spread_text(parts[each.technique]) if parts else signed(each.effect.mean))
        for each in readout.main
    ]
    return f"Parts of a gain of {spread_text(readout.gain)} points: {'; '.join(told)}."


def spread_text(spread: MeanInterval) -> str:
    """A mean over replicates with its interval: "+1.20 ± 0.30"."""
    return FormattedNumber.points(spread).text


def readout_title(readout: FactorialAnalysis) -> str:
    """What a factorial, or a fraction of one, tells of its techniques."""
    return f"What each technique is worth in {combinations_of(readout)}"


def _techniques(readout: FactorialAnalysis, delta: float) -> TextTable:
    shares = {share.technique: share for share in readout.shares}
    heads = ["technique", "main effect", "verdict"]
    heads += ["Shapley", "of gain", "least", "most"] if shares else []
    rows = tuple(_technique(each, shares.get(each.technique), delta) for each in readout.main)
    every = "all" if shares else "the trained"
    note = (
        f"Main effect: points of test accuracy that the technique adds, averaged over {every} "
        f"combinations of the others, over {plural(readout.replicates, 'replicate')}; the "
        f"verdicts are a family of {len(readout.main)}. From base to all: "
        f"{spread_text(readout.gain)}."
    )
    if shares:
        note += (
            " Shapley: its part in that gain, the mean over all orders of a ladder; least and "
            "most: what single orders of a ladder would have said."
        )
    else:
        note += " In a fraction, techniques that act only in threes are mixed into main effects."
    if readout.left_out:
        note += f" Left out: {plural(readout.left_out, 'replicate')} without all combinations."
    return TextTable(readout_title(readout), tuple(heads), rows, note)


def _technique(main: MainEffect, share: ShapleyShare | None, delta: float) -> tuple[str, ...]:
    effect = main.effect
    verdict = verdict_text(effect.verdict, delta)
    if effect.replicates_needed is not None:
        verdict += f", about {effect.replicates_needed:,} would do"
    cells = (truncate(main.technique, NAME_LENGTH), FormattedNumber.points(effect).text, verdict)
    if share is None:
        return cells
    part = "" if share.of_gain is None else f"{number(100 * share.of_gain, 0)} %"
    return (*cells, spread_text(share.shapley), part, signed(share.least), signed(share.most))


def _interactions(readout: FactorialAnalysis) -> TextTable:
    largest = sorted(readout.interactions, key=lambda each: -abs(each.worth.mean))[:PAIRS_SHOWN]
    shown = [each for each in readout.interactions if each in largest]
    note = (
        "How many points more a technique is worth where the other is, averaged over the rest; "
        "p is that of the t test after Holm's correction over "
        f"{plural(len(readout.interactions), 'interaction')}."
    )
    if len(shown) < len(readout.interactions):
        note += f" The {len(shown)} largest; all of them are in the JSON."
    if any(len(each.pairs) > 1 for each in readout.interactions):
        note += " A fraction cannot tell the pairs of one line apart: the figure is their sum."
    rows = tuple(_interaction(each) for each in shown)
    return TextTable("Which techniques need each other", ("pair", "interaction", "p"), rows, note)


def _interaction(interaction: Interaction) -> tuple[str, ...]:
    pairs = [f"{printable(one)} × {printable(two)}" for one, two in interaction.pairs]
    p = "" if interaction.p_t_holm is None else p_value(interaction.p_t_holm)
    return (join_list(pairs), spread_text(interaction.worth), p)


TUNING_CAPTION = (
    "Validation accuracy of each candidate, mean over the tuning replicates, which the comparison "
    "does not use. Small dots: single replicates; filled: the candidate chosen; open diamond: the "
    "value that a fixed study would keep. Where several fields are tuned, the best over the others "
    "is drawn."
)


def tuning_tables(tuned: Tuned | None) -> tuple[TextTable, ...]:
    """One table of what was chosen, or none for a fixed study."""
    if tuned is None:
        return ()
    fields = ", ".join(tuned.fields)
    note = (
        f"The same {plural(_count(tuned), 'candidate')} for every arm, on validation accuracy, "
        f"{plural(tuned.epochs, 'epoch')} on {plural(tuned.replicates, 'replicate')} that are "
        f"not used again; {tuned.trials:,} trials in all."
    )
    if tuned.widenings:
        note += (
            f" The grid was widened {tuned.widenings}× for all arms, because the best of some lay "
            "at its edge."
        )
    return (
        TextTable(
            title="How each arm was tuned",
            heads=("arm", fields, "validation %", "fixed", "validation %", "remark"),
            rows=tuple(_tuning_row(each) for each in tuned.arms),
            note=note,
        ),
    )


def _count(tuned: Tuned) -> int:
    return len(tuned.arms[0].tried) if tuned.arms else 0


def _tuning_row(arm: ArmTuning) -> tuple[str, ...]:
    means = {each.values: each.mean for each in arm.tried}
    fixed = means.get(arm.declared)
    remark = f"{', '.join(arm.at_edge)} at the edge" if arm.at_edge else ""
    return (
        truncate(arm.arm, NAME_LENGTH),
        _values(arm.chosen),
        number(100 * means[arm.chosen]),
        _values(arm.declared),
        "" if fixed is None else number(100 * fixed),
        remark,
    )


def _values(values: tuple[float, ...]) -> str:
    return ", ".join(f"{each:g}" for each in values)


def tuning_words(tuned: Tuned) -> str:
    """The figure of tuning in words."""
    told = [f"{truncate(each.arm, NAME_LENGTH)} {_values(each.chosen)}" for each in tuned.arms]
    return f"Best {', '.join(tuned.fields)} of each arm: {'; '.join(told)}."
