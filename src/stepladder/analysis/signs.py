"""What a trial's epochs come to: the few numbers that its diagnosis needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.records import Curve, Probes, Signs

__all__ = ["LATE", "signs"]

LATE = 4
"""The last one in so many epochs are late: their mean accuracy is compared with that before."""


def signs(curve: Curve, probes: Probes | None) -> Signs:
    """The signs of one trial.

    Args:
        curve: its epochs; NaN from the one on in which it diverged.
        probes: what its network was like inside, or None.
    """
    done = int(np.isfinite(curve.val_loss).sum())
    found: dict[str, Any] = {} if probes is None else _inputs(probes)
    if done:
        found |= _of_curve(curve, done)
    if done and probes is not None:
        found |= _of_probes(probes, done)
    return Signs(**found)


def _of_curve(curve: Curve, done: int) -> dict[str, Any]:
    best = int(np.nanargmin(curve.val_loss[:done]))
    late = max(1, done // LATE)
    accuracy = curve.val_accuracy[:done]
    return {
        "best_epoch": float(best + 1),
        "best_val_loss": float(curve.val_loss[best]),
        "last_val_loss": float(curve.val_loss[done - 1]),
        "best_train_loss": float(curve.train_loss[best]),
        "last_train_loss": float(curve.train_loss[done - 1]),
    } | (
        {
            "late_epochs": float(late),
            "late_gain": float(accuracy[-late:].mean() - accuracy[-2 * late : -late].mean()),
        }
        if done >= 2 * late
        else {}
    )


def _inputs(probes: Probes) -> dict[str, Any]:
    return {"input_mean": probes.input_mean, "input_deviation": probes.input_deviation}


def _of_probes(probes: Probes, done: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    norms = probes.gradient_norm[:done].astype(np.float64)
    if probes.kernels:
        middle = np.median(norms, axis=0)
        found["first_gradient"], found["last_gradient"] = float(middle[0]), float(middle[-1])
        found["whole_gradient"] = float(np.median(np.linalg.norm(norms, axis=1)))
    for name in ("dead", "saturated"):
        worst = _worst(getattr(probes, name)[done - 1])
        if worst is not None:
            found[name] = float(getattr(probes, name)[done - 1, worst])
            found[f"{name}_layer"] = probes.layers[worst]
    return found


def _worst(shares: npt.NDArray[np.float32]) -> int | None:
    """The layer of the largest share, or None where no layer has one."""
    return None if np.isnan(shares).all() else int(np.nanargmax(shares))
