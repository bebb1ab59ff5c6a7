"""A small convolutional network in Keras, on a part of MNIST."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers


def train(params, seed, context):
    """Accuracy and log loss on the test part; the loss of each epoch is reported."""
    keras.utils.set_random_seed(seed)
    data = context.data
    x_train, y_train = prepare(data.x_train[: params["images"]]), data.y_train[: params["images"]]
    x_test, y_test = prepare(data.x_test), data.y_test
    model = build(params)
    model.compile(
        optimizer=keras.optimizers.get({"class_name": params["optimizer"],
                                        "config": {"learning_rate": params["learning_rate"]}}),
        loss="sparse_categorical_crossentropy", metrics=["accuracy"])  # fmt: skip
    report = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: context.report(epoch + 1, **logs)
    )
    model.fit(x_train, y_train, batch_size=50, epochs=params["epochs"], callbacks=[report],
              verbose=0)  # fmt: skip
    answers = model.predict(x_test, batch_size=1000, verbose=0)
    right = answers.argmax(axis=1) == y_test
    loss = -np.log(answers[np.arange(len(y_test)), y_test] + 1e-7).mean()
    return {"accuracy": right.mean(), "log_loss": loss, "per_example": right}


def prepare(images):
    """Grey levels in 0…1, with one channel."""
    return images[..., None].astype("float32") / 255


def build(params):
    """The network."""
    stack = [keras.Input((28, 28, 1))]
    for filters in params["filters"]:
        stack.append(layers.Conv2D(filters, 3, use_bias=not params["batch_norm"]))
        if params["batch_norm"]:
            stack.append(layers.BatchNormalization())
        stack += [layers.ReLU(), layers.MaxPooling2D()]
    stack += [layers.Flatten(), layers.Dropout(params["dropout"])]
    return keras.Sequential([*stack, layers.Dense(10, activation="softmax")])
