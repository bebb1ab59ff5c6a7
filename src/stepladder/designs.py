"""Designs: how a base recipe and its techniques become arms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from stepladder.errors import StudyError
from stepladder.recipe import Recipe
from stepladder.techniques import Technique

__all__ = ["Arm", "Design", "arms"]

Design = Literal["ladder"]


@dataclass(frozen=True)
class Arm:
    """One recipe under a name, with the arm that it is compared with.

    Attributes:
        name: unique in its study, such as `+ ReLU`.
        recipe: what is trained.
        compared_with: name of another arm of the study, or None for the base.
        technique: the technique that this arm judges, or None for the base.
    """

    name: str
    recipe: Recipe
    compared_with: str | None = None
    technique: str | None = None


def arms(
    design: Design, base_name: str, base: Recipe, techniques: Sequence[Technique]
) -> tuple[Arm, ...]:
    """The arms of a design, the base first, in the order in which they are shown.

    Args:
        design: how techniques are combined.
        base_name: the name of the base's arm.
        base: the recipe that techniques are added to.
        techniques: what is judged, names all different.

    Raises:
        StudyError: if an arm's recipe contradicts itself, or a technique changes nothing.
    """
    return _DESIGNS[design](Arm(base_name, base), techniques)


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
            recipe = _with(under, technique)
        except StudyError as error:
            problems += error.problems
            continue
        if replaced:
            name = f"{technique.name} instead of {replaced}"
            made.append(Arm(name, recipe, rung_names.get(replaced, base.name), technique.name))
            continue
        below[technique.name] = under
        rung_names[technique.name] = f"+ {technique.name}"
        top = Arm(f"+ {technique.name}", recipe, top.name, technique.name)
        made.append(top)
    if problems:
        raise StudyError(problems)
    return tuple(made)


def _with(recipe: Recipe, technique: Technique) -> Recipe:
    try:
        changed = recipe.changed(technique.change)
    except StudyError as error:
        raise StudyError(
            [f"technique {technique.name!r} on {_short(recipe)}: {each}" for each in error.problems]
        ) from None
    if changed == recipe:
        raise StudyError(
            f"technique {technique.name!r} must change something, but the recipe it is added to "
            f"has {_short(recipe, technique)} already; remove it or change the base"
        )
    return changed


def _short(recipe: Recipe, technique: Technique | None = None) -> str:
    fields = technique.change if technique else ("activation", "optimizer")
    return ", ".join(f"{field} = {getattr(recipe, field)!r}" for field in fields)


_DESIGNS: dict[Design, Callable[[Arm, Sequence[Technique]], tuple[Arm, ...]]] = {"ladder": _ladder}
