"""Recipes built to fail in one way each, and recipes that are well; all on a few MNIST images."""

from __future__ import annotations

from typing import Any

Fields = dict[str, Any]

SMALL: Fields = {
    "hidden": [50, 50], "activation": "relu", "initializer": "he_normal", "optimizer": "adam",
    "learning_rate": 0.001, "batch_size": 64, "epochs": 12, "train_examples": 4000,
}  # fmt: skip
"""What every recipe changes."""

NAIVE: Fields = {
    "hidden": [50] * 4, "activation": "sigmoid", "initializer": "random_normal",
    "optimizer": "sgd", "batch_size": 256,
}  # fmt: skip
"""The seed's first network."""

EXPLODES = """
import keras
def build(recipe, input_shape, classes):
    large = dict(kernel_initializer=keras.initializers.RandomNormal(stddev=0.5))
    hidden = [keras.layers.Dense(50, recipe.activation, **large) for _ in range(8)]
    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.Flatten(), *hidden, keras.layers.Dense(classes)])
"""
"""A network of the user's own whose weights are five times too large."""

GATED = """
import keras
class Gate(keras.layers.Layer):
    def build(self, shape):
        self.gate = self.add_weight(shape=(1,), initializer="random_normal")
    def call(self, x):
        return x * keras.ops.relu(20 * self.gate)
def build(recipe, input_shape, classes):
    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.Flatten(),
         keras.layers.Dense(50, recipe.activation), Gate(), keras.layers.Dense(classes)])
"""
"""One whose gate is open or shut by the luck of its start, and stays so."""

CODE = {"exploding_gradients": EXPLODES, "replicates_disagree": GATED}
"""Code of the networks that are not stepladder's, by the finding that they must raise."""

REPLICATES = {"replicates_disagree": 8}
"""Replicates where one is not enough."""

ILL: dict[str, Fields] = {
    "diverged": {"optimizer": "sgd", "learning_rate": 1e4, "epochs": 2},
    "constant_answer": NAIVE,
    "learning_rate_too_large": {"optimizer": "sgd", "learning_rate": 100.0, "epochs": 2},
    "learning_rate_too_small": {"optimizer": "sgd", "learning_rate": 1e-6, "epochs": 2},
    "learns_nothing": {**NAIVE, "initializer": "he_normal"},
    "vanishing_gradients": {**NAIVE, "hidden": [50] * 8, "initializer": "glorot_uniform"},
    "exploding_gradients": {"optimizer": "sgd", "learning_rate": 1e-7, "epochs": 2},
    "dead_units": {"learning_rate": 0.1},
    "saturated_units": {"activation": "sigmoid", "scaling": "none"},
    "inputs_not_scaled": {"scaling": "none"},
    "still_improving": {"optimizer": "sgd", "learning_rate": 0.01, "epochs": 4},
    "overfitting": {"train_examples": 500, "epochs": 60, "hidden": [200, 200],
                    "learning_rate": 0.003},
    "replicates_disagree": {},
    "learning_rate_far_off": {"learning_rate": 1e-6},
    "small_batches": {"normalization": "batch", "batch_size": 4, "train_examples": 500,
                      "epochs": 2},
    "unsettled_averages": {"normalization": "batch", "epochs": 2},
    "dropout_in_small_network": {"hidden": [8, 8], "dropout": 0.5},
    "never_stopped": {"patience": 11},
    "best_epoch_is_last": {"score_at": "best", "epochs": 6},
    "first_epoch_is_best": {"score_at": "best", "start_from_epoch": 14, "epochs": 20,
                            "train_examples": 500, "hidden": [200, 200], "learning_rate": 0.003},
    "scores_a_worse_epoch": {"patience": 3, "learning_rate": 0.02, "epochs": 30},
}  # fmt: skip
"""By the code of the finding that each must raise."""

WELL: dict[str, Fields] = {
    "He normal": {},
    "Glorot uniform": {"initializer": "glorot_uniform"},
    "standardised inputs": {"scaling": "standardised"},
    "cosine": {"schedule": "cosine"},
    "cosine from a higher rate": {"schedule": "cosine", "learning_rate": 0.003},
    "L2": {"l2": 0.0001},
    "momentum": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05},
    "one-cycle": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.1,
                  "schedule": "one_cycle"},
    "tanh": {"activation": "tanh", "initializer": "glorot_normal"},
    "tanh, LeCun": {"activation": "tanh", "initializer": "lecun_normal"},
    "one layer of sigmoid": {"hidden": [50], "activation": "sigmoid", "learning_rate": 0.01,
                             "initializer": "glorot_uniform"},
    "ELU": {"activation": "elu"},
    "SELU": {"activation": "selu", "initializer": "lecun_normal"},
    "GELU": {"activation": "gelu"},
    "SiLU": {"activation": "silu"},
    "leaky ReLU": {"activation": "leaky_relu"},
    "batch normalisation": {"normalization": "batch"},
    "batch normalisation and dropout": {"normalization": "batch", "dropout": 0.2,
                                        "hidden": [100, 100]},
    "layer normalisation": {"normalization": "layer"},
    "dropout": {"hidden": [200], "dropout": 0.2},
    "weight decay": {"optimizer": "adamw", "weight_decay": 0.004},
}  # fmt: skip
"""Recipes of which nothing must be found."""
