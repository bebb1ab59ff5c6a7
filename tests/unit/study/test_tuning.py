"""Fair studies as they are declared: grids, their widening, and what cannot be tuned."""

import pytest

from stepladder import Recipe, Study, StudyError
from stepladder.study.tuning import Tuning, candidates, default_grid, widen_grid, with_values

BASE = {"hidden": [5], "activation": "sigmoid", "learning_rate": 0.01}


def fair(**fields):
    values = {"name": "s", "base": BASE, "tuning": "fair", "techniques": ["ReLU", "Adam"]}
    return Study(**{**values, **fields})


def test_the_default_grid_is_nine_rates_around_the_base_s():
    grid = default_grid(Recipe(**BASE))["learning_rate"]
    assert grid == (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    assert fair().tuned_fields == ("learning_rate",)
    assert Study(name="s", base=BASE).tuned_fields == ()


@pytest.mark.parametrize(
    ("values", "up", "down"),
    [
        ((0.1, 0.3, 1.0), 3.0, 0.03),
        ((1.0, 3.0, 10.0), 30.0, 0.3),
        ((0.01, 0.1, 1.0), 10.0, 0.001),
        ((1.0, 2.0, 4.0), 8.0, 0.5),
        ((0.0, 0.1, 0.2), 0.3, -0.1),
    ],
)
def test_a_grid_is_widened_by_the_pattern_of_its_steps(values, up, down):
    assert widen_grid({"x": values}, "x", True) == {"x": (*values, up)}
    assert widen_grid({"x": values}, "x", False) == {"x": (down, *values)}


def test_candidates_are_every_combination():
    grid = {"learning_rate": (0.1, 1.0), "dropout": (0.0, 0.5)}
    assert [tuple(each.values()) for each in candidates(grid)] == [
        (0.1, 0.0), (0.1, 0.5), (1.0, 0.0), (1.0, 0.5)
    ]  # fmt: skip


def test_whole_numbers_stay_whole():
    assert with_values(Recipe(**BASE), {"batch_size": 64.0, "dropout": 0.1}).batch_size == 64


def test_a_number_that_may_be_left_out_can_be_tuned():
    tune = {"grid": {"patience": [1, 2, 4]}}
    study = Study(name="s", base={"hidden": [8]}, techniques=["tanh"], tuning="fair", tune=tune)
    assert study.tuned.grid["patience"] == (1.0, 2.0, 4.0)
    assert with_values(study.base, {"patience": 4.0}).patience == 4


def test_a_fair_study_is_read_from_toml_and_written_again(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(
        'name = "x"\ntuning = "fair"\n[tune]\nreplicates = 3\n[tune.grid]\n'
        "learning_rate = [0.01, 0.1, 1]\nbatch_size = [8, 16, 32]\n[base]\nhidden = [5]\n",
        "utf-8",
    )
    study = Study.load(file)
    assert study.tuned == Tuning(
        replicates=3, grid={"learning_rate": [0.01, 0.1, 1.0], "batch_size": [8, 16, 32]}
    )
    again = tmp_path / "again.toml"
    again.write_text(study.to_toml(), "utf-8")
    assert Study.load(again) == study


def test_mnist_fair_is_mnist_but_tuned():
    ladder, tuned = Study.load("mnist"), Study.load("mnist-fair")
    assert tuned.arms == ladder.arms
    assert tuned.changed({"tuning": "fixed", "tune": None, "name": "mnist"}) == ladder.changed(
        {"reported": None}
    )


@pytest.mark.parametrize(
    ("tune", "techniques", "expected"),
    [
        ({"grid": {"learning_rat": [0.1, 1, 2]}}, ["ReLU"], "did you mean 'learning_rate'?"),
        ({"grid": {"activation": [0.1, 1, 2]}}, ["ReLU"], "must be of numeric fields"),
        ({"grid": {"epochs": [1, 2, 3]}}, ["ReLU"], "must be of numeric fields"),
        ({"grid": {"learning_rate": [0.1, 1]}}, ["ReLU"], "three values or more"),
        ({"grid": {"learning_rate": [1, 0.1, 2]}}, ["ReLU"], "three values or more, each above"),
        ({"grid": {"learning_rate": [0, 0.1, 2]}}, ["ReLU"], "learning_rate must be above 0"),
        ({"grid": {"l2": [float(each) for each in range(300)]}}, ["ReLU"], "at most 256"),
        ({"grid": {"dropout": [0.0, 0.1, 0.2]}}, ["dropout"], "'dropout' changes dropout, which"),
        ({"replicates": 0}, ["ReLU"], "tune.replicates must be at least 1"),
        ({"grid": {"learning_rate": ["a", 1, 2]}}, ["ReLU"], "must be a number"),
        ({"gird": {}}, ["ReLU"], "tune.gird is not a key of tune"),
    ],
)
def test_what_cannot_be_tuned_is_refused(tune, techniques, expected):
    with pytest.raises(StudyError) as caught:
        fair(tune=tune, techniques=techniques)
    assert expected in str(caught.value)


def test_an_arm_that_sets_what_is_tuned_is_refused():
    arms = [{"name": "slow", "change": {"learning_rate": 0.1, "dropout": 0.2}}]
    with pytest.raises(StudyError, match="arm 'slow' changes learning_rate, which a fair study"):
        fair(techniques=[], design="explicit", explicit=arms)


def test_replicates_may_be_added_until_verdicts_are_settled(tmp_path):
    study = Study(name="s", base=BASE, replicates="auto", most_replicates=12)
    assert (study.adaptive, study.replicates) == (True, 12)
    assert Study(name="s", base=BASE, replicates="auto").replicates == 30
    file = tmp_path / "study.toml"
    file.write_text(study.to_toml(), "utf-8")
    assert 'replicates = "auto"' in study.to_toml()
    assert Study.load(file) == study
    fixed = Study.load(file, {"replicates": 4})
    assert (fixed.adaptive, fixed.replicates) == (False, 4)
    assert Study.load(file, {"replicates": "auto", "most_replicates": 9}).replicates == 9


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"most_replicates": 12}, 'belongs to replicates = "auto", found replicates = left out'),
        ({"replicates": "many"}, "replicates must be a whole number"),
        ({"replicates": "auto", "most_replicates": 0}, "replicates must be at least 1"),
    ],
)
def test_what_cannot_be_added_is_refused(fields, expected):
    with pytest.raises(StudyError) as caught:
        Study(name="s", base=BASE, techniques=["ReLU"], **fields)
    assert expected in str(caught.value)


def test_absolute_rates_are_refused_where_learning_rates_are_tuned():
    schedule = "piecewise_constant_decay(boundaries_epochs=[1], values=[0.01, 0.001])"
    fields = {"name": "s", "base": {"hidden": [3]}, "tuning": "fair"}
    techniques = [{"name": "falls", "change": {"schedule": schedule}}]
    with pytest.raises(StudyError, match="must have no piecewise_constant_decay"):
        Study(**fields, techniques=techniques)
    Study(**fields, techniques=techniques, tune={"grid": {"l2": [0.001, 0.01, 0.1]}})
