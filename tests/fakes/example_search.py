"""What a search of the built-in space might find: candidates drawn, with accuracies made up."""

import math

import numpy as np

from stepladder.hpo import results
from stepladder.hpo.candidates import Candidate, or_else
from stepladder.hpo.results import SearchResult
from stepladder.runs.plan import RunContext
from stepladder.statistics.intervals import estimate
from stepladder.statistics.selection import expected_best
from stepladder.study.search_space import config_of, dimensions, draw_values
from stepladder.study.study import Study

CHANCE = 0.1


def found_search(count=48, **changes):
    """A search that was halved twice; changes go to `SearchResult`, judged as a real one is."""
    study = Study.load("mnist-search")
    space, draws = study.search.space, np.random.default_rng(7)
    candidates = []
    for number in range(count):
        every = dimensions(space, study.base)
        params = draw_values(every, draws.random(len(every)), study.base)
        recipe = config_of(params, space, study.base)
        candidates.append(Candidate(number, params, recipe, 0, seconds=3.0,
                                    rungs={2: _accuracy(params, 2, draws)}))  # fmt: skip
    candidates[0].rungs = {2: math.nan}
    for epochs, kept in ((6, count // 3), (18, count // 9)):
        alive = [each for each in candidates if not math.isnan(each.score)]
        for each in sorted(alive, key=lambda each: (-each.epochs, -each.score))[:kept]:
            each.rungs[epochs] = _accuracy(each.params, epochs, draws)
            each.seconds += 3.0 * epochs
    whole = sorted((each for each in candidates if each.is_whole), key=lambda each: -each.score)
    for each in whole[:4]:
        each.more = tuple(each.score - 0.001 * draws.random(2))
    winner, finalists = whole[0], whole[:4]
    fresh = [winner.score - 0.0008 + 0.0006 * step for step in (-1, 0, 0.5, 1, -0.5)]
    lucky = results.winner_bias(
        candidates, finalists, fresh, RunContext(study, "data", 6000, "population", 10)
    )
    margin = study.delta / 100
    top, maybe = results.equivalent_candidates(candidates, winner, margin, lucky.noise, CHANCE)
    accuracies = [or_else(each.score, CHANCE) for each in candidates]
    expected, each = expected_best(accuracies), results.mean_seconds(candidates)
    knobs = results.summarize_hyperparameters(study, candidates, winner, top, CHANCE)
    return SearchResult(**{
        "study": study, "dataset": "mnist", "fingerprint": "f" * 64,
        "sizes": {"train": 54_000, "validation": 6_000, "test": 10_000},
        "candidates": tuple(candidates), "finalists": tuple(finalists), "winner": winner,
        "baseline": CHANCE, "searched": winner.mean(CHANCE), "fresh": estimate(fresh),
        "fresh_diverged": 0,
        "test": None, "looks": 0, "luck": lucky, "expected": expected, "seconds_each": each,
        "knobs": knobs, "top": top, "not_excluded": maybe, "whole": len(whole),
        "diverged": 1, "parameters": 242_762, "replicate_seconds": 50.0, "epochs": 320,
        "training_seconds": 700.0,
        "seconds": 400.0, "versions": {"stepladder": "0.1.0", "keras": "3.15.1"},
        "machine": "a machine of 2 cores",
        "warnings": results.warnings(study, knobs, winner, 0, 5), "trained": count, "found": 0,
        **changes,
    })  # fmt: skip


def _accuracy(params, epochs, draws):
    rate = math.log10(params["learning_rate"])
    best = -2.9 if params["optimizer"] != "sgd" else -1.2
    lost = 0.012 + 0.02 * (rate - best) ** 2 + 0.004 * (params["layers"] - 2) ** 2
    lost += 0.03 / epochs + (0.0 if params["normalization"] == "batch" else 0.004)
    return float(1 - min(lost, 0.85) - 0.0008 * draws.standard_normal())
