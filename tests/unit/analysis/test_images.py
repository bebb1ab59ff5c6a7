"""Intervals for new test images: against an analysis of variance, in limits, and calibrated."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from stepladder.statistics import estimate, new_images


def answers(seed, replicates, images, level=1.5, difficulty=1.0, luck=0.05):
    generator = np.random.default_rng(seed)
    latent = level + difficulty * generator.normal(size=images)
    return generator.random((replicates, images)) < ndtr(
        latent + luck * generator.normal(size=(replicates, 1))
    )


def anova(table):
    """Variance of the mean and its degrees of freedom, written out entry by entry."""
    n, m = table.shape
    mean, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    retrained = m * ((rows - mean) ** 2).sum() / (n - 1)
    pictured = n * ((columns - mean) ** 2).sum() / (m - 1)
    left = table - rows[:, None] - columns + mean
    rest = (left**2).sum() / (n - 1) / (m - 1)
    both = retrained + pictured - rest  # on no fewer degrees of freedom than the rarer of the two
    parts = retrained**2 / (n - 1) + pictured**2 / (m - 1) + rest**2 / (n - 1) / (m - 1)
    return both / (n * m), max(both**2 / parts, min(n, m) - 1)


@pytest.mark.parametrize("shape", [(2, 30), (5, 40), (10, 300)])
def test_it_is_the_two_way_analysis_of_variance(shape):
    ours, theirs = answers(1, *shape), answers(2, *shape, level=1.2)
    table = ours.astype(float) - theirs
    variance, degrees = anova(table)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(variance)
    found = new_images(ours, theirs)
    assert found.low == pytest.approx(table.mean() - half, abs=1e-12)
    assert found.high == pytest.approx(table.mean() + half, abs=1e-12)


def test_next_to_nothing_left_is_no_reason_for_an_interval_of_thousands_of_points():
    """Two replicates of 100 images with 14 answers of +1 each, two of them shared."""
    table = np.zeros((2, 100), bool)
    table[0, :14], table[1, 12:26] = True, True
    found = new_images(table, np.zeros_like(table))
    assert (found.low + found.high) / 2 == pytest.approx(0.14)
    assert found.high - found.low < 0.2


def test_it_is_never_narrower_than_the_interval_over_replicates():
    for seed in range(50):
        one = answers(seed, 4, 60, difficulty=0.0, luck=0.3)
        found, retrained = new_images(one), estimate(one.mean(axis=1))
        if retrained.ci_low > 0 and retrained.ci_high < 1:
            assert found.high - found.low >= retrained.ci_high - retrained.ci_low - 1e-12


def test_replicates_that_all_answer_alike_leave_the_error_of_a_share():
    """Only images vary: then it is the interval of a share of m images."""
    one = np.repeat(answers(3, 1, 2_000), 5, axis=0)
    found, share = new_images(one), one.mean()
    error = np.sqrt(share * (1 - share) / 1_999)
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, 1_999) * error)


def test_an_arm_against_itself_has_no_width_and_swapping_turns_the_signs():
    one, two = answers(1, 4, 50), answers(2, 4, 50)
    assert (new_images(one, one).low, new_images(one, one).high) == (0.0, 0.0)
    there, back = new_images(one, two), new_images(two, one)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_it_does_not_depend_on_the_order_of_replicates_or_images():
    one, two = answers(1, 6, 80), answers(2, 6, 80)
    order, mixed = np.random.default_rng(0).permutation(6), np.random.default_rng(0).permutation(80)
    assert new_images(one[order][:, mixed], two[order][:, mixed]) == new_images(one, two)


def test_too_little_gives_none():
    assert new_images(answers(0, 1, 50)) is None
    assert new_images(answers(0, 5, 1)) is None


@pytest.mark.parametrize("n", [5, 10])
def test_it_holds_the_truth_of_new_images_where_retraining_alone_does_not(n):
    generator, images, studies = np.random.default_rng(n), 500, 600
    own, luck = 0.7, 0.02
    held = held_retrained = 0
    for _ in range(studies):
        shared = generator.normal(size=images)
        arms = [
            generator.random((n, images)) < ndtr(
                2 + shared + own * generator.normal(size=images)
                + luck * generator.normal(size=(n, 1))
            )
            for _ in range(2)
        ]  # fmt: skip
        found = new_images(*arms)
        held += found.low <= 0 <= found.high
        held_retrained += stats.ttest_1samp(
            arms[0].mean(axis=1) - arms[1].mean(axis=1), 0
        ).pvalue >= 0.05  # fmt: skip
    assert 0.92 < held / studies < 0.98
    assert held_retrained / studies < 0.91
