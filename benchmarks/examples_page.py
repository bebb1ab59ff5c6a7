"""The gallery `examples/README.md`, and the tables in the pages of the examples.

`python benchmarks/examples_page.py --run NAME...` runs these examples in a folder of their own, as
their pages say, and writes what they print into their pages, and their pictures beside the gallery.
Without `--run` nothing is trained: the gallery is made of the pages as they are. Either way
`--into examples/README.md` writes it there.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stepladder import Study

EXAMPLES = Path(__file__).parents[1] / "examples"
PICTURES = "pictures"
WIDTH = 90

INTRODUCTION = """# Examples

Each example is a study with all that it needs, in a folder of its own. Run it there:

```
stepladder run study.toml --allow-code
```

`--allow-code` says that you have read the code, which runs with your rights. Read a
[training of your own](../docs/howto/own-training.md) first, or have `stepladder init` write one.
"""

GALLERY = {
    "keras-cnn": ("A network in Keras", True),
    "own-knobs": ("A network whose settings you name", False),
    "sklearn-function": ("A model of scikit-learn", False),
    "pytorch-command": ("A PyTorch script, not changed", False),
    "fine-tuning-command": ("A program with checkpoints", False),
    "time-series": ("A forecast", True),
    "not-learning": ("No learning at all: a sorting algorithm", False),
}
"""The examples in the order of the page, with their titles and whether their effects are drawn."""

OTHERS = """
## Studies of the built-in networks

[Ladders](ladders/README.md) shows what tutorials show with one run of each: activations,
optimizers, initial weights, regularisers. [Data sets](datasets/README.md) judges three techniques
on ten tables at once.
"""


def block_of(page: str) -> str:
    """What an example prints, as its page shows it."""
    return re.search(r"## What it prints\n\n```\n(.*?)```", page, re.DOTALL)[1]


def table_of(printed: str) -> str:
    """The main table of what was printed."""
    lines = printed.splitlines()
    rule = next(place for place, line in enumerate(lines) if line.startswith("───"))
    start = next(place for place in range(rule, -1, -1) if place == 0 or not lines[place - 1])
    end = next((place for place in range(rule, len(lines)) if not lines[place]), len(lines))
    return "\n".join(line.rstrip() for line in lines[start:end])


def gallery(pages: Mapping[str, str]) -> str:
    """The page of all examples, of their own pages by name."""
    parts = [INTRODUCTION]
    for name, (title, has_picture) in GALLERY.items():
        first = re.split(r"(?<=\.) ", pages[name].split("\n\n")[1].replace("\n", " "))[0]
        study = Study.load(EXAMPLES / name / "study.toml")
        parts.append(f"\n## [{title}]({name}/README.md)\n\n{first}\n")
        parts.append(f"```\n{table_of(block_of(pages[name]))}\n```\n")
        if has_picture:
            parts.append(
                f'<img alt="What each technique of {study.name} is worth, with intervals" '
                f'src="{PICTURES}/{name}.svg" width="500">\n'
            )
    return "\n".join([*parts, OTHERS.strip("\n")]).replace("\n\n\n", "\n\n") + "\n"


def run(name: str) -> None:
    """Runs an example and writes what it prints into its page."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / name
        shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("runs"))
        done = subprocess.run(
            [sys.executable, "-m", "stepladder", "run", "study.toml", "--allow-code"],
            cwd=folder, stdout=subprocess.PIPE, text=True, check=True,
            env={**os.environ, "COLUMNS": str(WIDTH)},
        )  # fmt: skip
        printed = "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
        page = EXAMPLES / name / "README.md"
        text = page.read_text("utf-8")
        page.write_text(text.replace(block_of(text), printed), "utf-8")
        if GALLERY[name][1]:
            study = Study.load(folder / "study.toml")
            (EXAMPLES / PICTURES).mkdir(exist_ok=True)
            shutil.copy(
                folder / "runs" / study.name / "figures" / "effects.svg",
                EXAMPLES / PICTURES / f"{name}.svg",
            )


def main() -> None:
    """Writes the page to stdout, or into a file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--run", nargs="*", default=[], metavar="NAME", choices=[*GALLERY, []])
    parser.add_argument("--into", type=Path, metavar="FILE")
    asked = parser.parse_args()
    for name in asked.run:
        print(f"Running {name}", file=sys.stderr)
        run(name)
    text = gallery({name: (EXAMPLES / name / "README.md").read_text("utf-8") for name in GALLERY})
    if asked.into is None:
        print(text, end="")
    else:
        asked.into.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
