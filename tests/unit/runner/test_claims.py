"""Claims: who trains what, and when the dead are taken over from, whatever the clocks say."""

import os
import subprocess
import sys

import pytest
from example_run import Clock, finished
from fake_store import FakeStore

from stepladder.execution.local import is_running, this_owner
from stepladder.execution.scheduler import BEAT_SECONDS, LEASE_SECONDS, Claims, forget_dead
from stepladder.store import ClaimOwner
from stepladder.study.recipe import Recipe
from stepladder.training.groups import Group
from stepladder.trials.trial import Trial

TRIALS = tuple(Trial(Recipe(hidden=[3], learning_rate=r / 10), "d", 10, 0, 0) for r in (1, 2, 3))
GROUP = Group(TRIALS, 3)
FAR = ClaimOwner("far", "another machine", "17 4")


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def claims(store, clock):
    return Claims(store, this_owner(), clock)


def ids(*numbers):
    return [TRIALS[number].id for number in numbers]


def test_a_free_group_is_taken_whole(claims):
    assert claims.take(GROUP) == GROUP
    assert claims.elsewhere == []


def test_what_another_holds_is_left_to_it_and_the_lanes_stay(claims, store):
    store.claim(FAR, ids(1))
    assert claims.take(GROUP) == Group((TRIALS[0], TRIALS[2]), 3)
    assert claims.elsewhere == [Group((TRIALS[1],), 3)]
    assert claims.returned() == ([], [])
    store.add(finished(TRIALS[1], 0.5))
    assert claims.returned() == ([], [TRIALS[1]])
    assert claims.elsewhere == []


def test_a_group_that_others_hold_or_have_stored_is_none(claims, store):
    store.claim(FAR, ids(0, 1))
    store.add(finished(TRIALS[2], 0.5))
    assert claims.take(GROUP) is None
    assert claims.returned() == ([], [TRIALS[2]])
    store.dismiss("far")
    assert claims.returned() == ([Group(TRIALS[:2], 3)], [])
    assert claims.elsewhere == []


def test_a_driver_whose_beat_stands_still_loses_its_claims_after_the_lease(claims, store, clock):
    store.claim(FAR, ids(0, 1, 2))
    assert claims.take(GROUP) is None
    for _ in range(5):  # it lives, however long its training lasts
        clock.pass_by(LEASE_SECONDS - 1)
        store.beat("far")
        assert claims.returned() == ([], [])
    clock.pass_by(LEASE_SECONDS - 1)
    assert claims.returned() == ([], [])
    clock.pass_by(1)
    assert claims.returned() == ([GROUP], [])
    assert claims.take(GROUP) == GROUP


def test_one_that_held_nothing_for_long_is_watched_anew(claims, store, clock):
    """It does not beat then: its next claim is no sign of death, though its beat is the old one."""
    other = ClaimOwner("other", "a third machine", "5 5")
    store.claim(FAR, ids(0))
    store.claim(other, ids(1, 2))
    assert claims.take(GROUP) is None
    store.add(finished(TRIALS[0], 0.5))  # by the first, which holds nothing from here on
    assert claims.returned() == ([], [TRIALS[0]])
    clock.pass_by(LEASE_SECONDS - 1)
    store.beat("other")
    assert claims.returned() == ([], [])
    clock.pass_by(LEASE_SECONDS - 1)
    store.dismiss("other")
    store.claim(FAR, ids(1, 2))
    assert claims.returned() == ([], [])


def test_a_driver_of_this_machine_whose_process_is_gone_is_not_waited_for(claims, store):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    store.claim(ClaimOwner("x", this_owner().place, f"{ended.pid} 1"), ids(0, 1, 2))
    assert claims.take(GROUP) == GROUP


def test_a_driver_of_this_machine_that_runs_is_waited_for(claims, store, clock):
    store.claim(this_owner(), ids(0, 1, 2))
    assert claims.take(GROUP) is None
    clock.pass_by(LEASE_SECONDS - 1)
    assert claims.returned() == ([], [])


def test_it_beats_when_it_is_time_to_and_only_while_it_holds_something(claims, store, clock):
    clock.pass_by(BEAT_SECONDS)
    assert claims.keep_alive() is True
    assert store.drivers() == []
    claims.take(GROUP)
    for beats in (1, 2):
        assert claims.keep_alive() is True
        assert [driver.beat for driver in store.drivers()] == [beats]
        clock.pass_by(BEAT_SECONDS)


def test_one_that_was_taken_for_dead_hears_of_it_and_keeps_what_is_still_free(claims, store, clock):
    claims.take(GROUP)
    (known,) = store.drivers()
    store.dismiss(known.id)
    store.claim(FAR, ids(0))
    clock.pass_by(BEAT_SECONDS)
    assert claims.keep_alive() is False
    assert claims.keep_alive() is True
    assert {each: by.id for each, by in store.claimed(ids(0, 1, 2)).items()} == {
        TRIALS[0].id: "far", TRIALS[1].id: known.id, TRIALS[2].id: known.id,
    }  # fmt: skip


def test_at_the_end_nothing_is_held(claims, store):
    claims.take(GROUP)
    claims.end()
    assert store.drivers() == []
    assert store.claimed(ids(0, 1, 2)) == {}


def test_a_process_is_known_by_its_number_and_its_start():
    mine = this_owner()
    assert is_running(mine.process)
    assert mine.process.startswith(f"{os.getpid()} ")
    assert not is_running(f"{os.getpid()} 1")
    assert mine.id != this_owner().id
    assert mine.place == this_owner().place
    ended = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    ended.stdout.read()
    ended.wait()
    assert not is_running(f"{ended.pid} 1")
    ended.stdout.close()


def test_the_dead_of_this_machine_are_forgotten_and_nobody_else(store):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    store.claim(ClaimOwner("dead", this_owner().place, f"{ended.pid} 1"), ids(0))
    store.claim(this_owner(), ids(1))
    store.claim(FAR, ids(2))
    forget_dead(store)
    assert {driver.place for driver in store.drivers()} == {this_owner().place, FAR.place}
    assert len(store.drivers()) == 2
