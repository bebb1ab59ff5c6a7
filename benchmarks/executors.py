"""Start-up and time of short trials on each executor, and by Optuna's and Ray Tune's own ways.

Each row is a process of its own, by turns: a function of two numbers, so often, on two workers.

    python benchmarks/executors.py [--trials 1000] [--only local,dask]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CODE = "def train(x, seed):\n    return {'accuracy': (x + seed % 100) / 1000}\n"
WORKERS = 2
OURS = ("local", "dask", "ray", "spool")
WAYS = (*OURS, "optuna", "optuna SQLite", "ray tune")


def ours(executor: str, trials: int, folder: Path) -> tuple[float, float]:
    """Times at which the first and the last trial was stored."""
    from stepladder.api import settings_of
    from stepladder.execution.machine import with_executor
    from stepladder.execution.progress import QuietProgress
    from stepladder.runs.run import run_study
    from stepladder.study.study import Study
    from stepladder.study.trainer import UserTrainer

    (folder / "train.py").write_text(CODE)
    study = Study(
        name="short", trainer=UserTrainer.load("train.py:train", folder), base={"x": 1},
        techniques={"two": {"x": 2}}, replicates=trials // 2,
    )  # fmt: skip
    times = []

    class Marks(QuietProgress):
        def trial_done(self, result: object) -> None:
            times.append(time.time())

    settings = settings_of(study, WORKERS if executor == "local" else None, "auto")
    if executor != "local":
        settings = with_executor(settings, executor, WORKERS)
    workers = []
    if executor == "spool":
        command = [sys.executable, "-m", "stepladder", "worker", str(folder / "run"),
                   "--allow-code", "--idle", "60"]  # fmt: skip
        workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(WORKERS)]
    run_study(study, folder / "run", settings, allow_code=True, progress=Marks())
    for worker in workers:
        worker.wait()
    return times[0], times[-1]


def optuna_own(trials: int, folder: Path, storage: bool) -> tuple[float, float]:
    """Optuna's `optimize` over a grid: in memory with threads, or processes that share SQLite."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not storage:
        times = []
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
        study.optimize(_objective, n_trials=trials, n_jobs=WORKERS,
                       callbacks=[lambda *_: times.append(time.time())])  # fmt: skip
        return times[0], times[-1]
    url = f"sqlite:///{folder}/optuna.db"
    optuna.create_study(study_name="short", storage=url)
    code = (
        "import optuna, executors; optuna.logging.set_verbosity(30);"
        f"optuna.load_study(study_name='short', storage={url!r},"
        f"sampler=optuna.samplers.RandomSampler()).optimize(executors._objective, {trials}//2)"
    )
    here = Path(__file__).parent
    for one in [subprocess.Popen([sys.executable, "-c", code], cwd=here) for _ in range(WORKERS)]:
        one.wait()
    ends = [one.datetime_complete for one in optuna.load_study(study_name="short",
            storage=url).trials if one.datetime_complete]  # fmt: skip
    assert len(ends) == trials
    return min(ends).timestamp(), max(ends).timestamp()


def _objective(trial: object) -> float:
    x = trial.suggest_int("x", 1, 2)  # type: ignore[attr-defined]
    return (x + trial.number % 100) / 1000  # type: ignore[attr-defined]


def ray_tune(trials: int, folder: Path) -> tuple[float, float]:
    """Ray Tune's `Tuner` over a grid, reuse of its actors on."""
    import ray
    from ray import tune

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="error")
    tuner = tune.Tuner(
        _train_for_tune,
        param_space={"x": tune.grid_search([1, 2]),
                     "seed": tune.grid_search([*range(trials // 2)])},
        tune_config=tune.TuneConfig(metric="accuracy", mode="max", reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    )  # fmt: skip
    found = tuner.fit()
    times = [one.metrics["at"] for one in found if one.metrics]
    assert len(times) == trials
    ray.shutdown()
    return min(times), time.time()


def _train_for_tune(config: dict[str, int]) -> None:
    from ray import tune

    tune.report({"accuracy": (config["x"] + config["seed"] % 100) / 1000, "at": time.time()})


def one(way: str, trials: int, began: float) -> None:
    """Measures one way; called in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if way in OURS:
            first, last = ours(way, trials, folder)
        elif way == "ray tune":
            first, last = ray_tune(trials, folder)
        else:
            first, last = optuna_own(trials, folder, storage=way != "optuna")
    print(json.dumps({"first": first - began, "ms": 1000 * (last - first) / (trials - 1)}))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--only", default=",".join(WAYS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], given.trials, float(given.one[1]))
        return
    print(f"{'':<14} {'first trial s':>13} {'ms a trial':>11} {'whole s':>8}", flush=True)
    for way in given.only.split(","):
        began = time.time()
        command = [sys.executable, __file__, "--trials", str(given.trials), "--one", way,
                   str(began)]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{way:<14} {'failed':>13}", flush=True)
            continue
        found = json.loads(done.stdout.strip().splitlines()[-1])
        whole = time.time() - began
        print(f"{way:<14} {found['first']:>13.1f} {found['ms']:>11.1f} {whole:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
