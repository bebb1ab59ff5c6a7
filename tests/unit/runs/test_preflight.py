"""What is told, asked or refused before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest
from example_run import finished, plan
from fake_store import FakeStore

from stepladder import CATALOGUE, InputError, Recipe, Study, StudyError
from stepladder.data.dataset import assemble
from stepladder.data.synthetic import synthetic
from stepladder.execution.machine import Settings
from stepladder.runs.inspection import ignored_fields, searched_recipes, unread_keys
from stepladder.runs.plan import part_sizes
from stepladder.runs.preflight import (
    SHOWN_CONFOUNDS,
    check_code_allowed,
    check_possible,
    data_notes,
    least_memory,
    preflight_notes,
    underpowered,
    weights,
)
from stepladder.statistics.effects import effects
from stepladder.study.search import Search

# What is said before training: confounds and sizes.


POPULATION = Settings((None,), {}, "jax", None, "a machine")
BASE = {"hidden": [3], "activation": "sigmoid", "batch_size": 8, "epochs": 2}


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


def said(study, dataset, stored=0, settings=POPULATION):
    store = FakeStore()
    first = plan(study, dataset, store, "population")
    for trial in first.trials[:stored]:
        store.add(finished(trial, 0.5))
    planned = plan(study, dataset, store, "population")
    sizes = part_sizes(study, dataset)
    lines = preflight_notes(study, len(planned.missing), dataset, sizes, settings)
    return tuple(line for line in lines if not line.startswith("delta:"))  # tested by itself


def test_nothing_is_said_of_a_plain_ladder(dataset):
    assert said(Study(name="s", base=BASE, validation=10, techniques=["ReLU"]), dataset) == ()


def test_confounds_are_named_and_many_are_counted(dataset):
    noise = "gaussian_noise(stddev=0.1)"
    fields = {
        "dropout": 0.1,
        "l2": 0.1,
        "noise": noise,
        "momentum": 0.9,
        "ema": 0.9,
        "mixup": 0.1,
        "max_norm": 2.0,
        "input_noise": noise,
        "weight_decay": 0.1,
        "label_smoothing": 0.1,
    }
    arms = [{"name": name, "change": fields} for name in "ab"]
    study = Study(name="s", base=BASE, validation=10, design="explicit", explicit=arms)
    lines = said(study, dataset)
    assert len(lines) == SHOWN_CONFOUNDS + 1
    assert all(line.startswith("confound: a and b also differ from base in ") for line in lines[:8])
    assert lines[-1] == "confound: and 2 more, in the report"


def test_a_change_that_is_not_the_catalogues_is_said(dataset):
    own = [{"name": "Dropout", "change": {"dropout": 0.5}}, {"name": "L2", "change": {"l2": 1e-4}},
           {"name": "mine", "change": {"momentum": 0.9}}]  # fmt: skip
    study = Study(name="s", base=BASE, validation=10, techniques=own, design="one_at_a_time")
    (line,) = said(study, dataset)
    assert line == (
        "technique 'Dropout': the study's own change is used (dropout = 0.5), not the catalogue's "
        "(dropout = 0.2)"
    )


def test_how_a_table_of_bytes_is_scaled_is_said():
    table = synthetic(examples=100, input_shape=(4,), classes=2, seed=0)
    assert table.x_train.dtype == np.uint8
    plain = Study(name="s", base=BASE, validation=10, techniques=["ReLU"])
    (line,) = said(plain, table)
    assert "column by column, by the range of the training part" in line
    base = {**BASE, "scaling": "standardised"}
    assert said(Study(name="s", base=base, validation=10, techniques=["ReLU"]), table) == ()


def test_what_gives_answers_away_is_said_before_training(dataset):
    same = replace(dataset, x_test=dataset.x_train, y_test=dataset.y_train)
    plain = Study(name="s", base=BASE, validation=10, techniques=["ReLU"])
    (line,) = said(plain, same)
    assert "the test part is the training part" in line


def test_accuracy_where_one_class_is_frequent_is_said(dataset):
    rare = replace(dataset, y_test=np.arange(len(dataset.y_test), dtype=np.int32) % 20 // 19)
    plain = Study(name="s", base=BASE, validation=10, techniques=["ReLU"])
    (line,) = said(plain, rare)
    assert line.startswith("accuracy: 95.0 % of the test examples are of the class")
    assert 'metric = "balanced_accuracy"' in line
    assert said(plain.changed({"metric": "balanced_accuracy"}), rare) == ()


def test_a_patience_that_stops_nothing_is_said(dataset):
    base = {**BASE, "epochs": 5, "patience": 4}
    (line,) = said(Study(name="s", base=base, validation=10, techniques=["ReLU"]), dataset)
    assert line.startswith("arm 'base' and 1 more: a patience of 4 stops no training of 5 epochs")
    base["patience"] = 3
    assert said(Study(name="s", base=base, validation=10, techniques=["ReLU"]), dataset) == ()


def test_what_is_wrong_with_many_arms_is_said_once(dataset):
    study = Study(name="s", base={**BASE, "loss": "poisson"}, techniques=["Adam", "tanh"])
    with pytest.raises(StudyError, match="arm 'base' and 2 more: loss must fit 2 classes") as told:
        check_possible(study, dataset, POPULATION)
    assert len(told.value.problems) == 1


def test_a_batch_larger_than_the_training_part_is_said(dataset):
    base = {**BASE, "batch_size": 90}
    arms = [{"name": "few", "change": {"train_examples": 50}}]
    study = Study(name="s", base=base, validation=10, design="explicit", explicit=arms)
    assert part_sizes(study, dataset)["train"] == 90
    (line,) = [line for line in said(study, dataset) if "batch" in line]
    assert line.startswith("arm 'few': a batch of 90 is more than the 50 training examples")
    assert "one step with all of them" in line
    whole = Study(name="s", base={**base, "batch_size": 91}, validation=10, techniques=["Adam"])
    assert said(whole, dataset)[0].startswith("arm 'base' and 1 more: a batch of 91 is more than")
    assert said(whole, dataset, stored=10)[:1] != said(whole, dataset)[:1]  # nothing to train


def test_a_training_of_a_single_step_is_said(dataset):
    base = {**BASE, "batch_size": 90, "epochs": 1}
    single = Study(name="s", base=base, validation=10, techniques=["ReLU"])
    for settings in (POPULATION, replace(POPULATION, engine="fit")):
        (line,) = said(single, dataset, settings=settings)
        assert line.startswith("arm 'base' and 1 more: a training is a single step of the optim")
    base["batch_size"] = 89
    assert said(Study(name="s", base=base, validation=10, techniques=["ReLU"]), dataset) == ()


def test_a_validation_part_without_an_example_of_each_class_is_said():
    several = synthetic(examples=100, input_shape=(2, 2), classes=5, seed=0)
    (line,) = said(Study(name="s", base=BASE, validation=4, techniques=["ReLU"]), several)
    assert line == (
        "validation: 4 examples cannot show each of 5 classes; write validation = 5 or more"
    )
    assert said(Study(name="s", base=BASE, validation=5, techniques=["ReLU"]), several) == ()


def test_how_dim_images_are_scaled_is_said(dataset):
    dim = replace(dataset, x_train=dataset.x_train // 16, x_test=dataset.x_test // 16)
    plain = Study(name="s", base=BASE, validation=10, techniques=["ReLU"])
    (line,) = said(plain, dim)
    assert line.startswith(f"unit scaling: images of whole numbers up to {dim.x_train.max()} are")
    base = {**BASE, "scaling": "standardised"}
    assert said(Study(name="s", base=base, validation=10, techniques=["ReLU"]), dim) == ()


def test_many_notes_on_the_data_are_counted(dataset):
    many = replace(dataset, notes=tuple(f"note {number}" for number in range(11)))
    plain = Study(name="s", base=BASE, validation=10, techniques=["ReLU"])
    assert said(plain, many) == (*many.notes[:8], "3 more notes on the data, in the report")
    assert data_notes(plain, many) == many.notes  # the report has them all


@pytest.mark.parametrize(
    ("base", "memory", "text"),
    [
        ({"hidden": [9_000], "epochs": 10**9}, None, "the training takes 5 days or more with 2"),
        ({"hidden": [9_000, 9_000]}, 10**9, "2 trainings at a time need 1.3 GB or more"),
        ({"hidden": [5_000, 5_000]}, 10**9, ""),
        ({"epochs": 10_000}, None, ""),
    ],
)
def test_what_costs_without_measure_is_said(base, memory, text, dataset):
    study = Study(name="s", base={**BASE, **base}, validation=10)
    lines = said(study, dataset, settings=replace(POPULATION, cpus=(None,) * 2, memory=memory))
    assert any(text in line for line in lines) if text else not lines


def test_what_cannot_fit_into_memory_is_refused(dataset):
    study = Study(name="s", base={**BASE, "hidden": [9_000, 9_000]}, techniques=["Adam"])
    sgd, adam = (least_memory(arm.recipe, dataset) for arm in study.arms)
    count = weights(study.base, 4, 2)
    assert (sgd, adam) == (4 * 2 * count, 4 * 4 * count)
    check_possible(study, dataset, replace(POPULATION, memory=adam))
    check_possible(study, dataset, replace(POPULATION, memory=1, device="gpu"))
    with pytest.raises(StudyError, match="Adam' must fit into memory, found 1") as told:
        check_possible(study, dataset, replace(POPULATION, memory=adam - 1))
    assert len(told.value.problems) == 1


@pytest.mark.parametrize(
    ("fields", "slots"),
    [
        ({"optimizer": "adam(amsgrad=True)"}, 3),
        ({"optimizer": "rmsprop(centered=True)", "momentum": 0.9}, 3),
        ({"optimizer": "muon(momentum=0.9)"}, 1),
        ({"optimizer": "lion", "gradient_accumulation_steps": 2}, 2),
    ],
)
def test_memory_counts_the_slots_of_the_optimizer_with_its_arguments(fields, slots, dataset):
    recipe = Recipe(hidden=[10], **fields)
    assert least_memory(recipe, dataset) == 4 * (2 + slots) * weights(recipe, 4, 2)


def test_an_accumulation_that_never_ends_is_refused(dataset):
    change = {"gradient_accumulation_steps": 10**6}
    study = Study(name="s", base=BASE, techniques=[{"name": "much", "change": change}])
    with pytest.raises(StudyError, match=r"arm '\+ much'.*weights never change"):
        check_possible(study, dataset, POPULATION)


def test_too_few_replicates_are_said(dataset):
    study = Study(name="s", base=BASE, validation=10, techniques=["ReLU"], replicates=1)
    assert "cannot be distinguished from chance" in said(study, dataset)[0]


def test_a_factorial_names_its_trials_and_a_smaller_design(dataset):
    techniques = ["ReLU", "He normal", "dropout", "L2", "label smoothing"]
    study = Study(name="s", base=BASE, validation=10, techniques=techniques, design="factorial",
                  replicates=100)  # fmt: skip
    (line,) = said(study, dataset)
    assert line.startswith("factorial of 5 techniques, 3,200 trials to train: design")
    assert "would have 16 arms of 32" in line
    (line,) = said(study, dataset, stored=10)
    assert "3,190 trials to train" in line


# What an engine or a dataset cannot do is told before anything is trained, all of it at once.


FIT = replace(POPULATION, engine="fit")
OF_IMAGES = ["affine distortions", "elastic distortions", "deskewing"]


def study(*techniques, **fields):
    fields.setdefault("base", Recipe(hidden=[4, 4]))
    return Study(name="s", techniques=techniques, **fields)


def data(*shape):
    return synthetic(examples=60, input_shape=shape, classes=3, seed=0)


def test_the_population_engine_trains_every_technique_on_images():
    base = Recipe(hidden=[4, 4], activation="tanh")  # of ReLU dropout may stand on either side
    changes = [each.change for each in CATALOGUE if base.changed(each.change) != base]
    arms = [{"name": str(place), "change": each} for place, each in enumerate(changes)]
    check_possible(study(base=base, arm=arms, design="explicit"), data(6, 6), POPULATION)


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("shape", [(36,), (6, 6, 3)])
def test_what_bends_images_is_refused_on_anything_else(name, shape):
    with pytest.raises(StudyError) as caught:
        check_possible(study(name), data(*shape), POPULATION)
    told = str(caught.value)
    assert "must be of grey images" in told
    assert str(shape) in told
    assert "leave it out" in told


def test_virtual_adversarial_training_is_refused_under_fit():
    asked = study("Adam", "virtual adversarial training", "dropout")
    check_possible(asked, data(6, 6), POPULATION)
    with pytest.raises(StudyError) as caught:
        check_possible(asked, data(6, 6), FIT)
    (line,) = caught.value.problems  # of the arm and the rung above it
    assert line.startswith("arm '+ virtual adversarial training' and 1 more: vat must be trained")


def test_a_space_is_looked_at_as_arms_are():
    space = {"vat": {"type": "float", "low": 0.5, "high": 4.0},
             "augment_shift": {"type": "float", "low": 0.0, "high": 3.0}}  # fmt: skip
    asked = study(search={"trials": 4, "space": space})
    check_possible(asked, data(6, 6), POPULATION)
    with pytest.raises(StudyError) as caught:
        check_possible(asked, data(36), FIT)
    assert [each.split(":")[0] for each in caught.value.problems] == ["search.space"] * 2


# A study with code of its own: refused unless allowed, and techniques that it ignores found.


TEXT = "raise SystemExit('was run')\n"


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(TEXT, "utf-8")
    monkeypatch.chdir(tmp_path)

    def make(*techniques, **base):
        fields = {"hidden": [3], "activation": "tanh", **base}
        return Study(name="s", model="net.py:build", base=fields, techniques=techniques)

    return make


def test_code_is_refused_with_what_would_run_and_how_to_allow_it(own):
    asked = own()
    with pytest.raises(InputError, match="with your rights") as refused:
        check_code_allowed(asked, allow_code=False)
    for part in ("'build'", "'net.py'", "1 lines", asked.model.sha256, "allow_code=True"):
        assert part in str(refused.value)
    check_code_allowed(asked, allow_code=True)
    check_code_allowed(Study(name="s", base={"hidden": [3]}), allow_code=False)


def test_code_that_is_not_there_is_named_though_it_is_allowed(own):
    gone = Study(**own().model_dump(by_alias=True) | {"model": {**own().model.model_dump(),
                 "sha256": "0" * 64}, "base": {"hidden": [3]}})  # fmt: skip
    with pytest.raises(StudyError, match="found no such file or another content"):
        check_code_allowed(gone, allow_code=True)


def reads(study, *fields):
    return {arm.name: frozenset(fields) for arm in study.arms}


def test_a_technique_that_the_model_never_reads_is_found(own):
    asked = own("ReLU", "He normal", "Adam", "standardised inputs")
    assert ignored_fields(asked, reads(asked, "activation", "initializer")) == []
    (problem,) = ignored_fields(asked, reads(asked, "activation"))
    assert "technique 'He normal'" in problem
    assert "build of net.py never reads recipe.initializer" in problem
    assert len(ignored_fields(asked, reads(asked))) == 2


def test_every_field_that_a_technique_changes_must_be_read(own):
    asked = own("SELU")
    (problem,) = ignored_fields(asked, reads(asked, "activation"))
    assert "recipe.initializer" in problem
    assert "recipe.activation" not in problem


def test_a_field_that_one_of_the_two_arms_reads_is_enough(own):
    asked = own("batch normalisation after")
    names = [arm.name for arm in asked.arms]
    by_arm = {
        names[0]: frozenset({"normalization"}),
        names[1]: frozenset({"normalization", "normalization_position"}),
    }
    assert ignored_fields(asked, by_arm) == []


def test_a_tuned_field_that_the_model_never_reads_is_found(own):
    grid = {"learning_rate": [0.01, 0.1, 1.0], "dropout": [0.0, 0.1, 0.2]}
    asked = own("ReLU").changed({"tuning": "fair", "tune": {"grid": grid}})
    assert asked.tuned_fields == ("learning_rate", "dropout")
    (problem,) = ignored_fields(asked, reads(asked, "activation"))
    assert "tune.grid must be of fields that the model uses" in problem
    assert "build of net.py never reads recipe.dropout" in problem
    by_arm = reads(asked, "activation") | {asked.arms[1].name: frozenset({"activation", "dropout"})}
    assert ignored_fields(asked, by_arm) == []  # one arm has it: its candidates differ there


def test_a_key_of_own_that_nobody_reads_is_named_with_those_that_are(own):
    asked = own("ReLU", own={"kernel_size": 3, "stride": 1, "block": {"depth": 2}})
    assert unread_keys(asked, {"own.kernel_size", "own.stride", "own.block.depth"}) == []
    first, second = unread_keys(asked, {"own.kernel_size", "activation"})
    assert (
        "build of net.py never reads recipe.own.stride (of own it reads own.kernel_size)" in first
    )
    assert "recipe.own.block.depth" in second
    (problem,) = unread_keys(own(own={"kernelsize": 3}), {"own.kernel_size"})
    assert "did you mean 'own.kernel_size'?" in problem


def test_a_technique_that_changes_a_key_that_its_networks_never_read_is_found(own):
    deeper = {"name": "deeper", "change": {"own": {"block": {"depth": 3}}}}
    asked = own(deeper, own={"kernel_size": 3, "block": {"depth": 2}})
    assert ignored_fields(asked, reads(asked, "own.block.depth")) == []
    (problem,) = ignored_fields(asked, reads(asked, "own.kernel_size"))
    assert "technique 'deeper'" in problem
    assert "never reads recipe.own.block.depth" in problem


def test_candidates_of_a_search_show_what_its_networks_read(own):
    space = {
        "own.deep": {"type": "categorical", "choices": [True, False]},
        "own.depth": {"type": "int", "low": 2, "high": 9, "when": {"own.deep": True}},
    }
    asked = own(own={"deep": False, "depth": 2}).changed({"search": Search(space=space)})
    drawn = {(one.own["deep"], one.own["depth"]) for one in searched_recipes(asked)}
    assert {deep for deep, _ in drawn} == {True, False}
    assert all(depth == 2 for deep, depth in drawn if not deep)


# What a number of replicates can never say is said before it is trained.


BASE_TOO_FEW = {"hidden": [8], "activation": "sigmoid"}


@pytest.mark.parametrize(("replicates", "said"), [(1, "1 replicate of"), (2, "2 replicates of")])
def test_one_or_two_replicates_say_nothing(replicates, said):
    (line,) = underpowered(Study.load("mnist", {"replicates": replicates}))
    assert line.startswith(said)
    assert "cannot be distinguished from chance" in line


def test_enough_replicates_and_single_arms_are_not_named():
    assert underpowered(Study.load("mnist")) == ()
    assert underpowered(Study(name="s", base=BASE_TOO_FEW, replicates=1)) == ()


def test_a_factorial_of_five_says_that_its_comparisons_need_one_more():
    (line,) = underpowered(Study.load("mnist", {"design": "factorial"}))
    assert line.startswith("5 replicates of each arm are too few for a verdict")
    assert "on any of 32 comparisons, however large its effect; 6 are the fewest" in line
    assert "Main effects, a family of 5, are judged separately" in line
    assert underpowered(Study.load("mnist", {"design": "factorial", "replicates": 6})) == ()


def test_of_one_comparison_four_replicates_may_give_a_verdict():
    base = {"hidden": [8], "activation": "sigmoid"}
    (line,) = underpowered(Study(name="s", base=base, techniques=["ReLU"], replicates=3))
    assert "on any of 1 comparisons, however large its effect; 4 are the fewest" in line


@pytest.mark.parametrize("family", [1, 6, 32])
def test_it_is_said_exactly_where_no_effect_is_large_enough(family):
    techniques = [{"name": f"t{n}", "change": {"hidden": [9 + n]}} for n in range(family)]
    for replicates in range(3, 9):
        study = Study(name="s", base=BASE_TOO_FEW, techniques=techniques, replicates=replicates,
                      design="one_at_a_time")  # fmt: skip
        base = np.linspace(0.1, 0.1001, replicates)
        scores = {"base": base, **{f"t{n}": base + 0.8 for n in range(family)}}
        pairs = [(f"t{n}", "base") for n in range(family)]
        said = {each.verdict for each in effects(scores, pairs).values()}
        assert (said == {"helps"}) == (underpowered(study) == ())


def explicit(*changes, **base):
    arms = [{"name": name, "change": change} for name, change in zip("abc", changes, strict=False)]
    return {"base": {"hidden": [4], **base}, "design": "explicit", "explicit": arms}


def techniques(*changes, design="one_at_a_time", **base):
    made = [{"name": name, "change": change} for name, change in zip("abcd", changes, strict=False)]
    return {"base": {"hidden": [4], **base}, "design": design, "techniques": made}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (explicit({"dropout": 0.0}), "arm 'a' must differ from 'base'"),
        (explicit({"normalization_position": "after"}),
         "works only with normalization = batch or"),
        (explicit({"decay_rate": 0.5}), "works only with schedule = step"),
        (explicit({"decay_epochs": 3}), "works only with schedule = step"),
        (explicit({"schedule": "step", "decay_epochs": 20}), "arm 'a' must differ from 'base'"),
        (explicit({"schedule": "step", "decay_rate": 1.0}), "arm 'a' must differ from 'base'"),
        (explicit({"train_examples": 54}), "arm 'a' must differ from 'base'"),
        (explicit({"batch_size": 54}, batch_size=60), "arm 'a' must differ from 'base'"),
        (explicit({"warmup": 0.01}), "arm 'a' must differ from 'base'"),
        (explicit({"l2": 0.1}, {"l2": 0.1}), "arms 'a' and 'b' must differ"),
        (explicit({"l2": 0.1}, {"l2": 0.1, "decay_rate": 0.5}), "arms 'a' and 'b' must differ"),
        (techniques({"decay_rate": 0.5}, design="ladder"), "arm '+ a' must differ from 'base'"),
        (techniques({"l2": 0.1}, {"l2": 0.1}), "arms '+ a' and '+ b' must differ"),
        (techniques({"l2": 0.1}, {"l2": 0.0}, design="ladder"),  # there and back
         "arms '+ b' and '+ a' must not be those of another comparison"),
        (techniques({"l2": 0.1}, {"decay_rate": 0.5}, design="leave_one_out"),
         "arm 'all but b' must differ from 'all techniques'"),
        (techniques({"l2": 0.1}, {"decay_rate": 0.5}, design="factorial"),
         "arm '+ b' must differ from 'base'"),
    ],
)  # fmt: skip
def test_arms_that_are_trained_alike_are_refused(fields, expected):
    asked = Study(name="s", **fields)
    with pytest.raises(StudyError) as caught:
        check_possible(asked, data(6, 6), POPULATION)
    assert expected in str(caught.value)
    assert "remove" in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        explicit({"normalization_position": "after"}, normalization="batch"),
        explicit({"decay_rate": 0.5}, schedule="step"),
        explicit({"batch_size": 53}, batch_size=60),
        explicit({"train_examples": 53}),
        explicit({"warmup": 0.5}),
        techniques({"schedule": "step"}, {"decay_rate": 0.5}, design="ladder"),
    ],
)
def test_arms_that_differ_in_effect_are_trained(fields):
    fields["base"].setdefault("epochs", 20)
    check_possible(Study(name="s", **fields), data(6, 6), POPULATION)


# Metrics that are not defined for the labels there are.


@pytest.fixture(scope="module")
def lacking():
    """Three classes, of which the test part lacks one."""
    data = synthetic(examples=90, input_shape=(2, 2), classes=3, seed=0)
    seen = data.y_test < 2
    return replace(data, x_test=data.x_test[seen], y_test=data.y_test[seen])


CPU = Settings((None,), {}, "jax", None, "a machine")


@pytest.mark.parametrize("fields", [{"metric": "auroc"}, {"also": ["average_precision"]}])
def test_a_metric_of_every_class_is_refused_where_the_test_part_lacks_one(fields, lacking):
    study = Study(name="s", base=BASE, validation=30, techniques=["ReLU"], **fields)
    with pytest.raises(StudyError, match=r"in the test part, .* found 2 of 3 classes there"):
        check_possible(study, lacking, CPU)
    check_possible(study.model_copy(update={"metric": Study(name="s", base=BASE).metric,
                                            "also": ("macro_f1",)}), lacking, CPU)  # fmt: skip


def test_candidates_need_every_class_in_the_validation_part():
    data = synthetic(examples=90, input_shape=(2, 2), classes=3, seed=0)
    study = Study(name="s", base=BASE, validation=2, techniques=["ReLU"], metric="auroc")
    check_possible(study, data, CPU)
    fair = Study(name="s", base=BASE, validation=2, techniques=["ReLU"], metric="auroc",
                 tuning="fair")  # fmt: skip
    with pytest.raises(StudyError, match=r"in the validation part, .* found 2 of 3 classes"):
        check_possible(fair, data, CPU)


def test_how_many_probable_classes_count_is_said_where_it_is_not_five(dataset):
    study = Study(name="s", base=BASE, validation=10, techniques=["ReLU"], also=["top5"])
    assert said(study, dataset) == ("top_k_accuracy: of 2 classes it counts the 1 most probable, "
                                    "not 5",)  # fmt: skip


# Targets that are no classes.


def of_task(task, y=None, shape=(4,)):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 2)) if task == "regression" else rng.integers(0, 2, (60, 2))
    y = values if y is None else y
    x = rng.normal(size=(60, *shape))
    return assemble("t", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:], task=task)


def study_of(task, **fields):
    change = {"name": "s", "base": BASE, "validation": 10, "dataset": {"npz": "t", "task": task}}
    return Study(**{**change, **fields})


@pytest.mark.parametrize("task", ["regression", "multilabel"])
@pytest.mark.parametrize("change", [{"label_smoothing": 0.1}, {"vat": 1.0}])
def test_what_needs_classes_is_refused_elsewhere(task, change):
    study = study_of(task, techniques=[{"name": "t", "change": change}])
    message = f"arm '. t': {next(iter(change))} must be of classes, found the task {task}; leave"
    with pytest.raises(StudyError, match=message.replace(". t", "[+] t")):
        check_possible(study, of_task(task), POPULATION)
    searched = {"space": {next(iter(change)): {"type": "float", "low": 0.1, "high": 0.2}}}
    with pytest.raises(StudyError, match=r"search.space: .* must be of classes"):
        check_possible(study_of(task, search=searched), of_task(task), POPULATION)
    mixed = study_of(task, techniques=[{"name": "t", "change": {"mixup": 0.2}}])
    check_possible(mixed, of_task(task), POPULATION)


def test_a_metric_needs_targets_that_vary():
    values = np.arange(120, dtype=float).reshape(60, 2)
    values[40:, 1] = -1
    dataset = of_task("regression", values)
    check_possible(study_of("regression"), dataset, POPULATION)
    with pytest.raises(StudyError) as caught:
        check_possible(study_of("regression", also=["r2", "explained_deviance"]), dataset,
                       POPULATION)  # fmt: skip
    assert [line.split(";")[0] for line in caught.value.problems] == [
        "the metric explained_deviance must have targets that vary in the test part, found 1 of 2 "
        "targets there",
        "the metric r2 must have targets that vary in the test part, found 1 of 2 targets there",
        "the metric explained_deviance must have targets of 0 or above, found -1 in the test part",
    ]
    labels = np.ones((60, 2), np.uint8)
    labels[::2, 0] = labels[:30:2, 1] = 0
    with pytest.raises(StudyError, match=r"with and without every label .* found 1 of 2 labels"):
        check_possible(study_of("multilabel", metric="auroc"), of_task("multilabel", labels),
                       POPULATION)  # fmt: skip


def test_a_last_layer_has_a_unit_for_each_target():
    recipe = Recipe(hidden=[3], activation="sigmoid")
    for task in ("regression", "multilabel"):
        assert least_memory(recipe, of_task(task)) == 4 * 2 * weights(recipe, 4, 2)


@pytest.mark.parametrize("is_told", [False, True])
def test_labels_that_may_be_measured_are_named_unless_the_task_is_given(is_told):
    y = np.concatenate([np.repeat(np.arange(20, 65), 2)] * 2)
    x = np.random.default_rng(0).normal(size=(180, 4))
    dataset = assemble("t", x_train=x[:90], y_train=y[:90], x_test=x[90:], y_test=y[90:])
    source = {"npz": "t", "task": "classification"} if is_told else "t.npz"
    lines = said(study_of("classification", dataset=source, replicates=5), dataset)
    assert any("45 whole numbers from 20 to 64" in line for line in lines) != is_told
