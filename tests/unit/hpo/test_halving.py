"""Populations are thinned out, and other kinds of networks go on being tried."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from example_run import question_about
from fake_training import noise

from stepladder import RunError, Study
from stepladder.hpo.halving import can_extend, survivors, train_populations
from stepladder.hpo.results import choose, margin_of
from stepladder.hpo.sampling import OptunaSampler
from stepladder.study.search import SEARCH_REPLICATES, populations
from stepladder.training.groups import Stage

# Populations are thinned out by validation accuracy, and what goes on goes on from its end.


def run(study, question, train):
    plan = populations(study.search, study.base.epochs, False, True)
    *_, candidates = train_populations(
        plan, OptunaSampler(question_about(study)), question, train, train.forget
    )
    return candidates


def test_the_best_of_each_rung_go_on(searching, trainer):
    study, question = searching(trials=9)
    train = trainer()
    candidates = run(study, question, train)
    assert [len(trials) for trials, _, _ in train.calls] == [9, 3, 1]
    assert [trials[0].recipe.epochs for trials, _, _ in train.calls] == [1, 3, 9]
    assert {trial.role for trials, _, _ in train.calls for trial in trials} == {"search"}
    ranked = sorted((each for each in candidates if not math.isnan(each.rungs[1])),
                    key=lambda each: -each.rungs[1])  # fmt: skip
    assert {each.number for each in candidates if 3 in each.rungs} == {
        each.number for each in ranked[:3]
    }
    assert [each.is_whole for each in candidates].count(True) == 1


def test_survivors_go_on_from_their_stages_and_ends_are_forgotten(searching, trainer):
    study, question = searching({"learning_rate": {"type": "float", "low": 1e-4, "high": 0.1,
                                                   "log": True}})  # fmt: skip
    train = trainer()
    run(study, question, train)
    (first, none, keeps), (second, behind, also), (last, both, no_more) = train.calls
    assert none == {}
    assert (keeps, also, no_more) == (first, second, [])
    # nine lanes of one structure are cut evenly: five and four
    assert {stages for stages in behind.values()} <= {(Stage(1, 5),), (Stage(1, 4),)}
    assert [each.config.epochs for each in behind] == [3, 3, 3]
    assert all(stages[0].epochs == 1 and stages[1].epochs == 3 for stages in both.values())
    assert set(train.forgotten) == {*first, *second}
    assert last[0] not in train.forgotten


def test_a_population_begins_while_those_before_it_go_on(searching, trainer):
    study, question = searching(trials=14, batch=6, sampler="random", reduction=3)
    train = trainer(lambda trial: 0.5 + noise(trial))
    candidates = run(study, question, train)
    epochs = [Counter(trial.recipe.epochs for trial in trials) for trials, _, _ in train.calls]
    assert epochs == [{1: 6}, {1: 6, 3: 2}, {1: 2, 3: 2, 9: 1}, {3: 1, 9: 1}, {9: 1}]
    whole = [each for each in candidates if each.is_whole]
    assert [each.population for each in whole] == [0, 1, 2]
    assert all(each.is_over for each in candidates)
    kept = {trial for _, _, keeps in train.calls for trial in keeps}
    assert set(train.forgotten) == kept
    assert len(train.forgotten) == len(kept)
    alone, lone_question = searching(trials=6, sampler="random", reduction=3)
    lone = trainer(train.rule)
    first = run(alone, lone_question, lone)
    assert [each.rungs for each in first] == [each.rungs for each in candidates[:6]]


def test_a_schedule_that_depends_on_the_epochs_begins_anew_at_each_rung(searching, trainer):
    study, question = searching(base={"schedule": "cosine"})
    assert not can_extend(study, "population")
    assert not can_extend(searching()[0], "fit/jax")
    assert can_extend(searching(base={"schedule": "step"})[0], "population")
    train = trainer()
    candidates = run(study, question, train)
    assert [(before, keeps) for _, before, keeps in train.calls] == [({}, [])] * 3
    whole = next(each for each in candidates if each.is_whole)
    alone = sum(
        train.store.results([trial.id])[trial.id].seconds
        for trials, _, _ in train.calls
        for trial in trials
        if trial.recipe.learning_rate == whole.config.learning_rate
    )
    assert whole.seconds == pytest.approx(alone)


def test_a_candidate_that_diverged_never_can_extend(searching, trainer):
    study, question = searching()
    train = trainer(lambda trial: math.nan)
    candidates = run(study, question, train)
    assert len(train.calls) == 1
    with pytest.raises(RunError, match="all 9 diverged"):
        choose(candidates, question, train)


def test_where_all_that_go_on_diverge_it_is_told_how_many_were_dropped(searching, trainer):
    study, question = searching()
    train = trainer(lambda trial: math.nan if trial.recipe.epochs == 9 else 0.5 + noise(trial))
    with pytest.raises(RunError, match="1 of 9 diverged, among them all that were to reach"):
        choose(run(study, question, train), question, train)


def test_a_recipe_that_is_drawn_again_is_one_candidate(searching, trainer):
    few = {"units": {"type": "int", "low": 2, "high": 5}}
    study, question = searching(few, trials=27, finalists=4, replicates=2)
    train = trainer(lambda trial: 0.5 + trial.recipe.hidden[0] / 1000)
    candidates = run(study, question, train)
    assert len({each.config for each in candidates}) == 4
    assert [len(trials) for trials, _, _ in train.calls] == [27, 4, 3]
    _, finalists = choose(candidates, question, train)
    assert sorted(each.config.hidden[0] for each in finalists) == [3, 4, 5]


def test_of_equals_the_earlier_can_extend(searching):
    candidates = OptunaSampler(searching()[1]).ask(4, 0)
    for each in candidates:
        each.rungs = {1: 0.5}
    assert [each.number for each in survivors(candidates, 2)] == [0, 1]


def test_of_a_row_the_best_goes_on_before_any_second_one(searching):
    candidates = OptunaSampler(searching()[1]).ask(6, 0)
    accuracies = (0.9, 0.8, math.nan, 0.5, 0.6, 0.7)
    for each, accuracy in zip(candidates, accuracies, strict=True):
        each.rungs = {1: accuracy}
    rows = {number: ("units", number // 3) for number in range(6)}
    numbers = [[each.number for each in survivors(candidates, count, rows)] for count in (1, 2, 3)]
    assert numbers == [[0], [0, 5], [0, 1, 5]]
    assert [each.number for each in survivors(candidates, 3)] == [0, 1, 5]
    assert [each.number for each in survivors(candidates, 2)] == [0, 1], "each a row of its own"


def test_rows_are_as_long_as_the_study_says(searching, trainer):
    study, question = searching(trials=8, per_structure=4, reduction=4)
    train = trainer(lambda trial: 0.9 - trial.recipe.learning_rate / 2)
    candidates = run(study, question, train)
    whole = {each.number // 4 for each in candidates if each.epochs > 2}
    assert whole == {0, 1}, "one of each structure"


def test_those_too_close_to_the_best_are_tried_again_and_the_best_mean_wins(searching, trainer):
    study, question = searching(pruning="none", finalists=3, replicates=3)
    shown = {}

    def rule(trial):
        shown.setdefault(trial.recipe, len(shown))
        first = trial.replicate == SEARCH_REPLICATES
        return (0.90, 0.89, 0.88, 0.5)[min(shown[trial.recipe], 3)] if first else (
            0.80, 0.95, 0.85, 0.5)[min(shown[trial.recipe], 3)]  # fmt: skip

    train = trainer(rule)
    candidates = run(study, question, train)
    winner, finalists = choose(candidates, question, train)
    assert [each.number for each in finalists] == [1, 2, 0]
    assert winner.mean(0.5) == pytest.approx((0.89 + 2 * 0.95) / 3)
    again = train.calls[-1][0]
    assert {trial.replicate - SEARCH_REPLICATES for trial in again} == {1, 2}
    assert len(again) == 6


def test_one_far_ahead_is_not_tried_again(searching, trainer):
    study, question = searching(pruning="none")
    best = OptunaSampler(question_about(study)).ask(9, 0)[4].config
    train = trainer(lambda trial: 0.99 if trial.recipe == best else 0.6)
    winner, finalists = choose(run(study, question, train), question, train)
    assert (winner.config, len(finalists), len(train.calls)) == (best, 1, 1)
    assert margin_of(0.99, question) < 0.05


def test_the_test_part_decides_nothing(searching, trainer):
    """A search on results whose test figures are turned round ends with the same winner."""
    study, question = searching()

    class Turned(trainer):
        def __call__(self, trials, label, before, keeps):
            results = super().__call__(trials, label, before, keeps)
            return {
                id_: replace(each, test=replace(each.test, accuracy=1 - each.test.accuracy),
                             test_correct=~each.test_correct)
                for id_, each in results.items()
            }  # fmt: skip

    found = []
    for kind in (trainer, Turned):
        train = kind()
        candidates = run(study, question, train)
        winner, _ = choose(candidates, question, train)
        found.append((winner.number, [each.rungs for each in candidates]))
    assert repr(found[0]) == repr(found[1])


# TPE goes on trying other kinds of networks, however many lanes of the leading one it has seen.


RATES = {"adam": -2.9, "rmsprop": -2.9, "sgd": -1.2}  # the best ones, as powers of 10
ACTIVATIONS = {"relu": 0.004, "elu": 0.0, "tanh": -0.006}


def accuracy(params, epochs, random):
    """What a network of `mnist-search` might reach: batch normalisation pays late, for example."""
    units = [value for name, value in params.items() if name.startswith("units")]
    has_norm = params["normalization"] == "batch"
    whole = 0.972 + ACTIVATIONS[params["activation"]] + 0.004 * has_norm
    whole += 0.006 * math.tanh(np.mean(units) / 200) - 0.002 * max(0, len(units) - 3)
    whole -= 0.08 * (params["dropout"] - 0.25) ** 2
    whole -= 0.006 * (math.log10(params["learning_rate"]) - RATES[params["optimizer"]]) ** 2
    missing = {1: 0.02 + 0.006 * has_norm, 4: 0.008, 18: 0.0}[epochs]
    return whole - missing + random.normal(0, 0.0012)


def train(candidates, random):
    """Successive halving by a factor of four."""
    alive = candidates
    for epochs, count in ((1, 4), (4, 1), (18, 0)):
        for each in alive:
            each.rungs[epochs] = accuracy(each.params, epochs, random)
        alive = sorted(alive, key=lambda each: -each.score)[:count]
    for each in candidates:
        each.is_over = True


@pytest.mark.parametrize("seed", [0, 3])
def test_lanes_of_one_structure_are_one_structure_and_not_four_good_ones(seed):
    study = Study.load("mnist-search")
    search = study.search.changed({"batch": 16, "startup": 16, "per_structure": 4})
    study = study.changed({"seed": seed, "search": search})
    asker, found, random = OptunaSampler(question_about(study)), [], np.random.default_rng(seed)
    for number in range(8):
        asked = asker.ask(16, number)
        train(asked, random)
        found += asked
        asker.tell(found)
    named = ("optimizer", "normalization", "activation")
    kinds = {tuple(each.params[name] for name in named) for each in found}
    assert len(kinds) >= 8
    assert {each.params["optimizer"] for each in found} == set(RATES)
