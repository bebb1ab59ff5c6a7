"""Schedules and data orders, against values worked out by hand."""

import numpy as np
import pytest

from stepladder import Recipe
from stepladder.training.schedules import can_extend, data_order, learning_rates, steps_per_epoch


def rates(**fields):
    return learning_rates(Recipe(hidden=[1], learning_rate=0.5, **fields), 10)


def test_constant():
    assert (rates(epochs=3) == 0.5).all()
    assert rates(epochs=3).shape == (3, 10)


def test_step_falls_after_every_so_many_epochs():
    found = rates(epochs=5, schedule="step", decay_epochs=2, decay_rate=0.1)
    expected = np.array([0.5, 0.5, 0.05, 0.05, 0.005], np.float32)
    assert np.allclose(found, expected[:, None])


def test_cosine_goes_from_the_peak_to_nothing_through_the_half():
    found = rates(epochs=2, schedule="cosine").reshape(-1)
    assert found[0] == 0.5
    assert found[10] == pytest.approx(0.25)
    assert found[-1] == pytest.approx(0.5 * (1 + np.cos(np.pi * 19 / 20)) / 2)
    assert (np.diff(found) < 0).all()


def test_warm_up_rises_in_even_steps_and_reaches_the_peak():
    found = rates(epochs=2, schedule="cosine", warmup=0.2).reshape(-1)
    assert np.allclose(found[:5], 0.5 * np.arange(1, 6) / 5)
    assert found.max() == 0.5


def test_one_cycle_has_its_three_ends():
    found = rates(epochs=10, schedule="one_cycle").reshape(-1)
    assert found[0] == pytest.approx(0.5 / 25)
    assert found.argmax() == 29
    assert found[29] == pytest.approx(0.5)
    assert found[-1] == pytest.approx(0.5 / 250_000, rel=1e-3)


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle"])
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_training_of_one_step_has_a_finite_rate(schedule, epochs):
    recipe = Recipe(hidden=[1], schedule=schedule, epochs=epochs)
    assert np.isfinite(learning_rates(recipe, 1)).all()


@pytest.mark.parametrize("epochs", [1, 4, 10])
def test_a_warm_up_of_nearly_all_steps_has_finite_rates(epochs):
    recipe = Recipe(hidden=[1], schedule="cosine", warmup=0.97, epochs=epochs)
    found = learning_rates(recipe, 1)
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_an_order_is_a_permutation_that_epochs_and_replicates_change():
    orders = [data_order(50, 0, r, epoch) for r in (0, 1) for epoch in (0, 1)]
    for order in orders:
        assert sorted(order) == list(range(50))
    assert len({order.tobytes() for order in orders}) == 4


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"schedule": "step"}, True),
        ({"ema": 0.9, "mixup": 0.2, "vat": 1.0, "augment_shift": 1.0}, True),
        ({"schedule": "cosine"}, False),
        ({"warmup": 0.1}, False),
        ({"swa": 0.5}, False),
        ({"augment_shift": 1.0, "augment_calm": 0.1}, False),
    ],
)
def test_a_training_can_extend_where_nothing_in_it_depends_on_its_end(fields, expected):
    assert can_extend(Recipe(hidden=[1], **fields)) == expected


def test_steps_count_a_last_shorter_batch():
    assert [steps_per_epoch(n, 16) for n in (1, 16, 17, 320)] == [1, 1, 2, 20]
