"""The page `docs/measured/results.md`, made from the commands' own output.

Run with `python benchmarks/results_page.py --table DIR --fixed DIR --fair DIR --factorial DIR`,
each the folder of a run: of `stepladder reproduce mnist-original`, `stepladder run mnist`,
`stepladder run mnist-fair` and `stepladder run mnist --design factorial`. Parts whose folder is
left out are left out of the page. `--into docs/measured/results.md` writes it there. `--pictures
docs/images` draws the documentation's pictures, of these runs and of what `docs/measured` stores.
Nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from comparison.shown import chart
from stepladder.report.figures.base import svg_of
from stepladder.report.figures.pareto import SIZE
from stepladder.report.markdown import markdown_text
from stepladder.report.pareto import weigh
from stepladder.trials.seeding import NUMERICS_VERSION

MEASURED = Path(__file__).parents[1] / "docs" / "measured"
WEIGHED = ("mnist", "mnist-search", "mnist-best", "mnist-best-augmented")
"""Stored results whose accuracies are weighed against their networks' sizes."""

INTRODUCTION = f"""# Results

What the built-in studies come to. This page is made by `python benchmarks/results_page.py` from
the output of the commands that stand above each part, and nothing in it is typed. How each figure
is worked out is in [Statistics](../explanation/statistics.md). All of it was trained by version
{NUMERICS_VERSION} of the arithmetic.
"""


def printed(*words: str) -> str:
    """What a command of stepladder prints.

    Raises:
        SystemExit: if it fails; what it said stands on stderr.
    """
    done = subprocess.run(
        [sys.executable, "-m", "stepladder", *words], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"stepladder {' '.join(words)} failed; run the study first")
    return done.stdout


def part(title: str, commands: str, *texts: str) -> str:
    """A part of the page: its title, the commands that it comes from, what they print."""
    return "\n".join([f"\n## {title}\n", "```", commands, "```", "", *texts])


def side_by_side(fixed: dict[str, Any], fair: dict[str, Any]) -> str:
    """Both studies of one ladder in one table: accuracies, effects and verdicts."""
    other = {arm["name"]: arm for arm in fair["arms"]}
    rates = {arm["name"]: arm["config"]["learning_rate"] for arm in fair["arms"]}
    rows = [
        "| arm | fixed: test % | effect | verdict | fair: rate | test % | effect | verdict |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- |",
    ]
    for arm in fixed["arms"]:
        twin = other[arm["name"]]
        cells = [markdown_text(arm["name"]), *_cells(arm), f"{rates[arm['name']]:g}", *_cells(twin)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _cells(arm: dict[str, Any]) -> tuple[str, str, str]:
    mean, low, effect = (
        arm["scores"]["test"]["accuracy"]["mean"],
        arm["scores"]["test"]["accuracy"]["ci_low"],
        arm["effect"],
    )
    spread = "" if low is None else f" ± {100 * (mean - low):.2f}"
    constant = next((each for each in arm["diagnosis"] if each.startswith("answers ")), None)
    test = f"*{constant}*" if constant else f"{100 * mean:.2f}{spread}"
    if effect is None:
        return test, "", ""
    half = "" if effect["ci_low"] is None else f" ± {effect['mean'] - effect['ci_low']:.2f}"
    needed = effect["replicates_needed"]
    verdict = effect["verdict"] + (f" (about {needed:,} would do)" if needed else "")
    if effect.get("reason"):
        verdict = "cannot be judged"
    return test, f"{effect['mean']:+.2f}{half}".replace("-", "−"), markdown_text(verdict)


def page(asked: argparse.Namespace) -> str:
    """The whole page."""
    made = [INTRODUCTION]
    if asked.fixed and asked.fair:
        fixed, fair = (json.loads(printed("results", str(folder), "--format", "json"))
                       for folder in (asked.fixed, asked.fair))  # fmt: skip
        made.append(part(
            "The ladder, fixed and fair", "stepladder run mnist\nstepladder run mnist-fair",
            "In the fixed study every arm keeps the base's learning rate; in the fair one each has "
            "its own, tuned on validation accuracy with the same candidates for all.\n",
            side_by_side(fixed, fair),
        ))  # fmt: skip
    for folder, title, command in (
        (asked.fixed, "The fixed ladder in full", "stepladder results runs/mnist"),
        (asked.fair, "The fair ladder in full", "stepladder results runs/mnist-fair"),
        (asked.factorial, "Every combination of the techniques",
         "stepladder run mnist --design factorial --out runs/factorial"),
    ):  # fmt: skip
        if folder:
            text = printed("results", str(folder), "--format", "markdown")
            made.append(part(title, command, text))
    if asked.table:
        words = ["reproduce", "mnist-original", "--stored", "--format", "markdown"]
        words += ["--out", str(asked.table)]
        words += ["--store", asked.store] if asked.store else []
        made.append(part("The original table", "stepladder reproduce mnist-original",
                         printed(*words)))  # fmt: skip
    return "".join(made)


def draw(asked: argparse.Namespace) -> None:
    """The documentation's pictures, in the colours that their reader prefers."""
    for run, name in ((asked.fixed, "effects"), (asked.fair, "tuning")):
        if run:
            shutil.copyfile(run / "figures" / f"{name}.svg", asked.pictures / f"{name}.svg")
    runs = [MEASURED / f"{name}.json" for name in WEIGHED]
    weighed = next(plot for plot in weigh(runs, part="validation").plots if plot.name == SIZE.name)
    speed = chart((MEASURED / "speed.md").read_text("utf-8"))
    for name, plot in (("pareto", weighed), ("speed", speed)):
        (asked.pictures / f"{name}.svg").write_text(svg_of(plot), "utf-8")


def main() -> None:
    """Prints the page, or writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("table", "fixed", "fair", "factorial"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help="folder of that run")
    parser.add_argument("--store", metavar="URL", help="store of the table's trials")
    parser.add_argument("--into", type=Path, metavar="FILE", help="where to write the page")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="where pictures go")
    asked = parser.parse_args()
    if asked.pictures:
        draw(asked)
    text = page(asked)
    if asked.into:
        asked.into.write_text(text, "utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
