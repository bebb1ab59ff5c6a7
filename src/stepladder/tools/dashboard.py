"""The live page, served on this machine alone; needs the extra `ui`."""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stepladder.errors import InputError, OutputError, StepladderError
from stepladder.hpo.plan import SearchStatus, run_search_status, with_candidates
from stepladder.report.comparison import comparison_as_html
from stepladder.report.figures import figures_of
from stepladder.report.html import as_html
from stepladder.report.live import live_html, runs_html, search_live_html
from stepladder.report.wording import duration, printable
from stepladder.runs.folder import REPORT_NAME, STORE_NAME, STUDY_NAME, check_own
from stepladder.runs.results import Results
from stepladder.runs.stored import RunState, results_of, results_so_far, runs_in, runs_of, state_of
from stepladder.store import check_place, is_missing, open_store
from stepladder.study.study import Study


@dataclass(frozen=True)
class Source:
    """Runs that are read and never written.

    Attributes:
        place: a run's folder, a folder that holds runs, or None where there is only a store.
        store: URL of the store; each run's own when None.
    """

    place: Path | None
    store: str | None

    @classmethod
    def of(cls, named: str, store: str | None = None) -> Source:
        """What a word on the command line names.

        Args:
            named: a folder, or the file or URL of a store.
            store: the store that all runs of a folder used; each its own when None.

        Raises:
            InputError: if it is a folder without any run, or no store could be there.
        """
        if not os.path.isdir(named):  # pathlib raises where a URL is too long a name
            _check_is_there(named)
            return cls(None, named)
        place = Path(os.path.abspath(named))  # whose name is never "." or ".."
        if store is not None:
            check_place(store)
        if not (place / STUDY_NAME).is_file() and not runs_in(place, store):
            raise InputError(
                f"RUN_OR_STORE must be a run, a folder of runs or a store, found the folder "
                f"{named!r} without any; run a study first"
            )
        return cls(place, store)

    def states(self) -> list[RunState]:
        """Every run and how far it is.

        Raises:
            StepladderError: if the store cannot be read.
        """
        if self.place is None:
            with open_store(self.store or "", create=False) as kept:
                return runs_of(kept)
        if (self.place / STUDY_NAME).is_file():
            return [state_of(self.place, self.store)]
        return runs_in(self.place, self.store)

    def search_page(self, state: RunState) -> str:
        """The page that a finished search has left in its folder.

        Raises:
            StepladderError: if it is not there.
        """
        if state.folder is None:
            raise StepladderError(
                f"{state.name!r} is a finished search: its page lies in its folder, and is shown "
                "where that folder is named"
            )
        try:
            return (state.folder / REPORT_NAME).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StepladderError(
                f"the page of the search {state.name!r} cannot be read ({error}); run the search "
                "again, which trains nothing that is stored"
            ) from None

    def so_far(self, state: RunState) -> SearchStatus:
        """How far a search is, without any test figure.

        Raises:
            StepladderError: if its store cannot be read.
        """
        return run_search_status(state, self.store)

    def results(self, state: RunState) -> Results:
        """What a run came to; while it trains without any test figure, which would be a look.

        Raises:
            StepladderError: if its store cannot be read.
        """
        if state.problem:
            raise StepladderError(state.problem)
        url, name, study = self.store, state.name, None
        if state.folder is not None:
            study = Study.load(state.folder / STUDY_NAME)
            name = study.name
            url = url or str(state.folder / STORE_NAME)
        with open_store(url or "", create=False) as kept:
            if study is not None:
                check_own(kept, study, state.folder or Path())
            if state.state == "finished":
                return results_of(kept, name, "ui", folder=state.folder)
            return results_so_far(kept, name)


def _check_is_there(store: str) -> None:
    """Makes sure that a store which is a file exists; a server may be asked later.

    Raises:
        InputError: if it does not, or no store could be there.
    """
    check_place(store)
    if is_missing(store):
        raise InputError(
            f"RUN_OR_STORE must be a run, a folder of runs or a store, found nothing at {store!r}; "
            "check the path, or run a study first"
        )


LEAST_SECONDS = 2.0
SHARE = 0.05  # of one core's time that making one page may take


T = TypeVar("T")


@dataclass(frozen=True)
class _Made(Generic[T]):
    value: T
    stamp: Hashable
    at: float
    cost: float


class Cache(Generic[T]):
    """Values by key; whoever asks while one is made anew gets the one before.

    Args:
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[Hashable, _Made[T]] = {}
        self._locks: dict[Hashable, Lock] = {}
        self._guard = Lock()

    def get(self, key: Hashable, stamp: Hashable, make: Callable[[], T]) -> T:
        """The value of a key.

        Args:
            key: which.
            stamp: what it is made from: as long as that is the same, nothing is made anew.
            make: makes it; what it raises is raised where there is no value yet, and else
                ignored, so that a store that is busy for a moment leaves the page as it was.
        """
        made = self._made.get(key)
        if made is not None and (made.stamp == stamp or not self._is_due(made)):
            return made.value
        with self._guard:
            lock = self._locks.setdefault(key, Lock())
        if made is None:
            lock.acquire()
        elif not lock.acquire(blocking=False):
            return made.value
        try:
            there = self._made.get(key)
            if there is not None and there is not made:
                return there.value  # another has made it meanwhile
            return self._make(key, stamp, make, there)
        finally:
            lock.release()

    def _is_due(self, made: _Made[T]) -> bool:
        return self._clock() - made.at >= max(LEAST_SECONDS, made.cost / SHARE)

    def _make(
        self, key: Hashable, stamp: Hashable, make: Callable[[], T], before: _Made[T] | None
    ) -> T:
        began = self._clock()
        try:
            value = make()
        except Exception:
            if before is None:
                raise
            value, stamp = before.value, before.stamp
        ended = self._clock()
        self._made[key] = _Made(value, stamp, ended, ended - began)
        return value


_HEADERS = [
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
     b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]  # fmt: skip


class Guard:
    """Lets a request through if its host, origin, method and token are right.

    The host is checked because a name elsewhere may be made to point to this machine, the origin
    because a page elsewhere may ask for ours.

    Args:
        app: what answers, without the token in its paths.
        token: the first part of every path.
        port: at which it is served.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or refuses in a line."""
        if scope["type"] != "http":
            return
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        inner = {**scope, "path": scope["path"][len(self._token) + 1 :] or "/"}

        async def send_guarded(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", [])
                message = {**message, "headers": [*headers, *_HEADERS]}  # type: ignore[misc]
            await send(message)

        await self._app(inner, receive, send_guarded)  # type: ignore[arg-type]

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts:
            return PlainTextResponse("This page is for this machine alone.", 421)
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return PlainTextResponse("Other pages may not ask for this one.", 403)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("This page can only be read.", 405, {"Allow": "GET, HEAD"})
        first = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not hmac.compare_digest(first.encode(), self._token.encode()):
            return PlainTextResponse("Open the address that stepladder ui has printed.", 403)
        return None


_WATCHED = ("validation", "accuracy", "loss", "seconds", "gradients", "units")
"""Figures that show no test accuracy."""


@dataclass(frozen=True)
class Pages:
    """Pages by their address.

    Attributes:
        source: where the runs are.
        cache: of what was made.
        searches: how far those are that train.
    """

    source: Source
    cache: Cache[str]
    searches: Cache[SearchStatus] = field(default_factory=Cache)

    def runs(self) -> str:
        """Every run, with a link to it.

        Raises:
            StepladderError: if the store cannot be read.
        """
        states = [with_candidates(each, self._so_far) for each in self.source.states()]
        rows = [
            (key_of(state), as_address(key_of(state)), state.state,
             f"{state.stored:,} of {state.planned:,}", duration(state.seconds), state.problem)
            for state in states
        ]  # fmt: skip
        return runs_html(rows)

    def run(self, key: str) -> str | None:
        """One run: its report, or what is known while it trains; None for an unknown one.

        Raises:
            StepladderError: if its store cannot be read.
        """
        state = self._state(key)
        if state is None:
            return None
        if state.is_search and not state.problem:
            return self._search(state)
        stamp = (state.state, state.stored, state.planned, state.declared)
        return self.cache.get(("run", key), stamp, lambda: self._run(state))

    def _run(self, state: RunState) -> str:
        results = self.source.results(state)
        if state.state == "finished":
            return as_html(results)
        plots = [plot for plot in figures_of(results) if plot.name in _WATCHED]
        return live_html(results, plots, state.state, self._others(key_of(state)))

    def _search(self, state: RunState) -> str:
        """The page that a search has left, or how far it is."""
        if not state.is_search_under_way:
            return self.source.search_page(state)
        found = self._so_far(state)
        if found.is_whole:
            return self.source.search_page(state)
        counted = found.count_in(state)
        stamp = (counted.state, found.over, found.part, found.stored, found.training)
        return self.cache.get(
            ("search", key_of(state)), stamp,
            lambda: search_live_html(found, counted.state, self._others(key_of(state))),
        )  # fmt: skip

    def _so_far(self, state: RunState) -> SearchStatus:
        """How far a search under way is."""
        return self.searches.get(key_of(state), object(), lambda: self.source.so_far(state))

    def _others(self, key: str) -> Sequence[tuple[str, str]]:
        others = (key_of(state) for state in self.source.states())
        return [(other, as_address(other)) for other in others if other != key]

    def compare(self, one: str, two: str) -> str | None:
        """Two runs side by side; None where either is unknown or is not finished.

        Raises:
            StepladderError: if a store cannot be read.
        """
        states = [self._state(key) for key in (one, two)]
        first, second = states
        if first is None or second is None:
            return None
        if not first.state == second.state == "finished":
            return None  # test figures of a study that trains are not shown
        if first.is_search or second.is_search:
            return None  # which has no arms
        stamp = (first.stored, first.declared, second.stored, second.declared)
        return self.cache.get(
            ("compare", one, two), stamp,
            lambda: comparison_as_html(self.source.results(first), self.source.results(second),
                                       (one, two)),
        )  # fmt: skip

    def _state(self, key: str) -> RunState | None:
        return next((each for each in self.source.states() if key_of(each) == key), None)


def as_address(key: str) -> str:
    """A key as one part of a path, quoted twice, since what serves it undoes one of them first."""
    return quote(quote(key, safe=""), safe="")


def key_in(part: str) -> str:
    """The key of a part of a path that `as_address` made, as a request has it."""
    return unquote(part)


def key_of(state: RunState) -> str:
    """What a run is called in an address: its folder, or its study where there is only a store."""
    return state.folder.name if state.folder is not None else state.name


HOST = "127.0.0.1"


def application(source: Source, token: str, port: int) -> Guard:
    """The live page as an application of ASGI.

    Args:
        source: where the runs are.
        token: the first part of every path.
        port: at which it is served.
    """
    pages = Pages(source, Cache())

    async def runs(request: Request) -> Response:
        return await _shown(pages.runs)

    async def run(request: Request) -> Response:
        return await _shown(pages.run, key_in(request.path_params["key"]))

    async def compare(request: Request) -> Response:
        keys = (key_in(request.path_params[each]) for each in ("one", "two"))
        return await _shown(pages.compare, *keys)

    routes = [
        Route("/", runs),
        Route("/run/{key}", run),
        Route("/compare/{one}/{two}", compare),
    ]
    return Guard(Starlette(routes=routes), token, port)


async def _shown(make: Callable[..., str | None], *keys: str) -> Response:
    """A page made in a thread; a store that cannot be read is said so, and tried again."""
    try:
        text = await run_in_threadpool(make, *keys)
    except StepladderError as error:
        return HTMLResponse(runs_html([], printable(str(error))), 503, {"Retry-After": "5"})
    if text is None:
        return PlainTextResponse("There is no such run, or it is not finished.", 404)
    return HTMLResponse(text)


def serve(source: Source, port: int, told: Callable[[str], None]) -> None:
    """Serves until it is interrupted, at the lowest priority, so that training goes before.

    Args:
        source: where the runs are.
        port: 0 for any that is free.
        told: is given the address, with its token.

    Raises:
        OutputError: if the port cannot be had.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # whoever is told the address may call at once
    except OSError as error:
        listening.close()
        raise OutputError(
            f"--port must be a port that is free, found {port}: {error.strerror}; choose another, "
            "or 0 for any"
        ) from None
    if hasattr(os, "nice"):
        os.nice(19)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    config = uvicorn.Config(
        application(source, token, port), log_level="warning", server_header=False,
        access_log=False, lifespan="off",
    )  # fmt: skip
    told(f"http://{HOST}:{port}/{token}/")
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
