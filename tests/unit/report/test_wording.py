"""Wording: sentences and words for verdicts and figures."""

import math
import re
from dataclasses import replace

import pytest
from example_results import (
    VARIANTS,
    fair_results,
    mnist_results,
    named_results,
    one_arm,
    one_replicate,
    partial_results,
)

from stepladder.report import wording
from stepladder.report.figures import figures_of
from stepladder.report.html import as_html
from stepladder.report.json import as_json
from stepladder.report.markdown import to_markdown
from stepladder.report.summary import report_document
from stepladder.report.tables import measure_tables
from stepladder.report.terminal import as_text
from stepladder.runs.results import Adapted
from stepladder.statistics.divergence import DivergenceDifference
from stepladder.statistics.results import ReplicatePlan
from stepladder.store.base import example_noun

# Wording.


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+ ReLU", "+ ReLU"),
        ("two\nlines\tand tab", "two lines and tab"),
        ("\x1b[2J\x07", "\ufffd[2J\ufffd"),
        ("\u202eevil\u202c", "evil"),
        ("\u2066a\u2069", "a"),
        ("line\u2028break", "line break"),
        ("lone \ud800", "lone \ufffd"),
        ("🧪\u200d🔬 학습 שלום", "🧪\u200d🔬 학습 שלום"),
        ("[red]<b>$x$", "[red]<b>$x$"),
    ],
)
def test_only_what_is_visible_is_kept(text, shown):
    assert wording.printable(text) == shown


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [("short", 5, "short"), ("longer", 5, "long…"), ("a bc", 3, "a…"), ("x" * 500, 1, "…")],
)
def test_long_texts_are_elided_to_the_length(text, length, shown):
    assert wording.truncate(text, length) == shown


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match="found 0"):
        wording.truncate("text", 0)


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [
        (97.314, "97.31", "+97.31"),
        (-0.4, "−0.40", "−0.40"),
        (0.0, "0.00", "0.00"),
        (-0.001, "0.00", "0.00"),
        (0.004, "0.00", "0.00"),
        (100.0, "100.00", "+100.00"),
        (math.nan, "–", "–"),
        (math.inf, "–", "–"),
    ],
)
def test_numbers_have_two_decimals_and_true_signs(value, plain, signed):
    assert wording.number(value) == plain
    assert wording.signed(value) == signed


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 trials"), (1, "1 trial"), (54000, "54,000 trials")]
)
def test_nouns_follow_their_count(count, text):
    assert wording.plural(count, "trial") == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_parts_are_joined_as_in_a_sentence(parts, text):
    assert wording.join_list(parts) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (250, "4 min 10 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (100_000, "27 h 47 min"),
        (200_000, "2 d 7 h"),
        (-3, "0 s"),
        (math.nan, "–"),
    ],
)
def test_times_are_told_in_their_two_largest_units(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.0, "<0.001"), (0.00099, "<0.001"), (0.001, "0.001"), (0.0499, "0.050"),
                    (1.0, "1.000"), (float("nan"), "–")],
)  # fmt: skip
def test_a_p_value_is_never_0(p, text):
    assert wording.p_value(p) == text


# Sentences.


VERDICTS = (
    "helps", "hurts", "no difference beyond δ", "not worse beyond δ", "not enough replicates",
)  # fmt: skip


def with_verdict(verdict, needed=None):
    """The study with one verdict for every comparison."""
    results = mnist_results()
    plan = needed and ReplicatePlan("difference", needed, None, 9, 60)
    arms = tuple(
        arm
        if arm.effect is None
        else replace(
            arm,
            effect=replace(arm.effect, verdict=verdict, plan=plan, ci_low=-9.0, ci_high=9.0),
        )
        for arm in results.arms
    )
    return replace(results, arms=arms)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_nothing_is_said_to_improve_unless_the_verdict_is_helps(verdict):
    said = " ".join(each.text for each in wording.headlines(with_verdict(verdict)))
    assert ("improve" in said) == (verdict == "helps")
    assert ("lower" in said) == (verdict == "hurts")


def test_headlines_group_arms_by_verdict_with_their_effects():
    results = mnist_results()
    first = wording.headlines(results)[0]
    assert first.kind == "helps"
    names = [part.text for part in first.parts if part.is_name]
    assert names == [
        arm.arm.name for arm in results.arms if arm.effect and arm.effect.verdict == "helps"
    ]
    assert first.text.endswith("improve test accuracy.")
    assert f"+ ReLU (+{results.arms[2].effect.mean:.2f})" in first.text


@pytest.mark.parametrize(
    ("count", "verb"), [(1, "improves test accuracy."), (2, "improve test accuracy.")]
)
def test_verbs_follow_the_number_of_arms(count, verb):
    results = with_verdict("helps")
    arms = [replace(arm, effect=None) if i > count else arm for i, arm in enumerate(results.arms)]
    (headline,) = wording.headlines(replace(results, arms=tuple(arms)))
    assert headline.text.endswith(verb)


def test_what_is_unsettled_says_how_many_replicates_would_do():
    (headline,) = wording.headlines(with_verdict("not enough replicates", needed=23))
    assert (
        "+ ReLU (about 23 would do for a difference, 9 to 60 by pilots like this one)"
        in headline.text
    )
    assert headline.text.endswith("is established after correction for 6 comparisons.")


@pytest.mark.parametrize(
    ("purpose", "high", "text"),
    [
        ("difference", 567, "about 74 would do for a difference, 9 to 567 by pilots like this one"),
        ("equivalence", None, "about 74 would do for equivalence, 9 to more by pilots like"),
        ("not worse", 90, 'about 74 would do for "not worse", 9 to 90 by pilots like'),
    ],
)
def test_replicates_that_would_do_say_for_what_and_how_uncertain_that_is(purpose, high, text):
    effect = mnist_results().arms[2].effect
    counts = (74, None) if purpose == "difference" else (None, 74)
    effect = replace(effect, plan=ReplicatePlan(purpose, *counts, 9, high))
    assert wording.needed_text(effect).startswith(text)
    assert "9 to" not in wording.needed_text(effect, has_range=False)


def test_what_is_certain_and_does_not_matter_says_so():
    results = with_verdict("helps")
    effect = replace(results.arms[1].effect, mean=0.02, ci_low=0.01, ci_high=0.03)
    assert wording.effect_verdict(effect, 0.1) == "helps, by less than 0.1"
    assert wording.effect_verdict(effect, 0.02) == wording.effect_verdict(effect, None) == "helps"
    arms = (results.arms[0], replace(results.arms[1], effect=effect), *results.arms[2:])
    (headline,) = wording.headlines(replace(results, arms=arms))
    assert headline.text.endswith(
        "improve test accuracy; + He normal (+0.02) improves test accuracy by less than 0.1 points."
    )


def test_what_is_not_worse_is_said_to_lose_less_than_delta():
    results = with_verdict("not worse beyond δ")
    (headline,) = wording.headlines(results)
    assert headline.text.endswith("lose less than 0.1 points of test accuracy, if anything.")
    assert wording.effect_verdict(results.arms[1].effect, 0.1) == "not worse beyond 0.1"
    claimed = replace(results, study=results.study.changed({"claim": "not worse"}))
    assert (
        "not worse means worse by less than 0.1 points, if at all, by a one"
        in wording.verdict_note(claimed)
    )
    page = as_html(results)
    assert "≳" in page
    assert "not worse beyond 0.1" in page


def test_verdicts_of_a_fair_study_are_those_of_one_tuning():
    results = fair_results()
    assert "at the rates that this one tuning chose" in wording.verdict_note(results)
    settled = [s.text for s in wording.headlines(results) if s.kind != "not enough replicates"]
    assert all("that this one tuning chose" in text for text in settled)
    assert "tuned once" in wording.tuning_luck(results)
    assert wording.tuning_condition(mnist_results()) == wording.tuning_luck(mnist_results()) == ""


def test_where_trainings_diverged_the_survivors_are_named():
    results = with_verdict("helps")
    lost = DivergenceDifference(10, 5, 0, 0.5, 0.1, 0.8, 0.06, 0.06, 5)
    effect = replace(results.arms[2].effect, divergence=lost)
    arms = (*results.arms[:2], replace(results.arms[2], effect=effect))
    (headline,) = wording.headlines(replace(results, arms=arms))
    assert "among the 5 of 10 replicates that did not diverge)" in headline.text


def test_many_arms_are_counted_instead_of_named():
    results = named_results([f"t{index}" for index in range(40)])
    arms = tuple(
        arm if arm.effect is None else replace(arm, effect=replace(arm.effect, verdict="helps"))
        for arm in results.arms
    )
    (headline,) = wording.headlines(replace(results, arms=arms))
    assert sum(part.is_name for part in headline.parts) == wording.NAMES_SHOWN - 1
    assert "and 35 other arms improve" in headline.text
    judged = [(each.arm.name, each.effect) for each in arms if each.effect]
    (headline,) = wording.headlines_of(judged, wording.measure_of(results), of="techniques")
    assert "and 35 other techniques improve" in headline.text


@pytest.mark.parametrize(
    ("variant", "text"),
    [
        ("one arm", "No arm is compared with another: this study says nothing of any technique."),
        ("nothing yet", "No two arms can be compared yet: nothing is known of any technique."),
    ],
)
def test_without_a_comparison_nothing_is_claimed(variant, text):
    (headline,) = wording.headlines(VARIANTS[variant]())
    assert headline.text == text
    assert headline.kind == "unknown"


def test_an_unfinished_study_says_so():
    assert wording.status(mnist_results()) == ""
    assert wording.status(partial_results()) == (
        "Unfinished: 21 of 35 trials. Every figure may still change."
    )


def test_the_reference_of_effects_is_told():
    assert wording.comparison(mnist_results()).endswith("the arm above, or the one named.")
    assert wording.comparison(named_results(["a", "b"])).endswith("against the arm above.")
    assert wording.comparison(named_results(["a"])).endswith("against base.")
    assert wording.comparison(one_arm()) == ""


def adaptive():
    """The study with its replicates added at one look of two."""
    return replace(mnist_results(), adapted=Adapted((3, 5), 1, 6, 35, 35, 0.0))


def notes(results):
    return " ".join(wording.footnotes(results))


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (
            mnist_results(),
            "95 % t interval of the mean over 5 replicates: these 10,000 test images",
        ),
        (mnist_results(), "does not speak for other images"),
        (mnist_results(), "corrected for 6 comparisons (Holm)"),
        (mnist_results(), "t test over replicates, with sign flips or one sign throughout, at 5 %"),
        (mnist_results(), "within 0.1 points"),
        (mnist_results(), "A rung stands on the rungs below it"),
        (mnist_results(), "Every arm has one learning rate, 0.001"),
        (mnist_results(), "First look at this test set."),
        (mnist_results(looks=7), "7 looks at this test set so far"),
        (partial_results(), "over 2 to 5 replicates"),
        (adaptive(), "or one sign throughout, corrected for 6 comparisons (Holm)"),
        (adaptive(), "the error rate split among them"),
        (one_replicate(), "One replicate an arm: no interval can be given"),
        (VARIANTS["nothing yet"](), "there are no figures yet"),
    ],
)
def test_footnotes_say_what_the_figures_speak_for(results, said):
    assert said in notes(results)


@pytest.mark.parametrize(
    ("results", "unsaid"),
    [
        (adaptive(), "5 %, corrected"),
        (adaptive(), ", at 5 %"),
        (one_replicate(), "95 %"),
        (named_results(["a", "b"]), "learning rate"),
        (named_results(["a"]), "Holm"),
        (one_arm(), "Verdicts"),
        (one_arm(), "rung"),
    ],
)
def test_footnotes_claim_nothing_that_does_not_hold(results, unsaid):
    assert unsaid not in notes(results)


def test_folds_are_repeated_where_replicates_cannot_be_added():
    results = mnist_results()
    folds = {"splits": {"kind": "k-fold", "folds": 5}}
    results = replace(results, study=results.study.changed(folds), arms=tuple(
        replace(arm, effect=arm.effect and replace(arm.effect, plan=None))
        for arm in results.arms
    ))  # fmt: skip
    texts = [as_text(results, 200), as_text(results, 200, explain=False), as_html(results),
             to_markdown(report_document(results))]  # fmt: skip
    for text in texts:
        assert "not enough repeats" in text
        assert "need more repeats" in re.sub(r"<[^>]+>", "", text)
        assert re.findall("(?:enough|more) replicates", text) == []
    for text in (texts[0], texts[3]):
        assert "More repeats, such as splits.repeats = 2, narrow the intervals" in text
    assert '"not enough replicates"' in as_json(results), "a code, which never changes"


@pytest.mark.parametrize(("share", "classes"), [(0.1135, 10), (0.599, 2), (None, 2), (0.9, 0)])
def test_a_commonest_class_that_is_no_commoner_than_others_is_left_to_the_footnotes(share, classes):
    results = replace(mnist_results(), one_answer=share, classes=tuple(map(str, range(classes))))
    assert "commonest" not in as_text(results, explain=False)


@pytest.mark.parametrize(("share", "classes"), [(0.76, 2), (0.6, 2), (0.205, 10)])
def test_uneven_classes_are_told_right_above_the_table(share, classes):
    results = replace(mnist_results(), one_answer=share, classes=tuple(map(str, range(classes))))
    note = f"The commonest class alone reaches a test accuracy of {100 * share:.1f} %."
    for text in (as_text(results, explain=False), as_text(results)):
        assert text.count(note) == 1
    assert as_text(results, explain=False).partition(f"{note}\n\n")[2].startswith("arm ")
    assert note in to_markdown(report_document(results))
    lower = results.study.changed({"metric": "macro_f1"})
    assert "commonest" not in as_text(replace(results, study=lower), explain=False)


def test_the_subtitle_counts_what_there_is():
    assert wording.subtitle(mnist_results()) == (
        "mnist: 54,000 train, 6,000 validation, 10,000 test · ladder of 7 arms · 5 replicates"
    )


@pytest.mark.parametrize("noun", ["image", "example"])
def test_one_word_says_what_the_data_are_of(noun):
    results = replace(mnist_results(), noun=noun, mistakes=None)
    texts = [as_text(results, 200), to_markdown(report_document(results))]
    texts += [plot.caption + plot.words for plot in figures_of(results)]
    texts += [meaning for _, meaning in wording.glossary(results)]
    texts += [str(block) for block in measure_tables(results)]
    said = " ".join(texts).lower()
    said = re.sub(r"every\s+image", "", said)  # of a finding that is made up
    assert f"new test {noun}s" in said
    assert ("image" in said) == (noun == "image")


def test_rows_of_a_table_are_rows():
    assert [example_noun(shape) for shape in ("28 × 28", "8 × 8 × 3", "13", "", None)] == [
        "image", "image", "row", "example", "image"
    ]  # fmt: skip
