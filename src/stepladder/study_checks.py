"""What the parts of a study must agree on: one line for each problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stepladder.designs import ExplicitArm
from stepladder.factorials import MOST_IN_A_FACTORIAL
from stepladder.fractional import runs_of_fraction
from stepladder.model_file import ModelFile
from stepladder.techniques import Technique
from stepladder.values import did_you_mean

__all__ = [
    "lost_reports",
    "lost_siblings",
    "misplaced_arms",
    "stray_model",
    "too_many",
]


def stray_model(built_by: str | None, model: ModelFile | None) -> list[str]:
    """A base recipe that says what builds its network in a study that does not.

    Args:
        built_by: as the base recipe says it.
        model: as the study says it.
    """
    if built_by is None or model is not None:
        return []
    return [
        "base.model follows from the study's model, found it without one; write "
        'model = "FILE.py:FUNCTION" at the top'
    ]


def lost_siblings(techniques: Iterable[Technique]) -> list[str]:
    """Techniques that would take the place of one that is not there."""
    problems: list[str] = []
    rungs: list[str] = []
    for technique in techniques:
        replaced = technique.instead_of
        if replaced is None:
            rungs.append(technique.name)
        elif replaced not in rungs:
            advice = did_you_mean(replaced, rungs, "name one that stands before it")
            problems.append(
                f"technique {technique.name!r}: instead_of must name a technique above it in the "
                f"study, found {replaced!r}; {advice}"
            )
    return problems


def lost_reports(reported: Iterable[str], names: Sequence[str]) -> list[str]:
    """Published figures of what is not in the study."""
    listed = f"the names are {', '.join(names)}"
    return [
        f"reported.test_accuracy must name the base or a technique, found {name!r}; "
        f"{did_you_mean(name, names, listed)}"
        for name in reported
        if name not in names
    ]


def misplaced_arms(
    design: str, techniques: Sequence[Technique], declared: Sequence[ExplicitArm]
) -> list[str]:
    """Arms that the design would not look at, or techniques that it would not."""
    if design == "explicit" and not declared:
        return ["design explicit needs at least one [[arm]], found none; declare one, with its "
                "name and change"]  # fmt: skip
    if design == "explicit" and techniques:
        return [
            f"design explicit takes [[arm]] and no [[technique]], found {len(techniques)}; write "
            "their changes into arms, or choose another design"
        ]
    if design != "explicit" and declared:
        return [f'[[arm]] belongs to the design explicit, found design {design}; write '
                'design = "explicit"']  # fmt: skip
    return []


def too_many(
    design: str, techniques: Sequence[Technique], replicates: int, epochs: int
) -> list[str]:
    """A full factorial beyond what can be trained, with what it would come to."""
    count = sum(each.instead_of is None for each in techniques)
    if design != "factorial" or count <= MOST_IN_A_FACTORIAL:
        return []
    arms, fewer = 2**count, runs_of_fraction(count)
    return [
        f"design factorial takes at most {MOST_IN_A_FACTORIAL} techniques, found {count}: "
        f"{arms:,} arms, {arms * replicates:,} trials of {epochs} epochs; write design = "
        f'"fraction" for {fewer} arms ({fewer * replicates:,} trials), in which no technique is '
        "confounded with another or with a pair"
    ]
