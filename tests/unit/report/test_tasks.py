"""Pages of regressions, of several labels, and of trainings that stop early."""

import json
import re
from dataclasses import replace

import pytest
from example_results import label_results, mnist_results, regression_results

from stepladder.report.figures.bands import panels_of
from stepladder.report.html import as_html
from stepladder.report.json import as_json
from stepladder.report.summary import _network_text
from stepladder.report.tables import epoch_tables, measure_tables, residual_tables
from stepladder.report.terminal import as_text
from stepladder.report.wording import baseline_note
from stepladder.statistics.results import Difference
from stepladder.study.recipe import Recipe

OF_CLASSES = re.compile(r"accurac|guess|image|misread|\bclass(es)?\b|points|\bnan\b", re.IGNORECASE)


def words_of(page):
    """The text of a page without its study file, its embedded figures and its styles."""
    page = re.sub(r"<style>.*?</style>|<pre.*?</pre>|<dl.*?</dl>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_no_word_on_classes_is_on_the_pages_of_a_regression():
    results = regression_results()
    assert OF_CLASSES.findall(words_of(as_html(results))) == []
    assert OF_CLASSES.findall(as_text(results, 120)) == []


def test_the_glossary_of_a_regression_speaks_of_its_metric():
    page = as_html(regression_results())
    assert "Log-odds" not in page
    assert "no other beats in both rmse and time" in page


@pytest.mark.parametrize(
    ("results", "note"),
    [
        (regression_results(), "Answering the mean of the training part to everything has a test "
         "rmse of 79.5 kEUR."),
        (label_results(), "Answering the commoner side of each label has a test macro_f1 of "
         "0.00 %."),
        (replace(mnist_results(), one_answer=0.1135), "The commonest class alone reaches a test "
         "accuracy of 11.3 %."),
        (replace(mnist_results(), one_answer=None), ""),
        (replace(regression_results(), one_answer=None), ""),
    ],
)  # fmt: skip
def test_what_one_answer_reaches_is_told(results, note):
    assert re.sub(r"79\.5\d* ", "79.5 ", baseline_note(results)) == note
    assert not note or note.split(" has ")[0].rstrip(".") in as_html(results)


def test_epochs_trained_and_scored_are_told():
    results = regression_results()
    (table,) = epoch_tables(results)
    assert table.rows == (("+ early stopping", "6.0 (5 to 7)", "12", "3.0 (2 to 4)"),)
    assert "All other arms are trained for 12 epochs" in table.note
    assert "How long arms were trained" in as_text(results, 120)
    assert epoch_tables(mnist_results()) == ()
    value = json.loads(as_json(results))
    assert value["arms"][2]["epochs_trained"] == {"mean": 6.0, "min": 5, "max": 7}
    assert value["arms"][2]["scored_epoch"] == {"mean": 3.0, "min": 2, "max": 4}
    assert value["arms"][0]["epochs_trained"] is None
    assert value["baseline"] == 79.5


def test_curves_end_where_half_of_the_replicates_have_stopped():
    panel = panels_of(regression_results())[2]
    assert panel.epochs == (1, 2, 3, 4, 5, 6)
    assert panel.validation_loss.counts == (3, 3, 3, 3, 3, 2)
    assert panel.is_drawn
    assert panel.scored == 3
    assert panels_of(regression_results())[0].epochs == tuple(range(1, 13))


def test_the_largest_errors_are_those_of_the_best_arm():
    results = regression_results(targets=("price", "rent"))
    (table,) = residual_tables(results)
    assert len(table.rows) == 12
    assert [column.head for column in table.columns][:3] == ["test example", "target", "true"]
    shown = results.predictions
    errors = abs(shown.arms[-1].mean - shown.truth) / shown.truth.std(axis=0)
    index, target = divmod(int(errors.argmax()), 2)
    assert table.rows[0][:2] == (str(index), shown.names[target])
    assert residual_tables(label_results()) == ()


def test_a_loss_without_a_unit_is_not_called_nats():
    loss = Difference(-854.21, -900.0, -808.42, "test_loss", "", 0.01, 3, 0)
    results = regression_results()
    arms = tuple(replace(each, differences=(loss,)) for each in results.arms)
    (table,) = measure_tables(replace(results, arms=arms))
    assert table.columns[-1].head == "Test loss"
    assert table.rows[0][-1] == "−854.2 ± 45.8"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "a hidden layer of 9 units, relu activation"),
        ({"activation": "elu(alpha=0.5)"}, "elu (alpha 0.5) activation"),
        ({"normalization": "batch", "dropout": 0.2, "dropout_position": "before"},
         "with batch normalisation and dropout of 0.2 before the activation"),
        ({"noise": "gaussian_noise(stddev=0.1)"}, "with gaussian_noise (stddev 0.1)"),
        ({"kernel_regularizer": "l1(l1=0.001)", "weight_decay": 0.1},
         "with a penalty l1 (l1 0.001) on weights and weight decay of 0.1"),
        ({"hidden": [9, 9], "residual": True}, "with residual connections"),
        ({"loss": "huber", "class_weight": "balanced"},
         "with the loss huber and balanced class weights"),
        ({"schedule": "reduce_lr_on_plateau(patience=2)"},
         "with the schedule reduce_lr_on_plateau (patience 2)"),
        ({"patience": 3, "score_at": "best"},
         "20 epochs; training stops after 3 epochs without a better val_loss and the best epoch is "
         "scored"),
        ({"clipnorm": 1.0, "gradient_accumulation_steps": 4},
         "with clipped gradients and gradients of 4 batches a step"),
    ],
)  # fmt: skip
def test_the_base_is_one_plain_sentence(fields, words):
    recipe = Recipe(**{"hidden": [9], "activation": "relu", **fields})
    assert words in _network_text(recipe)


def test_a_base_with_many_settings_names_the_first_of_them():
    recipe = Recipe(
        hidden=[9, 9], activation="relu", dropout=0.1, residual=True, weight_decay=0.1,
        kernel_regularizer="l1", bias_regularizer="l1", activity_regularizer="l1",
        class_weight="balanced", schedule="cosine", clipnorm=1.0, kernel_constraint="unit_norm",
        loss="huber",
    )  # fmt: skip
    text = _network_text(recipe)
    assert text.endswith("and 3 other settings")
    assert text.count(",") < 20
