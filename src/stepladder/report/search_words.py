"""What a search has found, in words that every form of it shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from stepladder.report.wording import MISSING, counted, duration, number, visible
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.found import Found
from stepladder.searching import Search
from stepladder.space import Choice

__all__ = [
    "CANDIDATE_HEADS",
    "LEADING",
    "NOTES",
    "candidate_row",
    "candidate_rows",
    "expected_text",
    "flat_text",
    "knob_rows",
    "luck_text",
    "mean_of",
    "params_text",
    "ranked",
    "sampling_text",
    "span_text",
    "subtitle",
    "value_text",
]

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


def subtitle(found: Found) -> str:
    """Data, candidates, sampler and time in a line."""
    search = found.study.search
    assert search is not None
    return (
        f"{visible(found.dataset)} · {counted(len(found.candidates), 'candidate')}, "
        f"{found.whole} trained to the end · {sampling_text(search)} · {found.epochs:,} epochs · "
        f"{duration(found.training_seconds)} of training, {duration(found.seconds)} in all"
    )


def sampling_text(search: Search) -> str:
    """What proposes candidates, and what drops them."""
    return search.sampler if search.pruning == "none" else f"{search.sampler}, {search.pruning}"


def luck_text(found: Found) -> str:
    """What the search saw, and how much of it was luck."""
    seen = f"the search saw {number(100 * found.searched)} %"
    if math.isnan(found.luck.luck):
        return f"{seen}; how much of it was luck cannot be told from one replicate"
    points = number(100 * found.luck.luck)
    said = f"{seen}, of which {points} points are the luck of having been chosen (nested bootstrap)"
    if math.isnan(found.luck.noise):
        return said
    return f"{said}; one replicate scatters by {number(100 * found.luck.noise)} points"


def ranked(found: Found) -> list[Candidate]:
    """Candidates, the leading first: finalists, then those that got furthest."""
    rest = [each for each in found.candidates if each not in found.finalists]
    finite = [each for each in rest if math.isfinite(each.accuracy)]
    return [
        *found.finalists,
        *sorted(finite, key=lambda each: (each.epochs_left, -each.accuracy, each.number)),
    ]


def mean_of(found: Found, candidate: Candidate) -> float:
    """Mean validation accuracy by which the search chose; NaN where the first one diverged."""
    return candidate.mean(found.chance) if math.isfinite(candidate.accuracy) else math.nan


def candidate_rows(found: Found, most: int) -> list[tuple[str, ...]]:
    """The leading candidates: number, accuracy, replicates, epochs, and what was drawn."""
    return [candidate_row(each, found.chance) for each in ranked(found)[:most]]


def candidate_row(candidate: Candidate, chance: float) -> tuple[str, ...]:
    """A candidate that did not diverge, under `CANDIDATE_HEADS`."""
    return (
        str(candidate.number), number(100 * candidate.mean(chance)),
        str(len(candidate.replicates)), str(candidate.epochs), params_text(candidate.params),
    )  # fmt: skip


def knob_rows(found: Found) -> list[tuple[str, ...]]:
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


def flat_text(found: Found) -> str:
    """How many settings are about as good as the best."""
    text = (
        f"Flat top: {len(found.top)} of {counted(found.whole, 'whole candidate')} are within "
        f"{found.study.delta:g} points of the best as they were found"
    )
    if math.isfinite(found.luck.noise):
        text += f"; of {found.not_excluded} it cannot be ruled out"
    return f"{text}."


def expected_text(found: Found) -> str:
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
    return visible(str(value))
