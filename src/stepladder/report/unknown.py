"""What a study does not know, as sentences under headings."""

from __future__ import annotations

from collections.abc import Sequence

from stepladder.report import footnotes
from stepladder.report.sentences import undecided
from stepladder.report.wording import counted, elided, joined, visible
from stepladder.runner.results import Results

__all__ = ["unknown"]

NAME_LENGTH = 60
NAMED = 6


def unknown(results: Results) -> tuple[tuple[str, str], ...]:
    """What is open, each as a heading and its sentences; only what applies to this study."""
    every = (
        ("Power", _power(results)),
        ("Confounds", _confounds(results)),
        ("Other base, other order", footnotes.ladder_note(results)),
        ("Learning rate", footnotes.rate_note(results) or _edges(results)),
        ("Looks at the test set", footnotes.looks_note(results)),
        ("Trainings that diverged", _diverged(results)),
        ("Test images", _mistakes(results)),
        ("Beyond this study", _beyond(results)),
        *(("Replicates", visible(each)) for each in results.warnings),
    )
    return tuple((title, text) for title, text in every if text)


def _power(results: Results) -> str:
    if results.readout is not None:
        judged = [(each.technique, each.effect) for each in results.readout.main]
    else:
        judged = [(each.arm.name, each.effect) for each in results.arms if each.effect is not None]
    if not judged:
        return "Nothing was compared, so nothing can be said of any difference."
    still = [(name, each) for name, each in judged if each.verdict == "not enough replicates"]
    if not still:
        return (
            f"{_all_settled(results)} In at most 5 % of studies any of equal arms is "
            "said to help or to hurt, and in at most 5 % a difference of δ or more to be none. An "
            "effect that was found is, on average, shown somewhat too large."
        )
    named = [
        elided(name, NAME_LENGTH)
        + (f" (about {each.replicates_needed:,} replicates)" if each.replicates_needed else "")
        for name, each in still
    ]
    return (
        f"{len(still)} of {counted(len(judged), 'comparison')} could not be decided: "
        f"{_some(named)}. That is no sign that they make no difference; the numbers say how many "
        "would settle them with 80 % chance if effect and spread are what they look like now."
    )


def _all_settled(results: Results) -> str:
    if results.readout is None:
        return "Every comparison came to a verdict."
    still = undecided(results)
    if not still:
        return "Every main effect and every comparison of two arms came to a verdict."
    return f"Every main effect came to a verdict; {still}."


def _some(names: Sequence[str]) -> str:
    """Names, of many the first ones and how many others."""
    if len(names) <= NAMED:
        return joined(names)
    return joined([*names[: NAMED - 1], f"{len(names) - NAMED + 1} others"])


def _confounds(results: Results) -> str:
    found = results.confounds
    if not found:
        return (
            "None was found: compared arms differ in their technique alone, as far as the recipe, "
            "the number of weights and the number of optimizer steps tell."
        )
    return (
        f"{counted(len(found), 'difference')} between compared arms besides the technique, listed "
        "below: an effect may be due to any of them."
    )


def _edges(results: Results) -> str:
    tuned = results.tuned
    edged = [each for each in tuned.arms if each.at_edge] if tuned else []
    if not edged:
        return ""
    names = _some([elided(each.arm, NAME_LENGTH) for each in edged])
    return (
        f"The best value tried lies at the edge of the grid for {names}: a better may lie beyond."
    )


def _diverged(results: Results) -> str:
    lost = [each for each in results.arms if each.diverged]
    if not lost:
        return ""
    count = sum(each.diverged for each in lost)
    names = _some([elided(each.arm.name, NAME_LENGTH) for each in lost])
    return (
        f"{counted(count, 'replicate')} became non-finite, of {names}. Effects are worked out on "
        "the rest, which flatters an arm that sometimes fails."
    )


def _mistakes(results: Results) -> str:
    curves = [curve for each in results.arms for curve in each.curves]
    if results.mistakes is not None or not any(curve.epochs for curve in curves):
        return ""  # known, not there yet, or not asked for
    return (
        "Which images are misread is not shown: the dataset is not where the study found it, or "
        "no arm has learnt to give more than one answer."
    )


def _beyond(results: Results) -> str:
    if len(results.arms) < 2:
        return "Other data, other sizes of network and longer trainings were not tried."
    return (
        "Other data, other sizes of network and longer trainings were not tried. Only accuracy on "
        "the test part has verdicts; other measures describe."
    )
