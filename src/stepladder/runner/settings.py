"""What a run takes from the machine it is on, handed down from the edge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stepladder.train.endings import SHARE
from stepladder.train.gather import versions

__all__ = ["AxisChoice", "EngineChoice", "Settings"]

EngineChoice = Literal["auto", "population", "fit"]
AxisChoice = Literal["auto", "one", "map", "vmap"]


@dataclass(frozen=True)
class Settings:
    """How and where to train; nothing in it changes what a trial comes to.

    Attributes:
        cpus: for each training process, the core it is pinned to; None leaves it unpinned.
        environment: variables that training processes are started with.
        keras_backend: backend of the fit engine: jax, tensorflow or torch.
        cache: folder of compiled programs, or None to keep none.
        machine: one line that says what this machine is.
        engine: what trains; `auto` is the population engine.
        axis: how replicates are put together; `auto` measures where that can pay.
        chunk: replicates that are put together, or None for a number of ours.
        device: what the population engine trains on.
        memory: bytes that all processes together may use; None where that is not known.
        jax: version of JAX, on which measured choices depend.
        checkpoint_seconds: a training is kept so often that no more than this is ever lost.
        endings_bytes: what the final states of trainings may take in the cache, from which
            trainings of more epochs go on; 0 keeps none and goes on from none.
        patience: a training process that says nothing for so many seconds, or for many times its
            longest epoch, is taken to hang.
    """

    cpus: tuple[int | None, ...]
    environment: Mapping[str, str] = field(repr=False)
    keras_backend: str
    cache: Path | None
    machine: str
    engine: EngineChoice = "auto"
    axis: AxisChoice = "auto"
    chunk: int | None = None
    device: Literal["cpu", "gpu"] = "cpu"
    memory: int | None = None
    jax: str = ""
    checkpoint_seconds: float = 60.0
    endings_bytes: int = 0
    patience: float = 600.0

    @property
    def engine_name(self) -> str:
        """The engine as trials record it: `population`, or `fit/` and its Keras backend."""
        return f"fit/{self.keras_backend}" if self.engine == "fit" else "population"

    @property
    def endings(self) -> dict[str, Any] | None:
        """Where endings lie and which are gone on with, as `Endings` takes it; None for none."""
        if self.cache is None or not self.endings_bytes:
            return None
        return {
            "folder": self.cache.parent / "endings",
            "most": self.endings_bytes,
            "versions": {**versions(self.keras_backend), "on": f"{self.machine}, {self.device}"},
            "share": SHARE if self.checkpoint_seconds else math.inf,  # then nothing may be lost
        }
