"""What a search has found, worked out from its candidates and the winner's fresh replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stepladder.analysis.expected_best import ExpectedBest, expected_best
from stepladder.analysis.importance import binned, importance
from stepladder.analysis.selection import Luck, flat_top, levelled, luck_of_the_choice, noise_of
from stepladder.dimensions import Dimension, dimensions
from stepladder.errors import StudyError
from stepladder.recipe import Recipe
from stepladder.searcher.candidates import Candidate, different
from stepladder.searcher.choosing import margin_of
from stepladder.searcher.found import Knob
from stepladder.space import Choice
from stepladder.study import Study

__all__ = ["expected", "flat", "knobs", "luck", "outcomes", "warnings"]

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
) -> Luck:
    """How much of the winner's accuracy was luck.

    The noise is that of the finalists' replicates; where there is one finalist alone, that of the
    winner's fresh ones.
    """
    search = study.search
    assert search is not None
    whole = different(each for each in candidates if each.is_whole)
    replicates, tried = search.replicates, search.finalists
    margin = margin_of(max(each.accuracy for each in whole), validation)
    accuracies: Sequence[float] = levelled(
        [each.accuracy for each in whole], [each.mean(chance) for each in whole],
        [bool(each.more) for each in whole],
    ).tolist()  # fmt: skip
    if len(whole) < 2:  # one alone went on to the end: it was chosen at the rung before
        accuracies, replicates, tried = _last_choice(candidates, finalists[0]), 1, 1
    noise = noise_of([each.replicates for each in finalists])
    if len(finalists) < 2 or not noise.size:
        noise = noise_of([[each for each in fresh if math.isfinite(each)]])
    return luck_of_the_choice(accuracies, noise, replicates, tried, margin, study.seed)


def _last_choice(candidates: Sequence[Candidate], winner: Candidate) -> list[float]:
    """Accuracies at the last rung at which the winner had company; its own where it had none."""
    for epochs in sorted(winner.rungs, reverse=True):
        found = [each.rungs[epochs] for each in candidates if epochs in each.rungs]
        finite = [value for value in found if math.isfinite(value)]
        if len(finite) > 1:
            return finite
    return [winner.accuracy]


def flat(
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
    within, maybe = flat_top(lags, counts, delta / 100, noise)
    top = tuple(each for each, inside in zip(whole, within, strict=True) if inside)
    return top, int(maybe.sum())


def _behind(winner: Candidate, other: Candidate, chance: float) -> tuple[float, int]:
    """How far a whole candidate lies behind the winner, over how many replicates that both have."""
    count = min(len(other.replicates), len(winner.replicates))
    return max(0.0, winner.mean(chance, count) - other.mean(chance, count)), count


def knobs(
    study: Study, candidates: Sequence[Candidate], winner: Candidate, top: Sequence[Candidate],
    chance: float,
) -> tuple[Knob, ...]:  # fmt: skip
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
) -> Knob:  # fmt: skip
    name = dimension.name
    drawn = [each for each in candidates if name in each.params and each.rungs]
    values = [each.params[name] for each in drawn]
    if dimension.parameter.type == "categorical":
        labels = [dimension.parameter.values.index(value) for value in values]
    else:
        labels = binned(np.array(values, np.float64)).tolist()
    shown = [each.params[name] for each in top if name in each.params]
    best = winner.params.get(name)
    return Knob(
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
    study: Study, every: Sequence[Knob], winner: Candidate, lost: int, fresh: int
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
