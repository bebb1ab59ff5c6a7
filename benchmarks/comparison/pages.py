"""Pages of the documentation of which a part is made by a program."""

from __future__ import annotations


def between(page: str, begin: str, end: str, text: str) -> str:
    """A page with what stands between two marks replaced.

    Args:
        page: all of it.
        begin: the mark before.
        end: the mark after.
        text: what is to stand there; its last line has its break.

    Raises:
        ValueError: if it does not have both marks once.
    """
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"expected {begin} and {end} once each, found otherwise; write them")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}"
