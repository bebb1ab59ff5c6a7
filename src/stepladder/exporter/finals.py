"""The final weights of stored trials: those that were kept, or those that training again gives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepladder.data import Dataset
from stepladder.errors import InputError, RunError
from stepladder.files import write_whole
from stepladder.model_file import ModelFile
from stepladder.records import Final, Trial, TrialResult
from stepladder.runner import folder as folders
from stepladder.runner.execute import execute
from stepladder.runner.plan import planned as plan_of
from stepladder.runner.progress import Progress
from stepladder.runner.settings import Settings
from stepladder.runner.study_run import workers_for
from stepladder.store import open_store
from stepladder.study import Study
from stepladder.train.final import kept_final, weights_file

__all__ = ["Found", "Retraining", "finals_of"]


@dataclass(frozen=True)
class Found:
    """What a trial ended with.

    Attributes:
        final: its weights and answers.
        is_kept: whether they were kept by the run; else they were trained again.
        differing: test images on which they are right and the stored trial wrong, or the other
            way round: 0 where they are the same weights.
    """

    final: Final
    is_kept: bool
    differing: int


@dataclass(frozen=True)
class Retraining:
    """All that training a stored trial again takes.

    Attributes:
        study: that it belongs to.
        dataset: what it was trained on.
        settings: of this machine, with the engine that trained it.
        planned: every trial of its study: they decide which share a program.
        progress: is told how it goes.
        code: of a network of the user's own, or None.
    """

    study: Study
    dataset: Dataset
    settings: Settings
    planned: Sequence[Trial]
    progress: Progress
    code: ModelFile | None = None


def finals_of(
    results: Sequence[TrialResult],
    folder: Path,
    retraining: Callable[[], Retraining],
    note: Callable[[str], object],
) -> list[Found]:
    """What stored trials ended with, in their order.

    Trained again are those whose weights no run has kept: from the same streams, in a program of
    the same lanes, so that on the machine and versions of the first training they come out bit
    for bit. Whether they did is seen by which test images they get right; those that did are kept
    where the study keeps weights.

    Args:
        results: of the trials, as the store has them.
        folder: of their run.
        retraining: gives what training again takes; called only then.
        note: is told, in a sentence, what was trained again and what came of it.

    Raises:
        InputError: if they must be trained again and cannot be here.
        RunError: if training failed, or diverged.
    """
    place = folder / folders.WEIGHTS_NAME
    found: dict[str, Final] = {}
    lacking = []
    for result in results:
        final, wrong = kept_final(place, result.trial.id)
        if wrong:
            note(f"the weights {weights_file(place, result.trial.id).name} are not used: {wrong}")
        if final is None:
            lacking.append(result)
        else:
            found[result.trial.id] = final
    kept = set(found)
    if lacking:
        note(_before(lacking))
        found |= _trained(lacking, retraining(), place)
    made = []
    for result in results:
        final = found[result.trial.id]
        made.append(Found(final, result.trial.id in kept, _differing(final, result)))
    for result, each in zip(results, made, strict=True):
        if not each.is_kept or each.differing:
            note(_after(result, each))
    return made


def _before(lacking: Sequence[TrialResult]) -> str:
    seconds = sum(each.seconds for each in lacking)
    what = ", ".join(str(each.trial.replicate) for each in lacking)
    return (
        f"no weights were kept of replicate{'s' if len(lacking) > 1 else ''} {what}: training "
        f"again, which took {seconds:.0f} s; with keep_weights = true in the study they are kept"
    )


def _after(result: TrialResult, found: Found) -> str:
    images = len(result.test_correct)
    what = f"replicate {result.trial.replicate}"
    if not found.differing:
        return f"{what} is the stored one: right and wrong on the same of {images:,} test images"
    how = "as kept" if found.is_kept else "trained again here"
    return (
        f"{what} {how} is not the stored one bit for bit: it differs on {found.differing:,} of "
        f"{images:,} test images. Another machine or other versions trained it; the card is about "
        "what is exported"
    )


def _differing(final: Final, result: TrialResult) -> int:
    correct = final.test_probabilities.argmax(axis=1) == final.test_labels
    return int(np.count_nonzero(correct != result.test_correct))


def _trained(lacking: Sequence[TrialResult], how: Retraining, kept: Path) -> dict[str, Final]:
    """What trials end with that are trained again, apart from the store that has them."""
    trials = [each.trial for each in lacking]
    if how.settings.engine_name != trials[0].engine:
        raise InputError(
            f"the replicate must be trained again by the engine that trained it, "
            f"{trials[0].engine!r}, found {how.settings.engine_name!r}; set KERAS_BACKEND="
            f"{trials[0].engine.partition('/')[2] or 'jax'}"
        )
    ids = {trial.id for trial in trials}
    with tempfile.TemporaryDirectory(prefix="stepladder-") as name:
        place = Path(name)
        with open_store(str(place / folders.STORE_NAME)) as scratch:
            part = plan_of(how.study, {"the exported replicates": trials}, None)
            how.progress.start(part.announced(workers_for(how.settings, part)))
            try:
                execute(
                    how.planned, trials, how.dataset, how.settings, how.progress, scratch,
                    None, how.code, part.arm_names, weights=place,
                )  # fmt: skip
            finally:
                how.progress.finish()
        finals = {each: kept_final(place, each)[0] for each in ids}
        if how.study.keep_weights:
            for each in lacking:
                _keep(place, finals[each.trial.id], each, kept)
    lost = [each.trial.replicate for each in lacking if finals[each.trial.id] is None]
    if lost:
        raise RunError(
            f"replicate {lost[0]} must train to its end as it did before, found that it diverged; "
            "train the study again on this machine with --out, and export that"
        )
    return {each: final for each, final in finals.items() if final is not None}


def _keep(place: Path, final: Final | None, result: TrialResult, kept: Path) -> None:
    """Keeps what a trial ended with that was trained again, if it is what the store is about."""
    if final is not None and not _differing(final, result):
        name = weights_file(place, result.trial.id)
        write_whole(weights_file(kept, result.trial.id), name.read_bytes())
