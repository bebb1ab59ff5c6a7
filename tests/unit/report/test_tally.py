import math
from dataclasses import replace

import pytest
from example_run import Clock, finished, planned_run

from stepladder import Study
from stepladder.report.progress import ArmTally, Tally, _completed
from stepladder.report.wording import Measure
from stepladder.study.metrics import METRICS


@pytest.fixture
def clock():
    return Clock()


def test_arms_begin_with_what_the_store_holds(clock):
    plan, _ = planned_run(replicates=2, found=3)
    arms = Tally(plan, clock).arms
    assert [arm.done for arm in arms.values()] == [2, 1, 0, 0, 0, 0, 0]
    assert all(arm.planned == 2 for arm in arms.values())


def test_before_the_first_epoch_it_is_compiling(clock):
    plan, trials = planned_run()
    tally = Tally(plan, clock)
    tally.trial_started(trials[0])
    clock.pass_by(30)
    assert tally.time_left == "compiling…"
    assert tally.seconds_left is None


def test_the_first_burst_of_epochs_gives_no_estimate(clock):
    plan, trials = planned_run()
    tally = Tally(plan, clock)
    clock.pass_by(60)  # compiling must not count
    for trial in trials[:8]:
        tally.epoch_done(trial, 1)
    assert tally.time_left == "estimating…"
    assert tally.epochs_done == 8


def test_time_left_follows_from_the_rate_after_compiling(clock):
    plan, trials = planned_run()  # 14 trials of 4 epochs
    tally = Tally(plan, clock)
    clock.pass_by(60)
    for epoch in (1, 2, 3):
        for trial in trials[:8]:
            tally.epoch_done(trial, epoch)
        clock.pass_by(10)
    # 16 epochs in 20 s after the first burst; 32 left; 10 s have passed since the last burst
    assert tally.seconds_left == pytest.approx(32 / (16 / 20) - 10)
    assert tally.time_left == "about 30 s left"


def test_an_estimate_never_falls_below_nothing(clock):
    plan, trials = planned_run()
    tally = Tally(plan, clock)
    tally.epoch_done(trials[0], 1)
    clock.pass_by(5)
    tally.epoch_done(trials[0], 2)
    clock.pass_by(10_000)
    assert tally.seconds_left == 0
    assert tally.time_left == "almost done"


def test_a_trial_that_diverged_early_counts_whole(clock):
    plan, trials = planned_run()
    tally = Tally(plan, clock)
    tally.epoch_done(trials[0], 1)
    tally.trial_done(finished(trials[0], math.nan, diverged=2))
    assert tally.epochs_done == 4
    arm = tally.arms["naive"]
    assert (arm.diverged, arm.finite, arm.done) == (1, [], 1)
    assert math.isnan(arm.mean)


def test_a_trial_started_again_is_not_counted_twice(clock):
    plan, trials = planned_run()
    tally = Tally(plan, clock)
    tally.trial_started(trials[0])
    tally.epoch_done(trials[0], 3)
    tally.trial_started(trials[0])
    assert tally.epochs_done == 0
    tally.epoch_done(trials[0], 1)
    assert tally.epochs_done == 1


def test_arms_are_complete_once(clock):
    plan, trials = planned_run()
    tally = Tally(plan, clock)
    assert tally.trial_done(finished(trials[0], 0.5)) == ()
    (arm,) = tally.trial_done(finished(trials[1], 0.7))
    assert arm.name == "naive"
    assert arm.mean == pytest.approx(0.6)


def test_arms_in_training_are_named_once_each(clock):
    plan, trials = planned_run()
    tally = Tally(plan, clock)
    for trial in trials[:3]:
        tally.trial_started(trial)
    assert tally.names_running == ("naive", "+ He normal")
    tally.trial_done(finished(trials[2], 0.5))
    assert tally.names_running == ("naive",)


def test_a_study_that_is_all_there_has_nothing_to_train(clock):
    plan, _ = planned_run(found=14)
    tally = Tally(plan, clock)
    assert tally.time_left == "nothing to train"
    assert tally.seconds_left == 0


def test_a_trial_that_another_run_has_stored_is_one_less_to_train():
    plan, trials = planned_run(replicates=2, epochs=4)
    tally = Tally(plan, Clock())
    tally.trial_found(trials[0])
    assert (tally.planned.trials, tally.planned.found) == (plan.trials - 1, plan.found + 1)
    assert tally.planned.epochs == plan.epochs - 4
    assert tally.arms[plan.arm_names[trials[0].id][0]].done == 1


def test_epochs_that_need_not_be_trained_are_not_counted(clock):
    plan, trials = planned_run()
    tally = Tally(
        replace(plan, epochs=plan.epochs - 6, at_hand={t.id: 3 for t in trials[:2]}), clock
    )
    tally.epoch_done(trials[0], 3)
    assert tally.epochs_done == 0
    assert tally.running[trials[0].id] == 3
    tally.epoch_done(trials[0], 4)
    tally.epoch_done(trials[2], 2)
    assert tally.epochs_done == 3
    tally.trial_found(trials[1])
    assert tally.planned.epochs == plan.epochs - 7


def test_another_metric_is_said_in_its_unit():
    study = Study.load("quick", {"metric": "log_loss"})
    loss = ArmTally("a", 2, 2, Measure(study.judged, None), [0.5, 0.75])
    assert loss.mean_text == "0.625"
    assert _completed(loss) == "a: 2 replicates, validation log_loss 0.625"
    accuracy = ArmTally("a", 2, 2, Measure(METRICS["accuracy"], None), [0.5, 0.75])
    assert _completed(accuracy) == "a: 2 replicates, validation 62.50 %"
