"""What every rival needs: a study's trainings, its data, a network, and a clock.

Needs nothing but Keras and NumPy, and knows nothing of stepladder but its study file.
"""

import argparse
import json
import sys
import time
import tomllib
from pathlib import Path

from ladder import STUDY, arms

BEGAN = time.perf_counter()  # before anything heavy is imported


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


class Work:
    """A study's trainings as a rival is given them.

    Attributes:
        arms: recipes by name.
        replicates: seeds of each arm, from 0.
        epochs: of each training.
        trainings: for each, seconds from the last one's end to its own, and the ends of its
            epochs within them.
    """

    def __init__(self, words=None):
        """Reads the command line and the data.

        Args:
            words: the command line's words; the process's own when None.
        """
        import keras  # noqa: F401 - its import is part of the start
        import numpy as np

        options = _parser().parse_args(words)
        study = tomllib.loads(options.study.read_text("utf-8"))
        self.arms = arms(study)
        self.replicates = options.replicates or study["replicates"]
        self.epochs = options.epochs or study.get("epochs") or study["base"]["epochs"]
        self.trainings = []
        self._out, self._held = options.out, study["validation"]
        self._examples = study["base"].get("train_examples")
        with np.load(options.data) as data:
            self._x, self._y = _floats(data["x_train"]), data["y_train"].astype("int32")
            self._test = _floats(data["x_test"]), data["y_test"].astype("int32")
        self._start = self._since = time.perf_counter()
        self._ends = []

    def parts(self, seed):
        """Training part and validation part of a replicate, each inputs and labels."""
        import numpy as np

        order = np.random.default_rng(seed).permutation(len(self._y))
        validation, train = order[: self._held], order[self._held :][: self._examples]
        return [(self._x[rows], self._y[rows]) for rows in (train, validation)]

    def clock(self):
        """A callback that notes when epochs end."""
        import keras

        return keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: self._ends.append(time.perf_counter() - self._since)
        )

    def tested(self, arm, seed, model):
        """Notes a finished training; returns its test accuracy, a fraction."""
        accuracy = float(model.evaluate(*self._test, batch_size=2000, verbose=0)[1])
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        print(f"{arm:32s} seed {seed}: {accuracy:.2%} in {seconds:.1f} s", file=sys.stderr)
        self.trainings.append(
            {
                "arm": arm,
                "seed": seed,
                "seconds": seconds,
                "epochs": self._ends,
                "accuracy": accuracy,
            }
        )
        self._ends = []
        return accuracy

    def finish(self, **versions):
        """Prints the whole time and writes the file that was asked for.

        Args:
            versions: of what else took part.
        """
        import keras

        result = {
            "versions": {"keras": keras.__version__, **versions},
            "backend": keras.backend.backend(),
            "replicates": self.replicates,
            "epochs": self.epochs,
            "start_seconds": self._start - BEGAN,
            "seconds": time.perf_counter() - BEGAN,
            "trainings": self.trainings,
        }
        print(f"{len(self.trainings)} trainings in {result['seconds']:.1f} s, start-up included")
        if self._out:
            self._out.write_text(json.dumps(result, indent=2))


def _floats(images):
    return images.astype("float32") / 255


def _parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", type=Path, default=STUDY, help="a study file; a ladder")
    parser.add_argument("--data", type=Path, required=True, help="an .npz in Keras' layout")
    parser.add_argument("--replicates", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--out", type=Path)
    return parser
