"""Groups: which trials train as lanes of one program, on the same batches in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stepladder.recipe import Recipe
from stepladder.records import Trial
from stepladder.train.structure import structure

__all__ = ["Group", "GroupKey", "group_key", "groups", "multiplications"]

MOST_LANES = 16
"""Lanes of one group at most: more gain nothing and delay the first result.

A network of the user's own has one: convolutions over lanes of kernels took three times as long.
"""

MOST_WEIGHTS = 2**24
"""Weights of one group's lanes at most: with gradients, slots and copies some 500 MB.

Wide networks are bound by their own products, so that lanes gain them nothing. The limit is of the
study and not of the machine, since a trial's last bits depend on the number of its lanes.
"""

_INPUTS = 784
"""Inputs taken for granted where only the size of a network matters."""


@dataclass(frozen=True)
class GroupKey:
    """What trials must have in common to share batches."""

    structure: Recipe
    scaling: str
    epochs: int
    train_examples: int | None
    validation: int
    seed: int
    replicate: int
    engine: str


@dataclass(frozen=True)
class Group:
    """One replicate of one or more trials of equal structure, trained together.

    Attributes:
        trials: those to be trained, one or more, at most `lanes`.
        lanes: width of the program, which the study fixes, so that a trial's result does not
            depend on what was left to train beside it.
    """

    trials: tuple[Trial, ...]
    lanes: int

    @property
    def key(self) -> GroupKey:
        """What its trials have in common."""
        return group_key(self.trials[0])


def group_key(trial: Trial) -> GroupKey:
    """What a trial must have in common with others to share their batches."""
    recipe = trial.recipe
    return GroupKey(
        structure(recipe),
        recipe.scaling,
        recipe.epochs,
        recipe.train_examples,
        trial.validation,
        trial.seed,
        trial.replicate,
        trial.engine,
    )


def multiplications(recipe: Recipe) -> int:
    """Weights of a network's products, and so multiplications an example, its input 784 wide."""
    return sum(before * after for before, after in pairwise([_INPUTS, *recipe.hidden, 1]))


def most_lanes(recipe: Recipe) -> int:
    """Lanes of a group at most, 1 to 16: as many as the size of the network lets gain."""
    if recipe.model is not None:
        return 1
    return max(1, min(MOST_LANES, MOST_WEIGHTS // multiplications(recipe)))


def groups(planned: Sequence[Trial], missing: Iterable[Trial]) -> list[Group]:
    """The groups that hold a trial still to be trained.

    Args:
        planned: every trial of the study, in its order: they alone decide the groups.
        missing: those still to be trained.

    Returns:
        Groups in the order of their first trial.
    """
    wanted = set(missing)
    together: dict[GroupKey, list[Trial]] = {}
    for trial in dict.fromkeys(planned):
        together.setdefault(group_key(trial), []).append(trial)
    made = []
    for key, members in together.items():
        most = most_lanes(key.structure)
        for start in range(0, len(members), most):
            lanes = members[start : start + most]
            left = tuple(trial for trial in lanes if trial in wanted)
            if left:
                made.append(Group(left, len(lanes)))
    return made
