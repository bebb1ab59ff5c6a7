"""The training loop of one group: lanes of one replicate, or of several that are stacked."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from stepladder.data import Split
from stepladder.training.checkpoints import Checkpoints, Resumable
from stepladder.training.groups import GroupKey, evaluated_at_once, group_key
from stepladder.training.history import (
    HistoryRecorder,
    ProbeReading,
    make_result,
    probability_parts,
    versions,
)
from stepladder.training.initializers import initial_weights
from stepladder.training.layer_state import has_batch_norm, start_seeds, unsettled_share
from stepladder.training.population.program import Data, Numbers, Program, Sums, Weights
from stepladder.training.population.resume import restore_weights, state_arrays
from stepladder.training.probes import probed_rows
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

Indices = npt.NDArray[np.int32]

Scored = tuple[npt.NDArray[Any], npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Answers (lanes, examples, …), and the mean of the loss and of what is minimised, (lanes,)."""


def segment_steps(
    steps: int, batch_size: int, parameters: int, lanes: int, flop: float = SEGMENT_FLOP
) -> int:
    """Steps of each segment of an epoch but the last one.

    It follows from shapes alone and never from a clock, so that a training is cut at the same
    places whenever and wherever it resumes.

    Args:
        steps: full batches of an epoch.
        batch_size: examples of one.
        parameters: trainable numbers of one lane.
        lanes: of the program.
        flop: operations of a segment.

    Returns:
        `steps` where the epoch is not cut; at least 1.

    Example:
        >>> segment_steps(218, 256, 50_000, 16), segment_steps(218, 256, 2_000_000, 16)
        (218, 9)
    """
    work = _FLOP * parameters * lanes * batch_size * steps
    return max(1, math.ceil(steps / max(1, math.ceil(work / flop))))


def compile_segments(
    epoch: Any,  # noqa: ANN401 - JAX has no name for what `jit` gives
    segments: int,
    arguments: Callable[[int], tuple[object, ...]],
) -> dict[bool, Callable[..., Any]]:
    """What trains a segment, by whether it is the last of its epoch.

    Where the last one is as long as the others and no shorter batch follows, one program serves
    for all, and is compiled once.
    """
    compiled: dict[object, Callable[..., Any]] = {}
    by_place = {}
    for place in sorted({0, segments - 1}):
        example = arguments(place)
        leaves, tree = jax.tree.flatten(example)
        shapes = tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        if shapes not in compiled:
            compiled[shapes] = epoch.lower(*example).compile()
        by_place[place == segments - 1] = compiled[shapes]
    return by_place


class Replicate:
    """One replicate of a group at its start.

    Attributes:
        lanes: the trial of each lane.
        rows: of the parts "train", "validation" and "test".
        affine: scale and shift of the inputs, and of the targets of a regression.
        weights: initial, of all lanes.
        numbers: of each lane.
        probed: int32, rows of the images on which gradients and units are probed.
    """

    def __init__(
        self, program: Program, lanes: Sequence[Trial], parts: Split, test: Indices,
        affine: tuple[jax.Array, ...], class_weight: npt.NDArray[np.float32] | None = None,
    ) -> None:  # fmt: skip
        self.lanes, self.affine = lanes, affine
        self.rows = {"train": parts.train, "validation": parts.validation, "test": test}
        key = self._key = group_key(lanes[0])
        self.probed = jnp.asarray(probed_rows(parts.train, key.seed, key.replicate))
        self.steps = steps_per_epoch(len(parts.train), key.structure.batch_size)
        rates = [learning_rates(trial.recipe, self.steps) for trial in lanes]
        self._rates = np.stack(rates, axis=-1)  # (epochs, steps, lanes)
        shares = [averaging_weights(trial.recipe, self.steps) for trial in lanes]
        averaged = [share for share in shares if share is not None]  # all or none: `program_key`
        self._shares = np.stack(averaged, axis=-1) if averaged else None
        numbers = {
            name: np.array([getattr(trial.recipe, name) for trial in lanes], np.float32)
            for name in Numbers.used_in(key.structure)
            if name != "class_weight"
        }
        if class_weight is not None:  # of the structure, and of the replicate's examples
            numbers["class_weight"] = np.stack([class_weight] * len(lanes))
        self.numbers = Numbers(**{name: jnp.asarray(array) for name, array in numbers.items()})
        self.weights = self._initial_weights(program, key)

    def _initial_weights(self, program: Program, key: GroupKey) -> Weights:
        model = program.model_at_start(key.seed, key.replicate)
        draws: dict[tuple[str, str], list[npt.NDArray[np.float32]]] = {}
        for recipe in (trial.recipe for trial in self.lanes):
            names = (recipe.initializer, recipe.bias_initializer)
            if names not in draws:
                # Of a network of the user's own, the layers' own initialisers hold.
                drawn = recipe if recipe.model is None else None
                draws[names] = initial_weights(model, key.seed, key.replicate, drawn)
        lanes_drawn = [draws[trial.recipe.initializer, trial.recipe.bias_initializer]
                       for trial in self.lanes]  # fmt: skip
        leaves = [np.stack(values) for values in zip(*lanes_drawn, strict=True)]
        statistics, seeds = program.split_state(list(model.non_trainable_variables))
        lanes = len(self.lanes)
        return Weights(
            [jnp.asarray(leaf) for leaf in leaves],
            program.initial_slots(leaves),
            [_repeat(variable, lanes) for variable in statistics],
            [jnp.asarray(seed) for seed in start_seeds(key.seed, key.replicate, len(seeds))],
            # Of another buffer: an epoch is given both, and takes both over.
            [jnp.array(leaf) for leaf in leaves] if self._shares is not None else [],
        )

    def order(self, epoch: int) -> Indices:
        """Rows of the training examples in the order of an epoch, from 0."""
        train = self.rows["train"]
        return train[data_order(len(train), self._key.seed, self._key.replicate, epoch)]

    def step_inputs(self, epoch: int) -> StepInputs:
        """What the steps of an epoch are given in addition to examples and rates."""
        key = self._key
        inputs = step_inputs(self.lanes[0].recipe, key.seed, key.replicate, epoch, self.steps)
        return inputs._replace(average=None if self._shares is None else self._shares[epoch])

    def segment_inputs(
        self, epoch: int, start: int, stop: int | None
    ) -> tuple[jax.Array, jax.Array, jax.Array, StepInputs]:
        """What `Program.epoch` is given for some steps of an epoch; no `stop` for the last ones."""
        order, batch = self.order(epoch), self._key.structure.batch_size
        full = len(order) // batch * batch
        return (
            jnp.asarray(order[:full].reshape(-1, batch)[start:stop]),
            jnp.asarray(order[full if stop is None else len(order) :]),
            jnp.asarray(self._rates[epoch, start:stop]),
            self.step_inputs(epoch).part(start, stop),
        )


def _repeat(variable: Any, lanes: int) -> jax.Array:  # noqa: ANN401 - Keras has no types
    value = keras.ops.convert_to_numpy(variable.value)
    return jnp.asarray(np.repeat(value[None], lanes, axis=0))


def _stack(trees: Sequence[Any]) -> Any:  # noqa: ANN401 - any tree of arrays
    """Trees of several replicates with a leading axis; that of a single one as it is."""
    return trees[0] if len(trees) == 1 else jax.tree.map(lambda *leaf: jnp.stack(leaf), *trees)


# Axes of replicates: these share the examples, and scale them apart.
_DATA: Any = Data(*cast("Any", (None, None, 0, 0, 0, 0)))
_EPOCH_AXES = (0, 0, _DATA, 0, 0, 0, 0, 0)
_EVALUATE_AXES = (0, _DATA, 0, None)
_PROBE_AXES = (0, _DATA, 0)
_SETTLE_AXES = (0, _DATA, 0, 0)


@dataclass
class Compiled:
    """A program's functions for one set of shapes, over replicates where they are stacked.

    Attributes:
        segments: train a segment, by whether it is the last of its epoch.
        evaluate: answers and losses.
        answer: probabilities; compiled when first called, since not every study asks.
        settle: statistics for averaged weights; likewise.
        probe: gradients and units; None until first needed.
    """

    segments: dict[bool, Callable[..., tuple[Weights, Sums]]]
    evaluate: Callable[..., tuple[jax.Array, jax.Array, jax.Array | None]]
    answer: Callable[..., jax.Array]
    settle: Callable[..., Weights]
    probe: Callable[..., ProbeReading] | None = None


class GroupTrainer:
    """One group while it trains.

    Arrays on the device have a leading axis of replicates where several are stacked; what is
    taken to the host has one axis of lanes, replicate by replicate.

    Attributes:
        lanes: the trial of each lane, replicate by replicate.
        weights: of all lanes.
        segments: parts of an epoch; 1 unless an epoch takes long.
        compiled: its program's functions.
    """

    compiled: Compiled

    def __init__(
        self,
        program: Program,
        replicates: Sequence[Replicate],
        examples: tuple[jax.Array, jax.Array],
        labels: npt.NDArray[Any],
        segment_flop: float,
    ) -> None:
        self.program, self.replicates, self._labels = program, replicates, labels
        self.lanes = [trial for replicate in replicates for trial in replicate.lanes]
        self.weights: Weights = _stack([replicate.weights for replicate in replicates])
        self.numbers: Numbers = _stack([replicate.numbers for replicate in replicates])
        self.data = Data(*examples, *_stack([replicate.affine for replicate in replicates]))
        self.probed: jax.Array = _stack([replicate.probed for replicate in replicates])
        recipe, self.steps = self.lanes[0].recipe, replicates[0].steps
        self._epochs, self._structure = recipe.epochs, program.structure
        full = len(replicates[0].rows["train"]) // recipe.batch_size
        lanes = len(self.lanes)
        self.parameters = sum(leaf.size for leaf in self.weights.trainable) // lanes
        self._rate_factors: npt.NDArray[np.float32] | None = None
        self._kept: dict[str, npt.NDArray[Any]] = {}
        self._segment = segment_steps(full, recipe.batch_size, self.parameters, lanes, segment_flop)
        self.segments = max(1, -(-full // self._segment))

    @property
    def is_candidate(self) -> bool:
        """Whether its trials are of a search: see `Trial.role`."""
        return self.lanes[0].role == "search"

    def compile(self, known: dict[object, Compiled]) -> None:
        """Compiles its functions, or takes those of an earlier group."""
        program, count = self.program, len(self.replicates)
        data = tuple(leaf.shape for leaf in jax.tree.leaves(self.data))
        train = len(self.replicates[0].rows["train"])
        shapes = (self._structure, count, len(self.lanes), train, data)

        def jit(function: Any, axes: tuple[Any, ...], donated: tuple[int, ...] = ()) -> Any:  # noqa: ANN401
            over = function if count == 1 else jax.vmap(function, in_axes=axes)
            return jax.jit(over, donate_argnums=donated)

        if shapes not in known:
            index, length = next(self._stretches("validation"))
            known[shapes] = Compiled(
                compile_segments(
                    jit(program.epoch, _EPOCH_AXES, donated=(0,)),
                    self.segments,
                    lambda segment: self._segment_arguments(0, segment, None),
                ),
                jit(program.evaluate, _EVALUATE_AXES)
                .lower(self.weights, self.data, index, jnp.asarray(length, jnp.int32))
                .compile(),
                jit(program.probabilities, _PROBE_AXES),
                jit(program.settle, _SETTLE_AXES),
            )
        self.compiled = known[shapes]
        if self.compiled.probe is None and not self.is_candidate:
            probe = jit(program.probe, _PROBE_AXES)
            self.compiled.probe = probe.lower(self.weights, self.data, self.probed).compile()

    def _segment_arguments(self, epoch: int, segment: int, sums: Sums | None) -> tuple[object, ...]:
        """What `Program.epoch` takes for a segment of an epoch, both from 0."""
        if self.segments > 1 and sums is None:
            sums = self._no_sums()
        start = segment * self._segment
        stop = None if segment == self.segments - 1 else start + self._segment
        inputs = [replicate.segment_inputs(epoch, start, stop) for replicate in self.replicates]
        order, tail, rates, more = _stack(inputs)
        if self._rate_factors is not None:
            rates = rates * self._rate_factors.reshape(*rates.shape[:-2], 1, rates.shape[-1])
        return (self.weights, self.numbers, self.data, order, tail, rates, more, sums)

    def _no_sums(self) -> Sums:
        none: Sums = _stack([Sums.none(len(one.lanes)) for one in self.replicates])
        return none

    def _stretches(self, part: str) -> Iterator[tuple[jax.Array, int]]:
        """Rows of a part that are evaluated at once, padded, and how many count."""
        at_once = evaluated_at_once(self._structure)
        parts = [replicate.rows[part] for replicate in self.replicates]
        for start in range(0, len(parts[0]), at_once):
            pieces = [rows[start : start + at_once] for rows in parts]
            length = len(pieces[0])
            padded = [np.pad(rows, (0, at_once - length)) for rows in pieces]
            yield _stack([jnp.asarray(rows) for rows in padded]), length

    def by_lane(self, leaf: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - an array of any kind
        """A device's array on the host, with one axis of all lanes."""
        values = np.asarray(leaf)
        axes = 1 if len(self.replicates) == 1 else 2
        return values.reshape(len(self.lanes), *values.shape[axes:])

    def evaluate(self, part: str) -> Scored:
        """Answers to a part, and their mean loss."""
        answers, examples = [], 0
        loss, objective = np.zeros(len(self.lanes)), np.zeros(len(self.lanes))
        for index, length in self._stretches(part):
            count = jnp.asarray(length, jnp.int32)
            given, losses, minimised = self.compiled.evaluate(self.weights, self.data, index, count)
            answers.append(self.by_lane(given)[:, :length])
            loss += self.by_lane(losses).astype(np.float64)
            if minimised is not None:
                objective += self.by_lane(minimised).astype(np.float64)
            examples += length
        objective = loss if self.program.head.reports_objective else objective
        return np.concatenate(answers, axis=1), loss / examples, objective / examples

    def probabilities(self, part: str) -> npt.NDArray[np.float32]:
        """Probabilities that each lane gives to a part: (lanes, examples, classes)."""
        answers = [
            self.by_lane(self.compiled.answer(self.weights, self.data, index))[:, :length]
            for index, length in self._stretches(part)
        ]
        return np.concatenate(answers, axis=1)

    def probe(self) -> ProbeReading | None:
        """Gradients and units of each lane; None for candidates of a search."""
        if self.is_candidate:
            return None
        assert self.compiled.probe is not None
        reading = self.compiled.probe(self.weights, self.data, self.probed)
        return ProbeReading(*map(self.by_lane, reading))

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
        self.weights, sums = train(*self._segment_arguments(epoch, segment, sums))
        return sums

    def finish(
        self,
        on_epoch: Callable[[int], None],
        checkpoints: Checkpoints | None = None,
        start: Callable[[], Checkpoint | None] = lambda: None,
        on_end: Callable[[Checkpoint], None] | None = None,
    ) -> list[TrialResult]:
        """Trains all epochs, those of a checkpoint excepted, and scores the final weights.

        Args:
            on_epoch: called with the number of each finished epoch, from 1.
            checkpoints: from where the training resumes, and where it is stored now and then.
            start: gives the state to start from if there is no checkpoint, `done` in epochs.
            on_end: called with the final state, `done` in epochs.

        Returns:
            One result a lane.
        """
        probe = None if self.is_candidate else self.program.prober
        histories = [HistoryRecorder(trial, self._epochs, probe) for trial in self.lanes]
        if any(history.monitor for history in histories):
            self._kept = self._lane_weights()
        state = Resumable(histories, self._epochs, self.segments, checkpoints)
        sums = self._resume(state, start)
        self._set_rate_factors(histories)
        began = time.perf_counter() - state.seconds
        if state.done >= self.segments:
            on_epoch(state.done // self.segments)
        place, end = state.done, self._epochs * self.segments
        while place < end and not all(history.is_over for history in histories):
            epoch, segment = divmod(place, self.segments)
            sums = self.train_segment(epoch, segment, sums)
            if segment == self.segments - 1:
                validated, reading = self.evaluate("validation"), self.probe()
                seconds = (time.perf_counter() - began) / len(self.lanes)
                self._record(histories, sums, validated, reading, seconds)
                on_epoch(epoch + 1)
                sums = None
            place += 1
            elapsed = time.perf_counter() - began
            state.offer(place, partial(self._arrays, sums), elapsed)
        trained = time.perf_counter() - began
        state.end(place, self._arrays, trained)
        if on_end:
            on_end(state.checkpoint(self._epochs, self._arrays(), trained))
        self._restore_kept(histories)
        self._settle()
        return self._results(histories, began)

    def _resume(self, state: Resumable, start: Callable[[], Checkpoint | None]) -> Sums | None:
        """Restores weights and histories; the sums over an epoch that was begun, if one was."""
        checkpoint = state.load(self._arrays, start)
        if checkpoint is None:
            return None
        arrays = {name: array[state.places] for name, array in checkpoint.arrays.items()}
        self.weights = restore_weights(arrays, self.weights, len(self.replicates))
        self._kept = {name: arrays[f"kept.{name}"] for name in self._kept}
        if not state.done % self.segments:
            return None
        return Sums(*(
            jnp.array(arrays[f"sums.{part}"].reshape(leaf.shape))
            for part, leaf in self._no_sums()._asdict().items()
        ))  # fmt: skip

    def _arrays(self, sums: Sums | None = None) -> dict[str, npt.NDArray[Any]]:
        """All that changes while it trains, as arrays of lanes."""
        sums = sums or Sums.none(len(self.lanes))
        arrays = state_arrays(self.weights, len(self.lanes), len(self.replicates))
        flat = {part: np.asarray(leaf).reshape(-1) for part, leaf in sums._asdict().items()}
        arrays |= {f"kept.{name}": array for name, array in self._kept.items()}
        return arrays | {f"sums.{part}": array for part, array in flat.items()}

    def _lane_weights(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of the weights of each lane by which its network answers."""
        arrays = state_arrays(self._answering, len(self.lanes), len(self.replicates))
        return {name: np.array(array) for name, array in arrays.items()}

    @property
    def _answering(self) -> Weights:
        """The weights by which networks answer: without optimizer and seeds."""
        return self.weights._replace(optimizer=[], seeds=[])

    def _keep(self, histories: Sequence[HistoryRecorder]) -> None:
        """Keeps the weights of lanes that were best or stop here; sets the next epoch's rates.

        A lane that has stopped goes on with the others, which cannot notice: its weights of when
        it stopped are put back at the end.
        """
        chosen = [lane for lane, history in enumerate(histories)
                  if history.monitor is not None and history.monitor.keeps]  # fmt: skip
        if chosen:
            now = self._lane_weights()
            for name, array in self._kept.items():
                array[chosen] = now[name][chosen]
        self._set_rate_factors(histories)

    def _set_rate_factors(self, histories: Sequence[HistoryRecorder]) -> None:
        factors = [history.monitor.rate_factor if history.monitor else 1.0
                   for history in histories]  # fmt: skip
        if any(factor != 1 for factor in factors):
            self._rate_factors = np.array(factors, np.float32).reshape(len(self.replicates), -1)
            if len(self.replicates) == 1:
                self._rate_factors = self._rate_factors[0]

    def _restore_kept(self, histories: Sequence[HistoryRecorder]) -> None:
        """Gives lanes that stopped, or were better before, the weights that were kept of them."""
        chosen = [lane for lane, history in enumerate(histories)
                  if history.monitor is not None and history.monitor.has_kept]  # fmt: skip
        if not chosen:
            return
        arrays = self._lane_weights()
        for name, kept in self._kept.items():
            arrays[name][chosen] = kept[chosen]
        answering = restore_weights(arrays, self._answering, len(self.replicates))
        self.weights = answering._replace(
            optimizer=self.weights.optimizer, seeds=self.weights.seeds
        )

    def _settle(self) -> None:
        """Takes the averages of the weights for the weights, where there are any.

        Statistics of batch normalisation are then estimated again, from the batches of the first
        epoch as its steps were given them, without dropout: those there belong to other weights.
        """
        if not self.weights.average:
            return
        self.weights = self.weights._replace(trainable=self.weights.average)
        if not has_batch_norm(self.program.model):
            return
        batches = []
        for replicate in self.replicates:
            order = replicate.order(0)
            size = min(self._structure.batch_size, len(order))
            order = order[: len(order) // size * size].reshape(-1, size)
            inputs = replicate.step_inputs(0)._replace(average=None, perturb=None)
            batches.append((jnp.asarray(order), inputs.part(0, len(order))))
        self.weights = self.compiled.settle(self.weights, self.data, *_stack(batches))

    def _record(
        self,
        histories: Sequence[HistoryRecorder],
        sums: Sums,
        validated: Scored,
        reading: ProbeReading | None,
        seconds: float,
    ) -> None:
        """Records an epoch of every lane."""
        examples = len(self.replicates[0].rows["train"])
        answers, val_loss, objective = validated
        loss, correct = (self.by_lane(part).astype(np.float64) / examples for part in sums)
        if self.program.head.task == "regression":
            correct = np.full(len(histories), math.nan)
        labels = self.labels_by_lane("validation")
        for lane, history in enumerate(histories):
            history.epoch_done(
                Score(float(loss[lane]), float(correct[lane])),
                float(val_loss[lane]),
                answers[lane],
                labels[lane],
                seconds,
                reading and ProbeReading(*(part[lane] for part in reading)),
                float(objective[lane]),
            )
        self._keep(histories)

    def rows_by_lane(self, part: str) -> list[Indices]:
        """Rows of a part, for each lane those of its replicate."""
        return [replicate.rows[part] for replicate in self.replicates for _ in replicate.lanes]

    def labels_by_lane(self, part: str) -> list[npt.NDArray[Any]]:
        """The true classes, labels or targets of a part, for each lane."""
        return [self._labels[rows] for rows in self.rows_by_lane(part)]

    def _results(self, histories: Sequence[HistoryRecorder], began: float) -> list[TrialResult]:
        parts = ["validation"] if self.is_candidate else ["train", "validation", "test"]
        scored = {part: (*self.evaluate(part), self.labels_by_lane(part)) for part in parts}
        shares = {
            part: self.probabilities(part)
            for part in probability_parts(self.lanes[0], self.program.head.task)
        }
        seconds = (time.perf_counter() - began) / len(self.lanes)
        made_with = versions("jax")
        unsettled = math.nan
        if not self.weights.average:  # else they were estimated anew
            steps = self._epochs * self.replicates[0].steps
            unsettled = unsettled_share(self.program.model, steps)
        return [
            make_result(
                history,
                {part: (answers[lane], float(loss[lane]), labels[lane])
                 for part, (answers, loss, _, labels) in scored.items()},
                self.parameters,
                seconds,
                made_with,
                unsettled=unsettled,
                takes_ids=self.program.takes_ids,
                probabilities={part: of_lanes[lane] for part, of_lanes in shares.items()},
            )
            for lane, history in enumerate(histories)
        ]  # fmt: skip
