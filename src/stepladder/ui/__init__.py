"""The live page: runs and how far they are, read from their stores, on this machine alone."""

from stepladder.ui.server import serve

__all__ = ["serve"]
