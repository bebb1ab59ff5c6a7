"""Measuring this machine: its SGEMM floor, `keras.Model.fit` and the population engine.

Importing this room imports neither Keras nor JAX; the programs that it starts do.
"""

from stepladder.bench.floor import Floor, measure_floor
from stepladder.bench.measure import Bench, Fit, Timing, fit_times, measure
from stepladder.bench.operations import epoch_operations
from stepladder.bench.population import Steady, steady
from stepladder.bench.views import as_json, as_text
from stepladder.bench.work import TINY, Work

__all__ = [
    "TINY",
    "Bench",
    "Fit",
    "Floor",
    "Steady",
    "Timing",
    "Work",
    "as_json",
    "as_text",
    "epoch_operations",
    "fit_times",
    "measure",
    "measure_floor",
    "steady",
]
