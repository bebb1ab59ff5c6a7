"""Virtual adversarial training: answers shall not change where a small step changes them most."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import erfinv

from stepladder.train.dropout import LEVELS, traced_once

__all__ = ["directions", "local_unsmoothness"]

_LEAST = 1e-12  # below which a direction is none

Answer = Callable[[jax.Array], jax.Array]


def directions(words: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """A direction of length 1 for each example, uniform over all directions.

    Args:
        words: uint32 (2,), from which it is drawn.
        shape: (examples, values).
    """
    bits = traced_once()(words, shape).astype(jnp.float32)
    return _unit(erfinv((bits + 0.5) * (2 / LEVELS) - 1) * math.sqrt(2))


def local_unsmoothness(
    answer: Answer,
    frozen: Answer,
    x: jax.Array,
    logits: jax.Array,
    direction: jax.Array,
    length: jax.Array,
    step: jax.Array,
) -> jax.Array:
    """Mean divergence in nats between answers to inputs and to inputs a small step away.

    The step is the one that changes the answers most, found by one power iteration: the gradient
    of the divergence a short way along a random direction. What is answered to the inputs
    themselves counts as given.

    Args:
        answer: logits (examples, classes) of inputs (examples, values), to be trained.
        frozen: the same, of weights that nothing is to be learnt about.
        x: inputs.
        logits: of the inputs.
        direction: random, of length 1 each, as `x`.
        length: of the small step, Miyato's epsilon.
        step: along the random direction, Miyato's xi.

    Reference:
        Miyato, Maeda, Koyama, Ishii 2018, arXiv:1704.03976, equations 5 to 8 and algorithm 1.
    """
    given = lax.stop_gradient(logits)

    def across(moved: jax.Array) -> jax.Array:
        return _divergence(given, frozen(x + moved)).sum()

    worst = lax.stop_gradient(length * _unit(jax.grad(across)(step * direction)))
    return _divergence(given, answer(x + worst)).mean()


def _divergence(logits: jax.Array, others: jax.Array) -> jax.Array:
    """Kullback and Leibler's, of what one set of logits says from another: (examples,)."""
    log_p, log_q = jax.nn.log_softmax(logits), jax.nn.log_softmax(others)
    return (jnp.exp(log_p) * (log_p - log_q)).sum(axis=1)


def _unit(vectors: jax.Array) -> jax.Array:
    """Vectors (examples, values) of length 1; those of length 0 stay."""
    vectors = vectors / (jnp.abs(vectors).max(axis=1, keepdims=True) + _LEAST)
    return vectors * lax.rsqrt(jnp.square(vectors).sum(axis=1, keepdims=True) + _LEAST)
