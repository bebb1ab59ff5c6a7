"""Two runs side by side."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepladder.report.document import Cell, Document, Sentence, Sentences, Table, numbers, words
from stepladder.report.figures.base import Plot
from stepladder.report.figures.forest import Bar, Forest, forest_plot
from stepladder.report.html import drawn, rendered
from stepladder.report.markdown import to_markdown
from stepladder.report.tables import FormattedNumber, spread_text
from stepladder.report.wording import (
    Measure,
    join_list,
    measure_of,
    number,
    plural,
    printable,
    truncate,
)
from stepladder.runs.results import ArmResult, Results
from stepladder.statistics.paired import paired_t, round_off, welch
from stepladder.statistics.results import MeanInterval

NAME_LENGTH = 60
VALUE_LENGTH = 80
NAMES_SHOWN = 6
MOST_DIFFERENCES = 40


@dataclass(frozen=True)
class Comparison:
    """Two runs as they will be shown.

    Attributes:
        title: both names.
        subtitle: how the arms are compared.
        sentences: what came out, and what may not be read from it.
        arms: a table of the arms that both have.
        asked: a table of what differs in studies, data, versions and machines.
        plot: the differences as a figure, or None where no arm is in both.
    """

    title: str
    subtitle: str
    sentences: tuple[str, ...]
    arms: Table
    asked: Table
    plot: Plot | None


@dataclass(frozen=True)
class _Pair:
    """An arm that both runs have."""

    name: str
    one: ArmResult
    two: ArmResult
    points: MeanInterval
    differences: tuple[float, ...]


def comparison_of(one: Results, two: Results, names: tuple[str, str]) -> Comparison:
    """Two runs compared, arm by arm by name: what the first has more than the second.

    Where both drew the same (dataset, seed and validation part), replicates are compared in
    pairs; otherwise means are, by Welch's interval. There are no verdicts: two runs are no study,
    which says beforehand what is compared.

    Args:
        one: the first run.
        two: the second.
        names: what to call them.

    Example:
        >>> one, two = (stepladder.run("quick", seed=seed) for seed in (0, 1))  # doctest: +SKIP
        >>> comparison_of(one.results, two.results, ("one", "two")).title  # doctest: +SKIP
        'one against two'
    """
    draws = [(run.fingerprint, run.study.seed, run.sizes.get("validation")) for run in (one, two)]
    is_paired = draws[0] == draws[1]
    shown = measure_of(one)
    second_arms = {arm.arm.name: arm for arm in two.arms}
    is_same_metric = shown.metric == two.study.judged
    overlap = one.study.overlap or two.study.overlap
    pairs = [
        _pair(arm, second_arms[arm.arm.name], shown, is_paired, overlap)
        for arm in one.arms
        if arm.arm.name in second_arms and is_same_metric
    ]
    alike = "splits, initial weights and orders" if one.study.trainer is None else "seeds"
    first, second = (truncate(name, NAME_LENGTH) for name in names)
    return Comparison(
        title=f"{first} against {second}",
        subtitle="The runs are judged by different metrics."
        if not is_same_metric
        else f"Both runs drew the same {alike}: replicates are compared in pairs."
        if is_paired
        else "The runs differ in dataset, seed or validation part, and folds overlap: means are "
        "compared, without an interval."
        if overlap
        else "The runs differ in dataset, seed or validation part, so nothing pairs their "
        "replicates: means are compared, by Welch's interval.",
        sentences=tuple(_sentences(one, two, pairs, (first, second))),
        arms=_arm_table(pairs, shown, (first, second), is_paired),
        asked=_difference_table(one, two, (first, second)),
        plot=_plot(pairs, shown, (first, second), is_paired),
    )


def _pair(one: ArmResult, two: ArmResult, shown: Measure, is_paired: bool, overlap: float) -> _Pair:
    first, second = (shown.metric.scale * np.asarray(arm.test.values) for arm in (one, two))
    if not is_paired:
        spread = welch(first.tolist(), second.tolist())
        if overlap:
            spread = MeanInterval(spread.mean, None, None)
        return _Pair(printable(one.arm.name), one, two, spread, ())
    count = min(len(first), len(second))
    differences = round_off(first[:count] - second[:count])
    t = paired_t(differences, overlap=overlap)
    finite = tuple(differences[np.isfinite(differences)].tolist())
    return _Pair(printable(one.arm.name), one, two, t.interval(), finite)


def _sentences(
    one: Results, two: Results, pairs: Sequence[_Pair], names: tuple[str, str]
) -> Iterator[str]:
    same = [pair for pair in pairs if pair.differences and not any(pair.differences)]
    shown, others = measure_of(one), measure_of(two)
    if shown.metric != others.metric:
        yield (
            f"{names[0]} judges {_unit_text(shown)} and {names[1]} {_unit_text(others)}: their "
            "figures cannot be compared."
        )
    elif not pairs:
        yield "No arm is in both runs: there is nothing to compare."
    elif len(same) == len(pairs):
        yield f"All {plural(len(pairs), 'arm')} came out exactly the same in both."
    else:
        intervals = ((pair, pair.points.ci_low, pair.points.ci_high) for pair in pairs)
        apart = [
            pair
            for pair, low, high in intervals
            if low is not None and high is not None and not low <= 0 <= high
        ]
        listed = join_list([
            f"{truncate(pair.name, NAME_LENGTH)} ({spread_text(pair.points, shown.digits)})"
            for pair in apart
        ], most=NAMES_SHOWN)  # fmt: skip
        verb = "differs by more than its" if len(apart) == 1 else "differ by more than their"
        yield (
            f"Of {plural(len(pairs), 'arm')}, {len(apart)} {verb} 95 % "
            f"interval{': ' + listed if apart else ''}. One in twenty would by chance."
        )
    for results, other, name in ((one, two, names[0]), (two, one, names[1])):
        common = {arm.arm.name for arm in other.arms}
        alone = [arm.arm.name for arm in results.arms if arm.arm.name not in common]
        if alone:
            names_alone = join_list([truncate(arm, NAME_LENGTH) for arm in alone], most=NAMES_SHOWN)
            yield f"Only {name} has {names_alone}."
        if not results.finished:
            yield f"{name} is unfinished: its figures may still change."


def _unit_text(shown: Measure) -> str:
    return f"{shown.name} in {shown.unit}" if shown.unit else shown.name


def _arm_table(
    pairs: Sequence[_Pair], shown: Measure, names: tuple[str, str], is_paired: bool
) -> Table:
    unit = "%" if shown.metric.is_fraction else f"({shown.unit})" if shown.unit else ""
    difference = f"difference, {shown.unit}" if shown.unit else "difference"
    figures = numbers(*(f"{name} {unit}".rstrip() for name in names), difference)
    scale, digits = shown.metric.scale, shown.digits
    rows = tuple(
        (Cell(truncate(pair.name, NAME_LENGTH), detail=_replicates_text(pair)),
         FormattedNumber.score(pair.one.test, scale, digits).text,
         FormattedNumber.score(pair.two.test, scale, digits).text,
         spread_text(pair.points, digits))
        for pair in pairs
    )  # fmt: skip
    pairing = "paired over replicates" if is_paired else "Welch"
    note = (
        f"± and brackets: 95 % t intervals; the difference is {' minus '.join(names)}, {pairing}, "
        "without correction for the number of arms and without a verdict."
    )
    return Table(f"Test {shown.name} in both", (*words("arm"), *figures), rows, note)


def _replicates_text(pair: _Pair) -> str:
    both = "" if pair.one.n == pair.two.n else f"{pair.one.n:,} and "
    return f"{both}{plural(pair.two.n, 'replicate')}"


def _difference_table(one: Results, two: Results, names: tuple[str, str]) -> Table:
    facts = _facts(one), _facts(two)
    keys = [key for key in facts[0] | facts[1] if facts[0].get(key) != facts[1].get(key)]
    rows = tuple(
        (printable(key), *(truncate(fact.get(key, ""), VALUE_LENGTH) for fact in facts))
        for key in keys[:MOST_DIFFERENCES]
    )
    note = "Every other key of the study, the dataset and the versions are the same."
    if len(keys) > MOST_DIFFERENCES:
        note = f"The first {MOST_DIFFERENCES} of {len(keys):,} differences."
    if not keys:
        note = "Study, dataset, versions and machine are the same."
    return Table("What differs between them", words("what", *names), rows, note)


def _facts(results: Results) -> dict[str, str]:
    facts = dict(_leaves("", results.study.model_dump(mode="json", by_alias=True)))
    facts["dataset contents"] = results.fingerprint[:16]
    facts |= {f"version of {name}": version for name, version in results.versions.items()}
    facts["machine"] = results.machine
    facts["wall time"] = f"{number(results.seconds, 0)} s"
    return facts


_UNASKED = ("mends", "reference")
"""Keys of techniques that change nothing."""


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _UNASKED:
                yield from _leaves(f"{path}.{key}" if path else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):  # by name: one more does not make the rest differ
            named = {key: one for key, one in item.items() if key != "name"}
            yield from _leaves(f"{path}[{item.get('name', place)}]", named)
    elif value is not None:
        yield path, str(value)


def _plot(
    pairs: Sequence[_Pair], shown: Measure, names: tuple[str, str], is_paired: bool
) -> Plot | None:
    bars = tuple(
        Bar(pair.name, names[1], True, pair.points.mean, pair.points.ci_low, pair.points.ci_high,
            "", spread_text(pair.points, shown.digits), "no difference beyond δ", pair.differences,
            note=_replicates_text(pair))
        for pair in pairs
        if math.isfinite(pair.points.mean)
    )  # fmt: skip
    if not bars:
        return None
    dots = "; small dots below: single replicates" if is_paired else ""
    difference = " minus ".join(names)
    forest = Forest(bars, shown, what=f"{difference}:")
    strip = f"{forest.strip_note}." if forest.strip_note else ""
    caption = f"{difference}, with its 95 % interval{dots}.{strip}{forest.scale_note}"
    return forest_plot(forest, "differences", f"Test {shown.name}, run against run", caption)


def comparison_as_html(one: Results, two: Results, names: tuple[str, str]) -> str:
    """Two runs as a page that needs no other file; arguments as for `comparison_of`."""
    compared = comparison_of(one, two, names)
    figure = None if compared.plot is None else drawn(compared.plot)
    return rendered("compare.html", {"compared": compared, "figure": figure})


def comparison_as_markdown(one: Results, two: Results, names: tuple[str, str]) -> str:
    """Two runs for a pull request; arguments as for `comparison_of`."""
    compared = comparison_of(one, two, names)
    sentences = tuple(Sentence.of(sentence) for sentence in compared.sentences)
    blocks: list[Table | Sentences] = [Sentences(sentences, "indented")]
    blocks += [table for table in (compared.arms, compared.asked) if table.rows]
    document = Document(compared.title, compared.subtitle, "", tuple(blocks), is_page=True)
    return to_markdown(document)
