"""One training with Keras: stepladder calls `train` for every arm and every replicate."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def train(params, seed):
    """Trains a network with the parameters of an arm and returns its metrics on the test part."""
    keras.utils.set_random_seed(seed)

    # Your data: the seed decides which rows are tested, the same ones in every arm.
    images, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images / 16, digits, test_size=0.3, random_state=seed, stratify=digits
    )

    # Your network: everything that a technique changes comes from params.
    model = keras.Sequential([
        keras.Input((64,)),
        layers.Dense(params["units"], activation="relu"),
        layers.Dropout(params["dropout"]),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    optimizer = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[params["optimizer"]]
    model.compile(
        optimizer=optimizer(params["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, epochs=params["epochs"], verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    return {"accuracy": accuracy}
