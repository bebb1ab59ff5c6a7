"""Two techniques, all four combinations, 50 seeds, by a loop."""

import sys
from itertools import product
from multiprocessing import Pool

import numpy as np
from scipy.stats import t, ttest_rel
from training import train

ARMS = {
    "base": {"max_depth": 3, "subsample": 1.0},
    "shallow": {"max_depth": 1, "subsample": 1.0},
    "half": {"max_depth": 3, "subsample": 0.5},
    "shallow, half": {"max_depth": 1, "subsample": 0.5},
}


def score(job):
    """One training."""
    arm, seed = job
    return train(ARMS[arm], seed)["rmse"]


if __name__ == "__main__":
    jobs = list(product(ARMS, range(50)))
    with Pool(int(sys.argv[1])) as pool:
        scores = np.reshape(pool.map(score, jobs, chunksize=1), (len(ARMS), 50))
    for name, row in zip(ARMS, scores, strict=True):
        difference = row - scores[0]
        half = t.ppf(0.975, 49) * difference.std(ddof=1) / np.sqrt(50)
        p = ttest_rel(row, scores[0]).pvalue
        print(f"{name:15} {row.mean():.2f} {difference.mean():+.2f} ± {half:.2f} p {p:.3f}")
