"""Training and validation parts, drawn so that every class keeps its share.

Targets that are no classes are drawn as if all were of one class: at random. Where examples have
groups, whole groups are drawn; where they have times, the latest validate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Targets
from stepladder.data.rows import (
    Division,
    RowKeys,
    divide_rows,
    draw,
    hold_out_groups,
    hold_out_latest,
    number_groups,
    read_times,
)
from stepladder.errors import DataError, StudyError
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
    examples = dataset.least_training
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
    class keeps a training example outside the validation part. Groups and times stay whole, so
    that with them the validation part may be somewhat larger or smaller.

    Args:
        dataset: whose training part is divided; targets that are no classes are drawn at random.
            Of a dataset with folds, the view of the replicate.
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
    assert dataset.folds is None, "take dataset.view(replicate) first"
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
    elif dataset.groups is not None or dataset.times is not None:
        chosen = _whole(dataset, labels, validation, seed, replicate)
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


def _whole(
    dataset: Dataset, labels: npt.NDArray[np.int32], validation: int, seed: int, replicate: int
) -> npt.NDArray[np.bool_]:
    """A validation part of whole groups, or of the latest examples."""
    if dataset.times is not None:
        if dataset.times.min() == dataset.times.max():
            raise StudyError(
                f"validation must be later than training, found a training part of "
                f"{dataset.name} in which all {len(labels):,} examples have one time; give finer "
                "times, or write fewer folds"
            )
        chosen = hold_out_latest(dataset.times, validation)
    else:
        assert dataset.groups is not None
        random = generator(seed, replicate, "split")
        chosen = hold_out_groups(labels, dataset.groups, validation, random)
    left, there = np.unique(labels[~chosen]), np.unique(labels)
    if not chosen.any() or len(left) < len(there):
        what = "groups" if dataset.times is None else "times"
        found = "no example" if not chosen.any() else "all examples of a class"
        raise StudyError(
            f"the validation part must be of whole {what} and leave each class a training "
            f"example, found {found} of {dataset.name} in it; write a smaller validation, or give "
            f"a validation part of your own"
        )
    return chosen


def divide_by_keys(
    name: str,
    y: Targets,
    class_names: Sequence[str],
    *,
    keys: RowKeys,
    share: float | None = None,
    cells: Mapping[str, Sequence[str]] | None = None,
    has_test: bool = False,
) -> tuple[Division, npt.NDArray[np.int32] | None, npt.NDArray[np.float64] | None]:
    """How the rows of a table are divided, with the groups and the times of all of them.

    Args:
        name: what the dataset is called, which errors begin with.
        y: targets of all rows.
        class_names: as for `Dataset`.
        keys: columns that divide the rows, and how many folds there are.
        share: of the rows for the test part, where neither folds nor a column give one.
        cells: of the columns of `keys`, a text a row.
        has_test: whether the test part is elsewhere, so that all rows train.

    Raises:
        DataError: if the rows cannot be divided so.

    Example:
        >>> y = np.array([0, 1] * 4, np.int32)
        >>> division, _, _ = divide_by_keys("t", y, ("a", "b"), keys=RowKeys(folds=4))
        >>> division.folds.sizes
        (2, 2, 2, 2)
    """
    given = cells or {}
    groups = None if keys.group is None else number_groups(given[keys.group])
    times = None if keys.time is None else read_times(name, given[keys.time])
    if has_test:
        return Division(np.arange(len(y)), np.zeros(0, np.intp)), groups, times
    strata = y if y.ndim == 1 else np.zeros(len(y), np.int32)
    division = divide_rows(
        name, strata, class_names=class_names if y.ndim == 1 else (), share=share,
        folds=keys.folds, groups=groups, times=times,
        parts=None if keys.part is None else given[keys.part],
    )  # fmt: skip
    return division, groups, times


def with_arrays(dataset: Dataset, keys: RowKeys, arrays: Mapping[str, npt.NDArray[Any]]) -> Dataset:
    """A dataset with the groups or times that arrays of its file give.

    Args:
        dataset: without them.
        keys: names of the arrays, and folds.
        arrays: a number for each training example; with folds for each test example after them.

    Raises:
        DataError: if they are no such numbers, or the examples cannot be divided so.
    """
    if dataset.validation_examples:
        raise DataError(
            f"{dataset.name}: {', '.join(arrays)} must be left out where x_val and y_val say which "
            "examples validate, found both; remove one"
        )
    examples = len(dataset.y_train) + (len(dataset.y_test) if keys.folds else 0)
    for name, values in arrays.items():
        if values.shape != (examples,) or not np.isfinite(values).all():
            of = "training and then each test example" if keys.folds else "training example"
            raise DataError(
                f"{dataset.name}: {name} must hold one finite number for each {of}, {examples:,}, "
                f"found {values.dtype} of shape {values.shape}; save it so"
            )
    groups, times = None, None
    if keys.group is not None:
        groups = np.unique(arrays[keys.group], return_inverse=True)[1].astype(np.int32)
    if keys.time is not None:
        times = arrays[keys.time].astype(np.float64)
    if keys.folds:
        return with_folds(dataset, keys.folds, groups, times)
    return replace(dataset, groups=groups, times=times)


def with_folds(
    dataset: Dataset,
    folds: int,
    groups: npt.NDArray[np.int32] | None = None,
    times: npt.NDArray[np.float64] | None = None,
) -> Dataset:
    """A dataset whose examples, of both parts, take turns as the test part.

    Args:
        dataset: with a test part of its own.
        folds: how many.
        groups: of the training and then the test examples, or None.
        times: likewise.

    Raises:
        DataError: if they cannot.

    Example:
        >>> from stepladder.data import synthetic
        >>> dataset = with_folds(synthetic(20, (4,), 2, seed=0), 5)
        >>> sorted(len(dataset.view(replicate).y_test) for replicate in range(5))
        [4, 5, 5, 5, 5]
    """
    if dataset.validation_examples:
        raise DataError(
            f"{dataset.name}: with k-fold the validation part is drawn from the other folds, found "
            f"a validation part of {dataset.validation_examples:,} examples; leave it out"
        )
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    strata = labels if labels.ndim == 1 else np.zeros(len(labels), np.int32)
    division = divide_rows(
        dataset.name, strata, class_names=dataset.class_names if labels.ndim == 1 else (),
        folds=folds, groups=groups, times=times,
    )  # fmt: skip
    x = np.concatenate([dataset.x_train, dataset.x_test])
    rows = np.concatenate([division.train, division.test])
    note = (
        f"{dataset.name}: the folds are made of its {len(dataset.y_train):,} training and "
        f"{len(dataset.y_test):,} test examples together"
    )
    return replace(
        dataset, x_train=x[division.train], y_train=labels[division.train],
        x_test=x[division.test], y_test=labels[division.test], folds=division.folds,
        groups=None if groups is None else groups[rows],
        times=None if times is None else times[rows],
        notes=(*dataset.notes, note),
    )  # fmt: skip
