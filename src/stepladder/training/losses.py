"""Losses: cross-entropy, mixup, virtual adversarial training."""

import math
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import erfinv

from stepladder.training.dropout import LEVELS, traced_once
from stepladder.training.heads import Head


def cross_entropy(logits: jax.Array, y: jax.Array, smoothing: jax.Array | None) -> jax.Array:
    """Cross-entropy of each example in nats, shape (examples,), labels smoothed if asked.

    Example:
        >>> nats = cross_entropy(jnp.zeros((1, 10)), jnp.array([3]), None)
        >>> round(float(nats[0]), 3)  # ln 10: a guess among ten classes
        2.303

    Args:
        logits: (examples, classes).
        y: class numbers (examples,), or shares of every class (examples, classes).
        smoothing: share of each label that is spread over all classes.
    """
    log_p = jax.nn.log_softmax(logits)
    if y.ndim > 1:
        right = -(y * log_p).sum(axis=1)
    else:
        is_right = y[:, None] == jnp.arange(logits.shape[1])  # a lookup would scatter its gradient
        right = -jnp.where(is_right, log_p, 0).sum(axis=1)
    if smoothing is None:
        return right
    return (1 - smoothing) * right - smoothing * log_p.mean(axis=1)


def minimised(
    head: Head, outputs: jax.Array, y: jax.Array, smoothing: jax.Array | None = None
) -> jax.Array:
    """What is minimised, penalties apart: of each example, or one number of a whole batch.

    Args:
        head: what the network's last layer stands for.
        outputs: of that layer, (examples, units).
        y: as `Head.objective` takes them.
        smoothing: share of each label that is spread over all classes.
    """
    if head.is_entropy:
        return cross_entropy(outputs, y, smoothing)
    return cast("jax.Array", head.objective(outputs, y, smoothing))


def classes_of(y: jax.Array) -> jax.Array:
    """Class numbers (examples,): as they are, or the class with the largest share."""
    return y.argmax(axis=1) if y.ndim > 1 else y


def mixed(x: jax.Array, y: jax.Array, share: jax.Array, head: Head) -> tuple[jax.Array, jax.Array]:
    """Each example mixed with the next one of its batch, whose order is a random one.

    Args:
        x: inputs (examples, values).
        y: class numbers (examples,), or labels or targets (examples, outputs).
        share: of an example in its mixture.
        head: what the network's last layer stands for.

    Returns:
        Mixed inputs, and shares of every class, float32 (examples, classes), or mixed targets.

    Reference:
        Zhang et al. 2018, "mixup: Beyond empirical risk minimization", equation 2.
    """
    shares = jax.nn.one_hot(y, head.outputs) if head.task == "classification" else y
    return tuple(  # type: ignore[return-value]  # of two
        array * share + jnp.roll(array, -1, axis=0) * (1 - share) for array in (x, shares)
    )


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
    fixed = lax.stop_gradient(logits)

    def across(moved: jax.Array) -> jax.Array:
        return _divergence(fixed, frozen(x + moved)).sum()

    worst = lax.stop_gradient(length * _unit(jax.grad(across)(step * direction)))
    return _divergence(fixed, answer(x + worst)).mean()


def _divergence(logits: jax.Array, other: jax.Array) -> jax.Array:
    """Kullback and Leibler's, of what one set of logits says from another: (examples,)."""
    log_p, log_q = jax.nn.log_softmax(logits), jax.nn.log_softmax(other)
    return (jnp.exp(log_p) * (log_p - log_q)).sum(axis=1)


def _unit(vectors: jax.Array) -> jax.Array:
    """Vectors (examples, values) of length 1; those of length 0 stay."""
    vectors = vectors / (jnp.abs(vectors).max(axis=1, keepdims=True) + _LEAST)
    return vectors * lax.rsqrt(jnp.square(vectors).sum(axis=1, keepdims=True) + _LEAST)
