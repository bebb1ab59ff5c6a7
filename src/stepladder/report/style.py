"""Colours, lines and type of the figures: legible in grey and to colour-blind readers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = ["DARK", "LIGHT", "LINES", "MARKERS", "MARKS", "Theme", "in_the_dark", "settings"]


@dataclass(frozen=True)
class Theme:
    """The colours of one kind of page.

    Attributes:
        paper: behind everything.
        ink: text and axes' names.
        muted: ticks, remarks and lines that stand back.
        grid: grid lines and the strip in which a difference does not matter.
        train: training accuracy.
        validation: validation accuracy.
        arms: one colour after another for arms on one axis.
        verdicts: colours by verdict.
        images: matplotlib's name for the colours of a grey image: ink on this paper.
        heat: matplotlib's name for the colours of a heat map, rising in lightness.

    Reference:
        Okabe, Ito 2008, Color Universal Design; black and yellow give way to colours with
        enough contrast on the paper.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    train: str
    validation: str
    arms: tuple[str, ...]
    verdicts: dict[str, str]
    images: str
    heat: str


LIGHT = Theme(
    paper="#ffffff",
    ink="#1c2128",
    muted="#656d78",
    grid="#e4e7eb",
    train="#d55e00",
    validation="#0072b2",
    arms=("#0072b2", "#d55e00", "#009e73", "#b0529a", "#3a3f47", "#2b9bd8", "#b87a00"),
    verdicts={
        "helps": "#00795a",
        "hurts": "#c04a00",
        "no difference beyond δ": "#3a3f47",
        "not enough replicates": "#656d78",
    },
    images="gray_r",
    heat="cividis",
)
DARK = Theme(
    paper="#171b21",
    ink="#e8ebef",
    muted="#9aa3af",
    grid="#2c333d",
    train="#f08a3c",
    validation="#56b4e9",
    arms=("#56b4e9", "#f08a3c", "#2cc79b", "#de8ec2", "#e8ebef", "#4f8fe0", "#e6b23c"),
    verdicts={
        "helps": "#2cc79b",
        "hurts": "#f08a3c",
        "no difference beyond δ": "#e8ebef",
        "not enough replicates": "#9aa3af",
    },
    images="gray",
    heat="cividis",
)

LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
"""Line styles; with seven colours they give 28 combinations before one comes again."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

MARKS = {"helps": "▲", "hurts": "▼", "no difference beyond δ": "≈", "not enough replicates": "?"}
"""A sign for each verdict, so that none is told by its colour alone."""


def in_the_dark() -> dict[str, str]:
    """The colour on dark paper of each colour on light paper; one alone for each."""
    turned: dict[str, str] = {}
    for field in fields(Theme):
        light, dark = getattr(LIGHT, field.name), getattr(DARK, field.name)
        if isinstance(light, dict):
            turned |= zip(light.values(), (dark[name] for name in light), strict=True)
        else:
            turned |= [(light, dark)] if isinstance(light, str) else zip(light, dark, strict=True)
    return turned


def settings(theme: Theme) -> dict[Any, Any]:
    """What matplotlib is told for one figure; nothing of it outlives the figure."""
    return {
        "font.family": ["DejaVu Sans"],  # comes with matplotlib, so widths are the same anywhere
        "font.size": 8,
        "text.parse_math": False,  # a name such as "$5 or $6" is no formula
        "text.color": theme.ink,
        "axes.edgecolor": theme.muted,
        "axes.labelcolor": theme.ink,
        "axes.facecolor": theme.paper,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.linewidth": 0.6,
        "axes.titley": 1.0,  # no ticks are above that it would have to make way for
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "grid.color": theme.grid,
        "grid.linewidth": 0.6,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "lines.linewidth": 1.4,
        "lines.solid_capstyle": "round",
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
        "svg.hashsalt": "stepladder",  # the same input gives the same bytes
        "path.simplify": False,
    }
