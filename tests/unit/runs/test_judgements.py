"""A study that is judged again: what is kept, what counts, and what stays visible."""

from dataclasses import replace

import pytest
from fake_store import FakeStore
from fake_training import FakeTraining, noise, one_at_a_time, record_of, run_study
from fake_training import clear_and_hardly as rule

from stepladder.data.synthetic import synthetic
from stepladder.runs.judging import judge
from stepladder.runs.phases import train_all
from stepladder.runs.plan import run_context
from stepladder.statistics.anytime import SHARE_FIRST
from stepladder.statistics.effects import effects


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=2_000, input_shape=(2, 2), classes=2, seed=0)


def study(replicates, **fields):
    return one_at_a_time(replicates=replicates, **fields)


def run(asked, dataset, store, rule=rule):
    return run_study(asked, dataset, rule, store)[-1]


def kept(store, dataset):
    return store.judgements("s", dataset.fingerprint)


def test_the_first_judgement_is_todays_at_nineteen_twentieths_of_the_rate(dataset):
    results = run(study(6), dataset, FakeStore())
    scores = {arm.arm.name: arm.test.values for arm in results.arms}
    pairs = [(arm.arm.name, arm.arm.compared_with) for arm in results.arms[1:]]
    expected = effects(scores, pairs, alpha=0.05 * SHARE_FIRST)
    assert results.is_first
    assert not results.earlier
    for arm in results.arms[1:]:
        own = expected[arm.arm.name]
        for name in ("verdict", "mean", "ci_low", "p", "p_adjusted", "p_t", "p_t_adjusted"):
            assert getattr(arm.effect, name) == getattr(own, name)
        scaled = min(own.p_verdict / SHARE_FIRST, 1.0)
        assert arm.effect.p_verdict == pytest.approx(scaled)
        assert (arm.effect.p_verdict < 0.05) == (arm.effect.verdict != "not enough replicates")


def test_reading_twice_is_one_judgement(dataset):
    store = FakeStore()
    first, again = run(study(5), dataset, store), run(study(5), dataset, store)
    assert len(kept(store, dataset)) == 1
    assert again.is_first
    assert [arm.effect for arm in first.arms] == [arm.effect for arm in again.arms]


def test_more_replicates_are_a_second_judgement_by_the_anytime_valid_test(dataset):
    store = FakeStore()
    run(study(5), dataset, store)
    results = run(study(10), dataset, store)
    assert not results.is_first
    assert [each.looks for each in results.earlier] == [(5,)]
    _, clear, open_ = results.arms
    assert clear.effect.verdict == "helps"
    assert open_.effect.verdict == "not enough replicates"
    assert open_.effect.p_verdict > 0.05
    assert [each.looks for each in kept(store, dataset)] == [(5,), (10,)]
    back = run(study(5), dataset, store)
    assert back.is_first, "the same replicates judged again are the same judgement"
    assert len(kept(store, dataset)) == 2


def test_a_verdict_of_the_first_judgement_stays(dataset):
    """At 8 replicates the anytime-valid test alone would not call it."""

    def just(trial):
        gain = 0.016 if trial.recipe.activation == "relu" else 0
        return 0.6 + gain + noise(trial, 0.005)

    store = FakeStore()
    first = run(study(6), dataset, store, just).arms[1].effect
    assert first.verdict == "helps"
    later = run(study(8), dataset, store, just).arms[1].effect
    assert later.verdict == "helps"
    assert later.p_verdict == first.p_verdict
    assert later.first_verdict is None


def test_verdicts_of_the_first_stay_visible_where_they_differ(dataset):
    store = FakeStore()

    def some(trial):
        gain = 0.006 if trial.recipe.l2 else 0
        return 0.6 + gain + noise(trial, 0.003)

    first = run(study(4, techniques=study(4).techniques[1:]), dataset, store, some)
    assert first.arms[1].effect.verdict == "not enough replicates"
    later = run(study(60, techniques=study(4).techniques[1:]), dataset, store, some)
    assert later.arms[1].effect.verdict == "helps"
    assert later.arms[1].effect.first_verdict == "not enough replicates"


def test_an_arm_that_is_added_is_a_batch_of_its_own(dataset):
    store = FakeStore()
    few = study(6, techniques=["ReLU"])
    run(few, dataset, store)
    results = run(study(6), dataset, store)
    assert not results.is_first
    assert results.arms[1].effect.verdict == "helps", "of the first judgement"
    assert results.arms[2].effect.verdict == "not enough replicates"


def test_delta_of_the_first_judgement_stays(dataset):
    store = FakeStore()
    run(study(5), dataset, store)
    results = run(study(5, delta=30.0), dataset, store)
    assert (results.study.delta, results.asked_delta) == (0.1, 30.0)
    assert results.warnings[0] == "δ of the first judgement stays, 0.1; now asked for: 30."
    assert results.arms[2].effect.verdict == "not enough replicates"
    assert [each.delta for each in kept(store, dataset)] == [0.1, 30.0]


def test_not_worse_is_judged_by_the_same_rule_at_any_time(dataset):
    def cheaper(trial):
        return 0.6 + (0.05 if trial.recipe.l2 else 0) + noise(trial, 0.1)

    techniques = study(5).techniques[1:]
    store, asked = FakeStore(), {"claim": "not worse", "delta": 20.0, "techniques": techniques}
    first = run(study(8, **asked), dataset, store, cheaper).arms[1].effect
    assert first.verdict == "not worse beyond δ"
    assert first.p_verdict < 0.05
    later = run(study(30, **asked), dataset, store, cheaper).arms[1].effect
    assert later.verdict in ("not worse beyond δ", "helps")
    assert later.p_verdict < 0.05
    auto = study("auto", most_replicates=20, name="auto", **asked)
    results = run(auto, dataset, FakeStore(), cheaper)
    assert results.adapted.settled == 1
    assert results.arms[1].effect.settled_at < 20


def test_other_trainings_under_one_name_are_another_study(dataset):
    store = FakeStore()
    run(study(5), dataset, store)
    results = run(study(10, seed=1), dataset, store)
    assert results.is_first
    assert not results.earlier


def test_the_most_of_auto_raised_is_a_second_judgement(dataset):
    store = FakeStore()
    first = run(study("auto", most_replicates=10), dataset, store)
    later = run(study("auto", most_replicates=30), dataset, store)
    by_hand = run(study(40), dataset, store)
    assert (first.is_first, later.is_first, by_hand.is_first) == (True, False, False)
    assert [arm.effect.verdict for arm in later.arms[1:]] == ["helps", "not enough replicates"]
    assert later.arms[1].effect.settled_at == first.arms[1].effect.settled_at
    assert later.arms[2].n == 30
    assert by_hand.arms[1].effect.verdict == "helps"
    assert by_hand.arms[2].effect.p_verdict > 0.05


def test_main_effects_of_a_factorial_are_kept_too(dataset):
    store = FakeStore()
    asked = study(5, design="factorial")
    run(asked, dataset, store)
    again = run(asked.changed({"replicates": 8}), dataset, store)
    assert not again.is_first
    (first, _) = kept(store, dataset)
    assert "main effect of ReLU" in first.verdicts
    assert again.readout.main[0].effect.verdict == "helps"
    assert again.readout.main[0].effect.p_verdict < 0.05


def test_unfinished_replicates_are_judged_by_the_anytime_valid_test(dataset):
    store = FakeStore()
    record = record_of(study(8), dataset)
    few = record_of(study(4), dataset)
    train_all(run_context(few, "population"), store, FakeTraining(store, rule), str)
    so_far = judge(store, record, "population", "test")
    assert so_far.is_first
    assert so_far.arms[1].effect.verdict == "not enough replicates", "4 pairs cannot call it"
    assert run(study(8), dataset, store).is_first
    assert run(study(8), dataset, store).arms[1].effect.verdict == "helps"
    assert {each.looks for each in kept(store, dataset)} == {(8,)}


def test_too_few_replicates_for_any_verdict_spend_nothing(dataset):
    store = FakeStore()
    few = run(study(3), dataset, store)
    assert [arm.effect.verdict for arm in few.arms[1:]] == ["not enough replicates"] * 2
    as_advised = run(study(4), dataset, store)
    assert as_advised.is_first
    assert as_advised.arms[1].effect.verdict == "helps"
    assert run(study(4), dataset, FakeStore()).arms[1].effect == as_advised.arms[1].effect


def test_nothing_is_kept_before_there_is_a_pair(dataset):
    store = FakeStore()
    judge(store, record_of(study(5), dataset), "population", "test")
    so_far = replace(record_of(study(5), dataset))
    judge(store, so_far, "population", "ui", is_look=False)
    assert not kept(store, dataset)
