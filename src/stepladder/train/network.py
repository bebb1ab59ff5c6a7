"""One network of a group's program: its variables, its optimizer, and how their values lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import keras
import numpy as np

from stepladder import models
from stepladder.recipe import Recipe
from stepladder.train.custom import Build, at_start
from stepladder.train.layout import Layout
from stepladder.train.probing import Probe
from stepladder.train.seeds import seed_states
from stepladder.train.state import Numbers, Weights
from stepladder.train.turned import TURNED

__all__ = ["Network"]


class Network:
    """The network of one structure, called with whatever values its variables shall have.

    Attributes:
        structure: see `stepladder.train.structure`.
        input_shape: of one example.
        classes: units of the last layer.
        model: the Keras model whose variables give order and shapes.
        optimizer: the built Keras optimizer.
        inside: how the model is looked into.
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
        self.classes = classes
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
            average=self._layout.trainable(weights.average) if weights.average else [],
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

    def _trained(
        self, trainable: list[jax.Array], weights: Weights, x: jax.Array
    ) -> tuple[jax.Array, list[Any], list[jax.Array]]:
        """Logits, state and penalties of a call as in training, weights as `turned` has them."""
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
