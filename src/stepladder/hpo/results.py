"""What a search returns: winner, selection bias, importance, equal candidates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepladder.errors import RunError, StudyError
from stepladder.hpo.candidates import Candidate, distinct
from stepladder.hpo.halving import Trainer, can_extend
from stepladder.runs.plan import RunContext
from stepladder.statistics.intervals import estimate
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
from stepladder.store import StudyRecord
from stepladder.study.recipe import Recipe
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.search_space import Choice, Dimension, dimensions
from stepladder.study.study import Study
from stepladder.trials.trial import TrialResult


def margin_of(accuracy: float, examples: int) -> float:
    """How far behind the best a candidate may be and yet be as good, a fraction.

    Twice the standard error of a difference of two accuracies on so many validation images: the
    least noise that there is.
    """
    return 2 * math.sqrt(2 * max(accuracy * (1 - accuracy), 0.0) / examples)


def choose(
    candidates: Sequence[Candidate], context: RunContext, train: Trainer
) -> tuple[Candidate, tuple[Candidate, ...]]:
    """The winner and the finalists, the best first; finalists' further accuracies are noted.

    Raises:
        RunError: if no candidate was trained to its end.
    """
    search = context.study.search
    assert search is not None
    ranked = sorted(
        distinct(candidate for candidate in candidates if candidate.is_whole),
        key=lambda each: (-each.accuracy, each.number),
    )
    if not ranked:
        diverged = sum(math.isnan(candidate.accuracy) for candidate in candidates)
        lost = (
            f"{diverged} of {len(candidates)} diverged, among them all that were to reach the end"
        )
        if diverged == len(candidates):
            lost = f"all {diverged} diverged"
        raise RunError(
            f"at least one candidate must train to its end, found that {lost}; narrow "
            "the space, its learning rate first, or clip the gradient with base.global_clipnorm. "
            "What was trained is stored"
        )
    floor = ranked[0].accuracy - margin_of(ranked[0].accuracy, context.validation)
    finalists = [candidate for candidate in ranked if candidate.accuracy >= floor]
    finalists = finalists[: search.finalists]
    if len(finalists) > 1 and search.replicates > 1:
        _retrain(finalists, search.replicates, context, train)
    finalists.sort(key=lambda each: (-each.mean(context.chance), each.number))
    return finalists[0], tuple(finalists)


def _retrain(
    finalists: Sequence[Candidate], replicates: int, context: RunContext, train: Trainer
) -> None:
    """Trains finalists on further replicates, and notes their accuracies."""
    trials = {
        candidate.number: [
            context.trial(candidate.recipe, SEARCH_REPLICATES + replicate)
            for replicate in range(1, replicates)
        ]
        for candidate in finalists
    }
    label = f"{len(finalists)} finalists on {replicates - 1} more replicates"
    results = train([trial for own in trials.values() for trial in own], label, {}, ())
    for candidate in finalists:
        own = [results[trial.id] for trial in trials[candidate.number]]
        candidate.more = tuple(result.validation.accuracy for result in own)
        candidate.more_seconds = math.fsum(result.seconds for result in own)


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
        noun: what one example is called in sentences.
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
    noun: str = "image"

    def is_top(self, candidate: Candidate) -> bool:
        """Whether a candidate is as good as the winner, or the same recipe drawn once more."""
        return candidate.is_whole and any(top.recipe == candidate.recipe for top in self.top)


def summarize_search(
    context: RunContext,
    record: StudyRecord,
    candidates: Sequence[Candidate],
    finalists: Sequence[Candidate],
    fresh: Sequence[TrialResult],
    *,
    test: Estimate | None,
    looks: int,
    trained: int,
    found: int,
) -> SearchResult:
    """All that a finished search tells; see `SearchResult` for what is given."""
    study, winner, chance = context.study, finalists[0], context.chance
    whole = distinct(candidates)
    accuracies = [result.validation.accuracy for result in fresh]
    bias = winner_bias(candidates, finalists, accuracies, study, context.validation, chance)
    top, not_excluded = equivalent_candidates(
        candidates, winner, study.delta or 0.0, bias.noise, chance
    )
    hyperparameters = summarize_hyperparameters(study, candidates, winner, top, chance)
    fresh_diverged = sum(result.diverged is not None for result in fresh)
    extends = can_extend(study, context.engine)
    epochs = sum(candidate.epochs if extends else sum(candidate.rungs) for candidate in whole)
    epochs += sum(len(candidate.more) * candidate.recipe.epochs for candidate in candidates)
    fresh_seconds = math.fsum(result.seconds for result in fresh)
    return SearchResult(
        study=study,
        dataset=record.dataset,
        fingerprint=record.fingerprint,
        sizes=record.sizes,
        candidates=tuple(candidates),
        finalists=tuple(finalists),
        winner=winner,
        chance=chance,
        searched=winner.mean(chance),
        fresh=estimate(accuracies),
        fresh_diverged=fresh_diverged,
        test=test,
        looks=looks,
        luck=bias,
        expected=expected_best([or_else(candidate.accuracy, chance) for candidate in candidates]),
        seconds_each=mean_seconds(candidates),
        knobs=hyperparameters,
        top=top,
        not_excluded=not_excluded,
        whole=sum(candidate.is_whole for candidate in whole),
        diverged=sum(math.isnan(candidate.accuracy) for candidate in candidates),
        parameters=fresh[0].parameters,
        replicate_seconds=fresh_seconds / len(fresh),
        epochs=epochs + sum(result.trial.recipe.epochs for result in fresh),
        training_seconds=math.fsum(
            candidate.seconds + candidate.more_seconds for candidate in whole
        )
        + fresh_seconds,
        seconds=record.seconds,
        versions=record.versions,
        machine=record.machine,
        warnings=warnings(study, hyperparameters, winner, fresh_diverged, len(fresh)),
        trained=trained,
        found=found,
        noun=record.noun,
    )


def mean_seconds(candidates: Sequence[Candidate]) -> float:
    """The mean training time of a candidate."""
    seconds = math.fsum(candidate.seconds for candidate in distinct(candidates))
    return seconds / max(1, len(candidates))


def winner_bias(
    candidates: Sequence[Candidate],
    finalists: Sequence[Candidate],
    fresh: Sequence[float],
    study: Study,
    validation: int,
    chance: float,
) -> SelectionBias:
    """How much of the winner's accuracy is selection bias.

    The noise is that of the finalists' replicates; with only one finalist, that of the winner's
    fresh ones.
    """
    search = study.search
    assert search is not None
    whole = distinct(candidate for candidate in candidates if candidate.is_whole)
    replicates, tried = search.replicates, search.finalists
    margin = margin_of(max(candidate.accuracy for candidate in whole), validation)
    accuracies: Sequence[float] = adjusted_means(
        [candidate.accuracy for candidate in whole],
        [candidate.mean(chance) for candidate in whole],
        [bool(candidate.more) for candidate in whole],
    ).tolist()  # fmt: skip
    if len(whole) < 2:  # only one reached the end: it was chosen at the rung before
        accuracies, replicates, tried = _last_choice(candidates, finalists[0]), 1, 1
    noise = residual_noise([candidate.replicates for candidate in finalists])
    if len(finalists) < 2 or not noise.size:
        noise = residual_noise([[accuracy for accuracy in fresh if math.isfinite(accuracy)]])
    return selection_bias(accuracies, noise, replicates, tried, margin, study.seed)


def _last_choice(candidates: Sequence[Candidate], winner: Candidate) -> list[float]:
    """Accuracies at the last rung where the winner was not the only one, or its own."""
    for epochs in sorted(winner.rungs, reverse=True):
        accuracies = [
            candidate.rungs[epochs] for candidate in candidates if epochs in candidate.rungs
        ]
        finite = [accuracy for accuracy in accuracies if math.isfinite(accuracy)]
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
        winner: comes first, whatever single replicates of others say.
        delta: in percentage points.
        noise: standard deviation of one replicate, a fraction.
        chance: accuracy of guessing.
    """
    whole = distinct([winner, *(candidate for candidate in candidates if candidate.is_whole)])
    counts = [min(len(candidate.replicates), len(winner.replicates)) for candidate in whole]
    lags = [
        max(0.0, winner.mean(chance, count) - candidate.mean(chance, count))
        for candidate, count in zip(whole, counts, strict=True)
    ]
    within, maybe = equivalence_set(lags, counts, delta / 100, noise)
    top = tuple(each for each, inside in zip(whole, within, strict=True) if inside)
    return top, int(maybe.sum())


def summarize_hyperparameters(
    study: Study, candidates: Sequence[Candidate], winner: Candidate, top: Sequence[Candidate],
    chance: float,
) -> tuple[HyperparameterSummary, ...]:  # fmt: skip
    """What the search says of each hyperparameter, the most important first."""
    assert study.search is not None
    summaries = []
    for dimension in dimensions(study.search.space, study.recipe):
        name = dimension.name
        drawn = [
            candidate for candidate in candidates if name in candidate.params and candidate.rungs
        ]
        values = [candidate.params[name] for candidate in drawn]
        if dimension.parameter.type == "categorical":
            labels = [dimension.parameter.values.index(value) for value in values]
        else:
            labels = assign_bins(np.array(values, np.float64)).tolist()
        # Who was trained further is better: epochs left count as whole accuracies below 0.
        outcomes = [
            or_else(candidate.accuracy, chance) - candidate.epochs_left for candidate in drawn
        ]
        best = winner.params.get(name)
        summaries.append(
            HyperparameterSummary(
                name=name,
                best=best,
                importance=importance(labels, outcomes),
                values=_range(dimension, [e.params[name] for e in top if name in e.params]),
                edge=None if best is None else _edge(dimension, best, winner.recipe),
            )
        )
    return tuple(sorted(summaries, key=lambda each: -or_else(each.importance.share, -1.0)))


def _range(dimension: Dimension, values: Sequence[Choice]) -> tuple[Choice, ...]:
    if dimension.parameter.type == "categorical":
        return tuple(value for value in dimension.parameter.values if value in values)
    numbers = sorted({float(value) for value in values if isinstance(value, int | float)})
    return (numbers[0], numbers[-1]) if len(numbers) > 1 else tuple(numbers)


_EDGE = 0.05  # share of a range, from each of its ends, that counts as its edge


def _edge(dimension: Dimension, best: Choice, recipe: Recipe) -> str | None:
    """The end of a range that a value is at, if the recipe allows values beyond it."""
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
        is_int = given.type == "int"
        beyond = int(end) + outwards if is_int else math.nextafter(end, outwards * math.inf)
        if is_there and _is_allowed(dimension.name, beyond, recipe):
            return edge
    return None


def _is_allowed(name: str, value: float, recipe: Recipe) -> bool:
    if name not in Recipe.model_fields:
        return value >= 1  # layers and units
    try:
        recipe.changed({name: value})
    except StudyError:
        return False
    return True


def or_else(value: float, other: float) -> float:
    """A value, or another one where it is NaN."""
    return other if math.isnan(value) else value


def warnings(
    study: Study, hyperparameters: Sequence[HyperparameterSummary], winner: Candidate, lost: int,
    fresh: int,
) -> tuple[str, ...]:  # fmt: skip
    """What the reader of a search should know, a sentence each."""
    lines = [
        f"the best {each.name} ({each.best:.4g}) lies at the {each.edge} edge of its range: a "
        "better one may lie beyond; widen the range"
        for each in hyperparameters
        if each.edge and isinstance(each.best, int | float)
    ]
    if lost:
        lines.append(
            f"the winner diverged on {lost} of {fresh} fresh replicates: its interval is of "
            "the others only; narrow the learning rate, or clip the gradient"
        )
    if study.techniques:
        lines.append("a search changes only the base: it did not use the study's techniques")
    return tuple(lines)
