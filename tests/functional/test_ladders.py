"""The ladders of tutorials: each runs from its file, and its page names it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stepladder import Study

LADDERS = Path(__file__).parents[2] / "examples" / "ladders"
NAMES = sorted(file.stem for file in LADDERS.glob("*.toml"))
TABLES = {
    "rare": "rare",
    "rare-by-accuracy": "rare",
    "friedman": "friedman",
    "diabetes": "diabetes",
}
QUICK = ("rare", "zero")
SMALL = ("--set", "replicates=2", "--set", "epochs=2")


@pytest.fixture
def folder(tmp_path, stepladder):
    """A copy of the ladders, in which commands run."""
    for file in LADDERS.iterdir():
        if file.suffix in (".toml", ".py"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    stepladder.folder = tmp_path
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_its_page_shows_its_command_and_what_came_out(name):
    text = (LADDERS / "README.md").read_text("utf-8")
    assert re.search(rf"stepladder run {name}\.toml", text)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NAMES]
)
def test_a_ladder_runs_from_its_file(name, folder, stepladder):
    if name == "diabetes" and importlib.util.find_spec("sklearn") is None:
        pytest.skip("the table of diabetes needs pip install scikit-learn")
    if name in TABLES:
        subprocess.run([sys.executable, "make_data.py", TABLES[name]], cwd=folder, check=True)
    less = ["--set", "base.train_examples=300"] if name not in TABLES else []
    done = stepladder("run", f"{name}.toml", *SMALL, *less, "--out", "out")
    assert done.returncode == 0, done.stderr
    arms = stepladder.results("out")["arms"]
    assert [arm["name"] for arm in arms] == [
        arm.name for arm in Study.load(LADDERS / f"{name}.toml").arms
    ]
    assert all(arm["n"] == 2 and not arm["failed"] for arm in arms)
