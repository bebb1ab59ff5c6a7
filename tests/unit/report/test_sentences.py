from dataclasses import replace

import pytest
from example_results import (
    VARIANTS,
    mnist_results,
    named_results,
    one_arm,
    one_replicate,
    partial_results,
)

from stepladder.report import wording
from stepladder.runs.results import Adapted

VERDICTS = ("helps", "hurts", "no difference beyond δ", "not enough replicates")


def with_verdict(verdict, needed=None):
    """The study with one verdict for every comparison."""
    results = mnist_results()
    arms = tuple(
        arm
        if arm.effect is None
        else replace(arm, effect=replace(arm.effect, verdict=verdict, replicates_needed=needed))
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
    assert "+ ReLU (about 23 in all)" in headline.text


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
    (headline,) = wording.headlines_of(judged, 0.1, of="techniques")
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
        (mnist_results(), "does not speak for new test images"),
        (mnist_results(), "corrected for 6 comparisons (Holm)"),
        (mnist_results(), "t test over replicates, with sign flips or one sign throughout, at 5 %"),
        (mnist_results(), "within 0.1 points"),
        (mnist_results(), "A rung stands on the rungs below it"),
        (mnist_results(), "Every arm kept one learning rate, 0.001"),
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


def test_the_subtitle_counts_what_there_is():
    assert wording.subtitle(mnist_results()) == (
        "mnist: 54,000 train, 6,000 validation, 10,000 test · ladder of 7 arms · 5 replicates"
    )
