"""The built-in metrics, computed: of classes or labels, of probabilities, of values.

Every function takes what is true and what was predicted, with examples first. NaN is what is not
defined for these examples.

| task | truth | predicted |
|---|---|---|
| classification | int (examples,) | classes (examples,), or probabilities (examples, classes) |
| multilabel | 0 or 1 (examples, labels) | the same, or probabilities (examples, labels) |
| regression | float (examples,) or (examples, targets) | values of the same shape |

As in scikit-learn, a score of several labels or targets is the mean of theirs; only the accuracy
of labels asks for all of an example's at once.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
_OfColumn = Callable[[Array, Array], float]

Task = Literal["classification", "regression", "multilabel"]
"""What is to be learnt: one class of several, numbers, or which of several labels apply."""

TOP_K = 5


def accuracy(y_true: Array, classes: Array) -> float:
    """The share of examples whose class is right."""
    return _mean(accuracy_of_each(y_true, classes))


def accuracy_of_each(y_true: Array, classes: Array) -> Floats:
    """1 where the class is right, or every label, else 0."""
    right = np.asarray(y_true == classes)
    return np.asarray(right.all(axis=1) if right.ndim == 2 else right, np.float64)


def balanced_accuracy(y_true: Array, classes: Array) -> float:
    """The mean over classes of the share of its examples that are right."""
    from sklearn.metrics import balanced_accuracy_score

    with warnings.catch_warnings():  # that an answer is no class of these examples
        warnings.simplefilter("ignore")
        return float(balanced_accuracy_score(y_true, classes)) if len(y_true) else math.nan


def macro_f1(y_true: Array, classes: Array) -> float:
    """The mean of the classes' F1; 0 for a class that is never answered, or answered wrongly."""
    from sklearn.metrics import f1_score

    if not len(y_true):
        return math.nan
    if y_true.ndim == 2:
        return _mean_of_columns(lambda y, one: f1_score(y, one, zero_division=0), y_true, classes)
    return float(f1_score(y_true, classes, average="macro", zero_division=0))


def auroc(y_true: Array, probabilities: Array) -> float:
    """The area under the ROC curve: of class 1 where there are two, else one-vs-rest, macro."""
    from sklearn.metrics import roc_auc_score

    return _mean_of_ranked(roc_auc_score, y_true, probabilities)


def average_precision(y_true: Array, probabilities: Array) -> float:
    """The average precision: of class 1 where there are two, else one-vs-rest, macro."""
    from sklearn.metrics import average_precision_score

    return _mean_of_ranked(average_precision_score, y_true, probabilities)


def _mean_of_ranked(score: _OfColumn, y_true: Array, probabilities: Array) -> float:
    """The mean over labels or classes; NaN where one applies to no example, or to all."""
    if y_true.ndim == 2:
        return _mean_of_columns(score, y_true, probabilities) if _varies(y_true) else math.nan
    classes = int(probabilities.shape[1])
    if not len(np.unique(y_true)) == classes > 1:
        return math.nan
    columns = [1] if classes == 2 else range(classes)
    return _mean([score(y_true == c, probabilities[:, c]) for c in columns])


def _mean_of_columns(score: _OfColumn, y_true: Array, predicted: Array) -> float:
    return _mean([score(y, one) for y, one in zip(y_true.T, predicted.T, strict=True)])


def top_k(classes: int) -> int:
    """How many of so many classes count: 5, or all but one where that is fewer.

    Example:
        >>> top_k(10), top_k(3)
        (5, 2)
    """
    return max(1, min(TOP_K, classes - 1))


def top_k_accuracy(y_true: Array, probabilities: Array) -> float:
    """The share of examples whose class is among the most probable ones; see `top_k`."""
    from sklearn.metrics import top_k_accuracy_score

    if not len(y_true):
        return math.nan
    count = probabilities.shape[1]
    if count <= 2:  # scikit-learn takes one column there
        return accuracy(y_true, probabilities.argmax(axis=1))
    return float(top_k_accuracy_score(y_true, probabilities, k=top_k(count), labels=range(count)))


def log_loss(y_true: Array, probabilities: Array) -> float:
    """The mean of -log of the probability of the true class; of labels, of what is true of each."""
    return _mean(log_loss_of_each(y_true, probabilities))


def log_loss_of_each(y_true: Array, probabilities: Array) -> Floats:
    """-log of each true class's probability, which is clipped as scikit-learn clips it.

    Of labels the mean over them: their binary cross-entropy.
    """
    shares = np.asarray(probabilities, np.float64)
    if y_true.ndim == 2:
        right = np.where(y_true == 1, shares, 1 - shares)
    else:
        right = shares[np.arange(len(y_true)), y_true]
    return _of_each(-np.log(np.maximum(right, np.finfo(np.float64).eps)))


def brier(y_true: Array, probabilities: Array) -> float:
    """The mean squared error of probabilities: summed over classes, of class 1 for two.

    Of labels it is the mean over them.
    """
    return _mean(brier_of_each(y_true, probabilities))


def brier_of_each(y_true: Array, probabilities: Array) -> Floats:
    """The squared error of each example's probabilities; see `brier`."""
    if y_true.ndim == 2:
        return mse_of_each(y_true, probabilities)
    count = probabilities.shape[1]
    errors = np.asarray(probabilities, np.float64) - np.eye(count)[y_true]
    columns = errors[:, 1:] if count == 2 else errors
    return np.asarray((columns**2).sum(axis=1), np.float64)


def mse(y_true: Array, values: Array) -> float:
    """The mean squared error."""
    return _mean(mse_of_each(y_true, values))


def mse_of_each(y_true: Array, values: Array) -> Floats:
    """The squared error of each example, the mean over its targets."""
    return _of_each((np.asarray(y_true, np.float64) - values) ** 2)


def rmse(y_true: Array, values: Array) -> float:
    """The root of the mean squared error; of several targets the mean of their roots."""
    if np.ndim(y_true) == 2:
        return _mean_of_columns(rmse, np.asarray(y_true), np.asarray(values))
    return math.sqrt(mse(y_true, values))


def mae(y_true: Array, values: Array) -> float:
    """The mean absolute error."""
    return _mean(mae_of_each(y_true, values))


def mae_of_each(y_true: Array, values: Array) -> Floats:
    """The absolute error of each example, the mean over its targets."""
    return _of_each(np.abs(np.asarray(y_true, np.float64) - values))


def r2(y_true: Array, values: Array) -> float:
    """The coefficient of determination; NaN where all true values of a target are the same."""
    from sklearn.metrics import r2_score

    return float(r2_score(y_true, values)) if _varies(y_true) else math.nan


def explained_deviance(y_true: Array, values: Array) -> float:
    """The share of the Poisson deviance that is explained; NaN where a mean must be above 0."""
    from sklearn.metrics import d2_tweedie_score

    if np.ndim(y_true) == 2:  # which scikit-learn does not take
        return _mean_of_columns(explained_deviance, np.asarray(y_true), np.asarray(values))
    is_possible = _varies(y_true) and np.min(y_true) >= 0 and np.min(values) > 0
    return float(d2_tweedie_score(y_true, values, power=1)) if is_possible else math.nan


def _varies(y_true: Array) -> bool:
    return len(y_true) > 1 and bool((np.ptp(y_true, axis=0) > 0).all())


def _of_each(values: Array) -> Floats:
    """One number an example: the mean over its labels or targets, where it has several."""
    return np.asarray(values.mean(axis=1) if values.ndim == 2 else values, np.float64)


def _mean(values: Any) -> float:  # noqa: ANN401 - numbers, or an array of them
    return float(np.mean(values)) if len(values) else math.nan
