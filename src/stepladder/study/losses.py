"""Which of Keras' losses fit which targets, and what each is given of a network's outputs."""

from typing import Literal

from stepladder.study.keras_names import name_of
from stepladder.study.scoring import Task

Form = Literal["logits", "probabilities", "raw", "log"]

ONE_UNIT = ("binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge")
"""Losses by which two classes are one unit that is positive for the second one."""

AS_THEY_ARE = (
    "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson",
    "cosine_similarity",
)  # fmt: skip
"""Losses of a regression whose targets are never scaled: they are about shares of a target."""

NOT_NEGATIVE = ("mean_squared_logarithmic_error", "poisson")
"""Losses of a regression whose targets must not be negative."""

OF_A_BATCH = ("dice", "tversky")
"""Losses that are one number of a whole batch, in which no example has a weight."""

TAKES_NUMBERS = ("categorical_generalized_cross_entropy",)
"""Losses of class numbers, which examples that are mixed have of their larger part alone."""

_SHARED: dict[str, Form] = {
    "dice": "probabilities",
    "tversky": "probabilities",
    "mean_squared_error": "probabilities",
    "mean_absolute_error": "probabilities",
    "huber": "probabilities",
    "log_cosh": "probabilities",
    "binary_crossentropy": "logits",
    "binary_focal_crossentropy": "logits",
    "hinge": "raw",
    "squared_hinge": "raw",
}

_FORMS: dict[Task, dict[str, Form]] = {
    "classification": {
        "sparse_categorical_crossentropy": "logits",
        "categorical_crossentropy": "logits",
        "categorical_focal_crossentropy": "logits",
        "categorical_generalized_cross_entropy": "probabilities",
        "categorical_hinge": "raw",
        "kl_divergence": "probabilities",
        **_SHARED,
    },
    "multilabel": _SHARED,
    "regression": {
        "mean_squared_error": "raw",
        "mean_absolute_error": "raw",
        "mean_absolute_percentage_error": "raw",
        "mean_squared_logarithmic_error": "raw",
        "huber": "raw",
        "log_cosh": "raw",
        "poisson": "log",  # the exponential keeps answers positive, as a Poisson mean is
        "cosine_similarity": "raw",
    },
}


def form_of(loss: str, task: Task) -> Form:
    """What a loss is given of a network's outputs; "raw" where it does not fit the task.

    Example:
        >>> form_of("hinge", "classification"), form_of("dice", "multilabel")
        ('raw', 'probabilities')
    """
    return _FORMS[task].get(name_of(loss), "raw")


def losses_of(task: Task, outputs: int) -> tuple[str, ...]:
    """The losses that fit a task.

    Example:
        >>> "hinge" in losses_of("classification", 3), "poisson" in losses_of("regression", 1)
        (False, True)
    """
    has_two = task != "classification" or outputs == 2
    fitting = [loss for loss in _FORMS[task] if has_two or loss not in ONE_UNIT]
    if task == "regression" and outputs == 1:
        fitting.remove("cosine_similarity")
    return tuple(fitting)
