"""Operations counted from layer sizes, against a hand calculation and a counting network."""

from itertools import pairwise

import numpy as np
import pytest

from stepladder.tools.bench import epoch_operations, evaluation_operations, training_operations


def test_a_network_counted_by_hand():
    # 3-2-4, five examples. Forward 5·(3·2 + 2·4) products and as many additions; gradients of
    # both weight matrices the same again; gradient of the second layer's inputs 5·2·4.
    assert evaluation_operations([3, 2, 4], 5) == 2 * 5 * (6 + 8)
    assert training_operations([3, 2, 4], 5) == 2 * 5 * (6 + 8) * 2 + 2 * 5 * 8
    assert epoch_operations([3, 2, 4], 5, 7) == 360 + 2 * 7 * 14


def test_the_network_of_the_documentation():
    # Products: 784·50 + 3·50·50 + 50·10 = 47,200, of which 8,000 beyond the first layer.
    each = 2 * (47_200 + 47_200 + 8_000)
    sizes = [784, 50, 50, 50, 50, 10]
    assert epoch_operations(sizes, 14_000, 6_000) == 14_000 * each + 6_000 * 2 * 47_200


def test_one_layer_has_no_gradient_of_inputs():
    assert training_operations([8, 3], 10) == 2 * 10 * 24 * 2


class Counted:
    """Matrix products that add up the operations of their shapes."""

    def __init__(self):
        self.operations = 0

    def __call__(self, left, right):
        self.operations += 2 * left.shape[0] * left.shape[1] * right.shape[1]
        return left @ right


@pytest.mark.parametrize("sizes", [[5, 3], [5, 4, 3], [7, 6, 5, 4, 3]])
def test_a_network_that_counts_its_own_products(sizes):
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=pair) for pair in pairwise(sizes)]
    product, values = Counted(), [generator.normal(size=(11, sizes[0]))]
    for weight in weights:
        values.append(np.maximum(product(values[-1], weight), 0))
    assert product.operations == evaluation_operations(sizes, 11)
    gradient = values[-1]
    for place in reversed(range(len(weights))):
        assert product(values[place].T, gradient).shape == weights[place].shape
        if place:
            gradient = product(gradient, weights[place].T)
    assert product.operations == training_operations(sizes, 11)
