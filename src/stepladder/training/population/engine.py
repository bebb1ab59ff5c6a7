"""The population trainer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset, affine, split
from stepladder.data.preprocessing import Prepared
from stepladder.training.checkpoints import Keeping
from stepladder.training.custom_model import Build
from stepladder.training.groups import (
    Axis,
    Batching,
    Group,
    GroupKey,
    evaluated_at_once,
    with_epochs,
)
from stepladder.training.population.layers import TRANSPOSED_BUILD
from stepladder.training.population.loop import (
    SEGMENT_FLOP,
    Compiled,
    GroupTrainer,
    Indices,
    compiled_segments,
)
from stepladder.training.population.program import Data, Program, Sums
from stepladder.training.population.resume import (
    Ends,
    kept_ends,
    merge_lanes,
    split_lanes,
    stages_of,
)
from stepladder.training.population.stacked import StackCompiled, StackedTrainer
from stepladder.training.serialization import Checkpoint
from stepladder.trials.trial import FinalState, TrialResult


def attach_final_state(training: GroupTrainer, results: Sequence[TrialResult]) -> list[TrialResult]:
    """Results with what each lane ended with; a diverged one has nothing.

    Args:
        training: as it ended.
        results: one a lane.
    """
    validation, test = training.parts.validation, training.test
    answers = [_probabilities(training, part) for part in (validation, test)]
    trainable, statistics = (
        [np.asarray(leaf) for leaf in part]
        for part in (training.weights.trainable, training.weights.statistics)
    )

    def final(lane: int) -> FinalState:
        return FinalState(
            trainable=tuple(leaf[lane] for leaf in trainable),
            statistics=tuple(leaf[lane] for leaf in statistics),
            scale=np.asarray(training.data.scale),
            shift=np.asarray(training.data.shift),
            validation_rows=validation,
            validation_labels=training.labels[validation],
            validation_probabilities=answers[0][lane],
            test_labels=training.labels[test],
            test_probabilities=answers[1][lane],
        )

    return [
        result if result.diverged else replace(result, final=final(lane))
        for lane, result in enumerate(results)
    ]


def _probabilities(training: GroupTrainer, part: Indices) -> npt.NDArray[np.float32]:
    """What the lanes answer to a part: float32 (lanes, examples, classes)."""
    given = []
    for start in range(0, len(part), evaluated_at_once(training.key.structure)):
        index, length = training.stretch(part, start)
        answers = training.program.answer(training.weights, training.data, jnp.asarray(index))
        given.append(np.asarray(answers)[:, :length])
    return np.concatenate(given, axis=1)


class PopulationEngine:
    """Trains groups of trials on one dataset, each group as one JAX program.

    Programs are compiled once for each structure and shape and kept.
    """

    def __init__(
        self,
        dataset: Dataset,
        checkpoints: Keeping = lambda group: None,
        build: Build = TRANSPOSED_BUILD,
        segment_flop: float = SEGMENT_FLOP,
        keeps_final: bool = False,
    ) -> None:
        """Puts the labels on the device: training part, then test part.

        Args:
            dataset: what every trial is trained and judged on.
            checkpoints: gives the checkpoints of a group.
            build: what builds the networks.
            segment_flop: operations after which an epoch may be interrupted.
            keeps_final: whether results bring what their trials ended with.
        """
        self._keeps_final = keeps_final
        self._dataset, self._checkpoints = dataset, checkpoints
        self._build = build
        self._segment_flop = segment_flop
        self._prepared = Prepared(dataset)
        self._x: dict[bool, jax.Array] = {}
        self._y = jnp.asarray(np.concatenate([dataset.y_train, dataset.y_test]))
        test = np.arange(len(dataset.y_test), dtype=np.int32) + len(dataset.y_train)
        self._test: Indices = test
        self._programs: dict[object, Program] = {}
        self._compiled: dict[object, Compiled] = {}
        self._stacked: dict[object, StackCompiled] = {}

    def train(self, group: Group, on_epoch: Callable[[int], None]) -> list[TrialResult]:
        """Trains a group to its end.

        Args:
            group: its trials; lanes beyond them repeat the first and are thrown away.
            on_epoch: called with the number of each finished epoch, from 1; 0 when compiled.

        Returns:
            One result a trial, in the group's order.
        """
        if group.stacking.axis != "one":
            return self._train_stacked(group, on_epoch)
        results, _ = self._train_in_stages(group, on_epoch)
        return results[: len(group.trials)]

    def _train_in_stages(
        self, group: Group, on_epoch: Callable[[int], None]
    ) -> tuple[list[TrialResult], Ends]:
        """Trains a group, from where its trials ended before if they have a stage behind them."""
        training, kept = self.begin(group), self._checkpoints(group)
        ends: Ends = {}

        def start() -> Checkpoint | None:
            if not group.before:
                return None
            earlier, epochs = group.earlier, group.before[-1].epochs
            found = kept_ends(earlier, kept) or self._train_in_stages(earlier, on_epoch)[1]
            lanes = training.lanes
            return merge_lanes(
                found, [with_epochs(lane, epochs) for lane in lanes], lanes, group.key.epochs
            )

        def ended(state: Checkpoint) -> None:
            ends.update(split_lanes(state, group.key.epochs))
            for trial in group.trials:
                if kept:
                    kept.keep_end(trial, stages_of(group), ends[trial.id])

        on_epoch(0)
        results = training.finish(on_epoch, kept, start, ended if group.keeps else None)
        return attach_final_state(training, results) if self._keeps_final else results, ends

    def _train_stacked(self, group: Group, on_epoch: Callable[[int], None]) -> list[TrialResult]:
        stack = self.begin_stacked(group)
        on_epoch(0)
        finished = stack.finish(on_epoch, self._checkpoints(group))
        if self._keeps_final:
            ended = zip(stack.ended, finished, strict=False)
            finished = [attach_final_state(training, results) for training, results in ended]
        return [
            result
            for row, results in zip(group.rows, finished, strict=False)
            for result in results[: len(row.trials)]
        ]

    def begin(self, group: Group) -> GroupTrainer:
        """A group at its start, its program compiled.

        Args:
            group: its trials; lanes beyond them repeat the first.
        """
        training = self._at_start(group)
        training.compiled = self._compile(training)
        return training

    def begin_stacked(self, group: Group) -> StackedTrainer:
        """A group of several replicates at its start, its program compiled.

        Args:
            group: its trials; replicates beyond them repeat the first, and lanes likewise.
        """
        chunk = group.stacking.chunk
        trainings = [self._at_start(row, chunk) for row in group.rows]
        missing = chunk - len(trainings)
        stack = StackedTrainer([*trainings, *([trainings[0]] * missing)], group.stacking.axis)
        stack.compile(self._stacked)
        return stack

    def _at_start(self, group: Group, stacked: int = 1) -> GroupTrainer:
        key = group.key
        dataset = self._prepared(key.structure.deskew)
        parts = split(
            dataset.y_train,
            dataset.classes,
            key.validation,
            key.train_examples,
            key.seed,
            key.replicate,
        )
        scale, shift = affine(dataset.x_train, parts.train, group.trials[0].recipe.scaling)
        data = Data(
            self._examples(key.structure.deskew),
            self._y,
            *(jnp.asarray(_flat(each)) for each in (scale, shift)),
        )
        lanes = [*group.trials, *([group.trials[0]] * (group.lanes - len(group.trials)))]
        labels = np.concatenate([dataset.y_train, dataset.y_test])
        flop = self._segment_flop / stacked  # what is stacked is interrupted together
        return GroupTrainer(self._program(key), key, lanes, parts, data, self._test, labels, flop)

    def _examples(self, deskew: bool) -> jax.Array:
        """All inputs on the device, flat: they are put there once, and once more deskewed."""
        if deskew not in self._x:
            dataset = self._prepared(deskew)
            parts = (dataset.x_train, dataset.x_test)
            self._x[deskew] = jnp.asarray(
                np.concatenate([part.reshape(len(part), -1) for part in parts])
            )
        return self._x[deskew]

    def _program(self, key: GroupKey) -> Program:
        if key.structure not in self._programs:
            dataset = self._dataset
            program = Program(key.structure, dataset.input_shape, dataset.classes, self._build)
            self._programs[key.structure] = program
        return self._programs[key.structure]

    def _compile(self, run: GroupTrainer) -> Compiled:
        program, shapes = run.program, run.shapes
        if shapes not in self._compiled:
            epoch = jax.jit(program.epoch, donate_argnums=0)
            evaluate = jax.jit(program.evaluate)
            self._compiled[shapes] = Compiled(
                program,
                compiled_segments(epoch, run.segments, lambda at: run.segment_arguments(0, at)),
                evaluate.lower(*run.evaluate_arguments(run.parts.validation, 0)[:-1]).compile(),
            )
        known = self._compiled[shapes]
        if known.probe is None and not run.is_candidate:
            probe = jax.jit(program.probe).lower(*run.probe_arguments).compile()
            known = self._compiled[shapes] = replace(known, probe=probe)
        return known


def _flat(number: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A scale or shift as the flat inputs need it: (values,), or () for one number."""
    return number.reshape(-1) if number.ndim else number


AXES: tuple[Axis, ...] = ("one", "map", "vmap")
_TIMES = 3


def measured(engine: PopulationEngine, group: Group) -> dict[Axis, float]:
    """Seconds of a trial·epoch for each way to put a group's replicates together.

    The fastest of a few epochs each, compiling left out.

    Args:
        engine: which holds the examples.
        group: two replicates or more; short epochs of them will do.
    """
    trials = group.lanes * len(group.rows)
    return {axis: _fastest(_epochs(engine, group, axis)) / trials for axis in AXES}


def _epochs(engine: PopulationEngine, group: Group, axis: Axis) -> Callable[[], list[Sums]]:
    """What trains an epoch of every replicate."""
    rows = group.rows
    if axis == "one":
        trainings = [engine.begin(row) for row in rows]
        return lambda: [training.epoch(0) for training in trainings]
    stack = engine.begin_stacked(Group(group.trials, group.lanes, Batching(axis, len(rows))))
    return lambda: [stack.epoch(0)]


def _fastest(epochs: Callable[[], list[Sums]]) -> float:
    seconds = []
    for _ in range(1 + _TIMES):  # the first one warms up
        began = time.perf_counter()
        jax.block_until_ready(epochs())  # type: ignore[no-untyped-call]
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])
