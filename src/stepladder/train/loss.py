"""The loss that is trained and scored: cross-entropy in nats, example by example."""

from __future__ import annotations

import jax
import jax.numpy as jnp

__all__ = ["classes_of", "cross_entropy", "mixed"]


def cross_entropy(logits: jax.Array, y: jax.Array, smoothing: jax.Array | None) -> jax.Array:
    """Cross-entropy of each example in nats, shape (examples,), labels smoothed if asked.

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


def classes_of(y: jax.Array) -> jax.Array:
    """Class numbers (examples,): as they are, or the class with the largest share."""
    return y.argmax(axis=1) if y.ndim > 1 else y


def mixed(
    x: jax.Array, y: jax.Array, share: jax.Array, classes: int
) -> tuple[jax.Array, jax.Array]:
    """Each example mixed with the next one of its batch, whose order is a random one.

    Args:
        x: inputs (examples, values).
        y: class numbers (examples,).
        share: of an example in its mixture.
        classes: how many there are.

    Returns:
        Mixed inputs, and shares of every class, float32 (examples, classes).

    Reference:
        Zhang et al. 2018, "mixup: Beyond empirical risk minimization", equation 2.
    """
    shares = jax.nn.one_hot(y, classes)
    return tuple(  # type: ignore[return-value]  # of two
        each * share + jnp.roll(each, -1, axis=0) * (1 - share) for each in (x, shares)
    )
