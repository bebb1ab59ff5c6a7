"""Times of trial·epochs from the ends of epochs, and what the watch notes."""

import pytest

from stepladder import InputError
from stepladder.execution import machine
from stepladder.tools.bench import TINY, Watch, Work, _compiling, steady, trial_epoch_seconds
from stepladder.trials.trial import Trial


@pytest.mark.parametrize(
    ("ends", "seconds"),
    [
        ([[5, 6, 7]], 1.0),  # one trial: the first epoch's end is the start
        ([[5, 6, 7], [5, 6, 7]], 0.5),  # two lanes
        ([[5, 6, 7], [5.5, 6.5, 7.5]], 0.5),  # two processes, not in step
        ([[5, 6, 7], [3, 3.5, 4, 4.5, 5, 5.5, 6]], 1 / 3),  # one is twice as fast
        ([[5, 6], [7, 8]], 1.0),  # one waits for the other, and compiles
        ([[5, 6, 7], [5, 6, 7], [6.5, 7, 7.5], [9, 10, 11]], 4.5 / 8),  # some wait for others
    ],
)
def test_seconds_of_a_trial_epoch(ends, seconds):
    assert trial_epoch_seconds(ends) == pytest.approx(seconds, abs=1e-12)


def trials(count):
    recipe = Work().study(1, 1).base
    return [Trial(recipe, "fingerprint", 10, 0, replicate) for replicate in range(count)]


def test_compiling_is_what_the_first_epoch_takes_beyond_a_later_one():
    watch = Watch()
    one, two, three = trials(3)
    watch.started = {one: 0.0, two: 0.001, three: 9.0}
    watch.ends.update({one: [5.0, 6.0, 7.0], two: [5.0, 6.0, 7.0], three: [9.7, 10.2, 10.7]})
    assert _compiling(watch) == pytest.approx((4.0, 0.2))


def test_a_trial_that_is_started_again_counts_from_there():
    watch = Watch()
    (trial,) = trials(1)
    watch.trial_started(trial)
    watch.epoch_done(trial, 1)
    watch.trial_started(trial)
    watch.epoch_done(trial, 1)
    assert len(watch.ends[trial]) == 1
    assert watch.started[trial] <= watch.ends[trial][0]


def test_a_single_epoch_is_not_timed():
    study = Work(epochs=1).study(1, 1)
    with pytest.raises(InputError, match="epochs must be 2 or more to be timed, found 1"):
        steady(study, machine.settings())


@pytest.mark.parametrize("lanes", [1, 2, 9])
def test_the_trials_of_a_work_differ_in_their_rate_alone(lanes):
    study = TINY.study(lanes, 3)
    assert len(study.arms) == lanes
    assert study.replicates == 3
    rates = {arm.recipe.learning_rate for arm in study.arms}
    assert len(rates) == lanes
    assert {arm.recipe.changed({"learning_rate": 0.5}) for arm in study.arms} == {
        study.base.changed({"learning_rate": 0.5})
    }
