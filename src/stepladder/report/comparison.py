"""Two runs side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepladder.report.figures.base import Plot
from stepladder.report.figures.forest import Bar, Forest, forest_plot
from stepladder.report.html import drawn, rendered
from stepladder.report.markdown import markdown_side_table, markdown_text
from stepladder.report.tables import FormattedNumber, TextTable, spread_text
from stepladder.report.wording import join_list, number, plural, printable, truncate
from stepladder.runs.results import ArmResult, Results
from stepladder.statistics.paired import paired_t, round_off, welch
from stepladder.statistics.results import MeanInterval

NAME_LENGTH = 60
VALUE_LENGTH = 80
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
    arms: TextTable
    asked: TextTable
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
    """
    is_paired = _draws(one) == _draws(two)
    theirs = {each.arm.name: each for each in two.arms}
    pairs = [
        _pair(each, theirs[each.arm.name], is_paired)
        for each in one.arms
        if each.arm.name in theirs
    ]
    first, second = (truncate(name, NAME_LENGTH) for name in names)
    return Comparison(
        title=f"{first} against {second}",
        subtitle=_how(is_paired),
        sentences=tuple(_sentences(one, two, pairs, (first, second))),
        arms=_arms(pairs, (first, second), is_paired),
        asked=_asked(one, two, (first, second)),
        plot=_plot(pairs, one.study.delta, second, is_paired),
    )


def _draws(results: Results) -> tuple[object, ...]:
    return (results.fingerprint, results.study.seed, results.sizes.get("validation"))


def _how(is_paired: bool) -> str:
    if is_paired:
        return (
            "Both runs drew the same splits, initial weights and orders: replicates are compared "
            "in pairs."
        )
    return (
        "The runs differ in dataset, seed or validation part, so nothing pairs their replicates: "
        "means are compared, by Welch's interval."
    )


def _pair(one: ArmResult, two: ArmResult, is_paired: bool) -> _Pair:
    ours, theirs = (100 * np.asarray(each.test_accuracy.values) for each in (one, two))
    if not is_paired:
        spread = welch(ours.tolist(), theirs.tolist())
        return _Pair(printable(one.arm.name), one, two, spread, ())
    count = min(len(ours), len(theirs))
    found = round_off(ours[:count] - theirs[:count])
    t = paired_t(found)
    finite = tuple(found[np.isfinite(found)].tolist())
    return _Pair(printable(one.arm.name), one, two, t.interval(), finite)


def _sentences(
    one: Results, two: Results, pairs: list[_Pair], names: tuple[str, str]
) -> Iterator[str]:
    same = [pair for pair in pairs if pair.differences and not any(pair.differences)]
    if not pairs:
        yield "No arm is in both runs: there is nothing to compare."
    elif len(same) == len(pairs):
        yield f"All {plural(len(pairs), 'arm')} came out exactly the same in both."
    else:
        apart = [pair for pair in pairs if _is_apart(pair.points)]
        told = join_list([
            f"{truncate(pair.name, NAME_LENGTH)} ({spread_text(pair.points)})" for pair in apart[:6]
        ])  # fmt: skip
        yield (
            f"Of {plural(len(pairs), 'arm')}, {len(apart)} differ by more than their 95 % "
            f"interval{': ' + told if apart else ''}. One in twenty would by chance."
        )
    for results, other, name in ((one, two, names[0]), (two, one, names[1])):
        theirs = {each.arm.name for each in other.arms}
        lone = [each.arm.name for each in results.arms if each.arm.name not in theirs]
        if lone:
            shown = [truncate(each, NAME_LENGTH) for each in lone[:6]]
            shown += [f"{len(lone) - 6} more"] if len(lone) > 6 else []
            yield f"Only {name} has {join_list(shown)}."
        if not results.finished:
            yield f"{name} is unfinished: its figures may still change."


def _is_apart(spread: MeanInterval) -> bool:
    if spread.ci_low is None or spread.ci_high is None:
        return False
    return not spread.ci_low <= 0 <= spread.ci_high


def _arms(pairs: list[_Pair], names: tuple[str, str], is_paired: bool) -> TextTable:
    pairing = "paired over replicates" if is_paired else "Welch"
    return TextTable(
        title="Test accuracy in both",
        heads=("arm", f"{names[0]} %", f"{names[1]} %", "difference, points", "replicates"),
        rows=tuple(
            (truncate(pair.name, NAME_LENGTH),
             FormattedNumber.accuracy(pair.one.test_accuracy).text,
             FormattedNumber.accuracy(pair.two.test_accuracy).text,
             spread_text(pair.points), f"{pair.one.n} and {pair.two.n}")
            for pair in pairs
        ),
        note=f"± and brackets: 95 % t intervals; the difference is {pairing}, without correction "
        "for the number of arms and without a verdict.",
    )  # fmt: skip


def _asked(one: Results, two: Results, names: tuple[str, str]) -> TextTable:
    ours, theirs = _facts(one), _facts(two)
    keys = [key for key in dict.fromkeys((*ours, *theirs)) if ours.get(key) != theirs.get(key)]
    rows = tuple(
        (printable(key), _value(ours.get(key, "")), _value(theirs.get(key, "")))
        for key in keys[:MOST_DIFFERENCES]
    )
    note = "Every other key of the study, the dataset and the versions are the same."
    if len(keys) > MOST_DIFFERENCES:
        note = f"The first {MOST_DIFFERENCES} of {len(keys):,} differences."
    if not keys:
        note = "Study, dataset, versions and machine are the same."
    return TextTable("What differs between them", ("what", *names), rows, note)


def _value(value: str) -> str:
    return truncate(value, VALUE_LENGTH)


def _facts(results: Results) -> dict[str, str]:
    facts = dict(_leaves("", results.study.model_dump(mode="json", by_alias=True)))
    facts["dataset contents"] = results.fingerprint[:16]
    facts |= {f"version of {name}": version for name, version in results.versions.items()}
    facts["machine"] = results.machine
    facts["wall time"] = f"{number(results.seconds, 0)} s"
    return facts


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), each)
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for place, each in enumerate(value):
            yield from _leaves(f"{path}[{place}]", each)
    elif value is not None:
        yield path, str(value)


def _plot(pairs: list[_Pair], delta: float, other: str, is_paired: bool) -> Plot | None:
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
    """Two runs as a page that needs nothing beside it; arguments as for `comparison_of`."""
    compared = comparison_of(one, two, names)
    figure = None if compared.plot is None else drawn(compared.plot)
    return rendered("compare.html", {"compared": compared, "figure": figure})


def comparison_as_markdown(one: Results, two: Results, names: tuple[str, str]) -> str:
    """Two runs for a pull request; arguments as for `comparison_of`."""
    compared = comparison_of(one, two, names)
    lines = [f"### {markdown_text(compared.title)}", "", markdown_text(compared.subtitle), ""]
    lines += [f"- {markdown_text(each)}" for each in compared.sentences]
    lines += [""]
    for table in (compared.arms, compared.asked):
        lines += markdown_side_table(table) if table.rows else []
    return "\n".join(lines) + "\n"
