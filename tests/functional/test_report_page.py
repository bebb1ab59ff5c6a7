"""The report in a real browser: nothing leaves it, everybody can read it, names are text."""

import re

import pytest
from drawn_plots import plots
from example_results import HOSTILE_NAMES, VARIANTS, mnist_results

from stepladder.report.comparison import comparison_as_html
from stepladder.report.html import as_html
from stepladder.report.live import live_html, runs_html

pytestmark = pytest.mark.slow


def live():
    results = VARIANTS["partial"]()
    shown = [plots(results)[name] for name in ("validation", "accuracy")]
    page = live_html(results, shown, "training", [("another", "another")])
    return page.replace('http-equiv="refresh"', "")  # it would go while it is looked at


def runs():
    rows = [(name, "x", "finished", "6 of 6", "1 s", "") for name in HOSTILE_NAMES]
    return runs_html(rows).replace('http-equiv="refresh"', "")


MADE = {
    "compared": lambda: comparison_as_html(mnist_results(), mnist_results(3), ("one", "two")),
    "live": live,
    "runs": runs,
}


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    """Writes the page of a variant once and gives its address."""
    folder, written = tmp_path_factory.mktemp("pages"), {}

    def address(variant):
        if variant not in written:
            text = MADE[variant]() if variant in MADE else as_html(VARIANTS[variant]())
            file = folder / f"{variant.replace(' ', '-')}.html"
            file.write_text(text, "utf-8")
            written[variant] = file.as_uri()
        return written[variant]

    return address


PAGES = ("mnist", "regression", "hostile", "factorial", "fair", "partial", "nothing yet", *MADE)


@pytest.mark.parametrize("variant", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(browser, page_of, variant, scheme):
    visit = browser.visit(page_of(variant), scheme=scheme)
    assert visit.violations() == []
    assert visit.overflow <= 0


@pytest.mark.parametrize("variant", PAGES)
def test_it_fits_a_phone_asks_for_nothing_and_complains_of_nothing(browser, page_of, variant):
    visit = browser.visit(page_of(variant), width=360)
    assert visit.overflow <= 0
    assert visit.violations() == []
    assert visit.asked == []
    assert visit.said == []


def test_scripts_cannot_run_even_if_one_came_in(browser, page_of, tmp_path):
    # breaks the page on purpose: the policy must hold where escaping would not
    text = as_html(VARIANTS["one arm"]()).replace(
        "</main>", "<script>document.title = 'broken'</script><img src='https://example.org/x'>"
        "</main>"
    )  # fmt: skip
    file = tmp_path / "broken.html"
    file.write_text(text, "utf-8")
    visit = browser.visit(file.as_uri())
    assert visit.page.title() != "broken"
    assert len(visit.said) == 2
    assert all("Content Security Policy" in line for line in visit.said)


def test_hostile_names_are_shown_as_they_are(browser, page_of):
    visit = browser.visit(page_of("hostile"))
    shown = visit.page.inner_text("table.results")
    for name in HOSTILE_NAMES[:5]:
        assert name in shown
    assert visit.page.locator("b, script, iframe, object").count() == 0
    wide = visit.page.evaluate("Math.max(...[...document.querySelectorAll('th')]"
                               ".map(each => each.getBoundingClientRect().width))")  # fmt: skip
    assert wide < 500  # 500 letters without a space are folded


def test_every_figure_is_drawn_and_no_part_of_it_lies_outside(browser, page_of):
    visit = browser.visit(page_of("mnist"))
    sizes = visit.page.evaluate(
        "[...document.images].map(each => [each.naturalWidth, each.naturalHeight])"
    )
    assert len(sizes) == 12
    assert all(width > 400 and height > 60 for width, height in sizes)


def test_dark_figures_are_shown_on_dark_pages_and_light_ones_on_paper(browser, page_of):
    light = browser.visit(page_of("mnist"))
    dark = browser.visit(page_of("mnist"), scheme="dark")
    shown = "document.images[0].currentSrc"
    assert light.page.evaluate(shown) != dark.page.evaluate(shown)
    dark.page.emulate_media(media="print", color_scheme="dark")
    dark.page.wait_for_function(f"{shown} === document.images[0].src")
    paper = dark.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_it_prints_whole_on_paper(browser, page_of):
    visit = browser.visit(page_of("mnist"))
    printed = visit.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 30
    visit.page.emulate_media(media="print")
    assert visit.page.locator("nav").is_hidden()


def test_the_keyboard_reaches_the_answer_and_every_wide_part(browser, page_of):
    visit = browser.visit(page_of("mnist"))
    visit.page.keyboard.press("Tab")
    focused = "document.activeElement"
    assert visit.page.evaluate(f"{focused}.textContent") == "Skip to the answer"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("location.hash") == "#answer"
    reachable = visit.page.evaluate(
        "[...document.querySelectorAll('.scroll, pre')].every(each => each.tabIndex === 0)"
    )
    assert reachable


def test_the_data_of_a_figure_can_be_saved(browser, page_of):
    visit = browser.visit(page_of("mnist"))
    with visit.page.expect_download() as saved:
        visit.page.click("#figure-ladder figcaption a")
    assert saved.value.suggested_filename == "ladder.csv"
    text = saved.value.path().read_text("utf-8")
    assert text.startswith("arm,compared_with,test_percent")
