"""Columns of the table in the terminal: the richest set of them that its width holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from stepladder.report.view import Row, Shown, View
from stepladder.report.wording import elided

__all__ = ["NAME_WIDTH", "VERDICT_STYLES", "grid"]

VERDICT_STYLES = {
    "helps": "bold green",
    "hurts": "bold red",
    "no difference beyond δ": "default",
    "not enough replicates": "yellow",
}
"""How the terminal shows each verdict."""

NAME_WIDTH = 34
INSTEAD_WIDTH = 14
VERDICT_WIDTH = 14


@dataclass(frozen=True)
class _Column:
    """A column with its cells, one a row."""

    head: str
    cells: list[Text]
    width: int
    right: bool = False


def grid(view: View, width: int) -> Table:
    """The arms of a view, at most so many columns wide."""
    columns = _fitting(view, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        table.add_column(
            column.head,
            justify="right" if column.right else "left",
            width=column.width,
            overflow="fold",
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _fitting(view: View, width: int) -> list[_Column]:
    """The richest set of columns that the width holds, the leanest if none does."""
    columns: list[_Column] = []
    for layout in _LAYOUTS if view.is_trained else _LAYOUTS_OF_SCORES:
        columns = [column for column in layout(view) if column.cells or not view.rows]
        if sum(column.width for column in columns) + 2 * (len(columns) - 1) <= width:
            return columns
    spare = width - sum(column.width for column in columns[1:]) - 2 * (len(columns) - 1)
    return [_column("arm", columns[0].cells, limit=max(8, spare)), *columns[1:]]


def _full(view: View) -> list[_Column]:
    parts = [_accuracy(view, "train %", _train), _accuracy(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True)


def _means(view: View) -> list[_Column]:
    parts = [_mean(view, "train %", _train), _mean(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True)


def _full_folded(view: View) -> list[_Column]:
    parts = [_accuracy(view, "train %", _train), _accuracy(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True, verdict=VERDICT_WIDTH)


def _folded(view: View) -> list[_Column]:
    parts = [_mean(view, "train %", _train), _mean(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True, verdict=VERDICT_WIDTH)


def _without_train(view: View) -> list[_Column]:
    parts = [_mean(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True, verdict=VERDICT_WIDTH)


def _tested(view: View) -> list[_Column]:
    return _columns(view, before=[], reported=True, verdict=VERDICT_WIDTH)


def _scores(view: View) -> list[_Column]:
    return _columns(view, before=[], reported=True)


def _leanest(view: View) -> list[_Column]:
    return _columns(view, before=[], reported=False, verdict=VERDICT_WIDTH, images=False)


_LAYOUTS: tuple[Callable[[View], list[_Column]], ...] = (
    _full, _full_folded, _means, _folded, _without_train, _tested, _leanest,
)  # fmt: skip

_LAYOUTS_OF_SCORES = (_scores, _tested, _leanest)


def _train(row: Row) -> Shown:
    return row.train


def _validation(row: Row) -> Shown:
    return row.validation


def _columns(
    view: View,
    before: list[_Column],
    reported: bool,
    verdict: int | None = None,
    images: bool = True,
) -> list[_Column]:
    columns = [_column("arm", [_name(row) for row in view.rows], limit=NAME_WIDTH)]
    if not view.is_complete:
        columns.append(_column("n", [Text(row.replicates) for row in view.rows], right=True))
    columns += [*before, _tests(view, view.measure)]
    if any(row.effect for row in view.rows):
        texts = _aligned([row.effect for row in view.rows])
        columns.append(_column("effect", [Text(text) for text in texts]))
        if images and view.has_images:
            texts = _aligned_texts([row.images for row in view.rows])
            columns.append(_column("new images", [Text(text, style="dim") for text in texts]))
        styles = [VERDICT_STYLES.get(row.kind or "", "default") for row in view.rows]
        cells = [
            Text(row.verdict, style=style) for row, style in zip(view.rows, styles, strict=True)
        ]
        columns.append(_column("verdict", cells, limit=verdict))
    if reported and view.reported_source:
        texts = _aligned_texts([row.reported for row in view.rows])
        columns.append(_column("reported", [Text(text, style="dim") for text in texts], right=True))
    return columns


def _column(
    head: str, cells: Sequence[Text], right: bool = False, limit: int | None = None
) -> _Column:
    wide = max(
        [cell_len(head), *(cell_len(line) for each in cells for line in each.plain.split("\n"))]
    )
    return _Column(head, list(cells), wide if limit is None else min(wide, limit), right)


def _name(row: Row) -> Text:
    name = Text(elided(row.name, 3 * NAME_WIDTH), style="bold")
    if row.against is not None and not row.is_against_told:
        name.append(f"\n  against {elided(row.against, 2 * NAME_WIDTH)}", style="not bold dim")
    return name


def _tests(view: View, head: str) -> _Column:
    """Test accuracy, or what is to be said instead, folded so that it does not widen the table."""
    numbers = _aligned([None if row.instead else row.test for row in view.rows])
    widest = max([INSTEAD_WIDTH, *map(cell_len, numbers)])
    cells = [
        Text(row.instead, style="italic yellow") if row.instead else Text(text)
        for row, text in zip(view.rows, numbers, strict=True)
    ]
    return _column(head, cells, limit=widest)


def _accuracy(view: View, head: str, of: Callable[[Row], Shown]) -> _Column:
    texts = _aligned([None if row.instead else of(row) for row in view.rows])
    return _column(head, [Text(text) for text in texts])


def _mean(view: View, head: str, of: Callable[[Row], Shown]) -> _Column:
    texts = _aligned_texts(["" if row.instead else of(row).number for row in view.rows])
    return _column(head, [Text(text) for text in texts])


def _aligned(shown: Sequence[Shown | None]) -> list[str]:
    """Numbers with their intervals, so padded that decimal points stand in one column."""
    means = _aligned_texts([each.number if each else "" for each in shown])
    halves = [each.spread.removeprefix("± ") if each else "" for each in shown]
    wide = max((len(half) for half in halves if not half.startswith("[")), default=0)
    return [
        mean if not half else f"{mean} {half if half.startswith('[') else f'± {half:>{wide}}'}"
        for mean, half in zip(means, halves, strict=True)
    ]


def _aligned_texts(numbers: Sequence[str]) -> list[str]:
    wide = max((len(each) for each in numbers), default=0)
    return [each.rjust(wide) for each in numbers]
