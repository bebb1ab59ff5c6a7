"""What a network's last layer stands for: its loss, its answers and its probabilities.

Written in `keras.ops`, so that populations and `keras.Model.fit` compute the same on any backend;
the cross-entropy that populations of classifiers minimise is that of `losses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stepladder.study.keras_names import arguments_of, name_of
from stepladder.study.losses import AS_THEY_ARE, ONE_UNIT, TAKES_NUMBERS, form_of
from stepladder.study.recipe import Recipe, Scaling
from stepladder.study.scoring import Task
from stepladder.training.keras_classes import keras_class

Tensor = Any  # of any backend
Numerics = Any  # NumPy, JAX' own, or keras.ops


_USUAL: dict[Task, str] = {
    "classification": "categorical_crossentropy",
    "multilabel": "binary_crossentropy",
    "regression": "mean_squared_error",
}


@dataclass(frozen=True)
class Head:
    """What the last layer of one network stands for.

    Attributes:
        task: of the dataset.
        outputs: its classes, labels or targets.
        loss: as the recipe says.

    Example:
        >>> Head("classification", 2, "hinge").units, Head("classification", 2, "auto").units
        (1, 2)
    """

    task: Task
    outputs: int
    loss: str = "auto"

    @classmethod
    def of(cls, recipe: Recipe, task: Task, outputs: int) -> Head:
        """The head of a recipe's network on a dataset of some task and number of outputs."""
        return cls(task, outputs, recipe.loss)

    @property
    def units(self) -> int:
        """Units of the last layer."""
        is_one = self.task == "classification" and name_of(self.loss) in ONE_UNIT
        return 1 if is_one else self.outputs

    @property
    def is_entropy(self) -> bool:
        """Whether the cross-entropy of classes is minimised: that of `losses`, for populations."""
        return self.task == "classification" and name_of(self.loss) in (
            "auto", "sparse_categorical_crossentropy", "categorical_crossentropy"
        )  # fmt: skip

    @property
    def reports_objective(self) -> bool:
        """Whether what is minimised is the loss that is reported, so that arms can be compared."""
        return name_of(self.loss) == "auto" or self.is_entropy

    def target_scaling(self, recipe: Recipe) -> Scaling:
        """How the targets of a regression are scaled while a recipe's network is trained."""
        is_relative = name_of(self.loss) in AS_THEY_ARE
        return "none" if is_relative else recipe.target_scaling

    @cached_property
    def _keras_loss(self) -> tuple[str, Any]:
        name, arguments = name_of(self.loss), arguments_of(self.loss)
        if name == "auto":
            name = _USUAL[self.task]
        if name == "sparse_categorical_crossentropy":
            name = "categorical_crossentropy"  # targets are shares of every class here
        if form_of(name, self.task) == "logits":
            arguments["from_logits"] = True
        return name, keras_class("losses", name)(**arguments, reduction=None)

    def objective(self, raw: Tensor, y: Tensor, smoothing: Tensor = None) -> Tensor:
        """What is minimised, by Keras' own loss: one number an example, or one for all.

        Args:
            raw: outputs (examples, units).
            y: class numbers (examples,) or shares of every class (examples, classes), labels
                (examples, labels), or scaled targets (examples, targets).
            smoothing: share of each label that is spread over all classes, as Keras spreads it.
        """
        name, loss = self._keras_loss
        form = form_of(name, self.task)
        if name in TAKES_NUMBERS:
            y = y if len(y.shape) == 1 else keras.ops.argmax(y, axis=1)
            return loss(y, keras.ops.softmax(raw))
        if self.task == "classification":
            y = y if len(y.shape) > 1 else keras.ops.one_hot(y, self.outputs)
            y = y[:, 1:] if self.units == 1 else y
        if smoothing is not None:  # of one unit, or of a label, it is spread over yes and no
            is_classes = self.task == "classification" and self.units > 1
            y = y * (1 - smoothing) + smoothing / (self.outputs if is_classes else 2)
        if form == "probabilities":
            is_labels = self.task == "multilabel"
            raw = keras.ops.sigmoid(raw) if is_labels else keras.ops.softmax(raw)
        elif form == "log":
            raw = keras.ops.exp(raw)
        return loss(y, raw)

    def class_logits(self, raw: Tensor, xp: Numerics) -> Tensor:
        """Logits of every class, of a last layer with one unit too; `xp` is NumPy or JAX' own."""
        if self.units == self.outputs:
            return raw
        return xp.concatenate([xp.zeros_like(raw), raw], axis=1)

    def answers(
        self, raw: Tensor, xp: Numerics, scale: Tensor = None, shift: Tensor = None
    ) -> Tensor:
        """Classes int32 (examples,), labels int32 (examples, labels), or values as they were.

        Args:
            raw: outputs (examples, units).
            xp: NumPy or JAX' own.
            scale: by which targets were multiplied, (targets,); for a regression.
            shift: what was then added to them.
        """
        if self.task == "classification":
            return self.class_logits(raw, xp).argmax(axis=1).astype(xp.int32)
        if self.task == "multilabel":
            return (raw > 0).astype(xp.int32)
        return (self._values(raw, xp) - shift) / scale

    def _values(self, raw: Tensor, xp: Numerics) -> Tensor:
        return xp.exp(raw) if form_of(name_of(self.loss), self.task) == "log" else raw

    def loss_of_each(self, raw: Tensor, y: Tensor, xp: Numerics, scale: Tensor = None) -> Tensor:
        """The loss that is reported, of each example: of labels or values; see `objective`.

        Returns:
            Mean binary cross-entropy in nats over labels, or mean squared error over targets, in
            the targets' own unit, (examples,).
        """
        if self.task == "multilabel":
            nats = xp.maximum(raw, 0) - raw * y + xp.log1p(xp.exp(-xp.abs(raw)))
        else:
            nats = ((self._values(raw, xp) - y) / scale) ** 2
        return xp.mean(nats, axis=1)

    def correct(self, raw: Tensor, y: Tensor, xp: Numerics) -> Tensor:
        """Whether all labels of each example are right; false for values."""
        if self.task == "multilabel":
            return xp.all((raw > 0) == (y > 0), axis=1)
        return xp.zeros_like(raw[:, 0]) > 0

    def probabilities(self, raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Probabilities of every class or label, on the host."""
        from scipy.special import expit, softmax

        if self.task == "multilabel":
            return np.asarray(expit(raw.astype(np.float64)), np.float32)
        logits = self.class_logits(raw.astype(np.float64), np)
        return np.asarray(softmax(logits, axis=1), np.float32)


def class_weights(
    recipe: Recipe, y: npt.NDArray[Any], class_names: Sequence[str]
) -> npt.NDArray[np.float32]:
    """How much an example of each class counts, float32 (classes,).

    Args:
        recipe: its `class_weight`; a class that its table does not name counts 1, as in Keras.
        y: the classes of the training examples, int (examples,).
        class_names: of all classes.

    Example:
        >>> recipe = Recipe(hidden=[3], class_weight="balanced")
        >>> class_weights(recipe, np.array([0, 0, 0, 1]), ["no", "yes"])
        array([0.6666667, 2.       ], dtype=float32)

    Reference:
        scikit-learn's `compute_class_weight` for "balanced".
    """
    if isinstance(recipe.class_weight, dict):
        table = [recipe.class_weight.get(name, 1.0) for name in class_names]
        return np.array(table, np.float32)
    counts = np.bincount(y, minlength=len(class_names))
    return np.asarray(len(y) / (len(class_names) * np.maximum(counts, 1)), np.float32)
