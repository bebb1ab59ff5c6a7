"""Choosing the winner: those too close to the best are tried again, and the best mean wins."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepladder.errors import RunError
from stepladder.runner.question import Question
from stepladder.searcher.candidates import Candidate, different
from stepladder.searcher.thinning import trial_of
from stepladder.searcher.waves import Trainer
from stepladder.searching import SEARCH_REPLICATES

__all__ = ["choose", "margin_of"]


def margin_of(accuracy: float, examples: int) -> float:
    """How far behind the best a candidate may be and yet be as good, a fraction.

    Twice the standard error of a difference of two accuracies on so many validation images: the
    least noise that there is.
    """
    return 2 * math.sqrt(2 * max(accuracy * (1 - accuracy), 0.0) / examples)


def choose(
    candidates: Sequence[Candidate], question: Question, train: Trainer
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
    finalists: Sequence[Candidate], replicates: int, question: Question, train: Trainer
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
