"""A factorial in tables: what each technique is worth, and which pairs belong together."""

from __future__ import annotations

from stepladder.analysis.readout import Interaction, MainEffect, Readout, Share, Spread
from stepladder.report.sentences import combinations_of
from stepladder.report.shown import Shown
from stepladder.report.side_table import SideTable
from stepladder.report.wording import (
    counted,
    elided,
    joined,
    number,
    p_value,
    signed,
    verdict_text,
    visible,
)  # fmt: skip

__all__ = [
    "PAIRS_SHOWN",
    "READOUT_CAPTION",
    "readout_tables",
    "readout_title",
    "readout_words",
    "spread_text",
]

READOUT_CAPTION = (
    "Bar and point: the part of each technique in the gain from base to all (its exact Shapley "
    "value, the mean over all orders; in a fraction its main effect), with its 95 % t interval "
    "over replicates. Grey dots below: what single orders of a ladder would have said, each as "
    "large as the share of the orders that say it."
)

PAIRS_SHOWN = 15
NAME_LENGTH = 60


def readout_tables(readout: Readout | None, delta: float) -> tuple[SideTable, ...]:
    """The tables of a factorial; none without a read-out.

    Args:
        readout: of the factorial.
        delta: percentage points below which a difference does not matter, for the verdicts.
    """
    if readout is None:
        return ()
    tables = [_techniques(readout, delta)]
    if readout.interactions:
        tables.append(_interactions(readout))
    return tuple(tables)


def readout_words(readout: Readout) -> str:
    """The figure of a factorial in words."""
    parts = {share.technique: share.shapley for share in readout.shares}
    told = [
        f"{elided(each.technique, NAME_LENGTH)} "
        + (spread_text(parts[each.technique]) if parts else signed(each.effect.mean))
        for each in readout.main
    ]
    return f"Parts of a gain of {spread_text(readout.gain)} points: {'; '.join(told)}."


def spread_text(spread: Spread) -> str:
    """A mean over replicates with its interval: "+1.20 ± 0.30"."""
    return Shown.points(spread).text


def readout_title(readout: Readout) -> str:
    """What a factorial, or a fraction of one, tells of its techniques."""
    return f"What each technique is worth in {combinations_of(readout)}"


def _techniques(readout: Readout, delta: float) -> SideTable:
    shares = {share.technique: share for share in readout.shares}
    heads = ["technique", "main effect", "verdict"]
    heads += ["Shapley", "of gain", "least", "most"] if shares else []
    rows = tuple(_technique(each, shares.get(each.technique), delta) for each in readout.main)
    every = "all" if shares else "the trained"
    note = (
        f"Main effect: points of test accuracy that the technique adds, averaged over {every} "
        f"combinations of the others, over {counted(readout.replicates, 'replicate')}; the "
        f"verdicts are a family of {len(readout.main)}. From base to all: "
        f"{spread_text(readout.gain)}."
    )
    if shares:
        note += (
            " Shapley: its part in that gain, the mean over all orders of a ladder; least and "
            "most: what single orders of a ladder would have said."
        )
    else:
        note += " In a fraction, techniques that act only in threes are mixed into main effects."
    if readout.left_out:
        note += f" Left out: {counted(readout.left_out, 'replicate')} without all combinations."
    return SideTable(readout_title(readout), tuple(heads), rows, note)


def _technique(main: MainEffect, share: Share | None, delta: float) -> tuple[str, ...]:
    effect = main.effect
    verdict = verdict_text(effect.verdict, delta)
    if effect.replicates_needed is not None:
        verdict += f", about {effect.replicates_needed:,} would do"
    cells = (elided(main.technique, NAME_LENGTH), Shown.points(effect).text, verdict)
    if share is None:
        return cells
    part = "" if share.of_gain is None else f"{number(100 * share.of_gain, 0)} %"
    return (*cells, spread_text(share.shapley), part, signed(share.least), signed(share.most))


def _interactions(readout: Readout) -> SideTable:
    largest = sorted(readout.interactions, key=lambda each: -abs(each.worth.mean))[:PAIRS_SHOWN]
    shown = [each for each in readout.interactions if each in largest]
    note = (
        "How many points more a technique is worth where the other is, averaged over the rest; "
        "p is that of the t test after Holm's correction over "
        f"{counted(len(readout.interactions), 'interaction')}."
    )
    if len(shown) < len(readout.interactions):
        note += f" The {len(shown)} largest; all of them are in the JSON."
    if any(len(each.pairs) > 1 for each in readout.interactions):
        note += " A fraction cannot tell the pairs of one line apart: the figure is their sum."
    rows = tuple(_interaction(each) for each in shown)
    return SideTable("Which techniques need each other", ("pair", "interaction", "p"), rows, note)


def _interaction(interaction: Interaction) -> tuple[str, ...]:
    pairs = [f"{visible(one)} × {visible(two)}" for one, two in interaction.pairs]
    p = "" if interaction.p_t_holm is None else p_value(interaction.p_t_holm)
    return (joined(pairs), spread_text(interaction.worth), p)
