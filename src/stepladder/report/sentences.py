"""What the report says in words: made from verdicts and numbers, never from hopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from stepladder.analysis.judged import Effect, Verdict
from stepladder.report.wording import counted, duration, elided, joined, signed, visible
from stepladder.runner.results import Results

__all__ = [
    "Headline", "Judged", "Part", "adaptive_note", "comparison", "footnotes", "headlines",
    "headlines_of", "interval_note", "ladder_note", "looks_note", "points", "rate_note", "status",
    "subtitle", "tuning_note", "verdict_note",
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
        return headlines_of(main, results.study.delta, " averaged over all combinations")
    judged = [(each.arm.name, each.effect) for each in results.arms if each.effect is not None]
    if not judged:
        return (Headline("unknown", (Part(_nothing_judged(results)),)),)
    return headlines_of(judged, results.study.delta)


def headlines_of(
    judged: Sequence[Judged], delta: float, where: str = "", measure: str = "test accuracy"
) -> tuple[Headline, ...]:
    """One sentence a verdict that occurs.

    Args:
        judged: names with their effects.
        delta: percentage points below which a difference does not matter.
        where: what to say behind the measure, such as " averaged over all combinations".
        measure: what improves.
    """
    made: list[Headline] = []
    for verdict in _ORDER:
        group = [(name, effect) for name, effect in judged if effect.verdict == verdict]
        if group:
            made.append(Headline(verdict, _sentence(verdict, group, delta, measure + where)))
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
    verdict: Verdict, group: Sequence[Judged], delta: float, measure: str
) -> tuple[Part, ...]:
    one = len(group) == 1
    if verdict == "helps":
        return (
            *_named(group, sized=True),
            Part(f" improve{'s' if one else ''} {measure}."),
        )
    if verdict == "hurts":
        return (
            *_named(group, sized=True),
            Part(f" lower{'s' if one else ''} {measure}."),
        )
    if verdict == "no difference beyond δ":
        end = f" make{'s' if one else ''} no difference beyond {points(delta)} in {measure}."
        return (*_named(group, sized=True), Part(end))
    verb = "needs" if one else "need"
    return (
        *_named(group, needed=True),
        Part(f" {verb} more replicates before anything can be said."),
    )


def points(delta: float) -> str:
    """A number of percentage points with its noun."""
    return f"{delta:g} point" + ("" if delta == 1 else "s")


def _named(group: Sequence[Judged], sized: bool = False, needed: bool = False) -> list[Part]:
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
        parts.append(Part(f" and {len(group) - len(shown)} other arms"))
    return parts


def subtitle(results: Results) -> str:
    """Dataset, sizes, design and replicates in a line."""
    sizes = ", ".join(f"{count:,} {visible(part)}" for part, count in results.sizes.items())
    design = results.study.design.replace("_", " ")
    most = results.study.replicates
    replicates = f"up to {most:,} replicates" if results.adapted else counted(most, "replicate")
    arms = counted(len(results.arms), "arm")
    return f"{visible(results.dataset)}: {sizes} · {design} of {arms} · {replicates}"


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


def footnotes(results: Results) -> tuple[str, ...]:
    """What the intervals speak for, how verdicts are reached, what the design leaves open."""
    return tuple(
        note
        for note in (
            interval_note(results),
            verdict_note(results),
            ladder_note(results),
            rate_note(results),
            tuning_note(results),
            adaptive_note(results),
            looks_note(results),
        )
        if note
    )


def interval_note(results: Results) -> str:
    """Which images and trainings an interval speaks for."""
    counts = sorted({result.n - result.diverged for result in results.arms})
    if not counts or counts[-1] == 0:
        return "No replicate has finished: there are no figures yet."
    if counts[-1] == 1:
        return (
            "One replicate an arm: no interval can be given, and nothing says how sure a figure is."
        )
    several = [count for count in counts if count > 1]
    span = f"{several[0]:,}" if len(several) == 1 else f"{several[0]:,} to {several[-1]:,}"
    images = f"these {results.sizes['test']:,}" if "test" in results.sizes else "these"
    said = (
        f"± is the 95 % t interval of the mean over {span} replicates: {images} test images, "
        "retrained. It does not speak for new test images"
    )
    if any(result.effect and result.effect.new_images for result in results.arms):
        return f"{said}; an effect's interval for new test images too is under new images."
    return f"{said}."


def verdict_note(results: Results) -> str:
    """How verdicts are reached; empty where there is none."""
    compared = sum(result.effect is not None for result in results.arms)
    if not compared:
        return ""
    family = f", corrected for {compared} comparisons (Holm)" if compared > 1 else ""
    return (
        f"Verdicts: paired t test over replicates at 5 %{family}; no difference means within "
        f"{points(results.study.delta)} by two one-sided tests."
    )


def ladder_note(results: Results) -> str:
    """What a ladder leaves open; empty for another design."""
    if results.study.design != "ladder" or len(results.arms) < 3:
        return ""
    return "A rung stands on the rungs below it: on another base its effect may differ."


def rate_note(results: Results) -> str:
    """What one learning rate for all leaves open; empty where each has its own."""
    rates = {result.arm.recipe.learning_rate for result in results.arms}
    if len(rates) != 1 or len(results.arms) < 2 or results.tuned is not None:
        return ""
    return (
        f"Every arm kept one learning rate, {rates.pop():g}: an arm may be worth more at a rate "
        "of its own."
    )


def tuning_note(results: Results) -> str:
    """How a fair study was tuned; empty for a fixed one."""
    tuned = results.tuned
    if tuned is None:
        return ""
    wider = f", widened {tuned.widenings}×" if tuned.widenings else ""
    candidates = counted(len(tuned.arms[0].tried), "candidate") if tuned.arms else "no candidate"
    return (
        f"Fair: each arm has its own {joined(tuned.fields)}, the best of {candidates}{wider} on "
        f"validation accuracy, the same for every arm, on {counted(tuned.replicates, 'replicate')} "
        "that the comparison does not use."
    )


def adaptive_note(results: Results) -> str:
    """How replicates were added; empty where their number is fixed."""
    adapted = results.adapted
    if adapted is None:
        return ""
    saved = adapted.at_most - adapted.trials
    looks = joined([str(each) for each in adapted.looks])
    said = (
        f"Replicates were added while a verdict was open, at {adapted.taken} of the looks planned "
        f"at {looks}, the error rate split among them"
    )
    if saved > 0:
        said += (
            f": {adapted.trials:,} trials instead of {adapted.at_most:,}, which saved about "
            f"{duration(adapted.seconds_saved)} of training"
        )
    return f"{said}. Intervals are not corrected for stopping."


def looks_note(results: Results) -> str:
    """How often test figures were read."""
    if results.looks <= 1:
        return "First look at this test set."
    return (
        f"{results.looks:,} looks at this test set so far: the more looks, the more a choice made "
        "on them is fitted to it."
    )
