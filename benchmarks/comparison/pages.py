"""Pages of the documentation of which a part is made by a program."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def print_or_write(description: str, made: Callable[[], str], filled: Callable[[str], str]) -> None:
    """The command of a program that makes a part of a page: prints it, or puts it `--into` a file.

    Args:
        description: of the program; its first line is shown as help.
        made: gives the part.
        filled: gives the page with the part in its place.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--into", type=Path, metavar="FILE", help="the page that holds it")
    into = parser.parse_args().into
    if into:
        into.write_text(filled(into.read_text("utf-8")), "utf-8")
    else:
        print(made())


def between(page: str, begin: str, end: str, text: str) -> str:
    """A page with what stands between two marks replaced.

    Args:
        page: all of it.
        begin: the mark before.
        end: the mark after.
        text: what is to stand there; its last line has its break.

    Raises:
        ValueError: if it does not have both marks once.
    """
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"expected {begin} and {end} once each, found otherwise; write them")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}"
