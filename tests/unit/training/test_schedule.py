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


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("exponential_decay(decay_epochs=1, decay_rate=0.5)", [0.5, 0.25, 0.125]),
        ("exponential_decay(decay_steps=10, decay_rate=0.5)", [0.5, 0.25, 0.125]),
        ("inverse_time_decay(decay_epochs=1, decay_rate=1)", [0.5, 0.25, 0.5 / 3]),
        ("polynomial_decay(decay_epochs=2, end_learning_rate=0.0)", [0.5, 0.25, 0.0]),
        ("cosine_decay(decay_epochs=2)", [0.5, 0.25, 0.0]),
        ("cosine_decay_restarts(first_decay_epochs=1, m_mul=0.5, t_mul=1.0)", [0.5, 0.25, 0.125]),
        ("piecewise_constant_decay(boundaries=[9, 19], values=[0.5, 0.1, 0.2])", [0.5, 0.1, 0.2]),
    ],
)
def test_schedules_of_keras_count_steps_or_epochs_and_begin_at_the_learning_rate(
    schedule, expected
):
    found = rates(epochs=3, schedule=schedule)
    assert found.shape == (3, 10)
    assert found[:, 0] == pytest.approx(expected, abs=1e-7)


def test_warm_up_comes_before_a_schedule_of_keras():
    found = rates(epochs=2, schedule="cosine_decay(decay_steps=10)", warmup=0.2).reshape(-1)
    alone = rates(epochs=2, schedule="cosine_decay(decay_steps=10)").reshape(-1)
    assert np.allclose(found[:5], 0.5 * np.arange(1, 6) / 5)
    assert np.allclose(found[4:], alone[:16])


def test_a_share_of_an_epoch_is_one_step_at_least():
    found = rates(epochs=1, schedule="exponential_decay(decay_epochs=0.01, decay_rate=0.5)")
    assert found[0, :3] == pytest.approx([0.5, 0.25, 0.125])


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.3])
def test_keras_is_asked_at_every_step_alone_where_its_schedule_decides_by_it(epochs, warmup):
    schedule = "cosine_decay(decay_epochs=1, warmup_target=2.0, warmup_steps=4)"
    found = rates(epochs=epochs, schedule=schedule, warmup=warmup).reshape(-1)
    assert found.max() == pytest.approx(2.0)
    assert found.argmax() == round(warmup * epochs * 10) + 4


def test_an_extended_training_begins_with_the_rates_of_the_shorter():
    for schedule in ("cosine_decay(decay_epochs=4)", "polynomial_decay(decay_epochs=4)"):
        assert can_extend(Recipe(hidden=[1], schedule=schedule))
        assert (rates(epochs=5, schedule=schedule)[:2] == rates(epochs=2, schedule=schedule)).all()
