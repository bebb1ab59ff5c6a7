"""What the training examples themselves add to the spread, which no retraining on them shows.

Run with `python benchmarks/training_pools.py [--studies N] [--pools N]`; it prints the tables of
"The training examples" in `docs/measured/calibration.md`.

The first simulates two arms that are equally good over all training sets: one reads the first half
of the inputs, the other the second half, and labels depend on both alike. Each study has a pool of
500 examples; a replicate draws nine tenths of it and random ReLU features. The second trains
networks on disjoint parts of MNIST, five replicates on each, and compares the spread between the
parts with that within them.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

import stepladder
from stepladder.data.readers import load
from stepladder.statistics.effects import judge

Floats = npt.NDArray[np.float64]

INPUTS, FEATURES, POOL, HELD_OUT = 20, 40, 500, 50
TECHNIQUES = {"dropout": {"dropout": 0.2}, "batch normalisation": {"normalization": "batch"},
              "ELU": {"activation": "elu"}}  # fmt: skip
PER_POOL, REPLICATES = 6_000, 5


def simulated(studies: int, replicates: int, seed: int = 5) -> Floats:
    """Differences between two equal arms in points on endless new data, (studies, replicates)."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=INPUTS) / INPUTS**0.5

    def draw(count: int) -> tuple[Floats, Floats]:
        x = rng.normal(size=(count, 2, INPUTS))
        score = np.tanh(1.5 * x @ weights).sum(axis=1) + 0.5 * rng.normal(size=count)
        return x, np.sign(score)

    x_test, y_test = draw(2_000)
    x_test, y_test = np.concatenate([x_test, x_test[:, ::-1]]), np.tile(y_test, 2)
    found = np.empty((studies, replicates))
    for study in range(studies):
        x, y = draw(POOL)
        for replicate in range(replicates):
            train = rng.permutation(POOL)[HELD_OUT:]
            features = rng.normal(size=(INPUTS, FEATURES)) / INPUTS**0.5
            bias, right = rng.normal(size=FEATURES), []
            for arm in range(2):
                inside = np.maximum(x[train, arm] @ features + bias, 0)
                squared = inside.T @ inside + 5 * np.eye(FEATURES)
                read = np.linalg.solve(squared, inside.T @ y[train])
                outside = np.maximum(x_test[:, arm] @ features + bias, 0)
                right.append((np.sign(outside @ read) == y_test).mean())
            found[study, replicate] = 100 * (right[0] - right[1])
    return found


def trained(pools: int, folder: Path) -> dict[str, Floats]:
    """Effects of techniques on disjoint parts of MNIST, each of shape (pools, replicates)."""
    mnist = load("mnist")
    order = np.random.default_rng(0).permutation(len(mnist.y_train))
    effects: dict[str, list[tuple[float, ...]]] = {name: [] for name in TECHNIQUES}
    for pool, part in enumerate(np.split(order[: pools * PER_POOL], pools)):
        path = folder / f"part{pool}.npz"
        np.savez(path, x_train=mnist.x_train[part], y_train=mnist.y_train[part],
                 x_test=mnist.x_test, y_test=mnist.y_test)  # fmt: skip
        study = stepladder.Study(
            name=f"part {pool}",
            design="one_at_a_time",
            dataset=str(path),
            replicates=REPLICATES,
            validation=600,
            base=stepladder.Recipe(hidden=[64, 64], optimizer="adam", batch_size=100, epochs=5),
            techniques=[
                stepladder.Technique(name=name, change=change)
                for name, change in TECHNIQUES.items()
            ],
        )
        results = stepladder.run(study, out=folder / f"run{pool}").results
        for arm in results.arms:
            if arm.effect:
                effects[arm.arm.technique].append(arm.effect.differences)
    return {name: np.array(rows) for name, rows in effects.items()}


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--pools", type=int, default=10)
    asked = parser.parse_args()
    print("| replicates | called on new data, % | interval holds 0, % |\n|---:|---:|---:|")
    for n in (5, 10, 30):
        each = simulated(asked.studies, n)
        judged = judge(0.5 + each[:, None] / 100, np.full_like(each[:, None], 0.5), delta=0.1,
                       alpha=0.05, plan=False)  # fmt: skip
        held = (judged.t.ci_low <= 0) & (judged.t.ci_high >= 0)
        print(f"| {n} | {100 * judged.different.mean():.0f} | {100 * held.mean():.0f} |")
    with tempfile.TemporaryDirectory() as folder:
        effects = trained(asked.pools, Path(folder))
    print("\n| technique | effect | F | p | variance of parts / of replicates |")
    print("|---|---:|---:|---:|---:|")
    for name, rows in effects.items():
        f, p = stats.f_oneway(*rows)
        print(f"| {name} | {rows.mean():+.2f} | {f:.2f} | {p:.2f} | {(f - 1) / REPLICATES:+.2f} |")


if __name__ == "__main__":
    main()
