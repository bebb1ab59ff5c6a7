"""A training that goes on from a checkpoint ends in the same bits as one that was never stopped."""

from functools import partial

import pytest
from trainings import Killed, bits, killed_at, stacked, trained

from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import Group
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.population.loop import segment_steps


@pytest.fixture
def engines(dataset, tmp_path):
    """Makes an engine that keeps a checkpoint whenever it can, and one that keeps none."""
    versions = {"test": "1"}

    def make(kind, kept=True, **more):
        keeping = partial(Checkpoints, tmp_path, every=0.0, versions=versions)
        return kind(dataset, *([keeping] if kept else []), **more)

    return make


HARD = {
    "optimizer": "adam", "normalization": "batch", "dropout": 0.2, "schedule": "cosine",
    "warmup": 0.1, "epochs": 4,
}  # fmt: skip
CASES = [
    pytest.param(PopulationEngine, {"epochs": 4}, id="population plain", marks=pytest.mark.slow),
    pytest.param(PopulationEngine, HARD, id="population hard"),
    pytest.param(FitEngine, HARD, id="fit hard", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("kind", "fields"), CASES)
def test_the_same_bits(kind, fields, engines, trial_of):
    rates = (0.01, 0.02) if kind is PopulationEngine else (0.01,)
    group = Group(tuple(trial_of(learning_rate=rate, **fields) for rate in rates), len(rates))
    whole = trained(engines(kind, kept=False), group)
    for epoch in (2, 3):
        with pytest.raises(Killed):
            trained(engines(kind), group, killed_at(epoch))
    seen = []
    resumed = trained(engines(kind), group, seen.append)
    assert [bits(each) for each in resumed] == [bits(each) for each in whole]
    assert [each for each in seen if each] == ([2, 3, 4] if kind is PopulationEngine else [3, 4])


def test_what_is_left_of_a_group_goes_on_with_the_same_bits(engines, trial_of):
    trials = [trial_of(learning_rate=rate, epochs=3) for rate in (0.01, 0.02, 1e30)]
    whole = trained(engines(PopulationEngine, kept=False), Group(tuple(trials), 3))
    with pytest.raises(Killed):
        trained(engines(PopulationEngine), Group(tuple(trials), 3), killed_at(3))
    seen = []
    left = trained(engines(PopulationEngine), Group((trials[1], trials[2]), 3), seen.append)
    assert seen == [0, 2, 3]
    assert [bits(each) for each in left] == [bits(whole[1]), bits(whole[2])]
    assert left[1].diverged == whole[2].diverged == 1


@pytest.mark.slow
def test_a_stack_goes_on_with_the_same_bits(engines, trial_of):
    group = stacked(trial_of, **HARD)
    whole = trained(engines(PopulationEngine, kept=False), group)
    for epoch in (2, 3):
        with pytest.raises(Killed):
            trained(engines(PopulationEngine), group, killed_at(epoch))
    seen = []
    resumed = trained(engines(PopulationEngine), group, seen.append)
    assert seen == [0, 2, 3, 4]
    assert [bits(each) for each in resumed] == [bits(each) for each in whole]
    seen = []
    left = Group(group.trials[3:5], 2, 3)
    resumed = trained(engines(PopulationEngine), left, seen.append)
    assert seen == [0, 3, 4]
    assert [bits(each) for each in resumed] == [bits(each) for each in whole[3:5]]


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"optimizer": "adam", "dropout": 0.3}])
def test_cutting_an_epoch_changes_no_bit(fields, engines, trial_of):
    group = Group(
        (trial_of(epochs=2, **fields), trial_of(epochs=2, learning_rate=0.2, **fields)), 2
    )
    whole = trained(engines(PopulationEngine, kept=False), group)
    engine = engines(PopulationEngine, kept=False, segment_flop=6 * 210 * 2 * 16 * 5)
    assert engine.begin(group).segments > 3
    assert [bits(each) for each in trained(engine, group)] == [bits(each) for each in whole]


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [1, 3])
def test_a_training_killed_within_an_epoch_goes_on_there(replicates, dataset, tmp_path, trial_of):
    group = stacked(trial_of, epochs=2, dropout=0.2)
    if replicates == 1:
        group = group.by_replicate()[1]
    whole = trained(PopulationEngine(dataset), group)
    keeping = partial(Checkpoints, tmp_path, every=0.0, versions={})

    class Dies(Checkpoints):
        def offer(self, done, state):
            super().offer(done, state)
            if done % 4 == 2:
                raise Killed

    dying = partial(Dies, tmp_path, every=0.0, versions={})
    flop = 6 * 210 * 2 * 16 * 5 * replicates
    with pytest.raises(Killed):
        trained(PopulationEngine(dataset, dying, segment_flop=flop), group)
    engine = PopulationEngine(dataset, keeping, segment_flop=flop)
    assert [bits(each) for each in trained(engine, group)] == [bits(each) for each in whole]


@pytest.mark.slow
def test_fit_killed_within_epochs_goes_on_there(dataset, tmp_path, trial_of):
    group = Group((trial_of(**{**HARD, "epochs": 3}),), 1)
    whole = trained(FitEngine(dataset), group)

    def dying(moment):
        class Dies(Checkpoints):
            def offer(self, done, state):
                super().offer(done, state)
                if done == moment:
                    raise Killed

        return partial(Dies, tmp_path, every=0.0, versions={})

    for moment in (7, 19, 33, 59):  # of three epochs of 20 steps
        with pytest.raises(Killed):
            trained(FitEngine(dataset, dying(moment)), group)
        assert max(file.stem[-12:] for file in tmp_path.iterdir()) == f"{moment:012d}"
    seen = []
    resumed = trained(FitEngine(dataset, dying(None)), group, seen.append)
    assert seen == [3]
    assert [bits(each) for each in resumed] == [bits(each) for each in whole]


def test_only_a_long_epoch_is_cut():
    assert segment_steps(218, 256, 50_000, 16) == 218
    assert segment_steps(218, 256, 2_000_000, 16) < 20
    assert segment_steps(0, 256, 50_000, 1) == 1
    assert segment_steps(3, 256, 10**12, 1) == 1
