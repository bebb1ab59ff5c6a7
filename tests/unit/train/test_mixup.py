"""mixup: within the batch, by the declared distribution, images and labels alike."""

import numpy as np
import pytest
from scipy import stats

from stepladder.study.recipe import Recipe
from stepladder.training.groups import Group
from stepladder.training.keras_fit import FitEngine
from stepladder.training.losses import classes_of, cross_entropy, mixed
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import step_inputs


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(alpha):
    shares = step_inputs(Recipe(hidden=[1], mixup=alpha), 0, 0, 0, 4000).mix
    assert shares.dtype == np.float32
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_each_image_is_mixed_with_another_of_its_batch_and_so_is_its_label():
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    y = np.array([2, 0, 1, 0], np.int32)
    mixed_x, shares = mixed(x, y, np.float32(0.75), 3)
    others = np.roll(np.arange(4), -1)
    assert np.allclose(mixed_x, 0.75 * x + 0.25 * x[others])
    assert np.allclose(shares, 0.75 * np.eye(3)[y] + 0.25 * np.eye(3)[y[others]])
    assert np.allclose(np.sum(shares, axis=1), 1)
    assert np.array_equal(classes_of(shares), y)


def test_a_share_of_one_is_the_batch_itself():
    x = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    y = np.array([1, 0, 3, 2, 1], np.int32)
    same, shares = mixed(x, y, np.float32(1), 4)
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


def test_both_engines_report_the_same_curve(dataset, trial_of):
    trial = trial_of(mixup=0.5, label_smoothing=0.1, epochs=2, optimizer="adam", learning_rate=0.01)
    ours, theirs = (
        next(iter(kind(dataset).train(Group((trial,), 1), lambda epoch: None))).curve
        for kind in (PopulationEngine, FitEngine)
    )
    assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-4)
    assert ours.train_accuracy == pytest.approx(theirs.train_accuracy, abs=0.005)
    assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-4)
