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

REPOSITORY = Path(__file__).parents[1]
WIDTH = 90
"""Characters of a line of code that the page of a repository shows whole."""

TOOLS = {  # what is typed first where the front page names a command in place of a program
    "httpx": ("pip install httpx", "pycon"),
    "ruff": ("uvx ruff", "ruff check"),
    "optuna": ("pip install optuna", "python"),
    "keras-tuner": ("pip install keras-tuner", "python"),
}


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
    count = len(list(distributions(path=[str(packages)]))) - before
    return place / "bin", f"{seconds:.0f} s, {size / 1e6:,.0f} MB, {count} packages"


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


def row(name: str, install_line: str, kind: str, bin_: Path, cost: str, folder: Path) -> str:
    """What the front page of a tool promises and keeps."""
    text = front_page(name, bin_)
    prose = re.sub(r"<[^>]*>|\]\([^)]*\)|!?\[", "", text[: text.index(install_line)])
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)
    wide = sum(any(len(line) > WIDTH for line in block.splitlines()) for block in blocks)
    if kind == "pycon":
        first = "answers at a web page"
    else:
        programs = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
        (folder / "first.py").write_text("\n".join(programs), "utf-8")
        is_program = kind == "python"
        words = [bin_ / "python", "first.py"] if is_program else [bin_ / "ruff", "check", "src"]
        place = folder if is_program else REPOSITORY
        seconds, said, is_done = timed(words, place)
        lines = len("\n".join(programs).strip().splitlines()) if is_program else 1
        first = f"{lines} lines, {seconds:.1f} s" + ("" if is_done else f": `{said}`")
    return (
        f"| {name} | {len(text.split()):,} | {len(prose.split()):,} | {wide} of {len(blocks)} | "
        f"{cost} | {first} |"
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
        rows.append(row("stepladder", "pip install .", "python", bin_, "above", folder))
        for tool, (line, kind) in TOOLS.items():
            place = folder / tool
            place.mkdir()
            bin_, cost = install(tool, place)
            rows.append(row(tool, line, kind, bin_, cost, place))
    print("\n".join([*walked, "", *rows]))


if __name__ == "__main__":
    main()
