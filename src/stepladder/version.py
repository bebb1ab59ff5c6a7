"""The version, in one place, and those of what is installed."""

import importlib.metadata
from functools import cache

__version__ = "0.1.0"


@cache
def version_of(module: str) -> str:
    """The version of an installed package, whichever distribution brings it.

    The module `tensorflow` is brought by `tensorflow-cpu` or `tf-nightly` as well.

    Raises:
        PackageNotFoundError: if none does.
    """
    try:
        return importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        brought = importlib.metadata.packages_distributions().get(module)
        if not brought:
            raise
        return importlib.metadata.version(brought[0])
