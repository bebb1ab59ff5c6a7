import pytest

pytest.importorskip("starlette", reason="the live page needs pip install 'stepladder[ui]'")
pytest.importorskip("httpx", reason="its tests need pip install httpx")

import asyncio

import httpx
from starlette.responses import PlainTextResponse

from stepladder.tools.dashboard import Guard, _answer

pytestmark = pytest.mark.extra

TOKEN, HOST = "secret-token", "127.0.0.1:8123"


async def answers(scope, receive, send):
    await PlainTextResponse(f"path {scope['path']}")(scope, receive, send)


def ask(path, method="GET", host=HOST, **headers):
    async def asked():
        transport = httpx.ASGITransport(Guard(answers, TOKEN, 8123))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.request(method, path, headers={"host": host, **headers})

    return asyncio.run(asked())


@pytest.mark.parametrize("host", [HOST, "localhost:8123"])
def test_whoever_knows_the_address_may_read(host):
    answer = ask(f"/{TOKEN}/run/mnist", host=host)
    assert (answer.status_code, answer.text) == (200, "path /run/mnist")
    assert ask(f"/{TOKEN}/").text == "path /"


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("", ""),
        ("//", ""),
        ("/run/mnist/", "run/mnist"),
        ("//run//mnist//", "run/mnist"),
        ("/run/mnist/?x=1", "run/mnist"),
        ("/run/a%252Fb/", "run/a%252Fb"),
        ("//example.org/", "example.org"),
    ],
)
def test_a_redirect_keeps_the_token_and_stays_here(asked, path):
    answer = ask(f"/{TOKEN}{asked}")
    assert (answer.status_code, answer.headers["location"]) == (307, f"/{TOKEN}/{path}")


def test_a_fault_is_one_page_and_no_traceback():
    def fails():
        raise TypeError("no such thing")

    answer = asyncio.run(_answer(fails))
    assert answer.status_code == 500
    assert b"TypeError: no such thing" in answer.body


@pytest.mark.parametrize(
    "path", ["/", "/secret", "/SECRET-TOKEN/", "/secret-token2/", "/x/secret-token/", "//", "/é"]
)
def test_without_the_token_nothing_is_shown(path):
    answer = ask(path)
    assert answer.status_code == 403
    assert "path" not in answer.text


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8123"]
)
def test_names_from_elsewhere_are_refused(host):
    assert ask(f"/{TOKEN}/", host=host).status_code == 421


def test_pages_from_elsewhere_are_refused():
    assert ask(f"/{TOKEN}/", origin="https://example.org").status_code == 403
    assert ask(f"/{TOKEN}/", origin="null").status_code == 403
    assert ask(f"/{TOKEN}/", origin=f"http://{HOST}").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_it_can_only_be_read(method):
    assert ask(f"/{TOKEN}/", method=method).status_code == 405
    assert ask(f"/{TOKEN}/", method="HEAD").status_code == 200


def test_every_page_forbids_what_it_does_not_need():
    headers = ask(f"/{TOKEN}/").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
