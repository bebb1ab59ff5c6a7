"""TPE goes on trying other kinds of networks, however many lanes of the leading one it has seen."""

import math

import numpy as np
import pytest
from example_question import question_about

from stepladder import Study
from stepladder.hpo.sampling import OptunaSampler

RATES = {"adam": -2.9, "rmsprop": -2.9, "sgd": -1.2}  # the best ones, as powers of 10
ACTIVATIONS = {"relu": 0.004, "elu": 0.0, "tanh": -0.006}


def accuracy(params, epochs, random):
    """What a network of `mnist-search` might reach: batch normalisation pays late, for example."""
    units = [value for name, value in params.items() if name.startswith("units")]
    has_norm = params["normalization"] == "batch"
    whole = 0.972 + ACTIVATIONS[params["activation"]] + 0.004 * has_norm
    whole += 0.006 * math.tanh(np.mean(units) / 200) - 0.002 * max(0, len(units) - 3)
    whole -= 0.08 * (params["dropout"] - 0.25) ** 2
    whole -= 0.006 * (math.log10(params["learning_rate"]) - RATES[params["optimizer"]]) ** 2
    missing = {1: 0.02 + 0.006 * has_norm, 4: 0.008, 18: 0.0}[epochs]
    return whole - missing + random.normal(0, 0.0012)


def train(candidates, random):
    """Successive halving by a factor of four."""
    alive = candidates
    for epochs, count in ((1, 4), (4, 1), (18, 0)):
        for each in alive:
            each.rungs[epochs] = accuracy(each.params, epochs, random)
        alive = sorted(alive, key=lambda each: -each.accuracy)[:count]
    for each in candidates:
        each.is_over = True


@pytest.mark.parametrize("seed", [0, 3])
def test_lanes_of_one_structure_are_one_structure_and_not_four_good_ones(seed):
    study = Study.load("mnist-search")
    search = study.search.changed({"batch": 16, "startup": 16, "per_structure": 4})
    study = study.changed({"seed": seed, "search": search})
    asker, found, random = OptunaSampler(question_about(study)), [], np.random.default_rng(seed)
    for number in range(8):
        asked = asker.ask(16, number)
        train(asked, random)
        found += asked
        asker.tell(found)
    named = ("optimizer", "normalization", "activation")
    kinds = {tuple(each.params[name] for name in named) for each in found}
    assert len(kinds) >= 8
    assert {each.params["optimizer"] for each in found} == set(RATES)
