import pytest

pytest.importorskip("starlette", reason="the live page needs pip install 'stepladder[ui]'")
pytest.importorskip("uvicorn", reason="the live page needs pip install 'stepladder[ui]'")

from threading import Event, Thread

from example_run import Clock

from stepladder.tools.dashboard import Cache

pytestmark = pytest.mark.extra


class Maker:
    """Makes a new text each time, in as many seconds as it is told."""

    def __init__(self, clock, seconds=0.0):
        self.clock, self.seconds, self.count = clock, seconds, 0

    def __call__(self):
        self.count += 1
        self.clock.pass_by(self.seconds)
        return f"text {self.count}"


def test_what_has_not_changed_is_not_made_again():
    clock = Clock()
    cache, make = Cache(clock), Maker(clock)
    for _ in range(3):
        assert cache.get("a", 1, make) == "text 1"
        clock.pass_by(1000)


def test_what_has_changed_is_made_no_more_often_than_it_may_cost():
    clock = Clock()
    cache, make = Cache(clock, share=0.05), Maker(clock, seconds=3)
    assert cache.get("a", 1, make) == "text 1"
    clock.pass_by(59)
    assert cache.get("a", 2, make) == "text 1"
    clock.pass_by(1)  # 3 s in 60 s are a twentieth
    assert cache.get("a", 2, make) == "text 2"


def test_a_quick_page_waits_less_than_a_second():
    clock = Clock()
    cache, make = Cache(clock), Maker(clock)
    cache.get("a", 1, make)
    clock.pass_by(0.5)
    assert cache.get("a", 2, make) == "text 1"
    clock.pass_by(0.5)
    assert cache.get("a", 2, make) == "text 2"


def test_keys_are_apart():
    clock = Clock()
    cache, make = Cache(clock), Maker(clock)
    assert [cache.get(key, 1, make) for key in ("a", "b", "a")] == ["text 1", "text 2", "text 1"]


def test_what_fails_is_said_once_and_passed_over_where_there_is_a_page():
    clock = Clock()
    cache = Cache(clock)

    def fail():
        raise OSError("busy")

    with pytest.raises(OSError, match="busy"):
        cache.get("a", 1, fail)
    assert cache.get("a", 1, lambda: "text") == "text"
    clock.pass_by(10)
    assert cache.get("a", 2, fail) == "text"
    clock.pass_by(10)
    assert cache.get("a", 2, lambda: "new") == "new"


def test_while_one_reader_makes_it_the_others_get_the_page_before():
    clock = Clock()
    cache = Cache(clock)
    cache.get("a", 1, lambda: "old")
    clock.pass_by(10)
    begun, go_on = Event(), Event()

    def slow():
        begun.set()
        go_on.wait(30)
        return "new"

    maker = Thread(target=cache.get, args=("a", 2, slow))
    maker.start()
    assert begun.wait(30)
    assert cache.get("a", 2, lambda: "never") == "old"
    go_on.set()
    maker.join()
    assert cache.get("a", 2, lambda: "never") == "new"
