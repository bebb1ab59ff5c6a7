"""Serving the live page on this machine's own address."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from stepladder.errors import OutputError, StepladderError
from stepladder.report.live import runs_html
from stepladder.report.wording import visible
from stepladder.ui.cache import Cache
from stepladder.ui.guard import Guard
from stepladder.ui.pages import Pages, key_in
from stepladder.ui.sources import Source

__all__ = ["application", "serve"]

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
        return HTMLResponse(runs_html([], visible(str(error))), 503, {"Retry-After": "5"})
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
