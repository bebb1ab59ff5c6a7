"""Verdicts, intervals and ranks over data sets, against SciPy and statsmodels."""

import math

import numpy as np
import pytest
from scipy import stats

from stepladder.errors import InputError
from stepladder.statistics.datasets import (
    OPEN,
    fewest_datasets,
    judge_over_datasets,
    rank_arms,
    signed_rank_p,
)
from stepladder.statistics.effects import effects
from stepladder.statistics.scores import judge_datasets
from stepladder.study.metrics import METRICS, Metric

ACCURACY = METRICS["accuracy"]


def judged(means, *, spread=0.5, n=5, metric=ACCURACY, delta=0.1, **options):
    """Arms by their true effects in points on each data set, `spread` apart over replicates."""
    noise = spread * np.array([-1, 1, 0, 0.5, -0.5])[:n] / 100
    by_dataset = {}
    for place in range(len(next(iter(means.values())))):
        scores = {"base": [0.5] * n, **{arm: list(0.5 + values[place] / 100 + noise)
                                        for arm, values in means.items()}}  # fmt: skip
        pairs = [(arm, "base") for arm in means]
        by_dataset[f"set {place}"] = effects(scores, pairs, metric=metric, delta=delta)
    compared = {"base": None, **dict.fromkeys(means, "base")}
    over = judge_over_datasets(by_dataset, compared, {}, delta=delta, metric=metric, **options)
    return {arm.name: arm for arm in over.arms}


def test_the_mean_is_over_data_sets_with_their_t_interval_and_prediction():
    values = np.array([1.0, 2.0, 1.5, 0.5, 3.0, 1.2, 0.9, 2.2])
    arm = judged({"new": values})["new"]
    low, high = stats.t.interval(0.95, 7, values.mean(), stats.sem(values))
    assert (arm.effect.mean, arm.effect.ci_low, arm.effect.ci_high) == pytest.approx(
        (values.mean(), low, high)
    )
    half = stats.t.ppf(0.975, 7) * values.std(ddof=1) * math.sqrt(1 + 1 / 8)
    ends = (arm.prediction.low, arm.prediction.high)
    assert ends == pytest.approx((values.mean() - half, values.mean() + half))
    assert arm.verdict == "helps"
    assert arm.counts == {"helped": 7, "hurt": 0, "no difference": 0, "open": 1}


@pytest.mark.extra
def test_with_equal_errors_the_spread_is_that_of_dersimonian_and_laird():
    values = np.array([1.0, 2.0, 1.5, 0.5, 3.0, 1.2])
    arm = judged({"new": values})["new"]
    error = np.var([-0.5, 0.5, 0, 0.25, -0.25], ddof=1) / 5
    statsmodels = pytest.importorskip("statsmodels.stats.meta_analysis")
    meta = statsmodels.combine_effects(values, np.full(6, error), method_re="dl")
    assert arm.spread == pytest.approx(math.sqrt(meta.tau2))
    assert arm.effect.mean == pytest.approx(meta.mean_effect_re)
    # Hartung and Knapp's interval of equal weights is the t interval.
    half = stats.t.ppf(0.975, 5) * meta.sd_eff_w_re_hksj
    assert arm.effect.ci_high - arm.effect.mean == pytest.approx(half)


def test_effects_that_do_not_vary_over_data_sets_have_no_spread():
    assert judged({"new": [1.0] * 6})["new"].spread == 0
    assert judged({"new": [1.0] * 6}, n=1)["new"].spread is None


@pytest.mark.parametrize(("comparisons", "fewest"), [(1, 6), (2, 7), (6, 8), (12, 9)])
def test_a_verdict_needs_as_many_data_sets_as_sign_flips_need(comparisons, fewest):
    assert fewest_datasets(comparisons) == fewest
    for count, verdict in ((fewest - 1, OPEN), (fewest, "helps")):
        values = np.linspace(4, 5, count)
        arms = judged({f"arm {place}": values for place in range(comparisons)})
        assert arms["arm 0"].verdict == verdict
        none = judged({f"arm {place}": 0 * values for place in range(comparisons)}, spread=0.001)
        assert (none["arm 0"].verdict == OPEN) == (count < fewest)


def test_swapping_arms_swaps_the_verdict_and_a_metric_that_is_lower_better_too():
    values = np.array([1.0, 2.0, 1.5, 0.5, 3.0, 1.2])
    one, other = judged({"new": values})["new"], judged({"new": -values})["new"]
    assert (one.verdict, other.verdict) == ("helps", "hurts")
    assert other.effect.mean == -one.effect.mean
    loss = Metric("seconds", "minimize", unit="s")
    assert judged({"new": values}, metric=loss, delta=None)["new"].verdict == "hurts"


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e9])
def test_verdicts_do_not_depend_on_the_unit(scale):
    values = np.array([1.0, 2.0, 1.5, 0.5, 3.0, 1.2])
    metric = Metric("length", "maximize", unit="m")
    scores = {f"set {place}": {"base": {str(seed): scale for seed in range(3)},
                               "new": {str(seed): scale * (1 + value) for seed in range(3)}}
              for place, value in enumerate(values)}  # fmt: skip
    arm = judge_datasets(scores, metric=metric).over.arms[1]
    assert arm.verdict == "helps"
    assert arm.effect.mean == pytest.approx(scale * values.mean())
    assert arm.effect.p_verdict == pytest.approx(0.03125)


def test_an_arm_against_itself_makes_no_difference_over_enough_data_sets():
    arm = judged({"new": [0.0] * 6}, spread=0.0)["new"]
    assert (arm.effect.mean, arm.effect.ci_low, arm.verdict) == (0, 0, "no difference beyond δ")


def test_a_later_judgement_spends_less():
    values = np.array([1.0, 2.0, 1.5, 0.5, 3.0, 1.2])
    later = judged({"new": values}, level=0.00125)["new"]
    assert later.verdict == OPEN
    assert later.effect.p_verdict is None  # with six data sets there cannot be one


# Ranks


def table(arms, datasets, seed=0, digits=6):
    values = np.random.default_rng(seed).normal(0.8, 0.05, (datasets, arms))
    values[:, 0] += 0.05
    values = values.round(digits)
    return values, {f"set {row}": {f"arm {arm}": float(value) for arm, value in enumerate(of)}
                    for row, of in enumerate(values)}  # fmt: skip


@pytest.mark.parametrize("digits", [6, 2])  # two digits make ties
@pytest.mark.parametrize(("arms", "datasets"), [(3, 6), (5, 12), (30, 20)])
def test_friedman_is_scipys_with_the_correction_of_iman_and_davenport(arms, datasets, digits):
    values, scores = table(arms, datasets, digits=digits)
    ranking = rank_arms(scores, [f"arm {arm}" for arm in range(arms)], ACCURACY)
    expected = stats.friedmanchisquare(*values.T).statistic
    assert ranking.friedman == pytest.approx(expected)
    f = (datasets - 1) * expected / (datasets * (arms - 1) - expected)
    assert ranking.iman_davenport == pytest.approx(f)
    assert ranking.p == pytest.approx(stats.f.sf(f, arms - 1, (arms - 1) * (datasets - 1)))
    ranks = stats.rankdata(-values, axis=1).mean(axis=0)
    assert [ranking.ranks[f"arm {arm}"] for arm in range(arms)] == pytest.approx(ranks.tolist())


@pytest.mark.extra
def test_pairs_are_by_wilcoxon_with_holm():
    values, scores = table(4, 10)
    ranking = rank_arms(scores, [f"arm {arm}" for arm in range(4)], ACCURACY)
    p = [stats.wilcoxon(values[:, int(one[-1])], values[:, int(other[-1])], method="exact").pvalue
         for one, other in ranking.p_pairs]  # fmt: skip
    statsmodels = pytest.importorskip("statsmodels.stats.multitest")
    expected = statsmodels.multipletests(p, method="holm")[1]
    assert list(ranking.p_pairs.values()) == pytest.approx(expected)


def test_signed_ranks_are_exact_with_ties_and_zeros():
    differences = np.array([1.0, 1.0, -1.0, 2.0, 2.0, 3.0, 0.0, 4.0])
    exact = stats.wilcoxon(differences, method=stats.PermutationMethod(n_resamples=np.inf))
    assert signed_rank_p(differences) == pytest.approx(exact.pvalue)
    assert signed_rank_p(np.zeros(5)) == 1
    many = np.random.default_rng(1).normal(0.3, 1, 40)
    assert signed_rank_p(many) == pytest.approx(stats.wilcoxon(many, method="exact").pvalue)


def test_demsars_table_of_c45_has_his_ranks():
    """Table 6 of Demšar 2006: AUC of C4.5 plain, with m, with cf, and with both.

    The table shows .975 twice in one row, with the ranks 2 and 3.
    """
    rows = """.763 .768 .771 .798
    .599 .591 .590 .569
    .954 .971 .968 .967
    .628 .661 .654 .657
    .882 .888 .886 .898
    .936 .931 .916 .931
    .661 .668 .609 .685
    .583 .583 .563 .625
    .775 .838 .866 .875
    1.000 1.000 1.000 1.000
    .940 .962 .965 .962
    .619 .666 .614 .669
    .972 .981 .9751 .975
    .957 .978 .946 .970"""
    names = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
    scores = {str(place): dict(zip(names, map(float, row.split()), strict=True))
              for place, row in enumerate(rows.splitlines())}  # fmt: skip
    ranking = rank_arms(scores, names, ACCURACY)
    assert [round(ranking.ranks[name], 3) for name in names] == [3.143, 2.0, 2.893, 1.964]
    squares = sum(rank**2 for rank in ranking.ranks.values())
    assert 12 * 14 / 20 * (squares - 25) == pytest.approx(9.28, abs=0.01)  # without ties
    table = [list(row.values()) for row in scores.values()]
    expected = stats.friedmanchisquare(*zip(*table, strict=True)).statistic
    assert ranking.friedman == pytest.approx(expected)
    assert ranking.p < 0.05


def test_data_sets_that_lack_an_arm_are_not_ranked_and_lower_may_be_better():
    scores = {"a": {"x": 1.0, "y": 2.0}, "b": {"x": 1.0, "y": 3.0}, "c": {"x": 1.0}}
    loss = Metric("loss", "minimize")
    ranking = rank_arms(scores, ["x", "y"], loss)
    assert (ranking.datasets, list(ranking.ranks)) == (("a", "b"), ["x", "y"])
    assert (ranking.friedman, ranking.p) == (None, None)
    assert rank_arms({"a": {"x": 1.0, "y": 2.0}}, ["x", "y"], loss) is None


def test_arms_that_agree_on_every_data_set_have_an_exact_p_and_groups_join_what_is_alike():
    scores = {str(place): {"a": 0.9, "b": 0.8, "c": 0.7} for place in range(4)}
    ranking = rank_arms(scores, ["a", "b", "c"], ACCURACY)
    assert ranking.iman_davenport is None
    assert ranking.p == pytest.approx(6**-3)
    assert ranking.groups == (("a", "b", "c"),)  # four data sets tell no pair apart
    values = np.random.default_rng(0).normal([0.9, 0.9, 0.7], 0.001, (20, 3))
    many = {str(place): dict(zip("abc", row, strict=True)) for place, row in enumerate(values)}
    assert set(rank_arms(many, list("abc"), ACCURACY).groups[0]) == {"a", "b"}


def test_all_equal_scores_share_every_rank():
    scores = {str(place): {"a": 0.9, "b": 0.9, "c": 0.9} for place in range(6)}
    ranking = rank_arms(scores, ["a", "b", "c"], ACCURACY)
    assert (set(ranking.ranks.values()), ranking.p) == ({2.0}, 1.0)
    assert set(ranking.p_pairs.values()) == {1.0}


def test_a_data_set_without_the_arm_that_others_are_compared_with_is_refused():
    one = {"base": {"0": 0.5}, "new": {"0": 0.6}}
    with pytest.raises(InputError, match=r"every data set must have the arm 'base'.*on 'b'"):
        judge_datasets({"a": one, "b": {"new": {"0": 0.6}}})
    with pytest.raises(InputError, match="one data set, found 2"):
        judge_datasets({"a": one, "b": one}, anytime=True)
