"""Streams that are held at replicate 0: all that a training draws, source by source."""

from itertools import chain
from typing import get_args

import jax
import numpy as np
import pytest
from trainings import bits, trained

from stepladder.runs.variance import STREAMS
from stepladder.training.function import derived_seed, make_context
from stepladder.training.groups import Group
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.trials.seeding import Stream, held_replicate

ALL = {"dropout": 0.2, "augment_shift": 1.0, "mixup": 0.2, "vat": 1.0, "train_examples": 200}


@pytest.fixture(
    scope="module", params=[PopulationEngine, pytest.param(FitEngine, marks=pytest.mark.slow)]
)
def engine(request, dataset):
    return request.param(dataset)


def alone(trial):
    return Group((trial,), 1)


def test_sources_have_every_stream_once():
    assert sorted(chain.from_iterable(STREAMS.values())) == sorted(get_args(Stream))


def test_a_training_whose_streams_are_all_held_is_replicate_0_to_the_last_bit(engine, trial_of):
    first, held, other = (
        trained(engine, alone(trial_of(replicate=number, dropout=0.2)))[0]
        for number in (0, held_replicate(3, ["mixup", "user"]), 3)
    )
    assert bits(held) == bits(first) != bits(other)
    assert held.test == first.test


def test_a_training_of_which_all_streams_vary_is_an_ordinary_replicate(engine, trial_of):
    numbers = (3, held_replicate(3, ["split", "subset", "init", "order", "dropout"]))
    one, other = (trained(engine, alone(trial_of(replicate=n, dropout=0.2)))[0] for n in numbers)
    assert bits(one) == bits(other)
    assert one.trial.id != other.trial.id


def test_stacked_replicates_hold_streams_each_for_itself(dataset, trial_of):
    numbers = (0, held_replicate(3, ["mixup"]), held_replicate(3, ["order"]))
    trials = tuple(trial_of(replicate=number, dropout=0.2) for number in numbers)
    first, held, other = trained(PopulationEngine(dataset), Group(trials, 1, 3))
    assert bits(held) == bits(first) != bits(other)


def draws_of(engine, trial):
    """What a training draws, by source."""
    (replicate,) = engine.begin(alone(trial)).replicates
    train, inputs = replicate.rows["train"], replicate.step_inputs(1)
    return {
        "split": (train, replicate.rows["validation"]),
        "initial weights": replicate.weights.trainable,
        "data order": (np.searchsorted(train, replicate.order(1)),),
        "dropout and noise": replicate.weights.seeds,
        "distortion": (inputs.warp,),
        "mixup": (inputs.mix,),
        "perturbation": (inputs.perturb,),
    }


@pytest.mark.parametrize("source", [source for source in STREAMS if source != "seed"])
def test_one_source_varies_and_nothing_else(source, dataset, trial_of):
    engine = PopulationEngine(dataset)
    numbers = (0, held_replicate(4, STREAMS[source]), 4)
    first, varied, ordinary = (draws_of(engine, trial_of(replicate=n, **ALL)) for n in numbers)
    for name, draws in varied.items():
        for draw, own, zero in zip(draws, ordinary[name], first[name], strict=True):
            assert np.array_equal(draw, own if name == source else zero), name
    leaves = zip(jax.tree.leaves(varied[source]), jax.tree.leaves(first[source]), strict=True)
    assert not all(np.array_equal(one, zero) for one, zero in leaves)


def test_a_training_of_the_users_own_holds_its_seed_or_the_split(dataset, trial_of, tmp_path):
    def context_of(number):
        return make_context(trial_of(replicate=number), dataset, tmp_path, lambda epoch: None)

    zero, ordinary = context_of(0), context_of(4)
    split, seed = (context_of(held_replicate(4, STREAMS[name])) for name in ("split", "seed"))
    assert np.array_equal(split.data.y_train, ordinary.data.y_train)
    assert np.array_equal(seed.data.x_train, zero.data.x_train)
    assert (split.seed, split.replicate) == (zero.seed, 0)
    assert (seed.seed, seed.replicate) == (ordinary.seed, 4)
    assert split.rng("noise").random() == zero.rng("noise").random()
    assert seed.rng("noise").random() == ordinary.rng("noise").random()
    assert derived_seed(trial_of(replicate=held_replicate(4, ["user"]))) == ordinary.seed
