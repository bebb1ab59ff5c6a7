"""Regressions of stepladder beside scikit-learn's `MLPRegressor`, on the same splits.

    python benchmarks/regression.py examples/ladders/diabetes.toml examples/ladders/friedman.toml

The base of each study is trained by both: the same network, optimizer, batches, epochs, scaled
inputs and targets, training and test rows. Initial weights and the order of the data are each
library's own, so single replicates differ; their means should not. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from stepladder import Study, data, run
from stepladder.data import Dataset, affine, split, validation_examples
from stepladder.study.keras_names import name_of

Scores = npt.NDArray[np.float64]


def of_scikit_learn(study: Study, dataset: Dataset) -> Scores:
    """Test RMSE of each replicate, trained by scikit-learn."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    recipe = study.arms[0].recipe
    solver = name_of(recipe.optimizer)
    if solver not in ("adam", "sgd") or recipe.dropout or recipe.schedule != "constant":
        raise SystemExit("the base must be what scikit-learn has: Adam or SGD, no dropout")
    validation = validation_examples(dataset, study.validation)
    scores = []
    for replicate in range(study.replicates):
        rows = split(dataset, validation, recipe.train_examples, study.seed, replicate)
        scale, shift = affine(dataset.x_train, rows.train, recipe.scaling)
        y = np.asarray(dataset.y_train, np.float32)
        y_scale, y_shift = affine(y, rows.train, recipe.target_scaling)
        network = MLPRegressor(
            hidden_layer_sizes=recipe.hidden, activation="relu", solver=solver, alpha=0.0,
            learning_rate_init=recipe.learning_rate, batch_size=recipe.batch_size,
            max_iter=recipe.epochs, n_iter_no_change=recipe.epochs, tol=0.0, epsilon=1e-7,
            random_state=replicate,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it stops when it is told to
            network.fit(dataset.x_train[rows.train] * scale + shift,
                        (y[rows.train] * y_scale + y_shift).ravel())  # fmt: skip
        values = (network.predict(dataset.x_test * scale + shift) - y_shift) / y_scale
        scores.append(np.sqrt(np.square(values - dataset.y_test.ravel()).mean()))
    return np.array(scores)


def mean(scores: Scores) -> str:
    """A mean with its 95 % t interval."""
    half = stats.t.ppf(0.975, len(scores) - 1) * stats.sem(scores)
    return f"{scores.mean():.3f} ± {half:.3f}"


def main() -> None:
    """Prints a line for each study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", type=Path, nargs="+", metavar="STUDY")
    parser.add_argument("--out", type=Path, default=Path("runs/regression"), help="folder of runs")
    options = parser.parse_args()
    print(
        "study: test RMSE of stepladder, of scikit-learn, difference; seconds of training of each"
    )
    for path in options.studies:
        study = Study.load(path)
        base = study.changed({"techniques": ()})
        done = run(base, out=options.out / study.name)
        started = time.perf_counter()
        theirs = of_scikit_learn(study, data.load(study.dataset))
        seconds = time.perf_counter() - started
        ours = np.array(done.results.arms[0].test.values)
        print(f"{study.name}: {mean(ours)}, {mean(theirs)}, {mean(ours - theirs)}; "
              f"{done.results.arms[0].seconds:.1f} s, {seconds:.1f} s")  # fmt: skip


if __name__ == "__main__":
    main()
