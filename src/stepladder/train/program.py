"""Programs: one epoch and one evaluation of a group of trials, traced and compiled by JAX.

A group is one replicate of one or more trials of equal structure. Its trials are *lanes*: they
see the same batches in the same order and drop the same units, and differ in numbers alone
(initial weights, learning rates, strengths of penalties). The first layer of all lanes is then
one wide matrix product.
"""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import lax

from stepladder.recipe import Recipe
from stepladder.train.adversarial import directions, local_unsmoothness
from stepladder.train.custom import Build
from stepladder.train.distortion import distortion
from stepladder.train.draws import NOTHING_MORE, More
from stepladder.train.lanes import each_lane, over_lanes
from stepladder.train.loss import classes_of, cross_entropy, mixed
from stepladder.train.network import Network
from stepladder.train.probing import Reading
from stepladder.train.settling import remembering
from stepladder.train.state import Data, Numbers, Sums, Weights
from stepladder.train.turned import TURNED

__all__ = ["Program"]

_Answers = tuple[jax.Array, jax.Array]


def _first(tree: Any, count: int) -> Any:  # noqa: ANN401 - any tree of arrays
    """The first rows of every array."""
    return jax.tree.map(lambda leaf: leaf[:count], tree)


class Program(Network):
    """The epoch and the evaluation of one structure, as pure functions of their arguments.

    Attributes:
        answer: `probabilities`, compiled when it is first called: not every study asks.
        settled: `settle`, likewise.
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
        super().__init__(structure, input_shape, classes, build)
        self._distort = distortion(structure, input_shape)
        self.answer = jax.jit(self.probabilities)
        self.settled = jax.jit(self.settle)

    def _unsmoothness(
        self,
        trainable: list[jax.Array],
        weights: Weights,
        numbers: Numbers,
        x: jax.Array,
        logits: jax.Array,
        direction: jax.Array,
    ) -> jax.Array:
        """What virtual adversarial training adds to one lane's loss.

        Inputs a step away go through the network as those themselves: normalised by their own
        batch, with the same units dropped, and leaving no trace in its statistics.
        """
        frozen = lax.stop_gradient(trainable)
        assert numbers.vat is not None
        assert numbers.vat_xi is not None
        return local_unsmoothness(
            lambda moved: self._trained(trainable, weights, moved)[0],
            lambda moved: self._trained(frozen, weights, moved)[0],
            x, logits, direction, numbers.vat, numbers.vat_xi,
        )  # fmt: skip

    def _step(
        self,
        weights: Weights,
        numbers: Numbers,
        rate: jax.Array,
        share: jax.Array | None,
        x: jax.Array,
        y: jax.Array,
        direction: jax.Array | None,
    ) -> tuple[Weights, Sums]:
        """One optimizer step of one lane, its weights as `turned` has them."""

        def objective(trainable: list[jax.Array]) -> tuple[jax.Array, Any]:
            logits, state, losses = self._trained(trainable, weights, x)
            smoothing = numbers.label_smoothing if self.structure.label_smoothing else None
            loss = cross_entropy(logits, y, smoothing).mean() + sum(losses)
            if direction is not None:
                loss += self._unsmoothness(trainable, weights, numbers, x, logits, direction)
            return loss, (logits, state)

        with self._with(numbers):
            gradients, (logits, state) = jax.grad(objective, has_aux=True)(weights.trainable)
            slots = list(weights.optimizer)
            slots[self._rate_at] = rate
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, weights.trainable)
        sums = Sums(
            cross_entropy(logits, y, None).sum(),
            (logits.argmax(axis=1) == classes_of(y)).sum(),
        )
        average = [
            old + share * (new - old)
            for old, new in zip(
                weights.average, trainable if share is not None else (), strict=True
            )
        ]
        return Weights(trainable, slots, *self.split_state(state), average), sums

    def epoch(
        self,
        weights: Weights,
        numbers: Numbers,
        data: Data,
        order: jax.Array,
        tail: jax.Array,
        rates: jax.Array,
        more: More = NOTHING_MORE,
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
            more: what else each step is given.
            sums: over the segments before; None where there is none.

        Returns:
            The weights after the pass, and sums over its examples as they were trained on.
        """
        lanes = over_lanes(self._step, rates.shape[1])

        def step(
            carry: tuple[Weights, Sums], at: tuple[jax.Array, jax.Array, More]
        ) -> tuple[tuple[Weights, Sums], None]:
            weights, sums = carry
            index, rate, more = at
            shared = self._prepared(*data.batch(index), more)
            weights, added = lanes(weights, numbers, rate, more.average, *shared)
            return (weights, sums.plus(added)), None

        carry = (self.turned(weights), sums or Sums.none(rates.shape[1]))
        carry, _ = lax.scan(step, carry, (order, *_first((rates, more), len(order))))
        if len(tail):
            carry, _ = step(carry, (tail, *jax.tree.map(lambda leaf: leaf[-1], (rates, more))))
        weights, sums = carry
        return self.turned(weights), sums

    def _prepared(
        self, x: jax.Array, y: jax.Array, more: More
    ) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """A batch as all lanes are trained on it, and directions in which it may be moved."""
        if self._distort is not None:
            x = self._distort(x, more.warp, more.strength)
        if more.mix is not None:
            x, y = mixed(x, y, more.mix, self.classes)
        return x, y, None if more.perturb is None else directions(more.perturb, x.shape)

    def settle(
        self, weights: Weights, data: Data, order: jax.Array, more: More = NOTHING_MORE
    ) -> Weights:
        """Weights with the statistics of batch normalisation that belong to them.

        Args:
            weights: averages in the place of what a step has left.
            data: all examples.
            order: int32 (batches, size), rows of `data`, from which statistics are taken.
            more: by which these batches are distorted and mixed.
        """

        def step(kept: list[Any], at: tuple[jax.Array, jax.Array, More]) -> tuple[list[Any], None]:
            index, share, more = at
            x, _, _ = self._prepared(*data.batch(index), more)

            def lane(weights: Weights) -> list[Any]:
                state = self._join_state(weights.statistics, weights.seeds)
                with remembering(self.model, share):
                    _, state = self.model.stateless_call(
                        weights.trainable, state, self._shaped(x), training=True
                    )
                return self.split_state(state)[0]

            return each_lane(lane, weights._replace(statistics=kept)), None

        seen = jnp.arange(len(order), dtype=jnp.float32)
        kept, _ = lax.scan(step, weights.statistics, (order, seen / (seen + 1), more))
        return weights._replace(statistics=kept)

    def evaluate(
        self, weights: Weights, data: Data, index: jax.Array, count: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Answers and losses of trained lanes, without dropout.

        Args:
            weights: of the lanes.
            data: all examples.
            index: int32 (examples,), rows of `data`; those past `count` are padding.
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

        return cast("_Answers", each_lane(lane, weights))

    def probabilities(self, weights: Weights, data: Data, index: jax.Array) -> jax.Array:
        """What trained lanes answer, without dropout: float32 (lanes, rows, classes).

        Args:
            weights: of the lanes.
            data: all examples.
            index: int32 (rows,), rows of `data`.
        """
        x, _ = data.batch(index)
        return cast("jax.Array", each_lane(lambda lane: self._softmax(lane, x), weights))

    def _softmax(self, weights: Weights, x: jax.Array) -> jax.Array:
        """Probabilities, (examples, classes), that one lane gives scaled inputs."""
        return jax.nn.softmax(self._logits(weights, x))

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

        return cast("Reading", each_lane(lane, weights))
