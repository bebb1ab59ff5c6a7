"""Verdicts and findings as a reader meets them."""

import json
import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args

import pytest
from drawn_plots import plots
from example_results import (
    HOSTILE_NAMES,
    diagnosed,
    diagnosed_results,
    factorial_results,
    finding,
    mnist_results,
    named_results,
)

from stepladder.report.html import as_html
from stepladder.report.json import as_json
from stepladder.report.markdown import as_csv, as_markdown, report_as_markdown
from stepladder.report.tables import posterior_tables
from stepladder.report.terminal import as_text
from stepladder.report.view import finding_lines, view_of
from stepladder.statistics.posterior import Posterior
from stepladder.statistics.results import ReplicatePlan, Verdict

# What diagnosis found, as it is shown: once where arms share it, and always as text.


def lines(results):
    return {line.code: line for line in finding_lines(results.arms)}


def test_what_arms_share_word_for_word_is_said_once():
    line = lines(diagnosed_results())["learns_nothing"]
    assert line.names == "naive and + He normal"
    assert line.text == "learns nothing: its loss is 2.301"
    assert line.remedy == "Do something about it."
    assert line.sentence == f"{line.text}. Do something about it."


def test_what_differs_in_numbers_is_said_once_with_those_of_the_first():
    line = lines(diagnosed_results())["vanishing_gradients"]
    assert line.names == "naive and + He normal"
    assert line.text == "gradients vanish (naive: the first layer's is 8,500 times smaller)"
    assert line.remedy == "Do something about it; the catalogue has ReLU."
    assert line.sentence == f"{line.text}. {line.remedy}"
    assert dict(line.texts)["+ He normal"].endswith("170 times smaller")


def test_what_one_arm_has_is_said_whole():
    line = lines(diagnosed_results())["overfitting"]
    assert line.text == "overfits from epoch 9 in 3 of 5 replicates: its loss rises"


def test_where_and_detail_of_the_first_stand_in_brackets():
    results = mnist_results()
    found = {place: [finding("diverged", "diverged", f" in epoch {place}")] for place in (2, 3)}
    (line,) = finding_lines(diagnosed(results, found).arms[2:])
    assert line.text == "diverged (+ ReLU: in epoch 2)"


def test_many_arms_are_counted():
    results = named_results([f"arm {number}" for number in range(9)])
    found = {place: [finding("small_batches", "small batches")] for place in range(10)}
    (line,) = finding_lines(diagnosed(results, found).arms)
    assert line.names == "base, + arm 0, + arm 1 and 7 other arms"


def test_names_that_differ_at_their_end_are_whole():
    names = [f"He normal: on the naive network, {place} wide" for place in (100, 200)]
    results = named_results(names)
    found = {place: [finding("small_batches", "small batches")] for place in (1, 2)}
    (line,) = finding_lines(diagnosed(results, found).arms)
    assert line.names == f"+ {names[0]} and + {names[1]}"


def test_lines_follow_the_order_in_which_rules_are_named():
    codes = [line.code for line in finding_lines(diagnosed_results().arms)]
    assert codes == ["constant_answer", "learns_nothing", "vanishing_gradients", "overfitting"]


def test_a_row_that_shows_it_needs_no_line():
    view = view_of(diagnosed_results())
    assert "constant_answer" not in {line.code for line in view.findings}
    assert view.rows[0].instead == "answers 1 to every image"
    results = diagnosed_results()
    some = replace(results.arms[0].findings[0], where=" in 3 of 5 replicates", replicates=3)
    changed = diagnosed(results, {0: [some]})
    assert "constant_answer" in {line.code for line in view_of(changed).findings}


def test_a_finding_is_no_note_as_well():
    assert view_of(diagnosed_results()).notes == ()


def test_every_form_has_it():
    results = diagnosed_results()
    for text in (as_text(results, 200), as_markdown(results), as_html(results, [])):
        assert "Diagnosis" in text
        assert "learns nothing: its loss is 2.301" in text
        assert "weight decay" in text
    assert "8,500 times smaller" in as_csv(results)
    (arm, *_) = json.loads(as_json(results))["arms"]
    assert [each["code"] for each in arm["findings"]] == [
        "constant_answer", "learns_nothing", "vanishing_gradients"]  # fmt: skip
    last = arm["findings"][-1]
    assert last["technique"] == "ReLU"
    assert last["evidence"] == {"ratio": 0.01}
    assert arm["diagnosis"] == [each["text"] for each in arm["findings"]]
    assert json.loads(as_json(mnist_results()))["arms"][-1]["findings"] == []


def test_a_healthy_study_has_no_diagnosis():
    results = mnist_results()
    for text in (as_text(results), as_markdown(results)):
        assert "Diagnosis" not in text


def test_names_and_texts_are_shown_as_text():
    results = named_results(HOSTILE_NAMES)
    name = HOSTILE_NAMES[0]
    found = {place: [finding("dead_units", name, detail=f"{name} {place}")] for place in range(3)}
    results = diagnosed(results, found)
    assert as_html(results, []).count("<script") == 1
    assert "<script" not in as_markdown(results)
    assert name in as_text(results, 300)
    control = diagnosed(results, {0: [finding("dead_units", "\x1b[2J\u202e")]})
    assert "\x1b" not in as_text(control)
    assert "\u202e" not in as_html(control, [])


# The report read as its readers do: whatever it claims of an arm is that arm's verdict.


VERDICTS = get_args(Verdict)
CLAIMS = {
    "helps": r"\b(improves?|raises?|helps?|better)\b",
    "hurts": r"\b(lowers?|hurts?|harms?|(?<!not )worse)\b",
    "no difference beyond δ": r"\bno difference\b",
    "not worse beyond δ": r"\bnot worse\b|\bloses? less than\b",
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
    plan = ReplicatePlan("difference", 23, None, 9, 60)
    plan = plan if verdict == "not enough replicates" else None
    return replace(arm, effect=replace(arm.effect, verdict=verdict, plan=plan))


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


def with_posteriors(results, reasons):
    """All comparisons within δ, each with its reason why it cannot be judged, or ""."""
    first, *others = results.arms
    arms = [
        replace(arm, effect=replace(arm.effect, posterior=Posterior(0, 1, 0), p_not_worse=0.01,
                                    reason=reason))
        for arm, reason in zip(others, reasons, strict=True)
    ]  # fmt: skip
    return replace(results, arms=(first, *arms))


def test_what_cannot_be_judged_has_no_probabilities():
    results = mnist_results()
    (table,) = posterior_tables(with_posteriors(results, ["one answer to all", *[""] * 5]))
    assert table.rows[0] == ("+ He normal", "", "", "", "")
    assert {row[1:] for row in table.rows[1:]} == {("0.0", "100.0", "0.0", "0.010")}
    assert posterior_tables(with_posteriors(results, ["one answer to all"] * 6)) == ()
