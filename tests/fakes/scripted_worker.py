"""A worker of another machine that does what a test says, with what it trains made up."""

from __future__ import annotations

from dataclasses import replace

from example_run import finished

from stepladder import Recipe
from stepladder.data.synthetic import synthetic
from stepladder.execution import machine
from stepladder.execution.result_files import write_outcome
from stepladder.execution.spool_files import Spool, group_of
from stepladder.training.groups import Group
from stepladder.trials.trial import Trial

DATASET = synthetic(examples=80, input_shape=(2, 2), classes=2, seed=0)
SETTINGS = replace(machine.settings(1), workers=2)


def group(*replicates, lanes=1):
    return Group(tuple(Trial(Recipe(hidden=[3]), DATASET.fingerprint, 20, 0, r)
                       for r in replicates), lanes)  # fmt: skip


class ScriptedWorker:
    """A worker of another machine that does what a test says."""

    def __init__(self, folder, name="node-1-a", **owner):
        self.spool, self.id, self.owner = Spool(folder), name, owner
        self.beats = 0

    def beat(self, **values):
        self.beats += 1
        self.spool.write(self.spool.file("beats", self.id),
                         {**self.owner, "beat": self.beats, **values})  # fmt: skip

    def claim(self):
        self.beat()
        self.name, values = self.spool.claim(self.id)
        self.trials = group_of(values).trials
        return self.trials

    def write(self, trial):
        return write_outcome(self.spool.folder / "done", finished(trial, 0.5))

    def end(self, kind="finished", **more):
        self.spool.end(self.name, self.id, {"kind": kind, **more})

    def train(self):
        for trial in self.claim():
            self.write(trial)
        self.end()
