"""A search in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepladder.hpo.candidates import Candidate
from stepladder.hpo.results import SearchResult
from stepladder.report.tables import FormattedNumber
from stepladder.report.terminal import console_on, plain_text
from stepladder.report.wording import MISSING, duration, number, plural, printable
from stepladder.study.search import Search
from stepladder.study.search_space import Choice

CANDIDATE_HEADS = ("Candidate", "Validation %", "Replicates", "Epochs", "Drawn")
LEADING = 12
"""Candidates that a page shows."""

_STEPS = (1, 4, 16, 64, 256, 1024, 4096)

NOTES = (
    "Validation figures alone decide: the search never reads the test set. Intervals are 95 % t "
    "intervals over fresh replicates.",
    "Importance: share of the variance of the candidates' ranks that a hyperparameter explains "
    "alone (Kruskal-Wallis); what two do together only, it does not see.",
)


def subtitle(found: SearchResult) -> str:
    """Data, candidates, sampler and time in a line."""
    search = found.study.search
    assert search is not None
    return (
        f"{printable(found.dataset)} · {plural(len(found.candidates), 'candidate')}, "
        f"{found.whole} trained to the end · {sampling_text(search)} · {found.epochs:,} epochs · "
        f"{duration(found.training_seconds)} of training, {duration(found.seconds)} in all"
    )


def sampling_text(search: Search) -> str:
    """What proposes candidates, and what drops them."""
    return search.sampler if search.pruning == "none" else f"{search.sampler}, {search.pruning}"


def luck_text(found: SearchResult) -> str:
    """What the search saw, and how much of it was luck."""
    seen = f"the search saw {number(100 * found.searched)} %"
    if math.isnan(found.luck.luck):
        return f"{seen}; how much of it was luck cannot be told from one replicate"
    points = number(100 * found.luck.luck)
    said = f"{seen}, of which {points} points are the luck of having been chosen (nested bootstrap)"
    if math.isnan(found.luck.noise):
        return said
    return f"{said}; one replicate scatters by {number(100 * found.luck.noise)} points"


def ranked(found: SearchResult) -> list[Candidate]:
    """Candidates, the leading first: finalists, then those that got furthest."""
    rest = [each for each in found.candidates if each not in found.finalists]
    finite = [each for each in rest if math.isfinite(each.accuracy)]
    return [
        *found.finalists,
        *sorted(finite, key=lambda each: (each.epochs_left, -each.accuracy, each.number)),
    ]


def mean_of(found: SearchResult, candidate: Candidate) -> float:
    """Mean validation accuracy by which the search chose; NaN where the first one diverged."""
    return candidate.mean(found.chance) if math.isfinite(candidate.accuracy) else math.nan


def candidate_rows(found: SearchResult, most: int) -> list[tuple[str, ...]]:
    """The leading candidates: number, accuracy, replicates, epochs, and what was drawn."""
    return [candidate_row(each, found.chance) for each in ranked(found)[:most]]


def candidate_row(candidate: Candidate, chance: float) -> tuple[str, ...]:
    """A candidate that did not diverge, under `CANDIDATE_HEADS`."""
    return (
        str(candidate.number), number(100 * candidate.mean(chance)),
        str(len(candidate.replicates)), str(candidate.epochs), params_text(candidate.params),
    )  # fmt: skip


def knob_rows(found: SearchResult) -> list[tuple[str, ...]]:
    """Each hyperparameter: name, importance, p, candidates, best value, and the flat top's."""
    rows: list[tuple[str, ...]] = []
    for each in found.knobs:
        told = each.importance
        has_share = math.isfinite(told.share)
        rows.append((
            each.name, f"{100 * told.share:.0f} %" if has_share else MISSING,
            f"{told.p:.2g}" if has_share else MISSING, str(told.candidates),
            value_text(each.best) + (f" ({each.edge} edge)" if each.edge else ""),
            span_text(each.values),
        ))  # fmt: skip
    return rows


def params_text(params: Mapping[str, Choice]) -> str:
    """What was drawn for a candidate."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in params.items())


def span_text(values: Sequence[Choice]) -> str:
    """The ends of a range, or choices."""
    if len(values) == 2 and all(isinstance(each, float) for each in values):
        return f"{value_text(values[0])} … {value_text(values[1])}"
    return ", ".join(map(value_text, values)) or MISSING


def flat_text(found: SearchResult) -> str:
    """How many settings are about as good as the best."""
    text = (
        f"Flat top: {len(found.top)} of {plural(found.whole, 'whole candidate')} are within "
        f"{found.study.delta:g} points of the best as they were found"
    )
    if math.isfinite(found.luck.noise):
        text += f"; of {found.not_excluded} it cannot be ruled out"
    return f"{text}."


def expected_text(found: SearchResult) -> str:
    """What the best of so many candidates is expected to be."""
    curve = found.expected
    wanted = [step for step in _STEPS if step < len(found.candidates)] + [len(found.candidates)]
    told = []
    for step in wanted:
        place = min(range(len(curve.trials)), key=lambda at: abs(int(curve.trials[at]) - step))
        trials = int(curve.trials[place])
        told.append(
            f"{trials} → {number(100 * float(curve.mean[place]))} % "
            f"({duration(trials * found.seconds_each)})"
        )
    return f"Expected best by candidates (and time of training): {', '.join(told)}."


def value_text(value: Choice) -> str:
    """A drawn value."""
    if isinstance(value, bool) or value is None:
        return MISSING if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(str(value))


_SHOWN = 5


def show(found: SearchResult, stream: TextIO | None = None) -> None:
    """Prints a search.

    Args:
        found: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console_on(stream).print(search_table(found))


def as_text(found: SearchResult, width: int = 100) -> str:
    """A search as plain text without colours, at most `width` columns wide."""
    return plain_text(search_table(found), width)


def search_table(found: SearchResult) -> RenderableType:
    """A search as text and tables; names in it are text, never markup."""
    parts: list[RenderableType] = [
        Text(f"{printable(found.study.name)}: search", style="bold"),
        Text(subtitle(found), style="dim"),
        Text(),
        *_best(found),
        Text(),
        _candidates(found),
        Text(),
        _knobs(found),
        Text(),
        Text(flat_text(found)),
        Text(expected_text(found)),
    ]
    if found.warnings:
        parts += [Text(), *(Text(f"! {line}", style="yellow") for line in found.warnings)]
    parts += [Text(), *(Text(line, style="dim") for line in NOTES)]
    return Group(*parts)


def _best(found: SearchResult) -> list[RenderableType]:
    fresh = found.fresh
    validation = FormattedNumber.accuracy(fresh)
    params = params_text(found.winner.params)
    lines: list[RenderableType] = [
        Text.assemble("Best: ", (f"candidate {found.winner.number}", "bold"), f", {params}"),
        Text.assemble(
            "validation ", (f"{validation.text} %", "bold"),
            f" on {plural(len(fresh.values), 'fresh replicate')}; {found.parameters:,} weights",
        ),
        Text(luck_text(found)),
    ]  # fmt: skip
    if found.test is not None:
        test = found.test
        lines.append(
            Text.assemble(
                "test ",
                (f"{FormattedNumber.accuracy(test).text} %", "bold"),
                " on the same replicates",
            )
        )
    looks = f"{plural(found.looks, 'look')} at this test set so far"
    again = found.test is not None and found.looks > 1
    if again:
        looks += ": a figure that was looked at more than once is no longer a test"
    lines.append(Text(looks, style="bold red" if again else "dim"))
    return lines


def _candidates(found: SearchResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Leading candidates", title_justify="left")
    for head in ("candidate", "validation %", "replicates", "epochs"):
        table.add_column(head, justify="right")
    table.add_column("drawn")
    for *figures, drawn in candidate_rows(found, _SHOWN):
        table.add_row(*figures, Text(drawn))
    return table


def _knobs(found: SearchResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Hyperparameters", title_justify="left")
    table.add_column("name")
    for head in ("importance", "p", "drawn for", "best"):
        table.add_column(head, justify="right")
    table.add_column(f"within {found.study.delta:g} points of the best")
    for each, (name, *figures, best, span) in zip(found.knobs, knob_rows(found), strict=True):
        style = "yellow" if each.edge else ""
        table.add_row(Text(name), *figures, Text(best, style=style), Text(span))
    return table
