"""The training loop of one group."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from stepladder.data import Split
from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import GroupKey, evaluated_at_once
from stepladder.training.history import HistoryRecorder, Look, result_of, versions
from stepladder.training.initializers import initial_weights
from stepladder.training.layer_state import has_batch_norm, start_seeds
from stepladder.training.population.program import Data, Numbers, Program, Sums, Weights
from stepladder.training.population.resume import Resumable
from stepladder.training.probes import Reading, probed_rows
from stepladder.training.schedules import (
    StepInputs,
    averaging_weights,
    data_order,
    learning_rates,
    step_inputs,
    steps_per_epoch,
)
from stepladder.training.serialization import Checkpoint
from stepladder.trials.trial import Score, Trial, TrialResult

SEGMENT_FLOP = 4e11
"""Floating-point operations of a segment: a minute at 7 GFLOP/s, six seconds at 70."""

_FLOP = 6
"""For each weight and example: a multiplication and an addition, forward and twice backward."""


def segment_steps(
    steps: int, batch_size: int, parameters: int, lanes: int, flop: float = SEGMENT_FLOP
) -> int:
    """Steps of each segment of an epoch but the last one.

    It follows from shapes alone and never from a clock, so that a training is cut at the same
    places whenever and wherever it goes on.

    Args:
        steps: full batches of an epoch.
        batch_size: examples of one.
        parameters: trainable numbers of one lane.
        lanes: of the program.
        flop: operations of a segment.

    Returns:
        As many as `steps` where the epoch is not cut, at least 1.
    """
    work = _FLOP * parameters * lanes * batch_size * steps
    return max(1, math.ceil(steps / max(1, math.ceil(work / flop))))


def compiled_segments(
    epoch: Any,  # noqa: ANN401 - JAX has no name for what `jit` gives
    segments: int,
    arguments: Callable[[int], tuple[object, ...]],
) -> dict[bool, Callable[..., Any]]:
    """What trains a segment, by whether it is the last of its epoch.

    Where the last one is as long as the others and no shorter batch comes after it, one program
    does for all, and is compiled once.

    Args:
        epoch: a function that was given to `jax.jit`.
        segments: of an epoch.
        arguments: what it takes for a segment, from 0.
    """
    made: dict[object, Callable[..., Any]] = {}
    found = {}
    for place in sorted({0, segments - 1}):
        given = arguments(place)
        leaves, tree = jax.tree.flatten(given)
        shapes = tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        if shapes not in made:
            made[shapes] = epoch.lower(*given).compile()
        found[place == segments - 1] = made[shapes]
    return found


Indices = npt.NDArray[np.int32]


class GroupState:
    """One group at some moment.

    Attributes:
        weights: where its lanes stand.
        probed: int32, rows of the images on which its networks are looked into.
        segments: parts of an epoch; 1 unless an epoch takes long.
    """

    def __init__(
        self,
        program: Program,
        key: GroupKey,
        lanes: list[Trial],
        parts: Split,
        data: Data,
        test: Indices,
        labels: Indices,
        segment_flop: float,
    ) -> None:
        """The group at its start.

        Args:
            program: of its structure.
            key: what its lanes have in common.
            lanes: the trial of each lane.
            parts: its split.
            data: all examples on the device.
            test: rows of the test part.
            labels: int32, of all rows.
            segment_flop: operations of a segment.
        """
        self.program, self.key, self.lanes = program, key, lanes
        self.parts, self.data, self.test = parts, data, test
        self.labels = labels
        self.probed = jnp.asarray(probed_rows(parts.train, key.seed, key.replicate))
        self.steps = steps_per_epoch(len(parts.train), key.structure.batch_size)
        self._shares = self._averaging()
        self.weights = self._initial()
        batch = key.structure.batch_size
        full = len(parts.train) // batch
        self._segment = segment_steps(full, batch, self._parameters, len(lanes), segment_flop)
        self.segments = max(1, -(-full // self._segment))
        names = Numbers.given(key.structure)
        self.numbers = Numbers(**{name: jnp.asarray(self._each(name)) for name in names})
        rates = [learning_rates(trial.recipe, self.steps) for trial in lanes]
        self.rates = np.stack(rates, axis=-1)  # (epochs, steps, lanes)

    def _each(self, field: str) -> npt.NDArray[np.float32]:
        return np.array([getattr(trial.recipe, field) for trial in self.lanes], np.float32)

    def _initial(self) -> Weights:
        program, key, lanes = self.program, self.key, len(self.lanes)
        model = program.at_start(key.seed, key.replicate)
        draws: dict[str, list[npt.NDArray[np.float32]]] = {}
        for trial in self.lanes:
            name = trial.recipe.initializer
            if name not in draws:
                given = name if key.structure.model is None else None  # the layers' own hold
                draws[name] = initial_weights(model, key.seed, key.replicate, given)
        each = [draws[trial.recipe.initializer] for trial in self.lanes]
        statistics, seeds = program.split_state(list(model.non_trainable_variables))
        return Weights(
            [jnp.asarray(np.stack(leaves)) for leaves in zip(*each, strict=True)],
            program.initial_slots(lanes),
            [_repeat(variable, lanes) for variable in statistics],
            [jnp.asarray(each) for each in start_seeds(key.seed, key.replicate, len(seeds))],
            # Of another buffer: an epoch is given both, and takes both over.
            [jnp.asarray(np.stack(leaves)) for leaves in zip(*each, strict=True)]
            if self._shares is not None
            else [],
        )

    @property
    def shapes(self) -> tuple[object, ...]:
        """What trainings must have in common to use one compiled program."""
        return (self.key.structure, len(self.lanes), len(self.parts.train), self.data.scale.shape)

    @property
    def _parameters(self) -> int:
        """Trainable numbers of one lane."""
        return sum(leaf.size for leaf in self.weights.trainable) // len(self.lanes)

    def _averaging(self) -> npt.NDArray[np.float32] | None:
        """Of each step and lane, how far its average moves: (epochs, steps, lanes), or None."""
        shares = [averaging_weights(trial.recipe, self.steps) for trial in self.lanes]
        found = [each for each in shares if each is not None]  # all or none: see `program_key`
        return np.stack(found, axis=-1) if found else None

    def _more(self, epoch: int) -> StepInputs:
        """What the steps of an epoch are given beside examples and rates."""
        key, recipe = self.key, self.lanes[0].recipe
        more = step_inputs(recipe, key.seed, key.replicate, epoch, self.steps)
        return more._replace(average=None if self._shares is None else self._shares[epoch])

    def segment_given(
        self, epoch: int, segment: int
    ) -> tuple[jax.Array, jax.Array, jax.Array, StepInputs]:
        """What `Program.epoch` is given for a segment of an epoch, both from 0."""
        batch, train = self.key.structure.batch_size, self.parts.train
        order = train[data_order(len(train), self.key.seed, self.key.replicate, epoch)]
        full = len(order) // batch * batch
        start, stop = segment * self._segment, (segment + 1) * self._segment
        is_last = segment == self.segments - 1
        return (
            jnp.asarray(order[:full].reshape(-1, batch)[start:stop]),
            jnp.asarray(order[full if is_last else len(order) :]),
            jnp.asarray(self.rates[epoch, start : None if is_last else stop]),
            self._more(epoch).part(start, None if is_last else stop),
        )

    def segment_arguments(
        self, epoch: int, segment: int, sums: Sums | None = None
    ) -> tuple[object, ...]:
        """What `Program.epoch` takes for a segment of an epoch, both from 0."""
        if self.segments > 1 and sums is None:
            sums = Sums.none(len(self.lanes))
        return (self.weights, self.numbers, self.data, *self.segment_given(epoch, segment), sums)

    def stretch(self, part: Indices, start: int) -> tuple[Indices, int]:
        """Rows of a part from `start` on, as many as are evaluated at once, and how many count."""
        at_once = evaluated_at_once(self.key.structure)
        index = np.zeros(at_once, np.int32)
        rows = part[start : start + at_once]
        index[: len(rows)] = rows
        return index, len(rows)

    def evaluate_arguments(self, part: Indices, start: int) -> tuple[object, ...]:
        """What `Program.evaluate` takes for a stretch of a part, and the stretch's length."""
        index, length = self.stretch(part, start)
        count = jnp.asarray(length, jnp.int32)
        return self.weights, self.data, jnp.asarray(index), count, length

    @property
    def probe_arguments(self) -> tuple[object, ...]:
        """What `Program.probe` takes."""
        return self.weights, self.data, self.probed


def _repeat(variable: Any, lanes: int) -> jax.Array:  # noqa: ANN401 - Keras has no types
    value = keras.ops.convert_to_numpy(variable.value)
    return jnp.asarray(np.repeat(value[None], lanes, axis=0))


Scored = tuple[Indices, npt.NDArray[np.float64]]
"""Classes given, (lanes, examples), and mean loss, (lanes,)."""


@dataclass(frozen=True)
class Compiled:
    """A program's functions for one set of shapes."""

    program: Program
    segments: dict[bool, Callable[..., tuple[Weights, Sums]]]  # by whether it is the last
    evaluate: Callable[..., tuple[jax.Array, jax.Array]]
    probe: Callable[..., Reading] | None = None  # until somebody looks


class GroupTrainer(GroupState):
    """One group while it trains.

    Attributes:
        compiled: its program's functions.
    """

    compiled: Compiled

    @property
    def is_candidate(self) -> bool:
        """Whether its trials are of a search: see `Trial.role`."""
        return self.lanes[0].role == "search"

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
        if has_batch_norm(self.program.model):
            train, batch = (
                self.parts.train,
                min(self.key.structure.batch_size, len(self.parts.train)),
            )
            order = train[data_order(len(train), self.key.seed, self.key.replicate, 0)]
            order = order[: len(order) // batch * batch].reshape(-1, batch)
            more = self._more(0)._replace(average=None, perturb=None).part(0, len(order))
            self.weights = self.program.settled(self.weights, self.data, jnp.asarray(order), more)

    def nothing_gathered(self) -> list[HistoryRecorder]:
        """The empty curve of each lane."""
        inside = None if self.is_candidate else self.program.inside
        return [HistoryRecorder(trial, self.key.epochs, inside) for trial in self.lanes]

    @property
    def scored_parts(self) -> dict[str, Indices]:
        """Rows of the parts on which the final weights are scored, by name."""
        validation = {"validation": self.parts.validation}
        if self.is_candidate:
            return validation
        return {"train": self.parts.train, **validation, "test": self.test}

    def results(
        self, gathered: list[HistoryRecorder], scored: Mapping[str, Scored], seconds: float
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
        gathered: list[HistoryRecorder],
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
