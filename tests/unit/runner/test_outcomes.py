"""What judging keeps of a trial: every figure, and each image's answer as a bit."""

from dataclasses import replace

import numpy as np
import pytest
from example_run import finished
from fake_store import FakeStore

from stepladder.runs.measures import load_summaries
from stepladder.study.recipe import Recipe
from stepladder.trials.trial import Trial, correct_matrix, summarize_trial

RECIPE = Recipe(hidden=[3])


def made(replicate=0):
    return finished(Trial(RECIPE, "d", 10, 0, replicate), 0.5)


def test_every_figure_is_kept():
    result = made()
    kept = summarize_trial(result)
    for name in ("curve", "train", "validation", "test", "diverged", "parameters", "seconds"):
        assert getattr(kept, name) == getattr(result, name)


@pytest.mark.parametrize("images", [1, 7, 8, 1001])
def test_every_image_is_a_bit(images):
    correct = np.random.default_rng(images).random(images) < 0.5
    predictions = np.arange(images, dtype=np.uint16)
    kept = summarize_trial(replace(made(), test_correct=correct, test_predictions=predictions))
    assert kept.bits.nbytes == -(-images // 8)
    found = correct_matrix([kept, kept])
    assert found.dtype == np.bool_
    assert np.array_equal(found, [correct, correct])


@pytest.mark.parametrize(("given", "answer"), [([3, 3, 3], 3), ([3, 3, 2], None), ([5], 5)])
def test_one_answer_to_every_image(given, answer):
    predictions = np.array(given, np.uint16)
    correct = np.zeros(len(given), np.bool_)
    kept = summarize_trial(replace(made(), test_predictions=predictions, test_correct=correct))
    assert kept.answer == answer


def test_more_than_are_read_at_once_come_in_order():
    class Counted(FakeStore):
        most = 0

        def results(self, ids, curves=True):
            found = super().results(ids, curves)
            self.most = max(self.most, len(found))
            return found

    store = Counted()
    results = [made(replicate) for replicate in range(1100)]
    for each in results:
        store.add(each)
    ids = [each.trial.id for each in reversed(results)]
    assert list(load_summaries(store, [*ids, "unknown", ids[0]])) == ids
    assert store.most == 500
