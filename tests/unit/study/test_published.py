"""Published tables: what they may say, and the study that comes of them."""

import math

import pytest

from stepladder import PublishedTable, Study, StudyError
from stepladder.study.loading import BUILT_IN_TABLES
from stepladder.study.metrics import METRICS, find_metric
from stepladder.study.published import parse_figure

BASE = {"hidden": [6], "activation": "sigmoid", "epochs": 2, "batch_size": 16}


def table(*rows, **fields):
    return PublishedTable(
        **{"name": "t", "source": "them", "base": BASE, "rows": list(rows), **fields}
    )


NAIVE = {"name": "naive", "reported": 11.3, "change": {}}
RELU = {"name": "ReLU", "reported": "~92.2", "readings": [
    {"techniques": ["He normal", "ReLU"]}, {"name": "alone", "techniques": ["ReLU"]},
]}  # fmt: skip
TWICE = [{"name": "small", "change": {"batch_size": 8}}, {"name": "large"}]


@pytest.mark.parametrize(
    ("given", "value", "tolerance"),
    [
        (92.2, 0.922, 0.0005),
        ("92.2", 0.922, 0.0005),
        ("92.20 %", 0.922, 0.00005),
        ("~92.2", 0.922, 0.001),
        (97, 0.97, 0.005),
        ("~ 97", 0.97, 0.01),
        (0, 0.0, 0.005),
        (100, 1.0, 0.005),
    ],
)
def test_a_figure_is_as_exact_as_it_is_written(given, value, tolerance):
    found = parse_figure(given)
    assert (found.value, found.tolerance) == pytest.approx((value, tolerance))


@pytest.mark.parametrize(
    ("given", "value", "tolerance"),
    [
        (0.31, 0.31, 0.005),
        ("~1.70", 1.70, 0.01),
        (-3.5, -3.5, 0.05),
        ("−3.5", -3.5, 0.05),
        ("2.4e-3", 0.0024, 0.00005),
        ("1e3", 1000, 500),
        (12, 12, 0.5),
    ],
)
def test_a_figure_that_is_no_fraction_is_taken_as_it_is(given, value, tolerance):
    found = parse_figure(given, find_metric("reward", "maximize"))
    assert (found.value, found.tolerance) == pytest.approx((value, tolerance))


@pytest.mark.parametrize("given", ["1,7", "92 %", True, None, "nan", math.inf, "~"])
def test_what_is_no_number_is_refused(given):
    with pytest.raises(ValueError, match=r"must be a number, finite, found .* such as 0.31"):
        parse_figure(given, find_metric("reward", "maximize"))
    with pytest.raises(ValueError, match=r"must be a number, finite and at least 0, found -1"):
        parse_figure(-1, METRICS["rmse"])


@pytest.mark.parametrize("given", [-1, 100.1, "101", "about 92", "", "92,2", True, None, [1], "~"])
def test_anything_else_is_refused_with_what_was_found(given):
    with pytest.raises(ValueError, match="must be a percentage from 0 to 100, found"):
        parse_figure(given)


@pytest.mark.parametrize("name", BUILT_IN_TABLES)
def test_a_built_in_table_is_a_table(name):
    made = PublishedTable.load(name)
    assert made.name == name
    recipes = {each.config for each in made.candidates}
    assert {arm.recipe for arm in made.study.arms} == recipes
    assert made.replicates >= 5
    assert made.takes


def test_the_original_table_has_the_readings_that_its_family_has():
    made = PublishedTable.load("mnist-original")
    assert [row.name for row in made.rows] == [
        "naive", "He normal", "ReLU", "Adam", "batch normalisation", "dropout"
    ]  # fmt: skip
    recipes = [each.config for each in made.candidates]
    assert {recipe.batch_size for recipe in recipes} == {256, 32}
    assert {recipe.scaling for recipe in recipes} == {"unit", "none"}
    assert {recipe.train_examples for recipe in recipes} == {None, 13_860}
    assert {recipe.epochs for recipe in recipes} == {100}
    for row in made.rows:
        assert sum(each.row == row.name for each in made.candidates) >= 4


def test_readings_stand_on_techniques_and_under_every_protocol():
    made = table(NAIVE, RELU, protocols=TWICE)
    found = {f"{each.row}: {each.name}": each.config for each in made.candidates}
    assert list(found) == [
        "naive: as declared, small", "naive: as declared, large",
        "ReLU: He normal + ReLU, small", "ReLU: He normal + ReLU, large",
        "ReLU: alone, small", "ReLU: alone, large",
    ]  # fmt: skip
    both = found["ReLU: He normal + ReLU, small"]
    assert (both.activation, both.initializer, both.batch_size) == ("relu", "he_normal", 8)
    assert [arm.name for arm in made.study.arms] == list(found)


def test_a_reading_may_be_of_some_protocols_and_of_its_row():
    reading = {"techniques": ["Adam"], "protocols": ["large"]}
    made = table({**NAIVE, "change": {"dropout": 0.5}, "readings": [reading]}, protocols=TWICE)
    (only,) = made.candidates
    assert (only.name, only.config.dropout, only.config.optimizer) == ("Adam, large", 0.5, "adam")


def test_rows_that_stand_for_one_recipe_share_its_arm():
    made = table(NAIVE, {**NAIVE, "name": "again"})
    assert len(made.candidates) == 2
    assert len(made.study.arms) == 1
    assert made.study.design == "ladder"


def test_a_row_that_says_no_recipe_has_no_reading():
    made = table(NAIVE, {"name": "secret", "reported": 99})
    assert [each.row for each in made.candidates] == ["naive"]


def test_the_base_of_the_study_uses_all_of_the_data_where_any_does():
    made = table({**NAIVE, "change": {"train_examples": 50}}, {**NAIVE, "name": "all"})
    assert made.study.base.train_examples is None


def test_a_study_whose_first_recipe_alone_has_what_others_lack_is_written_and_read(tmp_path):
    clipped = {**NAIVE, "name": "clipped", "techniques": ["gradient clipping", "max-norm"]}
    made = table(clipped, NAIVE).study
    assert made.arms[1].recipe.global_clipnorm is None
    (tmp_path / "study.toml").write_text(made.to_toml(), "utf-8")
    assert Study.load(tmp_path / "study.toml") == made


def test_a_row_is_read_against_the_one_above_or_the_one_named():
    made = table(NAIVE, RELU, {**NAIVE, "name": "last", "above": "naive"})
    assert [row and row.name for row in map(made.above, made.rows)] == [None, "naive", "naive"]


def test_only_keeps_rows_and_readings():
    made = table(NAIVE, RELU, {**NAIVE, "name": "last", "above": "naive"}, protocols=TWICE)
    some = made.only(["ReLU: alone", "last"])
    assert [each.reading for each in some.candidates if each.row == "ReLU"] == ["alone"] * 2
    assert [row.above for row in some.rows] == [None, None]
    assert made.only(["naive", "ReLU"]).rows == made.rows[:2]


@pytest.mark.parametrize(
    ("rows", "fields", "said"),
    [
        ([], {}, r"a table needs at least one \[\[row\]\], found none"),
        ([{"name": "x"}], {}, r"rows\[1\].reported is missing; write a value such as reported"),
        ([{**NAIVE, "reported": 113}], {}, "must be a percentage from 0 to 100, found 113"),
        ([{**NAIVE, "reported": "much"}], {}, "must be a percentage from 0 to 100, found 'much'"),
        ([{**NAIVE, "reported": 0.97}], {}, "must be percentages, found none above 1"),
        ([{**NAIVE, "runs": 0}], {}, r"rows\[1\].runs must be at least 1, found 0"),
        ([NAIVE, NAIVE], {}, "row names must differ, found 'naive' twice"),
        ([{**NAIVE, "above": "nave"}], {}, "must name another row, found 'nave'"),
        ([{"name": "x", "reported": 9}], {}, "at least one row that says what was trained"),
        ([{**RELU, "readings": [{"techniques": ["RelU2"]}]}], {}, "did you mean 'ReLU'"),
        ([{**RELU, "technique": "relux"}], {}, "must be a technique of the catalogue, found 're"),
        ([{**NAIVE, "change": {"bach_size": 3}}], {}, "bach_size is not a key.*batch_size"),
        ([{**RELU, "readings": [{"change": {}, "protocols": ["lrge"]}]}], {"protocols": TWICE},
         "must name protocols of the table, found 'lrge'; did you mean 'large'"),
        ([{**NAIVE, "readings": [{"name": "a"}, {"name": "b"}]}], {},
         "readings must differ, found 'a' and 'b' that are trained alike"),
        ([{**NAIVE, "readings": [{"name": "a"}, {"name": "a", "techniques": ["Adam"]}]}], {},
         "reading names must differ, found 'a' twice"),
        ([NAIVE], {"protocols": [TWICE[0], TWICE[0]]}, "protocol names must differ"),
        ([NAIVE], {"validation": 2.5}, "validation must be a number of examples"),
        ([NAIVE], {"replicates": 0}, "replicates must be at least 1, found 0"),
        ([NAIVE], {"rws": 1}, "rws is not a key of the table; did you mean"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(rows, fields, said):
    with pytest.raises(StudyError, match=said):
        table(*rows, **fields)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ReLu", "only= must name a row, found 'ReLu'; did you mean 'ReLU'"),
        ("ReLU: alne", "must name a reading of row 'ReLU', found 'alne'; did you mean 'alone'"),
    ],
)  # fmt: skip
def test_only_knows_what_there_is(name, said):
    with pytest.raises(StudyError, match=said):
        table(NAIVE, RELU).only([name])


def test_a_file_that_is_no_table_is_named(tmp_path):
    with pytest.raises(StudyError, match="TABLE must be a file or built in"):
        PublishedTable.load("mnist-orginal")
    (tmp_path / "t.toml").write_text("rows = [", "utf-8")
    with pytest.raises(StudyError, match="must be TOML"):
        PublishedTable.load(tmp_path / "t.toml")


def test_a_number_of_a_file_is_as_exact_as_it_is_written(tmp_path):
    file = tmp_path / "t.toml"
    text = 'name = "t"\nsource = "them"\nbase = { hidden = [6], learning_rate = 0.10 }\n'
    file.write_text(f'{text}row = [{{ name = "a", reported = 97.20, change = {{}} }}]\n', "utf-8")
    made = PublishedTable.load(file)
    figure = made.figure(made.rows[0])
    assert (figure.text, figure.tolerance) == ("97.20", pytest.approx(0.00005))
    assert type(made.base.learning_rate) is float


def test_epochs_are_said_once():
    without = {name: value for name, value in BASE.items() if name != "epochs"}
    assert table(NAIVE, base=without, epochs=7).base.epochs == 7
    assert table(NAIVE, epochs=2).base.epochs == 2
    with pytest.raises(StudyError, match="epochs must be given once, found 7"):
        table(NAIVE, epochs=7)


# Tables of other metrics, and of trainings of the user's own.

OWN = {
    "metric": {"name": "rmse", "unit": "kWh", "delta": 0.02},
    "trainer": {"command": ["train", "{params}"]},
    "base": {"lr": 0.1, "net": {"depth": 2}, "model": "small"},
}
PLAIN = {"name": "plain", "reported": 3.1, "change": {}}
DEEP = {"name": "deep", "reported": "~2.9", "readings": [
    {"name": "deep", "change": {"net": {"depth": 3}}},
    {"techniques": [{"name": "slow", "change": {"lr": 0.01}}], "change": {"model": "large"}},
]}  # fmt: skip


def test_a_table_of_ones_own_training_makes_its_study():
    made = table(
        PLAIN, DEEP, **OWN, protocols=[{"name": "one"}, {"name": "two", "change": {"lr": 0.2}}]
    )
    study = made.study
    assert (study.judged.name, study.judged.unit, study.delta) == ("rmse", "kWh", 0.02)
    assert (study.dataset, len(study.arms)) == (None, 6)
    flat = {arm.name: arm.config.flat for arm in study.arms}
    assert flat["plain: as declared, one"] == {"lr": 0.1, "net.depth": 2, "model": "small"}
    assert flat["deep: deep, two"] == {"lr": 0.2, "net.depth": 3, "model": "small"}
    assert flat["deep: slow, one"] == {"lr": 0.01, "net.depth": 2, "model": "large"}
    assert {each.config for each in made.candidates} == {arm.config for arm in study.arms}
    assert made.figure(made.rows[1]).value == 2.9


def test_a_table_of_another_metric_of_built_in_networks():
    made = table({**NAIVE, "reported": 0.31}, metric="log_loss")
    assert made.figure(made.rows[0]).value == 0.31
    assert made.study.delta is None
    made = table({**NAIVE, "reported": 31}, metric="macro_f1")
    assert made.figure(made.rows[0]).value == 0.31
    with pytest.raises(StudyError, match=r"row 'naive': reported must be a percentage"):
        table({**NAIVE, "reported": 310}, metric="macro_f1")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"change": {"rate": 1}}, r"row 'x', .*change must name keys of \[base\], found 'rate'"),
        ({"techniques": ["ReLU"]}, "techniques"),
        ({"change": {}, "reported": "3 %"}, "row 'x': reported must be a number, finite and at le"),
        ({"reading": [{"chnge": {}}]}, "chnge is not a key of"),
        ({"change": {"lr": 1}, "reading": [{"name": "a"}, {"name": "b"}]}, "trained alike"),
    ],
)
def test_what_is_wrong_in_a_table_of_ones_own_is_said(row, said):
    with pytest.raises(StudyError, match=said):
        table({"name": "x", "reported": 3, **row}, **OWN)
