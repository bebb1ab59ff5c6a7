import math

import pytest

from stepladder.report import wording


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
