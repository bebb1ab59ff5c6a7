"""Bad input: one message, exit code 2, nothing trained, nothing stored touched, no traceback."""

import sqlite3

import numpy as np
import pytest

BASE = "[base]\nhidden = [4]\n"


@pytest.fixture
def refused(place, in_process):
    """Runs a command that must be refused, in the study's folder; returns its message."""

    def run(*words):
        before = sorted(place.rglob("*"))
        code, out, err = in_process(*words)
        assert code == 2, err
        assert out == ""
        assert "Traceback" not in err
        assert sorted(place.rglob("*")) == before
        return err

    return run


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["replicates=0"], "replicates must be at least 1, found 0"),
        (["base.dropout=1.0"], "base.dropout must be below 1"),
        (["base.learning_rate=-0.1"], "base.learning_rate must be above 0"),
        (["base.learning_rate=nan"], "base.learning_rate must be a finite number"),
        (["base.hidden=[]"], "base.hidden must have at least 1"),
        (["base.activation=rleu"], "did you mean 'relu'?"),
        (["base.activaton=relu"], "did you mean 'base.activation'?"),
        (["validation=300"], "validation must be at least 1 example and leave"),
        (["base.train_examples=1000"], "train_examples must be from 1 to 260"),
        (["dataset=elsewhere"], "elsewhere"),
        (["dataset=study.toml"], "study.toml"),
        (["design=factory"], "design must be"),
        (["replicates"], "must be KEY=VALUE"),
        (["name.x=3"], "'name' is not a table"),
        (["replicates=0", "seed=-1"], "2 problems in study.toml"),
    ],
)
def test_a_setting_that_cannot_be(settings, expected, refused):
    words = [word for setting in settings for word in ("--set", setting)]
    assert expected in refused("run", "study.toml", *words)


@pytest.mark.slow  # it starts a process with Keras
def test_what_keras_refuses_is_told_in_its_words(refused):
    message = refused(
        "run", "study.toml", "--set", "base.activation='leaky_relu(negative_slope=-1.0)'"
    )
    assert "activation must be what Keras accepts, found leaky_relu(negative_slope=-1.0)" in message
    assert "negative_slope value of a Leaky ReLU layer cannot be None or negative" in message


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "mnits"], "did you mean 'mnist'?"),
        (["run", "digits"], "found a folder without study.toml"),
        (["run", "digits/train-images-idx3-ubyte.gz"], "must be a TOML text in UTF-8"),
        (["run", "study.toml", "--replicates", "0"], "replicates must be at least 1"),
        (["run", "study.toml", "--workers", "0"], "--workers must be 1 to"),
        (["run", "study.toml", "--workers", "10000"], "--workers must be 1 to"),
        (["run", "study.toml", "--engine", "hope"], "hope"),
        (["run", "study.toml", "--chunk", "2"], "No such option"),
        (["run", "study.toml", "--axis", "vmap"], "No such option"),
        (["run", "study.toml", "--out", "study.toml"], "--out must be a folder"),
        (["results", "runs/none"], "RUN must be the folder of a run"),
        (["results", "digits"], "study.toml"),
        (["report", "study.toml"], "RUN must be the folder of a run"),
        (["results", "digits", "--format", "yaml"], "yaml"),
        (["bench", "--workers", "0"], "--workers must be 1 to"),
        (["bench", "--workers", "two"], "two"),
        (["bench", "--format", "csv"], "csv"),
        (["bench", "mnist"], "mnist"),
        (["fly"], "No such command"),
        (["run", "quick", "--set", "base.epochs=3\nreplicates=7"], "must be one KEY=VALUE, found"),
        (["run", "quick", "--set", "base.epochs=3\n[x]"], "must be one KEY=VALUE, found"),
        (["run", "quick", "--set", "base.epochs=" + 5_000 * "1"], "must be a whole number"),
        (["run", "quick", "--set", "base.epochs=0x" + 5_000 * "f"], "must be a whole number"),
        (["run", "quick", "--replicates", 5_000 * "1"], "must be a whole number or auto, found"),
        (["run", "quick", "--epochs", str(10**9 + 1)], "base.epochs must be at most 1000000000"),
        (["run", "quick", "--set", "base.hidden=[65536, 65536, 65536, 65536]"], "fit into memory"),
    ],
)
def test_words_that_make_no_command(words, expected, refused):
    assert expected in refused(*words)


@pytest.mark.parametrize(
    ("url", "expected"), [("mysql://x/y", "mysql"), ("sqlite:////no/such/folder/x.db", "folder")]
)
def test_a_store_that_cannot_be_opened(url, expected, place, refused):
    (place / "runs" / "small").mkdir(parents=True)
    assert expected in refused("run", "study.toml", "--store", url)


def test_a_fit_backend_that_is_not_there(refused, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert "found 'theano'" in refused("run", "study.toml", "--engine", "fit")


def test_a_folder_that_holds_another_study(place, refused):
    folder = place / "taken"
    folder.mkdir()
    (folder / "study.toml").write_text('name = "another"\n' + BASE, "utf-8")
    assert "found the study 'another'" in refused("run", "study.toml", "--out", "taken")


def test_a_folder_that_holds_a_strange_database(place, refused):
    folder = place / "runs" / "small"
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "stepladder.db") as database:
        database.execute("CREATE TABLE somebody_else (x)")
    database.close()
    assert "stepladder.db" in refused("run", "study.toml")


def test_a_pickle_in_an_npz_is_never_opened(place, refused):
    objects = np.array([{"a": 1}, {"b": 2}], dtype=object)
    np.savez(place / "bad.npz", x_train=objects, y_train=[0, 1], x_test=objects, y_test=[0, 1])
    assert "x_train" in refused("run", "study.toml", "--set", "dataset=bad.npz")


def test_a_table_without_its_label_column(place, refused):
    (place / "t.csv").write_text("digit,a\n" + "0,1\n1,2\n" * 50, "utf-8")
    (place / "csv.toml").write_text(
        'name = "t"\ndataset = { csv = "t.csv", label = "digits", test_share = 0.2 }\n' + BASE,
        "utf-8",
    )
    assert "did you mean 'digit'?" in refused("run", "csv.toml")


@pytest.mark.parametrize("number", [5_000 * "1", "0x" + 5_000 * "f", str(2**64)])
@pytest.mark.parametrize("key", ["replicates", "seed", "unknown"])
def test_a_number_that_no_machine_holds_is_refused(number, key, place, refused):
    study = (place / "study.toml").read_text().replace("replicates = 2", f"{key} = {number}")
    (place / "study.toml").write_text(study)
    assert "must be TOML: a whole number of more than 64 bits" in refused("run", "study.toml")


@pytest.mark.parametrize("number", [5_000 * "1", 4_000 * "1"])
def test_results_with_such_a_number_are_none(number, place, refused):
    (place / "results.json").write_text(f'{{"arms": {number}}}')
    assert "which is none (ValueError)" in refused("pareto", "results.json")
