"""What diagnosis found, a line each: what several arms have in common is said once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepladder.analysis.case import Finding
from stepladder.report.wording import elided, joined, visible
from stepladder.runner.results import ArmResult

__all__ = ["FoundLine", "found_lines"]

NAMES_SHOWN = 4
NAME_LENGTH = 34


@dataclass(frozen=True)
class FoundLine:
    """One thing that was found.

    Attributes:
        code: which rule found it.
        names: the arms of which it holds, for a sentence, made visible, not escaped.
        text: what it is; where it holds of several arms, with the numbers of the first of them.
        remedy: what to do about it, in a sentence.
        mends: the catalogue's techniques that mend it, such as "ReLU or He normal", or "".
        texts: for each of the arms its name, made visible, and all that is said of it.
    """

    code: str
    names: str
    text: str
    remedy: str
    mends: str
    texts: tuple[tuple[str, str], ...]

    @property
    def sentence(self) -> str:
        """Text and remedy."""
        return f"{self.text}. {self.remedy}"

    @property
    def brief(self) -> str:
        """Text and techniques."""
        return f"{self.text}{f' → {self.mends}' if self.mends else ''}"


def found_lines(arms: Sequence[ArmResult]) -> tuple[FoundLine, ...]:
    """A line for each thing that was found, in the order in which rules name them."""
    order: list[str] = []
    groups: dict[tuple[str, str], list[tuple[str, Finding]]] = {}
    for arm in arms:
        for finding in arm.findings:
            groups.setdefault((finding.code, finding.title), []).append((arm.arm.name, finding))
            if finding.code not in order:
                order.append(finding.code)
    lines = sorted(groups.items(), key=lambda group: order.index(group[0][0]))
    return tuple(_line(code, found) for (code, _), found in lines)


def _line(code: str, found: Sequence[tuple[str, Finding]]) -> FoundLine:
    name, first = found[0]
    texts = [visible(finding.text) for _, finding in found]
    said = texts[0]
    if len(set(texts)) > 1:
        detail = (
            f"{first.where.strip()}{': ' if first.where and first.detail else ''}{first.detail}"
        )
        said = f"{first.title} ({elided(name, NAME_LENGTH)}: {detail or 'in all replicates'})"
    names = [elided(each, NAME_LENGTH) for each, _ in found]
    mends = joined(list(dict.fromkeys(each.technique for _, each in found if each.technique)), "or")
    advice = f"{first.advice[:1].upper()}{first.advice[1:]}"
    return FoundLine(
        code=code,
        names=_short(names),
        text=visible(said),
        remedy=visible(f"{advice}{f'; the catalogue has {mends}' if mends else ''}."),
        mends=visible(mends),
        texts=tuple(zip((visible(each) for each, _ in found), texts, strict=True)),
    )


def _short(names: Sequence[str]) -> str:
    if len(names) <= NAMES_SHOWN:
        return joined(names)
    return f"{', '.join(names[: NAMES_SHOWN - 1])} and {len(names) - NAMES_SHOWN + 1} other arms"
