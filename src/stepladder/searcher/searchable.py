"""What a search would train: its populations and its winner, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepladder.data import Dataset, load, split, validation_examples
from stepladder.errors import StudyError
from stepladder.recipe import Recipe
from stepladder.records import Trial
from stepladder.runner.plan import part_sizes
from stepladder.runner.possible import check_possible
from stepladder.runner.question import Question, question_of, record_of
from stepladder.runner.settings import Settings
from stepladder.searcher.samplers import learns
from stepladder.searcher.thinning import goes_on, trial_of
from stepladder.searching import Population, populations, rungs
from stepladder.store import StudyRecord
from stepladder.study import Study

__all__ = ["fresh_label", "fresh_trials", "populations_of", "searchable"]

_FRESH = 5
"""Fresh replicates of the winner where a study leaves their number open."""


def searchable(study: Study, settings: Settings) -> tuple[Dataset, StudyRecord]:
    """The dataset and the record of a study that can be searched.

    Raises:
        InputError: if it cannot: it has no space, or its data will not do.
    """
    if study.search is None:
        raise StudyError(
            f"the study {study.name!r} must have a [search.space], found none; write one, such as "
            '[search.space] learning_rate = { type = "float", low = 0.0001, high = 0.1, '
            "log = true }, or search mnist-search"
        )
    dataset = load(study.dataset)
    check_possible(study, dataset, settings)
    record = record_of(study, dataset, part_sizes(study, dataset), settings)
    _check_examples(study, dataset)
    _check_budget(question_of(record))
    return dataset, record


def populations_of(question: Question) -> Iterator[Population]:
    """The populations of a search, one after the other, as far as its trials and budget go."""
    study = question.study
    search = study.search
    assert search is not None
    going = goes_on(study, question.engine)
    return populations(search, study.base.epochs, learns(search.sampler), going)


def fresh_trials(winner: Recipe, question: Question) -> list[Trial]:
    """The trials of a winner on replicates that the search never saw."""
    study = question.study
    count = _FRESH if study.adaptive else study.replicates
    return [trial_of(winner, question, replicate) for replicate in range(count)]


def fresh_label(trials: Sequence[Trial]) -> str:
    """What these trials are, for progress."""
    return f"the winner on {len(trials)} fresh replicates"


def _check_examples(study: Study, dataset: Dataset) -> None:
    """Makes sure that there are as many training examples as the space may ask for.

    Raises:
        InputError: if there are not.
    """
    given = study.search.space.get("train_examples") if study.search else None
    if given is None:
        return
    validation = validation_examples(dataset, study.validation)
    for count in given.choices or (given.low, given.high):
        split(dataset.y_train, dataset.classes, validation, count, study.seed, 0)


def _check_budget(question: Question) -> None:
    """Makes sure that the budget pays for a candidate, where each rung begins anew too.

    Raises:
        StudyError: if it does not.
    """
    study, search = question.study, question.study.search
    assert search is not None
    if next(populations_of(question), None) is None:
        every = rungs(search, study.base.epochs)
        raise StudyError(
            f"search.budget must pay for one candidate at least, which takes {sum(every)} epochs "
            f"where each of its trainings ({', '.join(map(str, every))} epochs) begins anew, found "
            f"{search.budget}; raise it, or lower base.epochs"
        )
