"""How replicates are put together: as asked for, as remembered, or as measured here and now."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from stepladder.data import Dataset
from stepladder.errors import OutputError, WorkerError
from stepladder.execution.local import Event, Worker
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress
from stepladder.files import atomic_write
from stepladder.store import Store
from stepladder.study.recipe import Recipe
from stepladder.study.schema import fingerprint
from stepladder.training.checkpoints import FinalStateCache
from stepladder.training.groups import (
    ALONE,
    Axis,
    Batching,
    Group,
    groups,
    macs,
    with_epochs,
)
from stepladder.trials.seeding import NUMERICS_VERSION
from stepladder.trials.trial import Trial

CHUNK = 8
"""Replicates that are put together where nobody says how many."""

SMALL_STEP = 200_000
"""Multiplications of a step, one lane's, from which on a core is busy with one replicate.

Eight replicates by `vmap` took 0.4 of the time of one after the other at 2,000 multiplications a
step (4x4 inputs, 6 units, batch 16), 0.8 at 120,000 and 1.0 to 1.05 above 700,000.
"""

WORTH_MEASURING = 200_000
"""Steps of a structure's trials below which measuring costs more than it can save."""

_GAIN = 0.9
_BYTES = 4 * 8  # a weight, its gradient, two slots, and as much again for copies and activations
_MEASURED_STEPS = 50


def choose_batching(
    planned: Sequence[Trial],
    missing: Sequence[Trial],
    dataset: Dataset,
    settings: Settings,
    progress: Progress,
    measure: bool = True,
) -> dict[Recipe, Batching]:
    """How the replicates of each structure are to be put together.

    A measurement is made once for a machine, structure and version, and remembered in the cache:
    the last bits of a result depend on the choice, so that it must not change from run to run.

    Args:
        planned: every trial of the study.
        missing: those to be trained.
        dataset: what they are trained on.
        settings: what is forced, how much memory there is, and where choices are remembered.
        progress: is told of what was measured or had to be lowered.
        measure: whether to measure what was never measured; else it stands one by one.

    Raises:
        WorkerError: if a measurement fails.
    """
    if settings.engine == "fit":
        return {}
    piles: dict[Recipe, list[Group]] = {}
    wanted = {group.key.structure for group in groups(planned, missing)}
    for group in groups(planned, planned):  # not what is left: a resumed study chooses as before
        if group.key.structure in wanted:
            piles.setdefault(group.key.structure, []).append(group)
    chosen = {}
    measures = _Measures(dataset, settings) if measure else None
    try:
        for structure, pile in piles.items():
            axis = settings.axis
            if axis == "auto":
                axis = _automatic(structure, pile, dataset, settings, measures, progress)
            chunk = _fitting(pile[0], dataset, settings, progress) if axis != "one" else 1
            chosen[structure] = Batching(axis, chunk) if chunk > 1 else ALONE
    finally:
        if measures:
            measures.end()
    return chosen


def _automatic(
    structure: Recipe,
    pile: Sequence[Group],
    dataset: Dataset,
    settings: Settings,
    measures: _Measures | None,
    progress: Progress,
) -> Axis:
    recipe, inputs = pile[0].trials[0].recipe, dataset.x_train[0].size
    epochs = sum(group.trials[0].recipe.epochs for group in pile)
    steps = epochs * (recipe.train_examples or len(dataset.x_train)) // structure.batch_size
    work = macs(structure, inputs) * structure.batch_size
    is_small = work < SMALL_STEP or settings.device == "gpu"
    alike = _alike(pile)
    if structure.model is not None or len(alike) < 2 or not is_small or steps < WORTH_MEASURING:
        return "one"
    place = _place(settings, structure, pile[0].lanes, inputs)
    known = _read(place)
    if known is None:
        if measures is None:
            return "one"
        seconds = measures.of(alike[:CHUNK])
        best = min(seconds, key=seconds.__getitem__)
        axis = best if seconds[best] < _GAIN * seconds["one"] else "one"
        known = {"axis": axis, "seconds": seconds, "lanes": pile[0].lanes}
        _write(place, known, structure)
        progress.note(f"replicates of {_named(structure)} are put together by {axis} (measured)")
    return cast("Axis", known["axis"])


def _alike(pile: Sequence[Group]) -> list[Group]:
    """Groups of a structure like the first of them, one a replicate: such are put together."""
    first = pile[0]
    found: dict[int, Group] = {}
    for group in pile:
        is_like = replace(group.key, replicate=first.key.replicate) == first.key
        if is_like and len(group.trials) == len(first.trials):
            found.setdefault(group.key.replicate, group)
    return list(found.values())


def _fitting(group: Group, dataset: Dataset, settings: Settings, progress: Progress) -> int:
    """Replicates that fit in memory, at most as many as wanted."""
    wanted = settings.chunk or CHUNK
    structure, inputs = group.key.structure, dataset.x_train[0].size
    last = structure.hidden[-1] * dataset.classes if structure.hidden else 0
    each = group.lanes * (macs(structure, inputs) + last) * _BYTES
    if settings.memory is None:
        return wanted
    most = max(1, int(settings.memory / len(settings.cpus) // each))
    if most >= wanted:
        return wanted
    progress.note(
        f"{wanted} replicates of {_named(group.key.structure)} at once would need some "
        f"{wanted * each / 1e9:.1f} GB of {settings.memory / 1e9:.1f} GB; {most} are put together"
    )
    return most


class _Measures:
    """A process that times groups; started when it is first asked."""

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        self._dataset, self._settings = dataset, settings
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._worker: Worker | None = None

    def of(self, pile: Sequence[Group]) -> dict[str, float]:
        """Seconds of a trial·epoch by axis, over epochs of some steps."""
        if self._worker is None:
            cpu = self._settings.cpus[0]
            self._worker = Worker(self._dataset, self._settings, cpu, self._events, task="measure")
        self._worker.train(_shortened(pile, self._dataset))
        _, header, _ = self._events.get()
        if header is None or header["kind"] != "measured":
            said = header["message"] if header else self._worker.last_words()
            raise WorkerError(
                f"measuring how to put replicates together failed ({said}); nothing was trained. "
                "Go round it with --axis one"
            )
        return dict(header["seconds"])

    def end(self) -> None:
        """Ends the process."""
        if self._worker:
            self._worker.end()


def _shortened(pile: Sequence[Group], dataset: Dataset) -> Group:
    """Trials like those of a pile whose epochs are short."""
    first = pile[0].trials[0]
    there = first.recipe.train_examples or len(dataset.x_train) - first.validation
    few = min(there, _MEASURED_STEPS * first.recipe.batch_size)
    few = max(few, dataset.classes)
    trials = tuple(
        replace(trial, recipe=trial.recipe.changed({"train_examples": few, "epochs": 1}))
        for group in pile
        for trial in group.trials
    )
    return Group(trials, pile[0].lanes, Batching("map", len(pile)))


def _place(settings: Settings, structure: Recipe, lanes: int, inputs: int) -> Path | None:
    """Where a choice is remembered: by machine, structure, shapes and version."""
    if settings.cache is None:
        return None
    key = {
        "machine": settings.machine,
        "device": settings.device,
        "structure": structure.model_dump(mode="json"),
        "lanes": lanes,
        "inputs": inputs,
        "numerics": NUMERICS_VERSION,
        "jax": settings.jax,
    }
    return settings.cache.parent / "axes" / f"{fingerprint(key)}.json"


def _read(place: Path | None) -> dict[str, Any] | None:
    try:
        found = json.loads(place.read_text("utf-8")) if place else None
        return found if found and found["axis"] in ("one", "map", "vmap") else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never measured, or nothing that can be read: it is measured again


def _write(place: Path | None, known: dict[str, Any], structure: Recipe) -> None:
    if place is None:
        return
    try:
        text = json.dumps({**known, "structure": _named(structure)}, indent=2)
        atomic_write(place, text.encode())
    except OutputError:
        return  # a full disk costs a measurement next time, not a study


def remembered(cache: Path) -> Iterator[str]:
    """Every remembered choice in a line, for `doctor`.

    Args:
        cache: folder of compiled programs; choices lie beside it.
    """
    for file in sorted((cache.parent / "axes").glob("*.json")):
        known = _read(file)
        if known:
            yield f"{known.get('structure')}, {known.get('lanes')} lanes: {known['axis']}"


def _named(structure: Recipe) -> str:
    hidden = "-".join(map(str, structure.hidden))
    kind = f"{structure.activation}, {structure.optimizer}, batches of {structure.batch_size}"
    return f"{hidden} ({kind})"


def resume_from_cache(waiting: Sequence[Group], settings: Settings, store: Store) -> list[Group]:
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
    endings = FinalStateCache(**settings.endings)
    choices = [(group, endings.epochs(group)) for group in waiting]
    stored = store.has(
        each for group, found in choices for epochs in found for each in _ids(group, epochs)
    )
    return [
        replace(group, after=next((each for each in found if _ids(group, each) <= stored), 0))
        for group, found in choices
    ]


def _ids(group: Group, epochs: int) -> set[str]:
    return {with_epochs(trial, epochs).id for trial in group.trials}
