"""What decides a study's trials, where there is no dataset."""

from stepladder.runs.plan import RunContext


def question_about(study):
    """Of a dataset of two classes, of which 100 examples are held out."""
    return RunContext(study, "data", 100, "population", 2)
