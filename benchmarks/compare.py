"""The whole comparison: stepladder beside its rivals and beside the floor of the machine.

    python benchmarks/compare.py                         # everything; hours
    python benchmarks/compare.py --only shares           # one part; see --help
    python benchmarks/compare.py --replicates 1          # slow rivals in part, scaled up
    python benchmarks/compare.py --quick                 # does it work? figures that mean nothing
    python benchmarks/compare.py --markdown results.json # the tables of docs/measured/speed.md

Run it where stepladder is installed. Every rival gets a virtual environment of its own, with the
same Keras and JAX. Results are written after each part; a part that is there already is replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from comparison import against, floors, gpu, scale, shown
from comparison.context import Context
from comparison.rivals import ENVIRONMENTS, RIVALS, prepare
from stepladder import data
from stepladder.execution import machine

PARTS = {
    "mnist": against.mnist,
    "rates": against.rates,
    "shares": floors.shares,
    "dropout": floors.dropout,
    "scale": scale.scale,
    "compiling": floors.compiling,
    "gpu": gpu.gpu,
}


def main(words: list[str] | None = None) -> None:
    """Runs what the command line asks for."""
    options = _parser().parse_args(words)
    if options.markdown:
        _show(shown.markdown(_read(options.markdown)), options.into)
        return
    results = _read(options.out) if options.out.exists() else {"parts": {}}
    with tempfile.TemporaryDirectory(prefix="stepladder-compare-") as folder:
        context = _context(options, Path(folder))
        for name in options.only or PARTS:
            results["parts"][name] = _run(name, context)
            options.out.write_text(json.dumps(results, indent=2, ensure_ascii=False), "utf-8")
    print(shown.markdown(results), end="")


def _run(name: str, context: Context) -> dict[str, Any]:
    """A part with what it was measured on, and the floor before and after it."""
    before = context.floor()
    began = time.perf_counter()
    part = PARTS[name](context)
    seconds = time.perf_counter() - began
    after = context.floor()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "quick": context.quick,
        "machine": context.settings.machine,
        "cores": len(context.settings.cpus),
        "sgemm": {"library": before.library, "before": before.rate, "after": after.rate},
        "versions": shown.versions(),
        "seconds": seconds,
        **part,
    }


def _context(options: argparse.Namespace, folder: Path) -> Context:
    file = options.data or folder / "mnist.npz"
    if not options.data:
        mnist = data.load("mnist")
        parts = ("x_train", "y_train", "x_test", "y_test")
        np.savez(file, **{part: getattr(mnist, part) for part in parts})
    return Context(
        quick=options.quick,
        replicates=options.replicates,
        epochs=options.epochs,
        rivals=tuple(RIVALS[name] for name in options.rival or RIVALS),
        pythons=partial(prepare, environments=options.environments, say=_say),
        data=file,
        folder=folder,
        settings=machine.settings(),
        say=_say,
    )


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{file} must be the results of this program, found: {error}") from None


def _show(tables: str, page: Path | None) -> None:
    """Prints tables, or puts them between a page's marks."""
    if page is None:
        print(tables, end="")
        return
    try:
        page.write_text(shown.filled(page.read_text("utf-8"), tables), "utf-8")
    except (OSError, ValueError) as error:
        raise SystemExit(f"{page} must be a page with the marks of results: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="little work on every side: a trial of the program")
    add("--only", action="append", choices=list(PARTS), help="this part; may be repeated")
    add("--rival", action="append", choices=list(RIVALS), help="this rival; may be repeated")
    add("--replicates", type=_positive, help="that rivals run of all, the rest scaled up")
    add("--epochs", type=_positive, help="that rivals run of all, 2 or more, the rest scaled up")
    add("--out", type=Path, default=Path("comparison.json"), help="results [comparison.json]")
    add(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        help=f"folder of the rivals' [{ENVIRONMENTS}]",
    )
    add("--data", type=Path, help="MNIST as an .npz in Keras' layout [the package's own]")
    add("--markdown", type=Path, metavar="RESULTS", help="print the table of results and stop")
    add("--into", type=Path, metavar="PAGE", help="with --markdown: put it between PAGE's marks")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, found {number}")
    return number


if __name__ == "__main__":
    main()
