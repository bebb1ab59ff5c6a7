"""What every store promises: one suite over SQLite (file, memory), PostgreSQL and the fake."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import numpy as np
import pytest
from stored_samples import DATASET, assert_same, diverged, record, result, seen, study, trial

from stepladder.errors import StoreError
from stepladder.outcome import outcome_of
from stepladder.records import Score
from stepladder.store.base import Driver, Store, digest_of


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
            trial(recipe=trial().recipe.changed({"learning_rate": 0.02})),
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
            assert_same(found[each], outcome_of(whole))

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
            result(1, seconds=2.5, trial=trial(1, recipe=other)),
            result(2, trial=trial(2, dataset="e" * 64)),
            result(3, trial=trial(3, engine="fit/jax")),
            diverged(4),
        ]
        for each in added:
            store.add(each)
        found = store.timings(DATASET, "population")
        assert sorted(found, key=lambda each: each[1]) == [(trial().recipe, 1.5), (other, 2.5)]
        assert store.timings("unknown", "population") == []


class TestStudies:
    def test_comes_back_as_it_was(self, store):
        store.put_study(record())
        assert store.study("mine") == record()

    @pytest.mark.parametrize(
        "changes",
        [
            {"validation": 0.25},
            {"dataset": {"csv": "a b/ü.csv", "label": "digit", "test_share": 0.2}},
            {"reported": {"source": "somebody", "test_accuracy": {"base": 0.9}}},
            {"techniques": ["ReLU", {"name": "ELU", "instead_of": "ReLU"}],
             "base": {"hidden": [9], "activation": "tanh"}},
            {"seed": 2**63 - 1, "delta": 0.3, "base_name": "naïve"},
        ],
        ids=["share", "csv", "reported", "sibling", "limits"],
    )  # fmt: skip
    def test_every_kind_of_definition_comes_back(self, store, changes):
        asked = record(study=study(**changes))
        store.put_study(asked)
        assert store.study("mine") == asked

    def test_unknown_study_is_none(self, store):
        assert store.study("mine") is None

    def test_studies_are_sorted_by_name(self, store):
        for name in ("b", "ä", "a", "B"):
            store.put_study(record(name))
        assert store.studies() == [record(name) for name in ("B", "a", "b", "ä")]

    def test_put_again_replaces_all_but_the_seconds(self, store):
        store.put_study(record())
        store.add_seconds("mine", 2.0)
        other = record(study=study(seed=3), dataset="other", fingerprint="e" * 64, seconds=0.0,
                       sizes={"test": 1}, classes=(), versions={}, machine="another")  # fmt: skip
        store.put_study(other)
        assert store.study("mine") == replace(other, seconds=2.5)
        assert len(store.studies()) == 1

    def test_seconds_add_up_for_that_study_alone(self, store):
        store.put_study(record("a", seconds=0.0))
        store.put_study(record("b", seconds=0.0))
        store.add_seconds("a", 1.25)
        store.add_seconds("a", 0.0)
        store.add_seconds("a", 2.5)
        assert [each.seconds for each in store.studies()] == [3.75, 0.0]

    def test_seconds_of_an_unknown_study_are_refused(self, store):
        with pytest.raises(StoreError, match=r"found .*'nobody'"):
            store.add_seconds("nobody", 1.0)

    @pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
    def test_impossible_seconds_are_refused(self, store, seconds):
        store.put_study(record())
        with pytest.raises(ValueError, match=str(seconds)):
            store.add_seconds("mine", seconds)
        assert store.study("mine") == record()


class TestLooks:
    def test_same_trials_are_the_same_look_in_any_order(self, store):
        assert store.look("mine", DATASET, ["a", "b"], "results") == 1
        assert store.look("mine", DATASET, ["b", "a", "b"], "report") == 1
        assert store.look("other", DATASET, iter(["a", "b"]), "report") == 1
        assert [look.command for look in store.looks(DATASET)] == ["results"]

    def test_other_trials_are_another_look(self, store):
        counts = [store.look("mine", DATASET, ids, "results") for ids in ("a", "ab", "b", "a")]
        assert counts == [1, 2, 3, 3]

    def test_looks_are_counted_by_dataset(self, store):
        store.look("mine", DATASET, "a", "results")
        assert store.look("mine", "e" * 64, "a", "results") == 1
        assert len(store.looks(DATASET)) == len(store.looks("e" * 64)) == 1

    def test_no_trials_are_no_look(self, store):
        assert store.look("mine", DATASET, [], "results") == 0
        assert store.looks(DATASET) == []

    def test_look_tells_what_was_shown_and_when(self, store):
        store.look("mine", DATASET, ["b", "a"], "stepladder results mine")
        store.look("yours", DATASET, ["c"], "report")
        first, second = store.looks(DATASET)
        assert (first.study, first.fingerprint, first.trials) == ("mine", DATASET, 2)
        assert (first.digest, first.command) == (digest_of("ab"), "stepladder results mine")
        assert second.study == "yours"
        assert first.at <= second.at
        assert abs(first.at - datetime.now(UTC)) < timedelta(hours=1)


ONE, TWO = Driver("one", "here", "1"), Driver("two", "there", "2")


class TestClaims:
    def test_what_one_holds_another_does_not_get(self, store):
        assert store.claim(ONE, iter("abc")) == set("abc")
        assert store.claim(TWO, "bcd") == {"d"}
        assert store.claim(ONE, "abcd") == set("abc")
        assert store.claimed("abcde") == {**dict.fromkeys("abc", ONE), "d": TWO}
        assert store.drivers() == [ONE, TWO]

    def test_what_is_stored_is_not_claimed(self, store):
        store.add(result(0))
        ids = [trial(replicate).id for replicate in range(2)]
        assert store.claim(ONE, ids) == {ids[1]}
        assert store.claimed(ids) == {ids[1]: ONE}

    def test_a_claim_ends_with_its_trial_whoever_adds_it(self, store):
        ids = [trial(replicate).id for replicate in range(2)]
        store.claim(ONE, ids)
        store.add(result(0))
        assert store.claimed(ids) == {ids[1]: ONE}
        store.claim(TWO, ["x"])
        store.add(result(1))
        store.add(result(1))
        assert store.claimed([*ids, "x"]) == {"x": TWO}

    def test_a_beat_is_seen_by_the_others(self, store):
        store.claim(ONE, "a")
        assert store.beat("one") is True
        assert store.beat("one") is True
        assert store.claimed("a") == {"a": replace(ONE, beat=2)}
        store.claim(ONE, "b")
        assert store.claimed("ab") == dict.fromkeys("ab", replace(ONE, beat=2))

    def test_a_dismissed_driver_holds_nothing_and_hears_of_it(self, store):
        store.claim(ONE, "ab")
        store.claim(TWO, "c")
        assert store.dismiss("one") is True
        assert store.dismiss("one") is False
        assert store.beat("one") is False
        assert store.claimed("abc") == {"c": TWO}
        assert store.drivers() == [TWO]
        assert store.claim(TWO, "ab") == set("ab")
        assert store.claim(ONE, "abd") == {"d"}

    def test_a_driver_that_has_beaten_since_it_was_looked_at_stays(self, store):
        store.claim(ONE, "a")
        store.beat("one")
        assert store.dismiss("one", beat=0) is False
        assert store.claimed("a") == {"a": replace(ONE, beat=1)}
        assert store.dismiss("one", beat=1) is True

    def test_more_claims_than_a_statement_takes_parameters(self, store):
        ids = [f"{number:064x}" for number in range(3_000)]
        assert store.claim(ONE, ids) == set(ids)
        assert store.claim(TWO, ids) == set()
        assert len(store.claimed(ids)) == 3_000

    def test_nothing_asked_nothing_held(self, store):
        assert store.claim(ONE, []) == set()
        assert store.claimed([]) == {}
        assert store.claimed("a") == {}


class TestLife:
    def test_with_closes(self, store):
        with store as entered:
            assert entered is store
        with pytest.raises(StoreError, match="closed; open it again"):
            store.has(["a"])

    @pytest.mark.parametrize(
        "use",
        [
            lambda store: store.add(result()),
            lambda store: store.results([]),
            lambda store: store.outcomes([]),
            lambda store: store.put_study(record()),
            lambda store: store.add_seconds("mine", 1.0),
            lambda store: store.study("mine"),
            lambda store: store.studies(),
            lambda store: store.look("mine", DATASET, ["a"], "results"),
            lambda store: store.looks(DATASET),
            lambda store: store.timings(DATASET, "population"),
            lambda store: store.claim(ONE, "a"),
            lambda store: store.claimed("a"),
            lambda store: store.drivers(),
            lambda store: store.beat("one"),
            lambda store: store.dismiss("one"),
        ],
        ids=[
            *(
                "add",
                "results",
                "outcomes",
                "put_study",
                "add_seconds",
                "study",
                "studies",
                "look",
                "looks",
            ),
            *("timings", "claim", "claimed", "drivers", "beat", "dismiss"),
        ],
    )
    def test_every_use_after_closing_is_refused(self, store, use):
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            use(store)

    def test_other_threads_may_use_it(self, store):
        threads = [Thread(target=store.add, args=[result(number % 3)]) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = [trial(replicate).id for replicate in range(3)]
        assert store.has(ids) == set(ids)
        for replicate in range(3):
            assert_same(store.results(ids)[ids[replicate]], result(replicate))

    def test_is_a_store(self, store):
        assert isinstance(store, Store)
