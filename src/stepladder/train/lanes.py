"""A function of one lane as a function of all lanes of a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax

from stepladder.train.state import Numbers, Sums, Weights

__all__ = ["each_lane", "over_lanes"]

_LANES: Any = Weights(*cast("Any", (0, 0, 0, None, 0)))  # axes, where arrays will be


def each_lane(function: Callable[[Weights], Any], weights: Weights) -> Any:  # noqa: ANN401
    """A function of one lane's weights for every lane; a single one is not mapped."""
    if weights.trainable[0].shape[0] == 1:
        return _add_axis(function(_drop_axis(weights)))
    return jax.vmap(function, in_axes=(_LANES,))(weights)


def over_lanes(step: Callable[..., tuple[Weights, Sums]], lanes: int) -> Callable[..., Any]:
    """A step of one lane as a step of all; a single lane is not mapped at all, which is faster.

    Args:
        step: of weights, numbers, a rate, a share for the average, and what all lanes have in
            common: inputs, labels and directions.
        lanes: how many there are.
    """
    if lanes > 1:
        axes = (_LANES, 0, 0, 0, None, None, None)
        return jax.vmap(step, in_axes=axes, out_axes=(_LANES, 0))

    def alone(
        weights: Weights,
        numbers: Numbers,
        rate: jax.Array,
        share: jax.Array | None,
        *common: jax.Array | None,
    ) -> tuple[Weights, Sums]:
        own = jax.tree.map(lambda leaf: leaf[0], (numbers, rate, share))
        after, sums = step(_drop_axis(weights), *own, *common)
        return _add_axis(after._replace(seeds=[]))._replace(seeds=after.seeds), _add_axis(sums)

    return alone


def _drop_axis(weights: Weights) -> Weights:
    bare: Weights = jax.tree.map(lambda leaf: leaf[0], weights._replace(seeds=[]))
    return bare._replace(seeds=weights.seeds)


def _add_axis(tree: Any) -> Any:  # noqa: ANN401 - any tree of arrays
    return jax.tree.map(lambda leaf: leaf[None], tree)
