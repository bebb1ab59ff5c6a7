"""Judging a published table by results that follow a rule: no training here."""

import math

import pytest
from example_table import ROWS, accuracy, judged, judged_own
from fake_training import noise


def test_each_row_names_the_reading_that_comes_nearest():
    _, rows = judged()
    assert [row.verdict for row in rows.values()] == ["reproduced"] * 3
    assert rows["ReLU"].nearest.candidate.reading == "near"
    assert [each.finding for each in rows["ReLU"].readings] == ["fits", "excluded"]
    assert rows["ReLU"].readings[1].distance == pytest.approx(5, abs=0.5)
    assert rows["dropout"].nearest.candidate.reading == "on ReLU"
    assert not any(row.others or row.missing for row in rows.values())


def test_a_figure_that_no_reading_gives_is_not_reproduced():
    rows = [{**ROWS[0], "reported": 50}, *ROWS[1:]]
    _, found = judged(rows)
    assert found["naive"].verdict == "not reproduced"
    assert found["naive"].nearest.expected.high < 0.5
    assert found["naive"].missing == ()


def test_few_replicates_tell_nothing():
    _, found = judged(replicates=3)
    assert [row.verdict for row in found.values()] == ["cannot be judged"] * 3
    (said,) = found["ReLU"].missing
    assert said.startswith("lacks replicates: 2 of 2 readings have fewer than 5")
    assert found["ReLU"].nearest.candidate.reading == "near"
    assert len(found["ReLU"].others) == 1


def test_nothing_is_told_before_anything_is_trained():
    made, found = judged(trained=0)
    assert {row.verdict for row in found.values()} == {"cannot be judged"}
    assert not made.results.finished
    assert all(pair.alone is None for pair in made.neighbours)


def test_a_reading_that_was_not_trained_yet_is_no_nearest():
    made, found = judged(only=("naive", "ReLU: far", "dropout: on Adam"))
    assert [each.candidate.reading for each in found["ReLU"].readings] == ["far", "near"]
    assert found["ReLU"].nearest.finding == "excluded"
    assert found["ReLU"].verdict == "cannot be judged"
    assert [pair.row.row.name for pair in made.neighbours] == ["ReLU", "dropout"]


def test_a_row_without_a_reading_lacks_its_protocol():
    made, found = judged([*ROWS, {"name": "secret", "reported": 99}])
    assert found["secret"].verdict == "cannot be judged"
    assert found["secret"].missing == ("lacks a protocol: nothing says what was trained",)
    assert found["secret"].nearest is None
    assert "secret" not in [pair.row.row.name for pair in made.neighbours]


def test_readings_that_fit_alike_are_all_named_with_what_they_differ_in():
    same = [{"name": "a", "change": {}}, {"name": "b", "change": {"learning_rate": 0.5}}]
    _, found = judged([{"name": "naive", "reported": 30, "readings": same}])
    (row,) = found.values()
    assert row.verdict == "reproduced"
    assert len(row.others) == 1
    assert row.missing == (
        "does not tell its protocol: 2 readings fit, which differ in learning_rate",
    )


def test_neighbours_differ_in_what_their_nearest_readings_do():
    made, _ = judged()
    relu, dropout = made.neighbours
    assert relu.named == (("activation", "sigmoid", "relu"),)
    assert [each.what for each in relu.beyond] == ["batch_size", "optimizer steps"]
    assert dropout.named == (("dropout", 0.0, 0.2),)
    assert [each.what for each in dropout.beyond] == ["batch_size", "optimizer steps"]
    assert (relu.step, dropout.step) == pytest.approx((60, -10))


def test_a_technique_is_judged_where_nothing_else_differs():
    made, _ = judged()
    relu, dropout = made.neighbours
    assert relu.alone is None  # no sigmoid network with batches of 4 was trained
    other, effect = dropout.alone
    assert other.name == "ReLU: far"
    assert effect.mean == pytest.approx(-5, abs=0.5)
    assert effect.verdict == "hurts"
    assert dropout.step < effect.mean  # the table says twice as much


def test_rows_that_may_still_be_judged_count_in_the_family():
    _, dropout = judged()[0].neighbours
    assert dropout.alone[1].p_t_adjusted == dropout.alone[1].p_t  # of two rows one can be judged
    made, _ = judged(only=("ReLU: far", "dropout: on ReLU"))
    (dropout,) = made.neighbours
    assert dropout.alone[1].p_t_adjusted == pytest.approx(2 * dropout.alone[1].p_t)


def higher_where_the_initialiser_is_ours(trial):
    return accuracy(trial) + 0.2 * (trial.recipe.initializer == "glorot_uniform")


@pytest.mark.parametrize(("reported", "first"), [(30, "naive: wide"), (50, "naive: base")])
def test_the_row_above_is_taken_where_it_lacks_the_technique_alone(reported, first):
    readings = [{"name": "wide", "techniques": ["plain normal"]}, {"name": "base"}]
    naive = {**ROWS[0], "reported": reported, "readings": readings}
    he = {"name": "He normal", "reported": 30, "techniques": ["He normal"]}
    made, rows = judged([naive, he], higher_where_the_initialiser_is_ours)
    (pair,) = made.neighbours
    assert f"naive: {rows['naive'].nearest.candidate.reading}" == first
    assert pair.alone[0].name == first


def test_a_row_that_lacks_its_own_technique_has_no_effect_of_it():
    rows = [
        {"name": "naive", "reported": 30, "techniques": ["Adam"]},
        {"name": "Adam", "reported": 30, "change": {}},
    ]
    (pair,) = judged(rows)[0].neighbours
    assert pair.named == (("optimizer", "adam", "sgd"),)
    assert pair.alone is None


@pytest.mark.parametrize(("above", "other"), [({}, "naive: as declared"), (
    {"dropout": 0.2}, "naive: as declared")])  # fmt: skip
def test_any_strength_of_a_technique_is_the_technique(above, other):
    rows = [
        {"name": "naive", "reported": 30, "change": above},
        {"name": "dropout", "reported": 30, "change": {"dropout": 0.5}},
    ]
    (pair,) = judged(rows)[0].neighbours
    assert pair.named == (("dropout", above.get("dropout", 0.0), 0.5),)
    assert pair.alone[0].name == other


def test_another_strength_is_not_without_the_technique():
    """Of rows that are not neighbours: dropout of 0.2 does not tell what 0.5 is worth."""
    rows = [
        {"name": "weak", "reported": 30, "change": {"dropout": 0.2}},
        {"name": "naive", "reported": 30, "change": {"batch_size": 4, "dropout": 0.2}},
        {"name": "dropout", "reported": 30, "change": {"dropout": 0.5}},
    ]
    assert judged(rows)[0].neighbours[1].alone is None


def test_a_row_is_compared_with_the_row_that_it_names():
    made, _ = judged([*ROWS[:2], {**ROWS[2], "above": "naive"}])
    assert made.neighbours[1].above.row.name == "naive"
    assert made.neighbours[1].named == (("dropout", 0.0, 0.2),)
    assert "activation" in [each.what for each in made.neighbours[1].beyond]


def test_what_diverges_gives_no_figure():
    _, found = judged(rule=lambda trial: math.nan)
    assert {row.verdict for row in found.values()} == {"not reproduced"}
    assert found["naive"].nearest.distance == math.inf
    assert found["naive"].nearest.expected.n == 0


def test_a_mean_of_more_runs_is_held_to_more():
    rule = lambda trial: 0.3 + noise(trial, 0.05)  # noqa: E731
    reach = {}
    for runs in (1, 100):
        _, found = judged([{**ROWS[0], "runs": runs}], rule)
        expected = found["naive"].nearest.expected
        reach[runs] = expected.high - expected.low
    assert reach[1] / reach[100] == pytest.approx(math.sqrt((1 + 1 / 5) / (1 / 100 + 1 / 5)))


# A training of the user's own, judged by an error.

OWN = {
    "metric": {"name": "rmse", "unit": "kWh", "delta": 0.5},
    "trainer": {"command": ["train", "{params}"]},
    "base": {"lr": 0.1, "depth": 2},
}
OF_OWN = [
    {"name": "plain", "reported": 30, "change": {}},
    {"name": "deep", "reported": "~21", "readings": [
        {"name": "alone", "change": {"depth": 3}},
        {"name": "and fast", "change": {"depth": 3, "lr": 0.2}}]},
]  # fmt: skip


def test_a_table_of_ones_own_training_is_judged_in_its_unit():
    def rmse(trial):
        values = trial.config.values
        return 30 - 10 * (values["depth"] - 2) + (values["lr"] > 0.1) + noise(trial)

    made, rows = judged_own(OF_OWN, rmse, **OWN)
    assert [row.verdict for row in rows.values()] == ["reproduced", "reproduced"]
    assert rows["deep"].nearest.candidate.reading == "and fast"
    assert rows["deep"].nearest.distance < 1
    (pair,) = made.neighbours
    assert pair.step == -9
    assert pair.named == ()  # the row's own change is in its readings
    assert {confound.what for confound in pair.beyond} == {"depth", "lr"}


def test_a_rows_own_change_is_what_it_shows():
    rows = [OF_OWN[0], {"name": "deep", "reported": 20, "change": {"depth": 3}}]
    made, found = judged_own(rows, lambda trial: 50 - 10 * trial.config.values["depth"]
                             + noise(trial), **OWN)  # fmt: skip
    assert found["plain"].verdict == "reproduced"
    (pair,) = made.neighbours
    assert (pair.named, pair.beyond) == ((("depth", 2, 3),), ())
    other, effect = pair.alone
    assert other.name == "plain: as declared"
    assert effect.mean == pytest.approx(-10, abs=0.5)
    assert effect.verdict == "helps"
