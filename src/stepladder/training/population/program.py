"""The compiled epoch and the evaluation of all lanes of a group."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt
from jax import lax

from stepladder.study.recipe import Recipe, is_on
from stepladder.training import keras_models
from stepladder.training.augmentation import distortion
from stepladder.training.custom_model import Build, build_seeded
from stepladder.training.heads import Head
from stepladder.training.history import ProbeReading
from stepladder.training.layer_state import batch_norm_momentum, replace_attribute, seed_states
from stepladder.training.losses import (
    classes_of,
    cross_entropy,
    directions,
    local_unsmoothness,
    minimised,
    mixed,
)
from stepladder.training.population.layers import TRANSPOSED_BUILD, Layout
from stepladder.training.probes import Probe
from stepladder.training.schedules import NO_STEP_INPUTS, StepInputs


class Weights(NamedTuple):
    """All that a step changes. Lists of arrays; each but `seeds` has a leading axis of lanes.

    `average` is that of `trainable`, and empty where a recipe averages nothing.
    """

    trainable: list[jax.Array]
    optimizer: list[jax.Array]
    statistics: list[jax.Array]
    seeds: list[jax.Array]
    average: list[jax.Array]


class Numbers(NamedTuple):
    """What makes lanes of one structure differ: float32 arrays of shape (lanes,), if any.

    Each is named as the field of the recipe that it comes from. The weights of classes have an axis
    more: (lanes, classes).
    """

    l2: jax.Array
    weight_decay: jax.Array
    label_smoothing: jax.Array
    vat: jax.Array | None = None
    vat_xi: jax.Array | None = None
    class_weight: jax.Array | None = None

    @classmethod
    def used_in(cls, structure: Recipe) -> list[str]:
        """Those that a program is given: all but the optional ones that do nothing in it."""
        return [
            name
            for name in cls._fields
            if name not in cls._field_defaults or is_on(name, structure)
        ]


class Data(NamedTuple):
    """The examples on the device, and how they are scaled: `x * scale + shift`.

    Inputs are flat, (examples, values), and so are scale and shift unless they are one number:
    rows of more axes are gathered five times as slowly. The targets of a regression are scaled
    likewise, by one number a target; those of a classification are not.
    """

    x: jax.Array
    y: jax.Array
    scale: jax.Array
    shift: jax.Array
    y_scale: jax.Array | None = None
    y_shift: jax.Array | None = None

    def batch(self, index: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Scaled inputs float32 (examples, values), and labels or scaled targets."""
        rows = jnp.take(self.x, index, axis=0).astype(jnp.float32)
        y = jnp.take(self.y, index, axis=0)
        if self.y_scale is not None and self.y_shift is not None:
            y = y * self.y_scale + self.y_shift
        return rows * self.scale + self.shift, y


class Sums(NamedTuple):
    """Sums over examples, one a lane: cross-entropy in nats and right answers."""

    loss: jax.Array
    correct: jax.Array

    @classmethod
    def none(cls, lanes: int) -> Sums:
        """The sums over no example."""
        return cls(jnp.zeros(lanes), jnp.zeros(lanes, jnp.int32))

    def plus(self, other: Sums) -> Sums:
        """The sums over both sets of examples."""
        return Sums(self.loss + other.loss, self.correct + other.correct)


class Program:
    """The network of one structure, and what trains it, as pure functions of their arguments.

    The network is built once; its own weights are never used.

    Attributes:
        structure: see `stepladder.training.groups.program_key`.
        input_shape: of one example.
        head: what the last layer stands for.
        model: the Keras model whose variables give order and shapes.
        optimizer: the built Keras optimizer.
        prober: how gradients and units of the model are read.
        takes_ids: whether the model looks its inputs up, so that they are not scaled.
    """

    def __init__(
        self,
        structure: Recipe,
        input_shape: tuple[int, ...],
        head: Head,
        build: Build = TRANSPOSED_BUILD,
    ) -> None:
        self.structure = structure
        self.input_shape = input_shape
        self.head = head
        self._build = partial(build_seeded, build, structure, input_shape, head.units)
        self.model = self._build(0, 0)
        self.prober = Probe(self.model, head)
        self.takes_ids = False
        self.optimizer = keras_models.optimizer(structure)
        self._layout = Layout(self.model)
        self.optimizer.build(self._layout.variables)
        self._layout.watch(self.optimizer, keras_models.optimizer(structure))
        names = [variable.path for variable in self.optimizer.variables]
        self._rate_at = next(i for i, name in enumerate(names) if name.endswith("learning_rate"))
        fixed = self.model.non_trainable_variables
        seeds = {id(state) for state in seed_states(self.model)}
        self._is_seed = [id(variable) in seeds for variable in fixed]
        self._distort = distortion(structure, input_shape)
        # Other penalties stay as they were built, as do those of a user's own network.
        layers = self.model.layers if structure.model is None and structure.l2 else []
        penalties = [getattr(layer, "kernel_regularizer", None) for layer in layers]
        self._regularizers = [penalty for penalty in penalties if penalty is not None]

    def model_at_start(self, seed: int, replicate: int) -> Any:  # noqa: ANN401 - Keras has no types
        """The model as a replicate starts from it, but for kernels: a user's is built again."""
        return self.model if self.structure.model is None else self._build(seed, replicate)

    def split_state(self, values: list[Any]) -> tuple[list[Any], list[Any]]:
        """Values of the non-trainable variables as (statistics, seeds)."""
        pairs = list(zip(values, self._is_seed, strict=True))
        return [v for v, seed in pairs if not seed], [v for v, seed in pairs if seed]

    def _join_state(self, statistics: list[Any], seeds: list[Any]) -> list[Any]:
        parts = {True: iter(seeds), False: iter(statistics)}
        return [next(parts[is_seed]) for is_seed in self._is_seed]

    def initial_slots(self, trainable: list[npt.NDArray[np.float32]]) -> list[jax.Array]:
        """The optimizer's variables before the first step, (lanes, ...) as Keras has them.

        Args:
            trainable: weights at the start, (lanes, ...), of which some optimizers keep a copy.
        """
        lanes = len(trainable[0])
        values = [keras.ops.convert_to_numpy(slot.value) for slot in self.optimizer.variables]
        slots = self._layout.slots([np.repeat(value[None], lanes, axis=0) for value in values])
        for slot, weight in self._layout.copies.items():
            slots[slot] = trainable[weight]
        return [jnp.array(slot) for slot in slots]

    def _transpose(self, weights: Weights) -> Weights:
        """The weights as an epoch's loop has them, or those as Keras has them: see `Layout`."""
        return weights._replace(
            trainable=self._layout.trainable(weights.trainable),
            optimizer=self._layout.slots(weights.optimizer),
            average=self._layout.trainable(weights.average) if weights.average else [],
        )

    def _shaped(self, x: jax.Array) -> jax.Array:
        return x.reshape(len(x), *self.input_shape)

    def _train_call(
        self, trainable: list[jax.Array], weights: Weights, x: jax.Array
    ) -> tuple[jax.Array, list[Any], list[jax.Array]]:
        """Logits, state and penalties of a call as in training, of transposed weights."""
        called = self.model.stateless_call(
            self._layout.trainable(trainable),
            self._join_state(weights.statistics, weights.seeds),
            self._shaped(x),
            training=True,
            return_losses=True,
        )
        return cast("tuple[jax.Array, list[Any], list[jax.Array]]", called)

    def _logits(self, weights: Weights, x: jax.Array) -> jax.Array:
        """Logits of scaled inputs, not as in training, weights as Keras has them."""
        state = self._join_state(weights.statistics, weights.seeds)
        logits, _ = self.model.stateless_call(
            weights.trainable, state, self._shaped(x), training=False
        )
        return cast("jax.Array", logits)

    def _step(
        self,
        weights: Weights,
        numbers: Numbers,
        rate: jax.Array,
        share: jax.Array | None,
        x: jax.Array,
        y: jax.Array,
        direction: jax.Array | None,
        y_scale: jax.Array | None = None,
    ) -> tuple[Weights, Sums]:
        """One optimizer step of one lane, of transposed weights."""

        def objective(trainable: list[jax.Array]) -> tuple[jax.Array, Any]:
            logits, state, losses = self._train_call(trainable, weights, x)
            loss = self._loss_of_each(logits, y, numbers).mean() + sum(losses)
            if direction is not None:
                # Inputs a step away go through the network as those themselves: normalised by
                # their own batch, with the same units dropped, leaving no trace in its statistics.
                frozen = lax.stop_gradient(trainable)
                assert numbers.vat is not None
                assert numbers.vat_xi is not None
                loss += local_unsmoothness(
                    lambda moved: self._train_call(trainable, weights, moved)[0],
                    lambda moved: self._train_call(frozen, weights, moved)[0],
                    x, logits, direction, numbers.vat, numbers.vat_xi,
                )  # fmt: skip
            return loss, (logits, state)

        decaying = [] if self.optimizer.weight_decay is None else [self.optimizer]
        apart = [owner for owner in decaying if hasattr(owner, "adam_weight_decay")]
        # Keras reads these numbers from attributes while it is traced; here they are arguments.
        with (
            replace_attribute(self._regularizers, "l2", numbers.l2),
            replace_attribute(decaying, "weight_decay", numbers.weight_decay),
            replace_attribute(apart, "adam_weight_decay", numbers.weight_decay),
        ):
            gradients, (logits, state) = jax.grad(objective, has_aux=True)(weights.trainable)
            slots = list(weights.optimizer)
            slots[self._rate_at] = rate
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, weights.trainable)
        nats, correct = self._scored(logits, y, y_scale)
        sums = Sums(nats.sum(), correct.sum())
        average = [
            old + share * (new - old)
            for old, new in zip(
                weights.average, trainable if share is not None else (), strict=True
            )
        ]
        return Weights(trainable, slots, *self.split_state(state), average), sums

    def _loss_of_each(self, logits: jax.Array, y: jax.Array, numbers: Numbers) -> jax.Array:
        """What is minimised, penalties apart: of each example, or of a whole batch."""
        smoothing = numbers.label_smoothing if self.structure.label_smoothing else None
        losses = minimised(self.head, logits, y, smoothing)
        if numbers.class_weight is None:
            return losses
        return losses * jnp.take(numbers.class_weight, classes_of(y))

    def _scored(
        self, logits: jax.Array, y: jax.Array, y_scale: jax.Array | None
    ) -> tuple[jax.Array, jax.Array]:
        """The loss that is reported and whether the answer is right, of each example."""
        if self.head.task == "classification":
            logits = self.head.class_logits(logits, jnp)
            return cross_entropy(logits, y, None), logits.argmax(axis=1) == classes_of(y)
        return (self.head.loss_of_each(logits, y, jnp, y_scale), self.head.correct(logits, y, jnp))

    def epoch(
        self,
        weights: Weights,
        numbers: Numbers,
        data: Data,
        order: jax.Array,
        tail: jax.Array,
        rates: jax.Array,
        more: StepInputs = NO_STEP_INPUTS,
        sums: Sums | None = None,
    ) -> tuple[Weights, Sums]:
        """One pass over the training examples, or a segment of one.

        Args:
            weights: where the lanes stand.
            numbers: of each lane.
            data: all examples.
            order: int32 (full batches, batch size), rows of `data`.
            tail: int32 (rest,): the last, shorter batch, trained as a batch of that size as
                `keras.Model.fit` does; may be empty.
            rates: float32 (steps, lanes).
            more: what else each step is given.
            sums: over the segments before; None where there is none.

        Returns:
            The weights after the pass, and sums over its examples as they were trained on.
        """
        axes = (_LANES, 0, 0, 0, None, None, None, None)
        lanes = over_lanes(self._step, rates.shape[1], axes, (_LANES, 0))

        def step(
            carry: tuple[Weights, Sums], at: tuple[jax.Array, jax.Array, StepInputs]
        ) -> tuple[tuple[Weights, Sums], None]:
            weights, sums = carry
            index, rate, more = at
            shared = self._prepare(*data.batch(index), more)
            weights, added = lanes(weights, numbers, rate, more.average, *shared, data.y_scale)
            return (weights, sums.plus(added)), None

        carry = (self._transpose(weights), sums or Sums.none(rates.shape[1]))
        carry, _ = lax.scan(step, carry, (order, rates[: len(order)], more.part(None, len(order))))
        if len(tail):
            carry, _ = step(carry, (tail, *jax.tree.map(lambda leaf: leaf[-1], (rates, more))))
        weights, sums = carry
        return self._transpose(weights), sums

    def _prepare(
        self, x: jax.Array, y: jax.Array, more: StepInputs
    ) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """A batch as all lanes are trained on it, and directions in which it may be moved."""
        if self._distort is not None:
            x = self._distort(x, more.warp, more.strength)
        if more.mix is not None:
            x, y = mixed(x, y, more.mix, self.head)
        return x, y, None if more.perturb is None else directions(more.perturb, x.shape)

    def settle(
        self, weights: Weights, data: Data, order: jax.Array, more: StepInputs = NO_STEP_INPUTS
    ) -> Weights:
        """Weights with the statistics of batch normalisation that belong to them.

        Args:
            weights: averages in the place of what a step has left.
            data: all examples.
            order: int32 (batches, size), rows of `data`, from which statistics are taken.
            more: by which these batches are distorted and mixed.
        """

        def step(
            statistics: list[Any], at: tuple[jax.Array, jax.Array, StepInputs]
        ) -> tuple[list[Any], None]:
            index, share, more = at
            x, _, _ = self._prepare(*data.batch(index), more)

            def lane(weights: Weights) -> list[Any]:
                state = self._join_state(weights.statistics, weights.seeds)
                with batch_norm_momentum(self.model, share):
                    _, state = self.model.stateless_call(
                        weights.trainable, state, self._shaped(x), training=True
                    )
                return self.split_state(state)[0]

            return over_lanes(lane, lanes)(weights._replace(statistics=statistics)), None

        lanes = _count(weights)
        seen = jnp.arange(len(order), dtype=jnp.float32)
        statistics, _ = lax.scan(step, weights.statistics, (order, seen / (seen + 1), more))
        return weights._replace(statistics=statistics)

    def evaluate(
        self, weights: Weights, data: Data, index: jax.Array, count: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """Answers and losses of trained lanes, without dropout.

        Args:
            weights: of the lanes.
            data: all examples.
            index: int32 (examples,), rows of `data`; those past `count` are padding.
            count: rows that are meant.

        Returns:
            Predicted classes int32 (lanes, rows), labels (lanes, rows, labels) or values; the
            summed loss that is reported, float32 (lanes,); and the sum of what is minimised where
            that is another loss, else None.
        """
        x, y = data.batch(index)
        meant, head = jnp.arange(len(index)) < count, self.head

        def lane(weights: Weights) -> tuple[jax.Array, jax.Array, jax.Array | None]:
            logits = self._logits(weights, x)
            loss = jnp.where(meant, self._scored(logits, y, data.y_scale)[0], 0.0).sum()
            answers = head.answers(logits, jnp, data.y_scale, data.y_shift)
            if head.reports_objective:
                return answers, loss, None
            return answers, loss, jnp.where(meant, head.objective(logits, y), 0.0).sum()

        return cast(
            "tuple[jax.Array, jax.Array, jax.Array | None]",
            over_lanes(lane, _count(weights))(weights),
        )

    def probabilities(self, weights: Weights, data: Data, index: jax.Array) -> jax.Array:
        """Probabilities float32 (lanes, rows, classes), without dropout, of rows `index`."""
        x, _ = data.batch(index)

        def lane(weights: Weights) -> jax.Array:
            logits = self._logits(weights, x)
            if self.head.task == "multilabel":
                return jax.nn.sigmoid(logits)
            return jax.nn.softmax(self.head.class_logits(logits, jnp))

        return cast("jax.Array", over_lanes(lane, _count(weights))(weights))

    def probe(self, weights: Weights, data: Data, index: jax.Array) -> ProbeReading:
        """Gradients and units of every lane, of images at int32 rows `index`; trains nothing."""
        x, y = data.batch(index)

        def lane(weights: Weights) -> ProbeReading:
            state = self._join_state(weights.statistics, weights.seeds)
            return self.prober.read(weights.trainable, state, self._shaped(x), y)

        return cast("ProbeReading", over_lanes(lane, _count(weights))(weights))


def _count(weights: Weights) -> int:
    return int(weights.trainable[0].shape[0])


_LANES: Any = Weights(*cast("Any", (0, 0, 0, None, 0)))  # axes, where arrays will be


def over_lanes(
    function: Callable[..., Any],
    lanes: int,
    in_axes: tuple[Any, ...] = (_LANES,),
    out_axes: object = 0,
) -> Callable[..., Any]:
    """A function of one lane as a function of all.

    A single lane is not mapped at all, which is faster.

    Args:
        function: of arrays without an axis of lanes.
        lanes: how many there are.
        in_axes: of its arguments, `_LANES` for `Weights`, 0, or None for what lanes share.
        out_axes: of what it returns, likewise.
    """
    if lanes > 1:
        return jax.vmap(function, in_axes=in_axes, out_axes=out_axes)

    def alone(*arguments: Any) -> Any:  # noqa: ANN401 - any trees of arrays
        pairs = zip(arguments, in_axes, strict=True)
        lane = [
            argument if axis is None else _map(lambda leaf: leaf[0], argument)
            for argument, axis in pairs
        ]
        return _map(lambda leaf: leaf[None], function(*lane))

    return alone


def _map(change: Callable[[Any], Any], tree: Any) -> Any:  # noqa: ANN401 - any tree of arrays
    """A tree with every array changed but seeds, which all lanes share."""

    def change_one(value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, Weights):
            return change(value)
        changed: Weights = jax.tree.map(change, value._replace(seeds=[]))
        return changed._replace(seeds=value.seeds)

    return jax.tree.map(change_one, tree, is_leaf=lambda value: isinstance(value, Weights))
