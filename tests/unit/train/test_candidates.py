"""Candidates of a search: trained as all trials are, and scored on the validation part alone."""

import jax
import numpy as np
import pytest

from stepladder.study.search import SEARCH_REPLICATES
from stepladder.training.groups import Group
from stepladder.training.keras_fit import FitEngine
from stepladder.training.messages import read_result, result_frame
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.population.loop import compiled_segments
from stepladder.trials.trial import Trial

ENGINES = {"population": PopulationEngine, "fit": FitEngine}


def trained(engine, trial):
    (result,) = engine.train(Group((trial,), 1), lambda epoch: None)
    return result


@pytest.fixture(scope="module", params=ENGINES)
def result(request, dataset, trial_of):
    trial = trial_of(replicate=SEARCH_REPLICATES, epochs=2)
    return trained(ENGINES[request.param](dataset), trial)


def test_the_validation_part_is_scored(result):
    assert result.validation.accuracy == result.curve.val_accuracy[-1]
    assert result.validation.loss == pytest.approx(result.curve.val_loss[-1])
    assert np.isfinite(result.curve.train_loss).all()


def test_neither_the_test_part_nor_the_training_part_is(result):
    assert result.test_predictions.shape == result.test_correct.shape == (0,)
    assert all(np.isnan([score.loss, score.accuracy]).all() for score in
               (result.train, result.test))  # fmt: skip
    assert result.probes is None
    assert result.diverged is None


def test_it_crosses_to_the_driver(result):
    again = read_result(*result_frame(result))
    assert again.validation == result.validation
    assert len(again.test_correct) == 0
    assert np.isnan(again.test.accuracy)


def test_looking_changes_no_bit_of_a_training(dataset, trial_of, monkeypatch):
    trial = trial_of(replicate=SEARCH_REPLICATES, normalization="batch", dropout=0.2)
    unseen = trained(PopulationEngine(dataset), trial)
    monkeypatch.setattr(Trial, "is_candidate", False)
    seen = trained(PopulationEngine(dataset), trial)
    assert seen.probes is not None
    assert seen.curve.train_loss.tobytes() == unseen.curve.train_loss.tobytes()
    assert seen.curve.val_loss.tobytes() == unseen.curve.val_loss.tobytes()


def test_one_program_does_for_segments_of_one_shape():
    double = jax.jit(lambda x: 2 * x)
    short, long = np.ones(3, np.float32), np.ones(4, np.float32)
    assert compiled_segments(double, 1, lambda place: (short,)).keys() == {True}
    same = compiled_segments(double, 3, lambda place: (short + place,))
    assert same[True] is same[False]
    assert (same[True](short) == 2).all()
    other = compiled_segments(double, 3, lambda place: (long if place == 2 else short,))
    assert len(other[True](long)) == 4
    assert len(other[False](short)) == 3
