"""Optuna: samplers, ask and tell, the journal."""

from __future__ import annotations

import inspect
import math
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stepladder.errors import StudyError
from stepladder.files import atomic_write
from stepladder.hpo.candidates import Candidate, Structure
from stepladder.runs.plan import RunContext
from stepladder.study.schema import did_you_mean, fingerprint
from stepladder.study.search import BATCH, QUASI_RANDOM
from stepladder.study.search_space import (
    Choice,
    Dimension,
    dimensions,
    draw_values,
    is_active,
    recipe_of,
)
from stepladder.training.groups import is_lane_number

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial, TrialState

_SHORT = {
    "random": "RandomSampler",
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "TPESampler": {"multivariate": True, "group": True, "constant_liar": True},
    "GPSampler": {"warn_independent_sampling": False},
    "CmaEsSampler": {"warn_independent_sampling": False},
    "QMCSampler": {  # each population's points are scrambled by a seed of its own, and differ
        "scramble": True, "warn_independent_sampling": False, "warn_asynchronous_seeding": False,
    },
}  # fmt: skip

_WITH_NOTES = ("CmaEsSampler", "NSGAIISampler", "NSGAIIISampler")


def learns(name: str) -> bool:
    """Whether a sampler proposes other candidates once it knows results."""
    return name not in (QUASI_RANDOM, "random", "RandomSampler")


def reads_dropped(name: str) -> bool:
    """Whether a sampler learns from trials that were pruned too, not from whole ones alone."""
    return _SHORT.get(name, name) == "TPESampler"


def has_state(name: str) -> bool:
    """Whether a sampler leaves notes in trials that it goes on from.

    They hold pickled objects, so that no file may bring them: candidates of such a sampler are
    drawn again when a search goes on, which gives the same ones.
    """
    return _SHORT.get(name, name) in _WITH_NOTES


def sampler(name: str, seed: int) -> BaseSampler | None:
    """A sampler of Optuna's, or None for quasi-random points.

    Args:
        name: as a study names it.
        seed: of its draws.

    Raises:
        StudyError: if there is none of that name, or it needs what is not installed or given.
    """
    if name == QUASI_RANDOM:
        return None
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # progress is told by stepladder
    known = [each for each in optuna.samplers.__all__ if each.endswith("Sampler")
             and not each.startswith("Base")]  # fmt: skip
    full = _SHORT.get(name, name)
    if full not in known:
        names = [QUASI_RANDOM, *_SHORT, *known]
        advice = did_you_mean(name, names, f"the samplers are {', '.join(names)}")
        raise StudyError(f"search.sampler must be a sampler, found {name!r}; {advice}")
    kind = getattr(optuna.samplers, full)
    options = dict(_OPTIONS.get(full, {}))
    if "seed" in inspect.signature(kind).parameters:
        options["seed"] = seed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that an option is experimental
            made: BaseSampler = kind(**options)
            _touch(made)
    except ImportError as error:
        raise StudyError(
            f"search.sampler {name!r} needs a package that is not installed: {error}; install it, "
            "such as pip install 'stepladder[samplers]', or choose another sampler"
        ) from None
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"search.sampler must be one that needs no arguments, found {name!r}: {error}; choose "
            "another one"
        ) from None
    return made


def _touch(made: BaseSampler) -> None:
    """Has a sampler import what it imports when it is first used."""
    import importlib

    module = {"GPSampler": "torch", "CmaEsSampler": "cmaes"}.get(type(made).__name__)
    if module:
        importlib.import_module(module)


def points(
    count: int, structural: Sequence[bool], per_structure: int, seed: int
) -> npt.NDArray[np.float64]:
    """Quasi-random points of the unit cube: a scrambled Sobol' sequence.

    The first points of more are the same points, so that a search can be made longer.

    Args:
        count: how many.
        structural: for each dimension whether it selects a program.
        per_structure: points in a row that share these dimensions.
        seed: of the scrambling.

    Returns:
        float64 (count, dimensions), each in 0…1.

    Reference:
        Sobol' 1967; Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points", Journal of
        Complexity 14; Bousquet et al. 2017, "Critical hyper-parameters: no random, no cry".
    """
    is_structural = np.asarray(structural, bool)
    if per_structure == 1:
        return _sobol(count, len(is_structural), seed)
    found = np.empty((count, len(is_structural)))
    leaders = _sobol(-(-count // per_structure), int(is_structural.sum()), seed)
    found[:, is_structural] = np.repeat(leaders, per_structure, axis=0)[:count]
    found[:, ~is_structural] = _sobol(count, int((~is_structural).sum()), seed + 1)
    return found


def _sobol(count: int, dimensions: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc

    if not dimensions or not count:
        return np.zeros((count, dimensions))
    engine = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    found: npt.NDArray[np.float64] = engine.random_base2(max(count - 1, 1).bit_length())[:count]
    return found


JOURNAL_NAME = "optuna.log"
_OURS = "stepladder"


class Journal:
    """What a search has asked for and was told, as a study of Optuna's in a file.

    Args:
        file: where it is, or will be.
        context: whose candidates it holds, with a search; those of another are not read.
    """

    def __init__(self, file: Path, context: RunContext) -> None:
        study = context.study
        assert study.search is not None
        self._file, self._name = file, study.name
        self._identity = fingerprint(
            [study.search.model_dump(mode="json", exclude={"trials", "budget"}),
             list(study.search.space), study.base.model_dump(mode="json"), study.seed,
             context.fingerprint, context.validation, context.engine]
        )  # fmt: skip

    def read(self) -> list[FrozenTrial]:
        """The candidates of this very search, in order; none where there are none to be read."""
        if not self._file.exists():
            return []
        from optuna import load_study
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        found: list[FrozenTrial] = []
        with suppress(Exception):  # whatever is in the file: it can be made again from the store
            kept = load_study(
                study_name=self._name,
                storage=JournalStorage(JournalFileBackend(str(self._file))),
            )
            if kept.user_attrs.get(_OURS) == self._identity:
                found += kept.trials
        return found

    def write(self, known: OptunaStudy) -> None:
        """Writes a study of the search's name in the place of what was there, in one move."""
        from optuna import copy_study
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        known.set_user_attr(_OURS, self._identity)
        with tempfile.TemporaryDirectory(prefix="stepladder-") as folder:
            file = Path(folder) / self._file.name
            copy_study(
                from_study_name=self._name,
                from_storage=known._storage,
                to_storage=JournalStorage(JournalFileBackend(str(file))),
            )
            atomic_write(self._file, file.read_bytes())


class OptunaSampler:
    """Asks Optuna for candidates and tells it their outcomes.

    What is asked depends on the study, the number of the population and what was told before,
    never on a clock or on how often a search was interrupted: each population has a sampler of
    its own with a seed of its own. Populations that the journal holds are not asked for again.
    Candidates that are still being trained count as far as they came.

    Args:
        context: what is asked, with a search.
        journal: file that keeps Optuna's study, or None where there is none.
        writes: whether what is told is written to it.

    Raises:
        StudyError: if the sampler will not do, or not for this space.
    """

    def __init__(
        self, context: RunContext, journal: Path | None = None, *, writes: bool = True
    ) -> None:
        study = context.study
        assert study.search is not None
        self._study, self._search, self._writes = study, study.search, writes
        self._journal = Journal(journal, context) if journal else None
        self._chance = 1 / context.classes
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
            fixed = draw_values(self._dimensions, self._points[number], self._study.base)
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
