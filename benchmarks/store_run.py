"""What storing costs within `stepladder run mnist`: the store's calls, and endings in the cache.

Run with `python benchmarks/store_run.py [EPOCHS] [REPLICATES]`; 20 and 5, as `mnist` has them, if
left out. The driver's calls of its store are timed while it runs; the endings that its processes
wrote are written once more, one by one, for each has a process of its own that nobody times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stepladder.store import open_store
from stepladder.training.serialization import read, write

TIMED = """
import functools, json, sys, time
from stepladder.store import Store
from stepladder.store.sql import SqlStore
spent, inside = {}, []
def timed(name, method):
    @functools.wraps(method)
    def call(*given, **named):
        inside.append(name)
        began = time.perf_counter()
        try:
            return method(*given, **named)
        finally:
            inside.pop()
            if not inside:
                seconds, calls = spent.get(name, (0.0, 0))
                spent[name] = seconds + time.perf_counter() - began, calls + 1
    return call
for name in (*Store.__abstractmethods__, "outcomes"):
    setattr(SqlStore, name, timed(name, getattr(SqlStore, name)))
place, *words = sys.argv[1:]
sys.argv = ["stepladder", *words]
from stepladder.cli import main
began = time.perf_counter()
try:
    main()
finally:
    with open(place, "w") as file:
        json.dump({"seconds": time.perf_counter() - began, "spent": spent}, file)
"""


def main() -> None:
    """Prints the seconds of each and their share of the run."""
    epochs, replicates = [*sys.argv[1:], *("20", "5")[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        words = ["run", "mnist", "--epochs", epochs, "--replicates", replicates]
        subprocess.run(
            [sys.executable, "-c", TIMED, str(folder / "spent"), *words, "--out", place + "/run"],
            env={**os.environ, "XDG_CACHE_HOME": place},
            capture_output=True,
            check=True,
        )
        told = json.loads((folder / "spent").read_text())
        with open_store(folder / "run" / "stepladder.db", create=False) as store:
            (record,) = store.studies()
        endings = list(folder.rglob("*.ending"))
        size = sum(file.stat().st_size for file in endings)
        again = _written_again(endings, folder / "again")
    wall, stored = told["seconds"], sum(seconds for seconds, _ in told["spent"].values())
    print(f"mnist, {replicates} replicates of {epochs} epochs: {wall:.1f} s in all, "
          f"{record.seconds:.1f} s of them training and compiling")  # fmt: skip
    for name, (seconds, calls) in sorted(told["spent"].items(), key=lambda each: -each[1][0]):
        print(f"  {name:12s} {seconds:7.3f} s in {calls} calls")
    print(f"  endings      {again:7.3f} s for {len(endings)} files, {size / 1e6:.1f} MB")
    print(f"storing takes {100 * (stored + again) / wall:.2f} % of the run, "
          f"endings {100 * again / wall:.2f} %")  # fmt: skip


def _written_again(endings: list[Path], folder: Path) -> float:
    """Seconds that writing endings takes."""
    spent = 0.0
    for file in endings:
        state, wrong = read(file)
        assert state is not None, wrong
        began = time.perf_counter()
        write(folder / file.name, state, {})
        spent += time.perf_counter() - began
    return spent


if __name__ == "__main__":
    main()
