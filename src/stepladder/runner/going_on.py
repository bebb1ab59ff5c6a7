"""Going on: trainings that begin where shorter ones of the same trials have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stepladder.data import Dataset
from stepladder.runner.plan import Plan
from stepladder.runner.progress import QuietProgress
from stepladder.runner.settings import Settings
from stepladder.runner.stacking import stackings
from stepladder.store import Store
from stepladder.train.endings import Endings
from stepladder.train.groups import Group, groups, shortened

__all__ = ["epochs_at_hand", "going_on"]


def going_on(waiting: Sequence[Group], settings: Settings, store: Store) -> list[Group]:
    """Groups with the number of epochs after which each may go on.

    A group goes on where its store holds all of its trials over fewer epochs, so that a study
    trained again elsewhere is trained from the beginning, and this machine has their ending.

    Args:
        waiting: groups to be trained.
        settings: where endings are kept, if they are.
        store: where finished trials are.

    Raises:
        StoreError: if the store cannot be read.
    """
    if settings.endings is None:
        return list(waiting)
    endings = Endings(**settings.endings)
    choices = [(group, endings.epochs(group)) for group in waiting]
    stored = store.has(
        each for group, found in choices for epochs in found for each in _ids(group, epochs)
    )
    return [
        replace(group, after=next((each for each in found if _ids(group, each) <= stored), 0))
        for group, found in choices
    ]


def epochs_at_hand(
    plan: Plan, dataset: Dataset, settings: Settings, store: Store
) -> dict[str, int]:
    """Epochs that missing trials need not train, by id, for they go on from a shorter training.

    Args:
        plan: what is to be trained.
        dataset: what it is trained on.
        settings: how it will be trained.
        store: where finished trials are.

    Raises:
        StoreError: if the store cannot be read.
    """
    if settings.endings is None or not plan.missing:
        return {}
    known = stackings(plan.trials, plan.missing, dataset, settings, QuietProgress(), measure=False)
    waiting = going_on(groups(plan.trials, plan.missing, known), settings, store)
    return {trial.id: group.after for group in waiting if group.after for trial in group.trials}


def _ids(group: Group, epochs: int) -> set[str]:
    return {shortened(trial, epochs).id for trial in group.trials}
