"""How long what is missing will take, as far as like trials that are stored can tell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from stepladder.recipe import Recipe
from stepladder.records import Trial
from stepladder.train.structure import structure

__all__ = ["seconds_to_train"]

_Kind = tuple[Recipe, int | None]


def seconds_to_train(
    missing: Sequence[Trial],
    timings: Iterable[tuple[Recipe, float]],
    workers: int,
    at_hand: Mapping[str, int],
) -> float | None:
    """Wall time of trials yet to be trained, compiling left out.

    A trial takes the mean time an epoch of the stored trials of its structure, of as many
    training examples.

    Args:
        missing: what is to be trained, on one dataset and engine.
        timings: recipe and seconds of stored trials on it.
        workers: processes that train at once.
        at_hand: epochs that need not be trained, by the id of a missing trial.

    Returns:
        Seconds, or None where for some trial there is nothing like it to tell by.
    """
    known: dict[_Kind, list[float]] = defaultdict(list)
    for recipe, seconds in timings:
        if recipe.epochs and math.isfinite(seconds):
            known[_kind(recipe)].append(seconds / recipe.epochs)
    total = 0.0
    for trial in missing:
        like = known.get(_kind(trial.recipe))
        if not like:
            return None
        epochs = trial.recipe.epochs - at_hand.get(trial.id, 0)
        total += epochs * math.fsum(like) / len(like)
    return total / max(1, workers)


def _kind(recipe: Recipe) -> _Kind:
    return structure(recipe), recipe.train_examples
