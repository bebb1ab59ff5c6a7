"""The edge to the machine: cores, backend and what training processes are started with."""

import json
import os

import pytest

from stepladder import InputError
from stepladder.execution import machine


def test_one_process_a_core_unless_told_otherwise():
    usable = machine.cores()
    assert machine.settings().cpus == tuple(usable)
    assert machine.settings(workers=1).cpus == tuple(usable[:1])


@pytest.mark.parametrize("workers", [0, -1, 10_000])
def test_workers_beyond_the_cores_are_refused(workers):
    with pytest.raises(InputError, match=f"found {workers}"):
        machine.settings(workers=workers)


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", None), ("100000 100000", 1), ("150000 100000", 2), ("50000 100000", 1),
     ("nonsense", None), ("", None)],
)  # fmt: skip
def test_a_quota_is_rounded_up_to_whole_cores(tmp_path, text, cores):
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert machine._quota(file) == cores


def test_no_quota_file_is_no_quota(tmp_path):
    assert machine._quota(tmp_path / "none") is None


def test_the_population_engine_has_jax_whatever_the_user_s_keras_is(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    settings = machine.settings()
    assert settings.environment["KERAS_BACKEND"] == "jax"
    assert settings.engine_name == "population"


def test_no_settings_of_keras_and_matplotlib_reach_a_training_process(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    monkeypatch.setenv("KERAS_HOME", "somewhere")
    for environment in (machine.settings().environment, machine.model_environment()):
        # No cache: a keras.json of which a byte is altered would change figures.
        assert environment["KERAS_HOME"] == environment["MATPLOTLIBRC"] == os.devnull
        assert environment["MPLBACKEND"] == "agg"


def test_the_fit_engine_has_the_backend_that_the_user_names(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert machine.settings(engine="fit").engine_name == "fit/jax"
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(InputError, match="found 'theano'"):
        machine.settings(engine="fit")


@pytest.mark.parametrize(
    "content", ['{"backend": "no-such-thing"}', "not json", "[]", json.dumps({"backend": "jax"})]
)
def test_a_keras_file_counts_only_where_its_backend_is_installed(tmp_path, monkeypatch, content):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text(content)
    assert machine.keras_backend() == "jax"


def test_a_cache_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert machine.cache_folder() is None


def test_what_endings_may_take(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("STEPLADDER_ENDINGS_MB", raising=False)
    assert machine.settings().endings["most"] == 10**9
    monkeypatch.setenv("STEPLADDER_ENDINGS_MB", "12.5")
    usual = machine.settings().endings
    assert usual["most"] == 12_500_000
    assert usual["folder"] == tmp_path / "stepladder" / "endings"
    monkeypatch.setenv("STEPLADDER_CHECKPOINT_SECONDS", "0")
    assert machine.settings().endings["share"] > usual["share"]
    monkeypatch.setenv("STEPLADDER_ENDINGS_MB", "0")
    assert machine.settings().endings is None
    monkeypatch.setenv("STEPLADDER_ENDINGS_MB", "-1")
    with pytest.raises(InputError, match="number of megabytes from 0, found '-1'"):
        machine.settings()


def test_a_user_without_a_home_has_no_cache_and_keras_on_jax(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "KERAS_HOME", "KERAS_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for an unknown user
    assert machine.cache_folder() is None
    assert machine.keras_backend() == "jax"
