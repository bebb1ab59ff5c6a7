"""Where tables are written: the terminal as it is, and files, pipes and texts without colours."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console, RenderableType

__all__ = ["FILE_WIDTH", "console_on", "plain_text"]

FILE_WIDTH = 120
"""Columns of a file or a pipe, which have no width of their own."""


def console_on(stream: TextIO | None = None) -> Console:
    """A console that writes to a stream.

    Args:
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console = Console(file=stream)
    if console.is_terminal:
        return console
    return Console(file=stream, width=FILE_WIDTH, color_system=None)


def plain_text(shown: RenderableType, width: int = FILE_WIDTH) -> str:
    """What a console shows, as text without colours, at most `width` columns wide."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()
