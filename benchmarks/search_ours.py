"""Stepladder's search as the comparison runs it: a whole process that writes a trace in time.

    python benchmarks/search_ours.py --study study.toml --out trace.jsonl --folder run

When a trial of a candidate is finished, a line is written for each of its epochs with its
validation accuracy and the time when it ended, as the rivals have it: that of the trial's end less
what the trial took after it, by its own count. Lanes that train together count a part each of the
time that they took together, and what went on from an earlier trial has that one's epochs once
more: these are dated too late, never too early. Finalists' and the winner's further replicates, on
other splits, are not traced.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from pathlib import Path

BEGAN = time.perf_counter()  # before anything heavy is imported


def main() -> None:
    """Searches, and traces."""
    import stepladder
    from stepladder.execution.progress import QuietProgress
    from stepladder.study.search import SEARCH_REPLICATES
    from stepladder.trials.trial import TrialResult

    parser = argparse.ArgumentParser()
    for name in ("study", "out", "folder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="stop after these")
    options = parser.parse_args()

    class Tracing(QuietProgress):
        """Writes a line a finished trial."""

        def trial_done(self, result: TrialResult) -> None:
            """A trial is finished and stored."""
            seconds = time.perf_counter() - BEGAN
            if seconds > options.seconds:
                raise KeyboardInterrupt
            if result.trial.replicate != SEARCH_REPLICATES or result.diverged:
                return
            since = result.curve.seconds[-1] - result.curve.seconds
            with options.out.open("a") as stream:
                for after, accuracy in zip(since, result.curve.val_accuracy, strict=True):
                    line = {"seconds": seconds - float(after), "accuracy": float(accuracy)}
                    stream.write(json.dumps(line) + "\n")

    with suppress(KeyboardInterrupt):
        stepladder.search(options.study, out=options.folder, progress=Tracing())


if __name__ == "__main__":
    main()
