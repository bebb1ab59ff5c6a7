"""What every rival that searches needs: the space's network, the data, and a trace in time.

Needs nothing but Keras and NumPy, and knows nothing of stepladder. The space is that of the study
`mnist-search`: 1 to 4 layers of 32 to 512 units, activation, optimizer, learning rate, dropout,
batch normalisation.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()  # before anything heavy is imported

ACTIVATIONS = ["relu", "tanh", "elu"]
OPTIMIZERS = ["adam", "sgd", "rmsprop"]
BATCH = 125


def build(values):
    """The network, as the Keras guides would write it."""
    import keras
    from keras import layers

    stack = [keras.Input((28, 28)), layers.Flatten()]
    for units in values["units"]:
        stack.append(layers.Dense(units, use_bias=not values["batch_norm"]))
        if values["batch_norm"]:
            stack.append(layers.BatchNormalization())
        stack.append(layers.Activation(values["activation"]))
        if values["dropout"]:
            stack.append(layers.Dropout(values["dropout"]))
    stack.append(layers.Dense(10))
    rate = values["learning_rate"]
    optimizers = {
        "adam": lambda: keras.optimizers.Adam(rate),
        "sgd": lambda: keras.optimizers.SGD(rate, momentum=values["momentum"]),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate),
    }
    model = keras.Sequential(stack)
    model.compile(
        optimizer=optimizers[values["optimizer"]](),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


class Work:
    """What a rival is given.

    Attributes:
        options: the command line's.
        train: inputs and labels.
        validation: inputs and labels.
    """

    def __init__(self):
        """Reads the command line and the data, and splits it by the seed."""
        import keras
        import numpy as np

        self.options = _parser().parse_args()
        keras.utils.set_random_seed(self.options.seed)
        with np.load(self.options.data) as data:
            x, y = data["x_train"].astype("float32") / 255, data["y_train"].astype("int32")
        order = np.random.default_rng(self.options.seed).permutation(len(y))
        held = self.options.validation
        rows = order[:held], order[held:][: self.options.examples]
        self.validation, self.train = ((x[each], y[each]) for each in rows)

    def clock(self):
        """A callback that notes validation accuracy as epochs end, and stops when time is up."""
        import keras

        return keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: self._note(logs))

    def _note(self, logs):
        seconds = time.perf_counter() - BEGAN
        line = {"seconds": seconds, "accuracy": float(logs["val_accuracy"])}
        with self.options.out.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        if self.options.seconds and seconds > self.options.seconds:
            print(f"time is up after {seconds:.0f} s", file=sys.stderr, flush=True)
            os._exit(0)


def _parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="an .npz in Keras' layout")
    parser.add_argument("--out", type=Path, required=True, help="lines of seconds and accuracy")
    parser.add_argument("--kind", default="", help="which of the library's searches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--validation", type=int, default=6000)
    parser.add_argument("--examples", type=int, help="training images, all that are left if absent")
    parser.add_argument("--seconds", type=float, help="stop after the epoch in which these end")
    return parser
