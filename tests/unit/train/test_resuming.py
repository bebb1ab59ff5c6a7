"""A training that goes on from a checkpoint ends in the same bits as one that was never stopped."""

from functools import partial

import numpy as np
import pytest

from stepladder.train.checkpoints import Checkpoints
from stepladder.train.fit import FitEngine
from stepladder.train.groups import Group
from stepladder.train.population import PopulationEngine
from stepladder.train.segments import segment_steps


class Killed(Exception):
    """Stands for a kill: nothing after it is done."""


def killed_at(epoch):
    def on_epoch(done):
        if done == epoch:
            raise Killed

    return on_epoch


def bits(result):
    columns = [getattr(result.curve, name) for name in ("train_loss", "train_accuracy", "val_loss")]
    scores = [result.train.loss, result.validation.loss, result.test.loss, result.diverged or 0]
    inside = [result.probes.gradient_norm, result.probes.dead, result.probes.saturated]
    columns += [part.ravel() for part in inside]
    return (
        b"".join(each.tobytes() for each in columns)
        + np.array(scores).tobytes()
        + result.test_predictions.tobytes()
    )


@pytest.fixture
def engines(dataset, tmp_path):
    """Makes an engine that keeps a checkpoint whenever it can, and one that keeps none."""
    versions = {"test": "1"}

    def make(kind, kept=True, **more):
        keeping = partial(Checkpoints, tmp_path, every=0.0, versions=versions)
        return kind(dataset, *([keeping] if kept else []), **more)

    return make


def trained(engine, group, on_epoch=lambda epoch: None):
    return list(engine.train(group, on_epoch))


HARD = {
    "optimizer": "adam", "normalization": "batch", "dropout": 0.2, "schedule": "cosine",
    "warmup": 0.1, "epochs": 4,
}  # fmt: skip
CASES = [
    pytest.param(PopulationEngine, {"epochs": 4}, id="population plain"),
    pytest.param(PopulationEngine, HARD, id="population hard"),
    pytest.param(FitEngine, HARD, id="fit hard"),
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
@pytest.mark.parametrize("fields", [{}, {"optimizer": "adam", "dropout": 0.3}])
def test_cutting_an_epoch_changes_no_bit(fields, engines, trial_of):
    group = Group(
        (trial_of(epochs=2, **fields), trial_of(epochs=2, learning_rate=0.2, **fields)), 2
    )
    whole = trained(engines(PopulationEngine, kept=False), group)
    engine = engines(PopulationEngine, kept=False, segment_flop=6 * 210 * 2 * 16 * 5)
    assert engine.begin(group).segments > 3
    assert [bits(each) for each in trained(engine, group)] == [bits(each) for each in whole]


def test_a_training_killed_within_an_epoch_goes_on_there(dataset, tmp_path, trial_of):
    group = Group((trial_of(epochs=2), trial_of(epochs=2, learning_rate=0.2)), 2)
    whole = trained(PopulationEngine(dataset), group)
    keeping = partial(Checkpoints, tmp_path, every=0.0, versions={})

    class Dies(Checkpoints):
        def offer(self, done, state):
            super().offer(done, state)
            if done % 4 == 2:
                raise Killed

    dying = partial(Dies, tmp_path, every=0.0, versions={})
    flop = 6 * 210 * 2 * 16 * 5
    with pytest.raises(Killed):
        trained(PopulationEngine(dataset, dying, segment_flop=flop), group)
    engine = PopulationEngine(dataset, keeping, segment_flop=flop)
    assert [bits(each) for each in trained(engine, group)] == [bits(each) for each in whole]


def test_only_a_long_epoch_is_cut():
    assert segment_steps(218, 256, 50_000, 16) == 218
    assert segment_steps(218, 256, 2_000_000, 16) < 20
    assert segment_steps(0, 256, 50_000, 1) == 1
    assert segment_steps(3, 256, 10**12, 1) == 1
