"""Makes the tables of the ladders that need one: rare.csv, friedman.csv, diabetes.csv."""

import sys

import numpy as np


def write(name, inputs, target, form):
    """Writes a table with columns x1, x2, ... and y."""
    columns = [*(f"x{number}" for number in range(1, inputs.shape[1] + 1)), "y"]
    rows = np.column_stack([inputs, target])
    formats = ["%.6g"] * inputs.shape[1] + [form]
    np.savetxt(name, rows, delimiter=",", header=",".join(columns), comments="", fmt=formats)


def rare(rows=4000, share=0.05):
    """Two classes, 95 to 5, that overlap in ten inputs."""
    rng = np.random.default_rng(1)
    classes = rng.permutation(rows) < share * rows
    inputs = rng.normal(size=(rows, 10))
    inputs[:, :4] += 0.9 * classes[:, None]
    write("rare.csv", inputs, classes, "%d")


def friedman(rows=20_000):
    """Friedman 1991, The Annals of Statistics 19: five inputs matter, five do not."""
    rng = np.random.default_rng(2)
    x = rng.uniform(size=(rows, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    write("friedman.csv", x, y + 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(size=rows), "%.6g")


def diabetes():
    """Efron, Hastie, Johnstone, Tibshirani 2004, as scikit-learn has it: 442 patients."""
    from sklearn.datasets import load_diabetes

    write("diabetes.csv", *load_diabetes(return_X_y=True, scaled=False), "%g")


if __name__ == "__main__":
    for make in (rare, friedman, diabetes):
        if make.__name__ in sys.argv[1:] or len(sys.argv) == 1:
            make()
