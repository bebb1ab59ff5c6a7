"""What tests of going on share: trainings, what they yield bit by bit, and how they are killed."""

import numpy as np

from stepladder.training.groups import Group


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


def trained(engine, group, on_epoch=lambda epoch: None):
    return list(engine.train(group, on_epoch))


def stacked(trial_of, replicates=3, **fields):
    """Three replicates of two lanes, by default as one stack."""
    trials = [
        trial_of(replicate=replicate, learning_rate=rate, **fields)
        for replicate in range(3)
        for rate in (0.01, 0.02)
    ]
    return Group(tuple(trials), 2, replicates)
