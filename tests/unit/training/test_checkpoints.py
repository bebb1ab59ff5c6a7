"""Checkpoints: whole or not used, the last two kept, and never later than asked."""

import numpy as np
import pytest
from example_run import Clock

from stepladder.errors import OutputError
from stepladder.study.recipe import Recipe
from stepladder.training.checkpoints import Checkpoints, clear, remove
from stepladder.training.groups import Group
from stepladder.training.serialization import MAGIC, Checkpoint
from stepladder.trials.trial import Trial

TRIALS = [Trial(Recipe(hidden=[3], learning_rate=r / 10), "d", 10, 0, 0) for r in (1, 2, 3)]
GROUP = Group(tuple(TRIALS), 3)
VERSIONS = {"jax": "1"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def notes():
    return []


@pytest.fixture
def opened(folder, notes):
    def make(group=GROUP, every=0.0, versions=VERSIONS, clock=Clock()):  # noqa: B008
        return Checkpoints(folder, group, every, versions, notes.append, clock)

    return make


def state(done, trials=TRIALS):
    arrays = {"a": np.arange(done, dtype=np.float32), "b": np.array([[True], [False]])}
    return Checkpoint(tuple(trial.id for trial in trials), done, {"seconds": 1.5}, arrays)


def latest(checkpoints):
    return checkpoints.latest(lambda found: True)


def test_comes_back_as_it_was(opened):
    opened().offer(4, lambda: state(4))
    found = latest(opened())
    assert (found.done, found.trials, found.more["seconds"]) == (4, state(4).trials, 1.5)
    assert found.holds(state(4).arrays)
    for name, array in state(4).arrays.items():
        assert np.array_equal(found.arrays[name], array)


def test_the_last_two_are_kept_and_nothing_beside_them(opened, folder):
    checkpoints = opened()
    for done in range(1, 12):
        checkpoints.offer(done, lambda done=done: state(done))
    assert sorted(file.name[-15:] for file in folder.iterdir()) == [
        "0010.checkpoint",
        "0011.checkpoint",
    ]
    assert latest(opened()).done == 11


def test_it_is_made_before_waiting_for_the_next_would_take_too_long(opened, folder):
    clock = Clock()
    checkpoints = opened(every=60.0, clock=clock)
    written = []
    for done in range(1, 13):
        clock.pass_by(25)
        checkpoints.offer(done, lambda done=done: written.append(done) or state(done))
    assert written == [2, 4, 6, 8, 10, 12]


def test_a_short_training_makes_none(opened, folder):
    clock = Clock()
    checkpoints = opened(every=60.0, clock=clock)
    for done in range(1, 50):
        clock.pass_by(1)
        checkpoints.offer(done, lambda: pytest.fail("made"))
    assert not folder.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[: len(MAGIC)],
        lambda content: b"",
        lambda content: content + b"x",
        lambda content: content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
        lambda content: content.replace(b'"done": 2', b'"done": 9'),
        lambda content: b"another file",
    ],
    ids=["torn", "head", "empty", "longer", "a bit", "the count", "strange"],
)
def test_a_damaged_one_is_told_once_and_the_one_before_is_used(opened, folder, notes, damage):
    checkpoints = opened()
    for done in (1, 2):
        checkpoints.offer(done, lambda done=done: state(done))
    newest = max(folder.iterdir())
    newest.write_bytes(damage(newest.read_bytes()))
    assert latest(opened()).done == 1
    assert len(notes) == 1
    assert "is damaged" in notes[0]
    assert latest(opened()).done == 1
    assert len(notes) == 1


def test_one_of_other_shapes_is_not_used(opened, notes):
    opened().offer(2, lambda: state(2))
    assert opened().latest(lambda found: found.holds(state(3).arrays)) is None
    assert "do not fit" in notes[0]


def test_one_of_another_version_is_not_used(opened, notes):
    opened().offer(2, lambda: state(2))
    assert latest(opened(versions={"jax": "2"})) is None
    assert notes == []


def test_what_is_left_of_a_group_goes_on_from_the_whole_group(opened):
    opened().offer(2, lambda: state(2))
    assert latest(opened(Group((TRIALS[2],), 3))).done == 2
    assert latest(opened(Group((TRIALS[2],), 1))) is None


def test_a_checkpoint_of_some_is_none_of_all(opened):
    opened(Group((TRIALS[0],), 3)).offer(2, lambda: state(2, TRIALS[:1]))
    assert latest(opened()) is None


def test_removed_when_stored_and_cleared_at_the_end(opened, folder):
    opened().offer(2, lambda: state(2))
    opened(Group((TRIALS[0],), 3)).offer(2, lambda: state(2, TRIALS[:1]))
    remove(folder, GROUP)
    assert len(list(folder.iterdir())) == 1
    (folder / ".left.0123abcd.part").touch()
    clear(folder)
    assert not folder.exists()
    clear(folder)


def test_a_place_that_cannot_be_written_is_told(opened, folder):
    folder.write_text("a file")
    with pytest.raises(OutputError, match="free some space"):
        opened().offer(2, lambda: state(2))


def test_no_folder_keeps_none(folder):
    none = Checkpoints(None, GROUP, 0.0, VERSIONS)
    none.offer(2, lambda: pytest.fail("made"))
    assert latest(none) is None
