"""Which files, and what else outside the process, a user's code opens."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from stepladder.training.layer_state import replace_attribute

# Where libraries lie, and stepladder. Not `sys.prefix`: that is /usr where Python is the system's.
_LIBRARIES = tuple(
    os.path.join(os.path.realpath(place), "")
    for place in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(place for place in sys.path if place.endswith(("site-packages", "dist-packages"))),
        str(Path(__file__).parents[1]),
    }
)
_SYSTEM = ("/dev/", "/proc/", "/sys/")
_CODE = (".py", ".pyc", ".so", ".pyd")
_PLACES = {
    "open": 0,
    "sqlite3.connect": 0,
    "socket.getaddrinfo": 0,
    "socket.connect": 1,
    "subprocess.Popen": 0,
}
"""Audit events, and which of their arguments says what is opened."""

_watching: list[list[str]] = []


@contextmanager
def watch_opened() -> Iterator[list[str]]:
    """Notes what the code of this process that is no library's opens, itself or by a library.

    Code may be opened, also by an import, and whatever a library opens while it is imported, and
    JAX's cache of compiled programs.

    Yields:
        What was opened so far.
    """
    _add_hook()
    opened: list[str] = []
    _watching.append(opened)
    try:
        with _audited_h5py():
            yield opened
    finally:
        _watching.remove(opened)


@cache
def _add_hook() -> None:
    sys.addaudithook(_hook)  # for good: Python removes none


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in _PLACES:
        return
    target = arguments[_PLACES[event]]
    if event == "open":
        if not isinstance(target, str | bytes) or not _is_data(os.fsdecode(target)):
            return  # a number is of a file that is open already
        target = os.fsdecode(target)
    if _is_asked_for(sys._getframe(1)):
        _watching[-1].append(str(target))


def _is_data(path: str) -> bool:
    import jax

    compiled = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    places = (*_LIBRARIES, *_SYSTEM, *([os.path.realpath(compiled)] if compiled else []))
    if path.endswith(_CODE) or path in sys.path:  # a module, or a zip archive of modules
        return False
    return not os.path.realpath(path).startswith(places)


def _is_asked_for(frame: FrameType | None) -> bool:
    """Whether the nearest code that is no library's asks for it, and no import in between."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen "):  # of an import
            return False
        if not name.startswith("<") and not os.path.realpath(name).startswith(_LIBRARIES):
            return True
        frame = frame.f_back
    return False


@contextmanager
def _audited_h5py() -> Iterator[None]:
    """HDF5 opens files itself, which Python does not hear of."""
    h5f = sys.modules.get("h5py.h5f")
    if h5f is None:
        yield
        return
    real = h5f.open

    def audited(name: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as h5py's
        sys.audit("open", name, None, 0)
        return real(name, *args, **kwargs)

    with replace_attribute([h5f], "open", audited):
        yield
