"""Errors: confusions of the best arm, and the examples that are misread, drawn as images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stepladder.report.figures.axes import (
    LINE,
    NAME_LENGTH,
    WIDTH,
    axes_at,
    draw_cell,
    wrap_text,
)
from stepladder.report.figures.base import GREY, Plot, Theme
from stepladder.report.wording import number, plural, printable, truncate
from stepladder.runs.misclassified import ErrorAnalysis, Misclassified
from stepladder.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 20
MOST_DESCRIBED = 8
COLUMNS = 6
SIDE = (WIDTH - 0.08) / COLUMNS - 0.06
"""Inches of an image."""

CELL_HEIGHT = SIDE + 2 * LINE + 0.1
"""Inches of an image with the lines above and below it."""

COLUMN_NAMES = ("index", "label", "commonest_wrong_answer", "wrong", "trials")

Texts = Callable[[int], str]


def confusion_plot(results: Results) -> Plot | None:
    """What the best arm takes for what, or None where no answers are known."""
    errors = results.mistakes
    if errors is None or not (errors.confusion.sum() - np.trace(errors.confusion)):
        return None
    drawn = _drawn_classes(errors.confusion)
    left = len(errors.confusion) - len(drawn)
    left_out = f" Left out: {left} classes with fewer mistakes." if left else ""
    return Plot(
        name="confusion",
        title="What the best arm takes for what",
        caption=f"Mistakes of {truncate(errors.best, NAME_LENGTH)}, the arm of the "
        f"highest validation accuracy, on the test part: how many {results.noun}s of the class "
        "at the left it took for the class above, mean of "
        f"{plural(errors.replicates, 'replicate')}; at the right how many per cent of each class "
        f"it reads right.{left_out}",
        words=_confusion_words(errors, results.classes, results.noun),
        columns=("label", "answer", "answers", "replicates"),
        rows=partial(_confusion_rows, errors, results.classes),
        draw=partial(_draw_confusion, errors, drawn, results.classes),
    )


def hardest_plot(results: Results) -> Plot | None:
    """The examples that most trials misread, or None where they are no images."""
    errors = results.mistakes
    if errors is None or not errors.hardest or errors.hardest[0].image is None:
        return None
    name = partial(_class_name, results.classes)
    return Plot(
        name="hardest",
        title="The images that most trainings get wrong",
        caption=f"The {plural(len(errors.hardest), 'test image')} misread most often by "
        f"{plural(errors.trials, 'trial')} of {plural(errors.arms, 'arm')}; trials that give one "
        "answer to everything are left out. Above each its label and, after the arrow, the "
        "commonest wrong answer; below how many trials misread it.",
        words=f"{plural(len(errors.hardest), 'image')}. {_describe(errors.hardest, name)}",
        columns=COLUMN_NAMES,
        rows=partial(_misread_rows, errors.hardest, results.classes),
        draw=partial(_draw_hardest, errors.hardest, name),
    )


def disagreements_plot(results: Results) -> Plot | None:
    """The examples that two arms disagree on, or None where there are none."""
    errors = results.mistakes
    if errors is None or errors.other is None or not (errors.won or errors.lost):
        return None
    if (errors.won or errors.lost)[0].misread.image is None:
        return None
    name = partial(_class_name, results.classes)
    best, other = truncate(errors.best, NAME_LENGTH), truncate(errors.other, NAME_LENGTH)
    return Plot(
        name="disagreements",
        title="Where two arms disagree",
        caption=f"Test images that most replicates of one of {best} and {other} read right and "
        "most of the other do not, the clearest first. Above each its label and, after the arrow, "
        "the commonest wrong answer; below the replicates that read it right: those of the arm "
        "that is right, then those of the other. The fewer images, the more the two arms make "
        "the same mistakes.",
        words=f"{plural(len(errors.won), 'image')} that {best} reads right and {other} does not, "
        f"{plural(len(errors.lost), 'image')} the other way round. "
        f"{_describe([split.misread for split in (*errors.won, *errors.lost)], name)}",
        columns=("right_arm", *COLUMN_NAMES, "right_arm_right", "right_arm_replicates"),
        rows=partial(_split_rows, errors, results.classes),
        draw=partial(_draw_splits, errors, name),
    )


def _class_name(classes: Sequence[str], number: int) -> str:
    return truncate(classes[number], 6)


def _drawn_classes(confusion: npt.NDArray[np.int64]) -> list[int]:
    """The classes drawn: all of some, those with most mistakes of many."""
    count = len(confusion)
    if count <= MOST_CLASSES:
        return list(range(count))
    wrong = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * np.diag(confusion)
    return sorted(np.argsort(-wrong, kind="stable")[:MOST_CLASSES].tolist())


def _confusion_words(errors: ErrorAnalysis, classes: Sequence[str], noun: str) -> str:
    wrong = errors.confusion * (1 - np.eye(len(errors.confusion), dtype=np.int64))
    mistakes = []
    for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_DESCRIBED]:
        label, answer = divmod(int(place), len(wrong))
        if wrong[label, answer]:
            count = number(wrong[label, answer] / errors.replicates, 1)
            mistakes.append(f"{printable(classes[label])} for {printable(classes[answer])} {count}")
    share = number(100 * np.trace(errors.confusion) / errors.confusion.sum())
    return (
        f"{truncate(errors.best, NAME_LENGTH)} reads {share} % of the test {noun}s right. The "
        f"commonest mistakes, {noun}s a replicate: {'; '.join(mistakes)}."
    )


def _confusion_rows(errors: ErrorAnalysis, classes: Sequence[str]) -> Iterable[tuple[object, ...]]:
    for (label, answer), count in np.ndenumerate(errors.confusion):
        yield (printable(classes[label]), printable(classes[answer]), int(count), errors.replicates)


def _describe(misread: Sequence[Misclassified], name: Texts) -> str:
    images = [
        f"number {image.index}, a {name(image.label)} read as {name(image.answer)} by "
        f"{image.wrong} of {image.trials}"
        for image in misread
    ]
    more = f"; and {len(images) - MOST_DESCRIBED} more" if len(images) > MOST_DESCRIBED else ""
    text = f"{'; '.join(images[:MOST_DESCRIBED])}{more}."
    return text[:1].upper() + text[1:]


def _misread_rows(
    misread: Sequence[Misclassified], classes: Sequence[str]
) -> Iterable[tuple[object, ...]]:
    for image in misread:
        label, answer = printable(classes[image.label]), printable(classes[image.answer])
        yield (image.index, label, answer, image.wrong, image.trials)


def _split_rows(errors: ErrorAnalysis, classes: Sequence[str]) -> Iterable[tuple[object, ...]]:
    for right, splits in ((errors.best, errors.won), (errors.other or "", errors.lost)):
        for split in splits:
            (row,) = _misread_rows([split.misread], classes)
            yield (printable(right), *row, split.right, split.of)


def _draw_confusion(
    errors: ErrorAnalysis,
    drawn: Sequence[int],
    classes: Sequence[str],
    figure: Figure,
    theme: Theme,
) -> None:
    counts = errors.confusion[np.ix_(drawn, drawn)] / errors.replicates
    right = np.diag(errors.confusion) / np.maximum(errors.confusion.sum(axis=1), 1)
    wrong = np.where(np.eye(len(drawn), dtype=bool), 0, counts)
    size, most = min(0.38, (WIDTH - 0.62 - 0.55) / len(drawn)), float(wrong.max())
    figure.set_size_inches(WIDTH, 0.34 + LINE + size * len(drawn) + 0.05)
    axes = axes_at(figure, 0.62, 0.05, size * len(drawn), size * len(drawn))
    axes.set(xlim=(0, len(drawn)), ylim=(len(drawn), 0))
    axes.set_axis_off()
    for (row, column), count in np.ndenumerate(wrong):
        if row == column:
            draw_cell(axes, row, column, theme.grid, 1.0)
            continue
        draw_cell(axes, row, column, theme.validation, 0.05 + 0.5 * math.sqrt(count / most))
        if count and size > 0.24:
            axes.text(column + 0.5, row + 0.5, number(float(count), 0 if count >= 10 else 1),
                      ha="center", va="center")  # fmt: skip
    axes.text(-0.2, -0.15, "class", color=theme.muted, ha="right", va="bottom")
    axes.text(len(drawn) / 2, -0.15 - LINE / size, "answer", color=theme.muted, ha="center",
              va="bottom")  # fmt: skip
    axes.text(len(drawn) + 0.25, -0.15, "right", color=theme.muted, ha="left", va="bottom")
    for place, class_ in enumerate(drawn):
        name = truncate(classes[class_], 7)
        axes.text(-0.2, place + 0.5, name, ha="right", va="center")
        axes.text(place + 0.5, -0.15, truncate(name, 4), ha="center", va="bottom")
        axes.text(len(drawn) + 0.25, place + 0.5, f"{number(100 * right[class_], 1)} %",
                  color=theme.muted, ha="left", va="center")  # fmt: skip


def _draw_hardest(
    misread: Sequence[Misclassified], name: Texts, figure: Figure, theme: Theme
) -> None:
    figure.set_size_inches(WIDTH, math.ceil(len(misread) / COLUMNS) * CELL_HEIGHT + 0.04)
    texts = [f"{image.wrong} of {image.trials}" for image in misread]
    _draw_images(figure, misread, texts, 0, name, theme)


def _draw_splits(errors: ErrorAnalysis, name: Texts, figure: Figure, theme: Theme) -> None:
    groups = [(wrap_text(printable(f"right by {arm}"), 50, 2), splits)
              for arm, splits in ((errors.best, errors.won), (errors.other, errors.lost))
              if splits]  # fmt: skip
    heads = [LINE * (1 + head.count("\n")) + 0.08 for head, _ in groups]
    cells = [math.ceil(len(splits) / COLUMNS) * CELL_HEIGHT + 0.06 for _, splits in groups]
    height = sum(heads) + sum(cells)
    figure.set_size_inches(WIDTH, height)
    top = 0.0
    for (head, splits), above, below in zip(groups, heads, cells, strict=True):
        figure.text(0.04 / WIDTH, 1 - (top + 0.02) / height, head, weight="bold", va="top",
                    ha="left")  # fmt: skip
        texts = [
            f"{split.right}/{split.of}, "
            f"{split.misread.trials - split.misread.wrong}/{split.misread.trials}"
            for split in splits
        ]
        _draw_images(figure, [split.misread for split in splits], texts, top + above, name, theme)
        top += above + below


def _draw_images(
    figure: Figure, misread: Sequence[Misclassified], texts: Sequence[str], top: float, name: Texts,
    theme: Theme,
) -> None:  # fmt: skip
    """Images with labels above and texts below, row by row, from a place in inches from above."""
    height = float(figure.get_size_inches()[1])
    for place, (image, text) in enumerate(zip(misread, texts, strict=True)):
        row, column = divmod(place, COLUMNS)
        bottom = height - top - row * CELL_HEIGHT - LINE - 0.02 - SIDE
        axes = axes_at(figure, 0.04 + column * (SIDE + 0.06), bottom, SIDE, SIDE)
        assert image.image is not None  # else there is no such figure
        axes.imshow(image.image, cmap=theme.images, vmin=0, vmax=255, interpolation="nearest")
        axes.set_gid(f"{GREY}{place}")
        axes.set_axis_off()
        axes.text(0.5, 1.04, f"{name(image.label)} → {name(image.answer)}", ha="center",
                  va="bottom", transform=axes.transAxes)  # fmt: skip
        axes.text(0.5, -0.04, text, color=theme.muted, ha="center", va="top",
                  transform=axes.transAxes)  # fmt: skip
