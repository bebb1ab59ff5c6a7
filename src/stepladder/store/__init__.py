"""Where trials, studies and looks are kept: SQLite by default, PostgreSQL by its URL."""

import os
from pathlib import Path

from stepladder.store.base import OWN_VALIDATION, ClaimOwner, Judgement, Look, Store, StudyRecord

__all__ = [
    "OWN_VALIDATION", "ClaimOwner", "Judgement", "Look", "Store", "StudyRecord", "check_place",
    "is_missing", "open_store",
]  # fmt: skip


def check_place(url_or_path: str | Path) -> None:
    """Makes sure that a store is at an address, or could be made there; nothing is written.

    Raises:
        StoreError: as `open_store` does, as far as that can be seen without a connection to a
            server.
    """
    from stepladder.store.opening import check_address

    check_address(url_or_path, create=True)


def is_missing(url_or_path: str | Path) -> bool:
    """Whether a store is a file that does not exist; of a server this is not known.

    Raises:
        StoreError: if the address is malformed.
    """
    from stepladder.store.connection import parse

    path = parse(url_or_path).path
    return path is not None and not os.path.exists(path)


def open_store(
    url_or_path: str | Path, create: bool = True, timeout: float = 60.0, writes: bool = True
) -> Store:
    """Opens a store, and makes it or brings it to the newest schema where that is needed.

    Args:
        url_or_path: a SQLite file as a path or as `sqlite:///path`; `sqlite://` or `:memory:` for
            one in memory; `postgresql+psycopg://user:password@host/database`.
        create: whether to make a store that does not exist; without, a missing one is an error.
        timeout: seconds to wait for another program that holds SQLite's lock, and for a server
            that does not answer.
        writes: whether anything will be written; without, a file that can only be read will do.

    Returns:
        The store; close it, or use it as a context manager.

    Raises:
        StoreError: if the address is malformed, the place cannot be reached or written, or what
            lies there is no store of ours, is damaged or of a newer stepladder. Nothing is
            touched in that case, and no password is shown.

    Example:
        >>> with open_store("sqlite://") as store:
        ...     store.studies()
        []
    """
    # SQLAlchemy takes longer to import than most commands take.
    from stepladder.store.opening import open_sql

    return open_sql(url_or_path, create, timeout, writes)
