"""Ask and tell: candidates from Optuna, and what became of them told to it in a fixed order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stepladder.files import write_whole
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.samplers import learns, points, sampler
from stepladder.searching import BATCH, QUASI_RANDOM
from stepladder.space import Choice, Dimension, dimensions, drawn, is_active, recipe_of
from stepladder.study import Study
from stepladder.train.structure import is_lane_number
from stepladder.values import fingerprint

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

__all__ = ["JOURNAL_NAME", "Asker"]

JOURNAL_NAME = "optuna.log"
_OURS = "stepladder"


class Asker:
    """Asks Optuna for candidates and tells it their outcomes.

    What is asked depends on the study, the number of the population and what was told before,
    never on a clock or on how often a search was interrupted: each population has a sampler of
    its own with a seed of its own. Populations that the journal holds are not asked for again.

    Args:
        study: what is asked, with a search.
        classes: of the dataset, for the accuracy of guessing.
        journal: file that keeps Optuna's study, or None to keep none.

    Raises:
        StudyError: if the sampler will not do.
    """

    def __init__(self, study: Study, classes: int, journal: Path | None = None) -> None:
        assert study.search is not None
        self._study, self._search, self._journal = study, study.search, journal
        self._chance = 1 / classes
        self._dimensions = dimensions(self._search.space)
        self._structural = [not is_lane_number(each.name, study.base) for each in self._dimensions]
        self._identity = fingerprint(
            [self._search.model_dump(mode="json", exclude={"trials", "budget"}),
             study.base.model_dump(mode="json"), study.seed]
        )  # fmt: skip
        sampler(self._search.sampler, 0)  # now, before anything is trained
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna.create_study(direction="maximize", study_name=study.name)
        self._optuna.set_user_attr(_OURS, self._identity)
        self._recorded = self._read()
        self._points = points(
            self._quasi_random(), self._structural, self._search.per_structure, self._seed(0)
        )

    def _seed(self, *place: int) -> int:
        words = np.random.SeedSequence(self._study.seed, spawn_key=(7, *place)).generate_state(1)
        return int(words[0])

    def _quasi_random(self) -> int:
        """How many candidates are quasi-random points."""
        search = self._search
        if search.sampler == QUASI_RANDOM:
            return search.trials
        started = search.startup
        if started is None:
            started = (search.batch or BATCH) if learns(search.sampler) else 0
        return min(started, search.trials)

    def ask(self, count: int, population: int) -> list[Candidate]:
        """The next candidates.

        Args:
            count: how many.
            population: its number, from 0.
        """
        first = len(self._optuna.trials)
        self._asked: list[Trial | FrozenTrial] = list(self._recorded[first : first + count])
        if len(self._asked) < count:
            self._recorded, self._asked = [], []
            made = sampler(self._search.sampler, self._seed(1, population))
            if made is not None:
                self._optuna.sampler = made
            for number in range(first, first + count):
                self._asked.append(self._ask(number, number - first))
        space, base = self._search.space, self._study.base
        return [
            Candidate(first + place, dict(each.params), recipe_of(each.params, space, base),
                      population)
            for place, each in enumerate(self._asked)
        ]  # fmt: skip

    def _ask(self, number: int, place: int) -> Trial:
        fixed: dict[str, Choice] = {}
        if number < len(self._points):
            fixed = drawn(self._dimensions, self._points[number], self._study.base)
        elif place % self._search.per_structure:
            leader = self._asked[-1].params
            names = [each.name for each, own in
                     zip(self._dimensions, self._structural, strict=True) if own]  # fmt: skip
            fixed = {name: leader[name] for name in names if name in leader}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a fixed value is off a step's grid by rounding
            if fixed:
                self._optuna.enqueue_trial(fixed)
            trial = self._optuna.ask()
            params: dict[str, Choice] = {}
            for dimension in self._dimensions:
                if is_active(dimension, params, self._study.base):
                    params[dimension.name] = _suggest(trial, dimension)
        return trial

    def tell(self, candidates: Sequence[Candidate]) -> None:
        """Tells what became of the candidates that were asked for last, in their order."""
        from optuna.trial import FrozenTrial, TrialState

        for candidate, asked in zip(candidates, self._asked, strict=True):
            reported = {epochs: self._or_chance(accuracy)
                        for epochs, accuracy in sorted(candidate.rungs.items())}  # fmt: skip
            is_whole = candidate.epochs == candidate.recipe.epochs
            if isinstance(asked, FrozenTrial):
                self._optuna.add_trial(_with_outcome(asked, reported, is_whole))
                continue
            for epochs, accuracy in reported.items():
                asked.report(accuracy, epochs)
            asked.set_user_attr("seconds", candidate.seconds)
            if is_whole:
                self._optuna.tell(asked, self._or_chance(candidate.accuracy))
            else:
                self._optuna.tell(asked, state=TrialState.PRUNED)
        self._write()

    def _or_chance(self, accuracy: float) -> float:
        return self._chance if math.isnan(accuracy) else accuracy

    def _read(self) -> list[FrozenTrial]:
        """Finished trials that the journal holds of this very search, in order."""
        if self._journal is None or not self._journal.exists():
            return []
        from optuna import load_study
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        found: list[FrozenTrial] = []
        with suppress(Exception):  # whatever is in the file: it can be made again from the store
            kept = load_study(
                study_name=self._study.name,
                storage=JournalStorage(JournalFileBackend(str(self._journal))),
            )
            if kept.user_attrs.get(_OURS) == self._identity:
                for trial in kept.trials:
                    if not trial.state.is_finished():
                        break
                    found.append(trial)
        return found

    def _write(self) -> None:
        """Writes the study for Optuna's own tools, in one move."""
        if self._journal is None or len(self._optuna.trials) <= len(self._recorded):
            return
        import tempfile

        from optuna import copy_study
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        with tempfile.TemporaryDirectory(prefix="stepladder-") as folder:
            file = Path(folder) / JOURNAL_NAME
            copy_study(
                from_study_name=self._study.name,
                from_storage=self._optuna._storage,
                to_storage=JournalStorage(JournalFileBackend(str(file))),
            )
            write_whole(self._journal, file.read_bytes())


def _with_outcome(recorded: FrozenTrial, reported: dict[int, float], is_whole: bool) -> FrozenTrial:
    """A recorded trial with the outcome that the store tells, whatever the record said."""
    from optuna.trial import TrialState, create_trial

    return create_trial(
        state=TrialState.COMPLETE if is_whole else TrialState.PRUNED,
        value=reported[max(reported)] if reported else None,
        params=recorded.params,
        distributions=recorded.distributions,
        user_attrs=recorded.user_attrs,
        system_attrs=recorded.system_attrs,
        intermediate_values=reported,
    )


def _suggest(trial: Trial, dimension: Dimension) -> Any:  # noqa: ANN401 - of any kind
    given, name = dimension.parameter, dimension.name
    if given.type == "categorical":
        return trial.suggest_categorical(name, list(given.values))
    assert given.low is not None
    assert given.high is not None
    if given.type == "int":
        low, high, step = int(given.low), int(given.high), int(given.step or 1)
        return trial.suggest_int(name, low, high, step=step, log=given.log)
    return trial.suggest_float(
        name, float(given.low), float(given.high), step=given.step, log=given.log
    )
