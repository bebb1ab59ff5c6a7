"""The ensemble of an arm's replicates, read from the weights that its run has kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stepladder.analysis.ensembles import Answers, Ensemble, pooled
from stepladder.records import Final, Trial
from stepladder.runner.plan import Plan
from stepladder.train.final import kept_final, weights_file

__all__ = ["ensembles_of", "unkept"]


def ensembles_of(
    by_arm: Mapping[str, Sequence[Trial]], folder: Path | None, *, is_look: bool
) -> tuple[dict[str, Ensemble], list[str]]:
    """The ensemble of each arm of which at least two replicates were kept.

    Args:
        by_arm: the trials of each arm by its name.
        folder: where weights are kept; None where nobody knows.
        is_look: whether test figures may be shown.

    Returns:
        Ensembles by the name of their arm, and sentences on files that cannot be used.
    """
    if folder is None or not folder.is_dir():
        return {}, []
    made: dict[str, Ensemble] = {}
    problems: list[str] = []
    for name, trials in by_arm.items():
        finals = []
        for trial in trials:
            final, wrong = kept_final(folder, trial.id)
            if final is not None:
                finals.append((_held_out(final), _tested(final)))
            elif wrong:
                problems.append(
                    f"The kept weights of {name}, replicate {trial.replicate}, are left out of its "
                    f"ensemble: {trial.id[:12]}….weights {wrong}."
                )
        if len(finals) > 1:
            validation, test = ([each[part] for each in finals] for part in (0, 1))
            made[name] = Ensemble(
                len(finals), pooled(validation), pooled(test) if is_look else None
            )
    return made, problems


def unkept(ahead: Plan, folder: Path) -> str:
    """A sentence on trials that are stored and whose weights are not kept, or "".

    Args:
        ahead: what the study asks for.
        folder: where weights are kept.
    """
    stored = {trial.id for trial in ahead.trials} - {trial.id for trial in ahead.missing}
    lacking = sum(not weights_file(folder, each).exists() for each in stored)
    if not lacking:
        return ""
    return (
        f"{lacking:,} stored trials have no kept weights and are left out of ensembles: they were "
        "trained elsewhere or before keep_weights was set, or diverged; another --out folder with "
        "a store of its own trains them anew"
    )


def _held_out(final: Final) -> Answers:
    return Answers(final.validation_rows, final.validation_labels, final.validation_probabilities)


def _tested(final: Final) -> Answers:
    rows = np.arange(len(final.test_labels))
    return Answers(rows, final.test_labels, final.test_probabilities)
