"""Losses: virtual adversarial training and mixup."""

import jax
import numpy as np
import pytest
from scipy import stats

from stepladder.study.recipe import Recipe
from stepladder.training.groups import Group
from stepladder.training.heads import Head
from stepladder.training.keras_fit import FitEngine
from stepladder.training.losses import (
    classes_of,
    cross_entropy,
    directions,
    local_unsmoothness,
    mixed,
)
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import step_inputs

# Virtual adversarial training beside a reference in float64 NumPy, and what it leaves alone.


LENGTH, STEP = 0.7, 0.1


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Reference:
    """A network of one tanh layer, its divergences and their gradients, written out."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def logits(self, x):
        return np.tanh(x @ self.first) @ self.second

    def by_inputs(self, p, x):
        """Gradient by the inputs of the summed divergence of p from what x is answered."""
        hidden = np.tanh(x @ self.first)
        to_logits = softmax(hidden @ self.second) - p
        return ((to_logits @ self.second.T) * (1 - hidden**2)) @ self.first.T

    def worst(self, p, x, direction):
        gradient = self.by_inputs(p, x + STEP * direction)
        return LENGTH * gradient / np.linalg.norm(gradient, axis=1, keepdims=True)

    def loss(self, p, x):
        q = softmax(self.logits(x))
        return (p * (np.log(p) - np.log(q))).sum(axis=1).mean()

    def by_weights(self, p, x):
        hidden = np.tanh(x @ self.first)
        to_logits = (softmax(hidden @ self.second) - p) / len(x)
        to_hidden = (to_logits @ self.second.T) * (1 - hidden**2)
        return x.T @ to_hidden, hidden.T @ to_logits


@pytest.fixture(scope="module")
def small():
    draw = np.random.default_rng(3)
    first, second = draw.normal(size=(6, 5)), draw.normal(size=(5, 4))
    x = draw.normal(size=(9, 6))
    direction = np.asarray(directions(np.array([1, 2], np.uint32), (9, 6)), np.float64)
    return first, second, x, direction


def ours(first, second, x, direction):
    as_float = [np.asarray(each, np.float32) for each in (first, second, x, direction)]

    def loss(weights):
        def answer_of(weights):
            return lambda x: jax.numpy.tanh(x @ weights[0]) @ weights[1]

        frozen = answer_of(jax.lax.stop_gradient(weights))
        answer = answer_of(weights)
        return local_unsmoothness(
            answer, frozen, as_float[2], answer(as_float[2]), as_float[3], LENGTH, STEP
        )

    return jax.value_and_grad(loss)(as_float[:2])


def test_loss_and_gradients_are_those_of_the_reference(small):
    first, second, x, direction = small
    reference = Reference(first, second)
    p = softmax(reference.logits(x))
    moved = x + reference.worst(p, x, direction)
    loss, gradients = ours(*small)
    assert float(loss) == pytest.approx(reference.loss(p, moved), rel=1e-4)
    for mine, theirs in zip(gradients, reference.by_weights(p, moved), strict=True):
        assert np.linalg.norm(mine - theirs) <= 1e-4 * np.linalg.norm(theirs)


def test_the_reference_s_gradients_are_those_of_differences(small):
    first, second, x, direction = small
    p = softmax(Reference(first, second).logits(x))
    moved = x + direction
    exact, _ = Reference(first, second).by_weights(p, moved)
    nudge = np.zeros_like(first)
    nudge[2, 3] = 1e-6
    ends = [Reference(first + sign * nudge, second).loss(p, moved) for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(exact[2, 3], rel=1e-5)


def test_the_step_found_changes_answers_more_than_the_one_it_began_with(small):
    first, second, x, direction = small
    reference = Reference(first, second)
    p = softmax(reference.logits(x))
    assert float(ours(*small)[0]) > reference.loss(p, x + LENGTH * direction)


def test_directions_have_length_one_and_no_preference():
    found = np.asarray(directions(np.array([7, 8], np.uint32), (4000, 5)))
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.abs(found.mean(axis=0)).max() < 0.03
    assert np.allclose(found.T @ found / 4000, np.eye(5) / 5, atol=0.02)


@pytest.fixture(scope="module")
def engine(dataset):
    return PopulationEngine(dataset)


FIELDS = {"vat": 0.5, "normalization": "batch", "dropout": 0.2, "epochs": 2}


def bits(result):
    curve = (result.curve.train_loss, result.curve.val_loss)
    return b"".join(each.tobytes() for each in curve) + result.test_predictions.tobytes()


@pytest.mark.slow
def test_neighbours_of_other_lengths_change_no_bit(engine, trial_of):
    trials = [trial_of(**{**FIELDS, "vat": length}) for length in (0.2, 0.5, 1.0)]
    trials[2] = trial_of(**{**FIELDS, "vat": 1.0, "vat_xi": 0.5})
    together = engine.train(Group(tuple(trials), 3), lambda epoch: None)
    alone = [engine.train(Group((each,), 3), lambda epoch: None)[0] for each in trials]
    assert [bits(each) for each in together] == [bits(each) for each in alone]
    assert len({bits(each) for each in together}) == 3


@pytest.mark.slow
def test_perturbed_inputs_leave_no_trace_in_the_statistics(engine, trial_of):
    still = {**FIELDS, "learning_rate": 1e-30, "epochs": 1}
    found = []
    for length in (0.0, 0.5):
        training = engine.begin(Group((trial_of(**{**still, "vat": length}),), 1))
        training.epoch(0)
        found.append([np.asarray(each) for each in training.weights.statistics])
    for plain, perturbed in zip(*found, strict=True):
        assert np.allclose(plain, perturbed, atol=1e-6)


@pytest.mark.slow
def test_it_makes_answers_smoother(engine, trial_of):
    def unsmoothness(length):
        fields = {"vat": length, "epochs": 40, "learning_rate": 0.01, "optimizer": "adam"}
        training = engine.begin(Group((trial_of(**fields),), 1))
        for epoch in range(40):
            training.epoch(epoch)
        x, _ = training.data.batch(training.replicates[0].rows["train"])
        bare = jax.tree.map(lambda leaf: leaf[0], training.weights._replace(seeds=[]))

        def answer(x):
            return training.program._logits(bare, x)

        direction = directions(np.array([5, 6], np.uint32), x.shape)
        return float(local_unsmoothness(answer, answer, x, answer(x), direction, 0.3, 0.1))

    assert unsmoothness(0.3) < 0.6 * unsmoothness(0.0)


# mixup: within the batch, by the declared distribution, images and labels alike.


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(alpha):
    shares = step_inputs(Recipe(hidden=[1], mixup=alpha), 0, 0, 0, 4000).mix
    assert shares.dtype == np.float32
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_each_image_is_mixed_with_another_of_its_batch_and_so_is_its_label():
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    y = np.array([2, 0, 1, 0], np.int32)
    mixed_x, shares = mixed(x, y, np.float32(0.75), Head("classification", 3))
    others = np.roll(np.arange(4), -1)
    assert np.allclose(mixed_x, 0.75 * x + 0.25 * x[others])
    assert np.allclose(shares, 0.75 * np.eye(3)[y] + 0.25 * np.eye(3)[y[others]])
    assert np.allclose(np.sum(shares, axis=1), 1)
    assert np.array_equal(classes_of(shares), y)


def test_a_share_of_one_is_the_batch_itself():
    x = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    y = np.array([1, 0, 3, 2, 1], np.int32)
    same, shares = mixed(x, y, np.float32(1), Head("classification", 4))
    assert np.array_equal(same, x)
    assert np.array_equal(shares, np.eye(4)[y])


def test_the_loss_is_that_of_both_labels_by_their_shares():
    draw = np.random.default_rng(1)
    logits = draw.normal(size=(6, 4)).astype(np.float32)
    y, other = draw.integers(0, 4, 6), draw.integers(0, 4, 6)
    shares = 0.3 * np.eye(4)[y] + 0.7 * np.eye(4)[other]
    expected = 0.3 * cross_entropy(logits, y, None) + 0.7 * cross_entropy(logits, other, None)
    assert np.allclose(cross_entropy(logits, shares, None), expected, atol=1e-6)
    smoothed = 0.3 * cross_entropy(logits, y, 0.1) + 0.7 * cross_entropy(logits, other, 0.1)
    assert np.allclose(cross_entropy(logits, shares, 0.1), smoothed, atol=1e-6)


@pytest.mark.slow
def test_both_engines_report_the_same_curve(dataset, trial_of):
    trial = trial_of(mixup=0.5, label_smoothing=0.1, epochs=2, optimizer="adam", learning_rate=0.01)
    ours, theirs = (
        next(iter(kind(dataset).train(Group((trial,), 1), lambda epoch: None))).curve
        for kind in (PopulationEngine, FitEngine)
    )
    assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-4)
    assert ours.train_accuracy == pytest.approx(theirs.train_accuracy, abs=0.005)
    assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-4)
