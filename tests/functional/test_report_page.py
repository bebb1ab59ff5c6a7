"""The report in a real browser: nothing leaves it, everybody can read it, names are text."""

import re
from dataclasses import replace

import pytest
from drawn_plots import plots
from example_results import HOSTILE_NAMES, VARIANTS, mnist_results
from example_search import found_search
from own_results import own_results

from stepladder.report.comparison import comparison_as_html
from stepladder.report.html import as_html, drawn, script_of, search_as_html
from stepladder.report.live import ListedRun, live_html, runs_html

pytestmark = pytest.mark.slow


def live():
    results = VARIANTS["partial"]()
    shown = [drawn(plots(results)[name]) for name in ("validation", "accuracy")]
    page = live_html(results, shown, "training", "about 2 min left")
    return without_script(page)


def without_script(page):
    """A live page that stays as it is: it would ask for itself while it is looked at."""
    return page.replace(script_of("live.js"), "")


def runs():
    scores = (0.5, 0.75, 0.7)
    rows = [ListedRun(name, "x", "finished", 6, 6, 1.0, "", "a study", scores, is_compared=True)
            for name in HOSTILE_NAMES]  # fmt: skip
    return without_script(runs_html(rows))


MADE = {
    "compared": lambda: comparison_as_html(mnist_results(), mnist_results(3), ("one", "two")),
    "live": live,
    "own": lambda: as_html(own_results()),
    "runs": runs,
    "search": lambda: search_as_html(found_search()),
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
    assert visit.page.locator("b, iframe, object").count() == 0
    assert visit.page.locator("script").all_text_contents() == [script_of("report.js")]
    assert visit.said == []  # the policy has had nothing to forbid
    wide = visit.page.evaluate("Math.max(...[...document.querySelectorAll('th')]"
                               ".map(each => each.getBoundingClientRect().width))")  # fmt: skip
    assert wide < 500  # 500 letters without a space are folded


def unfolded(visit):
    visit.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    return visit.page


@pytest.mark.parametrize("width", [390, 1280])
def test_every_figure_is_drawn_and_no_text_of_it_lies_outside(browser, page_of, width):
    page = unfolded(browser.visit(page_of("mnist"), width=width))
    sizes = page.evaluate("""[...document.querySelectorAll("figure svg")].map(svg => {
        const box = svg.getBoundingClientRect();
        const cut = [...svg.querySelectorAll("text")].filter(text => {
            const part = text.getBoundingClientRect();
            return part.left < box.left - 2 || part.right > box.right + 2
                || part.top < box.top - 2 || part.bottom > box.bottom + 2;
        });
        return [box.width, box.height, cut.map(text => text.textContent)];
    })""")
    assert len(sizes) == 12
    for wide, high, cut in sizes:
        assert wide > 300
        assert high > 60
        assert cut == []


WIDE = """[...document.querySelectorAll(".scroll")]
    .filter(card => card.checkVisibility() && card.scrollWidth > card.clientWidth + 1)
    .map(card => card.getAttribute("aria-label"))"""
LONG = ("factorial", "hostile")  # of more arms than fit 4,000 pixels of a telephone
PAPER = 688  # A4 without its margins


@pytest.mark.parametrize("variant", PAGES)
def test_what_is_seen_before_anything_is_unfolded_is_short_and_nothing_is_cut(
    browser, page_of, variant
):
    visit = browser.visit(page_of(variant))
    for width in (360, 390, 830, 1280):
        visit.page.set_viewport_size({"width": width, "height": 800})
        assert visit.page.evaluate(WIDE) == []
        assert visit.overflow <= 0
        high = visit.page.evaluate("document.documentElement.scrollHeight")
        assert variant in LONG or high <= 4000
    visit.page.set_viewport_size({"width": PAPER, "height": 800})
    visit.page.emulate_media(media="print")
    assert visit.overflow <= 0


@pytest.mark.parametrize("variant", PAGES)
def test_no_table_is_cut_on_any_screen(browser, page_of, variant):
    page = unfolded(browser.visit(page_of(variant)))
    for width in (360, 390, 830, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(WIDE) == []


def test_on_a_phone_each_cell_of_a_wide_table_stands_below_its_arm_behind_its_heading(
    browser, page_of
):
    page = unfolded(browser.visit(page_of("mnist"), width=390))
    cells = page.locator(".techniques tbody tr").first.locator("td")
    heads = cells.evaluate_all("all => all.map(one => getComputedStyle(one, '::before').content)")
    assert heads == ['"What it changes"', '"What it is meant to fix"', '"Where it comes from"']
    lefts = cells.evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
    assert len(set(lefts)) == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_keys_of_studies_are_not_broken_inside_words(browser, tmp_path, width):
    other = mnist_results()
    other = replace(other, study=other.study.changed({"reported": None}))
    file = tmp_path / "compared.html"
    file.write_text(comparison_as_html(mnist_results(), other, ("one", "two")), "utf-8")
    page = browser.visit(file.as_uri(), width=width).page
    key = page.get_by_text("reported.test_accuracy.dropout", exact=True)
    assert key.evaluate("one => one.getClientRects().length") == 1


def test_what_a_small_screen_leaves_out_is_in_a_table_of_its_own(browser, page_of):
    page = browser.visit(page_of("mnist"), width=390).page

    def heads(place):
        texts = page.locator(f"{place} thead th:visible").all_inner_texts()
        return [text.replace("\u00a0", " ") for text in texts]

    assert heads("#answer") == ["Arm", "Effect", "Verdict", "Test %"]
    page.get_by_text("Scores", exact=True).click()
    for width in (390, 830):
        page.set_viewport_size({"width": width, "height": 800})
        assert heads("#scores") == ["Arm", "Validation %", "Train %", "Reported %"]
        said = page.locator("summary:has-text('Scores') .holds").inner_text()
        assert said == "Validation %, Train %, Reported %"
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.locator("#scores").is_hidden()
    assert page.locator("#answer thead th:visible").count() == 7


def test_scores_that_a_screen_shows_above_are_not_shown_again(browser, page_of):
    page = browser.visit(page_of("own"), width=390).page
    summary = page.locator("summary:has-text('Scores')")
    assert summary.inner_text().split("\n") == ["Scores", "Validation rmse (kWh)"]
    page.set_viewport_size({"width": 830, "height": 800})
    assert page.locator("#answer thead th:visible").count() == 5
    assert summary.is_hidden()


def test_arm_effect_and_verdict_come_first_and_are_in_view_on_a_phone(browser, page_of):
    page = browser.visit(page_of("mnist"), width=390).page
    heads = page.locator("#answer thead th")
    assert heads.all_inner_texts()[:3] == ["Arm", "Effect", "Verdict"]
    box = heads.nth(2).bounding_box()
    assert box["x"] + box["width"] <= 390


def test_figures_have_the_colours_of_their_page(browser, page_of):
    ink = "getComputedStyle(document.querySelector('figure svg text')).fill"
    light = browser.visit(page_of("mnist")).page
    dark = browser.visit(page_of("mnist"), scheme="dark").page
    on_paper, on_dark = light.evaluate(ink), dark.evaluate(ink)
    assert on_paper != on_dark
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.evaluate(ink) == on_paper
    paper = dark.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_pointing_at_an_arm_dims_the_others(browser, page_of):
    page = unfolded(browser.visit(page_of("mnist")))
    parts, opacity = "#figure-validation [data-arm='{}']", "part => getComputedStyle(part).opacity"
    page.locator(f"{parts.format(4)} text").first.hover()
    assert page.locator(parts.format(4)).first.evaluate(opacity) == "1"
    assert page.locator(parts.format(2)).first.evaluate(opacity) == "0.12"


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
        visit.page.click("#figure-effects figcaption a")
    assert saved.value.suggested_filename == "effects.csv"
    text = saved.value.path().read_text("utf-8")
    assert text.startswith("arm,")
