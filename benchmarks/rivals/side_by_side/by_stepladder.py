"""Two techniques, all four combinations, 50 replicates, by stepladder."""

import sys

from training import train

import stepladder

if __name__ == "__main__":
    run = stepladder.compare(
        train,
        base={"max_depth": 3, "subsample": 1.0},
        techniques={"shallow": {"max_depth": 1}, "half": {"subsample": 0.5}},
        metric="rmse",
        replicates=50,
        design="factorial",
        workers=int(sys.argv[1]),
    )
    print(run)
