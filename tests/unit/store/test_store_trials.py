"""What every store promises of trials: one suite over SQLite, PostgreSQL and the fake."""

from dataclasses import replace

import numpy as np
import pytest
from stored_samples import DATASET, assert_same, diverged, result, seen, trial

from stepladder.trials.trial import Score, summarize_trial


class TestTrials:
    @pytest.mark.parametrize("epochs", [0, 1, 3])
    @pytest.mark.parametrize("images", [0, 1, 8, 11])
    def test_comes_back_as_it_was(self, store, epochs, images):
        added = result(epochs=epochs, images=images)
        assert store.add(added) is True
        assert_same(store.results([added.trial.id])[added.trial.id], added)

    def test_diverged_trial_keeps_its_nans(self, store):
        added = diverged()
        store.add(added)
        assert_same(store.results([added.trial.id])[added.trial.id], added)

    def test_what_was_seen_inside_comes_back_as_it_was(self, store):
        for replicate in range(2):
            store.add(seen(replicate))
        store.add(result(2))
        ids = [trial(replicate).id for replicate in range(3)]
        for replicate, found in enumerate(store.results(ids).values()):
            assert_same(found, [seen, seen, result][replicate](replicate))

    def test_without_curves_signs_are_there_and_probes_are_not(self, store):
        store.add(seen())
        found = store.results([trial().id], curves=False)[trial().id]
        assert found.probes is None
        assert_same(replace(found, curve=seen().curve, probes=seen().probes), seen())

    def test_negative_zero_comes_back_as_zero(self, store):
        added = result(train=Score(-0.0, 0.0))
        store.add(added)
        found = store.results([added.trial.id])[added.trial.id]
        assert_same(found, replace(added, train=Score(0.0, 0.0)))

    def test_infinities_stay(self, store):
        added = result(train=Score(float("inf"), float("-inf")))
        store.add(added)
        assert_same(store.results([added.trial.id])[added.trial.id], added)

    def test_second_of_one_id_changes_nothing(self, store):
        first = result()
        store.add(first)
        assert store.add(replace(first, seconds=99.0, curve=result(1).curve)) is False
        assert_same(store.results([first.trial.id])[first.trial.id], first)

    def test_everything_that_makes_an_id_keeps_trials_apart(self, store):
        trials = [
            trial(), trial(1), trial(seed=8), trial(validation=5999), trial(engine="fit/torch"),
            trial(numerics=2), trial(dataset="e" * 64),
            trial(config=trial().recipe.changed({"learning_rate": 0.02})),
        ]  # fmt: skip
        assert [store.add(result(trial=each)) for each in trials] == [True] * len(trials)
        found = store.results([each.id for each in trials])
        assert [each.trial for each in found.values()] == trials

    def test_largest_seed_fits(self, store):
        added = result(trial=trial(seed=2**63 - 1))
        store.add(added)
        assert store.results([added.trial.id])[added.trial.id].trial == added.trial

    def test_has_says_which(self, store):
        store.add(result(0))
        store.add(result(1))
        ids = [trial(replicate).id for replicate in range(3)]
        assert store.has(ids) == set(ids[:2])
        assert store.has([]) == set()
        assert store.has(iter(ids)) == set(ids[:2])

    def test_results_follow_the_order_asked_and_leave_out_the_unknown(self, store):
        for replicate in range(3):
            store.add(result(replicate))
        asked = [trial(2).id, "unknown", trial(0).id, trial(2).id]
        assert list(store.results(asked)) == [trial(2).id, trial(0).id]
        assert store.results([]) == {}

    def test_without_curves_all_else_is_there(self, store):
        added = result()
        store.add(added)
        found = store.results(iter([added.trial.id]), curves=False)[added.trial.id]
        assert found.curve.epochs == 0
        assert_same(replace(found, curve=added.curve), added)

    @pytest.mark.parametrize("curves", [True, False])
    def test_outcomes_are_what_judging_keeps_of_the_results(self, store, curves):
        same, other = np.full(200, 3, np.uint16), np.full(200, 3, np.uint16)
        other[-1] = 2  # seen only by who reads to the end
        for replicate, given in enumerate([same, other]):
            store.add(result(replicate, images=200, test_predictions=given))
        store.add(seen(2))
        ids = [trial(replicate).id for replicate in (2, 1, 0)]
        found = store.outcomes([*ids, "unknown"], curves)
        assert list(found) == ids
        assert [found[each].answer for each in ids[1:]] == [None, 3]
        for each, whole in store.results(ids, curves).items():
            assert_same(found[each], summarize_trial(whole))

    def test_more_trials_than_a_statement_takes_parameters(self, store):
        ids = [f"{number:064x}" for number in range(40_000)]
        added = result()
        store.add(added)
        assert store.has([*ids, added.trial.id]) == {added.trial.id}
        assert list(store.results([*ids, added.trial.id])) == [added.trial.id]

    def test_results_are_copies(self, store):
        added = result()
        expected = result()
        store.add(added)
        added.test_predictions[:] = 0
        added.curve.seconds[:] = 0
        store.results([added.trial.id])[added.trial.id].test_predictions[:] = 0
        assert_same(store.results([added.trial.id])[added.trial.id], expected)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"test_predictions": np.zeros(11, np.int64)},
            {"test_predictions": np.zeros((11, 1), np.uint16)},
            {"test_correct": np.zeros(11, np.uint8)},
            {"test_correct": np.zeros(10, bool)},
        ],
        ids=["dtype", "shape", "not bool", "length"],
    )
    def test_arrays_of_another_kind_are_refused_whole(self, store, wrong):
        with pytest.raises(ValueError, match="test_"):
            store.add(result(**wrong))
        assert store.has([trial().id]) == set()

    def test_timings_are_those_of_a_dataset_and_engine(self, store):
        other = trial().recipe.changed({"learning_rate": 0.5})
        added = [
            result(0, seconds=1.5),
            result(1, seconds=2.5, trial=trial(1, config=other)),
            result(2, trial=trial(2, dataset="e" * 64)),
            result(3, trial=trial(3, engine="fit/jax")),
            diverged(4),
        ]
        for each in added:
            store.add(each)
        found = store.timings(DATASET, "population")
        assert sorted(found, key=lambda each: each[1]) == [(trial().recipe, 1.5), (other, 2.5)]
        assert store.timings("unknown", "population") == []
