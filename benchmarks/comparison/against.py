"""Parts that train the same study with stepladder and with rivals, as whole processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from comparison.context import Context, row
from comparison.rivals import Task, compete
from comparison.studies import learning_rates
from stepladder.study.study import Study
from stepladder.tools.bench import epoch_operations
from stepladder.version import __version__

QUICK = (1, 2)  # replicates, epochs

_MNIST_TARGETS = {"tensorflow": (12.0, 20.0), "jax": (3.5, 6.0)}
_RATES_TARGETS = {"jax": (5.0, 8.0)}
_INPUTS, _CLASSES, _IMAGES, _TEST_IMAGES = 784, 10, 60_000, 10_000  # of MNIST


def mnist(context: Context) -> dict[str, Any]:
    """The built-in `mnist` study: seven arms, five replicates, twenty epochs."""
    study = Study.load("mnist")
    return _compare(context, study, "the `mnist` study", _MNIST_TARGETS)


def rates(context: Context) -> dict[str, Any]:
    """Nine learning rates by three replicates of one arm, against `keras.fit` on JAX."""
    study = learning_rates()
    chosen = [rival for rival in context.rivals if rival.name == "fit-jax"]
    return _compare(context, study, "9 learning rates × 3 replicates", _RATES_TARGETS, chosen)


def _compare(
    context: Context,
    study: Study,
    work: str,
    targets: dict[str, tuple[float, float]],
    rivals: Any = None,
) -> dict[str, Any]:
    if context.quick:
        base = study.base.changed({"epochs": QUICK[1]})
        study = study.changed({"replicates": QUICK[0], "base": base})
    file = context.write(study)
    task = _task(context, study, file)
    context.say(f"stepladder: {work}")
    ran = context.stepladder(study.name, file)
    runs = [
        {
            "name": "stepladder",
            "title": "stepladder",
            "seconds": ran.seconds,
            "measured_seconds": ran.seconds,
            "scaled_from": None,
            "trainings": len(study.arms) * study.replicates,
            "peak_rss": ran.peak_rss,
            "versions": {"stepladder": __version__},
        }
    ]
    products = _operations(study) / context.floor().rate
    rows = [
        row(work, "its matrix products alone, at SGEMM's rate", ran.seconds / products, "ratio")
    ]
    for rival in context.rivals if rivals is None else rivals:
        python = context.pythons(rival)
        context.say(f"{rival.title}: {work}")
        run = compete(
            rival, python, task, context.data, context.place(f"{study.name}-{rival.name}")
        )
        runs.append(run)
        least, aim = targets[rival.backend]
        note = f"{run['seconds'] / products:.1f}× if products took all the time"
        note += "; scaled up from a part of it" if run["scaled_from"] else ""
        rows.append(row(work, rival.title, run["seconds"] / ran.seconds, "times", least, aim, note))
    return {"study": study.model_dump(mode="json", by_alias=True), "runs": runs, "rows": rows}


def _operations(study: Study) -> float:
    """Operations of a study's matrix products, the final weights' scores included."""
    validation, total = int(study.validation), 0.0
    for arm in study.arms:
        sizes = (_INPUTS, *arm.recipe.hidden, _CLASSES)
        total += arm.recipe.epochs * epoch_operations(sizes, _IMAGES - validation, validation)
        total += epoch_operations(sizes, 0, _IMAGES + _TEST_IMAGES)
    return total * study.replicates


def _task(context: Context, study: Study, file: Path) -> Task:
    replicates, epochs = study.replicates, study.base.epochs
    return Task(
        study=file,
        replicates=replicates,
        epochs=epochs,
        few_replicates=min(context.replicates or replicates, replicates),
        few_epochs=min(context.epochs or epochs, epochs),
    )
