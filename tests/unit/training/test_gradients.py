"""Gradients of the population engine against a network worked out in float64 by hand."""

import numpy as np
import pytest

from stepladder.data import affine, split
from stepladder.training.groups import Group
from stepladder.training.population.engine import PopulationEngine

ACTIVATIONS = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a**2),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: z > 0),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda z, a: np.where(z > 0, 1, a + 1)),
}


def gradients(weights, x, y, activation):
    """Of the mean cross-entropy: kernels and biases, layer by layer."""
    apply, slope = ACTIVATIONS[activation]
    kernels, biases = weights[::2], weights[1::2]
    inputs, sums = [x], []
    for place, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        sums.append(inputs[-1] @ kernel + bias)
        inputs.append(apply(sums[-1]) if place < len(kernels) - 1 else sums[-1])
    logits = sums[-1]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    delta = (p / p.sum(axis=1, keepdims=True) - np.eye(p.shape[1])[y]) / len(y)
    found = []
    for place in reversed(range(len(kernels))):
        found[:0] = [inputs[place].T @ delta, delta.sum(axis=0)]
        if place:
            delta = (delta @ kernels[place].T) * slope(sums[place - 1], inputs[place])
    return found


@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize(
    "activation",
    ["relu", "sigmoid", *(pytest.param(name, marks=pytest.mark.slow) for name in ("elu", "tanh"))],
)
def test_a_step_of_plain_descent_is_the_gradient_by_hand(activation, lanes, dataset, trial_of):
    fields = {"activation": activation, "batch_size": 310, "hidden": [8, 6]}
    trials = tuple(trial_of(learning_rate=rate, **fields) for rate in (1.0, 0.5, 0.25)[:lanes])
    training = PopulationEngine(dataset).begin(Group(trials, lanes))
    before = [np.asarray(leaf, np.float64) for leaf in training.weights.trainable]
    training.epoch(0)
    parts = split(dataset, 40, 310, 0, 0)
    scale, shift = affine(dataset.x_train, parts.train, "unit")
    x = (dataset.x_train[parts.train] * np.float64(scale) + shift).reshape(310, -1)
    for lane, trial in enumerate(trials):
        expected = gradients([leaf[lane] for leaf in before], x, dataset.y_train[parts.train],
                             activation)  # fmt: skip
        for was, leaf, gradient in zip(before, training.weights.trainable, expected, strict=True):
            found = (was[lane] - np.asarray(leaf[lane], np.float64)) / trial.recipe.learning_rate
            assert np.linalg.norm(found - gradient) <= 1e-5 * max(0.1, np.linalg.norm(gradient))
