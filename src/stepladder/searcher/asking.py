"""Ask and tell: candidates from Optuna, and what became of them told to it in a fixed order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stepladder.dimensions import Dimension, dimensions, drawn, is_active, recipe_of
from stepladder.errors import StudyError
from stepladder.runner.question import Question
from stepladder.searcher.candidates import Candidate, Structure
from stepladder.searcher.journal import Journal
from stepladder.searcher.samplers import has_state, learns, points, reads_dropped, sampler
from stepladder.searching import BATCH, QUASI_RANDOM
from stepladder.space import Choice
from stepladder.train.structure import is_lane_number

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.trial import FrozenTrial, Trial, TrialState

__all__ = ["Asker"]


class Asker:
    """Asks Optuna for candidates and tells it their outcomes.

    What is asked depends on the study, the number of the population and what was told before,
    never on a clock or on how often a search was interrupted: each population has a sampler of
    its own with a seed of its own. Populations that the journal holds are not asked for again.
    Candidates that are still being trained count as far as they came.

    Args:
        question: what is asked, with a search.
        journal: file that keeps Optuna's study, or None where there is none.
        writes: whether what is told is written to it.

    Raises:
        StudyError: if the sampler will not do, or not for this space.
    """

    def __init__(
        self, question: Question, journal: Path | None = None, *, writes: bool = True
    ) -> None:
        study = question.study
        assert study.search is not None
        self._study, self._search, self._writes = study, study.search, writes
        self._journal = Journal(journal, question) if journal else None
        self._chance = 1 / question.classes
        self._dimensions = dimensions(self._search.space, study.base)
        self._structural = [not is_lane_number(each.name, study.base) for each in self._dimensions]
        self._asked: list[FrozenTrial] = []
        self._told: Sequence[Candidate] = ()
        self._points = np.zeros((0, len(self._dimensions)))
        self._drawn(1, 0)  # a trial of the sampler, before anything is trained
        keeps = self._journal if not has_state(self._search.sampler) else None
        self._recorded = keeps.read() if keeps else []
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
        first = len(self._asked)
        recorded = self._recorded[first : first + count]
        if len(recorded) < count:
            self._recorded, recorded = [], self._drawn(count, population)
        self._asked += recorded
        space, base = self._search.space, self._study.base
        return [
            Candidate(first + place, dict(each.params), recipe_of(each.params, space, base),
                      population, tuple(self._structure_of(each.params).items()))
            for place, each in enumerate(recorded)
        ]  # fmt: skip

    def _drawn(self, count: int, population: int) -> list[FrozenTrial]:
        """Candidates of Optuna's, by what was told so far.

        Raises:
            StudyError: if the sampler cannot draw from this space.
        """
        study = self._sampled(self._told, self._seed(1, population))
        structures = self._structures(population)
        asked: list[Trial] = []
        try:
            for _ in range(count):
                asked.append(self._draw(study, asked, structures))
        except ValueError as error:
            raise StudyError(
                f"search.sampler must be one that draws from this space, found "
                f"{self._search.sampler!r}, which says: {error}; choose another one"
            ) from None
        return study.get_trials()[-count:]

    def _sampled(self, told: Sequence[Candidate], seed: int) -> OptunaStudy:
        """A study that knows some candidates, with the search's sampler."""
        study = self._known(told, for_sampling=True)
        made = sampler(self._search.sampler, seed)
        if made is not None:
            study.sampler = made
        return study

    def _structures(self, population: int) -> OptunaStudy | None:
        """A study of the best candidate of each structure; None where all are asked alike.

        The good ones among which TPE looks for more are a tenth of those that it knows: lanes of
        one structure would fill them up, and no other structure be tried any more.
        """
        if self._search.per_structure == 1 or not reads_dropped(self._search.sampler):
            return None
        best: dict[Structure, Candidate] = {}
        for each in self._told:
            best[each.structure] = max(best.get(each.structure, each), each, key=_how_far)
        return self._sampled(list(best.values()), self._seed(2, population))

    def _structure_of(self, params: Mapping[str, Choice]) -> dict[str, Choice]:
        """Those of a candidate's parameters that select its program."""
        pairs = zip(self._dimensions, self._structural, strict=True)
        return {each.name: params[each.name] for each, own in pairs if own and each.name in params}

    def _draw(
        self, study: OptunaStudy, before: Sequence[Trial], structures: OptunaStudy | None
    ) -> Trial:
        """One more candidate of a population, after those before it."""
        number, place = len(self._asked) + len(before), len(before)
        fixed: dict[str, Choice] = {}
        if number < len(self._points):
            fixed = drawn(self._dimensions, self._points[number], self._study.base)
        elif place % self._search.per_structure:
            fixed = self._structure_of(before[-1].params)
        elif structures is not None:
            fixed = self._structure_of(self._asked_of(structures, {}).params)
        return self._asked_of(study, fixed)

    def _asked_of(self, study: OptunaStudy, fixed: dict[str, Choice]) -> Trial:
        """A trial of a study, some of its parameters given."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a sampler or an option of it is experimental
            if fixed:
                study.enqueue_trial(fixed)
            trial = study.ask()
            params: dict[str, Choice] = {}
            for dimension in self._dimensions:
                if is_active(dimension, params, self._study.base):
                    params[dimension.name] = _suggest(trial, dimension)
        return trial

    def tell(self, candidates: Sequence[Candidate]) -> None:
        """Tells what has become so far of all candidates that were asked for, in their order."""
        self._told = candidates
        if self._journal and self._writes and len(self._asked) >= len(self._recorded):
            self._journal.write(self._known(self._told, for_sampling=False))

    def _known(self, told: Sequence[Candidate], for_sampling: bool) -> OptunaStudy:
        """A study of Optuna's of candidates as they were told.

        Args:
            told: the candidates.
            for_sampling: whether candidates that are under way count as far as they came, and
                those that were dropped for whole where a sampler reads no others; else the former
                are running.
        """
        import optuna
        from optuna.trial import TrialState

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", study_name=self._study.name)
        for candidate in told:
            asked = self._asked[candidate.number]
            counts = for_sampling and not reads_dropped(self._search.sampler)
            whole = counts or not candidate.epochs_left
            state = TrialState.COMPLETE if whole else TrialState.PRUNED
            if not for_sampling and not candidate.is_over:
                state = TrialState.RUNNING
            notes = asked.system_attrs if for_sampling else {}
            study.add_trial(self._with_outcome(asked, candidate, state, notes))
        return study

    def _with_outcome(
        self, asked: FrozenTrial, candidate: Candidate, state: TrialState, notes: Mapping[str, Any]
    ) -> FrozenTrial:
        """A trial as it was asked for, with what its candidate came to, and a sampler's notes."""
        from optuna.trial import create_trial

        reported = {
            epochs: self._or_chance(accuracy)
            for epochs, accuracy in sorted(candidate.rungs.items())
        }
        return create_trial(
            state=state,
            value=reported[max(reported)] if reported and state.is_finished() else None,
            params=asked.params,
            distributions=asked.distributions,
            user_attrs={"seconds": candidate.seconds},
            system_attrs={name: each for name, each in notes.items() if name != "fixed_params"},
            intermediate_values=reported,
        )

    def _or_chance(self, accuracy: float) -> float:
        return self._chance if math.isnan(accuracy) else accuracy


def _how_far(candidate: Candidate) -> tuple[int, float]:
    """How far a candidate came, and how well it did there."""
    accuracy = candidate.accuracy
    return candidate.epochs, -math.inf if math.isnan(accuracy) else accuracy


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
