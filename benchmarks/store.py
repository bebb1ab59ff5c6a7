"""What the store costs: storing, opening a large one, printing its results, finding nothing to do.

Run with `python benchmarks/store.py [TRIALS]`; 10,000 trials of 100 epochs if left out.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from stepladder.data.synthetic import synthetic
from stepladder.execution.local import this_owner
from stepladder.execution.scheduler import Claims
from stepladder.runs.folder import write_study
from stepladder.runs.plan import RunContext, trials_of
from stepladder.store import StudyRecord, open_store
from stepladder.study.study import Study
from stepladder.training.groups import groups
from stepladder.trials.trial import History, Score, Trial, TrialResult

EPOCHS = 100
IMAGES = 10_000
ARMS = 20
PRINTS = """
import resource, sys
sys.argv = ["stepladder", "results", sys.argv[1]]
from stepladder.cli.main import main
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {peak:.0f} MB, JAX {'jax' in sys.modules}", file=sys.stderr)
"""


def main() -> None:
    """Prints the seconds of each."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as place:
        _filled(Path(place), count)
        for _ in range(3):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", PRINTS, place], capture_output=True, text=True, check=True
            )
            print(f"results printed in {time.perf_counter() - began:.2f} s, {done.stderr.strip()}")
    print(
        f"peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def _filled(place: Path, count: int) -> None:
    study = Study(
        name="large",
        replicates=count // ARMS,
        epochs=EPOCHS,
        base={"hidden": [50], "activation": "relu"},
        techniques=[
            {"name": f"rate {arm}", "change": {"learning_rate": 0.02 + arm / 100}}
            for arm in range(ARMS - 1)
        ],
    )
    data = synthetic(examples=300, input_shape=(4, 4), classes=10, seed=0)
    sizes = {"train": 54_000, "validation": 6_000, "test": IMAGES}
    by_arm = trials_of(
        RunContext(study, data.fingerprint, sizes["validation"], "population", data.classes)
    )
    write_study(place, study)
    trials = [trial for each in by_arm.values() for trial in each]
    with open_store(place / "stepladder.db") as store:
        store.put_study(
            StudyRecord(study, "made up", data.fingerprint, sizes, data.class_names,
                        {"engine": "population"}, "a machine")
        )  # fmt: skip
        claims, spent, claimed = Claims(store, this_owner()), 0.0, 0.0
        draw = np.random.default_rng(0)
        for group in groups(trials, trials):
            began = time.perf_counter()
            claims.claim([group])
            claimed += time.perf_counter() - began
            results = [_result(trial, draw) for trial in group.trials]
            began = time.perf_counter()
            for result in results:
                store.add(result)
                claims.release(result.trial.id)
            spent += time.perf_counter() - began
        claims.end()
    stored, taken = 1000 * spent / len(trials), 1000 * claimed / len(trials)
    print(f"{len(trials):,} trials of {EPOCHS} epochs and {IMAGES:,} test images")
    print(f"storing {stored:.1f} ms a trial, claiming {taken:.2f} ms")
    print(f"{(stored + taken) / 10:.2f} % of a one-second trial")


def _result(trial: Trial, draw: np.random.Generator) -> TrialResult:
    predictions = draw.integers(0, 10, IMAGES).astype(np.uint16)
    score = Score(*draw.random(2).tolist())
    return TrialResult(
        trial=trial,
        curve=History(*draw.random((6, EPOCHS))),
        train=score,
        validation=score,
        test=score,
        test_predictions=predictions,
        test_correct=predictions < 9,
        diverged=None,
        parameters=1,
        seconds=1.0,
        versions={"jax": "0"},
    )


if __name__ == "__main__":
    main()
