"""What trials and candidates of a search end with."""

import pickle

import jax
import keras
import numpy as np
import pytest

from stepladder.errors import RunError
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.training import keras_models
from stepladder.training.final_weights import (
    final_arrays,
    kept_final,
    read_final,
    save_final_state,
    weights_file,
)
from stepladder.training.groups import Group
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.population.loop import compile_segments
from stepladder.trials.trial import FinalState, Trial

# What trials end with: the network again, in plain Keras, and a file that is whole or not used.


FIELDS = {"normalization": "batch", "dropout": 0.3, "scaling": "standardised", "epochs": 2}
ENGINES = {"population": PopulationEngine, "fit": FitEngine}


def ended(dataset, trial_of, kind="population", **fields):
    engine = ENGINES[kind](dataset, keeps_final=True)
    group = Group((trial_of(**{**FIELDS, **fields}),), 1)
    return next(iter(engine.train(group, lambda epoch: None)))


@pytest.fixture(scope="module")
def result(dataset, trial_of):
    return ended(dataset, trial_of)


def as_keras(result, dataset):
    """Plain Keras' own network with the weights that were kept."""
    model = keras_models.build(result.trial.recipe, dataset.input_shape, dataset.classes)
    final = result.final
    for variable, value in zip(model.trainable_variables, final.trainable, strict=True):
        variable.assign(value)
    fixed = [each for each in model.non_trainable_variables if "seed" not in each.path]
    for variable, value in zip(fixed, final.statistics, strict=True):
        variable.assign(value)
    return model


@pytest.mark.parametrize("kind", ENGINES)
def test_the_kept_weights_are_the_network_that_was_scored(kind, dataset, trial_of):
    result = ended(dataset, trial_of, kind)
    final = result.final
    x = dataset.x_test.reshape(len(dataset.x_test), -1) * final.scale + final.shift
    logits = as_keras(result, dataset)(x.reshape(-1, *dataset.input_shape), training=False)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    assert np.allclose(final.test_probabilities, expected, atol=1e-5)
    answers = final.test_probabilities.argmax(axis=1)
    assert np.array_equal(answers, result.test_predictions)
    assert np.array_equal(final.test_labels, dataset.y_test)
    right = final.validation_probabilities.argmax(axis=1) == final.validation_labels
    assert right.mean() == result.validation.accuracy
    assert np.array_equal(dataset.y_train[final.validation_rows], final.validation_labels)
    assert np.allclose(final.test_probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_every_lane_and_replicate_has_its_own(dataset, trial_of):
    engine = PopulationEngine(dataset, keeps_final=True)
    trials = tuple(
        trial_of(replicate=replicate, learning_rate=rate, **FIELDS)
        for replicate in range(2)
        for rate in (0.01, 0.1)
    )
    for result in engine.train(Group(trials, 2, 3), lambda epoch: None):
        answers = result.final.test_probabilities.argmax(axis=1)
        assert np.array_equal(answers, result.test_predictions)
        right = result.final.validation_probabilities.argmax(axis=1)
        assert (right == result.final.validation_labels).mean() == result.validation.accuracy


def test_a_trial_that_diverged_ends_with_nothing(dataset, trial_of, tmp_path):
    lost = ended(dataset, trial_of, learning_rate=1e30, normalization="none")
    assert lost.diverged
    assert lost.final is None
    save_final_state(tmp_path, lost)
    assert not list(tmp_path.iterdir())


def test_nothing_is_brought_along_unless_it_is_asked_for(dataset, trial_of):
    group = Group((trial_of(),), 1)
    for engine in (PopulationEngine(dataset), FitEngine(dataset)):
        assert next(iter(engine.train(group, lambda epoch: None))).final is None


def same(one, other):
    ours, theirs = final_arrays(one), final_arrays(other)
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and np.array_equal(ours[name], theirs[name])
        for name in ours
    )


def test_it_crosses_to_the_driver_and_into_its_file_bit_for_bit(result, tmp_path):
    crossed = pickle.loads(pickle.dumps(result))
    assert same(crossed.final, result.final)
    save_final_state(tmp_path / "weights", crossed)
    read, wrong = kept_final(tmp_path / "weights", result.trial.id)
    assert not wrong
    assert same(read, result.final)


def test_what_was_not_kept_is_none_without_a_complaint(tmp_path):
    assert kept_final(tmp_path, "0" * 64) == (None, "")


@pytest.mark.parametrize("change", ["torn", "altered", "empty", "of another trial"])
def test_a_damaged_file_is_not_used_and_says_why(change, result, tmp_path):
    save_final_state(tmp_path, result)
    file = weights_file(tmp_path, result.trial.id)
    content, name = file.read_bytes(), result.trial.id
    if change == "torn":
        file.write_bytes(content[:-7])
    elif change == "altered":
        file.write_bytes(content[:-7] + b"\x01" + content[-6:])
    elif change == "empty":
        file.write_bytes(b"")
    else:
        name = "1" * 64
        file.rename(weights_file(tmp_path, name))
    found, wrong = kept_final(tmp_path, name)
    assert found is None
    assert wrong.startswith("is ")


def test_a_folder_that_cannot_be_written_is_told(result, tmp_path):
    (tmp_path / "weights").write_text("a file")
    with pytest.raises(RunError, match=r"must be a file that can be written.*is stored"):
        save_final_state(tmp_path / "weights", result)


def test_arrays_of_other_names_are_refused(result):
    arrays = final_arrays(result.final)
    with pytest.raises(ValueError, match="must be"):
        read_final({**arrays, "more": arrays["scale"]})
    arrays.pop("scale")
    with pytest.raises(ValueError, match="must be"):
        read_final(arrays)


# Candidates of a search: trained as all trials are, and scored on the validation part alone.


def trained(engine, trial):
    (result,) = engine.train(Group((trial,), 1), lambda epoch: None)
    return result


@pytest.fixture(scope="module", params=ENGINES)
def candidate(request, dataset, trial_of):
    trial = trial_of(replicate=SEARCH_REPLICATES, epochs=2)
    return trained(ENGINES[request.param](dataset), trial)


def test_the_validation_part_is_scored(candidate):
    assert candidate.validation.accuracy == candidate.curve.val_accuracy[-1]
    assert candidate.validation.loss == pytest.approx(candidate.curve.val_loss[-1])
    assert np.isfinite(candidate.curve.train_loss).all()


def test_neither_the_test_part_nor_the_training_part_is(candidate):
    assert candidate.test_predictions.shape == candidate.test_correct.shape == (0,)
    assert all(np.isnan([score.loss, score.accuracy]).all() for score in
               (candidate.train, candidate.test))  # fmt: skip
    assert candidate.probes is None
    assert candidate.diverged is None


def test_it_crosses_to_the_driver(candidate):
    again = pickle.loads(pickle.dumps(candidate))
    assert again.validation == candidate.validation
    assert len(again.test_correct) == 0
    assert np.isnan(again.test.accuracy)


def test_looking_changes_no_bit_of_a_training(dataset, trial_of, monkeypatch):
    trial = trial_of(replicate=SEARCH_REPLICATES, normalization="batch", dropout=0.2)
    unseen = trained(PopulationEngine(dataset), trial)
    monkeypatch.setattr(Trial, "role", "compare")
    seen = trained(PopulationEngine(dataset), trial)
    assert seen.probes is not None
    assert seen.curve.train_loss.tobytes() == unseen.curve.train_loss.tobytes()
    assert seen.curve.val_loss.tobytes() == unseen.curve.val_loss.tobytes()


def test_one_program_does_for_segments_of_one_shape():
    double = jax.jit(lambda x: 2 * x)
    short, long = np.ones(3, np.float32), np.ones(4, np.float32)
    assert compile_segments(double, 1, lambda place: (short,)).keys() == {True}
    same = compile_segments(double, 3, lambda place: (short + place,))
    assert same[True] is same[False]
    assert (same[True](short) == 2).all()
    other = compile_segments(double, 3, lambda place: (long if place == 2 else short,))
    assert len(other[True](long)) == 4
    assert len(other[False](short)) == 3


def test_scales_of_targets_are_kept_and_files_without_them_stay_readable():
    numbers = [np.zeros(1, np.float32)] * 7
    plain = FinalState((), (), *numbers)
    assert not final_arrays(plain).keys() & {"target_scale", "target_shift"}
    assert read_final(final_arrays(plain)).target_scale.size == 0
    scale, shift = np.array([2], np.float32), np.array([3], np.float32)
    kept = read_final(final_arrays(FinalState((), (), *numbers, scale, shift)))
    assert (kept.target_scale.tolist(), kept.target_shift.tolist()) == ([2.0], [3.0])
