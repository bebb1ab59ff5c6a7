"""Documents, tables and sentences as values: views build them, one renderer a form writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from stepladder.statistics.results import Verdict

if TYPE_CHECKING:  # numbers are formatted by words of which these values know nothing
    from stepladder.report.tables import FormattedNumber

Kind = Verdict | Literal["unknown", "warning"]
"""What a sentence claims: a verdict, something to take care of, or neither."""

Style = Literal["", "good", "bad", "open", "instead", "dim"]
"""What a cell means: a verdict's direction, words in place of a number, or a minor figure."""


class Cell(str):
    """A text in a table, with what a renderer may need besides; elsewhere it is a plain `str`.

    Attributes:
        number: the value and its interval, by which decimal points are aligned, or None.
        style: what the text means.
        detail: what belongs to it in small print, such as "against + ReLU".

    Example:
        >>> cell = Cell("helps", style="good")
        >>> cell.upper(), cell.style
        ('HELPS', 'good')
    """

    number: FormattedNumber | None
    style: Style
    detail: str

    def __new__(
        cls,
        text: str,
        number: FormattedNumber | None = None,
        *,
        style: Style = "",
        detail: str = "",
    ) -> Self:
        """A cell with its text."""
        cell = super().__new__(cls, text)
        cell.number, cell.style, cell.detail = number, style, detail
        return cell


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        head: its heading.
        align: `left` for words, `right` for numbers, `decimal` for numbers whose decimal points
            and intervals stand below each other.
        most: characters after which a terminal folds its cells; None for no limit.

    Example:
        >>> Column("weights", "right").is_numeric
        True
    """

    head: str
    align: Literal["left", "right", "decimal"] = "left"
    most: int | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.align != "left"


def words(*heads: str) -> tuple[Column, ...]:
    """Columns of words."""
    return tuple(Column(head) for head in heads)


def numbers(*heads: str) -> tuple[Column, ...]:
    """Columns of numbers."""
    return tuple(Column(head, "right") for head in heads)


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        title: its heading, or "".
        columns: the first is that of the names.
        rows: a text a column, names made printable and not escaped.
        note: what it shows, in a sentence or two, or "".

    Example:
        >>> table = Table("Sizes", (*words("arm"), *numbers("weights")), (("base", "79,510"),))
        >>> table.heads
        ('arm', 'weights')
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def heads(self) -> tuple[str, ...]:
        """The headings."""
        return tuple(column.head for column in self.columns)


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; a name is set apart from the words around it."""

    text: str
    is_name: bool = False


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it claims.

    Attributes:
        kind: the verdict that it tells, "warning", or "unknown" for anything else.
        parts: the sentence in pieces.

    Example:
        >>> Sentence.of(Part("+ ReLU", is_name=True), " improves test accuracy.", kind="helps").text
        '+ ReLU improves test accuracy.'
    """

    kind: Kind
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, *parts: str | Part, kind: Kind = "unknown") -> Self:
        """A sentence of names and words."""
        return cls(kind, tuple(Part(part) if isinstance(part, str) else part for part in parts))

    @property
    def text(self) -> str:
        """The sentence."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Sentences:
    """Sentences that stand together.

    Attributes:
        lines: in their order.
        form: `marked` behind a sign of their kind, `indented` as notes, `plain` as text, or
            `fine` in small print.
        title: their heading, or "".
    """

    lines: tuple[Sentence, ...]
    form: Literal["marked", "indented", "plain", "fine"] = "plain"
    title: str = ""


@dataclass(frozen=True)
class Document:
    """What a command prints.

    Attributes:
        title: of what it is, or "" where it has no heading.
        subtitle: data, sizes and design in a line.
        status: what is missing, or "".
        blocks: tables and sentences; those that are empty are not shown.
        is_page: whether its title is a heading of its own, as in a pull request.

    Example:
        >>> from stepladder.report.markdown import to_markdown
        >>> print(to_markdown(Document("quick", "2 arms", "", (fine("First look."),))), end="")
        **quick** · 2 arms
        <BLANKLINE>
        <sub>First look.</sub>
    """

    title: str
    subtitle: str
    status: str
    blocks: tuple[Table | Sentences, ...]
    is_page: bool = False


def fine(*notes: str) -> Sentences:
    """Notes in small print, empty ones left out."""
    return Sentences(tuple(Sentence.of(note) for note in notes if note), "fine")


def note(name: str, text: str, between: str = ": ") -> Sentence:
    """A note on something that has a name."""
    return Sentence.of(Part(name, is_name=True), between, text)
