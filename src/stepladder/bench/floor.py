"""The floor: how fast this machine multiplies matrices on all cores that may be used."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from stepladder.bench.children import Child
from stepladder.runner.settings import Settings

__all__ = ["Floor", "measure_floor"]

_LIBRARIES = ("jax", "numpy")


@dataclass(frozen=True)
class Floor:
    """The float32 matrix-product rate of a machine; no training can be faster than its products.

    Attributes:
        side: rows and columns of the matrices.
        rates: by library, operations a second of each process, all measured at once.
    """

    side: int
    rates: dict[str, tuple[float, ...]]

    @property
    def library(self) -> str:
        """The fastest library, which is the floor."""
        return max(self.rates, key=lambda name: sum(self.rates[name]))

    @property
    def rate(self) -> float:
        """Operations a second of all processes together, by the fastest library."""
        return sum(self.rates[self.library])

    def share(self, operations: int, seconds: float) -> float:
        """Which part of its rate was reached, as a fraction.

        Args:
            operations: floating-point operations that were done.
            seconds: in which.
        """
        return operations / seconds / self.rate


def measure_floor(settings: Settings, side: int, seconds: float) -> Floor:
    """Measures the floor: one single-threaded process pinned to each core, all at once.

    Args:
        settings: of this machine: cores, and variables that limit a process to one thread.
        side: rows and columns of the matrices.
        seconds: how long each library multiplies; its fastest product counts.

    Raises:
        WorkerError: if a process ends without an answer.
    """
    with ExitStack() as stack:
        children = []
        for cpu in settings.cpus:
            words = [str(side), str(seconds), *([] if cpu is None else [str(cpu)])]
            child = Child("stepladder.bench.sgemm", words, settings.environment)
            children.append(stack.enter_context(child))
        for child in children:
            child.answer()
        rates = {}
        for library in _LIBRARIES:
            for child in children:
                child.tell(library)
            rates[library] = tuple(float(child.answer()) for child in children)
    return Floor(side, rates)
