"""Programs that `bench` starts in processes of their own: `bench_programs NAME ARGUMENTS`.

Arguments are JSON; so are the answers, one a line. A program ends when the process that started it
does: the pipe to its standard input is then closed.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def multiply(side: int, seconds: float, cpu: int | None) -> None:
    """Answers when ready, waits for a line, and answers with operations a second by library."""
    if cpu is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [cpu])  # before JAX counts the cores
    import jax

    values = np.random.default_rng(0).standard_normal((side, side), np.float32)
    out = np.empty_like(values)
    on_device = jax.device_put(values)
    compiled = jax.jit(lambda x: x @ x).lower(on_device).compile()
    products: dict[str, Callable[[], object]] = {
        "jax": lambda: compiled(on_device).block_until_ready(),
        "numpy": lambda: np.matmul(values, values, out=out),
    }
    for product in products.values():
        product()
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()  # all processes measure at once
    rates = {}
    for name, product in products.items():
        end, times = time.perf_counter() + seconds, list[float]()
        while len(times) < 2 or time.perf_counter() < end:
            start = time.perf_counter()
            product()
            times.append(time.perf_counter() - start)
        rates[name] = 2 * side**3 / min(times)
    print(json.dumps(rates), flush=True)


def fit(**work: Any) -> None:  # noqa: ANN401 - the fields of `bench.Work`
    """Trains by `keras.Model.fit` as its guides write it; answers with the ends of its epochs."""
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    import keras

    from stepladder import data

    mnist, train = data.load("mnist"), work["train"]
    x = mnist.x_train[: train + work["validation"]].astype(np.float32) / 255
    y = mnist.y_train[: train + work["validation"]]
    layers = [keras.Input((28, 28)), keras.layers.Flatten()]
    for units in work["hidden"]:
        layers.append(keras.layers.Dense(units, activation="relu"))
        if work["dropout"]:
            layers.append(keras.layers.Dropout(work["dropout"]))
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.time())
    )
    model.fit(x[:train], y[:train], batch_size=work["batch_size"], epochs=work["epochs"],
              validation_data=(x[train:], y[train:]), verbose=0, callbacks=[clock])  # fmt: skip
    print(json.dumps(ends), flush=True)


if __name__ == "__main__":
    arguments = json.loads(sys.argv[2])
    if sys.argv[1] == "multiply":
        multiply(*arguments)
    else:
        fit(**arguments)
