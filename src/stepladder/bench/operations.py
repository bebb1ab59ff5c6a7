"""Floating-point operations of training a multi-layer perceptron, counted from its layer sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["epoch_operations", "evaluation_operations", "training_operations"]


def training_operations(sizes: Sequence[int], examples: int) -> int:
    """Operations of the matrix products of one training pass over some examples.

    A product of (m, k) and (k, n) is 2·m·k·n operations. A layer has one forward and two
    backward: the gradient of its weights, and that of its inputs, which the first layer does not
    need. Biases, activations, loss and optimizer are left out: they are what an engine can lose
    against the floor, not part of it.

    Args:
        sizes: inputs, units of each hidden layer, classes.
        examples: how many pass.
    """
    products = [inputs * outputs for inputs, outputs in pairwise(sizes)]
    return 2 * examples * (3 * sum(products) - products[0])


def evaluation_operations(sizes: Sequence[int], examples: int) -> int:
    """Operations of the matrix products of one forward pass; arguments as before."""
    return 2 * examples * sum(inputs * outputs for inputs, outputs in pairwise(sizes))


def epoch_operations(sizes: Sequence[int], train: int, validation: int) -> int:
    """Operations of one epoch: training, then validation.

    Args:
        sizes: inputs, units of each hidden layer, classes.
        train: training examples.
        validation: validation examples.

    Example:
        >>> epoch_operations([784, 50, 50, 50, 50, 10], 14_000, 6_000)
        3433600000
    """
    return training_operations(sizes, train) + evaluation_operations(sizes, validation)
