import math

import numpy as np
import pytest

from stepladder.statistics import holm


def test_published_example():
    # Holm 1979 as worked in Wright 1992, Biometrics 48: 0.01, 0.02, 0.03, 0.04 by hand.
    assert holm([0.04, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0.2], [0.2]),
        ([0.01, 0.04], [0.02, 0.04]),
        ([0.03, 0.03, 0.03], [0.09, 0.09, 0.09]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.01, math.nan, 0.02], [0.03, math.nan, 0.04]),
        ([], []),
    ],
)
def test_by_hand(given, expected):
    assert holm(given).tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
def test_rejects_what_stepping_down_rejects(level):
    p = np.random.default_rng(5).beta(0.3, 3, 40)
    rejected = set()
    for step, index in enumerate(np.argsort(p)):
        if p[index] >= level / (40 - step):
            break
        rejected.add(int(index))
    assert set(np.flatnonzero(holm(p) < level).tolist()) == rejected


def test_families_stand_along_the_last_axis_and_order_is_kept():
    table = np.random.default_rng(6).random((3, 2, 5))
    found = holm(table)
    for index in np.ndindex(3, 2):
        assert found[index].tolist() == holm(table[index]).tolist()
    shuffle = np.random.default_rng(7).permutation(5)
    assert holm(table[..., shuffle]).tolist() == found[..., shuffle].tolist()
