"""`stepladder ui`: a study watched while it trains, by whoever knows the address."""

import asyncio
import contextlib
import re
import signal
import socket
import urllib.error
import urllib.request

import pytest

pytest.importorskip("starlette", reason="the live page needs pip install 'stepladder[ui]'")
pytest.importorskip("uvicorn", reason="the live page needs pip install 'stepladder[ui]'")

from stepladder.errors import InputError
from stepladder.report.html import as_html
from stepladder.store import open_store
from stepladder.tools.dashboard import Cache, Pages, Source, application, key_of

pytestmark = pytest.mark.extra


def pages(*words):
    return Pages(Source.of(*words), Cache())


def text_of(page):
    return re.sub(r"<(style|svg|script)\b.*?</\1>", "", page, flags=re.DOTALL)


def looks():
    with open_store("runs/small/stepladder.db", create=False) as kept:
        (record,) = kept.studies()
        return kept.looks(record.fingerprint)


@pytest.mark.parametrize("named", ["runs", "runs/small", "runs/small/stepladder.db"])
def test_runs_are_listed_with_their_states(made_up, named):
    made_up(4)
    text = pages(named).runs()
    assert "unfinished" in text
    assert "4 of 6" in text
    assert 'href="run/small"' in text


def test_a_study_that_trains_shows_validation_alone_and_is_no_look(made_up):
    made_up(4)
    text = pages("runs").run("small")
    assert "4 of 6 trials" in text_of(text)
    assert "validation %" in text
    assert "50.00" in text
    assert "Test %" not in text
    assert "figure-validation" in text
    for name in ("ladder", "effects", "pareto", "confusion"):
        assert f"figure-{name}" not in text
    assert looks() == []


def test_a_finished_study_shows_its_report(made_up):
    made_up(6)
    shown = pages("runs")
    text = shown.run("small")
    assert "The answer" in text
    assert text == as_html(shown.source.results(shown.source.states()[0]))
    assert len(looks()) == 1


def test_two_runs_are_compared_once_both_are_finished(made_up):
    made_up(6)
    assert "All 3 arms came out exactly the same" in pages("runs").compare("small", "small")
    assert pages("runs").compare("small", "other") is None


def test_a_study_that_is_declared_anew_is_shown_anew(made_up):
    made_up(6, "runs/other/stepladder.db", name="other")
    made_up(6)
    now = [0.0]
    kept = Pages(Source.of("runs"), Cache(lambda: now[0]))

    old = kept.run("small")
    made_up(6, delta=7.5)
    now[0] = 60.0  # by then a page may be made anew
    assert [(each.state, each.stored) for each in kept.source.states()] == [("finished", 6)] * 2
    assert "7.5" not in text_of(old)
    assert "7.5" in text_of(kept.run("small")), "the page of the old one does not stay"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a/b", marks=pytest.mark.slow),
        pytest.param("100 %", marks=pytest.mark.slow),
        pytest.param("?x=1#y", marks=pytest.mark.slow),
        "a%2Fb",
    ],
)
def test_a_run_of_any_name_can_be_reached(made_up, name):
    httpx = pytest.importorskip("httpx", reason="its tests need pip install httpx")
    made_up(6, "all.db", name=name)
    transport = httpx.ASGITransport(application(Source.of("all.db"), "token", 8123))

    async def asked():
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8123/token/"
        ) as client:
            listed = await client.get("")
            (address,) = re.findall(r'href="(run/[^"]*)"', listed.text)
            shown = await client.get(address)
            compared = await client.get(address.replace("run", "compare") + address[3:])
            return shown, compared

    for page in asyncio.run(asked()):
        assert page.status_code == 200, page.text
    assert pages("all.db").run(name) is not None


def test_runs_that_are_not_there_have_no_page(made_up):
    made_up(4)
    assert pages("runs").run("other") is None
    assert pages("runs").run("../../etc") is None
    assert pages("runs").compare("small", "small") is None  # not finished


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(InputError, match="found the folder"):
        Source.of(str(tmp_path))


def test_what_is_not_there_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="found nothing at 'runs'"):
        Source.of("runs")


def test_a_run_is_named_by_its_folder_wherever_one_stands(made_up, place, monkeypatch):
    made_up(4)
    monkeypatch.chdir(place / "runs/small")
    (state,) = Source.of(".").states()
    assert key_of(state) == "small"
    assert pages(".").run("small") is not None


@pytest.mark.slow
def test_it_is_served_on_this_machine_and_outlives_its_store(made_up, stepladder, place):
    made_up(4)
    served = stepladder.start("ui", "runs/small")
    address = served.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)

    def get(path=""):
        try:
            with urllib.request.urlopen(address + path, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, text = get()
    assert status == 200
    assert "small" in text
    assert get("run/small")[0] == 200
    assert get("run/nothing")[0] == 404
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address.rsplit("/", 2)[0] + "/wrong/", timeout=120)
    store = place / "runs" / "small" / "stepladder.db"
    store.rename(place / "away.db")
    status, text = get()
    assert status == 200
    assert "unreadable" in text
    (place / "away.db").rename(store)
    assert "unfinished" in get()[1]


@pytest.mark.slow
def test_whoever_asks_for_nothing_keeps_nobody_out(made_up, stepladder):
    made_up(4)
    served = stepladder.start("ui", "runs")
    address = served.stdout.readline().strip()
    host, port = address.split("/")[2].split(":")
    waiting = [socket.create_connection((host, int(port)), timeout=60) for _ in range(300)]
    for connection in waiting:
        connection.send(b"GET / HT")
    for garbage in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(garbage)
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert answer.status == 200
        assert answer.headers["connection"] == "close"
    for connection in waiting:  # each ends, the last ones when their time is over
        with connection, contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""
    served.send_signal(signal.SIGINT)
    assert served.communicate(timeout=60)[1].split() == ["Interrupted."]


@pytest.mark.slow
@pytest.mark.parametrize("count", [4, 6])
def test_it_can_be_read_in_a_browser(browser, made_up, stepladder, count):
    made_up(count)
    address = stepladder.start("ui", "runs").stdout.readline().strip()
    for path in ("", "run/small"):
        visit = browser.visit(address + path, width=360)
        assert visit.overflow <= 0
        assert visit.violations() == []
        assert visit.said == []
        assert visit.asked == []


@pytest.mark.slow
def test_what_changes_is_seen_without_a_reload_and_the_report_at_its_end(
    browser, made_up, stepladder
):
    made_up(4)
    address = stepladder.start("ui", "runs").stdout.readline().strip()
    listed = browser.visit(address).page
    page = browser.visit(address + "run/small").page
    page.evaluate("window.isTheSame = true")
    assert page.locator(".progress").inner_text().strip() == "4 of 6 trials"
    page.wait_for_timeout(1500)
    made_up(1)  # of those that are missing
    page.get_by_text("5 of 6 trials", exact=True).wait_for()
    assert page.evaluate("window.isTheSame"), "the page was not loaded again"
    assert page.get_by_role("rowheader").get_by_text("done").count() == 2  # of three arms
    assert listed.locator(".spark").count() == 1
    made_up(6)
    page.get_by_text("The answer").first.wait_for()
    listed.get_by_role("cell", name="finished").wait_for()


@pytest.mark.slow
def test_runs_are_sorted_grouped_and_any_two_compared(browser, made_up, stepladder):
    for name in ("one", "two", "three"):
        made_up(6, f"runs/{name}/stepladder.db", name=name)
    visit = browser.visit(stepladder.start("ui", "runs").stdout.readline().strip())
    page = visit.page

    def order():
        return page.locator("tbody a").all_inner_texts()

    assert order() == ["one", "three", "two"]
    for expected in (["one", "three", "two"], ["two", "three", "one"]):
        page.get_by_role("button", name="Run").click()
        assert order() == expected
    page.get_by_role("button", name="Group by study").click()
    assert page.locator("tr.group").all_inner_texts() == ["one", "three", "two"]
    page.get_by_label("compare two").check()
    page.get_by_label("compare one").check()
    page.wait_for_timeout(2000)  # what was chosen outlives what is asked meanwhile
    assert visit.violations() == []
    page.get_by_role("link", name="Compare two with one").click()
    page.get_by_text("What came out").wait_for()
    assert visit.said == []
