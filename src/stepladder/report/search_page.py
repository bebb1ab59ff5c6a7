"""What a search has found as one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepladder.report.html import Drawn, commands_of, drawn, rendered, study_text
from stepladder.report.plots.searched import search_figures
from stepladder.report.search_words import (
    CANDIDATE_HEADS,
    LEADING,
    NOTES,
    candidate_rows,
    expected_text,
    flat_text,
    knob_rows,
    luck_text,
    params_text,
    subtitle,
)
from stepladder.report.shown import Shown
from stepladder.report.side_table import SideTable
from stepladder.report.wording import counted, duration, visible
from stepladder.searcher.found import Found

__all__ = ["as_html"]


def as_html(found: Found, figures: Sequence[Drawn] | None = None) -> str:
    """The page: the best and how sure that is, the candidates, the figures, how to repeat it.

    Args:
        found: what to report.
        figures: its figures where they are drawn already.
    """
    if figures is None:
        figures = [drawn(plot) for plot in search_figures(found)]
    return rendered("search.html", _context(found, figures))


def _context(found: Found, figures: Sequence[Drawn]) -> dict[str, Any]:
    sections = [
        ("answer", "The answer"),
        *([("figures", "Figures")] if figures else []),
        ("unknown", "What is not known"),
        ("again", "Run it again"),
    ]
    return {
        "title": visible(found.study.name),
        "subtitle": subtitle(found),
        "sections": sections,
        "answer": _answer(found),
        "looked_again": _looked_again(found),
        "leading": _leading(found),
        "knobs": _knobs(found),
        "figures": figures,
        "unknown": _unknown(found),
        "commands": commands_of(found.study, found.versions, "search"),
        "facts": _facts(found),
        "toml": study_text(found.study),
    }


def _answer(found: Found) -> list[str]:
    fresh, seen = Shown.accuracy(found.fresh), luck_text(found)
    lines = [
        f"The best of {counted(len(found.candidates), 'candidate')} is candidate "
        f"{found.winner.number}: {params_text(found.winner.params)}.",
        f"It reads {fresh.text} % of the validation images right, on "
        f"{counted(len(found.fresh.values), 'fresh replicate')} that the search never saw, with "
        f"{found.parameters:,} weights.",
        f"{seen[0].upper()}{seen[1:]}.",
        flat_text(found),
        expected_text(found),
    ]
    if found.test is not None:
        lines.insert(
            2, f"On the test images the same replicates reach {Shown.accuracy(found.test).text} %."
        )
    return lines


def _looked_again(found: Found) -> str:
    if found.test is None or found.looks < 2:
        return ""
    return (
        f"{counted(found.looks, 'look')} at this test set so far: a figure that was looked at more "
        "than once is no longer a test."
    )


def _leading(found: Found) -> SideTable:
    rows = tuple(candidate_rows(found, LEADING))
    note = f"The leading of {counted(len(found.candidates), 'candidate')}. {NOTES[0]}"
    return SideTable("Leading candidates", CANDIDATE_HEADS, rows, note)


def _knobs(found: Found) -> SideTable:
    heads = ("Hyperparameter", "Importance", "p", "Drawn for", "Best",
             f"Within {found.study.delta:g} points")  # fmt: skip
    return SideTable("Hyperparameters", heads, tuple(knob_rows(found)), NOTES[1])


def _unknown(found: Found) -> list[str]:
    looked = (
        "The test set was not read: what the best one is worth on it is said by --final, once."
        if found.test is None
        else "The test accuracy speaks for these test images, retrained, not for new ones."
    )
    lines = [f"{line[0].upper()}{line[1:]}." for line in found.warnings]
    return [
        *lines,
        "The validation images of the fresh replicates took part in choosing: their accuracy may "
        "be a little too high for images that nobody has seen.",
        looked,
        "Other spaces, other data and longer trainings were not tried.",
    ]


def _facts(found: Found) -> list[tuple[str, str]]:
    return [
        ("Machine", visible(found.machine)),
        ("Wall time", duration(found.seconds)),
        ("Training time", duration(found.training_seconds)),
        ("Epochs trained", f"{found.epochs:,}"),
        ("Seed", str(found.study.seed)),
        ("Looks at the test set", str(found.looks)),
        ("Dataset", f"{visible(found.dataset)}, SHA-256 {found.fingerprint[:16]}…"),
        *((visible(name), visible(version)) for name, version in found.versions.items()),
    ]
