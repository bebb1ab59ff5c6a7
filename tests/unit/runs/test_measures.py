"""What judging keeps of trials: outcomes, images that arms get wrong, and findings."""

from dataclasses import replace

import numpy as np
import pytest
from example_run import finished, trials_by_arm
from fake_store import FakeStore

from stepladder import Study
from stepladder.data import Dataset
from stepladder.diagnosis.findings import summarize_history
from stepladder.runs.arm_analysis import probes_of
from stepladder.runs.judging import judge
from stepladder.runs.measures import load_summaries
from stepladder.runs.misclassified import find_misclassified
from stepladder.store import StudyRecord
from stepladder.study.designs import Arm
from stepladder.study.recipe import Recipe
from stepladder.trials.trial import Probes, Score, Trial, correct_matrix, summarize_trial

# What judging keeps of a trial: every figure, and each image's answer as a bit.


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


# Mistakes.


LABELS = np.array([0, 1, 2, 0, 1, 2], np.int32)


def dataset(inputs=None):
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2) if inputs is None else inputs
    return Dataset(
        name="six", x_train=images, y_train=LABELS, x_test=images, y_test=LABELS,
        class_names=("a", "b", "c"),
    )  # fmt: skip


def arm(name, against=None):
    return Arm(name=name, config=Recipe(hidden=[2]), compared_with=against, technique=None)


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
    made = find_misclassified([arm("base"), arm("best", "base")], found, dataset())
    assert (made.best, made.other, made.replicates) == ("best", "base", 2)
    assert made.confusion.tolist() == [[3, 1, 0], [0, 4, 0], [0, 0, 4]]
    assert made.confusion.sum() == 2 * 6


def test_the_best_arm_is_chosen_on_validation_data_not_on_the_test_part():
    found = {"one": [trial(RIGHT, 0.1)], "two": [trial(FIRST_WRONG, 0.9)]}
    made = find_misclassified([arm("one"), arm("two", "one")], found, dataset())
    assert made.best == "two"


def test_the_hardest_are_those_that_most_trials_misread():
    both = [trial(FIRST_WRONG, 0.5), trial(LAST_WRONG, 0.5)]
    found = {"one": both, "two": [trial(FIRST_WRONG, 0.4)]}
    made = find_misclassified([arm("one"), arm("two", "one")], found, dataset())
    told = [(each.index, each.label, each.answer, each.wrong, each.trials) for each in made.hardest]
    assert told == [(0, 0, 1, 2, 3), (5, 2, 0, 1, 3)]
    assert (made.trials, made.arms) == (3, 2)
    np.testing.assert_array_equal(made.hardest[0].image, dataset().x_test[0])


def test_two_arms_disagree_where_one_is_mostly_right_and_the_other_mostly_wrong():
    found = {"one": [trial(LAST_WRONG, 0.5)] * 2, "two": [trial(FIRST_WRONG, 0.9)] * 3}
    made = find_misclassified([arm("one"), arm("two", "one")], found, dataset())
    (won,), (lost,) = made.won, made.lost
    assert (won.misread.index, won.misread.answer, won.right, won.of) == (5, 0, 3, 3)
    assert (won.misread.wrong, won.misread.trials) == (2, 2)
    assert (lost.misread.index, lost.right, lost.of) == (0, 2, 2)


def test_trials_that_answer_one_class_diverged_or_are_missing_are_left_out():
    lost = trial(LAST_WRONG, float("nan"), diverged=2)
    found = {"one": [trial(CONSTANT, 0.3), None, lost], "two": [trial(FIRST_WRONG, 0.9), None]}
    made = find_misclassified([arm("one"), arm("two", "one")], found, dataset())
    assert (made.trials, made.arms, made.other) == (1, 1, None)
    assert made.won == made.lost == ()
    assert find_misclassified([arm("one")], {"one": [trial(CONSTANT, 0.3)]}, dataset()) is None
    assert find_misclassified([arm("one")], {"one": [None]}, dataset()) is None


def test_without_a_mistake_there_is_nothing_hard():
    made = find_misclassified([arm("one")], {"one": [trial(RIGHT, 0.9)]}, dataset())
    assert made.hardest == ()


@pytest.mark.parametrize(
    ("shape", "kind", "drawn"),
    [((4,), np.float32, None), ((2, 2), np.float32, (2, 2)), ((2, 2, 3), np.uint8, (2, 2))],
)
def test_images_are_grey_and_rows_of_a_table_are_none(shape, kind, drawn):
    inputs = np.arange(6 * int(np.prod(shape))).reshape(6, *shape).astype(kind)
    made = find_misclassified([arm("one")], {"one": [trial(FIRST_WRONG, 0.9)]}, dataset(inputs))
    image = made.hardest[0].image
    if drawn is None:
        assert image is None
    else:
        assert (image.shape, image.dtype) == (drawn, np.uint8)
        assert image.max() == (255 if kind is np.float32 else image.max())


# From stored trials to findings and to what figures draw of a network's inside.


STUDY = Study(name="s", replicates=3, base={"hidden": [3, 3], "epochs": 4}, techniques=["ELU"])
SIZES = {"train": 90, "validation": 10, "test": 20}
RECORD = StudyRecord(STUDY, "d", "f" * 64, SIZES, tuple("abcdefghij"), {}, "m")
LAYERS = ("dense_1", "dense_2")


def probes(dead, epochs=4, replicate=0):
    norms = np.full((epochs, 3), 0.1 + replicate, np.float32)
    shares = np.full((epochs, 2), dead, np.float32)
    nothing = np.full((epochs, 2), np.nan, np.float32)
    return Probes((*LAYERS, "logits"), norms, LAYERS, shares, nothing, 0.1, 0.3)


def seen(trial, dead=0.0):
    made = finished(trial, 0.5)
    inside = probes(dead, replicate=trial.replicate)
    answers = np.arange(3, dtype=np.uint16)
    return replace(made, probes=inside, signs=summarize_history(made.curve, inside),
                   test_predictions=answers,
                   test=Score(0.1, 0.5))  # fmt: skip


@pytest.fixture
def store():
    made = FakeStore()
    base, elu = trials_by_arm(STUDY, RECORD.fingerprint, 10, "population").values()
    for trial in base:
        made.add(seen(trial, dead=0.9 if trial.replicate else 0.0))
    for trial in elu[1:]:
        made.add(seen(trial))
    return made


def test_arms_carry_what_was_seen_inside_replicate_by_replicate(store):
    base, elu = judge(store, RECORD, "population", "test").arms
    assert base.probes.replicates == (0, 1, 2)
    assert elu.probes.replicates == (1, 2)
    assert base.probes.layers == LAYERS
    assert base.probes.gradient_norm.shape == (3, 4, 3)
    assert base.probes.dead.shape == base.probes.saturated.shape == (3, 4, 2)
    assert base.probes.gradient_norm[:, 0, 0].tolist() == pytest.approx([0.1, 1.1, 2.1])
    assert base.probes.dead[:, -1, 0].tolist() == pytest.approx([0, 0.9, 0.9])


def test_findings_and_their_texts(store):
    base, elu = judge(store, RECORD, "population", "test").arms
    (found,) = base.findings
    assert (found.code, found.technique, found.replicates) == ("dead_units", "leaky ReLU", 2)
    assert base.diagnosis == (found.text,)
    assert "in 2 of 3 replicates" in found.text
    assert elu.findings == ()


def test_without_epochs_the_findings_are_the_same(store):
    whole = judge(store, RECORD, "population", "test")
    bare = judge(store, RECORD, "population", "test", curves=False)
    assert [arm.findings for arm in bare.arms] == [arm.findings for arm in whole.arms]
    assert [arm.probes for arm in bare.arms] == [None, None]


def test_networks_that_do_not_match_are_not_stacked():
    base, _ = trials_by_arm(STUDY, RECORD.fingerprint, 10, "population").values()
    odd = replace(seen(base[1]), probes=probes(0.0, epochs=3))
    found = probes_of([seen(base[0]), odd, None])
    assert found.replicates == (0,)
    assert probes_of([None, finished(base[0], 0.5)]) is None
