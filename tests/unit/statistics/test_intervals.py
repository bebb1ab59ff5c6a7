"""Intervals: of estimates, for new runs and for new test images."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from stepladder import InputError
from stepladder.statistics.intervals import (
    LEAST,
    estimate,
    judge_figure,
    judge_row,
    new_images_interval,
    predict_mean,
    win_share,
)
from stepladder.statistics.results import Estimate

# Estimates.


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_agrees_with_scipy(confidence):
    values = [0.971, 0.9683, 0.9702, 0.9699, 0.972]
    low, high = stats.t.interval(confidence, 4, np.mean(values), stats.sem(values))
    found = estimate(values, confidence)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), rel=1e-10)


def test_diverged_replicates_are_kept_and_not_counted():
    found = estimate([0.9, math.nan, 0.92])
    alone = estimate([0.9, 0.92])
    assert (found.mean, found.ci_low, found.ci_high) == (alone.mean, alone.ci_low, alone.ci_high)
    assert found.values == pytest.approx((0.9, math.nan, 0.92), nan_ok=True)


def test_equal_values_have_an_interval_without_width():
    assert estimate([0.1135] * 3) == Estimate(0.1135, 0.1135, 0.1135, (0.1135,) * 3)


def test_an_interval_is_cut_where_no_accuracy_can_be():
    found = estimate([0.11, 0.97, 0.97])
    assert (found.ci_low, found.ci_high) == (0, 1)
    assert estimate([0.99, 1.0]).ci_high == 1


@pytest.mark.parametrize("values", [[], [math.nan]])
def test_no_value_has_no_mean(values):
    found = estimate(values)
    assert math.isnan(found.mean)
    assert found.ci_low is found.ci_high is None


def test_one_value_has_no_interval():
    assert estimate([0.5]) == Estimate(0.5, None, None, (0.5,))


def test_arrays_will_do():
    assert estimate(np.array([0, 1, 1, 0])) == estimate([0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.1, math.nan, "high", True])
def test_a_confidence_that_is_none(confidence):
    with pytest.raises(InputError, match="confidence must be between 0 and 1, found"):
        estimate([0.5], confidence)


# The interval for new runs: by hand, against simulation, and what it makes of figures.


VALUES = [0.970, 0.972, 0.971, 0.969, 0.973]


def test_it_is_the_textbook_interval():
    found = predict_mean(VALUES)
    half = stats.t.ppf(0.975, 4) * np.std(VALUES, ddof=1) * math.sqrt(1 + 1 / 5)
    assert found.mean == pytest.approx(0.971, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((0.971 - half, 0.971 + half), abs=1e-12)


def test_a_mean_of_many_runs_is_as_sure_as_the_replicates_are():
    many = predict_mean(VALUES, runs=10**9)
    interval = stats.t.interval(0.95, 4, loc=0.971, scale=stats.sem(VALUES))
    assert (many.low, many.high) == pytest.approx(interval, abs=1e-7)
    assert many.high - many.low < predict_mean(VALUES).high - predict_mean(VALUES).low


def test_it_does_not_depend_on_the_order_and_leaves_out_what_diverged():
    assert predict_mean(VALUES[::-1]) == predict_mean(VALUES)
    assert predict_mean([math.nan, *VALUES]) == predict_mean(VALUES)


@pytest.mark.parametrize(("n", "runs"), [(3, 1), (5, 1), (5, 4), (20, 1)])
def test_it_holds_the_mean_of_new_runs_as_often_as_it_says(n, runs):
    draw = np.random.default_rng(7).normal(0.9, 0.01, size=(4000, n + runs))
    held = 0
    for each in draw:
        found = predict_mean(each[:n].tolist(), runs)
        held += found.low <= each[n:].mean() <= found.high
    assert 100 * held / len(draw) == pytest.approx(95, abs=1.2)


def test_it_ends_at_0_and_1_and_needs_two_replicates():
    wide = predict_mean([0.1, 0.9])
    assert (wide.low, wide.high) == (0.0, 1.0)
    one = predict_mean([0.9])
    assert (one.n, one.low, one.high, one.spread) == (1, None, None, None)
    assert math.isnan(predict_mean([math.nan]).mean)


def test_replicates_that_are_all_equal_reach_their_own_figure_as_it_was_rounded():
    constant = predict_mean([0.1135] * 5)
    assert constant.reaches(0.113, 0.001)  # ~11.3
    assert constant.reaches(0.1135, 0.0)
    assert not constant.reaches(0.372, 0.001)


@pytest.mark.parametrize(
    ("values", "reported", "said"),
    [
        (VALUES, 0.975, "fits"),
        (VALUES, 0.98, "excluded"),
        (VALUES[: LEAST - 1], 0.971, "too few replicates"),
        (VALUES[: LEAST - 1], 0.9, "too few replicates"),
        (VALUES[:1], 0.5, "too few replicates"),
        ([], 0.5, "too few replicates"),
    ],
)
def test_what_a_figure_is_to_a_reading(values, reported, said):
    assert judge_figure(predict_mean(values), reported) == said


def test_no_figure_comes_from_where_all_diverge():
    lost = predict_mean([math.nan] * 5)
    assert judge_figure(lost, 0.5, diverged=5) == "excluded"
    assert judge_figure(predict_mean([math.nan] * 4), 0.5, diverged=4) == "too few replicates"
    assert (
        judge_figure(predict_mean([0.5, *[math.nan] * 4]), 0.5, diverged=4) == "too few replicates"
    )


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        (["excluded", "fits"], "reproduced"),
        (["fits", "too few replicates"], "reproduced"),
        (["excluded", "excluded"], "not reproduced"),
        (["excluded", "too few replicates"], "cannot be judged"),
        ([], "cannot be judged"),
    ],
)
def test_a_row_is_as_good_as_its_best_reading(findings, said):
    assert judge_row(findings) == said


@pytest.mark.parametrize("runs", [0, -1])
def test_runs_must_be_one_or_more(runs):
    with pytest.raises(InputError, match=f"runs must be 1 or more, found {runs}"):
        predict_mean(VALUES, runs)


def test_values_must_be_fractions():
    with pytest.raises(InputError, match="divide percentages by 100"):
        predict_mean([97.1, 97.2])


# Intervals for new test images: against an analysis of variance, in limits, and calibrated.


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


@pytest.mark.parametrize("shape", [(5, 100), (5, 300), (10, 300)])
def test_it_is_the_two_way_analysis_of_variance(shape):
    ours, theirs = answers(1, *shape), answers(2, *shape, level=1.2)
    table = ours.astype(float) - theirs
    variance, degrees = anova(table)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(variance)
    found = new_images_interval(ours, theirs)
    assert found.low == pytest.approx(table.mean() - half, abs=1e-12)
    assert found.high == pytest.approx(table.mean() + half, abs=1e-12)


def test_next_to_nothing_left_is_no_reason_for_an_interval_of_thousands_of_points():
    """Two replicates of 100 images with 14 answers of +1 each, two of them shared."""
    table = np.zeros((2, 100), bool)
    table[0, :14], table[1, 12:26] = True, True
    found = new_images_interval(table, np.zeros_like(table))
    assert (found.low + found.high) / 2 == pytest.approx(0.14)
    assert found.high - found.low < 0.2


def test_it_is_never_narrower_than_the_interval_over_replicates():
    for seed in range(50):
        one = answers(seed, 4, 60, difficulty=0.0, luck=0.3)
        found, retrained = new_images_interval(one), estimate(one.mean(axis=1))
        if retrained.ci_low > 0 and retrained.ci_high < 1:
            assert found.high - found.low >= retrained.ci_high - retrained.ci_low - 1e-12


def test_replicates_that_all_answer_alike_leave_the_error_of_a_share():
    """Only images vary: then it is the interval of a share of m images."""
    one = np.repeat(answers(3, 1, 2_000), 5, axis=0)
    found, share = new_images_interval(one), one.mean()
    error = np.sqrt(share * (1 - share) / 1_999)
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, 1_999) * error)


def test_an_arm_against_itself_may_differ_on_new_images_and_swapping_turns_the_signs():
    """No width would say that no image exists on which the arms differ."""
    one, two = answers(1, 4, 50), answers(2, 4, 50)
    same = new_images_interval(one, one)
    assert (same.low, same.high) == pytest.approx((-(1.96**2) / (50 + 1.96**2),
                                                   1.96**2 / (50 + 1.96**2)), rel=1e-4)  # fmt: skip
    there, back = new_images_interval(one, two), new_images_interval(two, one)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_it_does_not_depend_on_the_order_of_replicates_or_images():
    one, two = answers(1, 6, 80), answers(2, 6, 80)
    order, mixed = np.random.default_rng(0).permutation(6), np.random.default_rng(0).permutation(80)
    assert new_images_interval(one[order][:, mixed], two[order][:, mixed]) == new_images_interval(
        one, two
    )


@pytest.mark.parametrize("images", [20, 50, 1_000])
def test_where_no_image_varies_it_is_wilson_s_interval(images):
    found = new_images_interval(np.ones((5, images), bool))
    wilson = stats.binomtest(images, images).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high))
    assert new_images_interval(~np.ones((5, images), bool)).high == pytest.approx(1 - wilson.low)


def test_few_images_that_differ_give_tango_s_interval_at_least():
    ours, theirs = np.ones((3, 50), bool), np.ones((3, 50), bool)
    theirs[:, :2] = False
    found, scores = new_images_interval(ours, theirs), np.zeros(50)
    scores[:2] = 1
    share = win_share(scores)
    assert found.low == pytest.approx(min(2 * float(share.low) - 1, found.low))
    assert found.high >= 2 * float(share.high) - 1 - 1e-12


def test_other_metrics_have_bounds_of_their_own_or_the_furthest_value_seen():
    errors = np.zeros((3, 40), np.float32)
    assert new_images_interval(errors, bounds=(0, np.inf)) is None  # nothing says how large one is
    errors[:, 0] = 8.0
    once = new_images_interval(errors, bounds=(0, np.inf))
    wilson = stats.binomtest(1, 40).proportion_ci(0.95, method="wilson")
    assert once.high == pytest.approx(8 * wilson.high)
    assert once.low <= 8 * wilson.low
    values = np.random.default_rng(0).exponential(size=(3, 400)).astype(np.float32)
    wide = new_images_interval(values, bounds=(0, np.inf))
    assert wide == new_images_interval(values, bounds=(0, 1e9))  # many vary: no bound is needed


@pytest.mark.parametrize("hard", [0.01, 0.05])
def test_it_holds_the_truth_where_few_images_are_hard(hard):
    """Of 100 images: a t interval held an arm's truth in 63 % of studies."""
    generator, studies = np.random.default_rng(5), 300
    held = np.zeros(2)
    for _ in range(studies):
        missed = generator.random((2, 1, 100)) < [[[hard]], [[hard / 2]]]
        one, two = ~(missed & (generator.random((2, 5, 100)) < 0.9))
        arm, difference = new_images_interval(one), new_images_interval(one, two)
        held += (
            arm.low <= 1 - 0.9 * hard <= arm.high,
            difference.low <= -0.45 * hard <= difference.high,
        )
    assert (held / studies > 0.94).all()


def test_too_little_gives_none():
    assert new_images_interval(answers(0, 1, 50)) is None
    assert new_images_interval(answers(0, 5, 1)) is None


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
        found = new_images_interval(*arms)
        held += found.low <= 0 <= found.high
        held_retrained += stats.ttest_1samp(
            arms[0].mean(axis=1) - arms[1].mean(axis=1), 0
        ).pvalue >= 0.05  # fmt: skip
    assert 0.92 < held / studies < 0.98
    assert held_retrained / studies < 0.91
