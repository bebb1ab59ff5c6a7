"""The answer of a study in a few sentences, each made from verdicts and intervals alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepladder.report.sentences import Headline, Part, headlines, undecided
from stepladder.report.view import Row, view_of
from stepladder.report.wording import counted, elided, joined
from stepladder.runner.results import Results

__all__ = ["answer"]

NAME_LENGTH = 60


def answer(results: Results) -> tuple[Headline, ...]:
    """What came out, what helps, what hurts, what is open, and what all of it holds for.

    Five sentences, in this order; three where no comparison is judged. Nothing is said to improve
    or to lower accuracy but by its verdict; the best arm is chosen on validation accuracy, which is
    no look at the test set.
    """
    said = {headline.kind: headline for headline in headlines(results)}
    if "unknown" in said:  # nothing is judged: one sentence says so, for all verdicts
        return (_best(results), said["unknown"], _holds_for(results))
    # Where techniques are left out, an arm that is worse speaks for the technique that it lacks.
    left_out = results.study.design == "leave_one_out"
    judged, lowers = ("arm", "No arm") if left_out else ("technique", "None")
    return (
        _best(results),
        said.get("helps") or _nothing(f"No {judged} is shown to raise test accuracy."),
        said.get("hurts") or _nothing(f"{lowers} is shown to lower it."),
        _open(said.get("no difference beyond δ"), said.get("not enough replicates"))
        or _nothing(_none_open(results)),
        _holds_for(results),
    )


def _nothing(text: str) -> Headline:
    return Headline("unknown", (Part(text),))


def _best(results: Results) -> Headline:
    rows = view_of(results).rows
    finite = [row for row in rows if math.isfinite(row.validation.mean)]
    if not finite:
        return Headline("unknown", (Part("No replicate of any arm has come to an end yet."),))
    best = max(finite, key=lambda row: row.validation.mean)
    first = rows[0]
    several = len(rows) > 1
    parts = [
        *([Part(f"Of {counted(len(rows), 'arm')}, ")] if several else []),
        _name(best),
        Part(" has the highest validation accuracy and " if several else " "),
        Part(f"{_ends(best)} of the test images right" if best.instead is None else best.instead),
        *([] if best is first else _besides(first)),
        Part("."),
    ]
    return Headline("unknown", tuple(parts))


def _besides(first: Row) -> list[Part]:
    return [Part("; "), _name(first), Part(f", the first of them, {_ends(first)}")]


def _name(row: Row) -> Part:
    return Part(elided(row.name, NAME_LENGTH), is_name=True)


def _ends(row: Row) -> str:
    if row.instead is not None:
        return {"waiting": "has no replicate yet"}.get(row.instead, row.instead)
    return f"reads {row.test.text} %"


def _open(same: Headline | None, undecided: Headline | None) -> Headline | None:
    if same is None or undecided is None:
        return same or undecided
    end = same.parts[-1]
    parts = (*same.parts[:-1], Part(end.text.removesuffix(".")), Part("; "), *undecided.parts)
    return Headline("not enough replicates", parts)


def _none_open(results: Results) -> str:
    if results.readout is None:
        return "No comparison is left open."
    still = undecided(results)
    if not still:
        return "Neither a main effect nor a comparison of two arms is left open."
    return f"No main effect is left open; {still}."


def _holds_for(results: Results) -> Headline:
    """The conditions under which all of it was found."""
    counts = sorted({result.n - result.diverged for result in results.arms})
    span = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    rates = {result.arm.recipe.learning_rate for result in results.arms}
    conditions = [f"{results.sizes['test']:,} test images" if "test" in results.sizes else ""]
    conditions.append(f"{span} replicate{'' if counts[-1] == 1 else 's'} an arm")
    if results.tuned is not None:
        conditions.append(f"a {joined([_plain(each) for each in results.tuned.fields])} of its own "
                          "for each arm")  # fmt: skip
    elif len(rates) == 1 and len(results.arms) > 1 and results.study.tuned is None:
        conditions.append(f"one learning rate, {next(iter(rates)):g}, in every arm")
    conditions.append(_order(results))
    kept: Sequence[str] = [each for each in conditions if each]
    return Headline(
        "unknown", (Part(f"All of this holds for these {joined(kept)}; elsewhere it may differ."),)
    )


def _plain(field: str) -> str:
    return field.replace("_", " ")


def _order(results: Results) -> str:
    if results.study.design == "ladder" and len(results.arms) > 2:
        return "each rung on the rungs below it"
    return ""
