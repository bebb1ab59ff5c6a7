"""A small convolutional network: several kinds of kernel, statistics and random state."""

import keras
from keras import layers


def build(recipe, input_shape, classes):
    noise = [layers.Dropout(recipe.dropout), layers.GaussianNoise(0.1)] if recipe.dropout else []
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Reshape((*input_shape, 1)),
            layers.Conv2D(recipe.hidden[0], 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="normalization"),
            layers.Activation(recipe.activation),
            layers.DepthwiseConv2D(2, depthwise_regularizer="l1", name="depthwise"),
            layers.MaxPooling2D(2, padding="same"),
            layers.Flatten(),
            *noise,
            layers.Dense(classes, kernel_regularizer="l2", name="logits"),
        ]
    )
