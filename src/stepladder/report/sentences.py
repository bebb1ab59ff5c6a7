"""What the report says in words: made from verdicts and numbers, never from hopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from stepladder.analysis.judged import Effect, Verdict
from stepladder.analysis.readout import Readout
from stepladder.report.wording import counted, elided, signed, visible
from stepladder.runner.results import Results

__all__ = [
    "Headline", "Judged", "Part", "combinations_of", "comparison", "headlines", "headlines_of",
    "parts_of", "points", "status", "subtitle", "undecided",
]  # fmt: skip

Judged = tuple[str, Effect]
"""A name and what is known of it."""

NAMES_SHOWN = 6
NAME_LENGTH = 60


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; a name is set apart from the words around it."""

    text: str
    is_name: bool = False


@dataclass(frozen=True)
class Headline:
    """One sentence on all arms of one verdict.

    Attributes:
        kind: the verdict, or "unknown" for a sentence on what cannot be said yet.
        parts: the sentence in pieces.
    """

    kind: Verdict | Literal["unknown"]
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The sentence."""
        return "".join(part.text for part in self.parts)


def headlines(results: Results) -> tuple[Headline, ...]:
    """One sentence a verdict that occurs; "improves" is said of `helps` alone.

    A factorial's sentences are on its techniques, any other design's on its arms.
    """
    if results.readout is not None:
        main = [(each.technique, each.effect) for each in results.readout.main]
        where = f" averaged over {combinations_of(results.readout)}"
        return headlines_of(main, results.study.delta, where, of="techniques")
    judged = [(each.arm.name, each.effect) for each in results.arms if each.effect is not None]
    if not judged:
        return (Headline("unknown", (Part(_nothing_judged(results)),)),)
    return headlines_of(judged, results.study.delta)


def headlines_of(
    judged: Sequence[Judged],
    delta: float,
    where: str = "",
    measure: str = "test accuracy",
    of: str = "arms",
) -> tuple[Headline, ...]:
    """One sentence a verdict that occurs.

    Args:
        judged: names with their effects.
        delta: percentage points below which a difference does not matter.
        where: what to say behind the measure, such as " averaged over all combinations".
        measure: what improves.
        of: what the names are of.
    """
    made: list[Headline] = []
    for verdict in _ORDER:
        group = [(name, effect) for name, effect in judged if effect.verdict == verdict]
        if group:
            made.append(Headline(verdict, _sentence(verdict, group, delta, measure + where, of)))
    return tuple(made)


_ORDER: tuple[Verdict, ...] = (
    "helps",
    "hurts",
    "no difference beyond δ",
    "not enough replicates",
)


def _nothing_judged(results: Results) -> str:
    if any(result.arm.compared_with is not None for result in results.arms):
        return "No two arms can be compared yet: nothing is known of any technique."
    return "No arm is compared with another: this study says nothing of any technique."


def _sentence(
    verdict: Verdict, group: Sequence[Judged], delta: float, measure: str, of: str
) -> tuple[Part, ...]:
    one = len(group) == 1
    if verdict == "helps":
        return (
            *_named(group, of, sized=True),
            Part(f" improve{'s' if one else ''} {measure}."),
        )
    if verdict == "hurts":
        return (
            *_named(group, of, sized=True),
            Part(f" lower{'s' if one else ''} {measure}."),
        )
    if verdict == "no difference beyond δ":
        end = f" make{'s' if one else ''} no difference beyond {points(delta)} in {measure}."
        return (*_named(group, of, sized=True), Part(end))
    verb = "needs" if one else "need"
    return (
        *_named(group, of, needed=True),
        Part(f" {verb} more replicates before anything can be said."),
    )


def combinations_of(readout: Readout) -> str:
    """What a read-out is taken over: only where all were trained has it shares."""
    return "all combinations" if readout.shares else "a fraction of all combinations"


def undecided(results: Results) -> str:
    """How many comparisons of two arms are open, without a full stop; empty where none is."""
    effects = [arm.effect for arm in results.arms if arm.effect is not None]
    count = sum(effect.verdict == "not enough replicates" for effect in effects)
    if not count:
        return ""
    pairs = counted(len(effects), "comparison")
    return f"{count:,} of {pairs} of two arms need more replicates"


def points(delta: float) -> str:
    """A number of percentage points with its noun."""
    return f"{delta:g} point" + ("" if delta == 1 else "s")


def _named(
    group: Sequence[Judged], of: str, sized: bool = False, needed: bool = False
) -> list[Part]:
    parts: list[Part] = []
    shown = group if len(group) <= NAMES_SHOWN else group[: NAMES_SHOWN - 1]
    for index, (name, effect) in enumerate(shown):
        if index:
            is_last = index == len(group) - 1
            parts.append(Part(" and " if is_last else ", "))
        parts.append(Part(elided(name, NAME_LENGTH), is_name=True))
        if sized:
            parts.append(Part(f" ({signed(effect.mean)})"))
        if needed and effect.replicates_needed is not None:
            parts.append(Part(f" (about {effect.replicates_needed:,} in all)"))
    if len(shown) < len(group):
        parts.append(Part(f" and {len(group) - len(shown)} other {of}"))
    return parts


def subtitle(results: Results) -> str:
    """Dataset, sizes, design and replicates in a line."""
    sizes = ", ".join(parts_of(results))
    design = results.study.design.replace("_", " ")
    most = results.study.replicates
    replicates = (
        f"up to {most:,} replicates" if results.study.adaptive else counted(most, "replicate")
    )
    arms = counted(len(results.arms), "arm")
    return f"{visible(results.dataset)}: {sizes} · {design} of {arms} · {replicates}"


def parts_of(results: Results) -> list[str]:
    """The parts of the dataset with their sizes, in the order in which they are used."""
    known = sorted(results.sizes.items(), key=lambda part: _PARTS.find(part[0]))
    return [f"{count:,} {visible(part)}" for part, count in known]


_PARTS = "train validation test"


def status(results: Results) -> str:
    """What is missing of the study, or nothing when it is finished."""
    if results.finished:
        return ""
    if results.study.tuned is not None and results.tuned is None:
        return "Unfinished: the arms are being tuned, and none is compared before that is done."
    done = sum(result.n for result in results.arms)
    each = results.study.replicates
    planned = max(sum(result.planned or each for result in results.arms), done)
    return f"Unfinished: {done:,} of {counted(planned, 'trial')}. Every figure may still change."


def comparison(results: Results) -> str:
    """Which arm each effect is against, in words; empty where nothing is compared."""
    arms = [result.arm for result in results.arms]
    against = [arm.compared_with for arm in arms if arm.compared_with is not None]
    if not against:
        return ""
    if len(set(against)) == 1:
        return (
            f"Effect: percentage points of test accuracy against {elided(against[0], NAME_LENGTH)}."
        )
    above = [
        arm.compared_with == before.name
        for before, arm in pairwise(arms)
        if arm.compared_with is not None
    ]
    return f"{_EFFECT} the arm above{'' if all(above) else ', or the one named'}."


_EFFECT = "Effect: percentage points of test accuracy against"
