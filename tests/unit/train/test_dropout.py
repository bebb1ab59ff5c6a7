"""Dropout's masks: the generator's published values, the share kept, and the same bits anywhere."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from stepladder.training.dropout import Dropout, _bits, _threefry

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
