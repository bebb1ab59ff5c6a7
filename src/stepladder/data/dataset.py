"""A dataset: its arrays, and the checks of them."""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.data.memory import check_memory
from stepladder.data.rows import Folds
from stepladder.errors import DataError
from stepladder.files import name_in_list
from stepladder.study.scoring import Task as Task  # a name of this module too

Images = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Targets = npt.NDArray[Any]
"""What is to be learnt, as a task has it: see `Dataset`."""

ARRAYS = ("x_train", "y_train", "x_test", "y_test", "groups", "times")
"""What a dataset holds arrays in; the last two may be None."""

MOST_CLASSES = 65_536
"""Predictions are kept as uint16."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Examples and targets of a training and a test part; its arrays are read-only.

    The targets of a classification are int32 of shape (examples,) in 0…classes - 1, and every
    class has a training example. Those of a regression are finite float32 of shape (examples,
    targets), those of `multilabel` uint8 of 0 and 1 (examples, labels): none of them is the same
    over the whole training part.

    Attributes:
        name: what it is called in tables and reports.
        x_train: training inputs, uint8 or finite float32 of shape (examples, *input_shape).
        y_train: training targets.
        x_test: test inputs, of the same type and input shape.
        y_test: test targets.
        class_names: one text a class, label or target, all different, in their order.
        task: what is to be learnt.
        columns: names of a table's columns, where they are known.
        unused: names of arrays of the file that nobody uses.
        validation_examples: how many examples at the end of the training part are a validation
            part of the user's own, the same in every replicate; 0 where it is drawn.
        groups: int32 of shape (training examples,), or None: examples of one number stay in one
            part.
        times: float64 of shape (training examples,), or None: examples are validated later than
            they train.
        notes: what reading the data took for granted, as sentences; no part of the fingerprint.
        folds: how all examples take turns as the test part; the parts are then those of the last
            replicate of a repeat, and `groups` and `times` are of the training part and the test
            part. None where the test part is the same in every replicate.
        revision: how often the meaning of such data has changed, which its fingerprint tells:
            trials of before are other trials.
        pictures: whether inputs are files of images, prepared by `data.images.decode`: a file that
            a model is asked about is prepared alike. No part of the fingerprint.

    Raises:
        DataError: from the constructor, if any of that is not so.

    Example:
        >>> from stepladder.data import synthetic
        >>> dataset = synthetic(examples=20, input_shape=(2, 2), classes=2, seed=0)
        >>> dataset.x_train.shape, dataset.classes
        ((20, 2, 2), 2)
    """

    name: str
    x_train: Images
    y_train: Targets
    x_test: Images
    y_test: Targets
    class_names: tuple[str, ...]
    task: Task = "classification"
    columns: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    validation_examples: int = 0
    groups: npt.NDArray[np.int32] | None = None
    times: npt.NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()
    folds: Folds | None = None
    revision: int = 0
    pictures: bool = False

    def __post_init__(self) -> None:
        """Checks all parts against each other and makes their arrays read-only.

        Raises:
            DataError: if a part is not as the class describes it.
        """
        object.__setattr__(self, "class_names", tuple(self.class_names))
        _check_class_names(self.name, self.class_names, self.task)
        _check_rows(self)
        _check_images(self)
        check = _check_labels if self.task == "classification" else _check_targets
        check(self, "train", self.x_train, self.y_train)
        check(self, "test", self.x_test, self.y_test)
        if self.task == "classification":
            _check_every_class_is_trained(self)
        else:
            _check_targets_vary(self)
        for part in ARRAYS:
            array = getattr(self, part)
            if array is not None:
                view = np.ascontiguousarray(array).view()
                view.flags.writeable = False
                object.__setattr__(self, part, view)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example's inputs."""
        return self.x_train.shape[1:]

    @property
    def outputs(self) -> int:
        """How many numbers answer an example: classes, labels or targets."""
        return len(self.class_names)

    @property
    def classes(self) -> int:
        """The number of classes, or of labels; 0 of a regression."""
        return 0 if self.task == "regression" else self.outputs

    @property
    def least_training(self) -> int:
        """Examples of the training part, of the smallest one where there are folds."""
        return min(self.folds.train_sizes()) if self.folds else len(self.y_train)

    def view(self, replicate: int) -> "Dataset":
        """The training and the test part of one replicate; the dataset itself without folds.

        The last one is kept, since trials of one replicate follow each other.

        Example:
            >>> from stepladder.data import synthetic
            >>> dataset = synthetic(examples=20, input_shape=(2,), classes=2, seed=0)
            >>> dataset.view(3) is dataset
            True
        """
        if self.folds is None:
            return self
        number, made = self.__dict__.get("_view", (None, self))
        if number == replicate:
            return made  # type: ignore[no-any-return]
        self.__dict__.pop("_view", None)  # one copy at a time
        labels = np.concatenate([self.y_train, self.y_test])
        repeat, fold = divmod(replicate, self.folds.count)
        drawn, numbers = self.__dict__.get("_numbers", (None, labels))
        if drawn != repeat:
            strata = labels if labels.ndim == 1 else np.zeros(len(labels), np.int32)
            numbers = self.folds.numbers(repeat, strata, self.groups)
            self.__dict__["_numbers"] = (repeat, numbers)
        rows = self.folds.rows(fold, numbers)
        x_train, x_test = (_take((self.x_train, self.x_test), places) for places in rows)
        train, test = rows
        made = replace(
            self, x_train=x_train, y_train=labels[train], x_test=x_test, y_test=labels[test],
            groups=None if self.groups is None else self.groups[train],
            times=None if self.times is None else self.times[train], folds=None,
        )  # fmt: skip
        self.__dict__["_view"] = (replicate, made)
        return made

    def without_inputs(self) -> "Dataset":
        """The same examples with one input that is 0: what dividing them needs, in little memory.

        Example:
            >>> from stepladder.data import synthetic
            >>> synthetic(20, (28, 28), 2, seed=0).without_inputs().input_shape
            (1,)
        """
        x_train, x_test = (np.zeros((len(y), 1), np.uint8) for y in (self.y_train, self.y_test))
        return replace(self, x_train=x_train, x_test=x_test, columns=())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over shapes, types, bytes, class names, task and rows, as 64 hexadecimal digits.

        It depends on contents, not names or paths, and is the same on every machine.
        """
        given = {name: getattr(self, name) for name in ARRAYS}
        parts = [
            array.astype(array.dtype.newbyteorder("<"), copy=False)
            for array in given.values()
            if array is not None
        ]
        form: dict[str, Any] = {
            "class_names": self.class_names,
            "parts": [[part.dtype.newbyteorder("<").str, part.shape] for part in parts],
        }
        if self.task != "classification":
            form["task"] = self.task
        if self.revision:
            form["revision"] = self.revision
        if self.validation_examples:
            form["validation_examples"] = self.validation_examples
        if self.folds:
            form["folds"] = [self.folds.sizes, self.folds.is_forward]
        rows = [name for name in ("groups", "times") if given[name] is not None]
        if rows:
            form["rows"] = rows
        digest = hashlib.sha256(json.dumps(form, sort_keys=True).encode())
        for part in parts:
            digest.update(part.data)
        return digest.hexdigest()


def _take(parts: tuple[Images, Images], rows: npt.NDArray[np.intp]) -> Images:
    """Rows of two arrays that follow each other; the rows ascend."""
    first, second = parts
    taken: Images = np.empty((len(rows), *first.shape[1:]), first.dtype)
    start = int(np.searchsorted(rows, len(first)))
    np.take(first, rows[:start], axis=0, out=taken[:start], mode="clip")
    np.take(second, rows[start:] - len(first), axis=0, out=taken[start:], mode="clip")
    return taken


def own_data(name: str) -> Dataset:
    """What stands for the data of a training that brings its own: nothing is known of them.

    Args:
        name: of the training; its test set is told apart by it.

    Example:
        >>> own_data("train.py:train").classes
        0
    """
    dataset = object.__new__(Dataset)
    nothing = {"x_train": np.zeros((0, 0), np.float32), "x_test": np.zeros((0, 0), np.float32),
               "y_train": np.zeros(0, np.int32), "y_test": np.zeros(0, np.int32)}  # fmt: skip
    fingerprint = hashlib.sha256(f"data of {name}".encode()).hexdigest()
    values = {"name": name, "class_names": (), "fingerprint": fingerprint}
    dataset.__dict__.update(nothing | values)
    return dataset


def list_names(names: list[str], most: int = 12) -> str:
    """Names for a message, the first of them; "nothing" for none.

    Example:
        >>> list_names(["x_train", "y_train"]), list_names(["a", "b", "c"], most=2)
        ('x_train, y_train', 'a, b and 1 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(map(name_in_list, names[:most])) + more) or "nothing"


def check_shape(name: str, part: str, shape: tuple[int, ...]) -> None:
    """Checks the shape of inputs.

    Args:
        name: the dataset's name.
        part: `x_train` or `x_test`.
        shape: of that part.

    Raises:
        DataError: if it is not that of a table or of images.
    """
    if not 2 <= len(shape) <= 4 or 0 in shape:
        raise DataError(
            f"{name}: {part} must have the shape (examples, features), (examples, height, width) "
            f"or (examples, height, width, channels) with no side of 0, found {shape}; reshape it"
        )


def _check_class_names(name: str, class_names: tuple[str, ...], task: Task) -> None:
    if task == "classification" and not 2 <= len(class_names) <= MOST_CLASSES:
        raise DataError(
            f"{name}: must have 2 to {MOST_CLASSES:,} classes, found {len(class_names)} "
            f"({list_names(list(map(repr, class_names)))}); check what its labels are"
        )
    if len(set(class_names)) != len(class_names):
        twice = sorted({text for text in class_names if class_names.count(text) > 1})
        raise DataError(
            f"{name}: {_NAMES[task]} must differ, found {list_names(list(map(repr, twice)))} "
            "more than once; rename one"
        )


def _place(dataset: Dataset, part: str, row: int) -> tuple[str, int]:
    """The part as its owner knows it, and the place of an example in it."""
    first = len(dataset.x_train) - dataset.validation_examples
    return ("val", row - first) if part == "train" and row >= first else (part, row)


def _check_images(dataset: Dataset) -> None:
    name, x_train, x_test = dataset.name, dataset.x_train, dataset.x_test
    for part, images in (("train", x_train), ("test", x_test)):
        if images.dtype not in (np.uint8, np.float32):
            raise DataError(
                f"{name}: x_{part} must be uint8 or float32, found {images.dtype}; convert it"
            )
        check_shape(name, f"x_{part}", images.shape)
        if images.dtype == np.float32 and not np.isfinite(images).all():
            row = int(np.argmin(np.isfinite(images.reshape(len(images), -1)).all(axis=1)))
            found = images[row][~np.isfinite(images[row])][0]
            owner, place = _place(dataset, part, row)
            raise DataError(
                f"{name}: x_{owner} must hold finite numbers within the range of float32, found "
                f"{found} in example {place}; repair or remove that example"
            )
    if x_train.dtype != x_test.dtype or x_train.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"{name}: x_train and x_test must have examples of one type and shape, found "
            f"{x_train.dtype} {x_train.shape[1:]} and {x_test.dtype} {x_test.shape[1:]}; "
            "prepare both parts alike"
        )


_NAMES: dict[Task, str] = {
    "classification": "class names",
    "regression": "names of targets",
    "multilabel": "names of labels",
}


def _check_labels(dataset: Dataset, part: str, images: Images, labels: Targets) -> None:
    name, classes = dataset.name, dataset.classes
    if labels.dtype != np.int32 or labels.shape != (len(images),):
        raise DataError(
            f"{name}: y_{part} must be int32 with one label for each example of x_{part}, found "
            f"{len(images)} examples and {labels.size} labels ({labels.dtype} of shape "
            f"{labels.shape}); check that the two belong together"
        )
    if labels.min() < 0 or labels.max() >= classes:
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise DataError(
            f"{name}: y_{part} must lie in 0…{classes - 1}, one number a class, found {wrong}; "
            "number the classes from 0"
        )


def _check_targets(dataset: Dataset, part: str, images: Images, targets: Targets) -> None:
    is_regression = dataset.task == "regression"
    kind = np.float32 if is_regression else np.uint8
    if targets.dtype != kind or targets.shape != (len(images), dataset.outputs):
        raise DataError(
            f"{dataset.name}: y_{part} must be {np.dtype(kind)} of shape ({len(images)}, "
            f"{dataset.outputs}), a row for each example of x_{part}, found {targets.dtype} of "
            f"shape {targets.shape}; check that the two belong together"
        )
    wrong = np.argwhere(~np.isfinite(targets) if is_regression else targets > 1)
    if len(wrong):
        row, column = wrong[0]
        what = "finite numbers within the range of float32" if is_regression else "0 or 1"
        owner, place = _place(dataset, part, int(row))
        raise DataError(
            f"{dataset.name}: y_{owner} must hold {what}, found {targets[row, column]} in example "
            f"{place}; repair or remove that example"
        )


def _check_targets_vary(dataset: Dataset) -> None:
    y_train = dataset.y_train[: len(dataset.y_train) - dataset.validation_examples]
    first = y_train[0]
    same = np.flatnonzero((y_train == first).all(axis=0))
    if len(same):
        kind = "label" if dataset.task == "multilabel" else "target"
        raise DataError(
            f"{dataset.name}: the {kind} {dataset.class_names[same[0]]!r} must vary over the "
            f"training part, found {first[same[0]]:g} in every example; check the column, or leave "
            "it out"
        )


def _check_every_class_is_trained(dataset: Dataset) -> None:
    names = dataset.class_names
    y_train = dataset.y_train[: len(dataset.y_train) - dataset.validation_examples]
    counts = np.bincount(y_train, minlength=len(names))
    missing = [repr(names[number]) for number in np.flatnonzero(counts == 0)]
    if missing:
        raise DataError(
            f"{dataset.name}: every class must have a training example, found none of "
            f"{list_names(missing)}; add examples or remove the class"
        )


def _check_rows(dataset: Dataset) -> None:
    """Checks what says how the examples are divided."""
    examples = len(dataset.x_train)
    if not 0 <= dataset.validation_examples < examples:
        raise DataError(
            f"{dataset.name}: the validation part must leave a training example, found "
            f"{dataset.validation_examples} of {examples} examples in it; give more examples"
        )
    part = "training examples"
    if dataset.folds is not None:
        examples, part = examples + len(dataset.x_test), "examples of both parts"
        if sum(dataset.folds.sizes) != examples or dataset.folds.sizes[-1] != len(dataset.x_test):
            raise DataError(
                f"{dataset.name}: folds must be of all {examples} examples, the test part the "
                f"last, found sizes of {dataset.folds.sizes}; load it again"
            )
    for name, kind in (("groups", np.int32), ("times", np.float64)):
        rows = getattr(dataset, name)
        if rows is not None and (rows.dtype != kind or rows.shape != (examples,)):
            raise DataError(
                f"{dataset.name}: {name} must be {np.dtype(kind)} with a number for each of "
                f"{examples} {part}, found {rows.dtype} of shape {rows.shape}; check "
                "that the two belong together"
            )


_MOST = 2**31 - 1
_Array = npt.NDArray[Any]


def assemble(
    name: str,
    *,
    x_train: _Array,
    y_train: _Array,
    x_test: _Array,
    y_test: _Array,
    x_val: _Array | None = None,
    y_val: _Array | None = None,
    task: Task | None = None,
) -> Dataset:
    """A dataset from inputs of any real type and targets as `number_targets` takes them.

    Whole-number types that stay in 0…255 become uint8, everything else float32.

    Args:
        name: what the dataset is called, which errors begin with.
        x_train: training inputs of shape (examples, …).
        y_train: training targets.
        x_test: test inputs.
        y_test: test targets.
        x_val: inputs of a validation part of the user's own; None where it is drawn.
        y_val: their targets.
        task: what is to be learnt; classes when None.

    Raises:
        DataError: if the parts are not of that form or do not belong together.

    Example:
        >>> x, y = np.zeros((4, 3)), np.array([5, 7, 5, 7])
        >>> assemble("tiny", x_train=x, y_train=y, x_test=x, y_test=y).class_names
        ('5', '7')
    """
    targets = join_targets(name, y_train, y_val, task)
    inputs = x_train if x_val is None else _join_inputs(name, x_train, x_val)
    train, test = _images(name, inputs, x_test)
    train_labels, test_labels, class_names = number_targets(name, targets, y_test, task)
    return Dataset(
        name=name,
        x_train=train,
        y_train=train_labels,
        x_test=test,
        y_test=test_labels,
        class_names=class_names,
        task=task or "classification",
        validation_examples=0 if x_val is None else len(x_val),
    )


def _check_numbers(name: str, part: str, x: _Array) -> None:
    if x.dtype.kind not in "biuf" or x.size == 0:
        raise DataError(
            f"{name}: {part} must hold numbers, found {x.size} values of type {x.dtype}; save the "
            "inputs as uint8 or float32"
        )


def _join_inputs(name: str, x_train: _Array, x_val: _Array) -> _Array:
    """The validation part's inputs after those of the training part."""
    _check_numbers(name, "x_train", x_train)
    _check_numbers(name, "x_val", x_val)
    is_float = x_train.dtype.kind == "f"
    if x_train.shape[1:] != x_val.shape[1:] or is_float != (x_val.dtype.kind == "f"):
        raise DataError(
            f"{name}: x_train and x_val must have examples of one type and shape, found "
            f"{x_train.dtype} {x_train.shape[1:]} and {x_val.dtype} {x_val.shape[1:]}; prepare "
            "both parts alike"
        )
    return np.concatenate([x_train, x_val])


def join_targets(name: str, y_train: _Array, y_val: _Array | None, task: Task | None) -> _Array:
    """The validation part's targets after those of the training part, where there are any.

    Raises:
        DataError: if they are no targets, or the training part lacks a class of them.

    Example:
        >>> join_targets("tiny", np.array([5, 7]), np.array([7]), None).tolist()
        [5, 7, 7]
    """
    if y_val is None:
        return y_train
    train, val = _converted(name, task, y_train, "y_val", y_val)
    if train.ndim == 1:
        refuse_unknown(name, "y_val", np.setdiff1d(val, train))
    return np.concatenate([train, val])


def _converted(
    name: str, task: Task | None, y_train: _Array, part: str, y: _Array
) -> tuple[_Array, _Array]:
    """The targets of the training part and of another one, in the form of their task."""
    converters: dict[Task, Callable[[str, str, _Array], _Array]] = {
        "classification": _whole, "regression": _values, "multilabel": _labels}  # fmt: skip
    convert = converters[task or "classification"]
    train, other = convert(name, "y_train", y_train), convert(name, part, y)
    if train.shape[1:] != other.shape[1:]:
        raise DataError(
            f"{name}: y_train and {part} must have the same columns, found {train.shape[1]} and "
            f"{other.shape[1]}; prepare both parts alike"
        )
    return train, other


def refuse_unknown(name: str, part: str, classes: Iterable[object]) -> None:
    """Refuses classes of another part that no training example has.

    Args:
        name: what the dataset is called.
        part: whose classes they are, such as `y_test`.
        classes: that the training part lacks; often none.

    Raises:
        DataError: if there are some.
    """
    unknown = [str(value) for value in classes]
    if unknown:
        raise DataError(
            f"{name}: {part} must hold only classes that y_train holds, found "
            f"{list_names(unknown)} in {part} alone; add training examples of them or remove them"
        )


def number_targets(
    name: str, y_train: _Array, y_test: _Array, task: Task | None = None
) -> tuple[Targets, Targets, tuple[str, ...]]:
    """The targets of both parts as a dataset has them, and the names of their columns.

    Classes are whole numbers from 0, of shape (examples,) or (examples, 1): they are numbered in
    the order of their values, and class names keep the values. Numbers of a regression may have
    one column or several, and labels are 0 or 1, a column each.

    Args:
        name: what the dataset is called, which errors begin with.
        y_train: targets of the training part.
        y_test: targets of the test part.
        task: what is to be learnt; classes when None.

    Raises:
        DataError: if they are no such targets.

    Example:
        >>> train, _, names = number_targets("t", np.array([0.5, 2]), np.array([1]), "regression")
        >>> train.tolist(), names
        ([[0.5], [2.0]], ('y',))
    """
    train, test = _converted(name, task, y_train, "y_test", y_test)
    if task is None or task == "classification":
        return _number_classes(name, train, test)
    count = train.shape[1]
    names = tuple(str(place) for place in range(count)) if task == "multilabel" else (
        ("y",) if count == 1 else tuple(f"y{place}" for place in range(1, count + 1)))  # fmt: skip
    return train, test, names


def _values(name: str, part: str, values: _Array) -> npt.NDArray[np.float32]:
    """Numbers of a regression as float32 of shape (examples, targets)."""
    if values.ndim not in (1, 2) or values.dtype.kind not in "biuf" or values.size == 0:
        raise DataError(
            f"{name}: {part} must be numbers of shape (examples,) or (examples, targets), found "
            f"{values.dtype} of shape {values.shape}; save one number an example for each target"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # Dataset names the example
        return values.reshape(len(values), -1).astype(np.float32)


def _labels(name: str, part: str, labels: _Array) -> npt.NDArray[np.uint8]:
    """Labels as uint8 of shape (examples, labels)."""
    if labels.ndim not in (1, 2) or labels.dtype.kind not in "biuf" or labels.size == 0:
        raise DataError(
            f"{name}: {part} must be 0 or 1 of shape (examples, labels), found {labels.dtype} of "
            f"shape {labels.shape}; save a column for each label"
        )
    columns = labels.reshape(len(labels), -1)
    wrong = np.argwhere((columns != 0) & (columns != 1))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{name}: {part} must hold 0 or 1 for each label, found {columns[row, column]} for "
            f"example {row}; save a column of 0 and 1 for each label, or write another task"
        )
    return columns.astype(np.uint8)


def _number_classes(
    name: str, train: _Array, test: _Array
) -> tuple[Labels, Labels, tuple[str, ...]]:
    values, numbers = np.unique(train, return_inverse=True)
    refuse_unknown(name, "y_test", np.setdiff1d(test, values))
    class_names = tuple(str(value) for value in values)
    _check_class_names(name, class_names, "classification")
    return numbers.astype(np.int32), np.searchsorted(values, test).astype(np.int32), class_names


Announced = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and type of x_train, y_train, x_test, y_test and perhaps x_val, y_val by headers."""


def check_announced(name: str, announced: Announced) -> None:
    """Compares what headers announce, before anything is expanded.

    Raises:
        DataError: if the parts do not belong together, or need more memory than is free.
    """
    needed = 0
    parts = [part for part in ("train", "val", "test") if f"x_{part}" in announced]
    for part in parts:
        (shape, dtype), (labels, kind) = announced[f"x_{part}"], announced[f"y_{part}"]
        check_shape(name, f"x_{part}", shape)
        if labels and shape[0] != labels[0]:  # a single number is refused with the labels
            raise DataError(
                f"{name}: y_{part} must have one label for each example of x_{part}, found "
                f"{shape[0]} examples and {labels[0]} labels; check that the two belong together"
            )
        copied = 0 if dtype in (np.uint8, np.float32) else 4  # bytes of a number in a copy
        joined = dtype.itemsize if "val" in parts and part != "test" else 0
        needed += math.prod(shape) * (dtype.itemsize + copied + joined)
        needed += math.prod(labels) * (kind.itemsize + 16)
    (train, one) = announced["x_train"]
    for part in parts[1:]:
        (other, kind) = announced[f"x_{part}"]
        if train[1:] != other[1:]:
            raise DataError(
                f"{name}: x_train and x_{part} must have examples of one type and shape, found "
                f"{one} {train[1:]} and {kind} {other[1:]}; prepare both parts alike"
            )
    check_memory(needed, f"{name}: {' and '.join(f'x_{part}' for part in parts)}")


def _images(name: str, x_train: _Array, x_test: _Array) -> tuple[Images, Images]:
    """Both parts as uint8 or both as float32."""
    for part, images in (("x_train", x_train), ("x_test", x_test)):
        _check_numbers(name, part, images)
        check_shape(name, part, images.shape)
    if (x_train.dtype.kind == "f") != (x_test.dtype.kind == "f"):
        raise DataError(
            f"{name}: x_train and x_test must be of one type, found {x_train.dtype} and "
            f"{x_test.dtype}; prepare both parts alike"
        )
    parts = (x_train, x_test)
    if all(part.dtype.kind != "f" and part.min() >= 0 and part.max() <= 255 for part in parts):
        return x_train.astype(np.uint8, copy=False), x_test.astype(np.uint8, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):  # Dataset names the example
        return x_train.astype(np.float32, copy=False), x_test.astype(np.float32, copy=False)


def _as_table(task: Task) -> str:
    return f'dataset = {{ npz = "…", task = "{task}" }}'


def _meant(labels: _Array) -> str:
    """What to do with targets that are not one number an example."""
    if labels.ndim != 2 or labels.size == 0:
        return "one an example"
    if not np.isin(labels, (0, 1)).all():
        return f"or, for {labels.shape[1]} numbers to be predicted, write {_as_table('regression')}"
    if (labels.sum(axis=1) == 1).all():
        return "its argmax(axis=1) if it is one-hot"
    return f"or, for labels of which several may apply, write {_as_table('multilabel')}"


def _whole(name: str, part: str, labels: _Array) -> npt.NDArray[np.int64]:
    """Labels as int64 of shape (examples,), checked to be whole and 0 or above."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "biuf" or labels.size == 0:
        raise DataError(
            f"{name}: {part} must be whole numbers of shape (examples,) or (examples, 1), found "
            f"{labels.dtype} of shape {labels.shape}; save class numbers, {_meant(labels)}"
        )
    wrong = np.flatnonzero(~((labels >= 0) & (labels <= _MOST) & (labels == np.floor(labels))))
    if wrong.size:
        if (labels != np.floor(labels)).any() and np.isfinite(labels).all():
            row = np.flatnonzero(labels != np.floor(labels))[0]
            raise DataError(
                f"{name}: {part} must hold class labels, whole numbers from 0, found "
                f"{labels[row]} for example {row}; for a target that is measured write "
                f"{_as_table('regression')}"
            )
        raise DataError(
            f"{name}: {part} must hold whole numbers from 0 to {_MOST}, found "
            f"{labels[wrong[0]]} for example {wrong[0]}; number the classes 0, 1, 2, …"
        )
    return labels.astype(np.int64)
