"""What a search has found, in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepladder.analysis.judged import Estimate
from stepladder.report.shown import Shown
from stepladder.report.table import FILE_WIDTH
from stepladder.report.wording import counted, duration, number, visible
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.found import Found, Knob
from stepladder.space import Choice

__all__ = ["as_text", "search_table", "show"]

_SHOWN = 5
_STEPS = (1, 4, 16, 64, 256, 1024, 4096)


def show(found: Found, stream: TextIO | None = None) -> None:
    """Prints a search.

    Args:
        found: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console = Console(file=stream)
    if not console.is_terminal:
        console = Console(file=stream, width=FILE_WIDTH, color_system=None)
    console.print(search_table(found))


def as_text(found: Found, width: int = 100) -> str:
    """A search as plain text without colours, at most `width` columns wide."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(search_table(found))
    return captured.get()


def search_table(found: Found) -> RenderableType:
    """A search as text and tables; names in it are text, never markup."""
    parts: list[RenderableType] = [
        Text(f"{visible(found.study.name)}: search", style="bold"),
        Text(_subtitle(found), style="dim"),
        Text(),
        *_best(found),
        Text(),
        _candidates(found),
        Text(),
        _knobs(found.knobs, found),
        Text(),
        Text(_flat(found)),
        Text(_expected(found)),
    ]
    if found.warnings:
        parts += [Text(), *(Text(f"! {line}", style="yellow") for line in found.warnings)]
    parts += [Text(), *(Text(line, style="dim") for line in _NOTES)]
    return Group(*parts)


_NOTES = (
    "Validation figures alone decide: the search never reads the test set. Intervals are 95 % t "
    "intervals over fresh replicates.",
    "Importance: share of the variance of the candidates' ranks that a hyperparameter explains "
    "alone (Kruskal-Wallis); what two do together only, it does not see.",
)


def _subtitle(found: Found) -> str:
    search = found.study.search
    assert search is not None
    pruning = "" if search.pruning == "none" else f", {search.pruning}"
    return (
        f"{visible(found.dataset)} · {counted(len(found.candidates), 'candidate')}, "
        f"{found.whole} trained to the end · {search.sampler}{pruning} · {found.epochs:,} epochs · "
        f"{duration(found.training_seconds)} of training, {duration(found.seconds)} in all"
    )


def _best(found: Found) -> list[RenderableType]:
    fresh = found.fresh
    shown = _shown(fresh)
    params = ", ".join(f"{name} {_value(value)}" for name, value in found.winner.params.items())
    lines: list[RenderableType] = [
        Text.assemble("Best: ", (f"candidate {found.winner.number}", "bold"), f", {params}"),
        Text.assemble(
            "validation ", (f"{shown.text} %", "bold"),
            f" on {counted(len(fresh.values), 'fresh replicate')}; {found.parameters:,} weights",
        ),
        Text(_luck(found)),
    ]  # fmt: skip
    if found.test is not None:
        test = found.test
        lines.append(
            Text.assemble("test ", (f"{_shown(test).text} %", "bold"), " on the same replicates")
        )
    looks = f"{counted(found.looks, 'look')} at this test set so far"
    again = found.test is not None and found.looks > 1
    if again:
        looks += ": a figure that was looked at more than once is no longer a test"
    lines.append(Text(looks, style="bold red" if again else "dim"))
    return lines


def _luck(found: Found) -> str:
    seen = f"the search saw {number(100 * found.searched)} %"
    if math.isnan(found.luck.luck):
        return f"{seen}; how much of it was luck cannot be told from one replicate"
    points = number(100 * found.luck.luck)
    return (
        f"{seen}, of which {points} points are the luck of having been chosen (nested bootstrap); "
        f"one replicate scatters by {number(100 * found.luck.noise)} points"
    )


def _candidates(found: Found) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Leading candidates", title_justify="left")
    for head in ("candidate", "validation %", "replicates", "epochs"):
        table.add_column(head, justify="right")
    table.add_column("drawn")
    ranked = [*found.finalists, *_others(found)][:_SHOWN]
    for each in ranked:
        values = [value for value in each.replicates if math.isfinite(value)]
        mean = math.fsum(values) / len(values) if values else math.nan
        table.add_row(
            str(each.number), number(100 * mean), str(len(each.replicates)), str(each.epochs),
            Text(", ".join(f"{name} {_value(value)}" for name, value in each.params.items())),
        )  # fmt: skip
    return table


def _others(found: Found) -> Sequence[Candidate]:
    rest = [each for each in found.candidates if each not in found.finalists]
    finite = [each for each in rest if math.isfinite(each.accuracy)]
    return sorted(finite, key=lambda each: (-each.epochs, -each.accuracy, each.number))


def _knobs(knobs: Sequence[Knob], found: Found) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Hyperparameters", title_justify="left")
    table.add_column("name")
    for head in ("importance", "p", "drawn for", "best"):
        table.add_column(head, justify="right")
    table.add_column(f"within {found.study.delta:g} points of the best")
    for each in knobs:
        has_share = math.isfinite(each.importance.share)
        edge = f" ({each.edge} edge)" if each.edge else ""
        table.add_row(
            Text(each.name),
            f"{100 * each.importance.share:.0f} %" if has_share else "–",
            f"{each.importance.p:.2g}" if has_share else "–",
            str(each.importance.candidates),
            Text(_value(each.best) + edge, style="yellow" if edge else ""),
            Text(_span(each.values)),
        )
    return table


def _span(values: Sequence[Choice]) -> str:
    if len(values) == 2 and all(isinstance(each, float) for each in values):
        return f"{_value(values[0])} … {_value(values[1])}"
    return ", ".join(map(_value, values)) or "–"


def _flat(found: Found) -> str:
    text = (
        f"Flat top: {found.within} of {counted(found.whole, 'whole candidate')} are within "
        f"{found.study.delta:g} points of the best as they were found"
    )
    if math.isfinite(found.luck.noise):
        text += f"; of {found.not_excluded} it cannot be ruled out"
    return f"{text}."


def _expected(found: Found) -> str:
    curve = found.expected
    wanted = [step for step in _STEPS if step < len(found.candidates)] + [len(found.candidates)]
    shown = []
    for step in wanted:
        place = min(range(len(curve.trials)), key=lambda at: abs(int(curve.trials[at]) - step))
        trials = int(curve.trials[place])
        shown.append(
            f"{trials} → {number(100 * float(curve.mean[place]))} % "
            f"({duration(trials * found.seconds_each)})"
        )
    return f"Expected best by candidates (and time of training): {', '.join(shown)}."


def _value(value: Choice) -> str:
    if isinstance(value, bool) or value is None:
        return "–" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return visible(str(value))


def _shown(estimate: Estimate) -> Shown:
    low, high = (None if end is None else 100 * end for end in (estimate.ci_low, estimate.ci_high))
    return Shown(100 * estimate.mean, low, high)
