"""Numbers with intervals, and side tables: confounds, ensembles, measures, factorial, tuning."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from stepladder.report.document import Cell, Table, numbers, words
from stepladder.report.wording import (
    CANNOT_BE_JUDGED,
    Measure,
    combinations_of,
    corrected_ends,
    digits_for,
    effect_verdict,
    join_list,
    measure_of,
    needed_text,
    number,
    p_value,
    plural,
    printable,
    settled_text,
    signed,
    truncate,
)
from stepladder.runs.predictions import largest_residuals
from stepladder.runs.results import Results, Span, Tuned
from stepladder.statistics.classification import Pooled
from stepladder.statistics.results import (
    Difference,
    Effect,
    Estimate,
    FactorialAnalysis,
    MainEffect,
    MeanInterval,
    ShapleyShare,
)
from stepladder.study.confounds import Confound, format_value
from stepladder.study.metrics import Metric, named_metric

SHOWN = 12
NAME_LENGTH = 60
PAIRS_SHOWN = 15


@dataclass(frozen=True)
class FormattedNumber:
    """A number with its 95 % interval, in the unit in which it is shown.

    Attributes:
        mean: percent or percentage points; NaN when there is none.
        low: lower end of the interval, or None.
        high: upper end of the interval, or None.
        is_difference: whether it carries a sign.
        digits: decimals.
        corrected: ends of the interval that is corrected for all comparisons, where they are
            shown beside the single ones: where these exclude 0 and no verdict does.

    Example:
        >>> FormattedNumber(97.0, 96.9, 97.1).text, FormattedNumber(0.4, -0.1, 0.5, True).text
        ('97.00 ± 0.10', '+0.40 [−0.10, +0.50]')
        >>> FormattedNumber(0.4, 0.1, 0.7, True, corrected=(-0.1, 0.9)).text
        '+0.40 ± 0.30 (0.50)'
    """

    mean: float
    low: float | None = None
    high: float | None = None
    is_difference: bool = False
    digits: int = 2
    corrected: tuple[float, float] | None = None

    @classmethod
    def accuracy(cls, estimate: Estimate) -> Self:
        """A fraction in 0…1 with its interval, in percent."""
        return cls.score(estimate, 100)

    @classmethod
    def score(cls, estimate: MeanInterval, scale: float, digits: int = 2) -> Self:
        """A score with its interval, as its metric is shown."""
        ends = (estimate.ci_low, estimate.ci_high)
        low, high = (None if end is None else scale * end for end in ends)
        return cls(scale * estimate.mean, low, high, digits=digits)

    @classmethod
    def points(cls, difference: Effect | Difference | MeanInterval, digits: int = 2) -> Self:
        """A difference, such as in percentage points, with its interval and its sign."""
        ends = corrected_ends(difference) if isinstance(difference, Effect) else None
        return cls(difference.mean, difference.ci_low, difference.ci_high, True, digits, ends)

    @property
    def number(self) -> str:
        """The mean alone."""
        return (signed if self.is_difference else number)(self.mean, self.digits)

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
        if half is None:
            return self._ends(self.low, self.high)
        return f"± {number(half, self.digits)} {self.correction}".rstrip()

    def _ends(self, low: float, high: float) -> str:
        write = signed if self.is_difference else number
        return f"[{write(low, self.digits)}, {write(high, self.digits)}]"

    @property
    def correction(self) -> str:
        """The corrected interval in parentheses, by half its width if that will do, or ""."""
        if self.corrected is None:
            return ""
        half = replace(self, low=self.corrected[0], high=self.corrected[1]).half_width
        if half is not None:
            return f"({number(half, self.digits)})"
        low, high = (signed(end, self.digits) for end in self.corrected)
        return f"({low} to {high})"

    @property
    def text(self) -> str:
        """The mean and its interval."""
        return f"{self.number} {self.spread}".rstrip()


def spread_text(spread: Effect | MeanInterval, digits: int = 2) -> str:
    """A mean over replicates with its interval: "+1.20 ± 0.30"."""
    return FormattedNumber.points(spread, digits).text


def confound_tables(confounds: Sequence[Confound]) -> tuple[Table, ...]:
    """One table of confounds, or none where nothing else differs."""
    if not confounds:
        return ()
    note = "An effect may be due to any of these: read it as the effect of all of them together."
    if len(confounds) > SHOWN:
        note += f" The first {SHOWN} of {len(confounds):,}; all of them are in the JSON."
    heads = ("arm", "against", "what", "values", "what it may do", "what would tell")
    rows = tuple(
        (
            truncate(confound.arm, NAME_LENGTH),
            truncate(confound.compared_with, NAME_LENGTH),
            f"{confound.what} (by the technique)" if confound.by_technique else confound.what,
            printable(f"{format_value(confound.here)} and {format_value(confound.there)}"),
            confound.may,
            confound.remedy,
        )
        for confound in confounds[:SHOWN]
    )
    return (Table("What else differs between compared arms", words(*heads), rows, note),)


def ensemble_tables(results: Results) -> tuple[Table, ...]:
    """One table of all ensembles, or none where there are none."""
    arms, noun = results.arms, results.noun
    rows = tuple(
        (
            truncate(arm.arm.name, NAME_LENGTH),
            str(arm.ensemble.members),
            *_pooled_cells(arm.ensemble.validation),
            *_pooled_cells(arm.ensemble.test),
        )
        for arm in arms
        if arm.ensemble is not None
    )
    if not rows:
        return ()
    figures = numbers("members", "validation %", "single %", "test %", "single %")
    held_out = (
        "which no member trains on" if results.has_own_validation else
        "that two members or more held out, answered by those alone, so by fewer than answer the "
        f"test {noun}s"
    )  # fmt: skip
    note = (
        "The replicates of an arm as one network, which gives the mean of their probabilities. "
        f"[ ] is Wilson's 95 % interval: new {noun}s, these very networks. Validation: {noun}s "
        f"{held_out}. Single: the mean of the members on the same {noun}s."
    )
    return (Table("Ensembles", (*words("ensemble of"), *figures), rows, note),)


def _pooled_cells(pooled: Pooled | None) -> tuple[str, str]:
    if pooled is None:
        return "", ""
    spread = f"{number(100 * pooled.interval.low)} to {number(100 * pooled.interval.high)}"
    return f"{number(100 * pooled.accuracy)} [{spread}]", number(100 * pooled.single)


def epoch_tables(results: Results) -> tuple[Table, ...]:
    """How long arms were trained, where early stopping decides it; none where it does not."""
    arms = [arm for arm in results.arms if arm.epochs_trained is not None]
    if not arms:
        return ()
    rows = tuple(
        (
            truncate(arm.arm.name, NAME_LENGTH),
            _span_text(arm.epochs_trained),
            f"{arm.arm.config.epochs:,}",
            _span_text(arm.scored_epoch),
        )
        for arm in arms
    )
    columns = (*words("arm"), *numbers("epochs trained", "at most", "epoch scored"))
    note = "Mean over replicates, and the least and the most where these differ."
    others = [arm.arm.config.epochs for arm in results.arms if arm.epochs_trained is None and arm.n]
    if others:
        few, many = min(others), max(others)
        span = plural(few, "epoch") if few == many else f"{few:,} to {plural(many, 'epoch')}"
        note += f" All other arms are trained for {span} and scored at their last."
    return (Table("How long arms were trained", columns, rows, note),)


def _span_text(span: Span | None) -> str:
    if span is None:
        return ""
    if span.least == span.most:
        return f"{span.least:,}"
    return f"{number(span.mean, 1)} ({span.least:,} to {span.most:,})"


def residual_tables(results: Results) -> tuple[Table, ...]:
    """The test examples whose values the best arm gets most wrong; none but of a regression."""
    shown = results.predictions
    if shown is None or shown.are_labels:
        return ()
    residuals = largest_residuals(shown)
    values = [abs(value) for one in residuals for value in (one.truth, one.mean) if value]
    digits = max(0, 3 - math.floor(math.log10(max(values)))) if values else 2
    has_several = len(shown.names) > 1
    rows = tuple(
        (
            str(one.index),
            *([truncate(shown.names[one.target], NAME_LENGTH)] if has_several else []),
            number(one.truth, digits),
            number(one.mean, digits),
            signed(one.mean - one.truth, digits),
            f"{number(one.low, digits)} to {number(one.high, digits)}",
        )
        for one in residuals
    )
    columns = (*words("test example", *(["target"] if has_several else [])),
               *numbers("true", "predicted", "off by"), *words("replicates"))  # fmt: skip
    note = (
        f"The values that {truncate(shown.best, NAME_LENGTH)} gets most wrong, mean over its "
        "replicates, and the least and the greatest of them. Examples are numbered from 0."
    )
    if has_several:
        note += " Each target is measured in its own deviation, so that they can be compared."
    return (Table("The largest errors", columns, rows, note),)


_MEASURES = {
    "val_accuracy": "Validation, points",
    "train_accuracy": "Training, points",
    "test_loss": "Test loss, nats",
    "val_loss": "Validation loss, nats",
    "train_loss": "Training loss, nats",
    "epochs_to_target": "Epochs to target",
    "seconds_to_target": "Seconds to target",
}


def measure_tables(results: Results) -> tuple[Table, ...]:
    """One table of effects on other measures: accuracy, loss, time; none without a comparison."""
    judged = [arm for arm in results.arms if arm.effect is not None and arm.differences]
    if not judged:
        return ()
    new = f"; validation: new {results.noun}s, as its parts overlap"
    note = (
        f"Paired differences with 95 % t intervals over replicates, these {results.noun}s, "
        f"retrained{'' if results.has_own_validation else new}. There is no correction "
        "for several measures, and no verdict. Better: the share of replicates in "
        f"which the arm has the better {measure_of(results).on('test')}, ties counted half, with "
        "Tango's score interval."
    )
    if results.study.target is not None:
        note += (
            f" Target: a validation accuracy of {number(100 * results.study.target)} %; replicates "
            "in which either arm never reaches it have no pair."
        )
    heads = ("Better in", *(_measure_head(item) for item in judged[0].differences))
    rows = tuple(
        (Cell(printable(arm.arm.name), detail=f"against {printable(arm.arm.compared_with or '')}"),
         _better(arm.effect), *map(_difference_text, arm.differences))
        for arm in judged
    )  # fmt: skip
    return (Table("Effects on other measures", (*words("Arm"), *numbers(*heads)), rows, note),)


def posterior_tables(results: Results) -> tuple[Table, ...]:
    """One table of posterior probabilities; none without δ or a comparison that can be judged."""
    judged = [arm for arm in results.arms if arm.effect is not None and arm.effect.posterior]
    if all(arm.effect is None or arm.effect.reason for arm in judged):
        return ()
    rows = []
    for arm in judged:
        effect = arm.effect
        assert effect is not None
        assert effect.posterior is not None
        shares = (effect.posterior.worse, effect.posterior.within, effect.posterior.better)
        p = "" if effect.p_not_worse is None else p_value(effect.p_not_worse)
        cells = [""] * 4 if effect.reason else [*(number(100 * x, 1) for x in shares), p]
        rows.append((truncate(arm.arm.name, NAME_LENGTH), *cells))
    margin = measure_of(results).margin
    note = (
        f"How probable it is that an arm is worse, or better, by more than {margin}, or that the "
        "difference is within, after a Bayesian t test of each comparison alone. p is of the "
        f'one-sided test of "worse by {margin} or more", corrected for the number of comparisons.'
    )
    columns = (*words("arm"), *numbers("worse, %", "within, %", "better, %", "p, not worse"))
    return (Table("Posterior probabilities", columns, tuple(rows), note),)


def also_tables(results: Results) -> tuple[Table, ...]:
    """One table of the metrics that are recorded beside the judged one; none where none is."""
    names = list(results.study.also)
    if not names:
        return ()
    metrics = {metric.name: metric for metric in results.study.recorded}
    heads, columns = [], []
    for name in names:
        known = named_metric(name) or Metric(name, "maximize")
        metric = metrics.get(name, known)
        estimates = [arm.also.get(metric.name, {}).get("test") for arm in results.arms]
        shown = Measure(metric, None, digits_for(metric, [e for e in estimates if e is not None]))
        heads.append("test accuracy %" if shown.is_accuracy else shown.heading("test"))
        columns.append([
            "" if estimate is None
            else FormattedNumber.score(estimate, metric.scale, shown.digits).text
            for estimate in estimates
        ])  # fmt: skip
    rows = tuple(
        (truncate(arm.arm.name, NAME_LENGTH), *(column[place] for column in columns))
        for place, arm in enumerate(results.arms)
    )
    note = "Recorded beside the judged metric: figures with 95 % t intervals, and no verdict."
    return (Table("Other metrics", (*words("arm"), *numbers(*heads)), rows, note),)


def _better(effect: Effect | None) -> str:
    if effect is None or effect.p_greater is None or effect.p_greater_ci is None:
        return ""
    shares = (effect.p_greater, effect.p_greater_ci.low, effect.p_greater_ci.high)
    share, low, high = (number(100 * value, 0) for value in shares)
    return f"{share} % [{low}, {high}]"


def _measure_head(item: Difference) -> str:
    name = item.measure.replace("_", " ")
    known = (
        None if item.measure.endswith("_loss") and not item.unit else _MEASURES.get(item.measure)
    )
    return known or printable(f"{name[:1].upper()}{name[1:]}, {item.unit}".rstrip(", "))


def _difference_text(difference: Difference) -> str:
    if difference.unit in ("points", "epochs", "seconds"):
        return FormattedNumber.points(difference).text
    half = 0.0
    if difference.ci_low is not None and difference.ci_high is not None:
        half = (difference.ci_high - difference.ci_low) / 2
    # Two decimals of a loss say little, but of a squared error they may say too much.
    size = max(abs(difference.mean), half)
    digits = 1 if size >= 10 else 4 if difference.unit == "nats" or size < 1 else 2
    mean = signed(difference.mean, digits)
    return mean if difference.ci_low is None else f"{mean} ± {number(half, digits)}"


READOUT_CAPTION = (
    "Bar and point: the part of each technique in the gain from base to all (its exact Shapley "
    "value, the mean over all orders; in a fraction its main effect), with its 95 % t interval "
    "over replicates. Grey dots below: what single orders of a ladder would have said, each as "
    "large as the share of the orders that say it."
)


def readout_tables(results: Results) -> tuple[Table, ...]:
    """The tables of a factorial; none without a read-out."""
    readout, shown = results.readout, measure_of(results)
    if readout is None:
        return ()
    tables = (_technique_table(readout, shown), _interaction_table(readout, shown))
    return tables if readout.interactions else tables[:1]


def readout_words(readout: FactorialAnalysis, shown: Measure) -> str:
    """The figure of a factorial in words."""
    digits = shown.digits
    shapley = {share.technique: share.shapley for share in readout.shares}
    parts = [
        f"{truncate(main.technique, NAME_LENGTH)} "
        + (
            spread_text(shapley[main.technique], digits)
            if shapley
            else signed(main.effect.mean, digits)
        )
        for main in readout.main
    ]
    gain = f"{spread_text(readout.gain, digits)} {shown.unit}".rstrip()
    return f"Parts of a gain of {gain}: {'; '.join(parts)}."


def readout_title(readout: FactorialAnalysis) -> str:
    """What a factorial, or a fraction of one, tells of its techniques."""
    return f"What each technique is worth in {combinations_of(readout)}"


def _technique_table(readout: FactorialAnalysis, shown: Measure) -> Table:
    shares = {share.technique: share for share in readout.shares}
    what = f"{shown.unit} of {shown.on('test')}" if shown.unit else shown.on("test")
    columns = (*words("technique"), *numbers("main effect"), *words("verdict"))
    columns += numbers("Shapley", "of gain", "least", "most") if shares else ()
    rows = tuple(
        _technique_row(main, shares.get(main.technique), shown, readout.replicates)
        for main in readout.main
    )
    note = (
        f"Main effect: {what} that the technique adds, averaged over "
        f"{'all' if shares else 'the trained'} combinations of the others, over "
        f"{plural(readout.replicates, 'replicate')}; the verdicts are a family of "
        f"{len(readout.main)}. From base to all: {spread_text(readout.gain, shown.digits)}."
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
    return Table(readout_title(readout), columns, rows, note)


def _technique_row(
    main: MainEffect, share: ShapleyShare | None, shown: Measure, replicates: int
) -> tuple[str, ...]:
    own, digits = effect_verdict(main.effect, shown.delta), shown.digits
    if main.effect.reason:
        own = CANNOT_BE_JUDGED
    verdict = [own, needed_text(main.effect, has_range=False)]
    if main.effect.settled_at and main.effect.settled_at < replicates:
        verdict.append(settled_text(main.effect))
    cells = (
        truncate(main.technique, NAME_LENGTH),
        spread_text(main.effect, digits),
        ", ".join(filter(None, verdict)),
    )
    if share is None:
        return cells
    part = "" if share.of_gain is None else f"{number(100 * share.of_gain, 0)} %"
    least, most = signed(share.least, digits), signed(share.most, digits)
    return (*cells, spread_text(share.shapley, digits), part, least, most)


def _interaction_table(readout: FactorialAnalysis, shown: Measure) -> Table:
    every = readout.interactions
    largest = sorted(every, key=lambda pair: -abs(pair.worth.mean))[:PAIRS_SHOWN]
    pairs = [pair for pair in every if pair in largest]
    much = "many points" if shown.unit == "points" else "much"
    note = (
        f"How {much} more a technique is worth where the other is, averaged over the rest; "
        f"p is that of the t test after Holm's correction over {plural(len(every), 'interaction')}."
    )
    if len(pairs) < len(every):
        note += f" The {len(pairs)} largest; all of them are in the JSON."
    if any(len(pair.pairs) > 1 for pair in every):
        note += " A fraction cannot tell the pairs of one line apart: the figure is their sum."
    rows = tuple(
        (
            join_list([f"{printable(one)} × {printable(two)}" for one, two in pair.pairs]),
            spread_text(pair.worth, shown.digits),
            "" if pair.p_t_adjusted is None else p_value(pair.p_t_adjusted),
        )
        for pair in pairs
    )
    columns = (*words("pair"), *numbers("interaction", "p"))
    return Table("Which techniques need each other", columns, rows, note)


TUNING_CAPTION = (
    "Validation accuracy of each candidate, mean over the tuning replicates, which the comparison "
    "does not use. Small dots: single replicates; filled: the candidate chosen; open diamond: the "
    "value that a fixed study would keep. Where several fields are tuned, the best over the others "
    "is drawn."
)


def tuning_tables(results: Results) -> tuple[Table, ...]:
    """One table of what was chosen, or none for a fixed study."""
    tuned, shown = results.tuned, measure_of(results)
    if tuned is None:
        return ()
    scale, digits, head = shown.metric.scale, shown.digits, shown.heading("validation")
    candidates = len(tuned.arms[0].tried) if tuned.arms else 0
    epochs = plural(tuned.epochs, "epoch") if results.study.base.counts_epochs else "trained"
    note = (
        f"The same {plural(candidates, 'candidate')} for every arm, on {shown.on('validation')}, "
        f"{epochs} on {plural(tuned.replicates, 'replicate')} that are "
        f"not used again; {tuned.trials:,} trials in all."
    )
    if tuned.widenings:
        note += (
            f" The grid was widened {tuned.widenings}× for all arms, because the best of some lay "
            "at its edge."
        )
    figures = numbers(", ".join(tuned.fields), head, "fixed", head)
    rows = []
    for arm in tuned.arms:
        means = {tried.values: number(scale * tried.mean, digits) for tried in arm.tried}
        edge = f"{', '.join(arm.at_edge)} at the edge" if arm.at_edge else ""
        rows.append((
            truncate(arm.arm, NAME_LENGTH), _values_text(arm.chosen), means[arm.chosen],
            _values_text(arm.declared), means.get(arm.declared, ""), edge,
        ))  # fmt: skip
    columns = (*words("arm"), *figures, *words("remark"))
    return (Table("How each arm was tuned", columns, tuple(rows), note),)


def _values_text(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def tuning_words(tuned: Tuned) -> str:
    """The figure of tuning in words."""
    choices = [f"{truncate(arm.arm, NAME_LENGTH)} {_values_text(arm.chosen)}" for arm in tuned.arms]
    return f"Best {', '.join(tuned.fields)} of each arm: {'; '.join(choices)}."
