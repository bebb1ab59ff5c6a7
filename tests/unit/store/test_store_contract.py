"""What every store promises beside trials: one suite over SQLite, PostgreSQL and the fake."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from stored_samples import DATASET, assert_same, judgement, record, result, study, trial

from stepladder.errors import StoreError
from stepladder.store.base import ClaimOwner, Store, digest_of


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

    def test_a_space_comes_back_in_its_order(self, store):
        """Which hyperparameter is drawn first follows from it."""
        space = {
            name: {"type": "float", "low": 0.1, "high": 0.9} for name in ("momentum", "dropout")
        }
        store.put_study(record(study=study(search={"space": space})))
        assert list(store.study("mine").study.search.space) == ["momentum", "dropout"]

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
                       sizes={"train": 3, "validation": 2, "test": 1}, classes=(), versions={},
                       machine="another")  # fmt: skip
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


class TestJudgements:
    def test_the_same_is_kept_once_and_comes_back_as_it_was(self, store):
        assert store.keep_judgement(judgement())
        assert not store.keep_judgement(judgement(command="report"))
        assert store.judgements("mine", DATASET) == [judgement()]

    def test_other_replicates_delta_or_trainings_are_another(self, store):
        others = [
            judgement(),
            judgement(10),
            judgement(delta=None),
            judgement(comparisons={"+ ReLU": "e" * 64}),
            judgement(replicates={"+ ReLU": 3}),
        ]
        assert all(store.keep_judgement(each) for each in others)
        assert store.judgements("mine", DATASET) == others

    def test_they_belong_to_a_study_and_a_dataset(self, store):
        store.keep_judgement(judgement())
        assert store.keep_judgement(judgement(study="yours"))
        assert store.keep_judgement(judgement(fingerprint="e" * 64))
        assert store.judgements("mine", DATASET) == [judgement()]
        assert store.judgements("nobody's", DATASET) == []


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


ONE, TWO = ClaimOwner("one", "here", "1"), ClaimOwner("two", "there", "2")


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
            lambda store: store.keep_judgement(judgement()),
            lambda store: store.judgements("mine", DATASET),
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
                "keep_judgement",
                "judgements",
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
