"""Scheduling: the order of groups, and who trains what."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from example_run import Clock, finished
from fake_store import FakeStore

from stepladder import Recipe
from stepladder.execution.local import is_running, this_owner
from stepladder.execution.scheduler import (
    BEAT_SECONDS,
    LEASE_SECONDS,
    Claims,
    WaitingGroups,
    cost,
    forget_dead,
)
from stepladder.store import ClaimOwner
from stepladder.training.groups import Group, groups
from stepladder.trials.trial import Trial

# The order of groups: the program at hand first, then the most work, then helping out.


def study(replicates=3, **arms):
    """The groups of a study with one arm for each named recipe change."""
    trials = [
        Trial(Recipe(**{"hidden": [50], "epochs": 10, **change}), "data", 10, 0, replicate)
        for change in arms.values()
        for replicate in range(replicates)
    ]
    return groups(trials, trials)


def structure_of(activation, made):
    return next(g.key.structure for g in made if g.trials[0].recipe.activation == activation)


ARMS = {
    "small": {"activation": "relu"},
    "large": {"activation": "elu", "hidden": [400]},
    "long": {"activation": "tanh", "epochs": 100},
}


@pytest.mark.parametrize(
    ("at_hand", "busy", "chosen"),
    [
        pytest.param(None, [], "tanh", id="the most work first"),
        pytest.param(None, ["tanh"], "elu", id="not what another is busy with"),
        pytest.param("relu", [], "relu", id="the program at hand"),
        pytest.param("relu", ["relu"], "relu", id="the program at hand, another at it too"),
        pytest.param(None, ["relu", "tanh", "elu"], "tanh", id="helping with the most work"),
        pytest.param("selu", ["tanh"], "elu", id="the program at hand has nothing left"),
    ],
)
def test_the_next_group(at_hand, busy, chosen):
    made = study(**ARMS)
    named = {name: structure_of(name, made) for name in ("relu", "elu", "tanh")}
    named["selu"] = Recipe(hidden=[50], activation="selu")
    waiting = WaitingGroups(made)
    found = waiting.take(named.get(at_hand), {named[each] for each in busy})
    assert len(waiting) == len(made) - 1
    assert found.trials[0].recipe.activation == chosen
    assert found.trials[0].replicate == 0


def test_more_replicates_are_more_work():
    few, many = study(2, a={"activation": "relu"}), study(5, b={"activation": "elu"})
    assert WaitingGroups([*few, *many]).take(None, set()).trials[0].recipe.activation == "elu"


def test_costs_go_with_lanes_epochs_examples_and_width():
    (base,) = study(1, a={})
    (longer,) = study(1, a={"epochs": 30})
    (more,) = study(1, a={"train_examples": 100})
    two_lanes = study(1, a={}, b={"learning_rate": 0.5})[0]
    assert cost(longer) == 3 * cost(base)
    assert cost(more) == 100 * cost(base)
    assert cost(two_lanes) == 2 * cost(base)
    assert cost(base) == 10 * (784 * 50 + 50)


def test_a_group_that_goes_on_costs_what_is_left_of_it():
    (group,) = study(1, long={"epochs": 40})
    assert cost(replace(group, start_epoch=30)) == cost(group) / 4


# Claims: who trains what, and when the dead are taken over from, whatever the clocks say.


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
    assert claims.claim([GROUP]) == [GROUP]
    assert claims.elsewhere == []


def test_what_another_holds_is_left_to_it_and_the_lanes_stay(claims, store):
    store.claim(FAR, ids(1))
    assert claims.claim([GROUP]) == [Group((TRIALS[0], TRIALS[2]), 3)]
    assert claims.elsewhere == [Group((TRIALS[1],), 3)]
    assert claims.poll_others() == ([], [])
    store.add(finished(TRIALS[1], 0.5))
    assert claims.poll_others() == ([], [TRIALS[1]])
    assert claims.elsewhere == []


def test_what_failed_is_given_up_once_for_whoever_waits_for_it(claims, store):
    claims.claim([GROUP])
    claims.give_up_failed()
    assert store.claimed(ids(0, 1, 2)).keys() == set(ids(0, 1, 2)), "nothing has failed"
    claims.fail(TRIALS[0].id)
    claims.give_up_failed()
    assert store.claimed(ids(0, 1, 2)) == {}
    claims.claim([GROUP])
    claims.give_up_failed()
    assert store.claimed(ids(0)), "it failed before"


def test_a_group_that_others_hold_or_have_stored_is_none(claims, store):
    store.claim(FAR, ids(0, 1))
    store.add(finished(TRIALS[2], 0.5))
    assert claims.claim([GROUP]) == [None]
    assert claims.poll_others() == ([], [TRIALS[2]])
    store.dismiss("far")
    assert claims.poll_others() == ([Group(TRIALS[:2], 3)], [])
    assert claims.elsewhere == []


def test_a_driver_whose_beat_stands_still_loses_its_claims_after_the_lease(claims, store, clock):
    store.claim(FAR, ids(0, 1, 2))
    assert claims.claim([GROUP]) == [None]
    for _ in range(5):  # it lives, however long its training lasts
        clock.pass_by(LEASE_SECONDS - 1)
        store.beat("far")
        assert claims.poll_others() == ([], [])
    clock.pass_by(LEASE_SECONDS - 1)
    assert claims.poll_others() == ([], [])
    clock.pass_by(1)
    assert claims.poll_others() == ([GROUP], [])
    assert claims.claim([GROUP]) == [GROUP]


def test_one_that_held_nothing_for_long_is_watched_anew(claims, store, clock):
    """It does not beat then: its next claim is no sign of death, though its beat is the old one."""
    other = ClaimOwner("other", "a third machine", "5 5")
    store.claim(FAR, ids(0))
    store.claim(other, ids(1, 2))
    assert claims.claim([GROUP]) == [None]
    store.add(finished(TRIALS[0], 0.5))  # by the first, which holds nothing from here on
    assert claims.poll_others() == ([], [TRIALS[0]])
    clock.pass_by(LEASE_SECONDS - 1)
    store.beat("other")
    assert claims.poll_others() == ([], [])
    clock.pass_by(LEASE_SECONDS - 1)
    store.dismiss("other")
    store.claim(FAR, ids(1, 2))
    assert claims.poll_others() == ([], [])


def test_a_driver_of_this_machine_whose_process_is_gone_is_not_waited_for(claims, store):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    store.claim(ClaimOwner("x", this_owner().place, f"{ended.pid} 1"), ids(0, 1, 2))
    assert claims.claim([GROUP]) == [GROUP]


def test_a_driver_of_this_machine_that_runs_is_waited_for(claims, store, clock):
    store.claim(this_owner(), ids(0, 1, 2))
    assert claims.claim([GROUP]) == [None]
    clock.pass_by(LEASE_SECONDS - 1)
    assert claims.poll_others() == ([], [])


def test_it_beats_when_it_is_time_to_and_only_while_it_holds_something(claims, store, clock):
    clock.pass_by(BEAT_SECONDS)
    assert claims.keep_alive() is True
    assert store.drivers() == []
    claims.claim([GROUP])
    for beats in (1, 2):
        assert claims.keep_alive() is True
        assert [driver.beat for driver in store.drivers()] == [beats]
        clock.pass_by(BEAT_SECONDS)


def test_one_that_was_taken_for_dead_hears_of_it_and_keeps_what_is_still_free(claims, store, clock):
    claims.claim([GROUP])
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
    claims.claim([GROUP])
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
