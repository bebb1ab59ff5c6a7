"""A small convolutional network whose kernel size and residual connections the study sets."""

import keras
from keras import layers


def build(recipe, input_shape, classes):
    """Three convolutions of one width; `own.residual` adds each one's input to its output."""
    size, image = recipe.own.kernel_size, keras.Input(input_shape)
    x = layers.Reshape((*input_shape, 1))(image)
    x = layers.Conv2D(8, size, strides=2, activation="relu")(x)
    for _ in range(2):
        y = layers.Conv2D(8, size, padding="same", activation="relu")(x)
        x = layers.Add()([x, y]) if recipe.own.residual else y
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))


def pooled(recipe, input_shape, classes):
    """One convolution, then the largest value of each map in squares of four by four pixels."""
    size, image = recipe.own.kernel_size, keras.Input(input_shape)
    x = layers.Reshape((*input_shape, 1))(image)
    x = layers.Conv2D(8, size, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(4)(x))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))
