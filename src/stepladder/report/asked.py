"""What a study asks, in words."""

from __future__ import annotations

from stepladder.recipe import Recipe
from stepladder.report.sentences import parts_of, points
from stepladder.report.wording import counted, elided, joined, visible
from stepladder.runner.results import Results

__all__ = ["asked"]

NAMED = 8
NAME_LENGTH = 40

_DESIGNS = {
    "ladder": "each put on top of the ones before it (a ladder)",
    "one_at_a_time": "each alone on the base (one at a time)",
    "leave_one_out": "each taken away from all of them (leave one out)",
    "factorial": "in all combinations (a factorial)",
    "fraction": "in a fraction of all combinations",
    "explicit": "in the arms that the study lists",
}


def asked(results: Results) -> tuple[str, ...]:
    """What is asked, of what network and data, and how it is decided: a paragraph each."""
    study, recipe = results.study, results.study.base
    data = f"{visible(results.dataset)} ({joined(parts_of(results))} images)"
    network = f"The base is {visible(study.base_name)}: {_network(recipe)}."
    if len(results.arms) == 1:
        return (
            f"What does one recipe reach on {data}? {network}",
            f"{_replicates(results)} Each replicate has a validation split, initial weights, a "
            "data order and dropout of its own.",
        )
    techniques = study.techniques
    named = [elided(each.name, NAME_LENGTH) for each in techniques[:NAMED]]
    named += [f"{len(techniques) - NAMED} more"] if len(techniques) > NAMED else []
    question = (
        f"What is each of {counted(len(techniques), 'technique')} worth ({joined(named)}) on "
        f"{data}, {_DESIGNS[study.design]}?"
        if techniques
        else f"How do {counted(len(results.arms), 'arm')} compare on {data}?"
    )
    return (
        f"{question} {network}",
        f"{_replicates(results)} Replicate number r draws the same validation split, initial "
        "weights, data order and dropout in every arm, so that arms are compared in pairs. A "
        f"difference of less than {points(study.delta)} of test accuracy is taken not to matter.",
        _rates(results),
    )


def _network(recipe: Recipe) -> str:
    if recipe.model is not None:
        layers = "a network that the study builds itself"
    elif recipe.hidden:
        layers = f"hidden layers of {joined([str(each) for each in recipe.hidden])} units"
    else:
        layers = "no hidden layer"
    return (
        f"{layers}, {recipe.activation} activation, {recipe.initializer} initial weights, "
        f"{recipe.optimizer} at a learning rate of {recipe.learning_rate:g}, batches of "
        f"{recipe.batch_size:,}, {counted(recipe.epochs, 'epoch')}"
    )


def _replicates(results: Results) -> str:
    most = results.study.replicates
    if results.study.adaptive:
        return f"Replicates are added until every verdict is settled, up to {most:,}."
    each = "It is" if len(results.arms) == 1 else "Every arm is"
    return f"{each} trained {'once' if most == 1 else f'{most:,} times'}."


def _rates(results: Results) -> str:
    if results.study.tuned is None:
        return (
            "This is a fixed study: every arm keeps the base's other settings, its learning rate "
            "too, unless the technique changes them."
        )
    fields = joined([each.replace("_", " ") for each in results.study.tuned_fields])
    return (
        f"This is a fair study: before arms are compared, the {fields} of each is tuned on "
        "validation accuracy, with the same candidates for all."
    )
