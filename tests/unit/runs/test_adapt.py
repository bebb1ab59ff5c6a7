"""Adding replicates: only where verdicts are open, at planned looks, and no more than the most."""

import math
from dataclasses import replace

import pytest
from fake_store import FakeStore
from fake_training import FakeTraining, noise, one_at_a_time, record_of, run_study
from fake_training import clear_and_hardly as rule

from stepladder.data.synthetic import synthetic
from stepladder.runs.adaptive import looks
from stepladder.runs.judging import judge
from stepladder.runs.phases import train_all
from stepladder.runs.plan import run_context


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


def auto(**fields):
    return one_at_a_time(**{"replicates": "auto", "most_replicates": 20, **fields})


def run(study, dataset, rule=rule, store=None):
    return run_study(study, dataset, rule, store)


def test_a_clear_arm_stops_at_the_first_look_and_an_open_one_goes_to_the_most(dataset):
    _, training, results = run(auto(), dataset)
    planned = looks(auto(), auto().arms)
    base, clear, open_ = results.arms
    assert results.finished
    assert (clear.effect.verdict, clear.effect.settled_at) == ("helps", planned[0])
    assert (open_.effect.verdict, open_.effect.settled_at) == ("not enough replicates", None)
    assert open_.effect.replicates_needed > 20
    assert (base.n, clear.n, open_.n) == (20, planned[0], 20)
    assert (clear.planned, open_.planned) == (planned[0], 20)
    assert clear.effect.pairs == planned[0]
    assert clear.effect.unpaired == 0
    adapted = results.adapted
    assert adapted.looks == planned
    assert (adapted.taken, adapted.settled) == (len(planned), 1)
    assert (adapted.trials, adapted.at_most) == (40 + planned[0], 60)
    assert adapted.seconds_saved == pytest.approx(20 - planned[0])
    assert len(training.trained) == adapted.trials
    assert "3 of 3 arms continue" in training.notes[1]
    assert "2 of 3 arms continue" in training.notes[2]


def test_it_stops_when_every_verdict_is_settled(dataset):
    study = auto(techniques=["ReLU"])
    _, training, results = run(study, dataset)
    assert results.adapted.taken == 1
    assert results.arms[0].n == looks(study, study.arms)[0]
    assert len([plan for plan in training.plans if plan.missing]) == 1


def test_equal_arms_are_settled_as_no_difference(dataset):
    study = auto(techniques=["ReLU"], delta=10.0)  # as much as one of ten test examples
    _, _, results = run(study, dataset, lambda trial: 0.7 + noise_of_replicate(trial))
    assert results.arms[1].effect.verdict == "no difference beyond δ"
    assert results.adapted.taken == 2  # 2^-5 is above the share of the first look


def noise_of_replicate(trial):
    return 0.01 * (trial.replicate % 3)


def test_the_same_again_trains_nothing_and_says_the_same(dataset):
    store = FakeStore()
    first = run(auto(), dataset, store=store)[2]
    _, more, again = run(auto(), dataset, store=store)
    assert not more.trained
    assert [arm.effect for arm in first.arms] == [arm.effect for arm in again.arms]


def test_trials_of_another_study_in_the_store_change_no_verdict(dataset):
    """A store that has more replicates than a look asks for must not make it say more."""
    store = FakeStore()
    run(auto().changed({"adaptive": False, "name": "other"}), dataset, store=store)
    ours = run(auto(), dataset, store=store)[2]
    alone = run(auto(), dataset)[2]
    assert [arm.effect for arm in ours.arms] == [arm.effect for arm in alone.arms]
    assert [arm.n for arm in ours.arms] == [arm.n for arm in alone.arms]


def test_an_interrupted_look_says_that_it_is_unfinished(dataset):
    store = FakeStore()
    study = auto(techniques=["ReLU"])
    question = run_context(record_of(study, dataset), "population")

    class Stopped(Exception):
        pass

    def stops(plan):
        FakeTraining(store, rule)(replace(plan, missing=plan.missing[:7]))
        raise Stopped

    with pytest.raises(Stopped):
        train_all(question, store, stops, str)
    results = judge(store, record_of(study, dataset), "population", "test")
    assert not results.finished
    assert results.arms[1].effect.verdict == "not enough replicates"
    assert results.adapted.taken == 0


def test_a_diverged_replicate_is_a_pair_less_and_no_reason_to_wait(dataset):
    def sometimes(trial):
        lost = trial.recipe.activation == "relu" and trial.replicate == 1
        return math.nan if lost else rule(trial)

    study = auto(techniques=["ReLU"])
    _, _, results = run(study, dataset, sometimes)
    effect = results.arms[1].effect
    assert results.finished
    assert effect.unpaired == 1
    assert effect.at_chance.pairs == effect.pairs + effect.unpaired
    assert effect.at_chance.verdict == "not enough replicates", "at the looks' share of 5 %"


def test_a_fair_study_may_add_replicates_too(dataset):
    study = auto(tuning="fair", techniques=["ReLU"],
                 tune={"grid": {"learning_rate": [0.01, 0.1, 1.0]}})  # fmt: skip
    _, _, results = run(study, dataset)
    assert results.finished
    assert results.tuned is not None
    assert results.arms[1].effect.settled_at == results.adapted.looks[0]


def factorial(**fields):
    techniques = ["ReLU", {"name": "hardly", "change": {"l2": 0.1}}]
    return auto(**{"design": "factorial", "techniques": techniques, **fields})


def test_a_factorial_adds_replicates_of_every_combination_until_its_techniques_are_settled(dataset):
    study = factorial(techniques=["ReLU", {"name": "wide", "change": {"hidden": [9]}}])

    def both(trial):
        gain = 0.2 * (trial.recipe.activation == "relu") + 0.1 * (trial.recipe.hidden == (9,))
        return 0.5 + gain + noise(trial, 0.005)

    _, _, results = run(study, dataset, both)
    planned = looks(study, study.arms)
    assert results.finished
    assert {arm.n for arm in results.arms} == {planned[0]}
    assert [each.effect.verdict for each in results.readout.main] == ["helps", "helps"]
    assert [each.effect.settled_at for each in results.readout.main] == [planned[0]] * 2
    assert (results.adapted.taken, results.adapted.settled) == (1, 2)


def test_an_open_technique_takes_every_combination_of_a_factorial_on(dataset):
    _, training, results = run(factorial(), dataset)
    planned = looks(factorial(), factorial().arms)
    assert results.finished
    assert {arm.n for arm in results.arms} == {20}
    clear, open_ = (each.effect for each in results.readout.main)
    assert (clear.verdict, clear.settled_at) == ("helps", planned[0])
    assert (open_.verdict, open_.settled_at) == ("not enough replicates", None)
    assert results.readout.replicates == 20
    assert (results.adapted.taken, results.adapted.settled) == (len(planned), 1)
    assert "4 of 4 arms continue" in training.notes[2]


@pytest.mark.slow
def test_equal_techniques_of_an_adaptive_factorial_are_seldom_called(dataset):
    called = 0
    for seed in range(100):
        study = factorial(seed=seed, most_replicates=8)
        _, _, results = run(study, dataset, lambda trial: 0.6 + noise(trial, 0.01))
        verdicts = [each.effect.verdict for each in results.readout.main]
        verdicts += [arm.effect.verdict for arm in results.arms if arm.effect]
        called += any(each in ("helps", "hurts") for each in verdicts)
    assert called <= 12  # two families at 5 %: 18 would be 10 % + 2.7 standard deviations


def test_a_diverged_combination_counts_as_guessing_at_a_look(dataset):
    def sometimes(trial):
        both = trial.recipe.activation == "relu" and trial.recipe.l2
        return math.nan if both and trial.replicate == 1 else rule(trial)

    _, _, results = run(factorial(), dataset, sometimes)
    assert results.finished
    assert results.readout.left_out == 0
    assert results.readout.main[0].effect.unpaired == 0


def test_a_fraction_adds_replicates_too(dataset):
    names = ["ReLU", "He normal", "Adam", "dropout", "L2"]
    study = factorial(design="fraction", techniques=names, most_replicates=8)
    _, _, results = run(study, dataset)
    assert results.finished
    assert len({arm.n for arm in results.arms}) == 1
    assert results.readout.main[0].effect.verdict == "helps"


def test_a_finished_study_says_nothing_of_looks_when_it_is_run_again(dataset):
    store = FakeStore()
    assert run(auto(), dataset, store=store)[1].notes
    assert run(auto(), dataset, store=store)[1].notes == []
