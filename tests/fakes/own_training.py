"""Trainings of the user's own for tests: their code, their setup and their trials."""

from __future__ import annotations

from pathlib import Path

from stepladder.study.metrics import Metric, find_metric
from stepladder.study.params import Params
from stepladder.study.trainer import UserTrainer
from stepladder.training.function import UserSetup
from stepladder.training.groups import Group
from stepladder.trials.trial import Trial

BACKWARDS = """
def train(params, seed):
    return {"accuracy": seed % 1000 / 1000}
"""


def write(folder: Path, text: str, name: str = "train.py") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def setup_of(
    trainer: UserTrainer, metric: str | Metric = "accuracy", also: tuple[str, ...] = (),
    output: Path | None = None,
) -> UserSetup:  # fmt: skip
    judged = find_metric(metric) if isinstance(metric, str) else metric
    pickled = trainer.pickled()
    return UserSetup(trainer.without_callable(), judged, also, (), pickled, output)


def trial(trainer: UserTrainer, values: dict | None = None, replicate: int = 0, **more) -> Trial:
    config = Params(trainer=trainer.identity, values=values or {})
    return Trial(config, **{"dataset": "data", "validation": 10, "seed": 0,
                            "replicate": replicate, "engine": trainer.engine, **more})  # fmt: skip


def outcomes(engine, *trials, on_epoch=lambda epoch: None) -> list:
    """What an engine answers to trials, each in a group of its own."""
    return [one for each in trials for one in engine.train(Group((each,), 1), on_epoch)]
