"""Whatever the surroundings, a command does its work or says in a line why not.

Environment variables, encodings, output that is full or closed, and files that are none.
"""

import json
import os
import stat
import subprocess
import sys

import pytest

COMMANDS = {
    "results": ["results", "runs/small"],
    "json": ["results", "runs/small", "--format", "json"],
    "dry run": ["run", "study.toml", "--dry-run"],
    "techniques": ["techniques"],
    "schema": ["schema"],
}

ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "utf-16"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"COLUMNS": "1"},
    {"COLUMNS": "abc"},
    {"HOME": "/nonexistent"},
    {"TERM": ""},
    {"PYTHONWARNINGS": "error"},
]

TRAINING = [
    {"JAX_ENABLE_X64": "1"},
    {"JAX_DISABLE_JIT": "1"},
    {"JAX_NUMPY_RANK_PROMOTION": "raise"},
    {"JAX_DEBUG_NANS": "1"},
    {"JAX_TRANSFER_GUARD": "disallow"},
    {"JAX_PLATFORM_NAME": "gpu"},
    {"JAX_DEFAULT_MATMUL_PRECISION": "bfloat16"},
    {"KERAS_NNX_ENABLED": "1"},
    {"KERAS_BACKEND": "nonsense"},
    {"XLA_FLAGS": "--nonsense"},
    {"MPLBACKEND": "nonsense"},
    {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    {"keras.json": '{"image_data_format": "channels_first"}'},
    {"keras.json": '{"floatx": "bfloat16"}'},
    {"keras.json": '{"nnx_enabled": true}'},
    {"keras.json": "[]"},
    {"keras.json": "nonsense"},
]


def _run(stepladder, words, environment=None, redirect=""):
    return subprocess.run(
        ["bash", "-c", f'exec "$@" {redirect}', "bash", sys.executable, "-m", "stepladder", *words],
        cwd=stepladder.folder,
        env={**stepladder.environment, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENCODINGS, ids=str)
def test_every_text_can_be_written(environment, stepladder, trained):
    trained()
    for name, words in COMMANDS.items():
        done = _run(stepladder, words, environment)
        assert (done.returncode, done.stdout != b"") == (0, True), (name, done.stderr)
        assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_signs_that_ascii_lacks_have_one_that_is_as_wide(stepladder, trained):
    trained()
    words = COMMANDS["results"]
    ours = _run(stepladder, words).stdout.decode()
    ascii_only = _run(stepladder, words, {"PYTHONIOENCODING": "ascii"}).stdout.decode("ascii")
    assert "\\u" not in ascii_only
    assert "+ ReLU" in ascii_only
    assert "±" in ours


@pytest.mark.slow
def test_json_stays_json_in_every_encoding(stepladder, trained):
    trained()
    done = _run(stepladder, COMMANDS["json"], {"PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout)["study"] == "small"


@pytest.mark.parametrize("name", [pytest.param("json", marks=pytest.mark.slow), "techniques"])
def test_output_that_is_full_is_told_in_a_line(name, stepladder, trained):
    trained()
    done = _run(stepladder, COMMANDS[name], redirect="> /dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "stepladder: output must be written, found: No space left on device; free some space or "
        "write to another place"
    ]


@pytest.mark.parametrize(
    "redirect",
    ["2> >(exit)", *(pytest.param(r, marks=pytest.mark.slow) for r in ("2> /dev/full", "2>&-"))],
)
def test_messages_that_nobody_reads_stop_no_training(redirect, stepladder):
    words = ["run", "study.toml", "--replicates", "1", "--workers", "1"]
    done = _run(stepladder, words, redirect=redirect)
    assert done.returncode == 0
    assert "+ ReLU" in done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize("environment", TRAINING, ids=str)
def test_no_variable_and_no_keras_file_changes_a_figure(environment, stepladder, trained, tmp_path):
    trained("runs/expected")
    environment = dict(environment)
    if "keras.json" in environment:
        (tmp_path / "keras").mkdir()
        (tmp_path / "keras" / "keras.json").write_text(environment.pop("keras.json"))
        environment["KERAS_HOME"] = str(tmp_path / "keras")
    done = stepladder("run", "study.toml", **environment)
    assert done.returncode == 0, done.stderr
    found, expected = (stepladder.results(f"runs/{name}")["arms"] for name in ("small", "expected"))
    for arm, same in zip(found, expected, strict=True):
        assert (
            arm["scores"]["test"]["accuracy"]["values"]
            == same["scores"]["test"]["accuracy"]["values"]
        )


READERS = {
    "run": ["run", "{}", "--dry-run"],
    "dataset": ["run", "study.toml", "--dry-run", "--set", "dataset={}"],
    "judge": ["judge", "{}"],
    "results": ["results", "{}"],
    "reproduce": ["reproduce", "{}", "--dry-run"],
    "search": ["search", "{}", "--dry-run"],
    "pareto": ["pareto", "{}"],
    "check": ["store", "check", "{}"],
    "predict": ["predict", "{}", "{}"],
}


@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "folder", "loop", "sparse", "nested"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(kind, reader, in_process, place):
    file = place / kind
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "loop":
        file.symlink_to(file)
    elif kind == "sparse":
        with file.open("wb") as stream:
            stream.truncate(20_000_000_000)
    elif kind == "nested":
        file.write_text("a = " + "[" * 3_000 + "]" * 3_000)
    code, _, err = in_process(*(word.format(file) for word in READERS[reader]))
    assert code == 2, err
    assert err.startswith("stepladder: ")


def test_a_report_is_written_to_a_device_and_through_a_link(in_process, trained, place):
    trained()
    (place / "link.md").symlink_to("target.md")
    for output in ("/dev/null", "link.md"):
        code, _, err = in_process("report", "runs/small", "--format", "md", "--output", output)
        assert code == 0, err
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert (place / "link.md").is_symlink()
    assert "+ ReLU" in (place / "target.md").read_text("utf-8")


def test_a_setting_that_is_nested_too_deeply_is_refused(in_process):
    value = "[" * 3_000 + "]" * 3_000
    code, _, err = in_process("run", "study.toml", "--dry-run", "--set", f"base.hidden={value}")
    assert code == 2
    assert "base.hidden must be a list" in err
