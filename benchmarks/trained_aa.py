"""False verdicts over really trained networks: studies whose two arms differ in nothing but luck.

Run with `python benchmarks/trained_aa.py [--studies N] [--replicates N]`. One arm is trained over
many replicates of a small network on part of MNIST; each study takes two sets of replicates that no
other study has and judges them against each other as if they were two arms.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import stepladder
from stepladder.statistics.anytime import SHARE_FIRST, later_levels, later_p
from stepladder.statistics.effects import judge
from stepladder.statistics.paired import paired_t, round_off
from stepladder.statistics.sequential import plan_looks, replay

LABELS = {"different": "helps or hurts", "within": "no difference beyond 0.1"}


def trained(count: int) -> np.ndarray:
    """Test accuracies of one recipe over many replicates, shape (count,)."""
    recipe = stepladder.Recipe(
        hidden=[16], optimizer="adam", batch_size=100, epochs=1, train_examples=1_000
    )
    study = stepladder.Study(
        name="equal arms", base=recipe, replicates=count, validation=500, seed=2_026
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        results = stepladder.run(study, out=Path(folder) / "run").results
        print(f"{count:,} trainings in {time.perf_counter() - begun:.0f} s")
    return np.array(results.arms[0].test.values)


def main() -> None:
    """Prints how many studies are called anything, fixed and adaptive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=5)
    asked = parser.parse_args()
    each = asked.replicates
    scores = trained(asked.studies * 2 * each).reshape(asked.studies, 2, each)
    print(f"mean {100 * scores.mean():.2f} %, spread {100 * scores.std():.2f} points")
    judged = judge(scores[:, :1], scores[:, 1:], delta=0.1, alpha=0.05, plan=False)
    for field, label in LABELS.items():
        share = 100 * getattr(judged, field).mean()
        print(f"{asked.studies} studies, n = {each}: {label} in {share:.1f} %")
    looks = plan_looks(each, 1)
    called = [replay(one[:1], one[1:], looks, delta=0.1).different.any() for one in scores]
    print(
        f"the same, adaptive with looks at {looks}: helps or hurts in {100 * np.mean(called):.1f} %"
    )
    extended, counts = np.zeros(asked.studies, bool), range(5, each + 1)
    alone = extended.copy()
    for n in counts:
        part = scores[:, :1, :n], scores[:, 1:, :n]
        level = 0.05 * SHARE_FIRST
        now = judge(*part, delta=0.1, alpha=level, plan=False).different[:, 0]
        alone |= judge(*part, delta=0.1, alpha=0.05, plan=False).different[:, 0]
        if n > counts[0]:
            t = paired_t(round_off(100 * (part[0] - part[1])))
            now = later_p(t, [1], 0.1)[0][:, 0] < later_levels([1])[0]
        extended |= now
    print(
        f"judged at 5 and again after every replicate to {each}: helps or hurts in "
        f"{100 * extended.mean():.1f} %; each time at 5 %: {100 * alone.mean():.1f} %"
    )
    held = ((judged.t.ci_low <= 0) & (judged.t.ci_high >= 0)).mean()
    print(f"95 % intervals that hold 0: {100 * held:.1f} %")


if __name__ == "__main__":
    main()
