"""Keras, imported without Matplotlib: that takes 0.35 s, and fails at a bad matplotlibrc."""

import sys

_hides = "matplotlib" not in sys.modules
if _hides:
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # Keras then goes without
try:
    import keras
finally:
    if _hides:
        del sys.modules["matplotlib"]

__all__ = ["keras"]
