"""A technique that changes nothing is refused in every design, before anything is trained."""

import numpy as np
import pytest

from stepladder import Recipe, Study, StudyError
from stepladder.data.preprocessing import is_unit_already
from stepladder.study.effective import Circumstances, effective, empty_comparisons
from stepladder.study.loading import BUILT_IN_STUDIES, BUILT_IN_TABLES
from stepladder.study.published import PublishedTable
from stepladder.study.recipe import FIELD_ROLES

BASE = {"hidden": [8], "epochs": 4, "batch_size": 10}
KNOWN = Circumstances(train=100)

NO_OPS = {  # fields of the base, and a change that does nothing to them
    "its value is the arm's": ({"l2": 0.1}, {"l2": 0.1}),
    "dropout of 0": ({}, {"dropout": 0.0}),
    "a position without normalisation": ({}, {"normalization_position": "after"}),
    "dropout before a ReLU": ({"dropout": 0.3}, {"dropout_position": "before"}),
    "dropout before, without dropout": ({}, {"dropout_position": "before"}),
    "a patience that stops nothing": ({}, {"patience": 3}),
    "a patience that begins too late": ({"start_from_epoch": 2, "patience": 1}, {"patience": 2}),
    "a decay without a schedule": ({}, {"decay_rate": 0.5}),
    "epochs of a decay with a cosine": ({"schedule": "cosine"}, {"decay_epochs": 2}),
    "a schedule that never falls": ({}, {"schedule": "step"}),
    "a schedule whose factor is 1": ({"decay_epochs": 2}, {"schedule": "step", "decay_rate": 1.0}),
    "a warm-up of less than a step": ({}, {"warmup": 0.01}),
    "the warm-up that one_cycle has": ({"schedule": "one_cycle"}, {"warmup": 0.3}),
    "a batch of more than all": ({"batch_size": 100}, {"batch_size": 200}),
    "all examples": ({}, {"train_examples": 100}),
    "an average of one epoch": ({}, {"swa": 0.1}),
    "a calm of less than a step": ({"augment_shift": 1.0}, {"augment_calm": 0.001}),
    "no limit where there is none": ({}, {"max_norm": "none"}),
    "the texts of a default": ({"optimizer": "adam"}, {"optimizer": "Adam"}),
}  # fmt: skip
WORKS = {"name": "works", "change": {"label_smoothing": 0.1}}
MORE = [{"name": name, "change": {name: 0.1}} for name in ("ema", "weight_decay", "mixup")]
DESIGNS = ("ladder", "one_at_a_time", "leave_one_out", "factorial", "fraction", "explicit")


def study(design, base, *changes, **fields):
    named = [WORKS, *({"name": f"does nothing {place}", "change": change}
                      for place, change in enumerate(changes))]  # fmt: skip
    if design == "fraction":
        named += MORE
    key = "explicit" if design == "explicit" else "techniques"
    return Study(name="s", design=design, base={**BASE, **base}, **{key: named}, **fields)


def problems(make, known=KNOWN):
    """What is wrong with a study: when it is made, or before it is trained."""
    try:
        return empty_comparisons(make(), known)
    except StudyError as error:
        return list(error.problems)


@pytest.mark.parametrize(
    "base",
    [
        {"activation": "sigmoid"},
        {"activation": "relu(max_value=6.0)"},
        {"noise": "gaussian_noise(stddev=0.1)"},
        {"normalization": "batch", "normalization_position": "after"},
        {"activity_regularizer": "l1(l1=0.01)"},
    ],
)
def test_dropout_before_an_activation_may_differ(base):
    after = Recipe(**{**BASE, "dropout": 0.3, **base})
    assert effective(after.changed({"dropout_position": "before"})) != effective(after)


@pytest.mark.parametrize("tuning", ["fixed", "fair"])
@pytest.mark.parametrize("no_op", NO_OPS)
@pytest.mark.parametrize("design", DESIGNS)
def test_no_design_lets_a_no_op_through(design, no_op, tuning):
    base, change = NO_OPS[no_op]
    if no_op == "the texts of a default" and "Adam" not in str(_accepted("optimizer", "Adam")):
        pytest.skip("the field takes one form alone")
    found = problems(lambda: study(design, base, change, tuning=tuning))
    assert found
    assert "does nothing 0" in found[0]
    assert "must" in found[0]
    assert "remove" in found[0] or "write" in found[0]


def _accepted(field, value):
    try:
        return Recipe(hidden=[1], **{field: value}) and value
    except StudyError:
        return None


@pytest.mark.parametrize("design", DESIGNS)
def test_two_techniques_that_do_the_same_are_refused(design):
    changes = {"l2": 0.1}, {"l2": 0.1, "decay_rate": 0.5}
    found = problems(lambda: study(design, {}, *changes))
    assert found
    assert "does nothing 0" in " ".join(found) or "does nothing 1" in " ".join(found)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_study_whose_techniques_all_work_is_let_through(design):
    assert problems(lambda: study(design, {}, {"normalization": "batch"}, {"warmup": 0.5})) == []


def test_what_works_on_top_of_an_earlier_rung_is_let_through_and_the_reverse_is_not():
    step, faster = {"schedule": "step", "decay_epochs": 2}, {"decay_rate": 0.5}
    assert problems(lambda: study("ladder", {}, step, faster)) == []
    found = problems(lambda: study("ladder", {}, faster, step))
    assert "decay_rate = 0.5 works only with schedule = step" in found[0]
    assert "on top of 'does nothing 1': make both changes one technique" in found[0]


@pytest.mark.parametrize("design", ["factorial", "one_at_a_time", "leave_one_out"])
def test_a_technique_that_needs_another_one_is_refused_with_its_name(design):
    momentum, nesterov = {"momentum": 0.9}, {"nesterov": True}
    (found,) = problems(lambda: study(design, {}, momentum, nesterov))
    assert "nesterov must be false without SGD momentum" in found
    assert "'does nothing 0'" in found
    assert f"design {design}" in found
    assert "make both changes one technique" in found


def test_techniques_that_contradict_each_other_are_no_factorial():
    adam, momentum = {"optimizer": "adam"}, {"momentum": 0.9}
    found = problems(lambda: study("factorial", {}, adam, momentum))
    assert "combines 'does nothing 0' with 'does nothing 1': leave one of them out" in found[0]
    assert problems(lambda: study("one_at_a_time", {}, adam, momentum)) == []


def test_a_comparison_that_is_made_twice_is_refused():
    there_and_back = problems(lambda: study("ladder", {}, {"l2": 0.1}, {"l2": 0.0}))
    assert "one effect would count twice" in there_and_back[0]
    alone = problems(lambda: Study(name="s", base=BASE, design="leave_one_out", techniques=["ELU"]))
    assert "remove 'all but ELU', or write design = \"ladder\"" in alone[0]


def test_parameters_of_ones_own_are_compared_as_they_are(tmp_path):
    (tmp_path / "train.py").write_text("def train(params, seed): ...\n", "utf-8")
    file = tmp_path / "study.toml"
    for change, count in (("depth = 2", 1), ("depth = 3", 0)):
        file.write_text(
            'name = "s"\ntrainer = "train.py:train"\ndesign = "explicit"\n[base]\ndepth = 2\n'
            f'[[arm]]\nname = "deeper"\nchange = {{ {change} }}\n', "utf-8",
        )  # fmt: skip
        assert len(empty_comparisons(Study.load(file))) == count


def test_readings_of_a_published_table_that_are_trained_alike():
    rows = [
        {"name": "plain", "reported": "90", "techniques": []},
        {"name": "faster", "reported": "91", "change": {"decay_rate": 0.5}},
    ]
    table = PublishedTable(name="t", source="me", base=BASE, rows=rows)
    assert "works only with schedule = step" in empty_comparisons(table.study, KNOWN)[0]


def test_a_field_that_is_tuned_or_searched_to_no_effect():
    grid = {"grid": {"decay_rate": [0.1, 0.5, 0.9]}}
    tuned = {"name": "s", "base": BASE, "techniques": ["ELU"], "tuning": "fair", "tune": grid}
    (found,) = empty_comparisons(Study(**tuned), KNOWN)
    assert found == ("tune.grid.decay_rate must have an effect in some arm, found that it changes "
                     "nothing without schedule = step; remove it")  # fmt: skip
    schedule = {"schedule": "step", "decay_epochs": 2}
    assert empty_comparisons(Study(**{**tuned, "base": {**BASE, **schedule}}), KNOWN) == []
    space = {"decay_rate": {"type": "float", "low": 0.1, "high": 0.9},
             "learning_rate": {"type": "float", "low": 0.1, "high": 0.9}}  # fmt: skip
    searched = {"name": "s", "base": BASE, "search": {"space": space}}
    (found,) = empty_comparisons(Study(**searched), KNOWN)
    assert "search.space.decay_rate must have an effect" in found
    drawn = {"type": "categorical", "choices": ["constant", "step"]}
    space |= {"schedule": drawn, "decay_epochs": {"type": "int", "low": 1, "high": 3}}
    assert empty_comparisons(Study(**searched), KNOWN) == []


def test_unit_scaling_of_inputs_that_are_in_0_to_1_already():
    rng = np.random.default_rng(0)
    images = rng.random((50, 4, 4)).astype(np.float32)
    images[:, 0, 0], images[:, 0, 1] = 0, 1
    assert is_unit_already(images, 49)
    assert not is_unit_already(images, 50)
    assert not is_unit_already(images * 2, 5)
    assert not is_unit_already((images * 255).astype(np.uint8), 5)
    table = images.reshape(50, 16)  # column by column, and most of them do not reach the ends
    assert not is_unit_already(table, 5)
    assert is_unit_already(np.round(table[:, 2:]), 5)
    made = study("explicit", {"scaling": "none"}, {"scaling": "unit"})
    assert empty_comparisons(made, KNOWN) == []
    (found,) = empty_comparisons(made, Circumstances(100, is_unit=True))
    assert "scaling = unit changes nothing in inputs that are in 0…1 already" in found


@pytest.mark.parametrize("name", BUILT_IN_STUDIES)
def test_built_in_studies_have_no_no_ops(name):
    assert empty_comparisons(Study.load(name), Circumstances(train=54_000)) == []


@pytest.mark.parametrize("name", BUILT_IN_TABLES)
def test_built_in_tables_have_no_no_ops(name):
    assert empty_comparisons(PublishedTable.load(name).study, Circumstances(train=54_000)) == []


@pytest.mark.parametrize("name", [name for name, role in FIELD_ROLES.items() if role.only_with])
def test_a_field_that_works_only_with_another_is_idle_without_it_and_not_with_it(name):
    """Every field that says so of itself, newer ones too."""
    role, info = FIELD_ROLES[name], Recipe.model_fields[name]
    values = [value for value in (*info.examples, *getattr(info.annotation, "__args__", ()), 7, 0.7)
              if value != info.default]  # fmt: skip
    value = next(value for value in values if _accepted(name, value) is not None)
    base = Recipe(hidden=[8], epochs=99)
    assert effective(base.changed({name: value})) == effective(base)
    with_it = base.changed({key: allowed[0] for key, allowed in role.only_with.items()})
    assert effective(with_it.changed({name: value})) != effective(with_it)


def test_an_effective_recipe_is_its_own():
    for arm in Study.load("mnist").arms:
        recipe = effective(arm.recipe, KNOWN)
        assert effective(recipe, KNOWN) == recipe
