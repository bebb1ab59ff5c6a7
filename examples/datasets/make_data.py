"""Makes ten small tables of classes: four that scikit-learn has, six that it generates."""

import numpy as np
from sklearn import datasets

ROWS = 600

REAL = ("breast_cancer", "digits", "iris", "wine")
GENERATED = {
    "blobs": lambda: datasets.make_blobs(ROWS, 8, centers=6, cluster_std=4.0, random_state=1),
    "circles": lambda: datasets.make_circles(ROWS, noise=0.15, factor=0.6, random_state=2),
    "hastie": lambda: datasets.make_hastie_10_2(ROWS, random_state=3),
    "mixture": lambda: datasets.make_classification(
        ROWS, 20, n_informative=6, n_classes=3, flip_y=0.05, random_state=4
    ),
    "moons": lambda: datasets.make_moons(ROWS, noise=0.25, random_state=5),
    "quantiles": lambda: datasets.make_gaussian_quantiles(
        n_samples=ROWS, n_features=5, n_classes=3, random_state=6
    ),
}


def write(name, inputs, classes):
    """Writes a table with columns x1, x2, ... of mean 0 and spread 1, and y."""
    inputs = (inputs - inputs.mean(axis=0)) / np.maximum(inputs.std(axis=0), 1e-9)
    rows = np.column_stack([inputs, np.unique(classes, return_inverse=True)[1]])
    head = [*(f"x{number}" for number in range(1, inputs.shape[1] + 1)), "y"]
    formats = ["%.5g"] * inputs.shape[1] + ["%d"]
    np.savetxt(f"{name}.csv", rows, delimiter=",", header=",".join(head), comments="", fmt=formats)


if __name__ == "__main__":
    for name in REAL:
        write(name, *getattr(datasets, f"load_{name}")(return_X_y=True))
    for name, make in GENERATED.items():
        write(name, *make())
