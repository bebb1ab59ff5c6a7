"""What a search returns: winner, selection bias, importance, equal candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepladder.errors import RunError, StudyError
from stepladder.hpo.candidates import Candidate, different
from stepladder.hpo.halving import Trainer, trial_of
from stepladder.runs.plan import RunContext
from stepladder.statistics.results import Estimate
from stepladder.statistics.selection import (
    ExpectedBest,
    Importance,
    SelectionBias,
    adjusted_means,
    assign_bins,
    equivalence_set,
    expected_best,
    importance,
    residual_noise,
    selection_bias,
)
from stepladder.study.recipe import Recipe
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.search_space import Choice, Dimension, dimensions
from stepladder.study.study import Study


def margin_of(accuracy: float, examples: int) -> float:
    """How far behind the best a candidate may be and yet be as good, a fraction.

    Twice the standard error of a difference of two accuracies on so many validation images: the
    least noise that there is.
    """
    return 2 * math.sqrt(2 * max(accuracy * (1 - accuracy), 0.0) / examples)


def choose(
    candidates: Sequence[Candidate], question: RunContext, train: Trainer
) -> tuple[Candidate, tuple[Candidate, ...]]:
    """The winner and the finalists, the best first; finalists' further accuracies are noted.

    Args:
        candidates: all of the search.
        question: what decides their trials.
        train: trains finalists on further replicates.

    Raises:
        RunError: if no candidate was trained to its end.
    """
    search = question.study.search
    assert search is not None
    ranked = sorted(
        different(each for each in candidates if each.is_whole),
        key=lambda each: (-each.accuracy, each.number),
    )
    if not ranked:
        raise RunError(
            f"one candidate at least must train to its end, found that {_lost(candidates)}; narrow "
            "the space, its learning rate first, or clip the gradient with base.global_clipnorm. "
            "What was trained is stored"
        )
    floor = ranked[0].accuracy - margin_of(ranked[0].accuracy, question.validation)
    finalists = [each for each in ranked if each.accuracy >= floor][: search.finalists]
    if len(finalists) > 1 and search.replicates > 1:
        _try_again(finalists, search.replicates, question, train)
    chance = 1 / question.classes
    finalists.sort(key=lambda each: (-each.mean(chance), each.number))
    return finalists[0], tuple(finalists)


def _lost(candidates: Sequence[Candidate]) -> str:
    """What became of candidates of which none ended whole."""
    diverged = sum(math.isnan(each.accuracy) for each in candidates)
    if diverged == len(candidates):
        return f"all {diverged} diverged"
    return f"{diverged} of {len(candidates)} diverged, among them all that were to go on to the end"


def _try_again(
    finalists: Sequence[Candidate], replicates: int, question: RunContext, train: Trainer
) -> None:
    trials = {
        each.number: [
            trial_of(each.recipe, question, SEARCH_REPLICATES + replicate)
            for replicate in range(1, replicates)
        ]
        for each in finalists
    }
    every = [trial for each in trials.values() for trial in each]
    label = f"{len(finalists)} finalists on {replicates - 1} more replicates"
    results = train(every, label, {}, ())
    for each in finalists:
        found = [results[trial.id] for trial in trials[each.number]]
        each.more = tuple(result.validation.accuracy for result in found)
        each.more_seconds = math.fsum(result.seconds for result in found)


@dataclass(frozen=True)
class HyperparameterSummary:
    """One hyperparameter, as the search saw it.

    Attributes:
        name: of the dimension.
        best: the winner's value; None where it was not drawn for it.
        importance: what it explains of the order of candidates.
        values: those of the flat top: smallest and largest number, or the choices.
        edge: "lower" or "upper" where the best lies at the end of its range and the recipe would
            take values beyond, else None.
    """

    name: str
    best: Choice
    importance: Importance
    values: tuple[Choice, ...]
    edge: str | None


@dataclass(frozen=True)
class SearchResult:
    """A search's outcome.

    Attributes:
        study: what was asked.
        dataset: the dataset's name.
        fingerprint: the dataset's fingerprint.
        sizes: examples by part.
        candidates: every one, in the order in which they were asked for.
        finalists: those that were tried again, the best first.
        winner: the candidate that is best.
        chance: accuracy of guessing.
        searched: the winner's accuracy as the search saw it, a fraction.
        fresh: its validation accuracy on replicates that the search never saw.
        fresh_diverged: how many of them diverged.
        test: its test accuracy on the same replicates, or None where nobody looked.
        looks: readings of this test set's figures that the store knows of.
        luck: how much of `searched` was luck.
        expected: what the best of n candidates is expected to be.
        seconds_each: mean training time of a candidate, so that n candidates take n times it.
        knobs: one a hyperparameter, the most important first.
        top: whole candidates not worse than the best by more than δ, as they were found; of each
            recipe one.
        not_excluded: whole candidates of which that cannot be ruled out.
        whole: candidates that were trained to their end.
        diverged: candidates that became non-finite.
        parameters: trainable numbers of the winner's network.
        replicate_seconds: mean training time of a fresh replicate of the winner.
        epochs: of training in all, those that were gone on from counted once.
        training_seconds: of all trials of the search and of the winner, added up.
        seconds: wall time that the study has taken, all runs of it added up.
        versions: by name.
        machine: one line that says what it ran on.
        warnings: what the reader should know, in sentences.
        trained: trials that this run trained.
        found: trials that were stored before it.
    """

    study: Study
    dataset: str
    fingerprint: str
    sizes: dict[str, int]
    candidates: tuple[Candidate, ...]
    finalists: tuple[Candidate, ...]
    winner: Candidate
    chance: float
    searched: float
    fresh: Estimate
    fresh_diverged: int
    test: Estimate | None
    looks: int
    luck: SelectionBias
    expected: ExpectedBest
    seconds_each: float
    knobs: tuple[HyperparameterSummary, ...]
    top: tuple[Candidate, ...]
    not_excluded: int
    whole: int
    diverged: int
    parameters: int
    replicate_seconds: float
    epochs: int
    training_seconds: float
    seconds: float
    versions: dict[str, str]
    machine: str
    warnings: tuple[str, ...]
    trained: int
    found: int

    def is_top(self, candidate: Candidate) -> bool:
        """Whether a candidate is of the flat top, or the same recipe drawn once more."""
        return candidate.is_whole and any(each.recipe == candidate.recipe for each in self.top)


_EDGE = 0.05
"""Share of a range at each of its ends that counts as its edge."""


def outcomes(candidates: Sequence[Candidate], chance: float) -> list[float]:
    """One number a candidate by which a search orders them: who got further is better.

    Epochs that are missing to its end, as a negative number, and among equals its accuracy,
    diverged ones at guessing.
    """
    return [_or(each.accuracy, chance) - each.epochs_left for each in candidates]


def expected(candidates: Sequence[Candidate], chance: float) -> tuple[ExpectedBest, float]:
    """The expected best by number of candidates, and the mean training time of one."""
    values = [_or(each.accuracy, chance) for each in candidates]
    seconds = math.fsum(each.seconds for each in different(candidates))
    return expected_best(values), seconds / max(1, len(candidates))


def luck(
    candidates: Sequence[Candidate],
    finalists: Sequence[Candidate],
    fresh: Sequence[float],
    study: Study,
    validation: int,
    chance: float,
) -> SelectionBias:
    """How much of the winner's accuracy was luck.

    The noise is that of the finalists' replicates; where there is one finalist alone, that of the
    winner's fresh ones.
    """
    search = study.search
    assert search is not None
    whole = different(each for each in candidates if each.is_whole)
    replicates, tried = search.replicates, search.finalists
    margin = margin_of(max(each.accuracy for each in whole), validation)
    accuracies: Sequence[float] = adjusted_means(
        [each.accuracy for each in whole], [each.mean(chance) for each in whole],
        [bool(each.more) for each in whole],
    ).tolist()  # fmt: skip
    if len(whole) < 2:  # one alone went on to the end: it was chosen at the rung before
        accuracies, replicates, tried = _last_choice(candidates, finalists[0]), 1, 1
    noise = residual_noise([each.replicates for each in finalists])
    if len(finalists) < 2 or not noise.size:
        noise = residual_noise([[each for each in fresh if math.isfinite(each)]])
    return selection_bias(accuracies, noise, replicates, tried, margin, study.seed)


def _last_choice(candidates: Sequence[Candidate], winner: Candidate) -> list[float]:
    """Accuracies at the last rung at which the winner had company; its own where it had none."""
    for epochs in sorted(winner.rungs, reverse=True):
        found = [each.rungs[epochs] for each in candidates if epochs in each.rungs]
        finite = [value for value in found if math.isfinite(value)]
        if len(finite) > 1:
            return finite
    return [winner.accuracy]


def equivalent_candidates(
    candidates: Sequence[Candidate], winner: Candidate, delta: float, noise: float, chance: float
) -> tuple[tuple[Candidate, ...], int]:
    """Whole candidates within δ of the winner, and of how many that cannot be ruled out.

    Each is compared with the winner over the replicates that both were trained on.

    Args:
        candidates: all of them.
        winner: stands first, whatever others' single replicates say.
        delta: in percentage points.
        noise: standard deviation of one replicate, a fraction.
        chance: accuracy of guessing.
    """
    whole = different([winner, *(each for each in candidates if each.is_whole)])
    lags, counts = zip(*(_behind(winner, each, chance) for each in whole), strict=True)
    within, maybe = equivalence_set(lags, counts, delta / 100, noise)
    top = tuple(each for each, inside in zip(whole, within, strict=True) if inside)
    return top, int(maybe.sum())


def _behind(winner: Candidate, other: Candidate, chance: float) -> tuple[float, int]:
    """How far a whole candidate lies behind the winner, over how many replicates that both have."""
    count = min(len(other.replicates), len(winner.replicates))
    return max(0.0, winner.mean(chance, count) - other.mean(chance, count)), count


def summarize_hyperparameters(
    study: Study, candidates: Sequence[Candidate], winner: Candidate, top: Sequence[Candidate],
    chance: float,
) -> tuple[HyperparameterSummary, ...]:  # fmt: skip
    """What the search says of each hyperparameter, the most important first."""
    assert study.search is not None
    made = [
        _knob(each, study, candidates, winner, top, chance)
        for each in dimensions(study.search.space, study.base)
    ]
    return tuple(sorted(made, key=lambda each: -_or(each.importance.share, -1.0)))


def _knob(
    dimension: Dimension, study: Study, candidates: Sequence[Candidate], winner: Candidate,
    top: Sequence[Candidate], chance: float,
) -> HyperparameterSummary:  # fmt: skip
    name = dimension.name
    drawn = [each for each in candidates if name in each.params and each.rungs]
    values = [each.params[name] for each in drawn]
    if dimension.parameter.type == "categorical":
        labels = [dimension.parameter.values.index(value) for value in values]
    else:
        labels = assign_bins(np.array(values, np.float64)).tolist()
    shown = [each.params[name] for each in top if name in each.params]
    best = winner.params.get(name)
    return HyperparameterSummary(
        name=name,
        best=best,
        importance=importance(labels, outcomes(drawn, chance)),
        values=_range(dimension, shown),
        edge=None if best is None else _edge(dimension, best, winner.recipe),
    )


def _range(dimension: Dimension, values: Sequence[Choice]) -> tuple[Choice, ...]:
    if not values:
        return ()
    if dimension.parameter.type == "categorical":
        return tuple(each for each in dimension.parameter.values if each in values)
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    low, high = min(numbers), max(numbers)
    return (low,) if low == high else (low, high)


def _edge(dimension: Dimension, best: Choice, recipe: Recipe) -> str | None:
    """Whether a value lies at the end of a range beyond which the recipe takes values too."""
    given = dimension.parameter
    if given.type == "categorical" or not isinstance(best, int | float):
        return None
    assert given.low is not None
    assert given.high is not None
    last = dimension.at(1.0)  # with a step, the highest value may be below the end of the range
    assert isinstance(last, int | float)
    place = dimension.place_of(best)
    for edge, is_there, end, outwards in (
        ("lower", place <= _EDGE or best <= given.low, given.low, -1),
        ("upper", place >= 1 - _EDGE or best >= last, last, 1),
    ):
        whole = given.type == "int"
        beyond = int(end) + outwards if whole else math.nextafter(end, outwards * math.inf)
        if is_there and _takes(dimension.name, beyond, recipe):
            return edge
    return None


def _takes(name: str, value: float, recipe: Recipe) -> bool:
    if name not in Recipe.model_fields:
        return value >= 1  # layers and units
    try:
        recipe.changed({name: value})
    except StudyError:
        return False
    return True


def _or(value: float, other: float) -> float:
    return other if math.isnan(value) else value


def warnings(
    study: Study, every: Sequence[HyperparameterSummary], winner: Candidate, lost: int, fresh: int
) -> tuple[str, ...]:
    """What the reader of a search should know, a sentence each.

    Args:
        study: what was asked.
        every: its hyperparameters.
        winner: the best candidate.
        lost: fresh replicates on which it diverged.
        fresh: how many there are.
    """
    assert study.search is not None
    lines = [
        f"the best {each.name} ({each.best:.4g}) lies at the {each.edge} edge of its range: a "
        "better one may lie beyond; widen the range"
        for each in every
        if each.edge and isinstance(each.best, int | float)
    ]
    if lost:
        lines.append(
            f"the winner diverged on {lost} of {fresh} fresh replicates: its interval speaks for "
            "the others alone; narrow the learning rate, or clip the gradient"
        )
    if study.techniques:
        lines.append("a search changes the base alone: the study's techniques took no part in it")
    return tuple(lines)
