"""How well the selection bias of a search's winner is estimated, and what tuning once costs.

A search is simulated: candidates with true scores, one replicate each, four finalists on three.
Everything is in spreads of one replicate. The second table tunes two arms of the same curve, each
on two replicates, and compares them at the values found: how often a study of n replicates calls
them different, and how far apart the two tunings are.

    python benchmarks/selection_bias.py --searches 1500
"""

import argparse

import numpy as np

from stepladder.statistics.effects import judge
from stepladder.statistics.selection import residual_noise, select, selection_bias

FINALISTS, REPLICATES, MARGIN = 4, 3, 2 * 2**0.5
TRUTHS = {
    "normal": lambda rng, count: rng.standard_normal(count),
    "exponential": lambda rng, count: -rng.exponential(size=count),
    "a few good ones (lognormal)": lambda rng, count: -np.exp(1.5 * rng.standard_normal(count)),
}
CASES = [
    *((count, "normal", spread) for count in (4, 16, 60) for spread in (0.0, 0.5, 1.0, 3.0)),
    *((16, shape, spread) for shape in (*TRUTHS,)[1:] for spread in (0.5, 3.0, 10.0)),
]


def search(rng, truths):
    """The excess of one search's winner, and what the estimate says of it."""
    scores = truths[:, None] + rng.standard_normal((len(truths), REPLICATES))
    return judged(scores, truths, rng)


def judged(scores, truths, rng):
    """The excess of a winner, and the estimate, from the scores of all candidates."""
    chosen, accuracy = select(scores, FINALISTS, MARGIN)
    first = scores[:, 0]
    order = np.argsort(-first)[:FINALISTS]
    finalists = order[first[order] >= first.max() - MARGIN]
    noise = residual_noise(scores[finalists, 1:])
    if len(finalists) < 2:  # fresh replicates of the winner
        noise = residual_noise(rng.standard_normal((1, 5)))
    bias = selection_bias(
        first, noise, REPLICATES, FINALISTS, MARGIN, int(rng.integers(2**31)), worlds=100
    )
    return float(accuracy - truths[chosen]), bias.luck


def halved(rng, spread, kept, populations=4, sizes=(16, 5, 1)):
    """The same where candidates are thinned out, and the noise of a rung is kept in part."""
    whole, noise = [], []
    for _ in range(populations):
        truth, error = rng.standard_normal((2, sizes[0]))
        alive = np.arange(sizes[0])
        for size in sizes[1:]:
            alive = alive[np.argsort(-(spread * truth + error)[alive])[:size]]
            truth = 0.9 * truth + (1 - 0.81) ** 0.5 * rng.standard_normal(len(truth))
            error = kept * error + (1 - kept**2) ** 0.5 * rng.standard_normal(len(error))
        whole.append(spread * truth[alive])
        noise.append(error[alive])
    truths = np.concatenate(whole)
    scores = truths[:, None] + rng.standard_normal((len(truths), REPLICATES))
    scores[:, 0] = truths + np.concatenate(noise)
    return judged(scores, truths, rng)


def biases(searches, count, shape="normal", spread=0.0, seed=1):
    """Mean true excess, mean estimate, spread of the estimate."""
    rng = np.random.default_rng(seed)
    found = [search(rng, spread * TRUTHS[shape](rng, count)) for _ in range(searches)]
    true, told = np.transpose(found)
    return true.mean(), told.mean(), told.std()


def tuned(studies, cost, replicates, tuned_on=2, grid=11, seed=6):
    """Share called different, and the variance that one tuning adds, in that of a difference."""
    rng = np.random.default_rng(seed)
    curve = -cost * (np.arange(grid) - 5.3) ** 2
    picks = [
        (curve + rng.standard_normal((studies, tuned_on, grid)).mean(axis=1)).argmax(axis=1)
        for _ in range(2)
    ]
    shift = curve[picks[0]] - curve[picks[1]]
    differences = shift[:, None] + 2**0.5 * rng.standard_normal((studies, replicates))
    found = judge(
        0.5 + differences[:, None, :] / 100, np.full((studies, 1, replicates), 0.5),
        delta=0.1, alpha=0.05, plan=False,
    )  # fmt: skip
    return float(found.different.mean()), float(shift.var() / 2)


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=1500)
    searches = parser.parse_args().searches
    print("| true scores | candidates | spread | true bias | estimate | estimate / true |")
    print("|---|---:|---:|---:|---:|---:|")
    for count, shape, spread in CASES:
        true, told, _ = biases(searches, count, shape, spread)
        row = f"{spread:g} | {true:.2f} | {told:.2f} | {told / true:.2f}"
        print(f"| {shape} | {count} | {row} |", flush=True)
    print("\n| noise kept from rung to rung | spread | true bias | estimate |")
    print("|---:|---:|---:|---:|")
    for kept in (0.0, 0.5, 0.8):
        for spread in (0.0, 1.0, 3.0):
            rng = np.random.default_rng(2)
            true, told = np.mean([halved(rng, spread, kept) for _ in range(searches)], axis=0)
            print(f"| {kept:g} | {spread:g} | {true:.2f} | {told:.2f} |", flush=True)
    print("\n| one step off costs | n = 5 | n = 10 | n = 30 | variance that tuning adds |")
    print("|---:|---:|---:|---:|---:|")
    for cost in (0.1, 0.25, 0.5, 1.0):
        shares = [tuned(4 * searches, cost, count) for count in (5, 10, 30)]
        rates = " | ".join(f"{100 * share:.1f}" for share, _ in shares)
        print(f"| {cost:g} | {rates} | {100 * shares[0][1]:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
