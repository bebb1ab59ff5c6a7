"""Exported networks answer as the networks whose weights they were given."""

import json
import os
import zipfile

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

import keras
import numpy as np
import pytest

from stepladder.deployment.keras_process import ModelRefused, open_model
from stepladder.deployment.keras_worker import Member, assemble_model
from stepladder.execution.machine import model_environment
from stepladder.study.recipe import Recipe
from stepladder.training.layer_state import statistics_of
from stepladder.trials.trial import FinalState

SHAPE, CLASSES = (4,), 3


def build(recipe, input_shape, classes):
    """A network whose statistics are named as random state often is."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Dense(5),
            keras.layers.BatchNormalization(name="seed_norm"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(classes),
        ]
    )


def trained(network, scale, shift, **targets):
    empty = np.zeros(0)
    return FinalState(
        tuple(np.asarray(each) for each in network.trainable_variables),
        tuple(np.asarray(each) for each in statistics_of(network)),
        np.float32(scale), np.float32(shift), empty, empty, empty, empty, empty, **targets,
    )  # fmt: skip


def test_statistics_are_told_from_random_state_by_what_they_are():
    network = build(None, SHAPE, CLASSES)
    random = np.random.default_rng(1)
    fixed = statistics_of(network)
    assert (len(network.non_trainable_variables), len(fixed)) == (3, 2)
    for each in (*network.trainable_variables, *fixed):
        each.assign(random.uniform(0.5, 1.5, each.shape))
    member = Member("one", Recipe(hidden=[5]), trained(network, 0.5, 0.25))
    exported = assemble_model([member], SHAPE, CLASSES, build, is_whole=False)
    x = random.uniform(0, 1, (7, 4)).astype(np.float32)
    expected = keras.ops.softmax(network(0.5 * x + 0.25))
    np.testing.assert_allclose(exported(x), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("task", "loss", "expected"),
    [
        ("regression", "auto", lambda raw: (raw - 1.0) / np.array([0.5, 20.0])),
        ("regression", "poisson", lambda raw: (np.exp(raw) - 1.0) / np.array([0.5, 20.0])),
        ("multilabel", "auto", lambda raw: 1 / (1 + np.exp(-raw))),
    ],
)
def test_values_are_in_their_own_unit_and_labels_have_a_probability_each(task, loss, expected):
    network = build(None, SHAPE, 2)
    targets = {"target_scale": np.array([0.5, 20], np.float32),
               "target_shift": np.array([1, 1], np.float32)}  # fmt: skip
    member = Member("one", Recipe(hidden=[5], loss=loss), trained(network, 1, 0, **targets))
    exported = assemble_model([member], SHAPE, 2, build, is_whole=False, task=task)
    x = np.random.default_rng(0).uniform(0, 1, (7, 4)).astype(np.float32)
    wanted = expected(np.asarray(network(x), np.float64))
    np.testing.assert_allclose(np.asarray(exported(x)), wanted, rtol=1e-4, atol=1e-6)


def archived(model, file, **members):
    """A model's file with some members replaced."""
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()} | members
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("member", "content", "told"),
    [
        ("model.weights.h5", bytes(100_000_000), "bytes announce 100,"),
        ("config.json", "wide", "ended that opened it|RESOURCE_EXHAUSTED|MemoryError|allocate"),
    ],
)
def test_a_small_file_that_announces_a_large_model_is_refused(tmp_path, member, content, told):
    model = build(None, SHAPE, CLASSES)
    if content == "wide":
        text = json.dumps(json.loads(model.to_json()))
        content = text.replace('"units": 5', '"units": 1000000000').encode()
    file = archived(model, tmp_path / "model.keras", **{member: content})
    with pytest.raises(ModelRefused, match=told):
        open_model(file, model_environment())
