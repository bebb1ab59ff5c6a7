"""The rival: the trainings of the built-in `mnist` study as a plain `keras.Model.fit` loop.

Written as the Keras guides have it: one model after the other, arrays in memory, validation data at
each epoch's end. Knows nothing of stepladder but its study; run it with the backend that you want:

    KERAS_BACKEND=tensorflow python benchmarks/fit_loop.py --data mnist.npz --out tensorflow.json
    KERAS_BACKEND=jax python benchmarks/fit_loop.py --data mnist.npz --replicates 1

and beside it, on the same machine, `time stepladder run mnist`.
"""

import argparse
import json
import statistics
import sys
import time
import tomllib
from pathlib import Path

STUDY = Path(__file__).parents[1] / "src/stepladder/studies/mnist.toml"

CHANGES = {
    "He normal": {"initializer": "he_normal"},
    "ReLU": {"activation": "relu"},
    "ELU": {"activation": "elu"},
    "Adam": {"optimizer": "adam"},
    "batch normalisation": {"batch_norm": True},
    "dropout": {"dropout": 0.2},
}


def arms(study):
    """The ladder's arms as plain dictionaries."""
    top = {**study["base"], "batch_norm": False, "dropout": 0.0}
    made = {study["base_name"]: top}
    below = {}
    for technique in study["technique"]:
        name, replaced = technique["name"], technique.get("instead_of")
        changed = {**(below[replaced] if replaced else top), **CHANGES[name]}
        made[f"{name} instead of {replaced}" if replaced else f"+ {name}"] = changed
        if not replaced:
            below[name], top = top, changed
    return made


def build(recipe):
    """The network, as the Keras guides would write it."""
    import keras
    from keras import layers

    stack = [keras.Input((28, 28)), layers.Flatten()]
    for units in recipe["hidden"]:
        bias = not recipe["batch_norm"]
        stack.append(layers.Dense(units, use_bias=bias, kernel_initializer=recipe["initializer"]))
        if recipe["batch_norm"]:
            stack.append(layers.BatchNormalization())
        stack.append(layers.Activation(recipe["activation"]))
        if recipe["dropout"]:
            stack.append(layers.Dropout(recipe["dropout"]))
    stack.append(layers.Dense(10, kernel_initializer=recipe["initializer"]))
    optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    model = keras.Sequential(stack)
    model.compile(
        optimizer=optimizers[recipe["optimizer"]](recipe["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def main():
    """Trains every arm over every seed and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--data", type=Path, required=True, help="an .npz in Keras' layout")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    began = time.perf_counter()
    import keras
    import numpy as np

    study = tomllib.loads(STUDY.read_text())
    replicates = options.replicates or study["replicates"]
    epochs = options.epochs or study["epochs"]
    with np.load(options.data) as data:
        x, y = data["x_train"].astype("float32") / 255, data["y_train"].astype("int32")
        x_test, y_test = data["x_test"].astype("float32") / 255, data["y_test"].astype("int32")
    held = study["validation"]

    found = {}
    for name, recipe in arms(study).items():
        scores = []
        for seed in range(replicates):
            keras.utils.clear_session()
            keras.utils.set_random_seed(seed)
            order = np.random.default_rng(seed).permutation(len(x))
            validation, train = order[:held], order[held:]
            model = build(recipe)
            model.fit(
                x[train],
                y[train],
                batch_size=recipe["batch_size"],
                epochs=epochs,
                validation_data=(x[validation], y[validation]),
                verbose=0,
            )
            scores.append(float(model.evaluate(x_test, y_test, batch_size=2000, verbose=0)[1]))
        found[name] = scores
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        mean = 100 * statistics.mean(scores)
        print(f"{name:24s} {mean:6.2f} %  deviation {100 * spread:.2f}", file=sys.stderr)
    seconds = time.perf_counter() - began
    result = {
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "trainings": len(found) * replicates,
        "epochs": epochs,
        "seconds": seconds,
        "test_accuracy": found,
    }
    print(f"{result['trainings']} trainings in {seconds:.1f} s, start-up included")
    if options.out:
        options.out.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
