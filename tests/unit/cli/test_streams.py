"""What steers a terminal is shown there as text; files and pipes get it as it is."""

import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from stepladder.files import visible
from stepladder.report.wording import printable

STEERS = "a\x1b[31mb\x1b]0;title\x07\x9b2J\u202ec\u200bd\u2066\ufeff\u00ade\u2028f"
OF_RICH = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r+\n|\r?\x1b\[\d?[KA]")
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u200b\u2028-\u202e\u2060-\u206f\ufeff]")


def at_a_terminal(words, folder):
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "stepladder", *words], cwd=folder, stdin=theirs, stdout=theirs,
        stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return process.returncode, shown.decode()


@pytest.fixture
def place(tmp_path):
    rows = [f'"{name}",{replicate},0.{replicate}' for name in (STEERS, "b") for replicate in (1, 2)]
    (tmp_path / "scores.csv").write_text("\n".join(["arm,replicate,score", *rows]), "utf-8")
    key = "".join(f"\\u{ord(sign):04x}" for sign in STEERS + "\n")
    (tmp_path / "study.toml").write_text(f'name = "s"\n"{key}" = 1\n[base]\nhidden = [8]\n')
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as database:
        database.execute(f'create table "{STEERS}" (x)')
        database.commit()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["judge", "scores.csv"], 0),
        (["judge", "scores.csv", "--format", "csv"], 0),
        pytest.param(["judge", "scores.csv", "--format", "json"], 0, marks=pytest.mark.slow),
        pytest.param(["judge", "scores.csv", "--format", "markdown"], 0, marks=pytest.mark.slow),
        pytest.param(["judge", "scores.csv", "--against", STEERS + "?"], 2, marks=pytest.mark.slow),
        (["run", "study.toml", "--dry-run"], 2),
        (["store", "check", "foreign.db"], 2),
        pytest.param(["store", "check", STEERS], 2, marks=pytest.mark.slow),
        pytest.param(["results", ".", STEERS], 2, marks=pytest.mark.slow),
        pytest.param([STEERS], 2, marks=pytest.mark.slow),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else None,
)
def test_a_terminal_is_steered_by_rich_alone(words, code, place):
    ended, shown = at_a_terminal(words, place)
    assert ended == code, shown
    assert UNSAFE.findall(OF_RICH.sub("", shown).replace("\n", "")) == []
    assert "title" in shown


def test_a_pipe_gets_names_as_they_are(place):
    done = subprocess.run(
        [sys.executable, "-m", "stepladder", "judge", "scores.csv", "--format", "csv"],
        cwd=place, capture_output=True, check=True,
    )  # fmt: skip
    assert f"\n{STEERS}," in done.stdout.decode().replace('"', "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é, 語, 👍\tand\nlines\r\n", "plain, é, 語, 👍\tand\nlines\r\n"),
        ("\x1b[2J", r"\u001b[2J"),
        ("a\rb", r"a\u000db"),
        ("\U000e0041", r"\udb40\udc41"),
        ("می‌خواهم 👨‍👩‍👧", "می‌خواهم 👨‍👩‍👧"),  # joiners that their words need
        ("a\u200db", r"a\u200db"),
    ],
)
def test_what_is_not_seen_is_shown(text, shown):
    assert visible(text) == shown


def test_names_in_tables_have_no_invisible_signs():
    assert printable("a\u200bb\xadc\ufeff") == "a\ufffdb\ufffdc\ufffd"
    assert printable("👨‍👩‍👧") == "👨‍👩‍👧"
