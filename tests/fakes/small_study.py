"""The study of the functional tests, and its images as files."""

import struct

STUDY = """
name = "small"
dataset = "digits"
replicates = 2
epochs = 2
validation = 40
base_name = "plain"

[base]
hidden = [6]
activation = "sigmoid"
learning_rate = 0.1
batch_size = 16

[[technique]]
name = "ReLU"

[[technique]]
name = "He normal"
"""


def idx(array):
    """An array of uint8 as the bytes of an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
