"""Successive halving: rungs, candidates, populations."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from stepladder.hpo.candidates import Candidate, distinct
from stepladder.hpo.sampling import OptunaSampler
from stepladder.runs.measures import choosing_score
from stepladder.runs.plan import RunContext
from stepladder.study.params import Params
from stepladder.study.search import SEARCH_REPLICATES, Population
from stepladder.study.study import Study
from stepladder.training.groups import Stage, groups
from stepladder.training.schedules import FORESEEING, extends
from stepladder.trials.trial import Trial, TrialResult

Before = Mapping[Trial, tuple[Stage, ...]]
"""Stages that trials have behind them."""


def can_extend(study: Study, engine: str) -> bool:
    """Whether a longer training of a candidate resumes from a shorter one.

    It does where learning rates and the like do not depend on the number of epochs, and the
    population engine trains; else each rung is a training of its own, with its complete schedule.
    """
    assert study.search is not None
    base, space = study.base, study.search.space
    if isinstance(base, Params):
        return False
    schedules = [base.schedule, *(space["schedule"].values if "schedule" in space else ())]
    foresees = any(getattr(base, field) or field in space for field in FORESEEING)
    return (
        all(extends(str(schedule)) for schedule in schedules)
        and not foresees
        and engine == "population"
    )


class SuccessiveHalving:
    """One population: rung by rung, the best continue.

    Args:
        population: its rungs and how many continue from each.
        candidates: as many as it has; their outcomes are noted in them.
        context: what decides their trials.

    Attributes:
        before: stages that the trials of the next rung have behind them.
        is_extended: whether later trials resume from those of the next rung.
    """

    def __init__(
        self, population: Population, candidates: Sequence[Candidate], context: RunContext
    ) -> None:
        search = context.study.search
        assert search is not None
        self._population, self._context = population, context
        self._extends = can_extend(context.study, context.engine)
        self._structures = (
            {candidate.number: candidate.structure for candidate in candidates}
            if search.per_structure > 1
            else None
        )
        self._rung = 0
        self._begin_rung(list(candidates), {}, {})

    @property
    def trials(self) -> list[Trial]:
        """What is to be trained for the next rung; nothing where there is none."""
        return list(self._trials.values())

    @property
    def epochs(self) -> int:
        """Of a training of the next rung."""
        return self._population.rungs[self._rung]

    def note(self, results: Mapping[str, TrialResult], stages: Before) -> list[Trial]:
        """Takes in the results of the rung, and goes to the next.

        Args:
            results: of its trials, by their ids.
            stages: that each of them has behind it now.

        Returns:
            Trials that no later trial resumes from.
        """
        for candidate in self._alive:
            # The validation part alone: a search never reads the test part.
            result = results[self._trials[candidate.number].id]
            score = choosing_score(result, self._context.study)
            candidate.rungs[result.trial.config.epochs] = score
            candidate.seconds = result.seconds + (0.0 if self._extends else candidate.seconds)
        done, resumed, was_extended = self._trials, list(self._earlier.values()), self.is_extended
        self._rung += 1
        best: list[Candidate] = []
        if self._rung < len(self._population.rungs):
            size = self._population.sizes[self._rung]
            best = survivors(distinct(self._alive), size, self._structures)
        for candidate in self._alive:
            candidate.is_over = candidate not in best
        earlier = {one.number: done[one.number] for one in best} if was_extended else {}
        self._begin_rung(best, earlier, stages)
        if not was_extended:
            return resumed
        return resumed + [trial for trial in done.values() if trial not in earlier.values()]

    def _begin_rung(
        self, alive: list[Candidate], earlier: dict[int, Trial], stages: Before
    ) -> None:
        is_last = self._rung >= len(self._population.rungs) - 1
        self._alive, self._earlier = alive, earlier
        self._trials: dict[int, Trial] = {}
        for candidate in alive:
            config = candidate.config
            if not is_last:
                config = config.changed({"epochs": self.epochs})
            self._trials[candidate.number] = self._context.trial(config, SEARCH_REPLICATES)
        self.before: Before = {
            self._trials[number]: stages[trial] for number, trial in earlier.items()
        }
        self.is_extended = self._extends and not is_last


def survivors(
    alive: Sequence[Candidate], count: int, structures: Mapping[int, object] | None = None
) -> list[Candidate]:
    """The best of some candidates, in their order; never one that diverged.

    Of candidates that were drawn to share a structure the best continues before any second one:
    a few epochs rank learning rates sooner than networks. Of equally good ones the earlier
    continues.

    Args:
        alive: the candidates.
        count: how many continue.
        structures: what candidates have in common, by their numbers; nothing when None.
    """
    finite = [candidate for candidate in alive if math.isfinite(candidate.score)]
    better: Counter[object] = Counter()  # better candidates of the same structure
    ranked = []
    for candidate in sorted(finite, key=lambda each: (-each.merit, each.number)):
        number = candidate.number
        structure = number if structures is None else structures[number]
        ranked.append((better[structure], candidate))
        better[structure] += 1
    best = [candidate for _, candidate in sorted(ranked, key=lambda pair: pair[0])][:count]
    return sorted(best, key=lambda each: each.number)


class Trainer(Protocol):
    """Trains trials and stores them.

    Example:
        >>> def read_only(trials, label, before, keeps):
        ...     return {}  # one that only reads, from an empty store
        >>> trainer: Trainer = read_only
    """

    def __call__(
        self, trials: Sequence[Trial], label: str, before: Before, keeps: Collection[Trial]
    ) -> Mapping[str, TrialResult]:
        """The results of trials by their ids; what is stored is not trained again.

        Args:
            trials: all of a wave: they decide which of them share a program.
            label: what they are, for progress.
            before: stages that they have behind them.
            keeps: those that later trials resume from.
        """


def train_populations(
    populations: Iterable[Population],
    sampler: OptunaSampler,
    context: RunContext,
    train: Trainer,
    forget: Callable[[Trial], object],
) -> Iterator[list[Candidate]]:
    """Trains populations, and notes in each candidate its scores.

    Yields:
        After each wave all candidates so far.
    """
    candidates: list[Candidate] = []
    under_way: list[SuccessiveHalving] = []
    waiting = iter(populations)
    number = 0
    while (population := next(waiting, None)) or under_way:
        if population:
            drawn = sampler.ask(population.size, number)
            candidates += drawn
            under_way.append(SuccessiveHalving(population, drawn, context))
            number += 1
        for trial in _train_wave(under_way, train):
            forget(trial)
        under_way = [halving for halving in under_way if halving.trials]
        sampler.tell(candidates)
        yield candidates


def _train_wave(under_way: Sequence[SuccessiveHalving], train: Trainer) -> list[Trial]:
    """Trains the next rung of each population; trials that no later trial resumes from."""
    trials = [trial for halving in under_way for trial in halving.trials]
    before = {trial: stages for halving in under_way for trial, stages in halving.before.items()}
    keeps = [trial for halving in under_way if halving.is_extended for trial in halving.trials]
    parts = [f"{len(each.trials)} to epoch {each.epochs}" for each in reversed(under_way)]
    results = train(trials, f"candidates, {', '.join(parts)}", before, keeps)
    stages: dict[Trial, tuple[Stage, ...]] = {}
    for group in groups(trials, trials, before=before):
        for trial in group.trials:
            stages[trial] = group.all_stages
    return [trial for halving in under_way for trial in halving.note(results, stages)]
