"""A study on several data sets: what is judged together, and again."""

from dataclasses import replace

import pytest
from fake_store import FakeStore
from fake_training import noise, one_at_a_time, run_study

from stepladder.data.synthetic import synthetic
from stepladder.runs.datasets import fewest_at_first, judge_results

DATA = {f"set {seed}": synthetic(examples=100, input_shape=(2, 2), classes=2, seed=seed)
        for seed in range(12)}  # fmt: skip
PLACES = {data.fingerprint: place for place, data in enumerate(DATA.values())}


def study(replicates=3, **fields):
    values = {"replicates": replicates, "datasets": ["a.npz", "b.npz"]}
    return one_at_a_time(**{**values, **fields})


def rule(trial):
    """ReLU gains on every data set, l2 on every other one."""
    place = PLACES[trial.dataset]
    gain = 0.1 + 0.01 * place if trial.recipe.activation == "relu" else 0
    gain += 0.05 * (-1) ** place if trial.recipe.l2 else 0
    return 0.6 + gain + noise(trial, 0.005)


def results(asked, store, count, rule=rule):
    found = {}
    for name, data in list(DATA.items())[:count]:
        one = asked.changed({"dataset": f"{name}.npz", "datasets": (), "name": f"s/{name}"})
        found[name] = run_study(one, data, rule, store)[-1]
    return found


def over(asked, store, count, rule=rule):
    return judge_results(asked, results(asked, store, count, rule), store, "test")


def verdicts(judged):
    return {arm.name: arm.verdict for arm in judged.arms if arm.effect}


HELPS = {"+ ReLU": "helps", "+ hardly": "not enough data sets"}


def test_the_mean_over_data_sets_decides_and_each_counts_alike():
    asked, store = study(), FakeStore()
    judged = over(asked, store, 8)
    assert (judged.level, judged.number, judged.fewest) == (pytest.approx(0.04), 1, 7)
    assert fewest_at_first(asked) == 7
    assert verdicts(judged) == HELPS
    relu = judged.arms[1]
    means = [effect.mean for effect in relu.by_dataset.values()]
    assert relu.effect.mean == pytest.approx(sum(means) / 8)
    assert judged.ranking.ranks["+ ReLU"] == 1
    assert relu.effect.p_verdict == pytest.approx(2 * 2 * 2**-8 / 0.8)


def test_the_same_again_is_the_same_judgement():
    store = FakeStore()
    first = over(study(), store, 8)
    assert over(study(), store, 8) == first
    assert len(store.judgements("s", "over data sets")) == 1


def test_a_later_judgement_spends_what_is_left_and_verdicts_stay():
    store = FakeStore()
    over(study(), store, 8)
    more = over(study(5), store, 8)
    assert (more.number, more.level) == (2, pytest.approx(0.005))
    assert verdicts(more) == HELPS  # eight data sets are too few for 0.5 %
    assert more.arms[1].effect.p_verdict is None
    assert over(study(5), store, 12).number == 2  # what gave no verdict spent nothing
    third = over(study(6), store, 12)
    assert (third.number, third.level) == (3, pytest.approx(0.05 * 0.2 / 6))
    assert over(study(), store, 8).number == 1  # as it was judged at first


def test_a_verdict_that_the_mean_contradicts_does_not_stay():
    store = FakeStore()
    over(study(), store, 8)

    def worse(trial):
        return 1.2 - rule(trial) if trial.replicate >= 3 else rule(trial)

    assert verdicts(over(study(9), store, 8, worse))["+ ReLU"] == "not enough data sets"


def test_too_few_data_sets_spend_nothing():
    store = FakeStore()
    assert set(verdicts(over(study(), store, 6)).values()) == {"not enough data sets"}
    later = over(study(), store, 8)
    assert (later.number, verdicts(later)) == (1, HELPS)


def test_delta_of_the_first_judgement_stays():
    store = FakeStore()
    over(study(), store, 8)
    assert over(study(delta=5.0), store, 8).delta == 0.1


def test_main_effects_of_a_factorial_are_judged_over_data_sets():
    judged = over(study(design="factorial"), FakeStore(), 8)
    assert list(verdicts(judged)) == ["ReLU", "hardly"]
    assert verdicts(judged)["ReLU"] == "helps"
    assert len(judged.ranking.ranks) == 4
    assert fewest_at_first(study(design="factorial")) == 7


def test_an_arm_that_diverged_everywhere_on_one_data_set_has_no_effect_there():
    asked, store = study(), FakeStore()
    found = results(asked, store, 8)
    first = found["set 0"]
    nothing = replace(first.arms[1].effect, mean=float("nan"), differences=(), pairs=0)
    arms = (first.arms[0], replace(first.arms[1], effect=nothing), first.arms[2])
    found["set 0"] = replace(first, arms=arms)
    relu = judge_results(asked, found, store, "test").arms[1]
    assert (len(relu.by_dataset), relu.effect.pairs, relu.effect.unpaired) == (7, 7, 1)
