"""The loss that is trained and scored: cross-entropy in nats, example by example."""

from __future__ import annotations

import jax
import jax.numpy as jnp

__all__ = ["cross_entropy"]


def cross_entropy(logits: jax.Array, y: jax.Array, smoothing: jax.Array | None) -> jax.Array:
    """Cross-entropy of each example in nats, shape (examples,), labels smoothed if asked."""
    log_p = jax.nn.log_softmax(logits)
    is_right = y[:, None] == jnp.arange(logits.shape[1])  # a lookup would scatter its gradient
    right = -jnp.where(is_right, log_p, 0).sum(axis=1)
    if smoothing is None:
        return right
    return (1 - smoothing) * right - smoothing * log_p.mean(axis=1)
