"""Survivors of a population go on in a narrower one: in the bits that their stages decide."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from stepladder.training.checkpoints import Checkpoints, clear, forget
from stepladder.training.groups import Group, Stage, groups, with_epochs
from stepladder.training.population.engine import PopulationEngine

pytestmark = pytest.mark.slow  # each trains several populations

HARD = {"optimizer": "adam", "normalization": "batch", "dropout": 0.2}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
WIDE, NARROW = 5, 2


def bits(result):
    curve = result.curve
    columns = [curve.train_loss, curve.train_accuracy, curve.val_loss, curve.val_accuracy]
    scores = [result.train.loss, result.validation.loss, result.test.loss, result.diverged or 0]
    return np.stack(columns).tobytes() + np.array(scores).tobytes()


@pytest.fixture
def trials(trial_of):
    return [trial_of(learning_rate=rate, epochs=4, **HARD) for rate in RATES]


@pytest.fixture
def engine(dataset, tmp_path):
    """Makes an engine that keeps ends in a folder, or one that keeps nothing."""

    def make(kept):
        keeping = partial(Checkpoints, tmp_path, every=1e9, versions={"test": "1"})
        return PopulationEngine(dataset, *([keeping] if kept else []))

    return make


def trained(engine, group, epochs=None):
    seen = [] if epochs is None else epochs
    return list(engine.train(group, seen.append))


def first_stage(trials):
    return Group(tuple(with_epochs(each, 2) for each in trials), WIDE, saves_end=True)


def second_stage(survivors, lanes=NARROW):
    return Group(tuple(survivors), lanes, stages=(Stage(2, WIDE),))


def test_survivors_that_go_on_end_as_those_that_begin_anew(engine, trials):
    survivors = [trials[3], trials[1]]
    anew = trained(engine(kept=False), second_stage(survivors))
    kept = engine(kept=True)
    trained(kept, first_stage(trials))
    epochs = []
    went_on = trained(kept, second_stage(survivors), epochs)
    assert [bits(each) for each in went_on] == [bits(each) for each in anew]
    assert epochs == [0, 2, 3, 4], "the first two epochs are not trained again"
    assert [each.curve.epochs for each in went_on] == [4, 4]
    assert np.isfinite(went_on[0].curve.val_loss).all()


def test_a_stage_of_as_many_lanes_is_no_cut_at_all(engine, trials):
    whole = trained(engine(kept=False), Group(tuple(trials), WIDE))
    cut = trained(engine(kept=False), second_stage(trials, WIDE))
    assert [bits(each) for each in cut] == [bits(each) for each in whole]


def test_a_result_does_not_depend_on_who_else_survived(engine, trials):
    one = trained(engine(kept=False), second_stage([trials[3], trials[1]]))[0]
    other = trained(engine(kept=False), second_stage([trials[4], trials[3]]))[1]
    alone = trained(engine(kept=False), second_stage([trials[3]]))[0]
    assert bits(one) == bits(other) == bits(alone)


def test_a_third_stage_goes_on_from_the_second(engine, trials):
    kept = engine(kept=True)
    trained(kept, first_stage(trials))
    second = replace(second_stage([with_epochs(each, 3) for each in trials[:2]]), saves_end=True)
    trained(kept, second)
    third = Group((trials[1],), 1, stages=(Stage(2, WIDE), Stage(3, NARROW)))
    epochs = []
    went_on = trained(kept, third, epochs)
    assert epochs == [0, 3, 4]
    assert bits(went_on[0]) == bits(trained(engine(kept=False), third)[0])


def test_ends_of_other_stages_are_not_gone_on_with(engine, trials):
    kept = engine(kept=True)
    trained(kept, first_stage(trials))
    other = Group((trials[0],), 1, stages=(Stage(2, 3),))
    epochs = []
    trained(kept, other, epochs)
    assert epochs == [0, 0, 1, 2, 2, 3, 4]


def test_a_damaged_or_forgotten_end_is_trained_again(engine, trials, tmp_path):
    kept = engine(kept=True)
    expected = bits(trained(kept, second_stage([trials[0]]))[0])
    trained(kept, first_stage(trials))
    file = next(tmp_path.glob(f"end-{with_epochs(trials[0], 2).id}-*"))
    file.write_bytes(file.read_bytes()[:-7])
    assert bits(trained(kept, second_stage([trials[0]]))[0]) == expected
    forget(tmp_path, with_epochs(trials[1], 2))
    assert not list(tmp_path.glob(f"end-{with_epochs(trials[1], 2).id}-*"))
    assert bits(trained(kept, second_stage([trials[1]]))[0])
    clear(tmp_path)
    assert not tmp_path.exists()


def test_groups_keep_trials_of_different_stages_apart(trials):
    before = {trials[0]: (Stage(2, 5),), trials[1]: (Stage(2, 4),), trials[2]: (Stage(2, 5),)}
    made = groups(trials[:3], trials[:3], before=before, keeps=[trials[2]])
    assert [(group.trials, group.lanes, group.stages) for group in made] == [
        ((trials[0], trials[2]), 2, (Stage(2, 5),)),
        ((trials[1],), 1, (Stage(2, 4),)),
    ]
    assert [group.saves_end for group in made] == [True, False]
