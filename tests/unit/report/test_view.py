"""What is shown of arms and their ensembles."""

import json
import math
from dataclasses import replace

import pytest
from example_arms import estimate
from example_results import (
    VARIANTS,
    diagnosed,
    factorial_results,
    finding,
    mnist_results,
    named_results,
    partial_results,
    some_diverged,
)

from stepladder.report.html import as_html
from stepladder.report.json import as_json
from stepladder.report.markdown import as_markdown
from stepladder.report.tables import FormattedNumber
from stepladder.report.terminal import as_text
from stepladder.report.view import view_of
from stepladder.statistics.classification import Ensemble, Pooled
from stepladder.statistics.results import Interval

# View.


ALL = pytest.mark.parametrize("variant", VARIANTS)


def rows(results):
    return {row.name: row for row in view_of(results).rows}


@ALL
def test_the_same_results_give_an_equal_view(variant):
    first, second = view_of(VARIANTS[variant]()), view_of(VARIANTS[variant]())
    assert repr(first) == repr(second)  # NaN differs from itself, its text does not


@ALL
def test_every_arm_has_a_row_in_the_order_of_the_design(variant):
    results = VARIANTS[variant]()
    assert len(view_of(results).rows) == len(results.arms)
    if variant == "mnist":
        assert [row.name for row in view_of(results).rows] == [arm.arm.name for arm in results.arms]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (FormattedNumber(97.0, 96.9, 97.1), "97.00 ± 0.10"),
        (FormattedNumber(97.0, 96.9, 97.05), "97.00 [96.90, 97.05]"),
        (FormattedNumber(97.0), "97.00"),
        (FormattedNumber(math.nan), "–"),
        (FormattedNumber(-0.4, -0.5, -0.3, is_difference=True), "−0.40 ± 0.10"),
        (FormattedNumber(0.4, -0.1, 0.5, is_difference=True), "+0.40 [−0.10, +0.50]"),
        (FormattedNumber(0.0, 0.0, 0.0, is_difference=True), "0.00 ± 0.00"),
    ],
)
def test_a_number_is_shown_with_its_interval(shown, text):
    assert shown.text == text


def test_a_fraction_is_shown_in_percent_and_a_difference_with_its_sign():
    found = estimate([0.9, 0.92])
    assert FormattedNumber.accuracy(found) == FormattedNumber(
        91.0, 100 * found.ci_low, 100 * found.ci_high
    )
    assert FormattedNumber.accuracy(estimate([0.5])) == FormattedNumber(50.0)
    effect = replace(mnist_results().arms[4].effect, verdict="helps")
    assert FormattedNumber.points(effect) == FormattedNumber(
        effect.mean, effect.ci_low, effect.ci_high, True
    )


def test_accuracies_are_percent_and_effects_points():
    results = mnist_results()
    shown = rows(results)["+ Adam"]
    arm = results.arms[4]
    assert shown.test.mean == pytest.approx(100 * arm.test.mean)
    assert shown.test.low == pytest.approx(100 * arm.test.ci_low)
    assert shown.effect.mean == arm.effect.mean
    assert shown.reported == "95.80"


def test_only_rows_that_the_line_below_does_not_tell_need_a_name():
    shown = rows(mnist_results())
    assert shown["ELU instead of ReLU"].is_against_told
    assert not shown["+ Adam"].is_against_told
    assert shown["+ Adam"].against == "+ ReLU"
    assert not shown["naive"].is_against_told
    assert all(row.is_against_told for row in rows(factorial_results()).values() if row.against)


@pytest.mark.parametrize(
    ("variant", "name", "instead"),
    [
        ("mnist", "naive", "answers 1 to every image"),
        ("mnist", "+ ReLU", None),
        ("partial", "+ dropout", "waiting"),
        ("all diverged", "base", "diverged in all 3 replicates"),
        ("some diverged", "base", None),
    ],
)
def test_what_is_no_accuracy_is_called_what_it_is(variant, name, instead):
    assert rows(VARIANTS[variant]())[name].instead == instead


def test_a_constant_answer_in_some_replicates_leaves_the_mean_and_a_finding():
    results = mnist_results()
    found = finding("constant_answer", "answers 1 to every image", " in 3 of 5 replicates")
    view = view_of(diagnosed(results, {2: [replace(found, replicates=3)]}))
    assert (view.rows[2].instead, view.rows[2].state) == (None, "measured")
    (line,) = view.findings
    assert ("+ ReLU", "answers 1 to every image in 3 of 5 replicates") in line.texts


def test_a_class_whose_name_sounds_like_a_finding_is_no_finding():
    """What a row shows hangs on the code of a finding, never on its words."""
    results = diagnosed(
        some_diverged(), {0: [finding("grid_edge", "answers diverge to every image")]}
    )
    view = view_of(results)
    assert view.rows[0].state == "measured"
    assert dict(view.notes)["base"] == "diverged in 1 of 3 replicates"


def test_notes_do_not_repeat_what_the_row_shows():
    assert view_of(mnist_results()).notes == ()


def test_unfinished_arms_say_how_far_they_are():
    row = rows(partial_results())["+ Adam"]
    assert (row.replicates, row.so_far, row.notes) == ("2 of 5", "2 of 5 replicates", ())
    assert rows(mnist_results())["+ Adam"].so_far == ""


def test_diverged_replicates_are_said_once():
    view = view_of(some_diverged())
    (line,) = view.findings
    said = [*dict(view.notes).values(), *dict(line.texts).values()]
    assert sum(text.count("diverged") for text in said) == len(view.rows)


def test_a_divergence_without_a_diagnosis_is_said_too():
    results = some_diverged()
    bare = replace(results, arms=tuple(replace(arm, findings=()) for arm in results.arms))
    assert dict(view_of(bare).notes)["base"] == "diverged in 1 of 3 replicates"


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("helps", "helps"),
        ("hurts", "hurts"),
        ("no difference beyond δ", "no difference beyond 0.1"),
        ("not enough replicates", "not enough replicates"),
    ],
)
def test_verdicts_are_told_in_words(verdict, text):
    results = mnist_results()
    effect = replace(results.arms[4].effect, verdict=verdict)
    changed = replace(results.arms[4], effect=effect)
    view = view_of(replace(results, arms=(*results.arms[:4], changed, *results.arms[5:])))
    assert view.rows[4].verdict == text
    assert view.rows[4].kind == verdict


def test_a_verdict_with_diverged_replicates_names_its_points():
    results = mnist_results()
    effect = results.arms[4].effect
    within = replace(effect, mean=0.0, ci_low=-0.05, ci_high=0.05, verdict="no difference beyond δ")
    changed = replace(results.arms[4], effect=replace(effect, at_chance=within))
    view = view_of(replace(results, arms=(*results.arms[:4], changed, *results.arms[5:])))
    assert dict(view.notes)["+ Adam"] == (
        "effect with diverged replicates at the accuracy of guessing: 0.00 ± 0.05, "
        "no difference beyond 0.1"
    )


def test_a_mean_without_an_interval_shows_none():
    results = mnist_results()
    alone = replace(results.arms[2], test=estimate([0.9]))
    view = view_of(replace(results, arms=(alone,)))
    assert view.rows[0].test.text == "90.00"


# Ensembles as they are shown: in every form where there are any, and in none where not.


TESTED = Pooled(0.9966, Interval(0.9953, 0.9976), 0.9941, 10_000, 5.0)
HELD_OUT = Pooled(0.9951, Interval(0.9920, 0.9970), 0.9938, 4_071, 2.11)


def with_ensemble(results, ensemble):
    first, *others = results.arms
    return replace(results, arms=(replace(first, ensemble=ensemble), *others))


def test_an_ensemble_has_its_interval_and_its_members_beside_it():
    results = with_ensemble(mnist_results(), Ensemble(5, HELD_OUT, TESTED))
    (table,) = (each for each in view_of(results).tables if each.title == "Ensembles")
    (row,) = table.rows
    assert row[1:] == ("5", "99.51 [99.20 to 99.70]", "99.38", "99.66 [99.53 to 99.76]", "99.41")
    assert "these very networks" in table.note
    for text in (as_text(results), as_markdown(results), as_html(results)):
        assert "Ensembles" in text
        assert "99.66" in text


def test_json_has_all_of_it_as_fractions():
    results = with_ensemble(mnist_results(), Ensemble(5, None, TESTED))
    first, second = json.loads(as_json(results))["arms"][:2]
    assert second["ensemble"] is None
    assert first["ensemble"] == {
        "members": 5,
        "test_accuracy": {
            "mean": 0.9966, "ci_low": 0.9953, "ci_high": 0.9976,
            "ci_speaks_for": "new images, these networks", "single": 0.9941, "images": 10_000,
            "members_an_image": 5.0,
        },
        "val_accuracy": None,
    }  # fmt: skip


def test_without_a_look_there_is_no_test_figure():
    results = with_ensemble(mnist_results(), Ensemble(5, HELD_OUT, None))
    (table,) = (each for each in view_of(results).tables if each.title == "Ensembles")
    assert table.rows[0][-2:] == ("", "")


def test_without_kept_weights_nothing_is_said_of_ensembles():
    for text in (as_text(mnist_results()), as_markdown(mnist_results()), as_html(mnist_results())):
        assert "nsemble" not in text


def test_a_name_is_shown_and_never_read_as_markup():
    results = with_ensemble(named_results(["<b>[red]x"]), Ensemble(2, None, TESTED))
    assert "<b>[red]x" in as_text(results, 200)
    assert "<b>" not in as_html(results).partition("Ensembles")[2]


def test_an_interval_without_0_never_stands_alone_where_nothing_is_established():
    own = replace(mnist_results().arms[4].effect, mean=1.0, ci_low=0.5, ci_high=1.5)
    wide = replace(own, verdict="not enough replicates", simultaneous=Interval(-0.25, 2.25))
    assert FormattedNumber.points(wide).text == "+1.00 ± 0.50 (1.25)"
    cut = replace(wide, simultaneous=Interval(0.0, 1.5))
    assert FormattedNumber.points(cut).text == "+1.00 ± 0.50 (0.00 to +1.50)"
    for plain in (replace(wide, verdict="helps"), replace(wide, ci_low=-0.5, ci_high=2.5)):
        assert FormattedNumber.points(plain).correction == ""
