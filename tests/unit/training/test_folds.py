"""A replicate of folds trains, bit for bit, as a dataset does whose parts are those of its fold."""

import numpy as np
import pytest

from stepladder.data.preprocessing import Prepared
from stepladder.data.splits import with_folds
from stepladder.execution.batching import stack_sizes
from stepladder.execution.machine import Settings
from stepladder.training.function import make_context
from stepladder.training.groups import Group, groups
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine


@pytest.fixture(scope="module")
def folded(dataset):
    return with_folds(dataset, 4)


def trained(engine, trial):
    return next(iter(engine.train(Group((trial,), 1), lambda epoch: None)))


def figures(result):
    scores = [result.train, result.validation, result.test]
    return ([(score.loss, score.accuracy) for score in scores],
            result.test_predictions.tolist(), result.test_correct.tolist())  # fmt: skip


@pytest.mark.parametrize("engine", [PopulationEngine, FitEngine])
@pytest.mark.parametrize("fields", [{}, {"deskew": True}])
def test_a_fold_is_a_dataset_of_its_own(engine, fields, folded, trial_of):
    of_folds = engine(folded)
    for replicate in (1, 6, 1, 3):  # another fold, another repeat, the first again, the base's own
        trial = trial_of(replicate=replicate, train_examples=None, **fields)
        view = folded.view(replicate)
        assert view.folds is None
        result = trained(of_folds, trial)
        assert figures(result) == figures(trained(engine(view), trial))
        np.testing.assert_array_equal(result.test_correct, result.test_predictions == view.y_test)


def test_deskewed_folds_are_folds_of_deskewed_examples(folded):
    prepared = Prepared(folded)(True).view(2)
    np.testing.assert_array_equal(prepared.x_test, Prepared(folded.view(2))(True).x_test)
    np.testing.assert_array_equal(prepared.y_test, folded.view(2).y_test)


def test_a_function_gets_the_rows_of_its_fold(folded, trial_of, tmp_path):
    seen = []
    for replicate in range(4):
        trial = trial_of(replicate=replicate)
        data = make_context(trial, folded, tmp_path, lambda epoch: None).data
        parts = [
            {row.tobytes() for row in part} for part in (data.x_train, data.x_val, data.x_test)
        ]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]
        assert len(data.x_train) + len(data.x_val) + len(data.x_test) == sum(folded.folds.sizes)
        seen += [row.tobytes() for row in data.x_test]
    assert len(seen) == sum(folded.folds.sizes)


def test_replicates_of_folds_share_no_program(folded, dataset, trial_of):
    trials = [trial_of(replicate=replicate) for replicate in range(4)]
    gpu = Settings((None,), {}, "jax", None, "a machine", device="gpu", memory=10**9)
    assert stack_sizes(trials, dataset, gpu)
    sizes = stack_sizes(trials, folded, gpu)
    assert all(len({trial.replicate for trial in group.trials}) == 1
               for group in groups(trials, trials, sizes))  # fmt: skip
