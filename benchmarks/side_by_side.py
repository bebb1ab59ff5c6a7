"""One comparison done in four ways: lines of code of the user's, and seconds for 200 trials.

Two techniques on boosted trees of scikit-learn, all four combinations, 50 replicates each: by
`stepladder.compare`, Optuna, SMAC3 and a loop, in as many processes. Each way is a whole program
that starts, trains and prints what it has to say. The ways take turns, so that a machine that
becomes busy slows all of them.

    python benchmarks/side_by_side.py
    python benchmarks/side_by_side.py --smac env-with-smac/bin/python

SMAC3 has dependencies of its own, so it may have a Python of its own; without one it is left out.
"""

import argparse
import ast
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).parent / "rivals" / "side_by_side"
WAYS = {
    "stepladder": "by_stepladder.py",
    "a loop": "by_hand.py",
    "Optuna": "by_optuna.py",
    "SMAC3": "by_smac.py",
}


def main():
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--runs", type=int, default=3, help="of each way; the median is shown")
    parser.add_argument("--smac", help="a Python that has smac and scikit-learn")
    options = parser.parse_args()
    ways = {name: file for name, file in WAYS.items() if name != "SMAC3" or options.smac}
    seconds = {name: [] for name in ways}
    for _ in range(options.runs):
        for name, file in ways.items():
            python = options.smac if name == "SMAC3" else sys.executable
            seconds[name].append(measure(python, file, options.processes))
            print(f"{name}: {seconds[name][-1]:.1f} s", file=sys.stderr)
    print("| | lines of code | seconds for 200 trials |\n|---|---|---|")
    for name, file in ways.items():
        times = seconds[name]
        spread = f"{statistics.median(times):.1f} [{min(times):.1f}, {max(times):.1f}]"
        print(f"| {name} | {lines_of_code((FOLDER / file).read_text('utf-8'))} | {spread} |")


def measure(python, file, processes):
    """Seconds of one whole program, in an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        for source in FOLDER.glob("*.py"):
            shutil.copy(source, place)
        began = time.perf_counter()
        done = subprocess.run(
            [python, file, str(processes)], cwd=place, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{file} ended with exit code {done.returncode}:\n{done.stderr}")
    return seconds


def lines_of_code(text):
    """Lines that hold code: no docstrings, comments or empty lines."""
    docstrings = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in docstrings
        for number, line in enumerate(text.splitlines(), 1)
    )


if __name__ == "__main__":
    main()
