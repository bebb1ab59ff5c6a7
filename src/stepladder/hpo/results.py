"""What a search returns: winner, selection bias, importance, equal candidates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stepladder.errors import RunError, StudyError
from stepladder.hpo.candidates import Candidate, distinct, or_else
from stepladder.hpo.halving import Trainer, can_extend
from stepladder.runs.measures import choosing_score, scope_of
from stepladder.runs.plan import RunContext, versions_shown
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Estimate
from stepladder.statistics.selection import (
    ExpectedBest,
    Importance,
    SelectionBias,
    assign_bins,
    equivalence_set,
    expected_best,
    importance,
    residual_noise,
    selection_bias,
)
from stepladder.store import StudyRecord
from stepladder.study.params import Config, Params
from stepladder.study.recipe import Recipe, own_paths
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.search_space import Choice, Dimension, dimensions
from stepladder.study.study import Study
from stepladder.trials.trial import TrialResult


def margin_of(accuracy: float, context: RunContext) -> float:
    """How far behind the best a candidate may be and yet be as good.

    Twice the standard error of a difference of two accuracies on so many validation images: the
    least noise that there is. Of another metric the noise is not known before candidates are
    tried again: there is no limit.
    """
    examples = context.validation
    if context.study.judged.name != "accuracy" or not examples:
        return math.inf
    return 2 * math.sqrt(2 * max(accuracy * (1 - accuracy), 0.0) / examples)


def choose(
    candidates: Sequence[Candidate], context: RunContext, train: Trainer
) -> tuple[Candidate, tuple[Candidate, ...]]:
    """The winner and the finalists, the best first; finalists' further scores are noted.

    Raises:
        RunError: if no candidate was trained to its end.
    """
    search = context.study.search
    assert search is not None
    ranked = sorted(
        distinct(candidate for candidate in candidates if candidate.is_whole),
        key=lambda each: (-each.merit, each.number),
    )
    if not ranked:
        diverged = sum(math.isnan(candidate.score) for candidate in candidates)
        lost = (
            f"{diverged} of {len(candidates)} diverged, among them all that were to reach the end"
        )
        if diverged == len(candidates):
            lost = f"all {diverged} diverged"
        raise RunError(
            f"at least one candidate must train to its end, found that {lost}; narrow "
            "the space, its learning rate first"
            + (", or clip the gradient with base.global_clipnorm" * (context.study.trainer is None))
            + ". What was trained is stored"
        )
    floor = ranked[0].merit - margin_of(ranked[0].merit, context)
    finalists = [candidate for candidate in ranked if candidate.merit >= floor]
    finalists = finalists[: search.finalists]
    if len(finalists) > 1 and search.replicates > 1:
        _retrain(finalists, search.replicates, context, train)
    finalists.sort(key=lambda each: (-mean_merit(each, context.baseline), each.number))
    return finalists[0], tuple(finalists)


def mean_merit(candidate: Candidate, baseline: float | None, first: int | None = None) -> float:
    """The mean score with the sign that makes more of it better; the least where it diverged."""
    return or_else(candidate.sign * candidate.mean(baseline, first), -math.inf)


def _retrain(
    finalists: Sequence[Candidate], replicates: int, context: RunContext, train: Trainer
) -> None:
    """Trains finalists on further replicates, and notes their scores."""
    trials = {
        candidate.number: [
            context.trial(candidate.config, SEARCH_REPLICATES + replicate)
            for replicate in range(1, replicates)
        ]
        for candidate in finalists
    }
    label = f"{len(finalists)} finalists on {replicates - 1} more replicates"
    results = train([trial for own in trials.values() for trial in own], label, {}, ())
    for candidate in finalists:
        own = [results[trial.id] for trial in trials[candidate.number]]
        candidate.more = tuple(choosing_score(result, context.study) for result in own)
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
        baseline: the score of guessing; None where it is not known.
        searched: the winner's score as the search saw it.
        fresh: its validation score on replicates that the search never saw.
        fresh_diverged: how many of them diverged.
        test: its test score on the same replicates, or None where nobody looked.
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
    baseline: float | None
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
        return candidate.is_whole and any(top.config == candidate.config for top in self.top)


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
    study, winner, baseline = context.study, finalists[0], context.baseline
    metric, whole = study.judged, distinct(candidates)
    scores = [choosing_score(result, study) for result in fresh]
    overlap, words = scope_of("validation", record.study, record)
    bias = winner_bias(candidates, finalists, scores, context)
    margin = (study.delta or 0.0) / metric.scale
    top, not_excluded = equivalent_candidates(candidates, winner, margin, bias.noise, baseline)
    hyperparameters = summarize_hyperparameters(study, candidates, winner, top, baseline)
    fresh_diverged = sum(result.diverged is not None for result in fresh)
    extends = can_extend(study, context.engine)
    epochs = sum(candidate.epochs if extends else sum(candidate.rungs) for candidate in whole)
    epochs += sum(len(candidate.more) * candidate.config.epochs for candidate in candidates)
    fresh_seconds = math.fsum(result.seconds for result in fresh)
    return SearchResult(
        study=study,
        dataset=record.dataset,
        fingerprint=record.fingerprint,
        sizes=record.sizes,
        candidates=tuple(candidates),
        finalists=tuple(finalists),
        winner=winner,
        baseline=baseline,
        searched=winner.mean(baseline),
        fresh=estimate(scores, metric=metric, overlap=overlap, speaks_for=words),
        fresh_diverged=fresh_diverged,
        test=test,
        looks=looks,
        luck=bias,
        expected=_expected(candidates, baseline),
        seconds_each=mean_seconds(candidates),
        knobs=hyperparameters,
        top=top,
        not_excluded=not_excluded,
        whole=sum(candidate.is_whole for candidate in whole),
        diverged=sum(math.isnan(candidate.score) for candidate in candidates),
        parameters=fresh[0].parameters,
        replicate_seconds=fresh_seconds / len(fresh),
        epochs=epochs + sum(result.trial.config.epochs for result in fresh),
        training_seconds=math.fsum(
            candidate.seconds + candidate.more_seconds for candidate in whole
        )
        + fresh_seconds,
        seconds=record.seconds,
        versions=versions_shown(record.versions),
        machine=record.machine,
        warnings=warnings(study, hyperparameters, winner, fresh_diverged, len(fresh)),
        trained=trained,
        found=found,
        noun=record.noun,
    )


def _expected(candidates: Sequence[Candidate], baseline: float | None) -> ExpectedBest:
    """What the best of n candidates is expected to be; what has no score is left out."""
    scores = [(one.sign, or_else(one.score, baseline)) for one in candidates]
    curve = expected_best([sign * score for sign, score in scores if math.isfinite(score)])
    return replace(curve, mean=candidates[0].sign * curve.mean)


def mean_seconds(candidates: Sequence[Candidate]) -> float:
    """The mean training time of a candidate."""
    seconds = math.fsum(candidate.seconds for candidate in distinct(candidates))
    return seconds / max(1, len(candidates))


def winner_bias(
    candidates: Sequence[Candidate],
    finalists: Sequence[Candidate],
    fresh: Sequence[float],
    context: RunContext,
) -> SelectionBias:
    """How much of the winner's score is selection bias.

    The noise is that of the finalists' further replicates: the first one chose them, so it lies
    too high and too close together. Without two of them it is that of the winner's fresh ones.
    """
    search, sign, seed = context.study.search, finalists[0].sign, context.study.seed
    assert search is not None
    whole = distinct(candidate for candidate in candidates if candidate.is_whole)
    replicates, tried = search.replicates, search.finalists
    margin = margin_of(max(candidate.merit for candidate in whole), context)
    merits = [candidate.merit for candidate in whole]
    if len(whole) < 2:  # only one reached the end: it was chosen at the rung before
        merits, replicates, tried = _last_choice(candidates, finalists[0]), 1, 1
    noise = np.zeros(0)
    if len(finalists) > 1:
        noise = residual_noise([[sign * score for score in one.more] for one in finalists])
    if not noise.size:
        noise = residual_noise([[sign * score for score in fresh if math.isfinite(score)]])
    return selection_bias(merits, noise, replicates, tried, margin, seed)


def _last_choice(candidates: Sequence[Candidate], winner: Candidate) -> list[float]:
    """Merits at the last rung where the winner was not the only one, or its own."""
    for epochs in sorted(winner.rungs, reverse=True):
        merits = [one.sign * one.rungs[epochs] for one in candidates if epochs in one.rungs]
        finite = [merit for merit in merits if math.isfinite(merit)]
        if len(finite) > 1:
            return finite
    return [winner.merit]


def equivalent_candidates(
    candidates: Sequence[Candidate],
    winner: Candidate,
    delta: float,
    noise: float,
    baseline: float | None,
) -> tuple[tuple[Candidate, ...], int]:
    """Whole candidates within δ of the winner, and of how many that cannot be ruled out.

    Each is compared with the winner over the replicates that both were trained on.

    Args:
        candidates: all of them.
        winner: comes first, whatever single replicates of others say.
        delta: as scores are: of fractions a fraction.
        noise: standard deviation of one replicate.
        baseline: the score of guessing; None where it is not known.
    """  # fmt: skip
    whole = distinct([winner, *(candidate for candidate in candidates if candidate.is_whole)])
    counts = [min(len(candidate.replicates), len(winner.replicates)) for candidate in whole]
    lags = [
        max(0.0, mean_merit(winner, baseline, count) - mean_merit(candidate, baseline, count))
        for candidate, count in zip(whole, counts, strict=True)
    ]
    within, maybe = equivalence_set(lags, counts, delta, noise)
    top = tuple(each for each, inside in zip(whole, within, strict=True) if inside)
    return top, int(maybe.sum())


def summarize_hyperparameters(
    study: Study, candidates: Sequence[Candidate], winner: Candidate, top: Sequence[Candidate],
    baseline: float | None,
) -> tuple[HyperparameterSummary, ...]:  # fmt: skip
    """What the search says of each hyperparameter, the most important first."""
    assert study.search is not None
    summaries = []
    for dimension in dimensions(study.search.space, study.base):
        name = dimension.name
        drawn = [
            candidate for candidate in candidates if name in candidate.params and candidate.rungs
        ]
        values = [candidate.params[name] for candidate in drawn]
        if dimension.parameter.type == "categorical":
            labels = [dimension.parameter.values.index(value) for value in values]
        else:
            labels = assign_bins(np.array(values, np.float64)).tolist()
        outcomes = _ranks(drawn, baseline)
        best = winner.params.get(name)
        summaries.append(
            HyperparameterSummary(
                name=name,
                best=best,
                importance=importance(labels, outcomes),
                values=_range(dimension, [e.params[name] for e in top if name in e.params]),
                edge=None if best is None else _edge(dimension, best, winner.config),
            )
        )
    return tuple(sorted(summaries, key=lambda each: -or_else(each.importance.share, -1.0)))


def _ranks(candidates: Sequence[Candidate], baseline: float | None) -> list[int]:
    """The order of candidates: who was trained further is better, and then who has more merit."""
    keys = [
        (-one.epochs_left, or_else(one.sign * or_else(one.score, baseline), -math.inf))
        for one in candidates
    ]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return [places[key] for key in keys]


def _range(dimension: Dimension, values: Sequence[Choice]) -> tuple[Choice, ...]:
    if dimension.parameter.type == "categorical":
        return tuple(value for value in dimension.parameter.values if value in values)
    numbers = sorted({float(value) for value in values if isinstance(value, int | float)})
    return (numbers[0], numbers[-1]) if len(numbers) > 1 else tuple(numbers)


_EDGE = 0.05  # share of a range, from each of its ends, that counts as its edge


def _edge(dimension: Dimension, best: Choice, config: Config) -> str | None:
    """The end of a range that a value is at, if the configuration allows values beyond it."""
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
        if is_there and _is_allowed(dimension.name, beyond, config):
            return edge
    return None


def _is_allowed(name: str, value: float, recipe: Config) -> bool:
    if isinstance(recipe, Params) or name in own_paths(recipe):
        return True
    if name not in Recipe.model_fields:
        return value >= 1  # layers and units
    try:
        recipe.changed({name: value})
    except StudyError:
        return False
    return True


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
