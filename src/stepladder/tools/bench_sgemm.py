"""A program: the rate of float32 matrix products in one process, by JAX and by NumPy.

Started as `python -m stepladder.tools.bench_sgemm SIDE SECONDS [CPU]` with threads limited
to one. It
says when it is ready and then measures what it is told to, so that all processes measure at once.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np


def main() -> None:
    """Answers each line `jax` or `numpy` with operations a second."""
    side, seconds = int(sys.argv[1]), float(sys.argv[2])
    if len(sys.argv) > 3 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(sys.argv[3])])  # before JAX counts the cores
    products = _products(side)
    for product in products.values():
        product()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(_rate(products[line.strip()], side, seconds)), flush=True)


def _products(side: int) -> dict[str, Callable[[], object]]:
    import jax

    values = np.random.default_rng(0).standard_normal((side, side), np.float32)
    out = np.empty_like(values)
    on_device = jax.device_put(values)
    compiled = jax.jit(lambda x: x @ x).lower(on_device).compile()
    return {
        "jax": lambda: compiled(on_device).block_until_ready(),
        "numpy": lambda: np.matmul(values, values, out=out),
    }


def _rate(product: Callable[[], object], side: int, seconds: float) -> float:
    """Operations a second of the fastest of the products that fit in the time, two at least."""
    end, times = time.perf_counter() + seconds, list[float]()
    while len(times) < 2 or time.perf_counter() < end:
        began = time.perf_counter()
        product()
        times.append(time.perf_counter() - began)
    return 2 * side**3 / min(times)


if __name__ == "__main__":
    main()
