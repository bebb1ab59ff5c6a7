"""How a network of the user's own ends: a softmax is told apart from logits, and trained alike."""

import keras
import numpy as np
import pytest
from keras import layers

from stepladder.study.recipe import Recipe
from stepladder.training.custom_model import UserBuild
from stepladder.training.output_layer import output_kind, with_logits

SHAPE, CLASSES = (4,), 3
X = np.random.default_rng(0).normal(size=(6, *SHAPE)).astype(np.float32)


class Net(keras.Model):
    def __init__(self, activation, gate=False):
        super().__init__()
        self.gate = layers.Dense(4, activation="softmax") if gate else None
        self.out = layers.Dense(CLASSES, activation=activation)

    def call(self, x):
        return self.out(x if self.gate is None else x * self.gate(x))


def sequential(*ends):
    return keras.Sequential([keras.Input(SHAPE), layers.Dense(4, "relu"), *ends])


def functional(end):
    x = keras.Input(SHAPE)
    return keras.Model(x, end(layers.Dense(CLASSES)(x)))


def nested():
    x = keras.Input(SHAPE)
    return keras.Model(x, sequential(layers.Dense(CLASSES, "softmax"))(x))


def own_class(activation, gate=False):
    model = Net(activation, gate)
    model(X)
    return model


SOFTMAX = {
    "dense": lambda: sequential(layers.Dense(CLASSES, activation="softmax")),
    "activation": lambda: sequential(layers.Dense(CLASSES), layers.Activation("softmax")),
    "layer": lambda: sequential(layers.Dense(CLASSES), layers.Softmax()),
    "functional": lambda: functional(layers.Softmax()),
    "operation": lambda: functional(keras.activations.softmax),
    "nested": nested,
    "class": lambda: own_class("softmax"),
}
OTHER = {
    "logits": (lambda: sequential(layers.Dense(CLASSES)), "logits"),
    "sigmoid": (lambda: sequential(layers.Dense(1, activation="sigmoid")), "sigmoid"),
    "sigmoid operation": (lambda: functional(keras.ops.sigmoid), "sigmoid"),
    "class": (lambda: own_class(None), "logits"),
    "class with a gate": (lambda: own_class(None, gate=True), "logits"),
    "class with a sigmoid": (lambda: own_class("sigmoid"), "sigmoid"),
}


@pytest.mark.parametrize("make", SOFTMAX.values(), ids=SOFTMAX)
def test_a_softmax_is_taken_off(make):
    model = make()
    answers = np.asarray(model(X))
    logits, kind = with_logits(model, SHAPE)
    assert kind == "softmax"
    assert np.allclose(keras.activations.softmax(logits(X)), answers, atol=1e-6)
    assert np.abs(np.asarray(logits(X)).sum(axis=1) - 1).max() > 1e-3
    assert [v.path for v in logits.trainable_variables] == [
        v.path for v in model.trainable_variables
    ]
    assert with_logits(logits, SHAPE)[1] == "logits"


@pytest.mark.parametrize(("make", "kind"), OTHER.values(), ids=OTHER)
def test_other_ends_stay(make, kind):
    model = make()
    answers = np.asarray(model(X))
    same, found = with_logits(model, SHAPE)
    assert (same, found) == (model, kind)
    assert np.array_equal(same(X), answers)


def test_what_a_model_says_of_its_end():
    assert output_kind(SOFTMAX["dense"]()) == "softmax"
    assert output_kind(OTHER["sigmoid"][0]()) == "sigmoid"
    assert output_kind(OTHER["class"][0]()) == "logits"


def test_a_softmax_that_is_used_elsewhere_too_stays():
    softmax, x = layers.Activation("softmax"), keras.Input(SHAPE)
    model = keras.Model(x, softmax(layers.Dense(CLASSES)(softmax(x))))
    assert with_logits(model, SHAPE) == (model, "logits")


@pytest.mark.parametrize("name", ["dense", "layer", "class"])
def test_it_is_trained_as_keras_trains_probabilities(name):
    """With a softmax and `from_logits=False`, Keras takes the same steps but for its rounding."""
    y = np.array([0, 1, 2, 0, 1, 2])
    start = SOFTMAX[name]()
    weights = [np.asarray(weight.value) for weight in start.weights]
    ends = []
    for cuts in (False, True):
        model = SOFTMAX[name]()
        model.set_weights(weights)
        if cuts:
            model, _ = with_logits(model, SHAPE)
        entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=cuts)
        model.compile(optimizer=keras.optimizers.Adam(0.01), loss=entropy)
        model.fit(X, y, epochs=20, batch_size=6, shuffle=False, verbose=0)
        ends.append([np.asarray(weight.value) for weight in model.weights])
    for ours, theirs in zip(*ends, strict=True):
        assert np.linalg.norm(ours - theirs) <= 1e-5 * max(1e-3, np.linalg.norm(theirs))


@pytest.mark.parametrize(
    ("task", "loss", "end", "is_cut"),
    [
        ("classification", "auto", "softmax", True),
        ("classification", "auto", "sigmoid", False),
        ("classification", "binary_crossentropy", "sigmoid", True),
        ("multilabel", "auto", "sigmoid", True),
        ("multilabel", "auto", "softmax", False),
        ("regression", "auto", "softmax", False),
        ("regression", "auto", "sigmoid", False),
    ],
)
def test_an_end_is_taken_off_where_the_loss_is_of_logits(task, loss, end, is_cut, own_code):
    code = own_code(
        "import keras\n"
        "def build(recipe, input_shape, classes):\n"
        "    return keras.Sequential([keras.Input(input_shape),\n"
        f"                             keras.layers.Dense(3, '{end}')])\n"
    )
    recipe = Recipe(model=code.identity, loss=loss)
    model = UserBuild(code, task)(recipe, SHAPE, 3)
    answers = keras.ops.convert_to_numpy(model(X))
    assert (model.layers[-1].activation is keras.activations.linear) == is_cut
    assert (answers.min() < 0) == is_cut
