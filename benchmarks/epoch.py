"""Where the time of a step goes: the pieces of one lane's step on one pinned core, and its metrics.

    python benchmarks/epoch.py
    python benchmarks/epoch.py --hidden 512,512,512,512

Each piece is timed alone, in a loop of its own, so the pieces come to somewhat more than the step.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

os.environ.update(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX counts the cores

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from stepladder.data import load
from stepladder.study.recipe import Recipe
from stepladder.training.dropout import _bits
from stepladder.training.groups import Group
from stepladder.training.population.engine import PopulationEngine
from stepladder.trials.trial import Trial

TIMES = 3


def best(run: Callable[[], Any]) -> float:
    """Seconds of the fastest of a few runs, after one to warm up."""
    seconds = []
    for _ in range(1 + TIMES):
        began = time.perf_counter()
        jax.block_until_ready(run())
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])


def looped(function: Callable[..., Any], first: Any, *rest: Any, steps: int = 50) -> float:
    """Seconds of one call of `function(carry, *rest)`, whose carry goes from call to call."""
    loop = jax.jit(
        lambda carry, *rest: lax.fori_loop(0, steps, lambda _, c: function(c, *rest), carry)
    )
    return best(lambda: loop(first, *rest)) / steps


def _product(left: Any, right: Any, axis: int) -> Any:
    """A product over the second axis of `left` and an axis of `right`, as programs have them."""
    return lax.dot_general(left, right, (((1,), (axis,)), ((), ())))


def pieces(recipe: Recipe, x: Any, inputs: int, classes: int) -> list[tuple[str, float, float]]:
    """Name, seconds and multiplications of each piece of a step."""
    batch, (first, *_) = recipe.batch_size, recipe.hidden
    generator = np.random.default_rng(0)

    def filled(*shape: int) -> jax.Array:
        return jnp.asarray(generator.random(shape, dtype=np.float32) * 1e-2)

    index = jnp.asarray(generator.permutation(len(x))[:batch].astype(np.int32))
    rows, kernel, delta = filled(batch, inputs), filled(first, inputs), filled(first, batch)
    gathered = looped(
        lambda c, x, i: jnp.take(x, i + (c[0, 0] > 9), axis=0).astype(jnp.float32) / 255,
        rows, x, index,
    )  # fmt: skip
    forward = looped(lambda c, r, k: _product((k + c[0, 0] * 1e-9), r, 1), delta, rows, kernel)
    backward = looped(lambda c, r, d: _product((d + c[0, 0] * 1e-9), r, 0), kernel, rows, delta)
    found = [
        ("batch gathered and scaled", gathered, 0.0),
        ("first layer forward", forward, batch * inputs * first),
        ("first layer's gradient", backward, batch * inputs * first),
    ]
    widths = [*recipe.hidden, classes]
    seconds = work = 0.0
    for before, after in pairwise(widths):
        a, w, d = filled(before, batch), filled(after, before), filled(after, batch)
        seconds += looped(lambda c, a, w: _product((w + c[0, 0] * 1e-9), a, 0), d, a, w)
        seconds += looped(lambda c, d, w: _product((w + c[0, 0] * 1e-9).T, d, 0), a, d, w)
        seconds += looped(lambda c, a, d: _product((d + c[0, 0] * 1e-9), a, 1), w, a, d)
        work += 3 * batch * before * after
    found.append(("all other layers' products", seconds, work))

    def adam(state: Any, gradient: Any) -> Any:
        weights, m, v = state
        m, v = m + 0.1 * (gradient - m), v + 0.001 * (gradient**2 - v)
        return weights - 1e-3 * m / (jnp.sqrt(v) + 1e-7), m, v

    seconds = sum(
        looped(adam, (filled(a, b),) * 3, filled(a, b)) for a, b in pairwise([inputs, *widths])
    )
    found.append(("Adam", seconds, 0.0))
    key = jnp.array([1, 2], jnp.uint32)
    masks = [
        looped(lambda c, k: jnp.where(_bits(k + c[0, 0].astype(jnp.uint32), c.shape) < 52_429,
               c * 1.25, 0), filled(units, batch), key)
        for units in recipe.hidden
    ]  # fmt: skip
    return [*found, ("dropout's masks, where there are any", sum(masks), 0.0)]


def main() -> None:
    """Prints the pieces of a step, and what metrics add to an epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", default="50,50,50,50")
    hidden = [int(units) for units in parser.parse_args().hidden.split(",")]
    dataset = load("mnist")
    recipe = Recipe(hidden=hidden, optimizer="adam", learning_rate=0.001, batch_size=256, epochs=6)
    engine = PopulationEngine(dataset)
    group = Group((Trial(recipe, dataset.fingerprint, 6000, 0, 0),), 1)
    training = engine.begin(group)

    square = jnp.asarray(np.random.default_rng(0).random((2048, 2048), dtype=np.float32))
    product = jax.jit(lambda a: a @ a)
    rate = 2 * 2048**3 / best(lambda: product(square))
    print(f"{hidden}, batches of 256; a product of 2048 by 2048: {rate / 1e9:.0f} GFLOP/s")
    epoch = best(lambda: training.epoch(0))
    step = epoch / training.steps
    print(f"\n{'piece of a step':<38}{'µs':>8}{'of the step':>13}{'GFLOP/s':>9}")
    for name, seconds, work in pieces(recipe, engine._x, 784, dataset.classes):
        speed = f"{2 * work / seconds / 1e9:9.0f}" if work else ""
        print(f"{name:<38}{1e6 * seconds:8.0f}{100 * seconds / step:11.0f} %{speed}")
    print(f"{'the step':<38}{1e6 * step:8.0f}")

    evaluated = best(lambda: training.evaluate("validation"))
    scored = sum(
        best(lambda part=part: training.evaluate(part)) for part in ("train", "validation", "test")
    )
    whole = best(lambda: engine.begin(group).finish(lambda epoch: None) and None)
    each = (whole - scored) / recipe.epochs
    print(f"\nbare epoch {1e3 * epoch:.1f} ms; with the validation's own operations "
          f"{1e3 * (epoch + evaluated):.1f} ms; with all metrics recorded {1e3 * each:.1f} ms "
          f"({each / (epoch + evaluated):.2f} times)")  # fmt: skip


if __name__ == "__main__":
    main()
