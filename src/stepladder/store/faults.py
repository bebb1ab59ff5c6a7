"""What databases and drivers raise, told as errors of ours: expected, found, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from stepladder.errors import RunError, StepladderError, StoreError
from stepladder.store.address import Address
from stepladder.store.patience import ConnectionLostError

__all__ = ["explained"]

_KEPT = "run the same command again: what was finished is stored"
_DAMAGED = "move it away and start a new one, or put back a copy"

# SQLite's code, by its first words: what should be, what to do, whether the file is to blame.
_SQLITE: dict[str, tuple[str, str, bool]] = {
    "SQLITE_BUSY": (
        "must come free for writing in good time",
        "wait for the other program that writes to it, or stop it, then {again}",
        False,
    ),
    "SQLITE_FULL": ("must have room to grow", "free some space on its disk, then {again}", False),
    "SQLITE_IOERR": (
        "must lie on a disk that works and has room",
        "check the disk and its free space, then {again}",
        False,
    ),
    "SQLITE_READONLY": (
        "must be writable, with its folder",
        "give it back its name and its permissions, then {again}",
        False,
    ),
    "SQLITE_CANTOPEN": (
        "must lie in a folder that can be written",
        "check the folder and its permissions, then {again}",
        False,
    ),
    "SQLITE_CORRUPT": ("must be whole", _DAMAGED, True),
    "SQLITE_NOTADB": ("must be a SQLite file", _DAMAGED, True),
    "SQLITE_ERROR": ("must have the tables that stepladder made", _DAMAGED, True),
}


@contextmanager
def explained(address: Address, opening: bool = False) -> Iterator[None]:
    """Turns whatever the database raises within into an error that a user can act on.

    Args:
        address: the store, for the message.
        opening: whether the store is just being opened: then nothing has run that could fail.

    Raises:
        StoreError: while opening, and where the store itself is damaged.
        RunError: for a failure while a sound store is used.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise StoreError(
            f"what the store {address.shown} keeps must be text that UTF-8 can hold, found "
            f"{error.object!r}; rename it"
        ) from None
    except DBAPIError as error:
        raise _told(error, address, opening) from None
    except SQLAlchemyError as error:
        found = address.without_secrets(str(error))
        raise StoreError(
            f"the store {address.shown} must be usable, found: {found}; check its address"
        ) from None


def _told(error: DBAPIError, address: Address, opening: bool) -> StepladderError:
    found = " ".join(address.without_secrets(str(error.orig)).split())
    code = str(getattr(error.orig, "sqlite_errorname", ""))
    known = next((entry for name, entry in _SQLITE.items() if code.startswith(name)), None)
    expected, advice, is_damaged = known or (
        "must be reachable and answer",
        "check the address, the server and its permissions, then {again}",
        isinstance(error, ProgrammingError),
    )
    advice = advice.format(again="try again" if opening else _KEPT)
    kind: type[StepladderError] = StoreError if opening or is_damaged else RunError
    if error.connection_invalidated and not opening:
        kind = ConnectionLostError
    return kind(f"the store {address.shown} {expected}, found: {found}; {advice}")
