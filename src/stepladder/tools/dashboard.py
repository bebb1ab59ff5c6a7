"""The live page, served on this machine alone; needs the extra `ui`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from stepladder.errors import InputError, OutputError, StepladderError
from stepladder.hpo.plan import SearchStatus, run_search_status, with_candidates
from stepladder.report.comparison import comparison_as_html
from stepladder.report.figures import figures_of
from stepladder.report.figures.reported import PREFIX
from stepladder.report.html import DrawnFigure, as_html, digest_of, drawn, script_of
from stepladder.report.live import ListedRun, live_html, runs_html, search_live_html
from stepladder.report.progress import about
from stepladder.report.wording import printable
from stepladder.runs.folder import REPORT_NAME, STUDY_NAME, check_own, store_of
from stepladder.runs.results import Results
from stepladder.runs.stored import (
    RunState,
    results_of,
    results_so_far,
    runs_in,
    runs_of,
    state_of,
    validation_scores,
)
from stepladder.store import Store, check_place, is_missing, open_store
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
        """The source that a word on the command line names.

        Args:
            named: a folder, or the file or URL of a store.
            store: the store that all runs of a folder used; each its own when None.

        Raises:
            InputError: if it is a folder without any run, or no store could be there.
        """
        if not os.path.isdir(named):  # pathlib raises where a URL is too long a name
            check_place(named)
            if is_missing(named):  # a file: a server may be asked later
                raise InputError(
                    f"RUN_OR_STORE must be a run, a folder of runs or a store, found nothing at "
                    f"{named!r}; check the path, or run a study first"
                )
            return cls(None, named)
        place = Path(os.path.abspath(named))  # whose name is never "." or ".."
        if store is not None:
            check_place(store)
        if not os.path.isfile(place / STUDY_NAME) and not runs_in(place, store):
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
            with open_store(self.store or "", create=False, writes=False) as store:
                return runs_of(store)
        if os.path.isfile(self.place / STUDY_NAME):
            several = runs_in(self.place, self.store)  # of a study on several data sets
            return several or [state_of(self.place, self.store)]
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

    def search_status(self, state: RunState) -> SearchStatus:
        """How far a search is, without any test figure.

        Raises:
            StepladderError: if its store cannot be read.
        """
        return run_search_status(state, self.store)

    def scores(self, state: RunState) -> tuple[float, ...]:
        """Validation scores of a run's trials so far; none of a search, or on several data sets.

        Raises:
            StepladderError: if its store cannot be read.
        """
        if state.problem or state.is_search or not state.stored or not state.declared:
            return ()
        if state.folder is None:
            with open_store(self.store or "", create=False, writes=False) as store:
                return validation_scores(store, state.name)
        with open_store(store_of(state.folder, self.store), create=False, writes=False) as store:
            return validation_scores(store, state.name)

    def results(self, state: RunState) -> Results:
        """Results of a run; while it trains without any test figure, which would be a look.

        Raises:
            StepladderError: if its store cannot be read.
        """
        if state.problem:
            raise StepladderError(state.problem)
        if state.folder is None:
            with open_store(self.store or "", create=False) as store:
                return self._results(store, state, state.name)
        study = Study.load(state.folder / STUDY_NAME)
        if study.datasets:
            raise StepladderError(
                f"{state.name!r} is on {len(study.datasets)} data sets: its page is "
                f"{REPORT_NAME} in {str(state.folder)!r}; `stepladder ui {state.folder}` has each "
                "of them"
            )
        with open_store(store_of(state.folder, self.store), create=False) as store:
            check_own(store, study, state.folder)
            return self._results(store, state, study.name)

    def _results(self, store: Store, state: RunState, name: str) -> Results:
        if state.state == "finished":
            return results_of(store, name, "ui", folder=state.folder)
        return results_so_far(store, name)


LEAST_SECONDS = 0.8
SHARE = 0.25  # of one core's time that making one page may take, at the lowest priority
SHARE_OF_FIGURES = 0.05


T = TypeVar("T")


@dataclass(frozen=True)
class _Page(Generic[T]):
    value: T
    stamp: Hashable
    at: float
    cost: float


@dataclass
class _Entry(Generic[T]):
    page: _Page[T] | None = None
    lock: Lock = field(default_factory=Lock)


class Cache(Generic[T]):
    """Values by key; while a value is made again, other callers get the one before.

    Args:
        clock: seconds from any origin, never backwards.
        share: of the time that making a value may take.

    Example:
        >>> pages = Cache()
        >>> pages.get("run", 1, lambda: "page"), pages.get("run", 1, lambda: "another page")
        ('page', 'page')
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, share: float = SHARE) -> None:
        self.clock = clock
        self._share = share
        self._entries: dict[Hashable, _Entry[T]] = {}

    def peek(self, key: Hashable) -> tuple[T, Hashable] | None:
        """The value of a key as it is, with its stamp; None where there is none yet."""
        entry = self._entries.get(key)
        return (entry.page.value, entry.page.stamp) if entry and entry.page else None

    def get(self, key: Hashable, stamp: Hashable, make: Callable[[], T]) -> T:
        """The value of a key.

        Args:
            key: which.
            stamp: what it is made from: as long as that is the same, nothing is made again.
            make: makes it; what it raises is raised where there is no value yet, and else
                ignored, so that a store that is busy for a moment leaves the page as it was.
        """
        entry = self._entries.setdefault(key, _Entry())  # atomic in CPython
        page = entry.page
        if page is not None and (
            page.stamp == stamp
            or self.clock() - page.at < max(LEAST_SECONDS, page.cost / self._share)
        ):
            return page.value
        if not entry.lock.acquire(blocking=page is None):
            assert page is not None
            return page.value
        try:
            if entry.page is not None and entry.page is not page:
                return entry.page.value  # another caller has made it meanwhile
            start = self.clock()
            try:
                value = make()
            except Exception:
                if page is None:
                    raise
                value, stamp = page.value, page.stamp
            end = self.clock()
            entry.page = _Page(value, stamp, end, end - start)
            return value
        finally:
            entry.lock.release()


_SCRIPTS = " ".join(f"'{digest_of(script_of(name))}'" for name in ("report.js", "live.js"))
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    f"script-src {_SCRIPTS}; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "connection": "close",
}


class Guard:
    """Lets a request through if its host, origin, method and token are right.

    The host is checked because a name elsewhere may be made to point to this machine, the origin
    because a page elsewhere may ask for ours. An address with a slash too many, or without the one
    behind the token, is redirected to the address of the page, with its token: links in a page
    are relative to it.

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
        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        path = scope["path"].split("/", 2)[2]
        await self._app({**scope, "path": f"/{path}"}, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        origin = request.headers.get("origin")
        raw = request.scope["raw_path"].decode("latin-1")  # as it came: not to be quoted again
        token, slash, path = raw.removeprefix("/").partition("/")
        if request.headers.get("host") not in self._hosts:
            return PlainTextResponse("This page is for this machine alone.", 421)
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return PlainTextResponse("Other pages may not ask for this one.", 403)
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("This page can only be read.", 405, {"Allow": "GET, HEAD"})
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return PlainTextResponse("Open the address that stepladder ui has printed.", 403)
        plain = "/".join(filter(None, path.split("/")))
        if not slash or path != plain:
            return PlainTextResponse("", 307, {"Location": f"/{token}/{plain}", **_HEADERS})
        return None


_WATCHED = ("validation", "accuracy", "loss", "seconds", "gradients", "units")
"""Figures that show no test accuracy."""


def is_watched(name: str) -> bool:
    """Whether a figure is shown while a study trains: none that is of the test part."""
    return name in _WATCHED or (name.startswith(PREFIX) and "test" not in name)


@dataclass(frozen=True)
class Pages:
    """Pages by their address.

    Attributes:
        source: where the runs are.
        cache: of pages.
        searches: how far the searches are that train.
        scores: validation scores of runs.
        figures: of studies that train, which are drawn less often than their tables are made.
        begun: by run, when it was first seen training, and what was stored then.
    """

    source: Source
    cache: Cache[str]
    searches: Cache[SearchStatus] = field(default_factory=Cache)
    scores: Cache[tuple[float, ...]] = field(default_factory=Cache)
    figures: Cache[tuple[DrawnFigure, ...]] = field(
        default_factory=lambda: Cache(share=SHARE_OF_FIGURES)
    )
    begun: dict[str, tuple[float, int]] = field(default_factory=dict)

    def runs(self) -> str:
        """Every run, with a link to it.

        Raises:
            StepladderError: if the store cannot be read.
        """
        states = [with_candidates(state, self._search_status) for state in self.source.states()]
        return runs_html([
            ListedRun(
                key_of(state), as_address(key_of(state)), state.state, state.stored,
                state.planned, state.seconds, state.problem, state.name, self._scores(state),
                left=self._time_left(state),
                is_compared=_has_arms(state),
            )
            for state in states
        ])  # fmt: skip

    def _scores(self, state: RunState) -> tuple[float, ...]:
        stamp = (state.stored, state.declared)
        try:
            return self.scores.get(key_of(state), stamp, lambda: self.source.scores(state))
        except StepladderError:  # the list is shown without them
            return ()

    def _time_left(self, state: RunState) -> str:
        """In words, by what was stored since it was first seen training; empty before that."""
        now = self.cache.clock()
        if state.state != "training":
            self.begun.pop(key_of(state), None)
            return ""
        began, stored = self.begun.setdefault(key_of(state), (now, state.stored))
        if state.stored <= stored:
            return ""
        seconds = (now - began) / (state.stored - stored) * (state.planned - state.stored)
        return f"about {about(seconds)} left"

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
        if state.state == "finished":  # of a key of its own: it is shown at once
            make = self.source.results
            return self.cache.get(("report", key), stamp, lambda: as_html(make(state)))
        figures, drawn_of = self._figures(state, stamp)
        return self.cache.get(
            ("run", key), (stamp, drawn_of), lambda: self._live(state, figures)
        )  # fmt: skip

    def _live(self, state: RunState, figures: Sequence[DrawnFigure]) -> str:
        results = self.source.results(state)
        left = self._time_left(state)
        return live_html(results, figures, state.state, left)

    def _figures(
        self, state: RunState, stamp: Hashable
    ) -> tuple[tuple[DrawnFigure, ...], Hashable]:
        """Figures of a study that trains, and the stamp of what they show.

        They are drawn anew beside the answer, so that no table waits for them.
        """
        key = key_of(state)
        if not state.stored:
            return (), stamp  # empty axes would stay while the first trials come in

        def draw() -> tuple[DrawnFigure, ...]:
            plots = figures_of(self.source.results(state))
            return tuple(drawn(plot) for plot in plots if is_watched(plot.name))

        known = self.figures.peek(key)
        if known is None:
            return self.figures.get(key, stamp, draw), stamp
        if known[1] != stamp:
            Thread(target=self.figures.get, args=(key, stamp, draw), daemon=True).start()
        return known

    def _search(self, state: RunState) -> str:
        """The page that a search has left, or how far it is."""
        if not state.is_search_under_way:
            return self.source.search_page(state)
        status = self._search_status(state)
        if status.is_whole:
            return self.source.search_page(state)
        counted = status.count_in(state)
        stamp = (counted.state, status.over, status.part, status.stored, status.training)
        return self.cache.get(
            ("search", key_of(state)), stamp,
            lambda: search_live_html(status, counted.state, self._time_left(counted)),
        )  # fmt: skip

    def _search_status(self, state: RunState) -> SearchStatus:
        # The stamp is always new: only the time decides when the status is read again.
        return self.searches.get(key_of(state), object(), lambda: self.source.search_status(state))

    def compare(self, one: str, two: str) -> str | None:
        """Two runs side by side; None where either is unknown or is not finished.

        Raises:
            StepladderError: if a store cannot be read.
        """
        first, second = self._state(one), self._state(two)
        if first is None or second is None or not (_has_arms(first) and _has_arms(second)):
            return None
        stamp = (first.stored, first.declared, second.stored, second.declared)
        return self.cache.get(
            ("compare", one, two), stamp,
            lambda: comparison_as_html(self.source.results(first), self.source.results(second),
                                       (one, two)),
        )  # fmt: skip

    def _state(self, key: str) -> RunState | None:
        return next((state for state in self.source.states() if key_of(state) == key), None)


def _has_arms(state: RunState) -> bool:
    """Whether it can be compared: finished, and neither a search nor on several data sets."""
    return state.state == "finished" and not state.is_search and bool(state.declared)


def as_address(key: str) -> str:
    """A key as one part of a path, quoted twice, since the server undoes one of them first."""
    return quote(quote(key, safe=""), safe="")


def key_of(state: RunState) -> str:
    """A run's name in an address: its folder, or its study where there is only a store."""
    return state.folder.name if state.folder is not None else state.name


HOST = "127.0.0.1"


def application(source: Source, token: str, port: int) -> Starlette:
    """The live page as an application of ASGI.

    Args:
        source: where the runs are.
        token: the first part of every path.
        port: at which it is served.
    """
    pages = Pages(source, Cache())

    def endpoint(make: Callable[..., str | None]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            known = request.headers.get("if-none-match")
            keys = map(unquote, request.path_params.values())
            return await _answer(make, *keys, known=known)

        return answer

    return Starlette(
        routes=[
            Route("/", endpoint(pages.runs)),
            Route("/run/{key}", endpoint(pages.run)),
            Route("/compare/{one}/{two}", endpoint(pages.compare)),
        ],
        middleware=[Middleware(Guard, token=token, port=port)],
    )


async def _answer(
    make: Callable[..., str | None], *keys: str, known: str | None = None
) -> Response:
    """A page made in a thread, or that it is `known` already; one that cannot be made says so."""
    try:
        text = await run_in_threadpool(make, *keys)
    except StepladderError as error:
        return HTMLResponse(runs_html([], printable(str(error))), 503, {"Retry-After": "5"})
    except Exception as error:  # a fault of ours ends neither the server nor fills its terminal
        problem = f"{type(error).__name__}: {error}"
        return HTMLResponse(runs_html([], printable(problem)), 500)
    if text is None:
        return PlainTextResponse("There is no such run, or it is not finished.", 404)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()}"'
    if known == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return HTMLResponse(text, headers={"ETag": tag})


MOST_CONNECTIONS = 64
REQUEST_SECONDS = 10.0
ANSWER_SECONDS = 300.0


class Connection(H11Protocol):
    """A connection that asks soon, is answered once, and gives way where there are too many."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Sets the limits of time; closes the connection that has waited longest for a request."""
        super().connection_made(transport)
        self._began = self.loop.time()
        self._limits = (
            self.loop.call_later(REQUEST_SECONDS, self._end_without_request),
            self.loop.call_later(ANSWER_SECONDS, transport.abort),
        )
        if len(self.connections) > MOST_CONNECTIONS:
            others = (other for other in self.connections if isinstance(other, Connection))
            min(others, key=lambda other: (bool(other.cycle), other._began)).end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Frees what waits for the limits of time."""
        for limit in self._limits:
            limit.cancel()
        super().connection_lost(exc)

    def end(self) -> None:
        """Closes it at once; it does not count any more."""
        self.connections.discard(self)
        self.transport.abort()

    def _end_without_request(self) -> None:
        if not bool(self.cycle):  # None before the first request, whatever its type says
            self.end()


def serve(source: Source, port: int, say: Callable[[str], None]) -> None:
    """Serves until it is interrupted, at the lowest priority, so that training goes before.

    Args:
        source: where the runs are.
        port: 0 for any that is free.
        say: receives the address, with its token.

    Raises:
        OutputError: if the port is taken.

    Example:
        >>> serve(Source.of("runs"), 0, print)  # doctest: +SKIP
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # whoever gets the address may call at once
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
        application(source, token, port), http=Connection, ws="none", loop="asyncio",
        lifespan="off", log_level="critical", access_log=False, server_header=False,
        # asyncio accepts as many connections at a time, before it counts any.
        backlog=MOST_CONNECTIONS, timeout_graceful_shutdown=3,
    )  # fmt: skip
    say(f"http://{HOST}:{port}/{token}/")
    with listening:
        asyncio.run(_serve(uvicorn.Server(config), listening))


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    # Where files run out, asyncio tells of each connection that it cannot accept, then tries again.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await server.serve(sockets=[listening])
