"""What decides a study's trials, where there is no dataset, and plans of a dataset."""

from stepladder.data import validation_examples
from stepladder.runs.plan import RunContext, make_plan, trials_of


def question_about(study):
    """Of a dataset of two classes, of which 100 examples are held out."""
    return RunContext(study, "data", 100, "population", 2)


def trials_by_arm(study, fingerprint, validation, engine):
    """The trials of each arm of a study, on a dataset of two classes."""
    return trials_of(RunContext(study, fingerprint, validation, engine, 2))


def plan(study, dataset, store, engine):
    """What a study of a dataset would train."""
    validation = validation_examples(dataset, study.validation)
    return make_plan(study, trials_by_arm(study, dataset.fingerprint, validation, engine), store)
