"""Random layers and images: dropout's masks and distortion."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from stepladder.study.recipe import Recipe
from stepladder.training.augmentation import _mapped, _smoothing, _uniform, distortion
from stepladder.training.dropout import Dropout, _bits, _threefry
from stepladder.training.groups import Group
from stepladder.training.keras_callbacks import Batches
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import step_inputs

# Dropout's masks: the generator's published values, the share kept, and the same bits anywhere.


KNOWN = [  # Random123's kat_vectors for threefry2x32 of 13 rounds: counter, key, result
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x9D1C5EC6, 0x8BD50731)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0xFD36D048, 0x2D17272C)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xBA3E4725, 0xF27D669E)),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_the_generator_gives_its_published_values(counter, key, expected):
    found = _threefry(*(jnp.uint32(word) for word in (*key, *counter)))
    assert tuple(int(word) for word in found) == expected


def dropped(rate, shape=(256, 50), seed=3, draws=1):
    layer = Dropout(rate, seed=seed)
    for _ in range(draws):
        out = layer(jnp.ones(shape), training=True)
    return np.asarray(out)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_the_share_that_is_kept_is_that_of_the_rate(rate):
    out = dropped(rate, (1_000, 400))
    kept = out != 0
    assert np.allclose(out[kept], 1 / (1 - rate))
    deviation = np.sqrt(rate * (1 - rate) / out.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * deviation
    for axis in (0, 1):  # no row and no column is favoured
        shares = kept.mean(axis)
        spread = np.sqrt(rate * (1 - rate) / kept.shape[axis])
        assert abs(shares.std() / spread - 1) < 0.15


@pytest.mark.parametrize("shape", [(1,), (3,), (7, 3), (2, 5, 3), (256, 50)])
def test_every_unit_has_bits_of_its_own(shape):
    bits = np.asarray(_bits(jnp.array([1, 2], jnp.uint32), shape))
    assert bits.shape == shape
    assert bits.max() < 2**16
    if bits.size > 1000:
        assert len(np.unique(bits)) > 0.85 * bits.size  # a tenth would meet by chance


def test_each_draw_and_each_seed_gives_another_mask():
    masks = [dropped(0.5, draws=1), dropped(0.5, draws=2), dropped(0.5, seed=4)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        agree = (masks[one] == masks[other]).mean()
        assert abs(agree - 0.5) < 0.02


def test_a_mask_is_the_same_under_jit_and_vmap():
    key = jnp.array([5, 6], jnp.uint32)
    plain = _bits(key, (8, 3))
    assert np.array_equal(plain, jax.jit(_bits, static_argnums=1)(key, (8, 3)))
    lanes = jax.vmap(lambda each: _bits(each, (8, 3)))(jnp.stack([key, key + 1]))
    assert np.array_equal(plain, lanes[0])
    assert not np.array_equal(plain, lanes[1])


def test_nothing_is_dropped_outside_training_or_at_rate_zero():
    x = jnp.ones((4, 4))
    assert np.array_equal(Dropout(0.5, seed=1)(x, training=False), x)
    assert np.array_equal(Dropout(0.0)(x, training=True), x)
    assert isinstance(Dropout(0.5), keras.layers.Dropout)


# Distorted images: nothing at no strength, the same draws in any company, the declared reach.


EVERYTHING = {
    "augment_rotation": 15.0,
    "augment_scale": 0.15,
    "augment_shear": 0.2,
    "augment_shift": 2.0,
    "augment_elastic": 1.2,
}
SHAPE = (28, 20)
WORDS = np.array([3, 4], np.uint32)


def recipe(**fields):
    return Recipe(hidden=[5], **fields)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, SHAPE[0] * SHAPE[1])).astype(np.float32)


def distorted(images, words=WORDS, strength=1.0, shape=SHAPE, **fields):
    distort = distortion(recipe(**(fields or EVERYTHING)), shape)
    return np.asarray(jax.jit(distort)(images, words, np.float32(strength)))


def test_without_strength_every_image_is_itself_bit_for_bit(images):
    assert np.array_equal(distorted(images, strength=0.0), images)


def test_a_recipe_without_augmentation_has_no_distortion():
    assert distortion(recipe(), SHAPE) is None
    assert distortion(recipe(), (784,)) is None


@pytest.mark.slow
@pytest.mark.parametrize("field", EVERYTHING)
def test_each_kind_alone_moves_pixels_and_differs_image_by_image(field, images):
    same = np.repeat(images[:1], 6, axis=0)
    found = distorted(same, **{field: EVERYTHING[field]})
    assert all(np.abs(each - images[0]).mean() > 0.01 for each in found)
    assert len({each.tobytes() for each in found}) == 6


def test_other_words_draw_others_and_equal_words_the_same(images):
    assert np.array_equal(distorted(images), distorted(images))
    assert not np.array_equal(distorted(images), distorted(images, np.array([3, 5], np.uint32)))


def test_a_shift_by_whole_pixels_is_a_shift():
    image = np.zeros((1, 8, 8), np.float32)
    image[0, 3, 4] = 1
    drawn = jnp.zeros((1, 7)).at[0, 5].set(1.0).at[0, 6].set(-1.0)
    y_at, x_at = _mapped(recipe(augment_shift=2.0), drawn, 8, 8)
    assert np.array_equal(np.asarray(y_at)[0, :, 0], np.arange(8) - 2.0)
    assert np.array_equal(np.asarray(x_at)[0, 0], np.arange(8) + 2.0)


def test_a_quarter_turn_is_that_of_numpy():
    image = np.random.default_rng(1).random((9, 9)).astype(np.float32)
    drawn = jnp.zeros((1, 7)).at[0, 0].set(1.0)
    y_at, x_at = _mapped(recipe(augment_rotation=90.0), drawn, 9, 9)
    rows, columns = (np.rint(np.asarray(at)[0]).astype(int) for at in (y_at, x_at))
    turned = image[rows, columns]
    assert any(np.array_equal(turned, np.rot90(image, k)) for k in (1, 3))


@pytest.mark.parametrize(("field", "value"), [("augment_scale", 0.15), ("augment_shift", 2.0)])
def test_draws_fill_the_declared_range_and_no_more(field, value):
    drawn = np.asarray(_uniform(WORDS, (20_000, 7)))
    assert np.abs(drawn).max() < 1
    assert np.abs(drawn.mean(axis=0)).max() < 0.02
    assert np.allclose((drawn**2).mean(axis=0), 1 / 3, atol=0.01)
    correlations = np.corrcoef(drawn.T) - np.eye(7)
    assert np.abs(correlations).max() < 0.03
    y_at, _ = _mapped(recipe(**{field: value}), jnp.asarray(drawn[:2000]), 11, 11)
    reach = np.abs(np.asarray(y_at)[:, 0, 0]).max()
    most = 2.0 if field == "augment_shift" else 5 / (1 - value) - 5
    assert 0.98 * most < reach <= most + 1e-5


def test_elastic_displacements_have_the_declared_size_and_smoothness():
    rows, columns = _smoothing(28, 5.0), _smoothing(28, 5.0)
    noise = np.random.default_rng(2).uniform(-1, 1, (3000, rows.shape[1], columns.shape[1]))
    field = np.einsum("hr,nrc,wc->nhw", rows, noise, columns)
    assert np.sqrt((field**2).mean(axis=0)) == pytest.approx(np.ones((28, 28)), abs=0.06)
    # White noise smoothed by a Gaussian is correlated over a distance d as exp(-d²/4σ²).
    for apart in (2, 5, 10):
        found = (field[:, :, :-apart] * field[:, :, apart:]).mean()
        assert found == pytest.approx(np.exp(-(apart**2) / 100), abs=0.05)


def test_strength_falls_by_half_for_the_last_share_of_the_steps():
    calm = recipe(augment_shift=1.0, augment_calm=0.25, epochs=4)
    strengths = np.concatenate([step_inputs(calm, 0, 0, epoch, 5).strength for epoch in range(4)])
    assert np.array_equal(strengths, [1.0] * 15 + [0.5] * 5)


@pytest.mark.slow
def test_a_batch_is_the_same_in_every_population_and_in_fit(dataset, trial_of):
    fields = {**EVERYTHING, "augment_smoothness": 2.0, "mixup": 0.4}
    engine = PopulationEngine(dataset)
    trials = tuple(trial_of(learning_rate=rate, **fields) for rate in (0.01, 0.02, 0.03))
    seen = []
    for lanes in (1, 3):
        training = engine.begin(Group(trials[:lanes], lanes))
        order, _, _, more = training.replicates[0].segment_inputs(0, 0, None)
        step = jax.tree.map(lambda leaf: leaf[1], more)
        x, y, _ = training.program._prepare(*training.data.batch(order[1]), step)
        seen.append((np.asarray(x), np.asarray(y)))
    assert all(np.array_equal(one, two) for one, two in zip(*seen, strict=True))
    x = dataset.x_train.astype(np.float32) * training.data.scale + training.data.shift
    train = training.replicates[0].rows["train"]
    head = training.program.head
    batches = Batches(x[train], dataset.y_train[train], trials[0], head)
    theirs = batches[1]
    assert np.allclose(theirs[0].reshape(len(theirs[0]), -1), seen[0][0], atol=1e-6)
    assert np.allclose(theirs[1], seen[0][1], atol=1e-6)


def test_replicates_and_epochs_are_distorted_differently():
    given = recipe(augment_shift=1.0)
    drawn = [
        step_inputs(given, 0, replicate, epoch, 3).warp for replicate in (0, 1) for epoch in (0, 1)
    ]
    assert len({each.tobytes() for each in drawn}) == 4
    assert step_inputs(recipe(), 0, 0, 0, 3) == step_inputs(recipe(), 1, 1, 1, 3)


def test_validation_and_test_images_are_scored_as_they_are(dataset, trial_of):
    still = {"learning_rate": 1e-30}
    fields = {**EVERYTHING, "augment_smoothness": 2.0}
    plain, bent = (
        PopulationEngine(dataset).train(Group((trial_of(**each),), 1), lambda epoch: None)[0]
        for each in (still, still | fields)
    )
    assert plain.validation == bent.validation
    assert plain.test == bent.test
    assert plain.train == bent.train
    assert plain.curve.train_loss[0] != bent.curve.train_loss[0]
