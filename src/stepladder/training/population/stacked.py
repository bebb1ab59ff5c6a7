"""Several replicates as one program: by `vmap` they run side by side, by `lax.map` in a row.

On a CPU one replicate after the other is as fast for all but the smallest networks; on a GPU, and
for those, a program of many replicates keeps the machine busy where one cannot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import Axis
from stepladder.training.history import HistoryRecorder
from stepladder.training.population.loop import GroupTrainer, Indices, Scored, compiled_segments
from stepladder.training.population.program import Data, Sums, Weights
from stepladder.training.population.resume import Resumable
from stepladder.training.probes import Reading
from stepladder.trials.trial import TrialResult


@dataclass(frozen=True)
class StackCompiled:
    """A stack's functions for one set of shapes."""

    segments: dict[bool, Callable[..., tuple[Weights, Sums]]]
    evaluate: Callable[..., tuple[jax.Array, jax.Array]]
    probe: Callable[..., Reading]


class StackedTrainer:
    """Groups of equal structure and shapes, one a replicate, trained by one call a segment."""

    def __init__(self, trainings: Sequence[GroupTrainer], axis: Axis) -> None:
        """The groups at their start.

        Args:
            trainings: one a replicate; repeated ones fill the stack and are ignored.
            axis: how they are put together.
        """
        self._trainings, self._axis = trainings, axis
        first = trainings[0]
        self._segments, self._lanes = first.segments, len(first.lanes)
        self._weights: Weights = _stacked([each.weights for each in trainings])
        self._numbers = _stacked([each.numbers for each in trainings])
        self._affine = _stacked([(each.data.scale, each.data.shift) for each in trainings])
        self._examples = (first.data.x, first.data.y)
        self._probed = jnp.stack([each.probed for each in trainings])

    def compile(self, known: dict[object, StackCompiled]) -> None:
        """Compiles its functions, or takes those of an earlier stack.

        Args:
            known: functions by shapes; new ones are put into it.
        """
        first = self._trainings[0]
        shapes = (*first.shapes, len(self._trainings), self._axis)
        if shapes not in known:
            program = first.program

            def train(examples: Any, weights: Any, numbers: Any, affine: Any, given: Any) -> Any:  # noqa: ANN401
                order, tail, rates, more, sums = given
                data = Data(*examples, *affine)
                return program.epoch(weights, numbers, data, order, tail, rates, more, sums)

            def evaluate(examples: Any, count: Any, weights: Any, affine: Any, index: Any) -> Any:  # noqa: ANN401
                return program.evaluate(weights, Data(*examples, *affine), index, count)

            def probe(examples: Any, weights: Any, affine: Any, index: Any) -> Any:  # noqa: ANN401
                return program.probe(weights, Data(*examples, *affine), index)

            epoch = jax.jit(_over_replicates(train, 1, self._axis), donate_argnums=1)
            scored = jax.jit(_over_replicates(evaluate, 2, self._axis))
            looked = jax.jit(_over_replicates(probe, 1, self._axis))
            known[shapes] = StackCompiled(
                compiled_segments(
                    epoch, self._segments, lambda at: self._epoch_arguments(0, at, None)
                ),
                scored.lower(*self._evaluate_arguments(self._validation, 0)[0]).compile(),
                looked.lower(*self._probe_arguments).compile(),
            )
        self._compiled = known[shapes]

    @property
    def _validation(self) -> list[Indices]:
        return [each.parts.validation for each in self._trainings]

    def _epoch_arguments(self, epoch: int, segment: int, sums: Sums | None) -> tuple[Any, ...]:
        given = [each.segment_given(epoch, segment) for each in self._trainings]
        if self._segments > 1 and sums is None:
            sums = _stacked([Sums.none(self._lanes)] * len(given))
        return (
            self._examples,
            self._weights,
            self._numbers,
            self._affine,
            (*_stacked(given), sums),
        )

    def _evaluate_arguments(
        self, parts: Sequence[Indices], start: int
    ) -> tuple[tuple[Any, ...], int]:
        """What evaluating a stretch of a part takes, and the stretch's length."""
        stretches = [
            each.stretch(part, start) for each, part in zip(self._trainings, parts, strict=True)
        ]
        length = stretches[0][1]
        index = jnp.asarray(np.stack([stretch for stretch, _ in stretches]))
        count = jnp.asarray(length, jnp.int32)
        return (self._examples, count, self._weights, self._affine, index), length

    @property
    def _probe_arguments(self) -> tuple[Any, ...]:
        return self._examples, self._weights, self._affine, self._probed

    def _evaluate(self, parts: Sequence[Indices]) -> list[Scored]:
        """What `Training.evaluate` gives, for each replicate its own part of equal length."""
        answers: list[Any] = []
        loss = np.zeros((len(parts), self._lanes))
        start, examples = 0, len(parts[0])
        while start < examples:
            arguments, length = self._evaluate_arguments(parts, start)
            given, lost = self._compiled.evaluate(*arguments)
            answers.append(np.asarray(given)[:, :, :length])
            loss += np.asarray(lost, np.float64)
            start += length
        return list(zip(np.concatenate(answers, axis=2), loss / examples, strict=True))

    def epoch(self, epoch: int) -> Sums:
        """Trains one epoch, counted from 0; sums over its examples, (replicates, lanes)."""
        sums: Sums | None = None
        for segment in range(self._segments):
            sums = self._train_segment(epoch, segment, sums)
        assert sums is not None
        return sums

    def _train_segment(self, epoch: int, segment: int, sums: Sums | None) -> Sums:
        train = self._compiled.segments[segment == self._segments - 1]
        self._weights, sums = train(*self._epoch_arguments(epoch, segment, sums))
        return sums

    def finish(
        self, on_epoch: Callable[[int], None], checkpoints: Checkpoints | None = None
    ) -> list[list[TrialResult]]:
        """Trains all epochs, those of a checkpoint excepted, and scores the final weights.

        Args:
            on_epoch: called with the number of each finished epoch, from 1.
            checkpoints: where the stack goes on from, and is kept now and then.

        Returns:
            For each replicate one result a lane.
        """
        trainings, segments = self._trainings, self._segments
        epochs = trainings[0].key.epochs
        gathered = [each.nothing_gathered() for each in trainings]
        flat = [curve for lanes in gathered for curve in lanes]
        state = Resumable(flat, epochs, segments, checkpoints, len(trainings))
        self._weights, sums = state.resume(self._weights)
        began = time.perf_counter() - state.seconds
        if state.done >= segments:
            on_epoch(state.done // segments)
        for done in range(state.done, epochs * segments):
            epoch, segment = divmod(done, segments)
            sums = self._train_segment(epoch, segment, sums)
            if segment == segments - 1:
                self._gather(gathered, sums, self._seconds(began))
                on_epoch(epoch + 1)
                sums = None
                if all(curve.diverged for curve in flat):
                    break
            state.offer(done + 1, self._weights, sums, time.perf_counter() - began)
        state.end(done + 1, self._weights, time.perf_counter() - began)
        self._settle()
        names = trainings[0].scored_parts
        scored = {
            name: self._evaluate([each.scored_parts[name] for each in trainings]) for name in names
        }
        seconds = self._seconds(began)
        return [
            each.results(gathered[place], {name: scored[name][place] for name in names}, seconds)
            for place, each in enumerate(trainings)
        ]

    def _settle(self) -> None:
        """What `Training.settle` does, for each replicate."""
        if self._weights.average:
            settled = list(self.ended)
            for each in settled:
                each.settle()
            self._weights = _stacked([each.weights for each in settled])

    @property
    def ended(self) -> Iterator[GroupTrainer]:
        """Each replicate's group where the stack now stands."""
        for place, each in enumerate(self._trainings):
            each.weights = jax.tree.map(lambda leaf, place=place: leaf[place], self._weights)
            yield each

    def _gather(
        self, gathered: Sequence[list[HistoryRecorder]], sums: Sums, seconds: float
    ) -> None:
        """Takes in an epoch of every lane of every replicate."""
        validated = self._evaluate(self._validation)
        looks = self._compiled.probe(*self._probe_arguments)
        for place, each in enumerate(self._trainings):
            own: Sums = jax.tree.map(lambda leaf, place=place: leaf[place], sums)
            look = Reading(*(part[place] for part in looks))
            each.gather(gathered[place], own, validated[place], look, seconds)

    def _seconds(self, began: float) -> float:
        """Training time so far, for one trial."""
        return (time.perf_counter() - began) / (len(self._trainings) * self._lanes)


def _stacked(trees: Sequence[Any]) -> Any:  # noqa: ANN401 - any tree of arrays
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _over_replicates(function: Callable[..., Any], shared: int, axis: Axis) -> Callable[..., Any]:
    """A function of one replicate as one of all, its first `shared` arguments common to them."""

    def over(*arguments: Any) -> Any:  # noqa: ANN401 - any trees of arrays
        common, own = arguments[:shared], arguments[shared:]
        if axis == "map":
            return lax.map(lambda each: function(*common, *each), own)
        return jax.vmap(lambda *each: function(*common, *each))(*own)

    return over
