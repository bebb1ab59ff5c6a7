"""Populations minimise what `keras.Model.fit` minimises, for every loss that fits some targets."""

import jax
import keras
import numpy as np
import pytest

from stepladder.data import Dataset
from stepladder.study.keras_names import keras_names, name_of, names_of
from stepladder.study.losses import ONE_UNIT, TAKES_NUMBERS, form_of, losses_of
from stepladder.study.recipe import Recipe
from stepladder.training.groups import Group
from stepladder.training.heads import Head, class_weights
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import data_order
from stepladder.trials.trial import Trial

WITHIN = 1e-5
VALIDATION, BATCH = 20, 8
OUTPUTS = {"classification": 3, "two": 2, "multilabel": 4, "regression": 2}
OF_NUMBERS = ("sparse_categorical_crossentropy", *TAKES_NUMBERS)
TASKS = {**{task: task for task in OUTPUTS}, "two": "classification"}


@pytest.fixture(scope="module")
def data():
    """A dataset of each kind of targets: 120 training examples of 6 inputs."""
    draw = np.random.default_rng(0)
    x = draw.uniform(0, 1, (150, 6)).astype(np.float32)
    hidden = np.tanh((x - 0.5) @ draw.normal(size=(6, 4)))
    targets = {
        "classification": hidden[:, :3].argmax(axis=1).astype(np.int32),
        "two": (hidden[:, 0] > np.quantile(hidden[:, 0], 0.8)).astype(np.int32),
        "multilabel": (hidden > 0).astype(np.uint8),
        "regression": (6 + hidden[:, :2] * [1, 5]).astype(np.float32),
    }
    return {
        kind: Dataset(
            name=kind, x_train=x[:120], y_train=y[:120], x_test=x[120:], y_test=y[120:],
            class_names=tuple("abcd"[: OUTPUTS[kind]]), task=TASKS[kind],
        )
        for kind, y in targets.items()
    }  # fmt: skip


def trial(dataset, **fields):
    defaults = {"hidden": [5], "activation": "tanh", "batch_size": BATCH, "epochs": 2,
                "learning_rate": 0.05, "scaling": "none"}  # fmt: skip
    return Trial(Recipe(**{**defaults, **fields}), dataset.fingerprint, VALIDATION, 0, 0)


def by_hand(dataset, training, recipe, **fit):
    """A plain Keras network at the start of a population's lane, and its examples, in order."""
    task = dataset.task
    name = name_of(recipe.loss)
    units = 1 if task == "classification" and name in ONE_UNIT else dataset.outputs
    ends = {"log": "exponential", "probabilities": "softmax"}
    if task == "multilabel":
        ends["probabilities"] = "sigmoid"
    end = ends.get(form_of(name, task))
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(units, end)]
    )
    model.set_weights([np.array(leaf[0]) for leaf in training.weights.trainable])
    rows = training.replicates[0].rows["train"]
    y = np.asarray(dataset.y_train, np.float32)
    if task == "regression" and training.data.y_scale is not None:
        y = y * np.asarray(training.data.y_scale) + np.asarray(training.data.y_shift)
    if task == "classification":
        y = y[:, None] if units == 1 else np.eye(dataset.outputs, dtype=np.float32)[y.astype(int)]
    if name in OF_NUMBERS:
        y = y.argmax(axis=1)
    logits = {"from_logits": True} if form_of(name, task) == "logits" else {}
    made = getattr(keras.losses, keras_names()["losses"][name]["class"])
    model.compile(keras.optimizers.SGD(recipe.learning_rate), loss=made(**logits, **fit))
    return model, dataset.x_train[rows], y[rows]


def assert_same(lane, model, name):
    for ours, variable in zip(lane, model.weights, strict=True):
        ours, theirs = np.asarray(ours[0], np.float64), keras.ops.convert_to_numpy(variable.value)
        assert np.linalg.norm(ours - theirs) <= WITHIN * max(1e-3, np.linalg.norm(theirs)), name


CASES = [(kind, loss) for kind, task in TASKS.items() for loss in losses_of(task, OUTPUTS[kind])]


def test_every_loss_of_keras_is_of_some_targets():
    listed = {loss for _, loss in CASES} | {"sparse_categorical_crossentropy"}
    assert listed == set(names_of("losses"))


@pytest.mark.parametrize(("kind", "loss"), CASES)
def test_a_loss_has_the_value_and_the_gradient_of_keras(kind, loss, data):
    dataset, task = data[kind], TASKS[kind]
    head = Head(task, dataset.outputs, loss)
    draw = np.random.default_rng(1)
    raw = draw.normal(size=(30, head.units)).astype(np.float32)
    ends = {"log": keras.ops.exp, "probabilities": keras.ops.softmax}
    if task == "multilabel":
        ends["probabilities"] = keras.ops.sigmoid
    form = form_of(loss, task)
    logits = {"from_logits": True} if form == "logits" else {}
    theirs = getattr(keras.losses, keras_names()["losses"][loss]["class"])(**logits)
    y = truth = dataset.y_train[:30]
    if task == "classification":
        shares = np.eye(dataset.outputs, dtype=np.float32)[y]
        truth = y[:, None] if head.units == 1 else y if loss in OF_NUMBERS else shares

    def ours_of(raw):
        return head.objective(raw, y).mean()

    def theirs_of(raw):
        return theirs(truth, ends.get(form, lambda value: value)(raw))

    mine, their = (jax.value_and_grad(function)(raw) for function in (ours_of, theirs_of))
    assert float(mine[0]) == pytest.approx(float(their[0]), rel=1e-6)
    assert np.allclose(mine[1], their[1], rtol=1e-5, atol=1e-8)
    assert np.abs(mine[1]).max() > 0


QUICK = [("two", "hinge"), ("multilabel", "binary_crossentropy"), ("regression", "huber")]


@pytest.mark.parametrize(
    ("kind", "loss"),
    [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES if case not in QUICK)],
)
def test_a_loss_is_that_of_keras(kind, loss, data):
    dataset = data[kind]
    one = trial(dataset, loss=loss)
    training = PopulationEngine(dataset).begin(Group((one,), 1))
    model, x, y = by_hand(dataset, training, one.recipe)
    for epoch in range(2):
        order = data_order(len(x), 0, 0, epoch)
        training.epoch(epoch)
        model.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0)
    assert_same(training.weights.trainable, model, loss)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("loss", ["auto", "mean_absolute_error"])
def test_both_engines_report_the_same(kind, loss, data):
    dataset = data[kind]
    one = trial(dataset, loss=loss)
    results = [
        next(iter(engine(dataset).train(Group((one,), 1), lambda epoch: None)))
        for engine in (PopulationEngine, FitEngine)
    ]
    ours, theirs = results
    for part in ("train", "validation", "test"):
        assert getattr(ours, part).loss == pytest.approx(getattr(theirs, part).loss, rel=1e-4)
        accuracies = [getattr(result, part).accuracy for result in results]
        assert accuracies[0] == pytest.approx(accuracies[1], nan_ok=True)
    assert np.isnan(ours.test.accuracy) == (kind == "regression")
    assert np.allclose(ours.curve.train_loss, theirs.curve.train_loss, rtol=1e-3)
    assert np.allclose(ours.curve.train_accuracy, theirs.curve.train_accuracy, equal_nan=True)
    assert np.array_equal(ours.test_predictions, theirs.test_predictions)
    assert np.array_equal(ours.test_correct, theirs.test_correct)
    assert (ours.test_values is None) == (dataset.task == "classification")
    if ours.test_values is not None:
        assert ours.test_values.shape == dataset.y_test.shape
        assert np.allclose(ours.test_values, theirs.test_values, atol=1e-3)


def test_the_values_of_a_regression_are_in_their_own_unit(data):
    dataset = data["regression"]
    one = trial(dataset, epochs=30)
    (result,) = PopulationEngine(dataset).train(Group((one,), 1), lambda epoch: None)
    errors = result.test_values - dataset.y_test
    assert result.test.loss == pytest.approx(np.square(errors).mean(), rel=1e-4)
    of_the_mean = np.square(dataset.y_test - dataset.y_train.mean(axis=0)).mean()
    assert result.test.loss < 0.2 * of_the_mean


def test_weights_of_classes_are_those_of_keras(data):
    dataset = data["two"]
    one = trial(dataset, class_weight={"b": 4.0})
    training = PopulationEngine(dataset).begin(Group((one,), 1))
    model, x, y = by_hand(
        dataset, training, one.recipe.changed({"loss": "sparse_categorical_crossentropy"})
    )
    order = data_order(len(x), 0, 0, 0)
    training.epoch(0)
    model.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0,
              class_weight={0: 1.0, 1: 4.0})  # fmt: skip
    assert_same(training.weights.trainable, model, "class_weight")
    fitted = next(FitEngine(dataset).train(Group((one,), 1), lambda epoch: None))
    (ours,) = PopulationEngine(dataset).train(Group((one,), 1), lambda epoch: None)
    assert ours.test.loss == pytest.approx(fitted.test.loss, rel=1e-4)


def test_balanced_classes_count_alike(data):
    y = data["two"].y_train
    weights = class_weights(Recipe(hidden=[1], class_weight="balanced"), y, ("a", "b"))
    assert weights[0] * (y == 0).sum() == pytest.approx(weights[1] * (y == 1).sum(), rel=1e-6)
    assert (weights[y]).mean() == pytest.approx(1)


def test_a_single_unit_answers_two_classes():
    head = Head("classification", 2, "hinge")
    raw = np.array([[-1.0], [2.0]])
    assert head.units == 1
    assert head.answers(raw, np).tolist() == [0, 1]
    assert head.probabilities(raw)[:, 1] == pytest.approx(1 / (1 + np.exp(-raw[:, 0])))


def test_lanes_of_other_rates_learn_values_as_they_would_alone(data):
    dataset = data["regression"]
    trials = [trial(dataset, learning_rate=rate) for rate in (0.01, 0.05)]
    both = PopulationEngine(dataset).train(Group(tuple(trials), 2), lambda epoch: None)
    for one, together in zip(trials, both, strict=True):
        (alone,) = PopulationEngine(dataset).train(Group((one,), 1), lambda epoch: None)
        assert together.test.loss == pytest.approx(alone.test.loss, rel=1e-4)


def test_one_engine_trains_targets_scaled_and_as_they_are(data):
    dataset = data["regression"]
    engine = PopulationEngine(dataset)
    losses = {}
    for scaling in ("standardised", "none"):
        one = trial(dataset, target_scaling=scaling)
        (result,) = engine.train(Group((one,), 1), lambda epoch: None)
        fitted = next(FitEngine(dataset).train(Group((one,), 1), lambda epoch: None))
        assert result.test.loss == pytest.approx(fitted.test.loss, rel=1e-4)
        losses[scaling] = result.test.loss
    assert losses["none"] != pytest.approx(losses["standardised"], rel=0.01)
