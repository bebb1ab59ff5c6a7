"""Designs: how a base recipe and its techniques become arms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from stepladder import factorials
from stepladder.arms import (
    Arm,
    ExplicitArm,
    alternatives,
    applied,
    instead_name,
    main_of,
    with_technique,
)
from stepladder.errors import StudyError
from stepladder.factorials import Cell
from stepladder.recipe import Recipe
from stepladder.techniques import Technique
from stepladder.values import did_you_mean

__all__ = ["Arm", "Cell", "Design", "ExplicitArm", "arms", "cells"]

Design = Literal["ladder", "one_at_a_time", "leave_one_out", "factorial", "fraction", "explicit"]

_ALL = "all techniques"


def arms(
    design: Design,
    base_name: str,
    base: Recipe,
    techniques: Sequence[Technique],
    explicit: Sequence[ExplicitArm] = (),
) -> tuple[Arm, ...]:
    """The arms of a design, the base first, in the order in which they are shown.

    Techniques are applied in the order of the study, so where two change one field the later
    one counts. One with `instead_of` takes the place of another, in an arm that is compared with
    the arm which has that other: a rung of a ladder, the technique alone, or all techniques.

    Args:
        design: how techniques are combined.
        base_name: the name of the base's arm.
        base: the recipe that techniques are added to.
        techniques: what is judged, names all different.
        explicit: the arms of the design `explicit`.

    Raises:
        StudyError: if an arm's recipe contradicts itself, a technique changes nothing, two arms
            have one name, or there are too many or too few techniques for the design.
    """
    start = Arm(base_name, base)
    if design == "ladder":
        made = _ladder(start, techniques)
    elif design == "one_at_a_time":
        made = _one_at_a_time(start, techniques)
    elif design == "leave_one_out":
        made = _leave_one_out(start, techniques)
    elif design == "explicit":
        made = _explicit(start, explicit)
    else:
        made = factorials.combined(design, start, techniques)
    _check_names([arm.name for arm in made])
    return made


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise StudyError(
            [f"arms must differ in their names, found {name!r} twice; rename one" for name in twice]
        )


def cells(
    design: Design, base_name: str, base: Recipe, techniques: Sequence[Technique]
) -> tuple[Cell, ...]:
    """The combinations of a factorial or its fraction; none for another design.

    Args:
        design: how techniques are combined.
        base_name: the name of the base's arm.
        base: the recipe that techniques are added to.
        techniques: what is judged; alternatives are in no combination.

    Raises:
        StudyError: as for `arms`.
    """
    if design not in ("factorial", "fraction"):
        return ()
    return factorials.with_cells(design, Arm(base_name, base), main_of(techniques))[1]


def _ladder(base: Arm, techniques: Sequence[Technique]) -> tuple[Arm, ...]:
    """Each technique on top of the last; an alternative beside the rung whose place it takes."""
    made: list[Arm] = [base]
    below: dict[str, Recipe] = {}  # the recipe that each rung was set upon
    rung_names: dict[str, str] = {}
    top = base
    problems: list[str] = []
    for technique in techniques:
        replaced = technique.instead_of
        under = below.get(replaced, top.recipe) if replaced else top.recipe
        try:
            recipe = with_technique(under, technique)
        except StudyError as error:
            problems += error.problems
            continue
        if replaced:
            name = instead_name(technique)
            made.append(Arm(name, recipe, rung_names.get(replaced, base.name), technique.name))
            continue
        below[technique.name] = under
        rung_names[technique.name] = f"+ {technique.name}"
        top = Arm(f"+ {technique.name}", recipe, top.name, technique.name)
        made.append(top)
    if problems:
        raise StudyError(problems)
    return tuple(made)


def _one_at_a_time(base: Arm, techniques: Sequence[Technique]) -> tuple[Arm, ...]:
    """Each technique alone on the base; an alternative is compared with what it replaces."""
    made: list[Arm] = [base]
    problems: list[str] = []
    for technique in techniques:
        try:
            recipe = with_technique(base.recipe, technique)
        except StudyError as error:
            problems += error.problems
            continue
        if technique.instead_of:
            against = f"+ {technique.instead_of}"
            made.append(Arm(instead_name(technique), recipe, against, technique.name))
        else:
            made.append(Arm(f"+ {technique.name}", recipe, base.name, technique.name))
    if problems:
        raise StudyError(problems)
    return tuple(made)


def _leave_one_out(base: Arm, techniques: Sequence[Technique]) -> tuple[Arm, ...]:
    """All techniques, and all but each: what is lost without it."""
    main = main_of(techniques)
    if not main:
        return (base,)
    full = Arm(_ALL, applied(base.recipe, main), base.name)
    made: list[Arm] = [base, full]
    problems: list[str] = []
    for left_out in main:
        recipe = applied(base.recipe, [each for each in main if each is not left_out])
        if recipe == full.recipe:
            problems.append(
                f"technique {left_out.name!r} must change something where all techniques are, but "
                "others set the same fields; remove one of them, or write instead_of"
            )
        made.append(Arm(f"all but {left_out.name}", recipe, full.name, left_out.name))
    if problems:
        raise StudyError(problems)
    return (*made, *alternatives(base, full, techniques))


def _explicit(base: Arm, declared: Sequence[ExplicitArm]) -> tuple[Arm, ...]:
    """Arms as they are declared, each compared with the base or another."""
    made: list[Arm] = [base]
    problems: list[str] = []
    names = [base.name, *(each.name for each in declared)]
    _check_names(names)
    for each in declared:
        against = base.name if each.compared_with is None else each.compared_with
        if against not in names or against == each.name:
            others = [name for name in names if name != each.name]
            advice = did_you_mean(against, others, f"the others are {', '.join(others)}")
            problems.append(
                f"arm {each.name!r}: compared_with must name another arm, found {against!r}; "
                f"{advice}"
            )
        try:
            made.append(Arm(each.name, base.recipe.changed(each.change), against, each.technique))
        except StudyError as error:
            problems += [f"arm {each.name!r}: {line}" for line in error.problems]
    if problems:
        raise StudyError(problems)
    return tuple(made)
