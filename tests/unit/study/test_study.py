"""Studies: TOML and Python give one value, arms follow from the design, problems come at once."""

import tomllib

import pytest

from stepladder import Recipe, Study, StudyError, Technique
from stepladder.study.loading import BUILT_IN_STUDIES

BASE = {"hidden": [5], "activation": "sigmoid"}


def toml(tmp_path, text):
    file = tmp_path / "study.toml"
    file.write_text(text, "utf-8")
    return file


def test_toml_and_python_give_the_same_study(tmp_path):
    file = toml(
        tmp_path,
        """
        name = "same"
        epochs = 3
        validation = 0.2
        [base]
        hidden = [5]
        activation = "sigmoid"
        [[technique]]
        name = "ReLU"
        [[technique]]
        name = "ELU"
        instead_of = "ReLU"
        """,
    )
    declared = Study(
        name="same",
        validation=0.2,
        base=Recipe(**BASE, epochs=3),
        techniques=["ReLU", Technique(name="ELU", instead_of="ReLU")],
    )
    assert Study.load(file) == declared


@pytest.mark.parametrize("name", BUILT_IN_STUDIES)
def test_a_study_written_as_toml_is_read_back_equal(name, tmp_path):
    study = Study.load(name)
    assert Study.load(toml(tmp_path, study.to_toml())) == study


def test_the_ladder_of_mnist():
    study = Study.load("mnist")
    assert [(arm.name, arm.compared_with) for arm in study.arms] == [
        ("naive", None),
        ("+ He normal", "naive"),
        ("+ ReLU", "+ He normal"),
        ("ELU instead of ReLU", "+ ReLU"),
        ("+ Adam", "+ ReLU"),
        ("+ batch normalisation", "+ Adam"),
        ("+ dropout", "+ batch normalisation"),
    ]
    top = study.arms[-1].recipe
    assert top == Recipe(
        hidden=[50] * 4,
        activation="relu",
        initializer="he_normal",
        optimizer="adam",
        learning_rate=0.001,
        batch_size=256,
        epochs=20,
        normalization="batch",
        dropout=0.2,
    )
    assert study.arms[3].recipe == study.arms[2].recipe.changed({"activation": "elu"})


def test_a_rung_changes_nothing_but_what_its_technique_says():
    arms = {arm.name: arm for arm in Study.load("mnist").arms}
    for arm in arms.values():
        if arm.compared_with:
            below = dict(arms[arm.compared_with].recipe)
            changed = {key for key, value in dict(arm.recipe).items() if below[key] != value}
            assert len(changed) == 1, arm.name


def test_settings_replace_values_by_the_path_of_their_key():
    study = Study.load(
        "mnist", {"base.learning_rate": 0.1, "replicates": 2, "epochs": 3, "base.epochs": 4}
    )
    assert (study.base.learning_rate, study.replicates, study.base.epochs) == (0.1, 2, 4)


def test_settings_of_epochs_work_on_a_study_written_by_a_run(tmp_path):
    file = toml(tmp_path, Study.load("mnist").to_toml())
    assert Study.load(file, {"epochs": 3}).base.epochs == 3


def test_a_path_that_goes_through_a_value_is_refused():
    with pytest.raises(StudyError, match="'name' is not a table"):
        Study.load("mnist", {"name.of": 3})


def test_data_paths_are_relative_to_the_study_file(tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    file = folder / "study.toml"
    file.write_text('name = "x"\ndataset = "digits.npz"\n[base]\nhidden = [5]\n', "utf-8")
    assert Study.load(file).dataset == str(folder / "digits.npz")
    table = {"dataset": {"npz": "houses.npz", "task": "regression"}}
    assert Study.load(file, table).dataset.npz == str(folder / "houses.npz")


def test_the_problems_of_a_file_come_all_at_once_each_with_its_path(tmp_path):
    file = toml(
        tmp_path,
        """
        name = "x"
        replicas = 3
        replicates = 0
        validation = true
        [base]
        hidden = []
        activation = "rleu"
        dropout = 1.0
        learning_rate = nan
        [[technique]]
        name = "Adm"
        [[technique]]
        name = "dropout"
        change = { dropout = 1.5, actvation = "relu" }
        [[technique]]
        nam = "x"
        """,
    )
    with pytest.raises(StudyError) as caught:
        Study.load(file)
    problems = "\n".join(caught.value.problems)
    for expected in (
        "replicas is not a key of the study; did you mean 'replicates'?",
        "replicates must be at least 1, found 0",
        "validation must be a number of examples, 1 or more, or a share",
        "base.hidden must have at least 1 entries, found []",
        "base.activation must be",
        "did you mean 'relu'?",
        "base.dropout must be below 1.0",
        "base.learning_rate must be a finite number, found nan",
        "technique[1] must be a technique of the catalogue or have a change, found 'Adm'; "
        "did you mean 'Adam'?",
        "technique[2].change.dropout must be below 1.0, found 1.5",
        "technique[2].change.actvation is not a key of technique[2].change; did you mean "
        "'activation'?",
        "technique[3].name is missing",
    ):
        assert expected in problems


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"techniques": ["Adam", "Adam"]}, "found 'Adam' twice"),
        ({"techniques": [{"name": "ELU", "instead_of": "ReLU"}]}, "must name a technique above"),
        ({"techniques": ["sigmoid"]}, "must change something"),
        ({"techniques": ["Adam", "momentum"]}, None),
        (
            {"techniques": ["Adam", {"name": "heavy", "change": {"momentum": 0.9}}]},
            "technique 'heavy' on activation = 'sigmoid', optimizer = 'adam': momentum must be 0",
        ),
        (
            {"reported": {"source": "s", "test_accuracy": {"adm": 0.5}}, "techniques": ["Adam"]},
            "did you mean 'Adam'?",
        ),
        ({"design": "latter"}, "did you mean 'ladder'?"),
        ({"dataset": 3}, "dataset must be a text, found 3"),
        ({"dataset": {"csv": "x.csv"}}, "dataset.label is missing"),
        ({"validation": 1.0}, "validation must be a number of examples"),
        ({"delta": 0}, "delta must be above 0"),
        ({"claim": "better"}, "claim must be"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"name": ""}, "name must have at least 1 characters"),
    ],
)
def test_what_cannot_be_is_refused(fields, expected):
    values = {"name": "x", "base": BASE, **fields}
    if expected is None:
        Study(**values)
        return
    with pytest.raises(StudyError) as caught:
        Study(**values)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name = ", "must be TOML"),
        (b"\xff\xfe\x00", "must be a TOML text in UTF-8"),
        (b"", "name is missing"),
    ],
)
def test_a_file_that_is_no_study_is_refused(content, expected, tmp_path):
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(StudyError, match=expected):
        Study.load(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(StudyError, match="did you mean 'mnist'"):
        Study.load("mnits")
    with pytest.raises(StudyError, match="found a folder without study"):
        Study.load(tmp_path)


def test_data_that_a_setting_names_are_found_from_where_the_run_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Study.load("mnist", {"dataset": "my.npz"}).dataset == str(tmp_path / "my.npz")
    csv = Study.load(
        "mnist", {"dataset": {"csv": "my.csv", "label": "y", "test_share": 0.2}}
    ).dataset
    assert csv.csv == str(tmp_path / "my.csv")
    assert Study.load("mnist").dataset == "mnist"


# Metrics of the built-in networks.


def judged(**fields):
    return Study(**{"name": "s", "base": BASE, **fields})


def test_a_study_of_accuracy_is_stored_and_identified_as_before_metrics():
    plain = judged()
    assert plain.computed == ()
    assert "metric" not in plain.model_dump(mode="json")
    assert judged(metric="accuracy") == plain
    assert [metric.name for metric in plain.recorded] == ["loss"]


@pytest.mark.parametrize(
    ("fields", "computed", "recorded"),
    [
        ({"metric": "auc"}, ("auroc",), ["loss"]),
        ({"metric": "loss"}, (), []),
        ({"metric": "loss", "also": ["acc"]}, (), ["accuracy"]),
        ({"also": ["Log loss", "f1_macro"]}, ("log_loss", "macro_f1"),
         ["loss", "log_loss", "macro_f1"]),
        ({"metric": "brier", "also": ["brier", "loss"]}, ("brier",), ["loss"]),
    ],
)  # fmt: skip
def test_networks_compute_what_is_judged_and_recorded_beside_accuracy_and_loss(
    fields, computed, recorded
):
    study = judged(**fields)
    assert study.computed == computed
    assert [metric.name for metric in study.recorded] == recorded


@pytest.mark.parametrize("metric", ["loss", {"name": "loss", "better": "lower"}])
def test_the_loss_of_built_in_networks_needs_no_direction(metric):
    study = judged(metric=metric)
    assert (study.judged.name, study.judged.direction, study.judged.unit) == (
        "loss",
        "minimize",
        "nats",
    )
    assert study.delta is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"metric": "rmse"}, "found 'rmse', which is of numbers; .*write task = .regression"),
        ({"also": ["mae"]}, "also must be one of loss, accuracy, .* found 'mae'"),
        ({"metric": {"name": "wait", "better": "lower"}}, "found 'wait', which is none of them"),
        ({"also": ["iou"]}, "found 'iou', which is none of them"),
        ({"metric": {"name": "loss", "better": "higher"}}, "must be judged as lower is better"),
        ({"metric": {"name": "auroc", "better": "lower"}}, "must be judged as higher is better"),
    ],
)
def test_what_networks_cannot_be_judged_by_is_refused(fields, expected):
    with pytest.raises(StudyError, match=expected):
        judged(**fields)


def test_the_loss_of_ones_own_training_needs_a_direction():
    fields = {"trainer": {"command": ["echo", "{x}"]}, "base": {"x": 1}}
    with pytest.raises(StudyError, match="metric loss must say which values are better"):
        judged(**fields, metric="loss")
    own = judged(**fields, metric={"name": "loss", "better": "lower"}, also=["auc"])
    assert (own.computed, own.judged.name) == ((), "loss")
    assert [(metric.name, metric.scale) for metric in own.recorded] == [("auc", 100)]


# The task that a dataset declares.


def of_task(task, **fields):
    return judged(dataset={"npz": "t.npz", "task": task}, **fields)


@pytest.mark.parametrize(
    ("task", "metric", "delta"),
    [
        ("classification", "accuracy", 0.1),
        ("regression", "rmse", None),
        ("multilabel", "macro_f1", 0.1),
    ],
)
def test_the_metric_that_is_judged_follows_the_task(task, metric, delta):
    study = of_task(task)
    assert (study.task, study.judged.name, study.delta) == (task, metric, delta)
    assert of_task(task, metric="loss").judged.name == "loss"
    assert Study(**tomllib.loads(study.to_toml())) == study
    assert "metric" not in study.model_dump()
    table = {"csv": "t.csv", "label": ["a", "b"], "test_share": 0.2, "task": "multilabel"}
    accuracy = judged(dataset=table, metric="accuracy")
    assert Study(**tomllib.loads(accuracy.to_toml())) == accuracy
    assert (accuracy.computed, judged(dataset=table).computed) == ((), ("macro_f1",))


def test_a_delta_of_a_fraction_is_less_than_all_of_it():
    assert judged(delta=99.9).delta == 99.9
    with pytest.raises(StudyError, match="below 100 percentage points, found 100"):
        judged(delta=100)
    assert of_task("regression", delta=1000).delta == 1000


def test_a_delta_is_given_once():
    with pytest.raises(StudyError, match=r"found 0.1 and metric.delta 0.5; remove one"):
        of_task("regression", metric={"name": "mae", "delta": 0.5}, delta=0.1)


def test_delta_of_a_regression_is_in_the_unit_of_its_target():
    study = of_task("regression", metric={"name": "mae", "delta": 0.5, "unit": "kWh"})
    assert (study.judged.unit, study.delta) == ("kWh", 0.5)
    assert [metric.unit for metric in study.recorded] == [""]  # the loss, which is of no nats
    assert [metric.unit for metric in of_task("multilabel").recorded] == ["nats"]


def test_a_dataset_of_classes_is_stored_as_before_there_were_tasks():
    table = {"csv": "t.csv", "label": "a", "test_share": 0.2}
    assert judged(dataset=table).model_dump()["dataset"] == table


@pytest.mark.parametrize(
    ("task", "fields", "expected"),
    [
        ("regression", {"metric": "accuracy"}, "loss, mse, rmse, .* found 'accuracy', which is of"),
        ("regression", {"also": ["auroc"]}, "also must be one of loss, mse, .* task reg"),
        ("multilabel", {"metric": "top_k_accuracy"}, "loss, accuracy, macro_f1, .* brier for the"),
        ("multilabel", {"also": ["balanced_accuracy"]}, "also must be one of"),
        ("multilabel", {"also": ["rmse"]}, "found 'rmse', which is of numbers"),
        ("regression", {"target": 0.9}, "target is of accuracy, found it beside the task regressi"),
        (
            "regression",
            {"reported": {"source": "s", "test_accuracy": {"base": 0.5}}},
            "reported is",
        ),
        ("ranking", {}, "dataset.task must be 'classification', 'regression' or 'multilabel'"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(task, fields, expected):
    with pytest.raises(StudyError, match=expected):
        of_task(task, **fields)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ({"label": ["a", "b"]}, "label must be one column for classes, found a list of 2"),
        ({"label": ["a"], "task": "classification"}, "label must be one column for classes"),
        ({"label": [], "task": "regression"}, "label must name columns that differ"),
        ({"label": ["a", "a"], "task": "regression"}, "label must name columns that differ"),
        ({"label": [""], "task": "regression"}, "label must name columns that differ"),
    ],
)
def test_columns_of_targets_that_will_not_do_are_refused(dataset, expected):
    with pytest.raises(StudyError, match=expected):
        judged(dataset={"csv": "t.csv", "test_share": 0.2, **dataset})


# Several data sets


def many(**fields):
    values = {"name": "many", "base": {"hidden": [3]}, "techniques": ["Adam"],
              "datasets": ["a/digits.npz", "b/digits.npz", "mnist"]}  # fmt: skip
    return Study(**{**values, **fields})


def test_a_study_on_several_data_sets_is_one_for_each():
    studies = many().by_dataset
    assert list(studies) == ["digits", "digits-2", "mnist"]
    one = studies["digits-2"]
    assert (one.name, one.dataset, one.datasets) == ("many/digits-2", "b/digits.npz", ())
    alone = Study(name="many/digits-2", base={"hidden": [3]}, techniques=["Adam"],
                  dataset="b/digits.npz", seed=one.seed)  # fmt: skip
    assert one == alone
    assert len({study.seed for study in studies.values()}) == 3
    assert many(seed=1).by_dataset["mnist"].seed == studies["mnist"].seed + 1


def test_a_study_on_several_data_sets_is_read_back(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(many(datasets=["/a.npz", {"csv": "/b.csv", "label": "y", "test_share": 0.2}])
                    .to_toml(), "utf-8")  # fmt: skip
    study = Study.load(file)
    assert "dataset =" not in file.read_text("utf-8")
    assert Study.load(file, {"replicates": 7}).replicates == 7
    assert [getattr(one, "csv", one) for one in study.datasets] == ["/a.npz", "/b.csv"]


def test_paths_of_several_data_sets_are_relative_to_the_file(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text('name = "s"\ndatasets = ["a.npz", { npz = "b.npz" }, "mnist"]\n'
                    'base = { hidden = [3] }\n', "utf-8")  # fmt: skip
    first, second, third = Study.load(file).datasets
    assert (first, second.npz, third) == (str(tmp_path / "a.npz"), str(tmp_path / "b.npz"), "mnist")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"datasets": ["mnist"]}, "datasets must name two or more, found one"),
        ({"dataset": "mnist"}, "dataset must be left out beside datasets"),
        ({"datasets": ["mnist", {"npz": "h.npz", "task": "regression"}]},
         "datasets must have one task, found classification and regression"),
        ({"search": {"trials": 4, "space": {"learning_rate": {"low": 0.1, "high": 1.0}}}},
         "search is for one data set"),
        ({"metric": "rmse"}, "metric must be one of"),
        ({"datasets": "mnist"}, "datasets"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_on_several_data_sets_is_refused(fields, problem):
    with pytest.raises(StudyError) as error:
        many(**fields)
    assert problem in str(error.value)
    assert len(error.value.problems) == 1
