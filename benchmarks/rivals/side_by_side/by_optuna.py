"""Two techniques, all four combinations, 50 seeds, by Optuna in several processes."""

import sys
from multiprocessing import Process

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from training import train


def objective(trial):
    """One training."""
    params = {
        "max_depth": trial.suggest_categorical("max_depth", [3, 1]),
        "subsample": trial.suggest_categorical("subsample", [1.0, 0.5]),
    }
    return train(params, trial.suggest_int("seed", 0, 49))["rmse"]


def work():
    """Trains until all trials are done."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(study_name="two", storage=storage())
    begun = (TrialState.COMPLETE, TrialState.RUNNING)
    study.optimize(objective, callbacks=[MaxTrialsCallback(200, states=begun)])


def storage():
    """A file that all processes write to."""
    return JournalStorage(JournalFileBackend("optuna.log"))


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(study_name="two", storage=storage(), load_if_exists=True)
    for seed in range(50):
        for depth in (3, 1):
            for share in (1.0, 0.5):
                study.enqueue_trial({"max_depth": depth, "subsample": share, "seed": seed})
    processes = [Process(target=work) for _ in range(int(sys.argv[1]))]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    frame = study.trials_dataframe()
    arms = frame.groupby(["params_max_depth", "params_subsample"])
    print(arms.value.agg(["mean", "std", "count"]))
