"""Groups of trials that share one program."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from stepladder.data import Dataset, Split, split
from stepladder.study.params import Params
from stepladder.study.recipe import FIELD_ROLES, NONE, Recipe, fields_with
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
    """Whether lanes of one group may differ in a field; a strength of 0 is no strength."""
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

    Returns:
        A recipe that serves as key; it is not meant to be trained.
    """
    erased = dict(_ERASED)
    erased.update({field: 0.5 for field in _PRESENT if getattr(recipe, field)})
    if recipe.model is not None:
        erased.update({field: getattr(recipe, field) for field in _READ})
        return recipe.changed(erased)
    if recipe.normalization == NONE:
        erased["normalization_position"] = "before"
    if not recipe.dropout and recipe.noise == NONE:
        erased["dropout_position"] = "after"
    return recipe.changed(erased)


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

    program: Recipe | str
    scaling: str
    epochs: int
    train_examples: int | None
    validation: int
    seed: int
    replicate: int
    engine: str
    target_scaling: str = "standardised"

    @property
    def structure(self) -> Recipe:
        """What its program is compiled for, where a built-in network is trained."""
        assert isinstance(self.program, Recipe)
        return self.program


@dataclass(frozen=True)
class Group:
    """Trials of equal structure that one program trains together.

    Attributes:
        trials: those to train, one or more, replicate by replicate.
        lanes: trials of one replicate that the program has room for. The study fixes it, so that
            a result does not depend on what is left to train; spare lanes repeat a trial.
        replicates: replicates that the program stacks; 1 for no stack. The study fixes it too.
        start_epoch: epochs of its trials that an earlier, shorter training has done: see
            `FinalStateCache`.
        stages: what the trials have behind them, in other company. Training resumes from the last
            stage, or repeats all of them if its end is not stored.
        saves_end: whether the end of each trial is stored, for the next stage.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> trials = [Trial(Recipe(hidden=[4], learning_rate=r), "data", 10, 0, 0)
        ...           for r in (0.1, 0.2)]
        >>> [(len(group.trials), group.lanes) for group in groups(trials, trials[:1])]
        [(1, 2)]
    """

    trials: tuple[Trial, ...]
    lanes: int
    replicates: int = 1
    start_epoch: int = 0
    stages: tuple[Stage, ...] = ()
    saves_end: bool = False

    @property
    def previous_stage(self) -> Group:
        """Its trials as they were in the last of `stages`."""
        stage = self.stages[-1]
        trials = tuple(with_epochs(trial, stage.epochs) for trial in self.trials)
        return Group(trials, stage.lanes, stages=self.stages[:-1], saves_end=True)

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """The stages of its trials, the one that it trains included."""
        return (*self.stages, Stage(self.key.epochs, self.lanes))

    @property
    def key(self) -> GroupKey:
        """What the trials of its first replicate have in common."""
        return group_key(self.trials[0])

    def by_replicate(self) -> list[Group]:
        """Its replicates as groups of their own."""
        members: dict[int, list[Trial]] = {}
        for trial in self.trials:
            members.setdefault(trial.replicate, []).append(trial)
        return [Group(tuple(trials), self.lanes) for trials in members.values()]


def group_key(trial: Trial) -> GroupKey:
    """What a trial must have in common with others to share their batches."""
    if isinstance(trial.config, Params):  # of the user's own: each is trained alone
        return GroupKey(trial.config.trainer, "", 1, None, trial.validation, trial.seed,
                        trial.replicate, trial.engine)  # fmt: skip
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
        recipe.target_scaling,
    )


def macs(recipe: Recipe, inputs: int = _INPUTS) -> int:
    """Weights of a network's products but the last, and so multiplications an example."""
    return sum(before * after for before, after in pairwise([inputs, *recipe.hidden, 1]))


def max_lanes(recipe: Recipe) -> int:
    """Lanes of a group at most, 1 to 8: as many as the size of the network lets gain."""
    if recipe.model is not None:
        return 1
    return max(1, min(MOST_LANES, MOST_WEIGHTS // macs(recipe)))


def split_for(trial: Trial, dataset: Dataset) -> Split:
    """The rows that a trial trains and validates on."""
    return split(
        dataset, trial.validation, trial.recipe.train_examples, trial.seed, trial.replicate
    )


def with_epochs(trial: Trial, epochs: int) -> Trial:
    """The same trial over another number of epochs."""
    return replace(trial, config=trial.recipe.changed({"epochs": epochs}))


def groups(
    planned: Sequence[Trial],
    missing: Iterable[Trial],
    stack_sizes: Mapping[Recipe | str, int] | None = None,
    before: Mapping[Trial, tuple[Stage, ...]] | None = None,
    keeps: Collection[Trial] = (),
) -> list[Group]:
    """The groups that hold a trial still to be trained.

    Args:
        planned: every trial of the study, in its order: they alone decide the groups.
        missing: those still to be trained.
        stack_sizes: replicates that one program stacks, by structure; 1 where it says nothing.
        before: stages that trials have behind them; trials of different ones share no group.
        keeps: trials whose end is stored.

    Returns:
        Groups in the order of their first trial.
    """
    to_train, saved, stages = set(missing), set(keeps), before or {}
    result = []
    for stack in _stacks(_rows(planned, stages), stack_sizes or {}):
        left = tuple(trial for row in stack for trial in row if trial in to_train)
        if left:
            first = stack[0]
            saves_end = any(trial in saved for trial in left)
            group = Group(left, len(first), len(stack), 0, stages.get(first[0], ()), saves_end)
            result.append(group)
    return result


def _rows(
    planned: Sequence[Trial], before: Mapping[Trial, tuple[Stage, ...]]
) -> dict[tuple[GroupKey, object], list[Trial]]:
    """The trials that share batches, by what they have in common and which part of them it is."""
    together: dict[tuple[GroupKey, tuple[Stage, ...]], list[Trial]] = {}
    for trial in dict.fromkeys(planned):
        together.setdefault((group_key(trial), before.get(trial, ())), []).append(trial)
    rows: dict[tuple[GroupKey, object], list[Trial]] = {}
    for (key, stages), members in together.items():
        most = max_lanes(key.structure) if key.engine == "population" else 1
        parts = -(-len(members) // most)
        for part in range(parts):  # of equal size or one less, so that processes end together
            start, stop = (len(members) * place // parts for place in (part, part + 1))
            rows[key, (stages, part)] = members[start:stop]
    return rows


def _stacks(
    rows: Mapping[tuple[GroupKey, object], list[Trial]], sizes: Mapping[Recipe | str, int]
) -> list[list[list[Trial]]]:
    """Rows of different replicates that one program trains, in the order of their first trial."""
    alike: dict[object, list[list[Trial]]] = {}
    for (key, part), row in rows.items():
        size = sizes.get(key.program, 1)
        shape = (key, part) if size == 1 else (replace(key, replicate=0), part, len(row))
        alike.setdefault(shape, []).append(row)
    stacks = []
    for similar in alike.values():
        size = sizes.get(group_key(similar[0][0]).program, 1)
        stacks += [similar[start : start + size] for start in range(0, len(similar), size)]
    return stacks
