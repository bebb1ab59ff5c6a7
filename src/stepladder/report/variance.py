"""Which source of randomness makes the spread: text, JSON, CSV, Markdown and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TextIO

from stepladder.report import wording
from stepladder.report.document import (
    Document,
    Sentence,
    Sentences,
    Table,
    fine,
    numbers,
    words,
)
from stepladder.report.json import metric_record, pick, to_json
from stepladder.report.markdown import csv_text, to_markdown
from stepladder.report.terminal import FILE_WIDTH, print_document, to_text
from stepladder.report.wording import MISSING, join_list, number, plural, printable
from stepladder.runs.plan import versions_shown
from stepladder.runs.variance import StudyVariance
from stepladder.statistics.results import Interval
from stepladder.statistics.variance import Spread

_USER_SEED = (
    "A training of your own has one seed for all that it draws. To hold one of its sources, draw "
    "that from a number in [base] in place of the seed; the row is then that of the others."
)


def document_of_variance(made: StudyVariance) -> Document:
    """An analysis as it will be shown.

    Example:
        >>> made = stepladder.variance("mnist").made  # doctest: +SKIP
        >>> document_of_variance(made).title  # doctest: +SKIP
        'mnist: base'
    """
    study = made.record.study
    sizes = ", ".join(wording.parts_of(made.record.sizes))
    data = f"{printable(made.record.dataset)}: {sizes}" if sizes else printable(made.record.dataset)
    lines = filter(None, (_diverged(made), _interaction(made), _halving(made)))
    return Document(
        f"{printable(study.name)}: {printable(made.arm.name)}",
        f"{data} · {plural(made.replicates, 'replicate')} of each source",
        "",
        (
            Sentences(tuple(Sentence.of(line) for line in lines)),
            fine(*_notes(made)),
            _table(made),
        ),
    )


def digits_of(made: StudyVariance) -> int:
    """Decimals that show two digits of the smallest standard deviation, up to six."""
    sizes = [spread.deviation for spread in spreads_of(made) if spread.deviation]
    return min(max(1 - math.floor(math.log10(min(sizes, default=1.0))), 0), 6)


def spreads_of(made: StudyVariance) -> list[Spread]:
    """Those of the sources, and where there are several their sum and all together."""
    found = made.analysis
    more = [found.sum, found.together] if found.sum else []
    return [*found.sources, *filter(None, more)]


def _table(made: StudyVariance) -> Table:
    metric, digits = made.record.study.judged, digits_of(made)
    unit = f", {printable(metric.unit)}" if metric.unit else ""
    rows = [
        (
            spread.name,
            f"{spread.n}" if spread.scores else "",
            _value(spread.deviation, digits),
            _range(spread.interval, digits),
            *(
                [_percent(spread.share), _range(spread.share_interval, 0, 100)]
                if made.analysis.sum
                else []
            ),
        )
        for spread in spreads_of(made)
    ]
    shares = ("share, %", "95 %") if made.analysis.sum else ()
    heads = ("n", f"standard deviation{unit}", "95 %", *shares)
    return Table("", (*words("source"), *numbers(*heads)), tuple(rows))


def _value(value: float | None, digits: int) -> str:
    return MISSING if value is None else number(value, digits)


def _percent(share: float | None) -> str:
    return "" if share is None else number(100 * share, 0)


def _range(interval: Interval | None, digits: int, scale: float = 1) -> str:
    if interval is None:
        return ""
    return f"{number(scale * interval.low, digits)} to {number(scale * interval.high, digits)}"


def _notes(made: StudyVariance) -> list[str]:
    study, noun = made.record.study, made.record.noun
    still = [spread.name for spread in spreads_of(made) if spread.deviation == 0]
    own_network = study.trainer is None and made.arm.recipe.model is not None
    these = f" on these test {noun}s" if "test" in made.record.sizes else ""
    several = made.analysis.sum is not None
    alone = " in which one source varies and all others are those of replicate 0" if several else ""
    shares = "; share: of the sum of the variances" if several else ""
    return [
        f"Standard deviation of the test {printable(study.judged.name)}{these} over replicates"
        f"{alone}, with Bonett's interval{shares}.",
        f"No spread was seen of {join_list(still)}: that gives no interval." if still else "",
        "Random layers of a network of your own, such as RandomFlip, are dropout and noise."
        if own_network
        else "",
        f"Left out, since the arm has none: {join_list(made.left_out, most=8)}."
        if made.left_out
        else "",
        _USER_SEED if study.trainer is not None else "",
        wording.looks_text(made.looks, is_every=made.is_every_look),
    ]


def _diverged(made: StudyVariance) -> str:
    counts = {
        spread.name: len(spread.scores) - spread.n
        for spread in spreads_of(made)
        if len(spread.scores) > spread.n
    }
    if not counts:
        return ""
    listed = join_list([f"{count} of {made.replicates} ({name})" for name, count in counts.items()])
    return f"Diverged and left out: {listed}. The figures are of those that did not."


def _interaction(made: StudyVariance) -> str:
    ratio = made.analysis.ratio
    if ratio is None:
        return ""
    compared = f"{number(ratio.low, 1)} to {number(ratio.high, 1)} times the sum"
    start = f"The variance of all together is {compared} of the sources (95 %)"
    if ratio.low > 1:
        return (
            f"{start}: more than the sum, which it is not on average over the draws that are held. "
            "Replicate 0 is an unusual one."
        )
    if ratio.high < 1:
        return (
            f"{start}: less than the sum. Sources act on each other: part of the spread comes with "
            "any one of them, so that holding one does not remove its share."
        )
    return f"{start}: compatible with sources that add up."


def _halving(made: StudyVariance) -> str:
    """What makes the interval of the arm's mean half as wide, and what does not."""
    found, unit, digits = made.analysis, printable(made.record.study.judged.unit), digits_of(made)
    if found.together.n < 2:
        return "To halve the interval, replicates are needed that do not diverge."
    if found.half is None:
        return "To halve the interval, nothing is needed: the scores do not vary."
    half = f"{number(found.half, digits)} {unit}".rstrip()
    start = f"To halve the interval of the mean (± {half} over {found.together.n} replicates), "
    if found.needed is None:
        return f"{start}more than 10,000 replicates are needed."
    more = f"train {found.needed - found.together.n} more replicates, {found.needed} in all"
    largest = found.largest
    if largest is None or found.sum is None:
        return f"{start}{more}."
    # What a shared draw leaves is at most what its source makes, and at most the whole.
    known = [one.deviation for one in (largest, found.together) if one.deviation is not None]
    deviation = f"{number(min(known), digits)} {unit}".rstrip()
    each = "splits" if largest.name == "split" else f"draws of {largest.name}"
    one = "one split" if largest.name == "split" else f"one draw of {largest.name}"
    return (
        f"{start}{more}, each with a draw of its own of every source: that uses several {each}. "
        f"Replicates that share {one} do not help: up to {deviation} of standard deviation stay, "
        "however many they are."
    )


def show(made: StudyVariance, stream: TextIO | None = None) -> None:
    """Prints an analysis; arguments as for `stepladder.report.terminal.console_on`."""
    print_document(document_of_variance(made), stream)


def as_text(made: StudyVariance, width: int = FILE_WIDTH) -> str:
    """An analysis as plain text without colours, at most `width` columns wide."""
    return to_text(document_of_variance(made), width)


_KEYS = (
    "study=record.study.name arm=arm.name dataset=record.dataset sizes=record.sizes metric= "
    "replicates seed=record.study.seed test_set_accesses=looks left_out sources= sum= together= "
    "ratio=analysis.ratio half_width=analysis.half replicates_to_halve=analysis.needed "
    "versions= machine=record.machine"
)


_SPREAD_KEYS = (
    "name n standard_deviation=deviation low=interval.low high=interval.high "
    "share share_low=share_interval.low share_high=share_interval.high"
)


def _json(made: StudyVariance) -> str:
    study, found = made.record.study, made.analysis
    return to_json(
        pick(made, _KEYS)
        | {
            "metric": metric_record(study.judged, study.delta),
            "versions": versions_shown(made.record.versions),
            "sources": [pick(source, f"{_SPREAD_KEYS} scores") for source in found.sources],
            "sum": found.sum and pick(found.sum, _SPREAD_KEYS.removeprefix("name n ")),
            "together": pick(found.together, f"{_SPREAD_KEYS} scores"),
        }
    )


def _csv(made: StudyVariance) -> str:
    records = [pick(spread, _SPREAD_KEYS) | {"n": spread.n if spread.scores else None}
               for spread in spreads_of(made)]  # fmt: skip
    return csv_text([*records[0]], [[*record.values()] for record in records])


def _markdown(made: StudyVariance) -> str:
    return to_markdown(document_of_variance(made))


FORMATS: dict[str, Callable[[StudyVariance], str]] = {
    "json": _json, "csv": _csv, "markdown": _markdown,
}  # fmt: skip
"""What `stepladder variance --format` writes besides the table."""
