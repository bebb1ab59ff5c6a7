"""What a figure is: a name, its words, its numbers, and a way to draw it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepladder.report.style import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Plot"]

Rows = Iterable[tuple[object, ...]]


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn for any paper; its numbers were worked out before.

    Attributes:
        name: that of its files.
        title: what it answers, as a heading.
        caption: how to read it.
        words: what it shows, from the numbers, for readers who cannot see it.
        columns: heads of its data.
        rows: its data, as many values a row as there are columns.
        draw: draws it into an empty figure of matplotlib.
        has_images: whether it holds images whose greys differ from paper to paper.
    """

    name: str
    title: str
    caption: str
    words: str
    columns: tuple[str, ...]
    rows: Callable[[], Rows]
    draw: Callable[[Figure, Theme], None]
    has_images: bool = False
