"""`own`: values that a network of the user's own reads, in recipes, changes, spaces and grids."""

import pickle

import pytest

from stepladder import Recipe, Study, StudyError
from stepladder.study.confounds import confounds
from stepladder.study.params import flat_values, with_values
from stepladder.study.search_space import config_of
from stepladder.training.groups import is_lane_number, program_key

MODEL = f"{'0' * 64}:build"
OWN = {"kernel_size": 3, "residual": False, "block": {"depth": 2, "units": [8, 8]}}
RECIPE = Recipe(model=MODEL, own=OWN)
CODE = "def build(recipe, input_shape, classes): pass\ndef residual(recipe, *sizes): pass\n"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Makes a study whose network is its own."""
    (tmp_path / "net.py").write_text(CODE, "utf-8")
    monkeypatch.chdir(tmp_path)

    def make(**fields):
        return Study(**{"name": "s", "model": "net.py:build", "base": {"own": OWN}, **fields})

    return make


def test_a_change_replaces_only_the_keys_that_it_has():
    changed = RECIPE.changed({"own": {"block": {"depth": 3}, "residual": True}})
    assert changed.own == {"kernel_size": 3, "residual": True,
                           "block": {"depth": 3, "units": [8, 8]}}  # fmt: skip
    assert RECIPE.own == OWN


def test_recipes_of_one_own_are_one_key_whatever_the_order():
    again = Recipe(model=MODEL, own=dict(reversed(OWN.items())))
    assert {RECIPE: 1}[again] == 1
    assert again.fingerprint == RECIPE.fingerprint
    assert pickle.loads(pickle.dumps(RECIPE)) == RECIPE
    other = RECIPE.changed({"own": {"kernel_size": 3.0}})
    assert (other == RECIPE, other.fingerprint == RECIPE.fingerprint) == (False, False)


def test_without_own_a_recipe_is_written_as_before():
    assert "own" not in Recipe(model=MODEL).canonical
    assert "own" in RECIPE.canonical


def test_own_selects_the_program():
    other = RECIPE.changed({"own": {"kernel_size": 5}})
    assert program_key(RECIPE) == program_key(RECIPE.changed({"learning_rate": 0.5}))
    assert program_key(RECIPE) != program_key(other)
    assert not is_lane_number("own.kernel_size", RECIPE)


def test_values_have_the_path_of_their_key():
    flat = flat_values(RECIPE)
    assert (flat["own.kernel_size"], flat["own.block.units"]) == (3, [8, 8])
    assert "own" not in flat
    assert with_values(RECIPE, {"own.kernel_size": 5.0, "learning_rate": 1}).own["kernel_size"] == 5


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: RECIPE.changed({"own": {"kernelsize": 5}}),
         "found 'own.kernelsize'; did you mean 'own.kernel_size'?"),
        (lambda: RECIPE.changed({"own": {"block": {"colour": 5}}}), "add it to [base]"),
        (lambda: RECIPE.changed({"own": {"block": {"unit": 5}}}), "mean 'own.block.units'?"),
        (lambda: RECIPE.changed({"own": 3}), "own must be a table, found 3"),
        (lambda: Recipe(hidden=[3], own={"depth": 2}), "own must be empty without a model"),
        (lambda: Recipe(model=MODEL, own={"layer": object()}),
         "must be finite numbers, texts, true or false, lists and tables, found <object"),
        (lambda: Recipe(model=MODEL, own={"a.b": 1}), "must have keys without a dot"),
    ],
)  # fmt: skip
def test_what_will_not_do(make, expected):
    with pytest.raises(StudyError) as refused:
        make()
    assert expected in str(refused.value)


def test_techniques_and_arms_change_keys_of_the_base(study):
    kernel = {"name": "wide", "change": {"own": {"kernel_size": 5}}}
    assert [arm.recipe.own["kernel_size"] for arm in study(techniques=[kernel]).arms] == [3, 5]
    arms = study(design="explicit", explicit=[kernel]).arms
    assert [arm.recipe.own["kernel_size"] for arm in arms] == [3, 5]
    kernel["change"] = {"own": {"kernels": 5}}
    with pytest.raises(StudyError, match=r"technique 'wide' on .*found 'own\.kernels'"):
        study(techniques=[kernel])


def test_a_study_with_own_is_read_back_equal(study, tmp_path):
    asked = study(techniques=[{"name": "deep", "change": {"own": {"block": {"depth": 4}}}}])
    (tmp_path / "again.toml").write_text(asked.to_toml(), "utf-8")
    assert Study.load(tmp_path / "again.toml") == asked
    changed = Study.load(tmp_path / "again.toml", {"base.own.kernel_size": 7})
    assert changed.recipe.own == {**OWN, "kernel_size": 7}


def test_what_else_differs_in_own_is_a_confound(study):
    both = {"name": "both", "change": {"own": {"kernel_size": 5, "block": {"depth": 4}}}}
    asked = study(design="explicit", explicit=[both])
    assert [one.what for one in confounds(asked)] == ["own.kernel_size", "own.block.depth"]
    asked = study(techniques=[{"name": "wide", "change": {"own": {"kernel_size": 5}}}])
    assert confounds(asked) == ()


SPACE = {
    "own.kernel_size": {"type": "categorical", "choices": [3, 5, 7]},
    "own.block.units": {"type": "categorical", "choices": [[8, 8], [16]]},
    "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
}


def test_a_search_draws_keys_of_own_as_fields(study):
    asked = study(search={"space": SPACE})
    params = {"own.kernel_size": 5, "own.block.units": "16", "learning_rate": 0.01}
    drawn = config_of(params, asked.search.space, asked.base)
    assert drawn.own == {**OWN, "kernel_size": 5, "block": {"depth": 2, "units": [16]}}
    assert drawn.learning_rate == 0.01
    with pytest.raises(StudyError, match=r"did you mean 'own\.kernel_size'"):
        study(search={"space": {"own.kernelsize": SPACE["own.kernel_size"]}})
    as_tables = study(search={"space": {"own": {"kernel_size": SPACE["own.kernel_size"]}}})
    assert list(as_tables.search.space) == ["own.kernel_size"]


def test_a_fair_grid_takes_numbers_of_own(study):
    asked = study(tuning="fair", tune={"grid": {"own.kernel_size": [3, 5, 7]}})
    assert asked.tuned_fields == ("own.kernel_size",)
    wide = {"name": "wide", "change": {"own": {"kernel_size": 5}}}
    with pytest.raises(StudyError, match=r"changes own\.kernel_size, which a fair study tunes"):
        study(tuning="fair", tune={"grid": {"own.kernel_size": [3, 5, 7]}}, techniques=[wide])
    with pytest.raises(StudyError, match="must be of numeric fields"):
        study(tuning="fair", tune={"grid": {"own.residual": [3, 5, 7]}})


# A function of a model file as a technique.


RESIDUAL = {"name": "residual", "change": {"model": "net.py:residual"}}


def test_a_function_is_a_technique(study, tmp_path):
    asked = study(techniques=[RESIDUAL])
    base, arm = asked.arms
    assert base.recipe.model == asked.model.identity
    assert arm.recipe.model == f"{asked.model.sha256}:residual"
    assert [file.function for file in asked.model_files] == ["build", "residual"]
    assert asked.model_of(arm.recipe).text == CODE
    assert program_key(base.recipe) != program_key(arm.recipe)
    (tmp_path / "again.toml").write_text(asked.to_toml(), "utf-8")
    again = Study.load(tmp_path / "again.toml")
    assert again == asked
    assert again.models[0].text == CODE
    assert asked.changed({"seed": 1}).models == asked.models


def test_a_study_without_one_is_stored_as_before(study):
    assert "models" not in study().model_dump()
    assert study(techniques=[{"name": "same", "change": {
        "model": "net.py:build", "own": {"kernel_size": 5}}}]).models == ()  # fmt: skip


def test_files_that_no_change_names_any_more_are_left_out(study, tmp_path):
    (tmp_path / "again.toml").write_text(study(techniques=[RESIDUAL]).to_toml(), "utf-8")
    assert Study.load(tmp_path / "again.toml", {"technique": []}).models == ()


def test_a_technique_made_in_python_names_a_function_too(study):
    from stepladder import Technique

    asked = study(techniques=[Technique(**RESIDUAL)])
    assert [file.function for file in asked.models] == ["residual"]


def test_a_built_in_network_may_be_compared_with_one_of_ones_own(study):
    asked = study(model=None, base={"hidden": [8]}, techniques=[RESIDUAL])
    assert [arm.recipe.model is None for arm in asked.arms] == [True, False]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("nets.py:residual", "technique 'residual': model must be a file that can be read"),
        ("net.py", "technique 'residual': model must be FILE.py:FUNCTION, found 'net.py'"),
        ("../net.py:residual", "technique 'residual': model.file must be a .py file"),
        (f"{'0' * 64}:residual", "whose file is not among the study's models"),
        (3, "model must be a text, found 3"),
    ],
)
def test_a_function_that_is_not_there(model, expected, study):
    with pytest.raises(StudyError) as refused:
        study(techniques=[{"name": "residual", "change": {"model": model}}])
    assert expected in str(refused.value)


def test_a_change_of_a_training_of_ones_own_may_have_any_model(study):
    asked = Study(name="s", trainer={"command": ["train", "{model}"]}, metric="auroc",
                  base={"model": "small"},
                  techniques=[{"name": "large", "change": {"model": "large"}}])  # fmt: skip
    assert [arm.config.flat["model"] for arm in asked.arms] == ["small", "large"]


def test_a_table_of_weights_is_what_its_technique_changes():
    weights = {"name": "weights", "change": {"class_weight": {"yes": 10}}}
    study = Study(name="s", base={"hidden": [3]}, techniques=[weights])
    assert confounds(study) == ()
