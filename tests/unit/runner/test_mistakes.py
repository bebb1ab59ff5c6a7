from dataclasses import replace

import numpy as np
import pytest
from example_run import finished

from stepladder.data import Dataset
from stepladder.runs.misclassified import mistakes_of
from stepladder.study.designs import Arm
from stepladder.study.recipe import Recipe
from stepladder.trials.trial import Trial

LABELS = np.array([0, 1, 2, 0, 1, 2], np.int32)


def dataset(inputs=None):
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2) if inputs is None else inputs
    return Dataset(
        name="six", x_train=images, y_train=LABELS, x_test=images, y_test=LABELS,
        class_names=("a", "b", "c"),
    )  # fmt: skip


def arm(name, against=None):
    return Arm(name=name, recipe=Recipe(hidden=[2]), compared_with=against, technique=None)


def trial(answers, validation, diverged=None):
    made = finished(Trial(Recipe(hidden=[2]), "f" * 64, 10, 0, 0), validation, diverged)
    answers = np.array(answers, np.uint16)
    return replace(made, test_predictions=answers, test_correct=answers == LABELS)


RIGHT = [0, 1, 2, 0, 1, 2]
FIRST_WRONG = [1, 1, 2, 0, 1, 2]
LAST_WRONG = [0, 1, 2, 0, 1, 0]
CONSTANT = [1] * 6


def test_confusions_of_the_best_arm_are_counted_over_its_replicates():
    best = [trial(FIRST_WRONG, 0.9), trial(RIGHT, 0.8)]
    found = {"base": [trial(LAST_WRONG, 0.5)], "best": best}
    made = mistakes_of([arm("base"), arm("best", "base")], found, dataset())
    assert (made.best, made.other, made.replicates) == ("best", "base", 2)
    assert made.confusion.tolist() == [[3, 1, 0], [0, 4, 0], [0, 0, 4]]
    assert made.confusion.sum() == 2 * 6


def test_the_best_arm_is_chosen_on_validation_data_not_on_the_test_part():
    found = {"one": [trial(RIGHT, 0.1)], "two": [trial(FIRST_WRONG, 0.9)]}
    made = mistakes_of([arm("one"), arm("two", "one")], found, dataset())
    assert made.best == "two"


def test_the_hardest_are_those_that_most_trials_misread():
    both = [trial(FIRST_WRONG, 0.5), trial(LAST_WRONG, 0.5)]
    found = {"one": both, "two": [trial(FIRST_WRONG, 0.4)]}
    made = mistakes_of([arm("one"), arm("two", "one")], found, dataset())
    told = [(each.index, each.label, each.answer, each.wrong, each.trials) for each in made.hardest]
    assert told == [(0, 0, 1, 2, 3), (5, 2, 0, 1, 3)]
    assert (made.trials, made.arms) == (3, 2)
    np.testing.assert_array_equal(made.hardest[0].image, dataset().x_test[0])


def test_two_arms_disagree_where_one_is_mostly_right_and_the_other_mostly_wrong():
    found = {"one": [trial(LAST_WRONG, 0.5)] * 2, "two": [trial(FIRST_WRONG, 0.9)] * 3}
    made = mistakes_of([arm("one"), arm("two", "one")], found, dataset())
    (won,), (lost,) = made.won, made.lost
    assert (won.misread.index, won.misread.answer, won.right, won.of) == (5, 0, 3, 3)
    assert (won.misread.wrong, won.misread.trials) == (2, 2)
    assert (lost.misread.index, lost.right, lost.of) == (0, 2, 2)


def test_trials_that_answer_one_class_diverged_or_are_missing_are_left_out():
    lost = trial(LAST_WRONG, float("nan"), diverged=2)
    found = {"one": [trial(CONSTANT, 0.3), None, lost], "two": [trial(FIRST_WRONG, 0.9), None]}
    made = mistakes_of([arm("one"), arm("two", "one")], found, dataset())
    assert (made.trials, made.arms, made.other) == (1, 1, None)
    assert made.won == made.lost == ()
    assert mistakes_of([arm("one")], {"one": [trial(CONSTANT, 0.3)]}, dataset()) is None
    assert mistakes_of([arm("one")], {"one": [None]}, dataset()) is None


def test_without_a_mistake_there_is_nothing_hard():
    made = mistakes_of([arm("one")], {"one": [trial(RIGHT, 0.9)]}, dataset())
    assert made.hardest == ()


@pytest.mark.parametrize(
    ("shape", "kind", "drawn"),
    [((4,), np.float32, None), ((2, 2), np.float32, (2, 2)), ((2, 2, 3), np.uint8, (2, 2))],
)
def test_images_are_grey_and_rows_of_a_table_are_none(shape, kind, drawn):
    inputs = np.arange(6 * int(np.prod(shape))).reshape(6, *shape).astype(kind)
    made = mistakes_of([arm("one")], {"one": [trial(FIRST_WRONG, 0.9)]}, dataset(inputs))
    image = made.hardest[0].image
    if drawn is None:
        assert image is None
    else:
        assert (image.shape, image.dtype) == (drawn, np.uint8)
        assert image.max() == (255 if kind is np.float32 else image.max())
