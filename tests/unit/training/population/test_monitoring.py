"""Early stopping, best weights and plateaus, as `keras.callbacks` decide them."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from stepladder.data.synthetic import synthetic
from stepladder.study.recipe import Recipe
from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import Group, Stage
from stepladder.training.keras_fit import FitEngine
from stepladder.training.monitoring import Monitor
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import data_order
from stepladder.trials.trial import Trial

# Keras' own callbacks read variables in a way of which NumPy warns.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

EPOCHS = 12
PLATEAU = "reduce_lr_on_plateau(factor=0.5, min_lr=0.01, patience=2)"


@pytest.fixture(scope="module")
def data():
    """Examples of which a third have a wrong class, so that the loss rises again."""
    easy = synthetic(examples=60, input_shape=(2, 2), classes=4, seed=3)
    wrong = np.random.default_rng(0).integers(0, 4, 60).astype(np.int32)
    is_wrong = np.arange(60) % 3 == 0
    return replace(easy, y_train=np.where(is_wrong, wrong, easy.y_train).astype(np.int32))


def trial(data, **fields):
    defaults = {"hidden": [6], "batch_size": 10, "epochs": EPOCHS, "learning_rate": 1.0}
    return Trial(Recipe(**{**defaults, **fields}), data.fingerprint, 20, 0, 0)


def train(engine, data, trials, **options):
    group = Group(tuple(trials), len(trials))
    return list(engine(data, **options).train(group, lambda epoch: None))


STOPPING = [
    {"patience": 1},
    {"patience": 3},
    {"patience": 2, "score_at": "best"},
    {"patience": 2, "min_delta": 0.05, "score_at": "best"},
    {"patience": 2, "start_from_epoch": 5},
    {"patience": 2, "monitor": "val_accuracy", "score_at": "best"},
    {"score_at": "best"},
]


def callbacks_of(recipe):
    """Keras' own callback; where nothing stops, its patience is longer than the training."""
    return [
        keras.callbacks.EarlyStopping(
            monitor=recipe.monitor,
            min_delta=recipe.min_delta,
            patience=recipe.patience or EPOCHS,
            restore_best_weights=recipe.score_at == "best",
            start_from_epoch=recipe.start_from_epoch,
        )
    ]


class Ordered(keras.utils.PyDataset):
    """Batches in the order that the engines take them, epoch by epoch."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y
        self.begin(0)

    def begin(self, epoch):
        self.order = data_order(len(self.x), 0, 0, epoch)

    def __len__(self):
        return len(self.x) // 10

    def __getitem__(self, step):
        rows = self.order[step * 10 : (step + 1) * 10]
        return self.x[rows], self.y[rows]


def by_hand(data, recipe, callbacks):
    """A plain Keras network that is trained with plain callbacks, and its history."""
    training = PopulationEngine(data).begin(Group((trial(data, epochs=EPOCHS),), 1))
    rows = training.replicates[0].rows
    x, y = data.x_train.reshape(-1, 4).astype(np.float32) / 255, data.y_train
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(4)]
    )
    model.set_weights([np.array(leaf[0]) for leaf in training.weights.trainable])
    model.compile(
        keras.optimizers.SGD(recipe.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = Ordered(x[rows["train"]], y[rows["train"]])
    follow = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.begin(epoch))
    held_out = (x[rows["validation"]], y[rows["validation"]])
    history = model.fit(
        batches, epochs=EPOCHS, shuffle=False, verbose=0, validation_data=held_out,
        callbacks=[follow, *callbacks],
    ).history  # fmt: skip
    return model, history


def test_lanes_stop_where_keras_stops_and_score_what_keras_would(data):
    trials = [trial(data, **fields) for fields in STOPPING]
    results = train(PopulationEngine, data, trials)
    stops = []
    for one, result in zip(trials, results, strict=True):
        model, history = by_hand(data, one.recipe, callbacks_of(one.recipe))
        done = len(history["val_loss"])
        stops.append(done)
        assert (result.stopped or EPOCHS) == done, one.recipe
        assert np.allclose(result.curve.val_loss[:done], history["val_loss"], rtol=1e-4)
        assert np.isnan(result.curve.val_loss[done:]).all()
        x = data.x_test.reshape(-1, 4).astype(np.float32) / 255
        logits = model.predict(x, verbose=0)
        assert np.array_equal(result.test_predictions, logits.argmax(axis=1))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(data.y_test, logits)
        assert result.test.loss == pytest.approx(float(loss), rel=1e-4)
    assert len(set(stops)) > 2  # else nothing was compared


def test_both_engines_stop_alike(data):
    trials = [trial(data, **fields) for fields in STOPPING]
    ours, theirs = train(PopulationEngine, data, trials), train(FitEngine, data, trials)
    for mine, their in zip(ours, theirs, strict=True):
        assert (mine.stopped, mine.scored_epoch) == (their.stopped, their.scored_epoch)
        assert mine.test.loss == pytest.approx(their.test.loss, rel=1e-4)


def test_neighbours_do_not_notice_that_a_lane_has_stopped(data):
    rates = (0.05, 1.0, 0.1)
    plain = [trial(data, learning_rate=rate) for rate in rates]
    watched = [trial(data, learning_rate=rates[1], patience=1) if at == 1 else one
               for at, one in enumerate(plain)]  # fmt: skip
    before, after = train(PopulationEngine, data, plain), train(PopulationEngine, data, watched)
    assert after[1].stopped
    for at in (0, 2):
        assert after[at].curve.val_loss.tobytes() == before[at].curve.val_loss.tobytes()
        assert after[at].test.loss == before[at].test.loss
    done = after[1].stopped
    assert np.array_equal(after[1].curve.val_loss[:done], before[1].curve.val_loss[:done])


def test_a_group_ends_when_all_lanes_have_stopped(data):
    told = []
    trials = [trial(data, patience=1, learning_rate=rate) for rate in (1.0, 1.5)]
    results = list(PopulationEngine(data).train(Group(tuple(trials), 2), told.append))
    last = max(result.stopped for result in results)
    assert told == list(range(last + 1))
    assert last < EPOCHS


class Killed(Exception):
    pass


@pytest.mark.parametrize("engine", [PopulationEngine, FitEngine])
@pytest.mark.parametrize("fields", [STOPPING[1], STOPPING[3], {"schedule": PLATEAU}])
def test_a_training_that_was_killed_stops_where_it_would_have(engine, fields, data, tmp_path):
    one = trial(data, **fields)
    group = Group((one,), 1)

    def kill(epoch):
        if epoch == 3:
            raise Killed

    def factory(group):
        return Checkpoints(tmp_path, group, 0.0, {})

    (whole,) = train(engine, data, [one])
    with pytest.raises(Killed):
        list(engine(data, factory).train(group, kill))
    told = []
    (resumed,) = engine(data, factory).train(group, told.append)
    assert min(epoch for epoch in told if epoch) > 1  # it did resume
    assert (resumed.stopped, resumed.scored_epoch) == (whole.stopped, whole.scored_epoch)
    assert resumed.test.loss == whole.test.loss
    assert resumed.curve.val_loss.tobytes() == whole.curve.val_loss.tobytes()


def test_a_training_in_stages_stops_where_a_whole_one_does(data):
    trials = [trial(data, **fields) for fields in (*STOPPING, {"schedule": PLATEAU})]
    count = len(trials)
    engine = PopulationEngine(data)
    whole = list(engine.train(Group(tuple(trials), count), lambda epoch: None))
    first = {result.stopped for result in whole if result.stopped} | {EPOCHS}
    for end in (min(first), max(first - {EPOCHS})):  # one stops within the first, others later
        group = Group(tuple(trials), count, stages=(Stage(end, count),))
        for ours, theirs in zip(engine.train(group, lambda epoch: None), whole, strict=True):
            assert (ours.stopped, ours.scored_epoch) == (theirs.stopped, theirs.scored_epoch)
            assert ours.test.loss == theirs.test.loss
            assert ours.curve.val_loss.tobytes() == theirs.curve.val_loss.tobytes()
    stopped = [place for place, result in enumerate(whole) if result.stopped == min(first)]
    group = Group((trials[stopped[0]],), 1, stages=(Stage(min(first), count),))
    told = []
    (ours,) = engine.train(group, told.append)
    assert ours.stopped == min(first)
    assert max(told) == min(first), "a lane that has stopped is not trained on"


@pytest.mark.parametrize("arguments", ["", "(factor=0.5, patience=1, cooldown=2)", "(patience=2)"])
def test_rates_fall_where_keras_lowers_them(arguments, data):
    one = trial(data, schedule=f"reduce_lr_on_plateau{arguments}")
    words = dict(part.split("=") for part in arguments.strip("()").split(", ") if part)
    options = {name: float(value) if name == "factor" else int(value)
               for name, value in words.items()}  # fmt: skip
    _, history = by_hand(data, one.recipe, [keras.callbacks.ReduceLROnPlateau(**options)])
    for engine in (PopulationEngine, FitEngine):
        (result,) = train(engine, data, [one])
        assert np.allclose(result.curve.val_loss, history["val_loss"], rtol=1e-4)
    assert arguments == "" or len(set(history["learning_rate"])) > 1


def test_the_best_weights_and_a_moving_average_are_of_the_same_epoch(data):
    fields = {"patience": 2, "score_at": "best", "ema": 0.9, "normalization": "batch"}
    ours, theirs = (train(engine, data, [trial(data, **fields)])[0]
                    for engine in (PopulationEngine, FitEngine))  # fmt: skip
    assert ours.scored_epoch == theirs.scored_epoch < EPOCHS
    assert ours.test.loss == pytest.approx(theirs.test.loss, rel=1e-3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"min_delta": 0.1}, "min_delta must be 0.0 without patience"),
        ({"monitor": "val_accuracy"}, "monitor must be val_loss without patience"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"patience": 3, "monitor": "val_f1"}, "monitor must be 'val_loss' or 'val_accuracy'"),
    ],
)
def test_what_would_do_nothing_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Recipe(hidden=[3], **fields)


@pytest.mark.parametrize("seed", range(20))
def test_a_monitor_decides_as_kerass_callback_on_any_curve(seed):
    draw = np.random.default_rng(seed)
    curve = np.exp(-np.arange(30) / draw.uniform(3, 30)) + draw.normal(0, 0.05, 30)
    recipe = Recipe(
        hidden=[3], patience=int(draw.integers(1, 6)), score_at="best",
        min_delta=float(draw.choice([0, 0.02])), start_from_epoch=int(draw.integers(0, 4)),
    )  # fmt: skip
    (callback,) = callbacks_of(recipe)
    model = SimpleNamespace(stop_training=False, get_weights=lambda: [])
    callback._model, callback.monitor_op = model, None
    callback.set_model(model)
    callback.on_train_begin()
    monitor = Monitor(recipe)
    for epoch, value in enumerate(curve):
        callback.on_epoch_end(epoch, {"val_loss": value})
        monitor.epoch_done(epoch, {"val_loss": value})
        assert bool(monitor.stopped) == model.stop_training
        if model.stop_training:
            break
    assert monitor.best_epoch == callback.best_epoch + 1
