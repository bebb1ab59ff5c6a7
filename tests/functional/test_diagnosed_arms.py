"""Recipes trained for real: each that is built to fail is told so, and those that are well not."""

import hashlib
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # before anything imports Keras

from dataclasses import replace

import pytest
from diagnosis_recipes import CODE, ILL, NAIVE, REPLICATES, SMALL, WELL

from stepladder.data import load
from stepladder.diagnosis.findings import ArmEvidence, RateCurve, summarize_history, with_ends
from stepladder.diagnosis.rules import RULES, diagnose
from stepladder.runs.arm_analysis import _replicate, findings_of
from stepladder.study.confounds import optimizer_steps
from stepladder.study.designs import Arm
from stepladder.study.metrics import METRICS
from stepladder.study.recipe import Recipe
from stepladder.training.custom_model import Code, builder
from stepladder.training.groups import Group
from stepladder.training.population.engine import PopulationEngine
from stepladder.trials.trial import Trial, summarize_trial

VALIDATION = 1000
RATES = (0.0001, 0.001, 0.01)


@pytest.fixture(scope="module")
def mnist():
    return load("mnist")


@pytest.fixture(scope="module")
def engine(mnist):
    return PopulationEngine(mnist)


def trained(engine, mnist, fields, replicates=1):
    """Trains a recipe as a run does, signs kept as a run keeps them."""
    recipe = Recipe(**{**SMALL, **fields})
    made = []
    for replicate in range(replicates):
        trial = Trial(recipe, mnist.fingerprint, VALIDATION, 0, replicate)
        made += engine.train(Group((trial,), 1), lambda epoch: None)
    return [
        replace(each, signs=with_ends(
            summarize_history(each.curve, each.probes, each.unsettled), each))
        for each in made
    ]  # fmt: skip


def found(results, mnist):
    arm, done = Arm("arm", results[0].trial.recipe), [summarize_trial(each) for each in results]
    steps = optimizer_steps(arm.recipe, None)
    return {each.code: each for each in findings_of(arm, done, mnist.class_names, None, steps)}


def test_the_seed_s_naive_network_is_explained(engine, mnist):
    told = found(trained(engine, mnist, {**NAIVE, "epochs": 4}), mnist)
    assert set(told) == {"constant_answer", "learns_nothing", "vanishing_gradients"}
    assert "guessing among 10 classes gives ln 10 = 2.303" in told["learns_nothing"].text
    assert "times smaller than the last layer's" in told["vanishing_gradients"].text
    assert told["vanishing_gradients"].technique == "ReLU"


@pytest.mark.slow
@pytest.mark.parametrize("name", WELL)
def test_nothing_is_found_of_a_recipe_that_is_well(name, engine, mnist):
    results = trained(engine, mnist, WELL[name])
    assert found(results, mnist) == {}
    assert results[0].test.accuracy > 0.9


def test_there_are_enough_of_both_kinds():
    of_other_tasks = {"no_better_than_one_answer"}  # see `tests/unit/diagnosis`
    assert set(ILL) | of_other_tasks == set(RULES)
    assert len(WELL) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(ILL.keys() - {"learning_rate_far_off"}))
def test_a_recipe_that_is_built_to_fail_is_told_how(code, engine, mnist):
    fields, text = ILL[code], CODE.get(code)
    if text is not None:
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        fields = {**fields, "model": f"{sha256}:build"}
        engine = PopulationEngine(mnist, build=builder([Code("net.py", "build", sha256, text)]))
    assert code in found(trained(engine, mnist, fields, REPLICATES.get(code, 1)), mnist)


@pytest.mark.slow
def test_a_learning_rate_that_is_far_from_the_best_is_told(engine, mnist):
    fields = ILL["learning_rate_far_off"]
    rates = (fields["learning_rate"], *RATES)
    accuracies = tuple(
        trained(engine, mnist, {**fields, "learning_rate": rate})[0].validation.accuracy
        for rate in rates
    )
    for declared, expected in [(rates[0], ["learning_rate_far_off"]), (0.001, [])]:
        results = trained(engine, mnist, {})  # a fair study trains at the best
        tried = RateCurve(rates, accuracies, declared)
        summaries = [summarize_trial(each) for each in results]
        replicates = tuple(_replicate(one, METRICS["accuracy"]) for one in summaries)
        case = ArmEvidence(Recipe(**SMALL), mnist.class_names, replicates, tried)
        assert [each.code for each in diagnose(case)] == expected
