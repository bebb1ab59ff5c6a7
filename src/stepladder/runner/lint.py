"""What a user should know before anything is trained: confounds and size."""

from __future__ import annotations

from itertools import pairwise

from stepladder.confounds import confounds
from stepladder.data import Dataset
from stepladder.fractional import runs_of_fraction
from stepladder.recipe import Recipe
from stepladder.runner.plan import Plan
from stepladder.runner.too_few import too_few

__all__ = ["preflight", "weights"]

TOLD = 8
"""Confounds named before training; the report has them all."""


def preflight(planned: Plan, dataset: Dataset, sizes: dict[str, int]) -> tuple[str, ...]:
    """What to say before training, one line each; often nothing.

    Args:
        planned: what is to be trained.
        dataset: what it is trained on.
        sizes: examples by part.
    """
    study = planned.study
    shape = 1
    for side in dataset.input_shape:
        shape *= side
    counted = {arm.name: weights(arm.recipe, shape, dataset.classes) for arm in study.arms}
    found = confounds(study, train=sizes.get("train"), parameters=counted)
    lines = [f"confound: {each.text}" for each in found[:TOLD]]
    if len(found) > TOLD:
        lines.append(f"confound: and {len(found) - TOLD:,} more, in the report")
    return (*_size(planned), *lines, *too_few(study))


def _size(planned: Plan) -> list[str]:
    """What a factorial comes to, where there is a smaller design."""
    study = planned.study
    count = len(study.cells).bit_length() - 1
    if study.design != "factorial" or not planned.missing or count <= 4:
        return []
    return [
        f"factorial of {count} techniques, {len(planned.missing):,} trials to train: design = "
        f'"fraction" would have {runs_of_fraction(count)} arms of {2**count}'
    ]


def weights(recipe: Recipe, inputs: int, classes: int) -> int | None:
    """Trainable numbers of a recipe's network, without building it.

    Args:
        recipe: any recipe.
        inputs: numbers in one example.
        classes: units of the last layer.

    Returns:
        The number, or None for a network that is not stepladder's own.
    """
    if recipe.model is not None:
        return None
    widths = [inputs, *recipe.hidden, classes]
    total = sum(one * two + two for one, two in pairwise(widths))
    if recipe.normalization == "none":
        return total
    hidden = sum(recipe.hidden)
    cancelled = recipe.normalization == "batch" and recipe.normalization_position == "before"
    return total + 2 * hidden - (hidden if cancelled else 0)
