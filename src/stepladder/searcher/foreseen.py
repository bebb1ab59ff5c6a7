"""What a search would train: read off its declaration and its store, nothing trained or written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stepladder.errors import NoStoreError
from stepladder.runner import folder as folders
from stepladder.runner.progress import Planned
from stepladder.runner.question import Question, question_of
from stepladder.runner.settings import Settings
from stepladder.searcher.asking import Asker
from stepladder.searcher.replay import Replay, replayed
from stepladder.searcher.searchable import fresh_trials, populations_of, searchable
from stepladder.searcher.thinning import goes_on
from stepladder.searching import Population
from stepladder.store import Store, check_place, open_store
from stepladder.study import Study

__all__ = ["plan_search"]


def plan_search(
    study: Study, folder: Path, settings: Settings, *, store: str | None = None
) -> Planned:
    """What searching a study would train, and what is stored already; nothing is written.

    Candidates that diverge, and finalists that are tried again, are known only as results come
    in: the plan counts what the declaration says, and one winner at least.

    Args:
        study: what is asked, with a search.
        folder: where its files would go.
        settings: of this machine.
        store: URL of the store; an SQLite file in the folder when None.

    Raises:
        InputError: if the study, its search, its data, the folder or the store will not do.
    """
    _, record = searchable(study, settings)
    question = question_of(record)
    folders.check_holds(folder, study)
    search = study.search
    assert search is not None
    going = goes_on(study, question.engine)
    plan = list(populations_of(question))
    asker = Asker(question)
    fresh = fresh_trials(study.base, question)  # as many as there will be of the winner
    trials = sum(sum(each.sizes) for each in plan) + len(fresh)
    epochs = sum(each.epochs(going) for each in plan) + len(fresh) * study.base.epochs
    if store is not None:
        check_place(store)
    found, done, seconds, is_all = 0, 0, None, False
    with (
        suppress(NoStoreError),  # the search will make it
        open_store(store or str(folder / folders.STORE_NAME), create=False) as kept,
    ):
        replay = Replay(kept)
        is_all = replayed(question, plan, asker, replay)
        found, done = replay.trials, replay.epochs
        seconds = _seconds_an_epoch(kept, question)
    left, epochs = (0, 0) if is_all else (max(trials - found, 1), max(epochs - done, 1))
    workers = min(len(settings.cpus), left)
    return Planned(
        study=study,
        trials=left,
        found=found,
        epochs=epochs,
        workers=workers,
        arm_names={},
        arm_trials={},
        seconds=None if seconds is None or not left else seconds * epochs / workers,
        is_least=bool(left) and search.finalists > 1 and search.replicates > 1,
        notes=_notes(study, plan, len(fresh)),
    )


def _seconds_an_epoch(store: Store, question: Question) -> float | None:
    """Of one trial, over those that are stored; None where there are none."""
    timings = store.timings(question.fingerprint, question.engine)
    if not timings:
        return None
    return sum(each for _, each in timings) / sum(recipe.epochs for recipe, _ in timings)


def _notes(study: Study, plan: Sequence[Population], fresh: int) -> tuple[str, ...]:
    """How the search goes about it, in sentences."""
    search = study.search
    assert search is not None
    counts: dict[str, int] = {}
    for each in plan:
        rungs = zip(each.sizes, each.rungs, strict=True)
        text = ", ".join(f"{size} to epoch {epochs}" for size, epochs in rungs)
        counts[text] = counts.get(text, 0) + 1
    drawn = sum(each.size for each in plan)
    told = [f"{drawn} candidates by {search.sampler}"]
    told += [f"{count} × ({text})" if count > 1 else text for text, count in counts.items()]
    again = ""
    if search.finalists > 1 and search.replicates > 1:
        again = (
            f"up to {search.finalists} finalists too close to tell are tried on "
            f"{search.replicates - 1} more replicates; "
        )
    return (
        f"{told[0]}: {'; then '.join(told[1:])}",
        f"{again}the winner is trained on {fresh} fresh replicates",
    )
