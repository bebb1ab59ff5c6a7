"""Trainings of more epochs go on where shorter ones ended, and end in the same bits."""

import os
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from trainings import bits, stacked, trained

from stepladder.study.recipe import Recipe
from stepladder.training.checkpoints import Checkpoints, FinalStateCache
from stepladder.training.groups import Group, with_epochs
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import can_extend, learning_rates
from stepladder.training.serialization import MAGIC, Checkpoint
from stepladder.trials.trial import Trial

VERSIONS = {"jax": "1"}
CHEAP = 1e9  # no training is too short for its ending


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "endings"


@pytest.fixture
def notes():
    return []


@pytest.fixture
def opened(folder, notes):
    def make(most=10**9, versions=VERSIONS, share=CHEAP):
        return FinalStateCache(folder, most, versions, notes.append, share)

    return make


# --- which trainings go on ----------------------------------------------------------------------

SCHEDULES = [
    {"schedule": schedule, "warmup": warmup, "decay_epochs": 3}
    for schedule in ("constant", "step", "cosine", "one_cycle")
    for warmup in (0.0, 0.3)
]


@pytest.mark.parametrize("fields", SCHEDULES)
def test_a_schedule_can_extend_if_its_first_steps_are_those_of_a_longer_one(fields):
    short, long = (
        learning_rates(Recipe(hidden=[3], epochs=epochs, **fields), 7) for epochs in (10, 17)
    )
    assert can_extend(Recipe(hidden=[3], **fields)) == np.array_equal(short, long[:10])


# --- engines ------------------------------------------------------------------------------------


def going_on(group, epochs, after):
    """The group over more epochs, to go on from its ending."""
    trials = tuple(with_epochs(trial, epochs) for trial in group.trials)
    return replace(group, trials=trials, start_epoch=after)


def cases(trial_of):
    fields = {"optimizer": "adam", "normalization": "batch", "dropout": 0.2, "epochs": 2}
    one = [trial_of(learning_rate=rate, schedule="step", decay_epochs=1, **fields)
           for rate in (0.01, 0.02, 1e30)]  # fmt: skip
    return {
        "population": (PopulationEngine, Group(tuple(one), 3)),
        "fit": (FitEngine, Group((trial_of(**fields),), 1)),
        "stack": (PopulationEngine, stacked(trial_of, **fields)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("case", ["population", "fit", "stack"])
def test_the_bits_of_a_training_from_the_start(case, dataset, trial_of, opened, folder, notes):
    kind, group = cases(trial_of)[case]
    keeping = partial(Checkpoints, None, every=1e9, versions={}, endings=opened())
    whole = trained(kind(dataset), going_on(group, 5, 0))
    trained(kind(dataset, keeping), group)
    trained(kind(dataset, keeping), going_on(group, 3, 0))
    assert len(list(folder.iterdir())) == 2
    longer = going_on(group, 5, 3)
    assert opened().epochs(longer) == [3, 2]
    seen = []
    keeping = partial(Checkpoints, None, every=1e9, versions={}, endings=opened())
    resumed = trained(kind(dataset, keeping), longer, seen.append)
    assert notes == []
    assert [each for each in seen if each] == ([4, 5] if kind is FitEngine else [3, 4, 5])
    assert [bits(each) for each in resumed] == [bits(each) for each in whole]
    if case == "population":
        assert resumed[2].diverged == 1
        (left,) = trained(
            kind(dataset, keeping), Group(longer.trials[1:2], 3, start_epoch=2), seen.append
        )
        assert bits(left) == bits(whole[1])
        assert seen[-4:] == [2, 3, 4, 5]


def test_a_checkpoint_is_further_than_an_ending(dataset, trial_of, opened, tmp_path):
    group = Group((trial_of(epochs=2),), 1)
    keeping = partial(Checkpoints, tmp_path, every=0.0, versions={}, endings=opened())
    trained(PopulationEngine(dataset, keeping), group)
    longer, seen = going_on(group, 5, 2), []

    def stop(epoch):
        if epoch == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(PopulationEngine(dataset, keeping), longer, stop)
    keeping = partial(Checkpoints, tmp_path, every=0.0, versions={}, endings=opened())
    trained(PopulationEngine(dataset, keeping), longer, seen.append)
    assert seen == [0, 4, 5]


# --- what is kept, and for how long -------------------------------------------------------------

TRIALS = [Trial(Recipe(hidden=[3], learning_rate=r / 10, epochs=4), "d", 10, 0, 0) for r in (1, 2)]
GROUP = Group(tuple(TRIALS), 2)
LONGER = going_on(GROUP, 6, 4)


def state(group=GROUP, size=8):
    arrays = {"a": np.zeros(size, np.uint8), "curve.x": np.ones((2, group.key.epochs))}
    return Checkpoint(tuple(trial.id for trial in group.trials), 4, {"seconds": 1.5}, arrays)


def test_comes_back_as_it_was_with_room_for_more_epochs(opened):
    opened().save(GROUP, state, 1.0)
    found = opened().load(LONGER, lambda each: True)
    assert found.trials == tuple(trial.id for trial in LONGER.trials)
    assert found.done == 4
    assert np.array_equal(found.arrays["a"], state().arrays["a"])
    nothing = [[float("nan")] * 2] * 2
    assert np.array_equal(found.arrays["curve.x"], np.hstack([np.ones((2, 4)), nothing]), True)


@pytest.mark.parametrize(
    ("group", "versions"),
    [
        (going_on(GROUP, 4, 0), VERSIONS),
        (going_on(GROUP, 3, 0), VERSIONS),
        (replace(LONGER, lanes=3), VERSIONS),
        (replace(LONGER, replicates=3), VERSIONS),
        (LONGER, {"jax": "2"}),
        (Group((*LONGER.trials[:1], replace(LONGER.trials[1], seed=1)), 2), VERSIONS),
        (Group(tuple(replace(each, numerics=0) for each in LONGER.trials), 2), VERSIONS),
    ],
    ids=["as long", "shorter", "lanes", "stack", "versions", "another trial", "numerics"],
)
def test_only_a_longer_training_of_the_same_goes_on(group, versions, opened):
    opened().save(GROUP, state, 1.0)
    assert opened().epochs(LONGER) == [4]
    assert opened(versions=versions).epochs(group) == []


def test_what_cannot_go_on_is_not_kept(opened, folder):
    cosine = replace(TRIALS[1], config=TRIALS[1].recipe.changed({"schedule": "cosine"}))
    opened().save(Group((TRIALS[0], cosine), 2), lambda: pytest.fail("made"), 1.0)
    opened(share=0.01).save(GROUP, lambda: pytest.fail("made"), 0.9)
    opened(share=0.01).save(GROUP, lambda: state(size=10**6), 1.1)
    opened(most=10**5).save(GROUP, lambda: state(size=10**6), 1.0)
    assert not folder.exists()
    opened(share=0.01).save(GROUP, state, 1.1)
    assert len(list(folder.iterdir())) == 1


def test_the_oldest_are_removed(opened, folder):
    endings = opened(most=300_000)
    for place, epochs in enumerate((1, 2, 3, 4)):
        group = going_on(GROUP, epochs, 0)
        endings.save(group, lambda group=group: state(group, 100_000), 1.0)
        for file in folder.glob(f"*-{epochs:06d}.ending"):
            os.utime(file, (place, place))
    assert opened().epochs(LONGER) == [4, 3]


def test_a_damaged_one_is_told_and_not_used(opened, folder, notes):
    opened().save(GROUP, state, 1.0)
    (file,) = folder.iterdir()
    content = file.read_bytes()
    for place in (0, len(MAGIC), len(MAGIC) + 32, len(MAGIC) + 39, len(MAGIC) + 60, -1):
        altered = bytearray(content)
        altered[place] ^= 128
        file.write_bytes(altered)
        assert FinalStateCache(folder, 10**9, VERSIONS).epochs(LONGER) == []
        assert file.exists()  # nobody would be told
        assert opened().epochs(LONGER) == []
        assert not file.exists()
        file.write_bytes(altered)
        assert opened().load(LONGER, lambda each: True) is None
    assert len(notes) == 12
    assert all("is damaged" in note for note in notes)


def test_one_of_other_shapes_is_told_and_not_used(opened, notes):
    opened().save(GROUP, state, 1.0)
    assert opened().load(LONGER, lambda each: False) is None
    assert "do not fit" in notes[0]


def test_strange_files_are_passed_over(opened, folder):
    opened().save(GROUP, state, 1.0)
    (file,) = folder.iterdir()
    file.write_bytes(b"strange")
    assert opened().epochs(LONGER) == []
    assert not file.exists()
    assert opened().epochs(LONGER) == []


def test_a_place_that_cannot_be_written_costs_nothing_but_the_ending(opened, folder):
    folder.write_text("a file")
    opened().save(GROUP, state, 1.0)
    assert opened().epochs(LONGER) == []
