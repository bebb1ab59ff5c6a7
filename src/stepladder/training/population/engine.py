"""The population trainer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset, affine
from stepladder.data.preprocessing import Prepared
from stepladder.training.checkpoints import CheckpointFactory
from stepladder.training.custom_model import Build
from stepladder.training.groups import Group, split_for, with_epochs
from stepladder.training.heads import Head, class_weights
from stepladder.training.layer_state import takes_ids
from stepladder.training.population.layers import TRANSPOSED_BUILD
from stepladder.training.population.loop import (
    SEGMENT_FLOP,
    Compiled,
    GroupTrainer,
    Indices,
    Replicate,
)
from stepladder.training.population.program import Program
from stepladder.training.population.resume import LaneStates, load_lanes, merge_lanes, split_lanes
from stepladder.training.serialization import Checkpoint
from stepladder.trials.trial import FinalState, TrialResult


class PopulationEngine:
    """Trains groups of trials on one dataset, each group as one JAX program.

    Programs are compiled once for each structure and shape.

    Example:
        >>> from stepladder.data import synthetic
        >>> engine = PopulationEngine(synthetic(100, (2, 2), 2, seed=0))
        >>> engine.train(group, on_epoch=print)  # doctest: +SKIP
    """

    def __init__(
        self,
        dataset: Dataset,
        checkpoints: CheckpointFactory = lambda group: None,
        build: Build = TRANSPOSED_BUILD,
        segment_flop: float = SEGMENT_FLOP,
        keeps_final: bool = False,
    ) -> None:
        """Puts the labels on the device: training part, then test part.

        Args:
            dataset: what every trial is trained and judged on.
            checkpoints: makes the checkpoints of a group.
            build: what builds the networks.
            segment_flop: operations after which an epoch may be interrupted.
            keeps_final: whether results include the final state of their trials.
        """
        self._keeps_final, self._segment_flop = keeps_final, segment_flop
        self._dataset, self._checkpoints, self._build = dataset, checkpoints, build
        self._whole = Prepared(dataset)
        self._place(0)
        self._programs: dict[object, Program] = {}
        self._compiled: dict[object, Compiled] = {}

    def train(self, group: Group, on_epoch: Callable[[int], None]) -> list[TrialResult]:
        """Trains a group to its end.

        Args:
            group: its trials; lanes beyond them repeat the first and are thrown away.
            on_epoch: called with the number of each finished epoch, from 1; 0 when compiled.

        Returns:
            One result a trial, in the group's order.
        """
        results, _ = self._train_in_stages(group, on_epoch)
        return [
            result
            for place, replicate in enumerate(group.by_replicate())
            for result in results[place * group.lanes :][: len(replicate.trials)]
        ]

    def _train_in_stages(
        self, group: Group, on_epoch: Callable[[int], None]
    ) -> tuple[list[TrialResult], LaneStates]:
        """Trains a group, from where its trials ended before if they have a stage behind them."""
        trainer, checkpoints = self.begin(group), self._checkpoints(group)
        ends: LaneStates = {}

        def start() -> Checkpoint | None:
            if not group.stages:
                return None
            previous, epochs = group.previous_stage, group.stages[-1].epochs
            states = load_lanes(previous, checkpoints)
            states = states or self._train_in_stages(previous, on_epoch)[1]
            before = [with_epochs(trial, epochs) for trial in trainer.lanes]
            return merge_lanes(states, before, trainer.lanes, group.key.epochs)

        def on_end(state: Checkpoint) -> None:
            ends.update(split_lanes(state, group.key.epochs))
            for trial in group.trials:
                if checkpoints:
                    checkpoints.save_end(trial, group.all_stages, ends[trial.id])

        on_epoch(0)
        results = trainer.finish(on_epoch, checkpoints, start, on_end if group.saves_end else None)
        return _attach_final_states(trainer, results) if self._keeps_final else results, ends

    def _place(self, replicate: int) -> None:
        """Puts the data of one replicate on the device, in the place of another one's."""
        self._placed = replicate
        view = self._dataset.view(replicate)
        self._labels: npt.NDArray[Any] = np.concatenate([view.y_train, view.y_test])
        self._y = jnp.asarray(self._labels)
        self._x: dict[bool, jax.Array] = {}
        self._test: Indices = np.arange(len(view.y_train), len(self._labels), dtype=np.int32)

    def _prepared(self, deskew: bool) -> Dataset:
        return self._whole(deskew).view(self._placed)

    def begin(self, group: Group) -> GroupTrainer:
        """A group at its start, its program compiled."""
        key = group.key
        if self._dataset.folds is not None and key.replicate != self._placed:
            self._place(key.replicate)
        if key.structure not in self._programs:
            head = Head.of(key.structure, self._dataset.task, self._dataset.outputs)
            self._programs[key.structure] = Program(
                key.structure, self._dataset.input_shape, head, self._build
            )
        program = self._programs[key.structure]
        replicates = [self._replicate(program, one) for one in group.by_replicate()]
        replicates += [replicates[0]] * (group.replicates - len(replicates))
        examples = (self._examples(key.structure.deskew), self._y)
        trainer = GroupTrainer(program, replicates, examples, self._labels, self._segment_flop)
        trainer.compile(self._compiled)
        return trainer

    def _replicate(self, program: Program, group: Group) -> Replicate:
        first = group.trials[0]
        dataset = self._prepared(first.recipe.deskew)
        parts = split_for(first, dataset)
        program.takes_ids = takes_ids(program.model, dataset.x_train)
        scaling = "none" if program.takes_ids else first.recipe.scaling
        numbers = [*affine(dataset.x_train, parts.train, scaling)]
        if dataset.task == "regression":
            targets = np.asarray(dataset.y_train, np.float32)
            numbers += affine(targets, parts.train, program.head.target_scaling(first.recipe))
        scales = tuple(jnp.asarray(_flat(number)) for number in numbers)
        lanes = [*group.trials, *([first] * (group.lanes - len(group.trials)))]
        weights = None
        if first.recipe.class_weight:
            labels = dataset.y_train[parts.train]
            weights = class_weights(first.recipe, labels, dataset.class_names)
        return Replicate(program, lanes, parts, self._test, scales, weights)

    def _examples(self, deskew: bool) -> jax.Array:
        """All inputs on the device, flat: they are put there once, and once more deskewed."""
        if deskew not in self._x:
            dataset = self._prepared(deskew)
            parts = (dataset.x_train, dataset.x_test)
            self._x[deskew] = jnp.asarray(
                np.concatenate([part.reshape(len(part), -1) for part in parts])
            )
        return self._x[deskew]


def _flat(number: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A scale or shift as the flat inputs need it: (values,), or () for one number."""
    return number.reshape(-1) if number.ndim else number


def _attach_final_states(
    trainer: GroupTrainer, results: Sequence[TrialResult]
) -> list[TrialResult]:
    """Results with the final state of each lane; a diverged one has none."""
    is_regression = trainer.program.head.task == "regression"
    probabilities = {
        part: trainer.evaluate(part)[0] if is_regression else trainer.probabilities(part)
        for part in ("validation", "test")
    }
    trainable, statistics = (
        [trainer.by_lane(leaf) for leaf in leaves]
        for leaves in (trainer.weights.trainable, trainer.weights.statistics)
    )
    rows, labels = trainer.rows_by_lane("validation"), trainer.labels_by_lane
    validation_labels, test_labels = labels("validation"), labels("test")
    affines = [replicate.affine for replicate in trainer.replicates for _ in replicate.lanes]

    def final(lane: int) -> FinalState:
        scale, shift, *targets = (np.asarray(number) for number in affines[lane])
        named = dict(zip(("target_scale", "target_shift"), targets, strict=False))
        return FinalState(
            trainable=tuple(leaf[lane] for leaf in trainable),
            statistics=tuple(leaf[lane] for leaf in statistics),
            scale=scale,
            shift=shift,
            validation_rows=rows[lane],
            validation_labels=validation_labels[lane],
            validation_probabilities=probabilities["validation"][lane],
            test_labels=test_labels[lane],
            test_probabilities=probabilities["test"][lane],
            **named,
        )

    return [
        result if result.diverged else replace(result, final=final(lane))
        for lane, result in enumerate(results)
    ]
