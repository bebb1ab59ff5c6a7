"""What networks were like inside, as rows, and such rows read again."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.records import Probes, TrialResult
from stepladder.store.columns import Row, refusing_altered, stored, with_nan
from stepladder.values import canonical_json

__all__ = ["decode_probes", "encode_probes"]

_ARRAYS = ("gradient_norm", "dead", "saturated")


def encode_probes(result: TrialResult) -> dict[str, Any] | None:
    """The row of a trial's probes, or None where nothing was seen.

    Figures are little-endian float32, epoch by epoch, the columns of one array after another's,
    compressed: one row a trial, since they are only ever read whole.
    """
    probes = result.probes
    if probes is None or not (probes.kernels or probes.layers):
        return None
    figures = np.concatenate([getattr(probes, name) for name in _ARRAYS], axis=1)
    row = {
        "trial_id": result.trial.id,
        "names": canonical_json({"kernels": probes.kernels, "layers": probes.layers}),
        "input_mean": stored(probes.input_mean),
        "input_deviation": stored(probes.input_deviation),
        "figures": zlib.compress(figures.astype("<f4").tobytes()),
    }
    return {**row, "digest": _digest(row)}


def decode_probes(row: Row) -> Probes:
    """The probes of a row.

    Raises:
        StoreError: if the row was altered so that it is not what `encode_probes` made.
    """
    name, then = f"the probes of trial {row['trial_id']}", "the trial is shown without them"
    return refusing_altered(_probes, name, then, row)


def _probes(row: Row) -> Probes:
    if row["digest"] != _digest(row):
        raise ValueError("its figures are not those that were stored")
    names = json.loads(row["names"])
    kernels, layers = tuple(names["kernels"]), tuple(names["layers"])
    figures = np.frombuffer(zlib.decompress(row["figures"]), "<f4").astype(np.float32)
    ends = np.cumsum([len(kernels), len(layers), len(layers)])
    parts: list[npt.NDArray[np.float32]] = np.split(
        figures.reshape(-1, ends[-1]), ends[:-1], axis=1
    )
    return Probes(
        kernels=kernels,
        layers=layers,
        input_mean=with_nan(row, "input_mean"),
        input_deviation=with_nan(row, "input_deviation"),
        **dict(zip(_ARRAYS, parts, strict=True)),
    )


def _digest(row: Row) -> str:
    """SHA-256 of a row."""
    plain = [row[name] for name in ("trial_id", "names", "input_mean", "input_deviation")]
    known = hashlib.sha256(json.dumps(plain).encode())
    known.update(row["figures"])
    return known.hexdigest()
