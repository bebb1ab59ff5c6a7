"""The watchdog: silence is measured fairly, and blames nobody for a machine that slept."""

import pytest
from example_run import Clock

from stepladder.execution.scheduler import Watchdog


@pytest.fixture
def clock():
    return Clock()


def silent_after(dog, clock, busy, seconds):
    """Who is silent after so many seconds, looked at twice a second."""
    found = []
    for _ in range(2 * seconds):
        clock.pass_by(0.5)
        found = [process for process, _ in dog.silent(busy)]
    return found


def test_one_that_says_nothing_is_found_and_its_neighbour_is_not(clock):
    dog = Watchdog(10.0, clock)
    for _ in range(8):
        assert silent_after(dog, clock, ["talks", "hangs"], 1) == []
        dog.heard("talks")
    assert silent_after(dog, clock, ["talks", "hangs"], 3) == ["hangs"]


def test_the_seconds_of_silence_are_told(clock):
    dog = Watchdog(1.0, clock)
    clock.pass_by(0.75)
    assert dog.silent(["a"]) == []
    clock.pass_by(0.75)
    assert dog.silent(["a"]) == [("a", 1.5)]


def test_what_took_long_before_may_take_long_again(clock):
    dog = Watchdog(10.0, clock)
    silent_after(dog, clock, ["slow"], 8)
    dog.heard("slow")
    assert silent_after(dog, clock, ["slow"], 20 * 8) == []
    assert silent_after(dog, clock, ["slow"], 1) == ["slow"]
    dog.heard("slow", trained=False)
    assert silent_after(dog, clock, ["slow"], 20 * 8) == []
    dog.forget("slow")
    assert silent_after(dog, clock, ["slow"], 10) == []


def test_a_machine_that_slept_blames_nobody(clock):
    dog = Watchdog(10.0, clock)
    clock.pass_by(100_000)
    assert dog.silent(["a"]) == []
    assert silent_after(dog, clock, ["a"], 5) == []
    assert silent_after(dog, clock, ["a"], 1) == ["a"]


def test_no_patience_is_no_watchdog(clock):
    assert silent_after(Watchdog(0.0, clock), clock, ["a"], 1000) == []


def test_idle_ones_are_not_watched(clock):
    dog = Watchdog(10.0, clock)
    assert silent_after(dog, clock, [], 100) == []
    assert silent_after(dog, clock, ["a"], 9) == []


def test_starting_and_compiling_allow_no_longer_silence(clock):
    dog = Watchdog(10.0, clock)
    silent_after(dog, clock, ["a"], 9)
    dog.heard("a", trained=False)
    assert silent_after(dog, clock, ["a"], 10) == []
    assert silent_after(dog, clock, ["a"], 1) == ["a"]
