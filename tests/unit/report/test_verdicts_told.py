"""The report read as its readers do: whatever it claims of an arm is that arm's verdict."""

import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args

import pytest
from drawn_plots import plots
from example_results import factorial_results, named_results

from stepladder.report.html import as_html
from stepladder.report.markdown import as_markdown, report_as_markdown
from stepladder.report.terminal import as_text
from stepladder.statistics.results import Verdict

VERDICTS = get_args(Verdict)
CLAIMS = {
    "helps": r"\b(improves?|raises?|helps?|better)\b",
    "hurts": r"\b(lowers?|hurts?|harms?|worse)\b",
    "no difference beyond δ": r"\bno difference\b",
    "not enough replicates": r"\bmore replicates\b|\bnot enough\b",
}
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")


class Blocks(HTMLParser):
    """The text of each paragraph, caption, row and list item of a page, and of each picture."""

    BLOCK = frozenset({"p", "li", "tr", "dt", "dd", "figcaption", "h1", "h2", "h3", "caption"})

    def __init__(self, page):
        super().__init__()
        self.found = [""]
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag in self.BLOCK:
            self.found.append("")
        self.found += [dict(attrs)["alt"], ""] if tag == "img" else []

    def handle_endtag(self, tag):
        if tag in self.BLOCK:
            self.found.append("")

    def handle_data(self, data):
        self.found[-1] += f" {data}"


def told(results):
    """All that is said of results, in every form, a statement each."""
    figures = plots(results).values()
    texts = [as_text(results, 400), as_markdown(results), report_as_markdown(results)]
    blocks = [line for text in texts for line in text.splitlines()]
    blocks += Blocks(as_html(results, [])).found
    blocks += [text for plot in figures for text in (plot.title, plot.caption, plot.words)]
    sentences = [each for block in blocks for each in re.split(r"(?<=[.;:])\s", block)]
    # what an arm is compared with is no claim of that one
    return [
        re.sub(r"(against|instead of) (<bdi>|\*\*)?\s*(\+ )?\w+", "", each) for each in sentences
    ]


def claims(results, names):
    """Every claim of an arm: its name and the verdict that would have to be behind it."""
    found = set()
    for sentence in told(results):
        kinds = [kind for kind, words in CLAIMS.items() if re.search(words, sentence)]
        named = [name for name in names if re.search(rf"\b{name}\b", sentence)]
        assert len(kinds) <= 1 or not named, f"two claims in one: {sentence}"
        found |= {(name, kind) for name in named for kind in kinds}
    return found


def judged(arm, verdict):
    needed = 23 if verdict == "not enough replicates" else None
    return replace(arm, effect=replace(arm.effect, verdict=verdict, replicates_needed=needed))


@pytest.mark.parametrize("seed", range(8))
def test_every_claim_is_a_verdict_and_every_verdict_is_told(seed):
    draw = random.Random(seed)
    results = named_results(NAMES)
    expected = {name: draw.choice(VERDICTS) for name in NAMES}
    first, *others = results.arms
    arms = [judged(arm, expected[arm.arm.technique]) for arm in others]
    assert claims(replace(results, arms=(first, *arms)), NAMES) == set(expected.items())


@pytest.mark.parametrize("seed", range(4))
def test_so_it_is_of_the_techniques_of_a_factorial(seed):
    draw = random.Random(seed)
    results = factorial_results()
    main = [judged(each, draw.choice(VERDICTS)) for each in results.readout.main]
    arms = [replace(arm, effect=None) for arm in results.arms]  # named after several techniques
    readout = replace(results.readout, main=tuple(main))
    results = replace(results, arms=tuple(arms), readout=readout)
    names = [each.technique for each in main]
    assert claims(results, names) == {(each.technique, each.effect.verdict) for each in main}
