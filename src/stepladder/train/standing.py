"""Where the lanes of one group stand, and what their program is given."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from stepladder.data import Split
from stepladder.records import Trial
from stepladder.train.draws import More, averaging, draws
from stepladder.train.groups import GroupKey
from stepladder.train.initial import initial_weights
from stepladder.train.probing import probed_rows
from stepladder.train.program import Program
from stepladder.train.schedule import data_order, learning_rates, steps_per_epoch
from stepladder.train.seeds import start_seeds
from stepladder.train.segments import segment_steps
from stepladder.train.state import Data, Numbers, Sums, Weights
from stepladder.train.structure import evaluated_at_once

__all__ = ["Indices", "Standing"]

Indices = npt.NDArray[np.int32]


class Standing:
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
        names = ["l2", "weight_decay", "label_smoothing"]
        names += ["vat", "vat_xi"] if key.structure.vat else []
        self.numbers = Numbers(*(jnp.asarray(self._each(name)) for name in names))
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
        shares = [averaging(trial.recipe, self.steps) for trial in self.lanes]
        found = [each for each in shares if each is not None]  # all or none: see `structure`
        return np.stack(found, axis=-1) if found else None

    def _more(self, epoch: int) -> More:
        """What the steps of an epoch are given beside examples and rates."""
        key, recipe = self.key, self.lanes[0].recipe
        more = draws(recipe, key.seed, key.replicate, epoch, self.steps)
        return more._replace(average=None if self._shares is None else self._shares[epoch])

    def segment_given(
        self, epoch: int, segment: int
    ) -> tuple[jax.Array, jax.Array, jax.Array, More]:
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
