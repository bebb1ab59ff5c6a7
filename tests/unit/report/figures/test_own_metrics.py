"""Figures of trainings of a user's own: any metric, direction, unit and size."""

import csv
import io
import math
import re
from dataclasses import replace

import pytest
from drawn_plots import plots
from example_results import mnist_results
from matplotlib.figure import Figure
from own_results import RMSE, TECHNIQUES, curves, own_results, tuned

from stepladder.report.figures import figures_of
from stepladder.report.figures.axes import log_odds_note, power_of
from stepladder.report.figures.base import LIGHT, csv_of, svg_of
from stepladder.report.figures.forest import forest_of
from stepladder.report.figures.pareto import spots_of
from stepladder.report.figures.reported import lines_of
from stepladder.report.wording import Measure, measure_of
from stepladder.study.metrics import find_metric

REVENUE = {"name": "revenue", "better": "higher", "unit": "EUR"}
ERRORS = {"name": "error_rate", "better": "lower", "unit": "points"}
VARIANTS = {
    "lower is better": {},
    "tiny": {"scale": 1e-6},
    "huge": {"metric": REVENUE, "scale": 1e7},
    "negative": {"metric": {"name": "log_likelihood", "better": "higher"}, "offset": -9.0},
    "far from zero": {"metric": REVENUE, "offset": 1e6, "scale": 0.1},
    "fraction": {"metric": "auroc", "scale": 0.6},
    "fraction of errors": {"metric": ERRORS, "scale": 0.02},
    "no difference": {"worth": (0.0, 0.0, 0.0)},
    "one replicate": {"replicates": 1},
    "very different sizes": {"worth": (-0.02, 8.0, 600.0)},
    "factorial": {"design": "factorial"},
    "test scores alone": {"validation": False, "reports": lambda score: {}},
    "long names": {"metric": {**RMSE, "name": "n" * 40, "unit": "furlongs a fortnight"}},
}


def rows(plot):
    return list(csv.DictReader(io.StringIO(csv_of(plot), newline="")))


def axes_of(plot):
    figure = Figure()
    plot.draw(figure, LIGHT)
    figure.canvas.draw()
    return figure.axes[0]


QUICK = ("lower is better", "tiny", "factorial")


@pytest.mark.parametrize("variant", [
    variant if variant in QUICK else pytest.param(variant, marks=pytest.mark.slow)
    for variant in VARIANTS
])  # fmt: skip
def test_every_metric_is_drawn_in_its_own_words(variant):
    results = own_results(**VARIANTS[variant])
    made = plots(results)
    assert {"ladder", "effects", "pareto"} <= set(made)
    for plot in made.values():
        drawn = re.sub("<[^>]*>", " ", svg_of(plot))
        text = " ".join([drawn, plot.title, plot.caption, plot.words, *plot.columns])
        for word in ("accuracy", "Accuracy", "image", "final weights", "nats", "compiling"):
            assert word not in text.replace("image/svg+xml", "")
        if not results.study.judged.is_fraction:
            assert "points" not in text
            assert "percent" not in text


def test_nothing_is_drawn_of_curves_that_nobody_reported():
    assert list(plots(own_results(reports=lambda score: {}))) == ["ladder", "effects", "pareto"]


def test_axes_have_the_unit_and_tell_the_better_side():
    made = plots(own_results())
    assert axes_of(made["ladder"]).get_xlabel() == "test rmse, kWh (← better)"
    assert axes_of(made["effects"]).get_xlabel() == "effect on test rmse, kWh (← better)"
    assert axes_of(made["pareto"]).get_ylabel() == "test rmse, kWh (lower is better)"
    assert axes_of(made["reported-rmse"]).get_ylabel() == "rmse, kWh"
    huge = plots(own_results(REVENUE, scale=1e7))
    assert axes_of(huge["ladder"]).get_xlabel() == "test revenue, 10⁶ EUR (better →)"


def test_the_axis_holds_wide_intervals_and_one_out_of_all_proportion_is_marked():
    wide = own_results(replicates=2, worth=(0.0, 0.01, 0.0))
    plot = plots(wide)["ladder"]
    low, high = axes_of(plot).get_xlim()
    ends = [arm.test for arm in wide.arms]
    assert low < min(end.ci_low for end in ends) < max(end.ci_high for end in ends) < high
    assert "Arrowheads" not in plot.caption
    last = wide.arms[-1]
    huge = replace(last, test=replace(last.test, ci_low=-90.0, ci_high=90.0))
    made = plots(replace(wide, arms=(*wide.arms[:-1], huge)))
    for name, side in (("ladder", "x"), ("pareto", "y")):
        assert "Arrowheads at the frame: the interval goes on." in made[name].caption
        axes = axes_of(made[name])
        at = sorted(
            float(getattr(line, f"get_{side}data")()[0])
            for line in axes.lines
            if line.get_marker() in ("<v" if side == "y" else "<") + (">^" if side == "y" else ">")
        )
        assert at == sorted(getattr(axes, f"get_{side}lim")())


def test_effects_of_a_metric_where_lower_is_better_keep_their_sign():
    bars = {bar.name: bar for bar in forest_of(own_results()).bars}
    assert bars["+ dropout"].mean == pytest.approx(-0.25, abs=0.02)
    assert bars["+ dropout"].kind == "helps"
    assert bars["+ augmentation"].kind == "hurts"


def test_the_grey_strip_is_there_only_where_delta_is_known():
    plot = plots(own_results())["effects"]
    assert "Grey strip: ± 0.05 kWh, within which" in plot.caption
    axes = axes_of(plot)
    assert len(axes.patches) == len(TECHNIQUES)
    for strip in axes.patches:  # whole: the boxes behind texts do not reach into it
        assert not any(strip.get_window_extent().overlaps(text.get_window_extent())
                       for text in axes.texts)  # fmt: skip
    plot = plots(own_results(REVENUE))["effects"]
    assert "Grey strip" not in plot.caption
    assert not axes_of(plot).patches


def test_the_axis_of_effects_is_logarithmic_only_for_very_different_sizes():
    assert forest_of(own_results()).linear_within is None
    forest = forest_of(own_results(worth=(-0.02, 8.0, 600.0)))
    assert forest.linear_within == 1.0, "about ten times delta"
    assert "linear within ± 1 kWh and logarithmic beyond" in (
        plots(own_results(worth=(-0.02, 8.0, 600.0)))["effects"].caption
    )
    assert forest_of(own_results(scale=1e-6, worth=(-0.2, 0.1, 0.3))).linear_within is None
    points = forest_of(own_results("auroc", scale=0.6, worth=(-0.2, 0.1, 0.3)))
    assert points.linear_within == 1.0, "of fractions as of accuracy"


def test_data_have_neutral_heads_unless_they_are_percent():
    made = plots(own_results())
    assert {"test", "low", "high"} <= set(rows(made["ladder"])[0])
    assert {"effect", "low", "high"} <= set(rows(made["effects"])[0])
    assert {"seconds", "test"} <= set(rows(made["pareto"])[0])
    made = plots(own_results("auroc", scale=0.6))
    assert {"test_percent", "low_percent"} <= set(rows(made["ladder"])[0])
    assert "reported_percent" not in rows(made["ladder"])[0], "published figures are accuracies"
    assert "points" in rows(made["effects"])[0]


def test_data_are_the_scores_themselves():
    results = own_results()
    found = [float(row["test"]) for row in rows(plots(results)["ladder"])]
    assert found == pytest.approx([arm.test.mean for arm in results.arms])


@pytest.mark.parametrize(
    ("largest", "power"),
    [(0, 0), (0.5, 0), (9999, 0), (1e4, 3), (2.5e-6, -6), (3e-7, -6), (9e6, 6)],
)
def test_numbers_at_axes_are_short(largest, power):
    assert power_of([largest, -largest / 2]) == power


def test_log_odds_are_for_fractions_near_their_best():
    errors = Measure(find_metric("error_rate", "minimize", "points"), None)
    assert "near 0 %" in log_odds_note([2.0], errors)
    assert not log_odds_note([98.0], errors)
    assert not log_odds_note([98.0], measure_of(own_results()))
    assert axes_of(plots(own_results(ERRORS, scale=0.02))["ladder"]).get_xscale() == "function"


def test_the_pareto_front_follows_the_direction():
    # Seconds rise from arm to arm: base 1.0, dropout 0.75, layer norm 0.88, augmentation 1.3.
    assert {spot.name for spot in spots_of(own_results()) if spot.is_front} == {
        "base", "+ dropout"
    }  # fmt: skip
    higher = own_results(REVENUE)
    assert {spot.name for spot in spots_of(higher) if spot.is_front} == {"base", "+ augmentation"}


def test_what_was_reported_is_drawn_the_judged_metric_first():
    def reports(score):
        made = curves(score, names=("loss", "val_rmse", "rmse", "a", "b"))
        return {**made, "nothing": (math.nan,) * len(made["epoch"])}

    names = [plot.name for plot in figures_of(own_results(reports=reports))]
    assert [name for name in names if name.startswith("reported-")] == [
        "reported-rmse", "reported-val-rmse", "reported-loss", "reported-a"
    ]  # fmt: skip


def test_names_of_any_kind_have_files_of_their_own():
    names = ("val/loss", "val loss", "损失", "../x")
    made = plots(own_results(reports=lambda score: curves(score, names=names)))
    reported = {name for name in made if name.startswith("reported-")}
    assert reported == {
        "reported-val-loss", "reported-val-loss-more", "reported-values", "reported-x"
    }  # fmt: skip


def test_reported_values_are_means_over_replicates_by_epoch():
    def sparse(score):
        return {"epoch": (2.0, 5.0, 9.0), "rmse": (score + 1, math.nan, score)}

    results = own_results(reports=sparse)
    line = lines_of(results, "rmse")[0]
    assert line.epochs == (2, 9)
    assert line.band.mean == pytest.approx(
        (results.arms[0].test.mean + 1, results.arms[0].test.mean)
    )
    assert line.band.counts == (5, 5)
    found = rows(plots(results)["reported-rmse"])
    assert [row["epoch"] for row in found[:2]] == ["2", "9"]


def test_values_of_very_different_sizes_have_a_logarithmic_axis():
    def falling(score):
        return {"epoch": (1.0, 2.0), "rmse": (1e4 * score, score), "gain": (-1.0, 1e4)}

    made = plots(own_results(reports=falling))
    assert axes_of(made["reported-rmse"]).get_yscale() == "log"
    assert axes_of(made["reported-gain"]).get_yscale() == "linear"


def test_a_reported_fraction_is_in_percent_only_where_all_of_it_is_one():
    def reports(score):
        return {"epoch": (1.0,), "auroc": (score,), "accuracy": (93.0,)}

    made = plots(own_results("auroc", scale=0.6, reports=reports))
    assert axes_of(made["reported-auroc"]).get_ylabel().startswith("auroc, %")
    assert axes_of(made["reported-accuracy"]).get_ylabel() == "accuracy"


def test_of_many_arms_the_best_are_in_colour():
    names = tuple(f"t{place}" for place in range(20))
    worth = tuple(0.01 * place for place in range(20))
    plot = plots(own_results(techniques=names, worth=worth))["reported-rmse"]
    assert "In colour: the first arm and 6 of the best of 21" in plot.caption
    told = {text.get_text().split()[1] for text in axes_of(plot).texts}
    assert told & set(names) <= set(names[:9]), "lower is better"


def test_long_trainings_are_thinned_out_in_the_drawing_alone():
    plot = plots(own_results(reports=lambda score: curves(score, 3000)))["reported-rmse"]
    assert len(axes_of(plot).lines[0].get_xdata()) == 400
    assert len(rows(plot)) == 4 * 3000


def test_techniques_that_are_better_together_are_marked_where_lower_is_better():
    results = own_results(design="factorial")
    pair = replace(results.readout.interactions[0].worth, mean=-0.4)
    first = replace(results.readout.interactions[0], worth=pair)
    readout = replace(results.readout, interactions=(first, *results.readout.interactions[1:]))
    plot = plots(replace(results, readout=readout))["interactions"]
    told = [text.get_text() for text in axes_of(plot).texts]
    assert any(text.startswith("▲\n−0.4") for text in told)
    assert "in test rmse, kWh" in axes_of(plots(results)["factorial"]).get_xlabel()


def test_the_lowest_candidate_is_drawn_where_lower_is_better():
    plot = plots(tuned(own_results()))["tuning"]
    assert plot.columns[-1] == "validation"
    assert "Validation rmse of each candidate" in plot.caption
    figure = Figure()
    plot.draw(figure, LIGHT)
    assert [axes.get_title() for axes in figure.axes] == [
        "base", *(f"+ {name}" for name in TECHNIQUES)
    ]  # fmt: skip
    chosen = figure.axes[0].lines[-1]
    assert (chosen.get_xdata()[0], chosen.get_ydata()[0]) == (0.2, 0.5)


def test_arms_that_wait_or_diverged_have_no_curve_and_replicates_that_end_early_are_told():
    results = own_results(reports=lambda score: curves(score, 3 + int(1000 * score) % 9))
    assert "Where replicates end early" in plots(results)["reported-rmse"].caption
    assert "end early" not in plots(own_results())["reported-rmse"].caption
    gone = replace(results.arms[1], n=0, reported_curves=(), effect=None)
    lost = replace(results.arms[2], reported_curves=({},) * 5)
    arms = (results.arms[0], gone, lost, results.arms[3])
    made = plots(replace(results, arms=arms))
    assert {row["arm"] for row in rows(made["reported-rmse"])} == {"base", "+ augmentation"}
    assert len(axes_of(made["reported-rmse"]).lines) == 2


@pytest.mark.parametrize("metric", ["macro_f1", "log_loss"])
def test_built_in_networks_have_curves_of_accuracy_whatever_is_judged(metric):
    results = mnist_results()
    made = plots(replace(results, study=results.study.changed({"metric": metric})))
    assert {"validation", "accuracy", "loss", "seconds"} <= set(made)
    assert f"effect on test {metric}" in axes_of(made["effects"]).get_xlabel()
    assert "reported" not in made["ladder"].words, "published figures are accuracies"
