"""The first minutes with stepladder, and with four tools whose beginnings are good.

Run with `python benchmarks/first_minutes.py data.csv`: it clones this repository, installs it and
the others from the package index into environments of their own without a cache, and prints two
tables: the walk from `git clone` to a verdict on the file, and what the front page of each tool
promises and keeps. Needs git and a package index; nothing is left behind.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from stepladder.report.wording import plural

REPOSITORY = Path(__file__).parents[1]
WIDTH = 90
"""Characters of a line of code that the page of a repository shows whole."""

INSTALL_LINES = {
    "httpx": "pip install httpx",
    "ruff": "uvx ruff",
    "optuna": "pip install optuna",
    "keras-tuner": "pip install keras-tuner",
}
"""How the front page of each tool says that it is installed."""


def timed(words: Sequence[str | Path], folder: Path) -> tuple[float, str, bool]:
    """Seconds of a command, the last line that it printed, and whether it succeeded."""
    start = time.perf_counter()
    done = subprocess.run([*map(str, words)], cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)  # fmt: skip
    lines = done.stdout.strip().splitlines() or [""]
    return time.perf_counter() - start, lines[-1], not done.returncode


def install(what: str, folder: Path) -> tuple[Path, str]:
    """An environment with a package, and what that took."""
    place = folder / "environment"
    venv.create(place, with_pip=True)
    before = len(list(distributions(path=[str(next(place.glob("lib/*/site-packages")))])))
    pip = place / "bin" / "pip"
    seconds, said, is_done = timed([pip, "install", "--quiet", "--no-cache-dir", what], folder)
    if not is_done:
        sys.exit(f"{what} must install, found: {said}")
    packages = next(place.glob("lib/*/site-packages"))
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    count = plural(len(list(distributions(path=[str(packages)]))) - before, "package")
    return place / "bin", f"{seconds:.0f} s, {size / 1e6:,.0f} MB, {count}"


def walk(file: Path, folder: Path) -> tuple[Path, list[str]]:
    """From `git clone` to a verdict on a table, with the second at which each line is typed."""
    start, rows = time.perf_counter(), ["| second | typed |", "|---:|---|"]

    def type_line(line: str) -> None:
        rows.append(f"| {time.perf_counter() - start:.0f} | `{line}` |")

    type_line("git clone … && cd stepladder")
    timed(["git", "clone", "--quiet", REPOSITORY, "stepladder"], folder)
    type_line("python3 -m venv v && . v/bin/activate && pip install .")
    bin_, cost = install(str(folder / "stepladder"), folder)
    for line in (f"stepladder init --dataset {file.name}", "stepladder run study.toml"):
        type_line(line)
        name, *words = line.split()
        words = [str(file.resolve()) if word == file.name else word for word in words]
        _, said, is_done = timed([bin_ / name, *words], folder)
        if not is_done:
            sys.exit(f"`{line}` must succeed, found: {said}")
    type_line("(the table and its verdicts are there)")
    return bin_, [*rows, "", f"Installing took {cost}."]


def front_page(name: str, bin_: Path) -> str:
    """The text that the package index shows."""
    packages = next(bin_.parent.glob("lib/*/site-packages"))
    return next(
        str(one.metadata.get_payload())
        for one in distributions(path=[str(packages)])
        if one.metadata["Name"].lower().replace("_", "-") == name
    )


def first_program(name: str, text: str, bin_: Path, folder: Path) -> str:
    """What the first program of a front page does where it is pasted."""
    if name == "httpx":
        return "answers at a web page"
    programs = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    code = "\n".join(programs)
    (folder / "first.py").write_text(code, "utf-8")
    lines, words, place = len(code.strip().splitlines()), [bin_ / "python", "first.py"], folder
    if name == "ruff":  # which begins with a command
        lines, words, place = 1, [bin_ / "ruff", "check", "src"], REPOSITORY
    seconds, said, is_done = timed(words, place)
    return f"{plural(lines, 'line')}, {seconds:.1f} s" + ("" if is_done else f": `{said}`")


def row(name: str, install_line: str, bin_: Path, cost: str, folder: Path) -> str:
    """What the front page of a tool promises and keeps."""
    text = front_page(name, bin_)
    prose = re.sub(r"<[^>]*>|\]\([^)]*\)|!?\[", "", text[: text.index(install_line)])
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)
    wide = sum(any(len(line) > WIDTH for line in block.splitlines()) for block in blocks)
    return (
        f"| {name} | {len(text.split()):,} | {len(prose.split()):,} | {wide} of {len(blocks)} | "
        f"{cost} | {first_program(name, text, bin_, folder)} |"
    )


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="a table of your own, such as data.csv")
    asked = parser.parse_args()
    rows = [
        "| tool | words | of them before the install line | code that is cut | installing | first "
        "program, as it is pasted |",
        "|---|---:|---:|---:|---:|---|",
    ]
    with tempfile.TemporaryDirectory(prefix="stepladder-first-") as name:
        folder = Path(name)
        bin_, walked = walk(asked.file, folder)
        rows.append(row("stepladder", "pip install .", bin_, "above", folder))
        for tool, line in INSTALL_LINES.items():
            place = folder / tool
            place.mkdir()
            bin_, cost = install(tool, place)
            rows.append(row(tool, line, bin_, cost, place))
    print("\n".join([*walked, "", *rows]))


if __name__ == "__main__":
    main()
