"""Two runs side by side."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepladder.report.document import Document, Sentence, Sentences, Table, numbers, words
from stepladder.report.figures.base import Plot
from stepladder.report.figures.forest import Bar, Forest, forest_plot
from stepladder.report.html import drawn, rendered
from stepladder.report.markdown import to_markdown
from stepladder.report.tables import FormattedNumber, spread_text
from stepladder.report.wording import join_list, number, plural, printable, truncate
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
    second_arms = {arm.arm.name: arm for arm in two.arms}
    pairs = [
        _pair(arm, second_arms[arm.arm.name], is_paired)
        for arm in one.arms
        if arm.arm.name in second_arms
    ]
    first, second = (truncate(name, NAME_LENGTH) for name in names)
    return Comparison(
        title=f"{first} against {second}",
        subtitle="Both runs drew the same splits, initial weights and orders: replicates are "
        "compared in pairs."
        if is_paired
        else "The runs differ in dataset, seed or validation part, so nothing pairs their "
        "replicates: means are compared, by Welch's interval.",
        sentences=tuple(_sentences(one, two, pairs, (first, second))),
        arms=_arm_table(pairs, (first, second), is_paired),
        asked=_difference_table(one, two, (first, second)),
        plot=_plot(pairs, one.study.delta or 0.0, second, is_paired),
    )


def _pair(one: ArmResult, two: ArmResult, is_paired: bool) -> _Pair:
    first, second = (100 * np.asarray(arm.test.values) for arm in (one, two))
    if not is_paired:
        spread = welch(first.tolist(), second.tolist())
        return _Pair(printable(one.arm.name), one, two, spread, ())
    count = min(len(first), len(second))
    differences = round_off(first[:count] - second[:count])
    t = paired_t(differences)
    finite = tuple(differences[np.isfinite(differences)].tolist())
    return _Pair(printable(one.arm.name), one, two, t.interval(), finite)


def _sentences(
    one: Results, two: Results, pairs: Sequence[_Pair], names: tuple[str, str]
) -> Iterator[str]:
    same = [pair for pair in pairs if pair.differences and not any(pair.differences)]
    if not pairs:
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
            f"{truncate(pair.name, NAME_LENGTH)} ({spread_text(pair.points)})" for pair in apart
        ], most=NAMES_SHOWN)  # fmt: skip
        yield (
            f"Of {plural(len(pairs), 'arm')}, {len(apart)} differ by more than their 95 % "
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


def _arm_table(pairs: Sequence[_Pair], names: tuple[str, str], is_paired: bool) -> Table:
    figures = numbers(*(f"{name} %" for name in names), "difference, points")
    rows = tuple(
        (truncate(pair.name, NAME_LENGTH),
         FormattedNumber.accuracy(pair.one.test).text,
         FormattedNumber.accuracy(pair.two.test).text,
         spread_text(pair.points), f"{pair.one.n} and {pair.two.n}")
        for pair in pairs
    )  # fmt: skip
    pairing = "paired over replicates" if is_paired else "Welch"
    note = (
        f"± and brackets: 95 % t intervals; the difference is {pairing}, without correction for "
        "the number of arms and without a verdict."
    )
    columns = (*words("arm"), *figures, *words("replicates"))
    return Table("Test accuracy in both", columns, rows, note)


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


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            yield from _leaves(f"{path}[{place}]", item)
    elif value is not None:
        yield path, str(value)


def _plot(pairs: Sequence[_Pair], delta: float, other: str, is_paired: bool) -> Plot | None:
    bars = tuple(
        Bar(pair.name, other, True, pair.points.mean, pair.points.ci_low, pair.points.ci_high,
            "", spread_text(pair.points), "no difference beyond δ", pair.differences,
            note=plural(pair.one.n, "replicate"))
        for pair in pairs
        if math.isfinite(pair.points.mean)
    )  # fmt: skip
    if not bars:
        return None
    dots = "; small dots below: single replicates" if is_paired else ""
    forest = Forest(bars, delta)
    scale = " The axis is linear within ± 1 point and logarithmic beyond." if forest.is_log else ""
    caption = (
        f"What the first run has more than the second, with its 95 % interval{dots}. Grey strip: "
        f"± {delta:g}.{scale}"
    )
    return forest_plot(forest, "differences", "Test accuracy, run against run", caption)


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
