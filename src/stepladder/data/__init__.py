"""Datasets: reading them, checking them, splitting them and scaling their inputs.

Importing this room costs no more than importing NumPy.
"""

from stepladder.data.dataset import Dataset, own_data
from stepladder.data.preprocessing import affine
from stepladder.data.readers import load
from stepladder.data.splits import Split, split, validation_examples
from stepladder.data.synthetic import synthetic

__all__ = [
    "Dataset",
    "Split",
    "affine",
    "load",
    "own_data",
    "split",
    "synthetic",
    "validation_examples",
]
