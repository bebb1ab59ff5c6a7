"""Training and validation parts, drawn so that every class keeps its share.

Targets that are no classes are drawn as if all were of one class: at random.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Labels
from stepladder.errors import StudyError
from stepladder.trials.seeding import generator


@dataclass(frozen=True, eq=False)
class Split:
    """Which training examples train and which validate, of one replicate.

    Attributes:
        train: int32 indices into `x_train`, ascending.
        validation: int32 indices into `x_train`, ascending, none of them in `train`.
    """

    train: npt.NDArray[np.int32]
    validation: npt.NDArray[np.int32]


_USUAL = 0.1  # what a study has that does not say


def validation_examples(dataset: Dataset, validation: int | float) -> int:
    """The number of validation examples that a study asks for.

    Args:
        dataset: where they are taken from; a validation part of its own is that part.
        validation: a number of examples, or as a float a share of the training part.

    Raises:
        StudyError: if it is no example, or leaves fewer training examples than classes, or none;
            or if the dataset has a validation part of another size.

    Example:
        >>> from stepladder.data import synthetic
        >>> validation_examples(synthetic(100, (4,), 2, seed=0), 0.25)
        25
    """
    if own := dataset.validation_examples:
        if validation not in (_USUAL, own):
            raise StudyError(
                f"validation must be left out: {dataset.name} has a validation part of its own, of "
                f"{own:,} examples, found validation = {validation!r}; remove it, or leave x_val "
                "and y_val out of the data"
            )
        return own
    examples = len(dataset.y_train)
    classes = dataset.classes if dataset.task == "classification" else 1
    number = round(validation * examples) if isinstance(validation, float) else validation
    most = examples - classes
    of_each = f" for each of {classes} classes" if classes > 1 else ""
    if not 1 <= number <= most:
        advice = (
            f"write a number from 1 to {most}" if most >= 1 else "use a dataset with more examples"
        )
        raise StudyError(
            "validation must be at least 1 example and leave at least 1 training example"
            f"{of_each}, found {validation!r}, which is {number} of {examples} examples of "
            f"{dataset.name}; {advice}"
        )
    return number


def split(
    dataset: Dataset, validation: int, train_examples: int | None, seed: int, replicate: int
) -> Split:
    """The split of one replicate, the same in every arm; stratified by class.

    The validation part is the user's own where the dataset has one. It does not depend on
    `train_examples`: what is left of the examples trains, or a stratified draw from it. Every
    class keeps a training example outside the validation part.

    Args:
        dataset: whose training part is divided; targets that are no classes are drawn at random.
        validation: validation examples, a number.
        train_examples: examples that train; all that validation leaves when None.
        seed: the study's seed.
        replicate: which draw, from 0.

    Raises:
        StudyError: if there are not so many examples.

    Example:
        >>> from stepladder.data import synthetic
        >>> dataset = synthetic(10, (4,), 2, seed=0)
        >>> parts = split(dataset, validation=4, train_examples=None, seed=0, replicate=0)
        >>> dataset.y_train[parts.validation].tolist().count(1), len(parts.train)
        (2, 6)
    """
    labels, classes = dataset.y_train, dataset.classes
    examples = np.arange(len(labels), dtype=np.int32)
    if labels.ndim > 1:  # no classes: all are of one
        labels, classes = np.zeros(len(labels), np.int32), 1
    counts = np.bincount(labels, minlength=classes)
    most = int(np.maximum(counts - 1, 0).sum())
    if not 0 <= validation <= most:
        raise StudyError(
            f"validation must be from 0 to {most}, which leaves a training example for each "
            f"class, found {validation}; write a smaller number"
        )
    if dataset.validation_examples:
        chosen = examples >= len(examples) - dataset.validation_examples
    else:
        chosen = draw(labels, counts, validation, generator(seed, replicate, "split"), keep=1)
    rest = examples[~chosen]
    if train_examples is None:
        return Split(rest, examples[chosen])
    if not 1 <= train_examples <= len(rest):
        raise StudyError(
            f"train_examples must be from 1 to {len(rest)}, what {validation} validation examples "
            f"leave of {len(labels)}, found {train_examples}; write a smaller number or leave it "
            "out"
        )
    counts = np.bincount(labels[rest], minlength=classes)
    taken = draw(labels[rest], counts, train_examples, generator(seed, replicate, "subset"))
    return Split(rest[taken], examples[chosen])


def draw(
    labels: Labels,
    counts: npt.NDArray[np.int64],
    total: int,
    random: np.random.Generator,
    keep: int = 0,
) -> npt.NDArray[np.bool_]:
    """A stratified draw without replacement.

    Args:
        labels: int32 of shape (examples,).
        counts: examples of each class, shape (classes,).
        total: examples to draw.
        random: where the draw comes from.
        keep: examples of each class that are never drawn.

    Returns:
        Whether each example is drawn, bool of shape (examples,).
    """
    shares = allocate(counts, total, random.permutation(len(counts)), keep)
    return pick(labels, counts, shares, random)


def pick(
    labels: Labels,
    counts: npt.NDArray[np.int64],
    shares: npt.NDArray[np.int64],
    random: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """A draw without replacement of so many examples of each class.

    Args:
        labels: int32 of shape (examples,).
        counts: examples of each class, shape (classes,).
        shares: examples to draw of each class, at most `counts`.
        random: where the draw comes from.

    Returns:
        Whether each example is drawn, bool of shape (examples,).
    """
    order = random.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    start = np.cumsum(counts) - counts
    rank = np.arange(len(labels)) - np.repeat(start, counts)
    chosen = np.zeros(len(labels), np.bool_)
    chosen[by_class[rank < np.repeat(shares, counts)]] = True
    return chosen


def allocate(
    counts: npt.NDArray[np.int64],
    total: int,
    precedence: npt.NDArray[np.int64],
    keep: int = 0,
) -> npt.NDArray[np.int64]:
    """How many of each class, in proportion to their numbers and adding up exactly.

    Each class gets its quota rounded down, and the largest remainders one more: Hamilton's
    method. Whole numbers throughout, so that it is the same on every machine.

    Args:
        counts: examples of each class, shape (classes,).
        total: what the result adds up to, at most `counts - keep` added up.
        precedence: the classes in the order in which equal remainders are served.
        keep: examples of each class that are left over.

    Returns:
        int64 of shape (classes,).

    Example:
        >>> allocate(np.array([60, 30, 10]), 5, precedence=np.arange(3)).tolist()
        [3, 2, 0]

    Reference:
        Balinski, Young 2001, Fair Representation (Hamilton's method).
    """
    most = np.maximum(counts - keep, 0)
    quota, remainder = np.divmod(counts * total, counts.sum())
    shares: npt.NDArray[np.int64] = np.minimum(quota, most)
    order = precedence[np.argsort(-remainder[precedence], kind="stable")]
    while shares.sum() < total:  # a second round only where classes have nothing more to give
        open_classes = order[shares[order] < most[order]]
        shares[open_classes[: total - shares.sum()]] += 1
    return shares
