"""A real PostgreSQL server: a temporary data directory, a loopback port, gone when removed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

PASSWORD = "s3cret"
_NEEDED = "Debian's package `postgresql` and `pip install 'stepladder[postgres]'`"


def missing() -> str | None:
    """Why no server can be started here, or None where one can."""
    if _binaries() is None:
        return f"PostgreSQL tests need {_NEEDED}, found no program `postgres`"
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        return f"PostgreSQL tests need {_NEEDED}, found no driver: {error}"
    return None


def _binaries() -> Path | None:
    """The folder of the server's programs; Debian does not put them on the path."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class PostgresServer:
    """One server, started at once. It refuses to run as root: then it runs as `nobody`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="stepladder-postgres-"))
        self._as = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        self._run("initdb", "--pgdata", self._data, "--username", "ladder", "--auth",
                  "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8", "--locale", "C",
                  "--no-sync")  # fmt: skip
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *words: object) -> None:
        subprocess.run(
            [_binaries() / program, *map(str, words)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=self._folder, timeout=60, **self._as,
        )  # fmt: skip

    def start(self) -> None:
        """Starts it and returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": self._folder,
            "fsync": "off",  # the server's durability is PostgreSQL's to test
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "--pgdata", self._data, "--log", self._folder / "log", "--wait",
                  "--options", options, "start")  # fmt: skip

    def stop(self) -> None:
        """Stops it; whoever is connected is cut off."""
        self._run("pg_ctl", "--pgdata", self._data, "--wait", "--mode", "fast", "stop")

    def remove(self) -> None:
        """Stops it and removes all that it has written."""
        with suppress(subprocess.CalledProcessError):  # it may have been stopped before
            self.stop()
        shutil.rmtree(self._folder)

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, as a store is named."""
        return f"postgresql+psycopg://ladder:{PASSWORD}@127.0.0.1:{self._port}/{database}"

    def execute(self, statement: str) -> list[tuple]:
        """What a statement gives, run outside any transaction."""
        import psycopg

        plain = self.url().replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []
