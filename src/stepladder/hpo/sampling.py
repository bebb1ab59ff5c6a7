"""Optuna: samplers, ask and tell, the journal."""

from __future__ import annotations

import importlib
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
from stepladder.hpo.candidates import Candidate, Structure, or_else
from stepladder.runs.plan import RunContext
from stepladder.study.recipe import Recipe
from stepladder.study.schema import did_you_mean, fingerprint
from stepladder.study.search import BATCH, QUASI_RANDOM
from stepladder.study.search_space import (
    Choice,
    Dimension,
    config_of,
    dimensions,
    draw_values,
    is_active,
)
from stepladder.training.groups import is_lane_number

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.samplers import BaseSampler
    from optuna.storages import JournalStorage
    from optuna.trial import FrozenTrial, Trial

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
    "QMCSampler": {  # each population's points are scrambled with a seed of its own, and differ
        "scramble": True, "warn_independent_sampling": False, "warn_asynchronous_seeding": False,
    },
}  # fmt: skip
_IMPORTED_LATE = {"GPSampler": "torch", "CmaEsSampler": "cmaes"}
_WITH_STATE = ("CmaEsSampler", "NSGAIISampler", "NSGAIIISampler")


def learns(name: str) -> bool:
    """Whether a sampler proposes other candidates once it knows results.

    Example:
        >>> [learns(name) for name in ("tpe", "random", "quasi-random")]
        [True, False, False]
    """
    return name not in (QUASI_RANDOM, "random", "RandomSampler")


def reads_dropped(name: str) -> bool:
    """Whether a sampler learns from pruned trials too, not only from complete ones."""
    return _SHORT.get(name, name) == "TPESampler"


def has_state(name: str) -> bool:
    """Whether a sampler stores its state in trials.

    That state is made of pickled objects, which are never read from a file: candidates of such a
    sampler are drawn again when a search is resumed, which gives the same ones.
    """
    return _SHORT.get(name, name) in _WITH_STATE


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

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # stepladder has its own progress
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
            if full in _IMPORTED_LATE:  # by Optuna, when it first draws: too late for an error
                importlib.import_module(_IMPORTED_LATE[full])
            made: BaseSampler = kind(**options)
            return made
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


def points(
    count: int, structural: Sequence[bool], per_structure: int, seed: int
) -> npt.NDArray[np.float64]:
    """Quasi-random points of the unit cube: a scrambled Sobol' sequence.

    More points begin with the same points, so that a search can be made longer.

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

    Example:
        >>> bool((points(4, [True, False], 1, 0)[:2] == points(2, [True, False], 1, 0)).all())
        True
    """
    is_structural = np.asarray(structural, bool)
    if per_structure == 1:
        return _sobol(count, len(is_structural), seed)
    placed = np.empty((count, len(is_structural)))
    leaders = _sobol(-(-count // per_structure), int(is_structural.sum()), seed)
    placed[:, is_structural] = np.repeat(leaders, per_structure, axis=0)[:count]
    placed[:, ~is_structural] = _sobol(count, int((~is_structural).sum()), seed + 1)
    return placed


def _sobol(count: int, dimensions: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc

    if not dimensions or not count:
        return np.zeros((count, dimensions))
    engine = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    drawn: npt.NDArray[np.float64] = engine.random_base2(max(count - 1, 1).bit_length())[:count]
    return drawn


JOURNAL_NAME = "optuna.log"
_OURS = "stepladder"


class Journal:
    """The candidates of a search and their outcomes, as a study of Optuna's in a file.

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
             context.fingerprint, context.validation, context.engine,
             *([] if study.judged.name == "accuracy" else
               [study.judged.name, study.judged.direction])]
        )  # fmt: skip

    def read(self) -> list[FrozenTrial]:
        """The candidates of this very search, in order; none where none can be read."""
        if self._file.exists():
            from optuna import load_study

            with suppress(Exception):  # whatever is in the file: the store has all of it
                known = load_study(study_name=self._name, storage=_storage(self._file))
                if known.user_attrs.get(_OURS) == self._identity:
                    return known.trials
        return []

    def write(self, known: OptunaStudy) -> None:
        """Replaces the file by a study of Optuna's, in one move."""
        from optuna import copy_study

        known.set_user_attr(_OURS, self._identity)
        with tempfile.TemporaryDirectory(prefix="stepladder-") as folder:
            file = Path(folder) / self._file.name
            copy_study(
                from_study_name=self._name, from_storage=known._storage, to_storage=_storage(file)
            )
            atomic_write(self._file, file.read_bytes())


def _storage(file: Path) -> JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(file)))


class OptunaSampler:
    """Asks Optuna for candidates and tells it their outcomes.

    What it draws depends on the study, the number of the population and the outcomes before,
    never on a clock or on how often a search was interrupted: each population has its own sampler
    with its own seed. Populations in the journal are not drawn again. Candidates that are still
    being trained count with the epochs that they have.

    Args:
        context: what is asked, with a search.
        journal: file that keeps Optuna's study, or None where there is none.
        writes: whether outcomes are written to it.

    Raises:
        StudyError: if there is no such sampler here, or it does not fit this space.

    Example:
        >>> from stepladder import Study
        >>> from stepladder.runs.plan import RunContext
        >>> space = {"learning_rate": {"type": "float", "low": 0.01, "high": 1.0}}
        >>> study = Study(name="s", base={"hidden": [4]}, search={"space": space})
        >>> sampler = OptunaSampler(RunContext(study, "fingerprint", 10, "population", 2))
        >>> [candidate.number for candidate in sampler.ask(3, population=0)]
        [0, 1, 2]
    """

    def __init__(
        self, context: RunContext, journal: Path | None = None, *, writes: bool = True
    ) -> None:
        study = context.study
        assert study.search is not None
        self._study, self._search, self._writes = study, study.search, writes
        self._journal = Journal(journal, context) if journal else None
        self._baseline, self._metric = context.baseline, study.judged
        self._dimensions = dimensions(self._search.space, study.base)
        self._structural = [
            isinstance(study.base, Recipe) and not is_lane_number(each.name, study.base)
            for each in self._dimensions
        ]
        self._asked: list[FrozenTrial] = []
        self._told: Sequence[Candidate] = ()
        self._points = np.zeros((0, len(self._dimensions)))
        self._draw_population(1, 0)  # tries the sampler before anything is trained
        journal_read = self._journal if not has_state(self._search.sampler) else None
        self._recorded = journal_read.read() if journal_read else []
        self._points = points(
            self._count_quasi_random(), self._structural, self._search.per_structure, self._seed(0)
        )

    def _seed(self, *place: int) -> int:
        words = np.random.SeedSequence(self._study.seed, spawn_key=(7, *place)).generate_state(1)
        return int(words[0])

    def _count_quasi_random(self) -> int:
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
        drawn = self._recorded[first : first + count]
        if len(drawn) < count:
            self._recorded, drawn = [], self._draw_population(count, population)
        self._asked += drawn
        space, base = self._search.space, self._study.base
        return [
            Candidate(number, dict(trial.params), config_of(trial.params, space, base),
                      population, tuple(self._structure_of(trial.params).items()),
                      sign=self._metric.sign)
            for number, trial in enumerate(drawn, first)
        ]  # fmt: skip

    def _draw_population(self, count: int, population: int) -> list[FrozenTrial]:
        study = self._optuna_study(self._told, self._seed(1, population))
        structures = self._structure_study(population)
        drawn: list[Trial] = []
        try:
            for _ in range(count):
                drawn.append(self._draw(study, drawn, structures))
        except ValueError as error:
            raise StudyError(
                f"search.sampler must be one that draws from this space, found "
                f"{self._search.sampler!r}, which says: {error}; choose another one"
            ) from None
        return study.get_trials()[-count:]

    def _structure_study(self, population: int) -> OptunaStudy | None:
        """A study of the best candidate of each structure; None where all are drawn alike.

        TPE looks for more near the best tenth of the trials that it knows: lanes of one structure
        would fill that tenth, and no other structure would be tried any more.
        """
        if self._search.per_structure == 1 or not reads_dropped(self._search.sampler):
            return None
        best: dict[Structure, Candidate] = {}
        for candidate in self._told:
            known = best.get(candidate.structure, candidate)
            best[candidate.structure] = max(known, candidate, key=_progress)
        return self._optuna_study(list(best.values()), self._seed(2, population))

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
            fixed = self._structure_of(self._ask_study(structures, {}).params)
        return self._ask_study(study, fixed)

    def _ask_study(self, study: OptunaStudy, fixed: dict[str, Choice]) -> Trial:
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
        """Takes in the outcomes so far of all candidates that were drawn, in their order."""
        self._told = candidates
        if self._journal and self._writes and len(self._asked) >= len(self._recorded):
            self._journal.write(self._optuna_study(candidates))

    def _optuna_study(self, told: Sequence[Candidate], seed: int | None = None) -> OptunaStudy:
        """A study of Optuna's of some candidates.

        With a seed it is one to draw from: it has a sampler, candidates that are still trained
        count with the epochs that they have, and pruned ones count as complete where the sampler
        would not read them. Without, it is one to read: what is still trained is running.
        """
        import optuna
        from optuna.trial import TrialState, create_trial

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction=self._metric.direction, study_name=self._study.name)
        all_complete = seed is not None and not reads_dropped(self._search.sampler)
        for candidate in told:
            asked = self._asked[candidate.number]
            is_complete = all_complete or not candidate.epochs_left
            state = TrialState.COMPLETE if is_complete else TrialState.PRUNED
            if seed is None and not candidate.is_over:
                state = TrialState.RUNNING
            values = {
                epochs: or_else(score, self._baseline)
                for epochs, score in sorted(candidate.rungs.items())
            }
            if state.is_finished() and any(map(math.isnan, values.values())):
                state, values = TrialState.FAIL, {}  # Optuna leaves such trials out
            attributes = {} if seed is None else dict(asked.system_attrs)
            attributes.pop("fixed_params", None)
            study.add_trial(
                create_trial(
                    state=state,
                    value=values[max(values)] if values and state.is_finished() else None,
                    params=asked.params,
                    distributions=asked.distributions,
                    user_attrs={"seconds": candidate.seconds},
                    system_attrs=attributes,
                    intermediate_values=values,
                )
            )
        drawing = None if seed is None else sampler(self._search.sampler, seed)
        if drawing is not None:
            study.sampler = drawing
        return study


def _progress(candidate: Candidate) -> tuple[int, float]:
    return candidate.epochs, or_else(candidate.merit, -math.inf)


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
