"""Reading bytes that somebody else's header announces."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Readable", "read_up_to"]

_PIECE = 2**20


class Readable(Protocol):
    """Whatever bytes are read from: a file, or what unpacks one."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


def read_up_to(stream: Readable, size: int) -> bytearray:
    """At most `size + 1` bytes: fewer mean that the stream ended, one more that it goes on.

    Memory grows with the bytes that are there, never with the size that was announced.

    Args:
        stream: what to read from, until `size + 1` bytes or its end.
        size: bytes expected, 0 or above.
    """
    found = bytearray()
    while len(found) <= size:
        piece = stream.read(min(_PIECE, size + 1 - len(found)))
        if not piece:
            break
        found += piece
    return found
