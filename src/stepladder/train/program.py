"""Programs: one epoch and one evaluation of a group of trials, traced and compiled by JAX.

A group is one replicate of one or more trials of equal structure. Its trials are *lanes*: they
see the same batches in the same order and drop the same units, and differ in numbers alone
(initial weights, learning rates, strengths of penalties). The first layer of all lanes is then
one wide matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax import lax

from stepladder import models
from stepladder.recipe import Recipe
from stepladder.train.custom import Build, at_start
from stepladder.train.layout import Layout
from stepladder.train.loss import cross_entropy
from stepladder.train.probing import Probe, Reading
from stepladder.train.seeds import seed_states
from stepladder.train.state import Data, Numbers, Sums, Weights
from stepladder.train.turned import TURNED

__all__ = ["EVALUATED_AT_ONCE", "Program"]

EVALUATED_AT_ONCE = 2_000
"""Examples of one evaluation call: wide enough for full speed, small enough for any memory."""


_Answers = tuple[jax.Array, jax.Array]


class Program:
    """The epoch and the evaluation of one structure, as pure functions of their arguments.

    Attributes:
        model: the Keras model whose variables give order and shapes.
        optimizer: the built Keras optimizer.
        inside: how the model is looked into.
        answer: `probabilities`, compiled when it is first called: not every study asks.
    """

    def __init__(
        self,
        structure: Recipe,
        input_shape: tuple[int, ...],
        classes: int,
        build: Build = TURNED,
    ) -> None:
        """Builds the network once; its own weights are never used.

        Args:
            structure: see `stepladder.train.structure`.
            input_shape: of one example.
            classes: units of the last layer.
            build: what builds the network.
        """
        self.structure = structure
        self.input_shape = input_shape
        self._build = partial(at_start, build, structure, input_shape, classes)
        self.model = self._build(0, 0)
        self.inside = Probe(self.model)
        self.optimizer = models.optimizer(structure)
        self._layout = Layout(self.model)
        self.optimizer.build(self._layout.variables)
        self._layout.watch(self.optimizer)
        names = [variable.path for variable in self.optimizer.variables]
        self._rate_at = next(i for i, name in enumerate(names) if name.endswith("learning_rate"))
        fixed = self.model.non_trainable_variables
        seeds = {id(state) for state in seed_states(self.model)}
        self._is_seed = [id(variable) in seeds for variable in fixed]
        self.answer = jax.jit(self.probabilities)

    def at_start(self, seed: int, replicate: int) -> Any:  # noqa: ANN401 - Keras has no types
        """The model as a replicate starts from it, kernels left out: a user's is built anew."""
        return self.model if self.structure.model is None else self._build(seed, replicate)

    def split_state(self, values: list[Any]) -> tuple[list[Any], list[Any]]:
        """Values of the non-trainable variables as (statistics, seeds)."""
        pairs = list(zip(values, self._is_seed, strict=True))
        return [v for v, seed in pairs if not seed], [v for v, seed in pairs if seed]

    def _join_state(self, statistics: list[Any], seeds: list[Any]) -> list[Any]:
        parts = {True: iter(seeds), False: iter(statistics)}
        return [next(parts[is_seed]) for is_seed in self._is_seed]

    def initial_slots(self, lanes: int) -> list[jax.Array]:
        """The optimizer's variables before the first step, (lanes, ...) as Keras has them."""
        values = [keras.ops.convert_to_numpy(each.value) for each in self.optimizer.variables]
        repeated = [np.repeat(value[None], lanes, axis=0) for value in values]
        return [jnp.asarray(slot) for slot in self._layout.slots(repeated)]

    def turned(self, weights: Weights) -> Weights:
        """The weights as an epoch's loop has them, or those as Keras has them: see `Layout`."""
        return weights._replace(
            trainable=self._layout.trainable(weights.trainable),
            optimizer=self._layout.slots(weights.optimizer),
        )

    def _shaped(self, x: jax.Array) -> jax.Array:
        """Flat inputs (examples, values) in the shape that the network takes."""
        return x.reshape(len(x), *self.input_shape)

    @contextmanager
    def _with(self, numbers: Numbers) -> Iterator[None]:
        """The model and optimizer with their numbers replaced by traced ones.

        Keras reads them from attributes while it is traced; here they become arguments.
        """
        regularized = [
            layer.kernel_regularizer
            for layer in self.model.layers
            if getattr(layer, "kernel_regularizer", None) is not None
            and self.structure.model is None  # a user's own penalties stay what they are
        ]
        before = [regularizer.l2 for regularizer in regularized]
        decay = self.optimizer.weight_decay
        try:
            for regularizer in regularized:
                regularizer.l2 = numbers.l2
            if decay is not None:
                self.optimizer.weight_decay = numbers.weight_decay
            yield
        finally:
            for regularizer, l2 in zip(regularized, before, strict=True):
                regularizer.l2 = l2
            self.optimizer.weight_decay = decay

    def _step(
        self, weights: Weights, numbers: Numbers, rate: jax.Array, x: jax.Array, y: jax.Array
    ) -> tuple[Weights, Sums]:
        """One optimizer step of one lane, its weights as `turned` has them."""

        def objective(trainable: list[jax.Array]) -> tuple[jax.Array, Any]:
            logits, state, losses = self.model.stateless_call(
                self._layout.trainable(trainable),
                self._join_state(weights.statistics, weights.seeds),
                self._shaped(x),
                training=True,
                return_losses=True,
            )
            smoothing = numbers.label_smoothing if self.structure.label_smoothing else None
            loss = cross_entropy(logits, y, smoothing).mean() + sum(losses)
            return loss, (logits, state)

        with self._with(numbers):
            gradients, (logits, state) = jax.grad(objective, has_aux=True)(weights.trainable)
            slots = list(weights.optimizer)
            slots[self._rate_at] = rate
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, weights.trainable)
        sums = Sums(
            cross_entropy(logits, y, None).sum(),
            (logits.argmax(axis=1) == y).sum(),
        )
        return Weights(trainable, slots, *self.split_state(state)), sums

    def epoch(
        self,
        weights: Weights,
        numbers: Numbers,
        data: Data,
        order: jax.Array,
        tail: jax.Array,
        rates: jax.Array,
        sums: Sums | None = None,
    ) -> tuple[Weights, Sums]:
        """One pass over the training examples, or a segment of one.

        Args:
            weights: where the lanes stand.
            numbers: of each lane.
            data: all examples.
            order: int32 (full batches, batch size), rows of `data`.
            tail: int32 (rest,): the last, shorter batch, trained as a batch of its own size as
                `keras.Model.fit` does; may be empty.
            rates: float32 (steps, lanes).
            sums: over the segments before; None where there is none.

        Returns:
            The weights after the pass, and sums over its examples as they were trained on.
        """
        lanes = _over_lanes(self._step, rates.shape[1])

        def step(
            carry: tuple[Weights, Sums], at: tuple[jax.Array, jax.Array]
        ) -> tuple[tuple[Weights, Sums], None]:
            weights, sums = carry
            index, rate = at
            weights, more = lanes(weights, numbers, rate, *data.batch(index))
            return (weights, sums.plus(more)), None

        carry = (self.turned(weights), sums or Sums.none(rates.shape[1]))
        carry, _ = lax.scan(step, carry, (order, rates[: len(order)]))
        if len(tail):
            carry, _ = step(carry, (tail, rates[-1]))
        weights, sums = carry
        return self.turned(weights), sums

    def evaluate(
        self, weights: Weights, data: Data, index: jax.Array, count: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Answers and losses of trained lanes, without dropout.

        Args:
            weights: of the lanes.
            data: all examples.
            index: int32 (EVALUATED_AT_ONCE,), rows of `data`; those past `count` are padding.
            count: rows that are meant.

        Returns:
            Predicted classes int32 (lanes, rows) and summed cross-entropy float32 (lanes,).
        """
        x, y = data.batch(index)
        meant = jnp.arange(len(index)) < count

        def lane(weights: Weights) -> tuple[jax.Array, jax.Array]:
            logits = self._logits(weights, x)
            loss = jnp.where(meant, cross_entropy(logits, y, None), 0.0).sum()
            return logits.argmax(axis=1).astype(jnp.int32), loss

        return cast("_Answers", _each_lane(lane, weights))

    def probabilities(self, weights: Weights, data: Data, index: jax.Array) -> jax.Array:
        """What trained lanes answer, without dropout: float32 (lanes, rows, classes).

        Args:
            weights: of the lanes.
            data: all examples.
            index: int32 (rows,), rows of `data`.
        """
        x, _ = data.batch(index)
        return cast("jax.Array", _each_lane(lambda lane: self._softmax(lane, x), weights))

    def _softmax(self, weights: Weights, x: jax.Array) -> jax.Array:
        """Probabilities, (examples, classes), that one lane gives scaled inputs."""
        return jax.nn.softmax(self._logits(weights, x))

    def _logits(self, weights: Weights, x: jax.Array) -> jax.Array:
        state = self._join_state(weights.statistics, weights.seeds)
        logits, _ = self.model.stateless_call(
            weights.trainable, state, self._shaped(x), training=False
        )
        return cast("jax.Array", logits)

    def probe(self, weights: Weights, data: Data, index: jax.Array) -> Reading:
        """A look into every lane; nothing of it is trained on.

        Args:
            weights: of the lanes.
            data: all examples.
            index: int32 (images,), rows of `data`.
        """
        x, y = data.batch(index)

        def lane(weights: Weights) -> Reading:
            state = self._join_state(weights.statistics, weights.seeds)
            return self.inside.read(weights.trainable, state, self._shaped(x), y)

        return cast("Reading", _each_lane(lane, weights))


_LANES: Any = Weights(*cast("Any", (0, 0, 0, None)))  # axes, where arrays will be


def _each_lane(function: Callable[[Weights], Any], weights: Weights) -> Any:  # noqa: ANN401
    """A function of one lane's weights for every lane; a single one is not mapped."""
    if weights.trainable[0].shape[0] == 1:
        return _add_axis(function(_drop_axis(weights)))
    return jax.vmap(function, in_axes=(_LANES,))(weights)


def _over_lanes(step: Callable[..., tuple[Weights, Sums]], lanes: int) -> Callable[..., Any]:
    """A step of one lane as a step of all; a single lane is not mapped at all, which is faster."""
    if lanes > 1:
        return jax.vmap(step, in_axes=(_LANES, 0, 0, None, None), out_axes=(_LANES, 0))

    def alone(
        weights: Weights, numbers: Numbers, rate: jax.Array, x: jax.Array, y: jax.Array
    ) -> tuple[Weights, Sums]:
        numbers, rate = jax.tree.map(lambda leaf: leaf[0], (numbers, rate))
        after, sums = step(_drop_axis(weights), numbers, rate, x, y)
        return _add_axis(after._replace(seeds=[]))._replace(seeds=after.seeds), _add_axis(sums)

    return alone


def _drop_axis(weights: Weights) -> Weights:
    bare: Weights = jax.tree.map(lambda leaf: leaf[0], weights._replace(seeds=[]))
    return bare._replace(seeds=weights.seeds)


def _add_axis(tree: Any) -> Any:  # noqa: ANN401 - any tree of arrays
    return jax.tree.map(lambda leaf: leaf[None], tree)
