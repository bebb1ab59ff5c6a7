"""Memory that may still be used, and the refusal of what would need more."""

import os
from pathlib import Path

from stepladder.errors import DataError

_CGROUP = Path("/sys/fs/cgroup")


def free_memory(cgroup: Path = _CGROUP) -> int:
    """Bytes that may still be used here, by the system, a cgroup (version 2) and `ulimit -v`."""
    import psutil  # late: it knows no cgroups, and most commands need it not

    try:
        available = int(psutil.virtual_memory().available)
        if hasattr(psutil, "RLIMIT_AS"):
            process = psutil.Process()
            limit, _ = process.rlimit(psutil.RLIMIT_AS)
            if limit != psutil.RLIM_INFINITY:
                available = min(available, max(0, limit - process.memory_info().vms))
    except (psutil.Error, OSError):  # no /proc: what the kernel says without it
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
        lines = (cgroup / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # no such cgroup, or no limit
        return available
    # Files that were not read for long are given back when memory is short.
    cached = (int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    return min(available, max(0, limit - used + next(cached, 0)))


_ALWAYS_FREE = 2**26  # bytes for which nobody is asked: small files are read at once


def check_memory(needed: int, what: str) -> None:
    """Makes sure that memory suffices, before anything is expanded.

    Args:
        needed: bytes.
        what: needs them.

    Raises:
        DataError: if fewer bytes are free.

    Example:
        >>> check_memory(2**80, "x.npz: x_train")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        stepladder.errors.DataError: x.npz: x_train must fit into memory, found 1,208,925,819,6...
    """
    if needed > _ALWAYS_FREE and needed > (free := free_memory()):
        raise DataError(
            f"{what} must fit into memory, found {needed / 1e6:,.0f} MB needed and "
            f"{free / 1e6:,.0f} MB free; use fewer examples, or a machine with more memory"
        )
