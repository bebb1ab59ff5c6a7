"""Addresses that a user gives are shown without their secrets."""

import sys

import pytest

from stepladder.cli import main
from stepladder.files import without_password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://me:s3cret@host/db", "postgresql+psycopg://me:***@host/db"),
        ("--store=postgresql://me:s3:c/ret@host:5432/db", "--store=postgresql://me:***@host:5432/db"),
        ("postgresql://host/db?user=me&password=s3cret&x=1",
         "postgresql://host/db?user=me&password=***&x=1"),
        ("postgresql://:s3cret@host/db", "postgresql://:***@host/db"),
        ("postgresql://me@corp:s3cret@host/db", "postgresql://me@corp:***@host/db"),
        ("postgresql://me:s3 cret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:s3@cret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?password=s3 c'ret", "postgresql://host/db?password=***"),
        ("postgresql://host/db?x=1&sslpassword=s3cret&y=2",
         "postgresql://host/db?x=1&sslpassword=***&y=2"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("runs/mine@home/stepladder.db", "runs/mine@home/stepladder.db"),
        ("sqlite:///runs/mine.db", "sqlite:///runs/mine.db"),
        ("C://data:x@y", "C://data:***@y"),
    ],
)  # fmt: skip
def test_a_password_is_never_shown(text, shown):
    assert without_password(text) == shown


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("postgresql://me:s3cret@host/db", "command again, with the password in place of ***:\n"),
        ("mine.db", "same command again:\n  stepladder run quick --store mine.db"),
    ],
)
def test_an_interrupted_command_asks_for_what_it_leaves_out(store, said):
    assert said in main._interrupted(["stepladder", "run", "quick", "--store", store])


def test_an_interrupted_command_is_repeated_without_it(monkeypatch, capsys):
    def interrupted(**_):
        raise KeyboardInterrupt

    words = ["stepladder", "run", "quick", "--store", "postgresql://me:s3cret@host/db"]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(main, "command", interrupted)
    with pytest.raises(SystemExit):
        main.main()
    said = capsys.readouterr().err
    assert "run the same command again" in said
    assert "postgresql://me:***@host/db" in said
    assert "s3cret" not in said
