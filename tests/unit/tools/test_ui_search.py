"""A search on the live page: its own page, and no arms to compare."""

import re

import pytest

pytest.importorskip("starlette", reason="the live page needs pip install 'stepladder[ui]'")

from stepladder.errors import StepladderError
from stepladder.runs.stored import RunState
from stepladder.tools.dashboard import Cache, Pages, Source

pytestmark = pytest.mark.extra


class OneSearch(Source):
    """A finished search and a run that trains, whose states are known."""

    def states(self):
        return [
            RunState("searched", self.place / "searched", 4, 4, is_search=True),
            RunState("run", self.place / "run", 4, 4, declared="a digest"),
        ]


@pytest.fixture
def source(tmp_path):
    (tmp_path / "searched").mkdir()
    (tmp_path / "searched" / "report.html").write_text("<h1>Found</h1>", "utf-8")
    return OneSearch(tmp_path, None)


def test_a_search_has_the_page_that_it_left(source):
    assert Pages(source, Cache()).run("searched") == "<h1>Found</h1>"


def test_it_is_compared_with_nothing(source):
    pages = Pages(source, Cache())
    assert pages.compare("searched", "run") is None
    assert re.findall('data-compared="(.*?)"', pages.runs()) == ["run"]


def test_one_whose_page_is_not_there_says_so(source):
    with pytest.raises(StepladderError, match="is a finished search: its page lies in its folder"):
        source.search_page(RunState("searched", None, 4, 4, is_search=True))
    (source.place / "searched" / "report.html").unlink()
    with pytest.raises(StepladderError, match="run the search again"):
        Pages(source, Cache()).run("searched")
