"""Which group is trained next, so that all processes end together and compile little."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stepladder.train.groups import Group, multiplications

__all__ = ["cost", "named", "next_group"]


def cost(group: Group) -> float:
    """How long a group takes beside others of the study, in an arbitrary unit.

    Products of matrices alone are counted: multiplications of an example, times examples, epochs
    and lanes. Two groups that differ in the number of training examples alone are not told apart
    unless the recipe says how many it wants.
    """
    recipe = group.trials[0].recipe
    examples = recipe.train_examples or 1
    epochs = recipe.epochs - group.after
    return group.lanes * epochs * examples * multiplications(recipe)


def next_group(waiting: Sequence[Group], at_hand: object, busy: Collection[object]) -> Group:
    """The group to train next in a process.

    Groups of the structure that the process has at hand come first, since another one would have
    to be compiled; the largest of them before the rest, so that what is left at the end is small.
    Where none is left it begins the structure with the most work left that no other process is
    busy with, and once there is none it helps with the one that has most left.

    Args:
        waiting: groups to choose from, at least one.
        at_hand: the structure whose program the process has, or None.
        busy: structures that other processes are training.
    """
    work: dict[object, float] = {}
    for group in waiting:
        work[group.key.structure] = work.get(group.key.structure, 0) + cost(group)
    if at_hand in work:
        return max((each for each in waiting if each.key.structure == at_hand), key=cost)
    free = [structure for structure in work if structure not in busy]
    chosen = max(free or work, key=work.__getitem__)  # the first of equals
    return next(group for group in waiting if group.key.structure == chosen)


def named(group: Group | None, arm_names: Mapping[str, Sequence[str]]) -> str:
    """A group for messages.

    Args:
        group: its trials; None for none.
        arm_names: names of a trial's arms by its id.
    """
    if group is None:
        return "nothing"
    names = [name for trial in group.trials for name in arm_names.get(trial.id, ())]
    arms = f" ({', '.join(dict.fromkeys(names))})" if names else ""
    return f"{len(group.trials)} trial(s) of replicate {group.trials[0].replicate}{arms}"
