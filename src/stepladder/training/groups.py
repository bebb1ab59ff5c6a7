"""Groups of trials that share one program."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from stepladder.study.recipe import FIELD_ROLES, Recipe, fields_with
from stepladder.trials.trial import Trial

_OF_A_GROUP = fields_with(lambda role: role.kind == "group")
"""Fields that are numbers or data to a program, and that all lanes of a group share."""

_ERASED = {
    name: Recipe.model_fields[name].default if role.erased is None else role.erased
    for name, role in FIELD_ROLES.items()
    if role.kind in ("lane", "group")
}
"""What stands in a program's key for fields that are numbers or data to it."""

_PRESENT = fields_with(lambda role: role.kind == "strength")
"""Fields that select a program by being there; how large they are is a number."""

_READ = fields_with(lambda role: role.network and role.kind != "structure")
"""Of all these, fields that the code of a user's own network may read to build it."""


_AT_ONCE, _AT_ONCE_OF_OWN = 2_000, 256


def evaluated_at_once(recipe: Recipe) -> int:
    """Examples of one evaluation call: wide enough for full speed, small enough for any memory.

    They are fewer for a network of the user's own, whose maps may be large.
    """
    return _AT_ONCE if recipe.model is None else max(_AT_ONCE_OF_OWN, recipe.batch_size)


def is_lane_number(field: str, base: Recipe) -> bool:
    """Whether lanes of one group may differ in a field; a strength of 0 is no strength.

    Args:
        field: of the recipe.
        base: a recipe that says what builds the network.
    """
    if field in _OF_A_GROUP or (base.model is not None and field in _READ):
        return False
    return field in _ERASED or field in _PRESENT


@lru_cache(maxsize=1024)  # the replicates of an arm share their recipe
def program_key(recipe: Recipe) -> Recipe:
    """The recipe with its numbers erased: trials of equal structure share one program.

    Layers, activation, normalisation, dropout, optimizer with its momentum, limits on norms and
    batch size stay. Learning rate and its schedule, initial weights, strengths of penalties,
    input scaling, epochs and the number of training images are numbers or data. How inputs are
    distorted and mixed stays too: lanes share their batches. Where a user's
    own code builds the network, every field that it may read stays as it is.

    Args:
        recipe: any recipe.

    Returns:
        A recipe that serves as key; it is not meant to be trained.
    """
    erased = dict(_ERASED)
    erased.update({field: 0.5 for field in _PRESENT if getattr(recipe, field)})
    if recipe.model is not None:
        erased.update({field: getattr(recipe, field) for field in _READ})
    elif recipe.normalization == "none":
        erased["normalization_position"] = "before"
    return recipe.changed(erased)


Axis = Literal["one", "map", "vmap"]
"""How replicates are put together: one by one, by `lax.map`, or by `vmap`."""


class Batching(NamedTuple):
    """How the replicates of one structure are put together, and how many at a time."""

    axis: Axis
    chunk: int


ALONE = Batching("one", 1)


class Stage(NamedTuple):
    """A part of a training: up to which epoch, and how many lanes its program then had."""

    epochs: int
    lanes: int


MOST_LANES = 8
"""Lanes of one group at most: more gain nothing and leave processes idle at the end.

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
    """Trials of equal structure that are trained together: one replicate, or several stacked.

    Attributes:
        trials: those to be trained, one or more, replicate by replicate.
        lanes: width of the program, which the study fixes, so that a trial's result does not
            depend on what was left to train beside it.
        stacking: how its replicates are put together; the study fixes their number likewise.
        after: epochs of its trials that were trained before, under fewer epochs: see
            `FinalStateCache`.
        before: stages that the trials have behind them, in which they had other company: the
            training goes on from the last one, or goes through all of them where it is not kept.
        keeps: whether where the trials end is kept, for other groups to go on from.
    """

    trials: tuple[Trial, ...]
    lanes: int
    stacking: Batching = ALONE
    after: int = 0
    before: tuple[Stage, ...] = ()
    keeps: bool = False

    @property
    def earlier(self) -> Group:
        """Its trials as they were in the last stage that they have behind them."""
        stage = self.before[-1]
        trials = tuple(with_epochs(trial, stage.epochs) for trial in self.trials)
        return Group(trials, stage.lanes, before=self.before[:-1], keeps=True)

    @property
    def key(self) -> GroupKey:
        """What its trials have in common, those of its first replicate that is."""
        return group_key(self.trials[0])

    @property
    def rows(self) -> list[Group]:
        """Its replicates as groups of their own."""
        rows: dict[int, list[Trial]] = {}
        for trial in self.trials:
            rows.setdefault(trial.replicate, []).append(trial)
        return [Group(tuple(trials), self.lanes) for trials in rows.values()]


def group_key(trial: Trial) -> GroupKey:
    """What a trial must have in common with others to share their batches."""
    recipe = trial.recipe
    return GroupKey(
        program_key(recipe),
        recipe.scaling,
        recipe.epochs,
        recipe.train_examples,
        trial.validation,
        trial.seed,
        trial.replicate,
        trial.engine,
    )


def macs(recipe: Recipe, inputs: int = _INPUTS) -> int:
    """Weights of a network's products but the last, and so multiplications an example."""
    return sum(before * after for before, after in pairwise([inputs, *recipe.hidden, 1]))


def max_lanes(recipe: Recipe) -> int:
    """Lanes of a group at most, 1 to 8: as many as the size of the network lets gain."""
    if recipe.model is not None:
        return 1
    return max(1, min(MOST_LANES, MOST_WEIGHTS // macs(recipe)))


def with_epochs(trial: Trial, epochs: int) -> Trial:
    """The same trial over another number of epochs."""
    return replace(trial, recipe=trial.recipe.changed({"epochs": epochs}))


def groups(
    planned: Sequence[Trial],
    missing: Iterable[Trial],
    stackings: Mapping[Recipe, Batching] | None = None,
    before: Mapping[Trial, tuple[Stage, ...]] | None = None,
    keeps: Collection[Trial] = (),
) -> list[Group]:
    """The groups that hold a trial still to be trained.

    Args:
        planned: every trial of the study, in its order: they alone decide the groups.
        missing: those still to be trained.
        stackings: how replicates are put together, by structure; one by one where it says nothing.
        before: stages that trials have behind them; trials of different ones share no group.
        keeps: trials of which it is kept where they end.

    Returns:
        Groups in the order of their first trial.
    """
    wanted, kept, behind = set(missing), set(keeps), before or {}
    made = []
    for stacking, rows in _stacked(_rows(planned, behind), stackings or {}):
        left = tuple(trial for row in rows for trial in row if trial in wanted)
        if left:
            put_together = Batching(stacking.axis, len(rows))
            made.append(
                Group(
                    left,
                    len(rows[0]),
                    put_together,
                    before=behind.get(rows[0][0], ()),
                    keeps=any(trial in kept for trial in left),
                )
            )
    return made


def _rows(
    planned: Sequence[Trial], before: Mapping[Trial, tuple[Stage, ...]]
) -> dict[tuple[GroupKey, object], list[Trial]]:
    """The trials that share batches, by what they have in common and which part of them it is."""
    together: dict[tuple[GroupKey, tuple[Stage, ...]], list[Trial]] = {}
    for trial in dict.fromkeys(planned):
        together.setdefault((group_key(trial), before.get(trial, ())), []).append(trial)
    rows: dict[tuple[GroupKey, object], list[Trial]] = {}
    for (key, behind), members in together.items():
        most = max_lanes(key.structure) if key.engine == "population" else 1
        parts = -(-len(members) // most)
        for part in range(parts):  # of equal size or one less, so that processes end together
            start, stop = (len(members) * place // parts for place in (part, part + 1))
            rows[key, (behind, part)] = members[start:stop]
    return rows


def _stacked(
    rows: Mapping[tuple[GroupKey, object], list[Trial]], stackings: Mapping[Recipe, Batching]
) -> list[tuple[Batching, list[list[Trial]]]]:
    """Rows of different replicates put together, in the order of the first of them."""
    piles: dict[object, list[list[Trial]]] = {}
    for (key, part), row in rows.items():
        stacking = stackings.get(key.structure, ALONE)
        alone = stacking.axis == "one"
        pile = (key, part) if alone else (replace(key, replicate=0), part, len(row))
        piles.setdefault(pile, []).append(row)
    made = []
    for piled in piles.values():
        stacking = stackings.get(group_key(piled[0][0]).structure, ALONE)
        for start in range(0, len(piled), stacking.chunk):
            made.append((stacking, piled[start : start + stacking.chunk]))
    return made
