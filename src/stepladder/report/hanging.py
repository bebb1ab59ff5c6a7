"""Texts that keep their indentation where a terminal folds them."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

__all__ = ["Hanging"]


@dataclass(frozen=True)
class Hanging:
    """A text behind a mark; each line that it is folded into begins below its first letter.

    Attributes:
        mark: such as "✓ ", or spaces to set the text in.
        text: what stands behind it.
    """

    mark: Text
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, as rich asks for them."""
        wide = cell_len(self.mark.plain)
        first, *others = self.text.wrap(console, max(1, options.max_width - wide))
        yield Text.assemble(self.mark, first)
        yield from (Text.assemble(" " * wide, line) for line in others)
