"""A small convolutional network with every kind of kernel and of random state that Keras has."""

import keras
from keras import layers


def build(recipe, input_shape, classes):
    drop = [layers.Dropout(recipe.dropout), layers.GaussianNoise(0.1)] if recipe.dropout else []
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Reshape((*input_shape, 1)),
            layers.Conv2D(recipe.hidden[0], 3, padding="same", kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.Activation(recipe.activation),
            layers.DepthwiseConv2D(2, depthwise_regularizer=keras.regularizers.L1(0.001)),
            layers.MaxPooling2D(2, padding="same"),
            layers.Flatten(),
            *drop,
            layers.Dense(classes),
        ]
    )
