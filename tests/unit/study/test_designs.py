"""Designs: which arms they make, and fractions of all combinations."""

from itertools import combinations

import numpy as np
import pytest

from stepladder import Study, StudyError
from stepladder.study.designs import every_combination, fraction, pair_aliases, runs_of_fraction

# Designs: which arms they make, what each is compared with, and what they refuse.


BASE = {"hidden": [5], "activation": "sigmoid", "optimizer": "sgd"}
TECHNIQUES = ["He normal", "ReLU", {"name": "ELU", "instead_of": "ReLU"}, "dropout"]
EVERY = ["ladder", "one_at_a_time", "leave_one_out", "factorial"]


def study(design, techniques=TECHNIQUES, **fields):
    return Study(name="s", design=design, base=BASE, base_name="plain", techniques=techniques,
                 **fields)  # fmt: skip


def compared(made):
    return [(arm.name, arm.compared_with) for arm in made.arms]


def test_one_at_a_time():
    made = study("one_at_a_time")
    assert compared(made) == [
        ("plain", None),
        ("+ He normal", "plain"),
        ("+ ReLU", "plain"),
        ("ELU instead of ReLU", "+ ReLU"),
        ("+ dropout", "plain"),
    ]
    for arm in made.arms[1:]:
        changed = {key for key, value in dict(arm.recipe).items()
                   if dict(made.base)[key] != value}  # fmt: skip
        assert len(changed) == 1


def test_leave_one_out():
    made = study("leave_one_out")
    assert compared(made) == [
        ("plain", None),
        ("all techniques", "plain"),
        ("all but He normal", "all techniques"),
        ("all but ReLU", "all techniques"),
        ("all but dropout", "all techniques"),
        ("ELU instead of ReLU", "all techniques"),
    ]
    by_name = {arm.name: arm.recipe for arm in made.arms}
    full = by_name["all techniques"]
    assert (full.initializer, full.activation, full.dropout) == ("he_normal", "relu", 0.2)
    assert by_name["all but ReLU"] == full.changed({"activation": "sigmoid"})
    assert by_name["ELU instead of ReLU"] == full.changed({"activation": "elu"})


def test_a_factorial_has_every_combination_and_alternatives_beside_the_full_one():
    made = study("factorial")
    names = [arm.name for arm in made.arms]
    assert names == [
        "plain", "+ He normal", "+ ReLU", "+ dropout", "+ He normal + ReLU",
        "+ He normal + dropout", "+ ReLU + dropout", "+ He normal + ReLU + dropout",
        "ELU instead of ReLU",
    ]  # fmt: skip
    assert {arm.compared_with for arm in made.arms[1:-1]} == {"plain"}
    assert made.arms[-1].compared_with == names[-2]
    assert len({arm.recipe for arm in made.arms}) == len(names)
    assert [cell.combination for cell in made.cells] == [0, 1, 2, 4, 3, 5, 6, 7]
    assert [cell.arm for cell in made.cells] == names[:-1]


def test_the_factorial_of_mnist_has_32_arms_and_an_alternative():
    made = Study.load("mnist", {"design": "factorial"})
    assert (len(made.arms), len(made.cells)) == (33, 32)


def test_techniques_on_one_field_share_arms_and_the_later_one_counts():
    made = study("factorial", ["ReLU", "ELU"])
    assert [arm.name for arm in made.arms] == ["plain", "+ ReLU", "+ ELU"]
    assert [(cell.combination, cell.arm) for cell in made.cells] == [
        (0, "plain"), (1, "+ ReLU"), (2, "+ ELU"), (3, "+ ELU"),
    ]  # fmt: skip


def test_explicit_arms():
    made = study("explicit", [], explicit=[
        {"name": "wide", "change": {"hidden": [50]}},
        {"name": "wider", "change": {"hidden": (90,)}, "compared_with": "wide"},
    ])  # fmt: skip
    assert compared(made) == [("plain", None), ("wide", "plain"), ("wider", "wide")]
    assert made.arms[2].recipe.hidden == (90,)


def test_explicit_arms_are_read_from_toml_and_written_again(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(
        'name = "x"\ndesign = "explicit"\n[base]\nhidden = [5]\n'
        '[[arm]]\nname = "small batches"\nchange = { batch_size = 8 }\ntechnique = "ReLU"\n',
        "utf-8",
    )
    made = Study.load(file)
    assert made.arms[1].recipe.batch_size == 8
    assert made.arms[1].technique == "ReLU"
    again = tmp_path / "again.toml"
    again.write_text(made.to_toml(), "utf-8")
    assert Study.load(again) == made


@pytest.mark.parametrize("design", [*EVERY, "fraction"])
def test_every_design_is_written_as_toml_and_read_back(design, tmp_path):
    made = study(design, [*TECHNIQUES, "Adam", "L2"])
    file = tmp_path / "study.toml"
    file.write_text(made.to_toml(), "utf-8")
    assert Study.load(file) == made
    names = [arm.name for arm in made.arms]
    assert len(set(names)) == len(names)
    for arm in made.arms[1:]:
        assert arm.compared_with in names
    assert (made.arms[0].name, made.arms[0].compared_with) == ("plain", None)


@pytest.mark.parametrize("design", EVERY)
def test_a_design_without_techniques_is_the_base(design):
    assert compared(study(design, [])) == [("plain", None)]


def test_arms_that_designs_share_are_the_same_recipes():
    shared = [{arm.recipe for arm in study(design).arms} for design in EVERY]
    ladder, alone, left_out, factorial = shared
    assert len(ladder & factorial) == 4
    assert len(alone & factorial) == 4
    assert len(left_out & factorial) == 6  # ELU stands beside the same full recipe


TEN = [{"name": f"t{place}", "change": change} for place, change in enumerate([
    {"activation": "relu"}, {"initializer": "he_normal"}, {"dropout": 0.2}, {"l2": 0.1},
    {"weight_decay": 0.1}, {"max_norm": 3.0}, {"label_smoothing": 0.1}, {"batch_size": 8},
    {"scaling": "none"}, {"global_clipnorm": 1.0},
])]  # fmt: skip


def test_a_factorial_of_too_many_says_what_it_would_come_to_and_offers_a_fraction():
    with pytest.raises(StudyError) as caught:
        study("factorial", TEN, replicates=3)
    said = str(caught.value)
    assert "found 10: 1,024 arms, 3,072 trials of 20 epochs" in said
    assert 'write design = "fraction" for 32 arms (96 trials)' in said
    assert len(study("fraction", TEN, replicates=3).arms) == 32


@pytest.mark.parametrize(
    ("design", "fields", "expected"),
    [
        ("fraction", {}, "takes 4 techniques or more, found 3"),
        ("leave_one_out", {"techniques": ["ReLU", "ELU"]}, "'ReLU' must change something where"),
        ("one_at_a_time", {"techniques": ["sigmoid"]}, "must change something"),
        ("factorial", {"techniques": ["sigmoid", "ReLU"]}, "must change something"),
        ("explicit", {"techniques": []}, "needs at least one [[arm]]"),
        ("explicit", {"explicit": [{"name": "a", "change": {"dropout": 0.1}}]},
         "takes [[arm]] and no [[technique]]"),
        ("ladder", {"explicit": [{"name": "a", "change": {"dropout": 0.1}}]},
         "belongs to the design explicit"),
        ("explicit", {"techniques": [], "explicit": [{"name": "a", "change": {"dropout": 2.0}}]},
         "arm 'a': dropout must be below 1"),
        ("explicit", {"techniques": [], "explicit": [
            {"name": "a", "change": {"dropout": 0.5}, "compared_with": "plane"}]},
         "found 'plane'; did you mean 'plain'?"),
        ("explicit", {"techniques": [], "explicit": [
            {"name": "a", "change": {"dropout": 0.5}, "compared_with": "a"}]},
         "must name another arm, found 'a'"),
        ("explicit", {"techniques": [], "explicit": [{"name": "plain", "change": {"l2": 0.5}}]},
         "arm names must differ, found 'plain' twice"),
        ("leave_one_out", {"base_name": "all techniques"}, "found 'all techniques' twice"),
    ],
)  # fmt: skip
def test_what_a_design_cannot_be(design, fields, expected):
    values = {"name": "s", "design": design, "base": BASE, "base_name": "plain",
              "techniques": TECHNIQUES, **fields}  # fmt: skip
    with pytest.raises(StudyError) as caught:
        Study(**values)
    assert expected in str(caught.value)


# Combinations: all of them, and fractions in which no technique hides behind a pair.


def signs(runs, techniques):
    """One column of -1 and +1 a technique, shape (runs, techniques)."""
    return np.array([[1 if run >> place & 1 else -1 for place in range(techniques)]
                     for run in runs])  # fmt: skip


def test_every_combination_once_the_smallest_first():
    assert every_combination(0) == (0,)
    assert every_combination(2) == (0b00, 0b01, 0b10, 0b11)
    assert sorted(every_combination(8)) == list(range(256))
    sizes = [each.bit_count() for each in every_combination(8)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("techniques", [*range(4, 20), 33, 64])
def test_no_technique_hides_behind_another_or_a_pair(techniques):
    columns = signs(fraction(techniques), techniques)
    assert len(columns) == runs_of_fraction(techniques) < 4 * techniques
    assert not columns.sum(axis=0).any()
    products = columns.T @ columns
    assert (products == len(columns) * np.eye(techniques, dtype=int)).all()
    pairs = np.array([columns[:, a] * columns[:, b]
                      for a, b in combinations(range(techniques), 2)]).T  # fmt: skip
    assert not (columns.T @ pairs).any()


@pytest.mark.parametrize("techniques", [4, 5, 8, 9, 16, 17])
def test_the_fraction_has_the_base_and_all_techniques(techniques):
    runs = fraction(techniques)
    assert (runs[0], runs[-1]) == (0, 2**techniques - 1)
    assert len(set(runs)) == len(runs)


@pytest.mark.parametrize("techniques", [4, 5, 7, 9, 12])
def test_aliases_are_the_pairs_whose_columns_are_equal(techniques):
    columns = signs(fraction(techniques), techniques)
    groups = pair_aliases(techniques)
    assert sorted(pair for group in groups for pair in group) == list(
        combinations(range(techniques), 2)
    )
    column = {
        pair: tuple(columns[:, pair[0]] * columns[:, pair[1]]) for group in groups for pair in group
    }
    for group in groups:
        assert len({column[pair] for pair in group}) == 1
    assert len({column[group[0]] for group in groups}) == len(groups)
