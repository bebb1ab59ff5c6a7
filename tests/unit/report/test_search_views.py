"""A search shown: what the table says, and what the JSON holds."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from stepladder import Study
from stepladder.hpo import results
from stepladder.hpo.candidates import Candidate, distinct
from stepladder.hpo.results import SearchResult
from stepladder.report.json import search_as_json
from stepladder.report.search import as_text
from stepladder.runs.plan import RunContext
from stepladder.statistics.intervals import estimate
from stepladder.statistics.selection import SelectionBias, expected_best
from stepladder.study.search_space import config_of, dimensions, draw_values

CHANCE = 0.1


@pytest.fixture
def study():
    return Study(
        name="s", base={"hidden": [4], "epochs": 9},
        search={
            "trials": 8,
            "space": {
                "learning_rate": {"type": "float", "low": 1e-3, "high": 1.0, "log": True},
                "dropout": {"type": "float", "low": 0.0, "high": 0.5},
                "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
                "momentum": {"type": "float", "low": 0.1, "high": 0.9,
                             "when": {"optimizer": "sgd"}},
            },
        },
    )  # fmt: skip


def context_of(study):
    return RunContext(study, "data", 100, "population", 10)


def candidates_of(study):
    """Ten candidates: the larger the learning rate, the better, and the first one diverged."""
    every = dimensions(study.search.space, study.base)
    made = []
    for number in range(10):
        places = [(number + 0.5) / 10, 0.0, (number % 2) / 2, 0.5]
        params = draw_values(every, places, study.base)
        recipe = config_of(params, study.search.space, study.base)
        rungs = {1: 0.5 + number / 100}
        if number >= 6:
            rungs |= {3: 0.6 + number / 100, 9: 0.9 + number / 1000}
        made.append(Candidate(number, params, recipe, 0, rungs=rungs, seconds=2.0))
    made[0].rungs = {1: math.nan}
    made[9].more, made[8].more = (0.911, 0.907), (0.905, 0.907)
    return made


@pytest.fixture
def found(study):
    candidates = candidates_of(study)
    winner, fresh = candidates[9], [0.905, 0.904, 0.906, 0.903, 0.907]
    top = winner, candidates[8]
    knobs = results.summarize_hyperparameters(study, candidates, winner, top, CHANCE)
    return SearchResult(
        study=study, dataset="digits", fingerprint="f", sizes={"validation": 100},
        candidates=tuple(candidates), finalists=(winner, candidates[8]), winner=winner,
        baseline=CHANCE, searched=winner.mean(CHANCE), fresh=estimate(fresh), fresh_diverged=0,
        test=None, looks=0, replicate_seconds=3.0,
        luck=SelectionBias(0.0012, 0.0009, 0.002),
        expected=expected_best(np.linspace(0.5, 0.91, 10)),
        seconds_each=2.0, knobs=knobs, top=top, not_excluded=3, whole=4, diverged=1,
        parameters=123, epochs=40, training_seconds=20.0, seconds=15.0, versions={"keras": "3"},
        machine="m", warnings=results.warnings(study, knobs, winner, 0, 5), trained=1, found=0,
    )  # fmt: skip


def test_the_table_says_what_was_best_and_what_was_luck(found):
    text = as_text(found, width=140)
    assert "Best: candidate 9, learning_rate 0.7079" in text
    assert "validation 90.50 ± 0.20 % on 5 fresh replicates; 123 weights" in text
    assert "The search saw 90.90 %, of which 0.12 points are expected to be the luck" in text
    assert "(selection bias); fresh replicates are 0.40 points lower; one" in " ".join(text.split())
    assert "0 looks at this test set so far" in text
    assert "test " not in text.split("0 looks")[0]
    assert "of 4 whole candidates, 2 are within 0.1 points" in text
    assert "10 → 91.00 % (20 s)" in text
    assert all(len(line) <= 140 for line in text.splitlines())


def test_a_best_at_the_edge_is_named_unless_nothing_lies_beyond(found):
    """A learning rate at its upper end may go on; a dropout of 0 is the least that there is."""
    edges = {each.name: each.edge for each in found.knobs}
    assert edges == {"learning_rate": "upper", "dropout": None, "optimizer": None, "momentum": None}
    assert len(found.warnings) == 1
    assert "learning_rate (0.7079) lies at the upper edge" in found.warnings[0]


@pytest.mark.parametrize(
    ("name", "given", "best", "edge"),
    [
        ("units", {"type": "int", "low": 32, "high": 512, "step": 32}, 32, "lower"),
        ("units", {"type": "int", "low": 1, "high": 512}, 1, None),
        ("units", {"type": "int", "low": 32, "high": 512, "step": 64}, 480, "upper"),
        ("units", {"type": "int", "low": 32, "high": 512, "step": 64}, 416, None),
        ("momentum", {"type": "float", "low": 0.0, "high": 0.99}, 0.985, "upper"),
        ("dropout", {"type": "float", "low": 0.01, "high": 0.5}, 0.012, "lower"),
        ("dropout", {"type": "float", "low": 0.0, "high": 0.5}, 0.0, None),
        ("learning_rate", {"type": "float", "low": 0.01, "high": 1.0, "log": True}, 0.011, "lower"),
    ],
)
def test_an_edge_is_where_the_next_value_beyond_could_be_taken(name, given, best, edge):
    study = Study(name="s", base={"hidden": [4]}, search={"space": {name: given}})
    change = {"hidden": (best,)} if name == "units" else {name: best}
    winner = Candidate(0, {name: best}, study.base.changed(change), 0, rungs={20: 0.9})
    (knob,) = results.summarize_hyperparameters(study, [winner], winner, [winner], CHANCE)
    assert knob.edge == edge


def test_the_most_important_comes_first_and_conditions_are_heard(found):
    assert found.knobs[0].name == "learning_rate"
    assert found.knobs[0].importance.share > 0.5
    momentum = next(each for each in found.knobs if each.name == "momentum")
    assert (momentum.importance.candidates, momentum.best) == (5, None)
    assert math.isnan(momentum.importance.share)


def test_a_second_look_is_shown_for_what_it_is(found):
    test = estimate([0.9, 0.91])
    once = as_text(replace(found, test=test, looks=1))
    twice = as_text(replace(found, test=test, looks=2))
    assert "test 90.50" in once
    assert "no longer a test" not in once
    assert "2 looks at this test set so far: a figure that was looked at more than once" in twice


def test_a_winner_that_diverged_is_warned_of(study, found):
    (line,) = results.warnings(study, (), found.winner, 2, 5)
    assert "diverged on 2 of 5 fresh replicates" in line


def test_json_is_json_and_holds_the_curves(found):
    value = json.loads(search_as_json(found))
    assert value["best"]["test_accuracy"] is None
    assert value["best"]["val_accuracy"]["mean"] == pytest.approx(0.905)
    assert value["luck"]["measured"] == pytest.approx(found.searched - 0.905)
    assert value["expected_best"]["trials"] == list(range(1, 11))
    assert value["expected_best"]["seconds"][-1] == 20.0
    assert value["candidates"][0]["accuracy"] is None
    assert value["candidates"][9]["rungs"] == pytest.approx({"1": 0.59, "3": 0.69, "9": 0.909})
    assert value["hyperparameters"][0]["name"] == "learning_rate"
    assert value["flat_top"] == {"within": 2, "not_excluded": 3, "of": 4}


def test_the_flat_top_and_luck_of_candidates(study):
    candidates = candidates_of(study)
    winner = candidates[9]
    top, maybe = results.equivalent_candidates(candidates, winner, 0.0025, 0.002, CHANCE)
    assert [each.number for each in top] == [9, 7, 8]
    assert maybe == 4
    lucky = results.winner_bias(candidates, [winner, candidates[8]], [0.9, 0.91], context_of(study))
    assert 0 < lucky.luck < 0.01


def test_each_is_compared_over_the_replicates_that_both_have(study):
    """Later draws that are harder for everybody do not bring the finalists down to the others."""
    candidates = candidates_of(study)
    winner, second = candidates[9], candidates[8]
    winner.more, second.more = (0.809, 0.809), (0.808, 0.808)
    top, maybe = results.equivalent_candidates(candidates, winner, 0.0025, 1e-6, CHANCE)
    assert [each.number for each in top] == [9, 7, 8]
    assert maybe == 3
    lucky = results.winner_bias(candidates, [winner, second], [], context_of(study))
    assert lucky.luck == pytest.approx(0, abs=1e-9), "replicates agree, and others lie behind"


def test_what_was_drawn_twice_counts_once(study):
    candidates = candidates_of(study)
    again = candidates_of(study)[9]
    again.number = 10
    top, maybe = results.equivalent_candidates(
        [*candidates, again], candidates[9], 0.0025, 0.002, CHANCE
    )
    assert [each.number for each in top] == [9, 7, 8]
    assert (
        maybe == results.equivalent_candidates(candidates, candidates[9], 0.0025, 0.002, CHANCE)[1]
    )
    assert distinct([*candidates, again]) == candidates
    far = candidates_of(study)[3]
    far.rungs = {9: 0.7}
    assert far in distinct([*candidates, far]), "that which came furthest"


def test_fresh_replicates_that_diverged_do_not_hide_how_the_others_scatter(study):
    candidates, fresh = candidates_of(study), [0.90, 0.91, math.nan, 0.92]
    winner = candidates[9]
    winner.more = ()
    lucky = results.winner_bias(candidates, [winner], fresh, context_of(study))
    others = results.winner_bias(candidates, [winner], [0.90, 0.91, 0.92], context_of(study))
    assert lucky.noise == others.noise > 0


def test_one_that_went_to_the_end_alone_was_chosen_at_the_rung_before(study):
    candidates = candidates_of(study)
    for each in candidates[6:9]:
        del each.rungs[9]
    lucky = results.winner_bias(candidates, [candidates[9]], [0.90, 0.91, 0.92], context_of(study))
    alone = results.winner_bias(
        candidates[9:], [candidates[9]], [0.90, 0.91, 0.92], context_of(study)
    )
    assert lucky.luck > 0
    assert alone.luck == 0
