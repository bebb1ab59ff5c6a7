"""A program: one training by `keras.Model.fit` as its guides write it, timed epoch by epoch.

Started as `python -m stepladder.tools.bench_keras_fit WORK`, WORK being JSON.
It says when everything is
imported and the arrays are in memory, then trains, and answers with the times of its epochs. It
ends when its driver does: the pipe to its standard input is then closed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any


def main() -> None:
    """Trains once; seconds are counted from the call of `compile`."""
    work = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_driver, daemon=True).start()
    import keras
    import numpy as np

    from stepladder import data

    mnist = data.load("mnist")
    train, validation = work["train"], work["validation"]
    x = mnist.x_train[: train + validation].astype(np.float32) / 255
    y = mnist.y_train[: train + validation]
    print(json.dumps("ready"), flush=True)

    ends: list[float] = []
    began = time.perf_counter()
    model = _network(keras, work)
    model.fit(
        x[:train],
        y[:train],
        batch_size=work["batch_size"],
        epochs=work["epochs"],
        validation_data=(x[train:], y[train:]),
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter() - began)
            )
        ],
    )
    print(json.dumps(ends), flush=True)


def _end_with_driver() -> None:
    sys.stdin.read()
    os._exit(0)


def _network(keras: Any, work: dict[str, Any]) -> Any:  # noqa: ANN401 - Keras has no types
    layers = keras.layers
    stack = [keras.Input((28, 28)), layers.Flatten()]
    for units in work["hidden"]:
        stack.append(layers.Dense(units, activation="relu"))
        if work["dropout"]:
            stack.append(layers.Dropout(work["dropout"]))
    model = keras.Sequential([*stack, layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    main()
