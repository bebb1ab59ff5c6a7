"""Paths that no system can look up, given to every command: exit 2, one message, no file made."""

import importlib.util

import click
import pytest

from stepladder import InputError, Study, api
from stepladder.cli import main
from stepladder.cli.options import PLACE
from stepladder.files import validate_path

LONG = "x" * 300
IMPOSSIBLE = {
    "a name too long": (LONG, "too long"),
    "a name too long in a folder that is not there": (f"not/there/{LONG}/run", "too long"),
    "a path too long": ("y/" * 2500, "too long"),
    "a path through a file": ("study.toml/run", "Not a directory"),
    "a ring of links": ("ring/run", "symbolic links"),
    "a NUL character": ("a\0b", "NUL"),
}
COMMANDS = {
    "run": [
        ["run", "?"],
        ["run", "study.toml", "--out", "?"],
        ["run", "study.toml", "--store", "?"],
    ],
    "init": [["init", "--into", "?"], ["init", "--dataset", "?", "--into", "new"]],
    "results": [["results", "?"], ["results", "runs/small", "--store", "?"]],
    "doctor": [["doctor", "?"]],
    "judge": [["judge", "?"], ["judge", "scores.csv", "--output", "?"]],
    "variance": [
        ["variance", "?"],
        ["variance", "study.toml", "--out", "?"],
        ["variance", "study.toml", "--store", "?"],
    ],
    "worker": [["worker", "?"]],
    "report": [
        ["report", "?"],
        ["report", "runs/small", "--output", "?"],
        ["report", "runs/small", "--format", "md", "--output", "?"],
        ["report", "--compare", "runs/small", "?"],
        ["report", "runs/small", "--store", "?"],
    ],
    "ui": [["ui", "?"], ["ui", "runs/small", "--store", "?"]],
    "reproduce": [
        ["reproduce", "?"],
        ["reproduce", "mnist-original", "--out", "?", "--stored"],
        ["reproduce", "mnist-original", "--store", "?", "--stored"],
    ],
    "search": [
        ["search", "?"],
        ["search", "mnist-search", "--out", "?"],
        ["search", "mnist-search", "--store", "?"],
    ],
    "export": [
        ["export", "?", "--to", "model.keras"],
        ["export", "runs/small", "--to", "?"],
        ["export", "runs/small", "--to", "model.keras", "--store", "?"],
    ],
    "predict": [["predict", "?", "image.png"], ["predict", "model.keras", "?"]],
    "pareto": [
        ["pareto", "?"],
        ["pareto", "runs/small", "--output", "?"],
        ["pareto", "runs/small", "--store", "?"],
    ],
    "runs": [["runs", "?"], ["runs", "--store", "?"]],
    "store": [
        ["store", "check", "?"],
        ["store", "vacuum", "?"],
        ["store", "export", "?", "copy.db"],
        ["store", "export", "runs/small", "?"],
        ["store", "import", "?", "runs/small"],
        ["store", "import", "copy.db", "?"],
    ],
    "techniques": [],
    "schema": [],
    "bench": [],
}
NOTHING_THERE = ("found no file", "found none at", "found no such file")
STORES = {"store", "target", "source"}


def _of_paths(command):
    """How many paths a command takes, those of the commands below it with them."""
    if isinstance(command, click.Group):
        return sum(map(_of_paths, command.commands.values()))
    return sum(
        parameter.type is PLACE or parameter.human_readable_name.lower() in STORES
        for parameter in command.params
    )


def test_every_command_is_listed_here():
    assert set(COMMANDS) == set(main.command.commands)
    for name, command in main.command.commands.items():
        assert len(COMMANDS[name]) >= _of_paths(command), name


def test_no_command_takes_a_path_that_is_not_looked_up():
    def parameters(command):
        if isinstance(command, click.Group):
            return [each for below in command.commands.values() for each in parameters(below)]
        return command.params

    assert not [each for each in parameters(main.command) if type(each.type) is click.Path]


@pytest.fixture
def refused(place, in_process, made_up):
    """Runs a command that must be refused, beside a run; returns its message."""
    made_up(6)
    (place / "ring").symlink_to("ring")

    def run(*words):
        before = sorted(place.rglob("*"))
        code, out, err = in_process(*words)
        assert (code, out) == (2, ""), err
        assert "Traceback" not in err
        assert err.startswith("stepladder: ")
        assert len(err) < 700 + len(" ".join(words))
        assert sorted(place.rglob("*")) == before
        return err

    return run


@pytest.mark.extra
@pytest.mark.parametrize("command", [name for name in COMMANDS if COMMANDS[name]])
def test_a_command_refuses_impossible_paths(command, refused):
    if command == "ui":
        pytest.importorskip("uvicorn", reason="the live page needs pip install 'stepladder[ui]'")
    for words in COMMANDS[command]:
        for path, expected in IMPOSSIBLE.values():
            said = refused(*(path if word == "?" else word for word in words))
            assert any(each in said for each in (expected, *NOTHING_THERE)), said
            assert ";" in said, "what to do"


def test_a_file_is_not_written_over_a_folder(refused):
    assert "found: Is a directory" in refused(
        "report", "runs/small", "--format", "md", "--output", "digits"
    )


def test_a_name_that_leaves_no_room_for_a_log_beside_it(refused):
    for words in (["results", "runs/small"], ["run", "study.toml"]):
        assert "found: File name too long" in refused(*words, "--store", "x" * 253)


@pytest.mark.parametrize(("path", "found"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_python_callers_are_told_the_same(path, found, place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "ring").symlink_to("ring")
    for call in (
        lambda: api.run("study.toml", out=path),
        lambda: api.plan("study.toml", out=path),
        lambda: api.reproduce("mnist-original", out=path, train=False),
        lambda: api.search("mnist-search", out=path),
        lambda: api.read(path),
    ):
        with pytest.raises(InputError, match=found):
            call()
    if importlib.util.find_spec("uvicorn") and importlib.util.find_spec("starlette"):
        from stepladder.tools.dashboard import Source  # which needs the extra "ui"

        with pytest.raises(InputError):
            Source.of(path)


@pytest.mark.parametrize("path", ["study.toml", "not/there", ".", "/", "", "x" * 255, "é" * 127])
def test_a_path_that_can_be_looked_up_may_lead_to_anything(path, place, monkeypatch):
    monkeypatch.chdir(place)
    assert str(validate_path(path, "--out")) == (path or ".")


@pytest.mark.parametrize("name", ["漢" * 100, "x" * 500, "é" * 300])
def test_a_long_name_of_a_study_has_a_folder_that_can_be_made(name, tmp_path):
    folder = api.default_folder(Study(name=name, dataset="mnist", base={"hidden": [4]}))
    (tmp_path / folder).mkdir(parents=True)
