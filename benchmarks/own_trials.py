"""What the machinery costs a trial of the user's own training, in milliseconds.

Trains studies of a function that returns at once and of `echo`, with real training processes and
a real SQLite store. Of a command the process itself, started as often by `subprocess`, is taken
off. Prints a table.

    python benchmarks/own_trials.py [--trials 1000]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import subprocess
import tempfile
import time
from pathlib import Path

from stepladder.api import settings_of
from stepladder.execution.progress import QuietProgress
from stepladder.runs.run import run_study
from stepladder.study.study import Study
from stepladder.study.trainer import UserTrainer

CODE = "def train(params, seed):\n    return {'accuracy': 0.5 + seed % 100 / 1000}\n"
ECHO = ["echo", '{{"accuracy": 0.5, "x": {x}, "seed": {seed}}}']
TRAINERS = {"function": "train.py:train", "command": {"command": ECHO}}


class Marks(QuietProgress):
    """When the first and the last trial was stored."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def trial_done(self, result: object) -> None:
        """Notes the time."""
        self.times.append(time.perf_counter())


def milliseconds(trainer: str, trials: int, workers: int, profile: bool) -> float:
    """Of a trial, from the first that is stored to the last."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.py").write_text(CODE)
        study = Study(
            name="own", trainer=UserTrainer.load(TRAINERS[trainer], folder), base={"x": 1},
            techniques={"two": {"x": 2}}, replicates=trials // 2,
        )  # fmt: skip
        marks, profiler = Marks(), cProfile.Profile()
        if profile:
            profiler.enable()
        run_study(study, folder / "run", settings_of(study, workers, "auto"), allow_code=True,
                  progress=marks)  # fmt: skip
        profiler.disable()
        if profile:
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(35)
    return 1000 * (marks.times[-1] - marks.times[0]) / (len(marks.times) - 1)


def process_alone(count: int = 200) -> float:
    """Milliseconds of the process that the command starts."""
    began = time.perf_counter()
    for _ in range(count):
        subprocess.run(["/bin/echo", '{"accuracy": 0.5}'], stdout=subprocess.DEVNULL, check=True)
    return 1000 * (time.perf_counter() - began) / count


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--profile", action="store_true", help="profile the driver too")
    given = parser.parse_args()
    alone = process_alone()
    print(f"{'trainer':<10} {'workers':>7} {'ms a trial':>11} {'beyond the process':>19}")
    for trainer in TRAINERS:
        for workers in (1, 2):
            taken = milliseconds(trainer, given.trials, workers, given.profile)
            own = alone / workers if trainer == "command" else 0.0
            print(f"{trainer:<10} {workers:>7} {taken:>11.2f} {taken - own:>19.2f}")
    print(f"/bin/echo by itself: {alone:.2f} ms")


if __name__ == "__main__":
    main()
