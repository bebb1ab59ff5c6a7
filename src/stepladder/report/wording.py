"""Numbers and names as they are shown: rounding, signs, lengths, and nothing invisible."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

__all__ = [
    "MINUS",
    "MISSING",
    "counted",
    "duration",
    "elided",
    "joined",
    "number",
    "p_value",
    "signed",
    "verdict_text",
    "visible",
]

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"

# Embeddings, overrides and isolates reorder the text around them, so a name could rewrite its row.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """A text on one line without control characters, which could move a terminal's cursor.

    Line breaks and tabs become spaces, other controls and lone surrogates become U+FFFD, and the
    characters that reorder text around them are left out.
    """
    kept: list[str] = []
    for letter in text:
        category = unicodedata.category(letter)
        if letter in _REORDERING:
            continue
        if letter in "\t\n\r" or category in ("Zl", "Zp"):
            kept.append(" ")
        elif category in ("Cc", "Cs", "Cn"):
            kept.append("\N{REPLACEMENT CHARACTER}")
        else:
            kept.append(letter)
    return "".join(kept)


def elided(text: str, length: int) -> str:
    """A text of at most `length` characters, its end replaced by an ellipsis where it is longer.

    Raises:
        ValueError: if `length` is below 1.
    """
    if length < 1:
        raise ValueError(
            f"length must be at least 1, found {length}; ask for one character or more"
        )
    text = visible(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def number(value: float, digits: int = 2) -> str:
    """A number with fixed decimals and a true minus sign; a dash where there is none."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.removeprefix("-")


def p_value(p: float) -> str:
    """A p-value: three places, and never 0."""
    return "<0.001" if p < 0.001 else number(p, 3)


def signed(value: float, digits: int = 2) -> str:
    """As `number`, with a plus sign above zero; what rounds to zero has no sign."""
    text = number(value, digits)
    has_sign = math.isfinite(value) and value > 0 and text.strip("0.")
    return f"+{text}" if has_sign else text


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: "1 trial", "54,000 images"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def joined(parts: Sequence[str], last: str = "and") -> str:
    """Parts as a list in a sentence: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def duration(seconds: float) -> str:
    """A time in its two largest units: "12 s", "4 min 10 s", "2 h 5 min"; a dash if not finite."""
    if not math.isfinite(seconds):
        return MISSING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    whole = round(seconds / 60)
    if whole < 48 * 60:
        return f"{whole // 60} h" + (f" {whole % 60} min" if whole % 60 else "")
    return f"{whole // 1440} d" + (f" {whole % 1440 // 60} h" if whole % 1440 // 60 else "")


def verdict_text(verdict: str, delta: float) -> str:
    """A verdict with the study's δ, in percentage points, in the place of its letter."""
    return verdict.replace("δ", f"{delta:g}")
