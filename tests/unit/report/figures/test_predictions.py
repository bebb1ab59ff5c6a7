"""Predicted against true values, and the metric of each label."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from drawn_plots import plots
from example_results import label_results, regression_results
from sklearn.metrics import f1_score, r2_score, roc_auc_score

from stepladder.report.figures.base import csv_of, svg_of
from stepladder.report.figures.predictions import label_scores


def rows(plot):
    return list(csv.DictReader(io.StringIO(csv_of(plot), newline="")))


def test_a_regression_has_a_scatter_and_no_figure_of_classes():
    made = plots(regression_results())
    assert {"predictions", "loss", "validation", "seconds"} <= made.keys()
    assert not {"accuracy", "confusion", "hardest", "labels"} & made.keys()
    assert plots(regression_results(lost=True)).get("predictions") is None


def test_the_r2_of_a_scatter_is_the_mean_of_the_replicates_by_scikit_learn():
    results = regression_results()
    shown = results.predictions
    for arm in shown.arms:
        wanted = np.mean([r2_score(shown.truth, values) for values in arm.values])
        assert f"{arm.name} {wanted:.2f}" in plots(results)["predictions"].words
        assert f"r² {wanted:.2f}" in svg_of(plots(results)["predictions"])


def test_the_data_of_a_scatter_are_every_answer():
    results = regression_results(targets=("price", "rent"), examples=7)
    data = rows(plots(results)["predictions"])
    assert len(data) == 2 * 7 * 2  # arms, examples, targets
    first, arm = data[0], results.predictions.arms[0]
    assert (first["arm"], first["target"], first["index"]) == ("base", "price", "0")
    assert float(first["mean"]) == pytest.approx(arm.values[:, 0, 0].mean())
    assert float(first["least"]) == pytest.approx(arm.values[:, 0, 0].min())


def test_many_targets_and_examples_are_thinned_out_and_said():
    results = regression_results(targets=tuple("abcdef"), examples=1000)
    plot = plots(results)["predictions"]
    assert "Left out: 2 targets that the best arm gets better." in plot.caption
    assert "Drawn are 400 of 1,000 examples." in plot.caption
    assert len(rows(plot)) == 2 * 1000 * 6
    assert len(svg_of(plot)) < 1_500_000


def test_one_target_has_the_unit_of_the_metric_at_its_axes():
    assert "true value, kEUR" in svg_of(plots(regression_results())["predictions"])


def test_hostile_names_of_targets_are_drawn():
    plot = plots(regression_results(targets=("<b>&", "$x$ \u202e" + "y" * 90)))["predictions"]
    assert "&lt;b&gt;&amp;" in svg_of(plot)


def test_labels_have_the_judged_metric_by_scikit_learn():
    results = label_results()
    shown = results.predictions
    found = {(one.arm, one.label): one for one in label_scores(results)}
    for arm in shown.arms:
        for place, label in enumerate(shown.names):
            wanted = np.mean([
                f1_score(shown.truth[:, place], values[:, place] > 0.5, zero_division=0)
                for values in arm.values
            ])  # fmt: skip
            assert found[arm.name, label].score.mean == pytest.approx(wanted)
    assert found["base", "blue"].score.mean == 0
    assert found["base", "red"].share == shown.truth[:, 0].mean()


def test_labels_of_a_metric_of_probabilities_are_computed_of_these():
    results = label_results(metric="auroc")
    shown, (first, *_) = results.predictions, label_scores(results)
    wanted = np.mean(
        [roc_auc_score(shown.truth[:, 0], each[:, 0]) for each in shown.arms[0].values]
    )
    assert first.score.mean == pytest.approx(wanted)


def test_labels_are_drawn_where_they_are_and_their_accuracy_is_explained():
    made = plots(label_results())
    assert "of which every label is right" in made["accuracy"].caption
    assert "ln 2 = 0.69" in made["loss"].caption
    assert "Test macro_f1 of each label alone" in made["labels"].caption
    assert len(rows(made["labels"])) == 6
    assert "confusion" not in made


def test_many_labels_are_thinned_out_and_said():
    results = label_results(labels=tuple(f"label {number}" for number in range(40)))
    plot = plots(results)["labels"]
    assert "Left out: 16 labels that the best arm gets better." in plot.caption
    assert len(rows(plot)) == 80
    svg_of(plot)


def test_a_label_that_cannot_be_scored_leaves_the_others():
    results = label_results(metric="auroc")
    truth = results.predictions.truth.copy()
    truth[:, 2] = 0
    results = replace(results, predictions=replace(results.predictions, truth=truth))
    assert math.isnan(label_scores(results)[2].score.mean)
    svg_of(plots(results)["labels"])
