"""Who may read the live page: whoever knows its address, from this machine, by reading."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Guard"]

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
