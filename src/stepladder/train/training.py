"""One group while it trains: where its lanes stand, and what its program is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from stepladder.records import Score, TrialResult
from stepladder.train.checkpoints import Checkpoint, Checkpoints
from stepladder.train.gather import Gathered, Look, result_of, versions
from stepladder.train.probing import Reading
from stepladder.train.program import Program
from stepladder.train.resuming import Resumable
from stepladder.train.schedule import data_order
from stepladder.train.settling import normalizes_batches
from stepladder.train.standing import Indices, Standing
from stepladder.train.state import Sums, Weights
from stepladder.train.structure import evaluated_at_once

__all__ = ["Compiled", "Indices", "Scored", "Training"]

Scored = tuple[Indices, npt.NDArray[np.float64]]
"""Classes given, (lanes, examples), and mean loss, (lanes,)."""


@dataclass(frozen=True)
class Compiled:
    """A program's functions for one set of shapes."""

    program: Program
    segments: dict[bool, Callable[..., tuple[Weights, Sums]]]  # by whether it is the last
    evaluate: Callable[..., tuple[jax.Array, jax.Array]]
    probe: Callable[..., Reading] | None = None  # until somebody looks


class Training(Standing):
    """One group while it trains.

    Attributes:
        compiled: its program's functions.
    """

    compiled: Compiled

    @property
    def is_candidate(self) -> bool:
        """Whether its trials are of a search: see `Trial`."""
        return self.lanes[0].is_candidate

    def evaluate(self, part: Indices) -> Scored:
        """Classes given, int32 (lanes, examples), and mean loss, float64 (lanes,)."""
        answers, loss = [], np.zeros(len(self.lanes))
        for start in range(0, len(part), evaluated_at_once(self.key.structure)):
            *arguments, length = self.evaluate_arguments(part, start)
            given, lost = self.compiled.evaluate(*arguments)
            answers.append(np.asarray(given)[:, :length])
            loss += np.asarray(lost, np.float64)
        return np.concatenate(answers, axis=1), loss / len(part)

    def look(self) -> Reading | None:
        """A look into each lane as it stands; None for candidates, at which nobody looks."""
        if self.is_candidate:
            return None
        assert self.compiled.probe is not None
        return self.compiled.probe(*self.probe_arguments)

    def epoch(self, epoch: int) -> Sums:
        """Trains one epoch, counted from 0, and returns the sums over its examples."""
        sums = None
        for segment in range(self.segments):
            sums = self.train_segment(epoch, segment, sums)
        assert sums is not None
        return sums

    def train_segment(self, epoch: int, segment: int, sums: Sums | None) -> Sums:
        """Trains a segment of an epoch and returns the sums over the epoch so far."""
        train = self.compiled.segments[segment == self.segments - 1]
        self.weights, sums = train(*self.segment_arguments(epoch, segment, sums))
        return sums

    def finish(
        self,
        on_epoch: Callable[[int], None],
        checkpoints: Checkpoints | None = None,
        start: Callable[[], Checkpoint | None] = lambda: None,
        ended: Callable[[Checkpoint], None] | None = None,
    ) -> list[TrialResult]:
        """Trains all epochs, those of a checkpoint excepted, and scores the final weights.

        Args:
            on_epoch: called with the number of each finished epoch, from 1.
            checkpoints: where the training goes on from, and is kept now and then.
            start: gives where it goes on from if there is no checkpoint, `done` in epochs.
            ended: is given where it ended, if anybody wants to know.

        Returns:
            One result a lane.
        """
        gathered = self.nothing_gathered()
        state = Resumable(gathered, self.key.epochs, self.segments, checkpoints, start=start)
        self.weights, sums = state.resume(self.weights)
        began = time.perf_counter() - state.seconds
        if state.done >= self.segments:
            on_epoch(state.done // self.segments)
        for place in range(state.done, self.key.epochs * self.segments):
            epoch, segment = divmod(place, self.segments)
            sums = self.train_segment(epoch, segment, sums)
            if segment == self.segments - 1:
                validated, look = self.evaluate(self.parts.validation), self.look()
                seconds = (time.perf_counter() - began) / len(self.lanes)
                self.gather(gathered, sums, validated, look, seconds)
                on_epoch(epoch + 1)
                sums = None
                if all(each.diverged for each in gathered):
                    break
            state.offer(place + 1, self.weights, sums, time.perf_counter() - began)
        trained = time.perf_counter() - began
        state.end(place + 1, self.weights, trained)
        if ended:
            ended(state.state(self.key.epochs, self.weights, None, trained))
        self.settle()
        scored = {name: self.evaluate(part) for name, part in self.scored_parts.items()}
        return self.results(gathered, scored, (time.perf_counter() - began) / len(self.lanes))

    def settle(self) -> None:
        """Takes the average of the weights for the weights, where there is one.

        Statistics of batch normalisation are then taken anew, from the batches of the first epoch
        as its steps were given them, without dropout: those gathered belong to other weights.
        """
        if not self.weights.average:
            return
        self.weights = self.weights._replace(trainable=self.weights.average)
        if normalizes_batches(self.program.model):
            train, batch = (
                self.parts.train,
                min(self.key.structure.batch_size, len(self.parts.train)),
            )
            order = train[data_order(len(train), self.key.seed, self.key.replicate, 0)]
            order = order[: len(order) // batch * batch].reshape(-1, batch)
            more = self._more(0)._replace(average=None, perturb=None).part(0, len(order))
            self.weights = self.program.settled(self.weights, self.data, jnp.asarray(order), more)

    def nothing_gathered(self) -> list[Gathered]:
        """The empty curve of each lane."""
        inside = None if self.is_candidate else self.program.inside
        return [Gathered(trial, self.key.epochs, inside) for trial in self.lanes]

    @property
    def scored_parts(self) -> dict[str, Indices]:
        """Rows of the parts on which the final weights are scored, by name."""
        validation = {"validation": self.parts.validation}
        if self.is_candidate:
            return validation
        return {"train": self.parts.train, **validation, "test": self.test}

    def results(
        self, gathered: list[Gathered], scored: Mapping[str, Scored], seconds: float
    ) -> list[TrialResult]:
        """One result a lane.

        Args:
            gathered: the curve of each lane.
            scored: for each of `scored_parts` what `evaluate` gave.
            seconds: training time of one lane.
        """
        labels = {name: self.labels[part] for name, part in self.scored_parts.items()}
        return [
            result_of(
                each,
                {name: (a[lane], float(b[lane]), labels[name]) for name, (a, b) in scored.items()},
                self._parameters,
                seconds,
                versions("jax"),
            )
            for lane, each in enumerate(gathered)
        ]

    def gather(
        self,
        gathered: list[Gathered],
        sums: Sums,
        validated: Scored,
        reading: Reading | None,
        seconds: float,
    ) -> None:
        """Takes in an epoch of every lane.

        Args:
            gathered: the curve of each lane.
            sums: over the epoch's examples.
            validated: what `evaluate` gave for the validation part.
            reading: what `look` gave.
            seconds: since the training began, for one lane.
        """
        examples = len(self.parts.train)
        answers, val_loss = validated
        looks = None if reading is None else [np.asarray(part) for part in reading]
        loss = np.asarray(sums.loss, np.float64) / examples
        accuracy = np.asarray(sums.correct, np.float64) / examples
        for lane, each in enumerate(gathered):
            each.epoch_done(
                Score(float(loss[lane]), float(accuracy[lane])),
                float(val_loss[lane]),
                answers[lane],
                self.labels[self.parts.validation],
                seconds,
                None if looks is None else Look(*(part[lane] for part in looks)),
            )
