import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepladder.data import splits, synthetic, validation_examples
from stepladder.data.dataset import own_data
from stepladder.data.rows import allocate
from stepladder.errors import StudyError

LABELS = np.repeat(np.arange(4, dtype=np.int32), (40, 30, 20, 10))
SHUFFLED = np.random.default_rng(0).permutation(LABELS)


def split(labels, classes, validation, train_examples, seed, replicate, **more):
    """The split of a dataset of which only its labels matter."""
    dataset = own_data("labels")
    task = "classification" if labels.ndim == 1 else "multilabel"
    dataset.__dict__.update(y_train=labels, class_names=tuple(map(str, range(classes))), task=task,
                            **more)  # fmt: skip
    return splits.split(dataset, validation, train_examples, seed, replicate)


def counts(indices, labels=SHUFFLED):
    return np.bincount(labels[indices], minlength=4).tolist()


def test_split_keeps_each_class_share_exactly_where_it_can():
    made = split(SHUFFLED, 4, 20, 40, seed=0, replicate=0)
    assert counts(made.validation) == [8, 6, 4, 2]
    assert counts(made.train) == [16, 12, 8, 4]


@pytest.mark.parametrize("train_examples", [None, 7, 80])
def test_split_parts_are_sorted_and_never_meet(train_examples):
    made = split(SHUFFLED, 4, 20, train_examples, seed=3, replicate=1)
    for part in (made.train, made.validation):
        assert part.dtype == np.int32
        assert (np.diff(part) > 0).all()
    assert len(made.validation) == 20
    assert len(made.train) == (train_examples or 80)
    assert not np.intersect1d(made.train, made.validation).size


def test_without_a_number_everything_else_trains():
    made = split(SHUFFLED, 4, 20, None, seed=0, replicate=0)
    assert sorted([*made.train, *made.validation]) == list(range(100))
    same = split(SHUFFLED, 4, 20, 80, seed=0, replicate=0)
    np.testing.assert_array_equal(made.train, same.train)


@pytest.mark.parametrize("train_examples", [1, 13, 79, 80])
def test_validation_does_not_depend_on_train_examples(train_examples):
    made = split(SHUFFLED, 4, 20, train_examples, seed=5, replicate=2)
    whole = split(SHUFFLED, 4, 20, None, seed=5, replicate=2)
    np.testing.assert_array_equal(made.validation, whole.validation)
    assert np.isin(made.train, whole.train).all()


def test_split_is_the_same_for_a_seed_and_replicate_and_differs_otherwise():
    def parts(seed, replicate):
        made = split(SHUFFLED, 4, 20, 30, seed, replicate)
        return made.validation.tolist(), made.train.tolist()

    assert parts(0, 0) == parts(0, 0)
    assert len({str(parts(seed, replicate)) for seed in (0, 1) for replicate in (0, 1)}) == 4


def test_split_is_the_same_for_good():
    # Promised for every numerics version: a stored trial is found again by its seed alone.
    made = split(np.arange(8, dtype=np.int32) % 2, 2, 2, 4, seed=0, replicate=0)
    assert (made.validation.tolist(), made.train.tolist()) == ([2, 3], [0, 1, 6, 7])


def test_every_example_of_a_class_is_as_likely():
    drawn = np.zeros(100)
    for replicate in range(400):
        drawn[split(SHUFFLED, 4, 20, None, 0, replicate).validation] += 1
    # binomial (400, 0.2): mean 80, deviation 8; five deviations either way
    assert drawn.min() > 40
    assert drawn.max() < 120


def test_equal_remainders_are_served_in_turns():
    labels = np.arange(20, dtype=np.int32) % 10
    seen = {
        int(labels[number])
        for replicate in range(60)
        for number in split(labels, 10, 5, None, 0, replicate).validation
    }
    assert seen == set(range(10))


def test_rare_class_keeps_a_training_example():
    labels = np.array([0] * 20 + [1], np.int32)
    for replicate in range(20):
        made = split(labels, 2, 19, None, 0, replicate)
        assert 20 in made.train
        assert len(made.validation) == 19


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    share=st.floats(0, 1),
    subset=st.floats(0, 1),
    seed=st.integers(0, 2**63 - 1),
)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_any_split_that_is_possible_is_exact_and_stratified(labels, share, subset, seed):
    labels = np.array(labels, np.int32)
    held = np.bincount(labels, minlength=5)
    validation = int(share * np.maximum(held - 1, 0).sum())
    train = max(1, int(subset * (len(labels) - validation)))
    made = split(labels, 5, validation, train, seed, 0)
    assert len(made.validation) == validation
    assert len(made.train) == train
    drawn = np.bincount(labels[made.validation], minlength=5)
    assert (drawn < held)[held > 0].all()
    assert (drawn >= np.minimum(held * validation // len(labels), held)).all()


@pytest.mark.parametrize(
    ("given_counts", "total", "expected"),
    [
        ([10, 10, 10], 6, [2, 2, 2]),
        ([10, 10, 10], 7, [3, 2, 2]),
        ([24, 31, 45], 10, [2, 3, 5]),  # quotas 2.4, 3.1, 4.5
        ([45, 31, 24], 10, [5, 3, 2]),
        ([11, 17, 16, 56], 10, [1, 2, 2, 5]),  # 1.1, 1.7, 1.6, 5.6: equal remainders in order
        ([1, 1, 98], 50, [1, 0, 49]),
        ([5, 0, 5], 10, [5, 0, 5]),
        ([3, 3], 0, [0, 0]),
    ],
)
def test_largest_remainders(given_counts, total, expected):
    held = np.array(given_counts)
    assert allocate(held, total, np.arange(len(held))).tolist() == expected


def test_equal_remainders_follow_the_precedence():
    assert allocate(np.array([1, 1, 1]), 1, np.array([2, 0, 1])).tolist() == [0, 0, 1]


@pytest.mark.parametrize("train_examples", [0, -1, 81, 10_000])
def test_split_refuses_more_training_examples_than_are_left(train_examples):
    with pytest.raises(StudyError, match=f"from 1 to 80, what 20 .* found {train_examples};"):
        split(SHUFFLED, 4, 20, train_examples, seed=0, replicate=0)


@pytest.mark.parametrize("validation", [-1, 97, 1000])
def test_split_refuses_validation_that_leaves_a_class_untrained(validation):
    with pytest.raises(StudyError, match=f"from 0 to 96, .* found {validation};"):
        split(SHUFFLED, 4, validation, None, seed=0, replicate=0)


def test_a_validation_part_of_the_users_own_is_the_same_in_every_replicate():
    for replicate in range(3):
        made = split(SHUFFLED, 4, 10, 40, 0, replicate, validation_examples=10)
        assert made.validation.tolist() == list(range(90, 100))
        assert len(made.train) == 40
        assert made.train.max() < 90


@pytest.mark.parametrize(
    ("validation", "expected"),
    [(1, 1), (20, 20), (96, 96), (0.1, 10), (0.104, 10), (0.106, 11), (0.96, 96)],
)
def test_validation_is_a_number_or_a_share(validation, expected):
    assert validation_examples(synthetic(100, (2,), 4, 0), validation) == expected


@pytest.mark.parametrize("validation", [0, -5, 97, 100, 10_000, 0.001, 0.97, 0.999])
def test_validation_refuses_to_leave_nothing(validation):
    with pytest.raises(StudyError, match=f"for each of 4 classes, found {validation}.*1 to 96"):
        validation_examples(synthetic(100, (2,), 4, 0), validation)


def test_validation_of_the_smallest_dataset_has_no_answer():
    with pytest.raises(StudyError, match="use a dataset with more examples"):
        validation_examples(synthetic(4, (2,), 4, 0), 1)


@pytest.mark.parametrize("targets", [np.ones((100, 1), np.float32), np.eye(100, dtype=np.uint8)])
def test_other_targets_are_drawn_at_random_the_same_for_a_replicate(targets):
    made = split(targets, 0, 20, 40, seed=3, replicate=1)
    assert (len(made.validation), len(made.train)) == (20, 40)
    assert not np.intersect1d(made.train, made.validation).size
    again = split(targets + 1, 7, 20, 40, seed=3, replicate=1)
    np.testing.assert_array_equal(made.validation, again.validation)
    other = split(targets, 0, 20, 40, seed=3, replicate=2)
    assert made.validation.tolist() != other.validation.tolist()
    with pytest.raises(StudyError, match="validation must be from 0 to 99"):
        split(targets, 0, 100, None, seed=0, replicate=0)
