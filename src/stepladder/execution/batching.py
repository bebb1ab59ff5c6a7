"""How trials become groups: which replicates share a program, and which resume from the cache."""

from collections.abc import Sequence
from dataclasses import replace

from stepladder.data import Dataset
from stepladder.execution.machine import Settings
from stepladder.store import Store
from stepladder.study.recipe import Recipe
from stepladder.training.checkpoints import FinalStateCache, Note
from stepladder.training.groups import Group, groups, macs, with_epochs
from stepladder.trials.trial import Trial

MAX_STACK = 8
"""Replicates that one program stacks on a GPU, if memory allows."""

# A weight, its gradient, two optimizer slots, and as much again for copies and activations.
_BYTES_PER_WEIGHT = 4 * 8


def stack_sizes(
    planned: Sequence[Trial], dataset: Dataset, settings: Settings
) -> dict[Recipe | str, int]:
    """How many replicates one program trains, by structure.

    On a CPU none are stacked: a stack has 0.95 to 0.98 of the speed. A GPU is busy only with
    many, so there the size is `MAX_STACK`, or less where memory is short. Networks of the user's
    own are never stacked: convolutions over stacked kernels take three times as long. Nor are
    replicates whose parts differ: folds have other data each, and groups other sizes.

    Args:
        planned: every trial of the study, not only those left to train, so that an interrupted
            study resumes with the same programs.
        dataset: what they are trained on.
        settings: device, memory and processes.

    Returns:
        Nothing for a structure whose replicates are trained one by one.

    Example:
        >>> from stepladder.data import synthetic
        >>> dataset = synthetic(20, (2, 2), 2, seed=0)
        >>> trials = [Trial(Recipe(hidden=[3]), dataset.fingerprint, 4, 0, r) for r in range(9)]
        >>> gpu = Settings((None,), {}, "jax", None, "a machine", device="gpu", memory=10**9)
        >>> list(stack_sizes(trials, dataset, gpu).values())
        [8]
    """
    sizes: dict[Recipe | str, int] = {}
    differs = dataset.folds is not None or dataset.groups is not None
    if settings.device == "cpu" or settings.is_user or differs:
        return sizes
    inputs = dataset.x_train[0].size
    for group in groups(planned, planned):
        structure = group.key.structure
        if structure.model is not None or structure in sizes:
            continue
        last = structure.hidden[-1] * dataset.outputs if structure.hidden else 0
        needed = group.lanes * (macs(structure, inputs) + last) * _BYTES_PER_WEIGHT
        sizes[structure] = MAX_STACK
        if settings.memory is not None:
            available = settings.memory / len(settings.cpus)
            sizes[structure] = max(1, min(MAX_STACK, int(available / needed)))
    return sizes


def make_groups(
    planned: Sequence[Trial],
    missing: Sequence[Trial],
    dataset: Dataset,
    settings: Settings,
    store: Store,
    note: Note | None = None,
) -> list[Group]:
    """The groups to train, each with the epoch from which it resumes.

    A group resumes where a shorter training of it ended, if this machine has cached that end and
    the store holds all of those trials: the same study in another store starts from epoch 0.
    A cached end that is damaged is not used; `note` is told of it, and it is removed.

    Raises:
        StoreError: if the store cannot be read.
    """
    waiting = groups(planned, missing, stack_sizes(planned, dataset, settings))
    if settings.endings is None or settings.is_user:
        return waiting
    cache = FinalStateCache(**settings.endings, note=note)
    choices = [(group, cache.epochs(group)) for group in waiting]
    stored = store.has(
        trial_id for group, options in choices for epochs in options
        for trial_id in _shorter_ids(group, epochs)
    )  # fmt: skip
    return [
        replace(group, start_epoch=next(
            (epochs for epochs in options if _shorter_ids(group, epochs) <= stored), 0
        ))
        for group, options in choices
    ]  # fmt: skip


def _shorter_ids(group: Group, epochs: int) -> set[str]:
    return {with_epochs(trial, epochs).id for trial in group.trials}
