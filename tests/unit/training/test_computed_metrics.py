"""Metrics of the built-in networks: of the same probabilities, whatever trains and is scored."""

import dataclasses
import math

import numpy as np
import pytest

from stepladder.study.metrics import METRICS, is_computed, means_over_examples
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.tuning import TUNING_REPLICATES
from stepladder.training.groups import Group
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.trials.trial import example_matrix, summarize_trial

NAMES = tuple(sorted(name for name, one in METRICS.items() if is_computed(one, "classification")))[
    1:
]
"""All that can be computed, but the accuracy, which is always there."""

ENGINES = {"population": PopulationEngine, "fit": FitEngine}


def trained(dataset, trials, kind="population", **options):
    engine = ENGINES[kind](dataset, **options)
    return list(engine.train(Group(trials, len(trials)), lambda epoch: None))


def asking(trial, names=NAMES):
    return dataclasses.replace(trial, metrics=tuple(names))


@pytest.fixture(scope="module")
def result(dataset, trial_of):
    return trained(dataset, (asking(trial_of()),), keeps_final=True)[0]


def test_accuracy_is_left_out_of_what_is_asked_for():
    assert "accuracy" not in NAMES
    assert {"auroc", "log_loss", "brier", "macro_f1", "top_k_accuracy"} <= set(NAMES)


def test_each_is_that_of_the_probabilities_that_the_network_gives(result):
    final = result.final
    for part in ("validation", "test"):
        labels, shares = (getattr(final, f"{part}_{what}") for what in ("labels", "probabilities"))
        assert set(result.measures[part]) == set(NAMES)
        for name in NAMES:
            metric = METRICS[name]
            given = shares.argmax(axis=1) if metric.needs == "labels" else shares
            assert result.measures[part][name] == metric.score(labels, given)
    assert result.measures["test"]["log_loss"] == pytest.approx(result.test.loss, abs=1e-5)
    assert set(result.measures["train"]) == {"balanced_accuracy", "macro_f1"}  # cost nothing


def test_what_is_asked_for_changes_nothing_else(result, dataset, trial_of):
    plain = trained(dataset, (trial_of(),))[0]
    assert (plain.measures, plain.per_example) == ({}, None)
    assert plain.trial.id != result.trial.id
    assert (plain.train, plain.validation, plain.test) == (
        result.train,
        result.validation,
        result.test,
    )


def test_the_engines_agree(dataset, trial_of):
    trial = asking(trial_of())
    ours = trained(dataset, (trial,))[0].measures
    theirs = trained(dataset, (trial,), "fit")[0].measures
    assert ours.keys() == theirs.keys()
    for part, values in ours.items():
        assert values == pytest.approx(theirs[part], abs=1e-6)


def test_each_lane_has_its_own(dataset, trial_of):
    trials = tuple(asking(trial_of(learning_rate=rate)) for rate in (0.01, 0.1))
    together = trained(dataset, trials)
    for trial, result in zip(trials, together, strict=True):
        alone = trained(dataset, (trial,))[0]
        for part, values in alone.measures.items():
            assert result.measures[part] == pytest.approx(values, abs=1e-6)
    assert together[0].measures["test"] != together[1].measures["test"]


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("replicate", [TUNING_REPLICATES, SEARCH_REPLICATES])
def test_candidates_are_scored_on_the_validation_part_alone(kind, replicate, dataset, trial_of):
    result = trained(dataset, (asking(trial_of(replicate)),), kind)[0]
    assert list(result.measures) == ["validation"]
    assert result.per_example is None


@pytest.mark.parametrize("kind", ENGINES)
def test_a_diverged_trial_has_none(kind, dataset, trial_of):
    trial = asking(trial_of(learning_rate=1e30, activation="relu"))
    result = trained(dataset, (trial,), kind)[0]
    assert result.diverged
    assert (result.measures, result.per_example) == ({}, None)
    assert math.isnan(summarize_trial(result).score("test", "auroc"))


def test_means_over_examples_have_each_example_s(result):
    assert means_over_examples(NAMES) == ("brier", "log_loss")
    summary = summarize_trial(result)
    for name in ("brier", "log_loss"):
        table = example_matrix([summary, summary], name)
        assert table.shape == (2, len(result.test_predictions))
        assert table[0].mean() == pytest.approx(result.measures["test"][name], abs=1e-6)
    right = example_matrix([summary], "accuracy")  # not one of those that are stored
    assert np.array_equal(right[0], result.test_correct)
    assert example_matrix([summary], "auroc") is None
