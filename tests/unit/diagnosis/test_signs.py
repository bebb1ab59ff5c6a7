"""What a trial's epochs come to, worked out by hand."""

import math

import numpy as np
import pytest

from stepladder.diagnosis.findings import summarize_history
from stepladder.trials.trial import History, Probes

NAN = float("nan")


def curve(val_loss, val_accuracy=None, train_loss=None):
    flat = np.full(len(val_loss), 0.5)
    return History(
        train_loss=flat if train_loss is None else np.array(train_loss),
        train_accuracy=flat,
        val_loss=np.array(val_loss, np.float64),
        val_accuracy=flat if val_accuracy is None else np.array(val_accuracy),
        val_commonest=flat,
        seconds=flat,
    )


def probes(norms, dead, saturated):
    single = [np.array(each, np.float32) for each in (norms, dead, saturated)]
    return Probes(("a", "b", "logits"), single[0], ("a", "b"), *single[1:], 0.1, 0.3)


def test_the_best_epoch_and_what_came_after():
    found = summarize_history(curve([0.5, 0.2, 0.3, 0.4], train_loss=[0.6, 0.3, 0.2, 0.1]), None)
    assert (found.best_epoch, found.best_val_loss, found.last_val_loss) == (2, 0.2, 0.4)
    assert (found.best_train_loss, found.last_train_loss) == (0.3, 0.1)


def test_ids_that_are_looked_up_have_no_size():
    inside = probes([[1, 2, 4]], [[0, 1]], [[NAN] * 2])
    found = summarize_history(curve([0.5]), inside, 0.3, takes_ids=True)
    assert math.isnan(found.input_mean)
    assert math.isnan(found.input_deviation)
    assert (found.first_gradient, found.unsettled) == (1, 0.3)


def test_what_the_last_quarter_of_the_epochs_gained():
    found = summarize_history(curve([0.1] * 8, val_accuracy=[0, 0, 0, 0, 0.5, 0.6, 0.7, 0.8]), None)
    assert found.late_epochs == 2
    assert found.late_gain == pytest.approx(0.2)
    assert math.isnan(summarize_history(curve([0.1]), None).late_gain)
    assert summarize_history(
        curve([0.1] * 3, val_accuracy=[0, 0.2, 0.3]), None
    ).late_gain == pytest.approx(0.1)


def test_what_diverged_is_judged_by_the_epochs_before():
    inside = probes([[1, 2, 4], [3, 6, 8], [NAN] * 3], [[0, 1], [1, 0], [NAN] * 2],
                    [[NAN] * 2] * 3)  # fmt: skip
    found = summarize_history(curve([0.5, 0.4, NAN]), inside)
    assert (found.last_val_loss, found.best_epoch) == (0.4, 2)
    assert (found.first_gradient, found.last_gradient) == (2, 6)
    assert found.whole_gradient == pytest.approx((math.sqrt(21) + math.sqrt(109)) / 2)
    assert (found.dead, found.dead_layer) == (1, "a")
    assert (found.saturated_layer, math.isnan(found.saturated)) == ("", True)


def test_of_a_trial_that_diverged_at_once_only_its_inputs_are_known():
    nothing = probes([[NAN] * 3], [[NAN] * 2], [[NAN] * 2])
    found = summarize_history(curve([NAN]), nothing)
    assert (found.input_mean, found.input_deviation) == (0.1, 0.3)
    assert math.isnan(found.best_epoch)
    assert math.isnan(found.first_gradient)


def test_without_a_look_inside_nothing_is_known_of_it():
    found = summarize_history(curve([0.2, 0.1]), None)
    assert found.best_epoch == 2
    assert math.isnan(found.dead)
    assert math.isnan(found.input_mean)


def test_what_the_last_quarter_of_the_epochs_took_off_the_loss():
    found = summarize_history(curve([9, 9, 9, 9, 4, 4, 3, 3]), None)
    assert found.late_fall == pytest.approx(0.25)
    assert math.isnan(summarize_history(curve([0.1]), None).late_fall)
    assert math.isnan(summarize_history(curve([0.0, 0.0]), None).late_fall)
