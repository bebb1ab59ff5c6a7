"""Errors: confusions of the best arm, and the examples that are misread, drawn as images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stepladder.report.figures.axes import LINE, SMALL, WIDTH, axes_at, wrap_text
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import number, plural, printable, truncate
from stepladder.runs.misclassified import ErrorAnalysis, Misclassified, Split
from stepladder.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_LENGTH = 60
MOST_CLASSES = 20
TOLD = 8
COLUMNS = 8
COLUMN_NAMES = ("index", "label", "commonest_wrong_answer", "wrong", "trials")

Texts = Callable[[int], str]


def confusion_plot(results: Results) -> Plot | None:
    """What the best arm takes for what, or None where no answers are known."""
    made = results.mistakes
    if made is None or not (made.confusion.sum() - np.trace(made.confusion)):
        return None
    kept = _kept(made.confusion)
    left = len(made.confusion) - len(kept)
    left_out = f" Left out: {left} classes with fewer mistakes." if left else ""
    return Plot(
        name="confusion",
        title="What the best arm takes for what",
        caption=f"Mistakes of {truncate(made.best, NAME_LENGTH)}, the arm of the "
        f"highest validation accuracy, on the test part: how many images of the class at the left "
        f"it took for the class above, mean of {plural(made.replicates, 'replicate')}; "
        f"at the right how many per "
        f"cent of each class it reads right.{left_out}",
        words=_confusion_words(made, results.classes),
        columns=("label", "answer", "answers", "replicates"),
        rows=partial(_confusion_rows, made, results.classes),
        draw=partial(_draw_confusion, made, kept, results.classes),
    )


def hardest_plot(results: Results) -> Plot | None:
    """The examples that most trials misread, or None where they are no images."""
    made = results.mistakes
    if made is None or not made.hardest or made.hardest[0].image is None:
        return None
    name = partial(_class_name, results.classes)
    return Plot(
        name="hardest",
        title="The images that most trainings get wrong",
        caption=f"The {plural(len(made.hardest), 'test image')} misread most often by "
        f"{plural(made.trials, 'trial')} of {plural(made.arms, 'arm')}; trials that give one "
        "answer to everything are left out. Above each its label and, after the arrow, the "
        "commonest wrong answer; below how many trials misread it.",
        words=_hardest_words(made, name),
        columns=COLUMN_NAMES,
        rows=partial(_misread_rows, made.hardest, results.classes),
        draw=partial(_draw_hardest, made.hardest, name),
        has_images=True,
    )


def disagreements_plot(results: Results) -> Plot | None:
    """The examples that two arms disagree on, or None where there are none."""
    made = results.mistakes
    if made is None or made.other is None or not (made.won or made.lost):
        return None
    if (made.won or made.lost)[0].misread.image is None:
        return None
    name = partial(_class_name, results.classes)
    best, other = truncate(made.best, NAME_LENGTH), truncate(made.other, NAME_LENGTH)
    return Plot(
        name="disagreements",
        title="Where two arms disagree",
        caption=f"Test images that most replicates of one of {best} and {other} read right and "
        "most of the other do not, the clearest first. Above each its label and, after the arrow, "
        "the commonest wrong answer; below the replicates that read it right: those of the arm "
        "that is right, then those of the other. The fewer images, the more the two arms make "
        "the same mistakes.",
        words=f"{plural(len(made.won), 'image')} that {best} reads right and {other} does not, "
        f"{plural(len(made.lost), 'image')} the other way round. "
        f"{_told([each.misread for each in (*made.won, *made.lost)], name)}",
        columns=("right_arm", *COLUMN_NAMES, "right_arm_right", "right_arm_replicates"),
        rows=partial(_split_rows, made, results.classes),
        draw=partial(_draw_splits, made, name),
        has_images=True,
    )


def _class_name(classes: Sequence[str], number: int) -> str:
    return truncate(classes[number], 6)


def _kept(confusion: npt.NDArray[np.int64]) -> list[int]:
    """The classes drawn: all of some, those with most mistakes of many."""
    count = len(confusion)
    if count <= MOST_CLASSES:
        return list(range(count))
    wrong = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * np.diag(confusion)
    return sorted(np.argsort(-wrong, kind="stable")[:MOST_CLASSES].tolist())


def _confusion_words(made: ErrorAnalysis, classes: Sequence[str]) -> str:
    wrong = made.confusion * (1 - np.eye(len(made.confusion), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:TOLD]
    told = []
    for place in order:
        label, answer = divmod(int(place), len(wrong))
        if wrong[label, answer]:
            count = number(wrong[label, answer] / made.replicates, 1)
            told.append(f"{printable(classes[label])} for {printable(classes[answer])} {count}")
    share = number(100 * np.trace(made.confusion) / made.confusion.sum())
    return (
        f"{truncate(made.best, NAME_LENGTH)} reads {share} % of the test images right. The "
        f"commonest mistakes, images a replicate: {'; '.join(told)}."
    )


def _confusion_rows(made: ErrorAnalysis, classes: Sequence[str]) -> Iterable[tuple[object, ...]]:
    for (label, answer), count in np.ndenumerate(made.confusion):
        yield (printable(classes[label]), printable(classes[answer]), int(count), made.replicates)


def _hardest_words(made: ErrorAnalysis, name: Texts) -> str:
    return f"{plural(len(made.hardest), 'image')}. {_told(made.hardest, name)}"


def _told(misread: Sequence[Misclassified], name: Texts) -> str:
    told = [
        f"number {each.index}, a {name(each.label)} read as {name(each.answer)} by {each.wrong} "
        f"of {each.trials}"
        for each in misread[:TOLD]
    ]
    more = f"; and {len(misread) - TOLD} more" if len(misread) > TOLD else ""
    text = f"{'; '.join(told)}{more}."
    return text[:1].upper() + text[1:]


def _misread_rows(
    misread: Sequence[Misclassified], classes: Sequence[str]
) -> Iterable[tuple[object, ...]]:
    for each in misread:
        label, answer = printable(classes[each.label]), printable(classes[each.answer])
        yield (each.index, label, answer, each.wrong, each.trials)


def _split_rows(made: ErrorAnalysis, classes: Sequence[str]) -> Iterable[tuple[object, ...]]:
    for right, splits in ((made.best, made.won), (made.other or "", made.lost)):
        for each in splits:
            (row,) = _misread_rows([each.misread], classes)
            yield (printable(right), *row, each.right, each.of)


def _draw_confusion(
    made: ErrorAnalysis, kept: Sequence[int], classes: Sequence[str], figure: Figure, theme: Theme
) -> None:
    counts = made.confusion[np.ix_(kept, kept)] / made.replicates
    right = np.diag(made.confusion) / np.maximum(made.confusion.sum(axis=1), 1)
    wrong = np.where(np.eye(len(kept), dtype=bool), 0, counts)
    size, left, above = min(0.38, 3.8 / len(kept)), 0.62, 0.34
    figure.set_size_inches(WIDTH, above + size * len(kept) + 0.05)
    axes = axes_at(figure, left, 0.05, size * len(kept), size * len(kept))
    axes.set_xlim(0, len(kept))
    axes.set_ylim(len(kept), 0)
    axes.set_axis_off()
    for (row, column), count in np.ndenumerate(wrong):
        _draw_cell(axes, row, column, float(count), float(wrong.max()), size, theme)
    for place, class_ in enumerate(kept):
        name = truncate(classes[class_], 7)
        axes.text(-0.2, place + 0.5, name, size=SMALL, color=theme.ink, ha="right", va="center")
        axes.text(place + 0.5, -0.15, truncate(name, 4), size=SMALL, color=theme.ink, ha="center",
                  va="bottom")  # fmt: skip
        axes.text(len(kept) + 0.25, place + 0.5, f"{number(100 * right[class_], 1)} %",
                  size=SMALL, color=theme.muted, ha="left", va="center")  # fmt: skip


def _draw_cell(
    axes: Axes, row: int, column: int, count: float, most: float, size: float, theme: Theme
) -> None:
    from matplotlib.patches import Rectangle

    is_right = row == column
    colour = theme.grid if is_right else theme.train
    strength = 1.0 if is_right else 0.05 + 0.75 * math.sqrt(count / most)
    axes.add_patch(Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=colour,
                             alpha=strength, linewidth=0))  # fmt: skip
    if count and not is_right and size > 0.3:
        axes.text(column + 0.5, row + 0.5, number(count, 0 if count >= 10 else 1), size=SMALL,
                  color=theme.ink, ha="center", va="center")  # fmt: skip


def _draw_hardest(
    misread: Sequence[Misclassified], name: Texts, figure: Figure, theme: Theme
) -> None:
    rows = math.ceil(len(misread) / COLUMNS)
    figure.set_size_inches(WIDTH, rows * _cell_height() + 0.04)
    for place, each in enumerate(misread):
        top = place // COLUMNS * _cell_height()
        _draw_image(figure, each, place % COLUMNS, top, f"{each.wrong} of {each.trials}", name,
                    theme)  # fmt: skip


def _draw_splits(made: ErrorAnalysis, name: Texts, figure: Figure, theme: Theme) -> None:
    groups = [(f"right by {made.best}", made.won), (f"right by {made.other}", made.lost)]
    groups = [(title, splits) for title, splits in groups if splits]
    heads = [wrap_text(printable(title), 70, 2) for title, _ in groups]
    tops = [LINE * (1 + head.count("\n")) + 0.08 for head in heads]
    rows = [math.ceil(len(splits) / COLUMNS) for _, splits in groups]
    high = sum(tops) + sum(rows) * _cell_height() + 0.06 * len(groups)
    figure.set_size_inches(WIDTH, high)
    top = 0.0
    for head, title, (_, splits), count in zip(heads, tops, groups, rows, strict=True):
        figure.text(0.04 / WIDTH, 1 - (top + 0.02) / high, head, size=SMALL, weight="bold",
                    color=theme.ink, va="top", ha="left")  # fmt: skip
        top += title
        for place, split in enumerate(splits):
            _draw_image(figure, split.misread, place % COLUMNS,
                        top + place // COLUMNS * _cell_height(), _shares(split), name,
                        theme)  # fmt: skip
        top += count * _cell_height() + 0.06


def _shares(split: Split) -> str:
    lost = split.misread
    return f"{split.right}/{split.of}, {lost.trials - lost.wrong}/{lost.trials}"


def _side() -> float:
    return (WIDTH - 0.08) / COLUMNS - 0.06


def _cell_height() -> float:
    return _side() + 2 * LINE + 0.1


def _draw_image(
    figure: Figure,
    misread: Misclassified,
    column: int,
    top: float,
    below: str,
    name: Texts,
    theme: Theme,
) -> None:
    """An image with its label above it and a line below it, at a place in inches from above."""
    side, high = _side(), float(figure.get_size_inches()[1])
    left = 0.04 + column * (side + 0.06)
    axes = axes_at(figure, left, high - top - LINE - 0.02 - side, side, side)
    assert misread.image is not None  # else there is no such figure
    axes.imshow(misread.image, cmap=theme.images, vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    texts = (
        (1.04, f"{name(misread.label)} → {name(misread.answer)}", theme.ink, "bottom"),
        (-0.04, below, theme.muted, "top"),
    )
    for height, text, colour, side_of in texts:
        axes.text(0.5, height, text, transform=axes.transAxes, size=SMALL, color=colour,
                  ha="center", va=side_of)  # fmt: skip
