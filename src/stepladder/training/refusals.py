"""What Keras refuses of recipes whose names have arguments, found before anything is trained."""

import textwrap
from collections.abc import Sequence
from typing import Any

import keras

from stepladder.study.recipe import NETWORK_FIELDS, Recipe, fields_that_keras_may_refuse
from stepladder.study.scoring import Task
from stepladder.training import keras_models
from stepladder.training.heads import Head
from stepladder.training.initializers import initial_weights


def refusals(
    recipe: Recipe, input_shape: Sequence[int], outputs: int, task: Task = "classification"
) -> list[str]:
    """Problems of a recipe, each in Keras' own words; often none.

    The network is built and called as in training, on two examples. Of a network of
    the user's own only what stepladder makes of the recipe is looked at: optimizer and loss.

    Example:
        >>> refusals(Recipe(hidden=[8], activation="leaky_relu(negative_slope=0.1)"), (4, 4), 3)
        []
    """
    head = Head.of(recipe, task, outputs)
    whole = _refusal(recipe, input_shape, head)
    if whole is None:
        return []
    fields = fields_that_keras_may_refuse(recipe)
    defaults = {field: Recipe.model_fields[field].default for field in fields}
    problems = []
    for field in fields:
        value = getattr(recipe, field)
        only = recipe.changed({**defaults, field: value})
        alone = _refusal(only, input_shape, Head.of(only, task, outputs))
        if alone is not None:
            shape = f" with hidden = {list(recipe.hidden)}" if field in NETWORK_FIELDS else ""
            problems.append(
                f"{field} must be what Keras accepts, found {value}{shape}, to which Keras says: "
                f"{alone}; change it"
            )
    return problems or [f"Keras must build the network, found that it says: {whole}; change it"]


def _refusal(recipe: Recipe, input_shape: Sequence[int], head: Head) -> str | None:
    """What Keras says of a recipe, or None where it does not refuse it."""
    try:
        if recipe.model is None:
            model = keras_models.build(recipe, input_shape, head.units, initializer="zeros")
            initial_weights(model, 0, 0, recipe)
            _call(model, keras.ops.zeros((2, *input_shape)))
        keras_models.optimizer(recipe)
        shape = (2,) if head.task == "classification" else (2, head.outputs)
        head.objective(keras.ops.zeros((2, head.units)), keras.ops.zeros(shape, "int32"))
    except Exception as error:
        return textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder="...")
    return None


def _call(model: Any, x: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Computes answers, penalties and constraints, as a step of training does."""
    model(x, training=True)
    sum(model.losses)
    for variable in model.trainable_variables:
        if variable.constraint:
            variable.constraint(variable.value)
