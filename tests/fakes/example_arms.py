"""Arms that nobody trained, as judging gives them: curves, probes, estimates and effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from stepladder.runs.results import ArmProbes, ArmResult
from stepladder.statistics.effects import effects
from stepladder.statistics.results import Effect, Estimate, ReplicatePlan, Verdict
from stepladder.trials.trial import History

NAN = float("nan")


def estimate(values) -> Estimate:
    values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return Estimate(NAN, None, None, tuple(values.tolist()))
    mean = float(finite.mean())
    if len(finite) < 2:
        return Estimate(mean, None, None, tuple(values.tolist()))
    half = float(stats.t.ppf(0.975, len(finite) - 1) * finite.std(ddof=1) / len(finite) ** 0.5)
    return Estimate(mean, mean - half, mean + half, tuple(values.tolist()))


def effect(ours, theirs, comparisons: int = 6, delta: float = 0.1) -> Effect | None:
    pairs = min(len(ours), len(theirs))
    every = 100 * (np.asarray(ours[:pairs]) - np.asarray(theirs[:pairs]))
    differences = every[np.isfinite(every)]
    count, longest = len(differences), max(len(ours), len(theirs))
    if longest == 0:
        return None
    if count < 2:
        mean = float(differences.mean()) if count else NAN
        return Effect(mean, None, None, None, None, None, None, "not enough replicates",
                      count, longest - count, tuple(differences.tolist()))  # fmt: skip
    shown = estimate(differences)
    spread = differences.std(ddof=1)
    p_t = 0.0 if spread == 0 and shown.mean else 1.0
    if spread:
        p_t = float(stats.ttest_1samp(differences, 0).pvalue)
    p_t_adjusted = min(1.0, comparisons * p_t)
    verdict: Verdict = "not enough replicates"
    if p_t_adjusted < 0.05:
        verdict = "helps" if shown.mean > 0 else "hurts"
    elif -delta < shown.ci_low and shown.ci_high < delta:
        verdict = "no difference beyond δ"
    plan = None
    if verdict == "not enough replicates":
        needed = int(np.ceil((2.8 * spread / max(abs(shown.mean), delta)) ** 2)) + 2
        plan = ReplicatePlan("difference", needed, None, needed // 2, 3 * needed)
    p = 2.0 ** (1 - count)
    return Effect(shown.mean, shown.ci_low, shown.ci_high, p, min(1.0, comparisons * p), p_t,
                  p_t_adjusted, verdict, count, longest - count,
                  tuple(differences.tolist()), plan=plan)  # fmt: skip


def curve(start: float, end: float, pace: float, epochs: int, rng, noise: float, diverged=None):
    steps = np.arange(1, epochs + 1)
    rising = end - (end - start) * np.exp(-steps / pace)
    wobble = noise * rng.standard_normal(epochs) * np.exp(-steps / 8)
    validation = np.clip(rising + wobble, 0, 1)
    validation[-1] = end
    train = np.clip(rising - 0.02 * np.exp(-steps / 6) + 0.4 * (1 - end) * (steps / epochs), 0, 1)
    columns = {
        "train_loss": 2.3 * (1 - train),
        "train_accuracy": train,
        "val_loss": 2.3 * (1 - validation),
        "val_accuracy": validation,
        "val_commonest": np.full(epochs, 0.1),
    }
    if diverged is not None:
        columns = {key: np.where(steps >= diverged, NAN, each) for key, each in columns.items()}
    return History(**columns, seconds=0.08 * steps)


def probes(arm, n, epochs, diverged) -> ArmProbes | None:
    """Gradients that fade by a factor for each layer under sigmoid, and a few dead units else."""
    if not n:
        return None
    layers = tuple(f"dense_{place}" for place in range(1, 1 + len(arm.recipe.hidden)))
    rng, is_flat = np.random.default_rng(n), arm.recipe.activation in ("sigmoid", "tanh")
    shape = (n, epochs, len(layers))
    deep = np.arange(len(layers), -1, -1)
    norms = (0.1 if is_flat else 0.8) ** deep * rng.uniform(0.5, 2, (*shape[:2], 1 + len(layers)))
    shares = rng.integers(0, 11, shape) / 50
    none = np.full(shape, NAN)
    made = [norms, none if is_flat else shares, shares if is_flat else none]
    for array in made:
        array[n - diverged :, epochs // 3 :] = NAN
    gradient_norm, dead, saturated = (array.astype(np.float32) for array in made)
    names = (*layers, "logits")
    return ArmProbes(tuple(range(n)), names, gradient_norm, layers, dead, saturated)


def arm_result(arm, n, epochs, end, spread, pace, rng, findings=(), reported=None, diverged=0):
    tests = end / 100 + spread / 100 * rng.standard_normal(n)
    tests[n - diverged :] = NAN
    curves = tuple(
        curve(0.1, test + 0.0008 if np.isfinite(test) else 0.5, pace, epochs, rng,
              1.2 * spread / 100, None if np.isfinite(test) else 1 + epochs // 3)
        for test in tests
    )  # fmt: skip
    if spread == 0:  # a constant answer: no curve to speak of
        flat = np.full(epochs, end / 100)
        curves = tuple(replace(each, train_accuracy=flat, val_accuracy=flat) for each in curves)
    return ArmResult(
        arm=arm,
        n=n,
        diverged=diverged,
        train=estimate(tests if spread == 0 else tests + 0.3 * (1 - tests)),
        validation=estimate(tests if spread == 0 else tests + 0.0008),
        test=estimate(tests),
        effect=None,
        curves=curves,
        findings=findings,
        reported=reported,
        parameters=47410 if n else None,
        seconds=1.7 * n,
        probes=probes(arm, n, epochs, diverged),
    )


def with_effects(arms) -> tuple[ArmResult, ...]:
    by_name = {each.arm.name: each for each in arms}
    made = []
    for each in arms:
        other = by_name.get(each.arm.compared_with)
        judged = None
        if other is not None and each.n and other.n:
            judged = effect(each.test.values, other.test.values)
        made.append(replace(each, effect=judged))
    return tuple(made)


def judged_effect(arm, other, **options):
    """The effect of one arm against another, a family of one comparison."""
    return effects({"arm": arm, "other": other}, [("arm", "other")], **options)["arm"]
