"""Factorials: techniques in all combinations, or in a fraction of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stepladder.arms import Arm, alternatives, applied, changed, main_of, with_technique
from stepladder.errors import StudyError
from stepladder.fractional import every_combination, fraction
from stepladder.recipe import Recipe
from stepladder.techniques import Technique

__all__ = ["FEWEST_IN_A_FRACTION", "MOST_IN_A_FACTORIAL", "Cell", "Kind", "combined", "with_cells"]

Kind = Literal["factorial", "fraction"]

MOST_IN_A_FACTORIAL = 8
"""Techniques of a full factorial at most: 256 arms."""

FEWEST_IN_A_FRACTION = 4
"""Techniques below which a fraction of resolution IV saves nothing."""


@dataclass(frozen=True)
class Cell:
    """One combination of a factorial's techniques and the arm that stands for it.

    Attributes:
        combination: bit *i* says whether technique *i* is in it.
        arm: name of the arm; combinations that come to one recipe share their arm.
    """

    combination: int
    arm: str


def combined(kind: Kind, base: Arm, techniques: Sequence[Technique]) -> tuple[Arm, ...]:
    """The combinations, each compared with the base, and alternatives beside all techniques.

    Args:
        kind: all combinations, or a fraction of them.
        base: the arm without any technique.
        techniques: of the study; alternatives are in no combination.

    Raises:
        StudyError: if a recipe contradicts itself, a technique changes nothing on the base, or
            there are too many or too few.
    """
    main = main_of(techniques)
    made, _ = with_cells(kind, base, main)
    by_recipe = {arm.recipe: arm for arm in reversed(made)}
    full = by_recipe[applied(base.recipe, main)]
    return (*made, *alternatives(base, full, techniques))


def with_cells(
    kind: Kind, base: Arm, main: Sequence[Technique]
) -> tuple[tuple[Arm, ...], tuple[Cell, ...]]:
    """The arms of all combinations, equal recipes once, and which arm each combination is.

    Raises:
        StudyError: as for `combined`.
    """
    _check_count(kind, len(main))
    for technique in main:
        with_technique(base.recipe, technique)  # each must change something
    combine = every_combination if kind == "factorial" else fraction
    chosen = combine(len(main))
    recipes: dict[int, Recipe] = {0: base.recipe}
    made: dict[Recipe, Arm] = {base.recipe: base}
    found = []
    for combination in chosen:
        recipe = _recipe_of(combination, main, recipes)
        if recipe not in made:
            inside = [each.name for place, each in enumerate(main) if combination >> place & 1]
            alone = inside[0] if len(inside) == 1 else None
            name = " ".join(f"+ {each}" for each in inside)
            made[recipe] = Arm(name, recipe, base.name, alone)
        found.append(Cell(combination, made[recipe].name))
    return tuple(made.values()), tuple(found)


def _recipe_of(combination: int, main: Sequence[Technique], known: dict[int, Recipe]) -> Recipe:
    """A combination's recipe, its last technique upon the recipe of the others."""
    if combination not in known:
        last = combination.bit_length() - 1
        under = _recipe_of(combination ^ (1 << last), main, known)
        known[combination] = changed(under, main[last])
    return known[combination]


def _check_count(kind: Kind, count: int) -> None:
    if kind == "factorial" and count > MOST_IN_A_FACTORIAL:
        raise StudyError(
            f"design factorial takes at most {MOST_IN_A_FACTORIAL} techniques, found {count}, "
            f'which is {2**count:,} arms; write design = "fraction"'
        )
    if kind == "fraction" and count < FEWEST_IN_A_FRACTION:
        raise StudyError(
            f"design fraction takes {FEWEST_IN_A_FRACTION} techniques or more, found {count}; "
            'write design = "factorial"'
        )
