"""A table of texts beside the main one, as every form of the results shows it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SideTable"]


@dataclass(frozen=True)
class SideTable:
    """A table of texts.

    Attributes:
        title: its heading.
        heads: one a column; the first is that of the names.
        rows: as many texts each, names made visible and not escaped.
        note: what it shows, in a sentence or two.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
