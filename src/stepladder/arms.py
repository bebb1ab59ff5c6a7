"""Arms: recipes under names, and how techniques are put upon a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field, field_validator

from stepladder.errors import StudyError
from stepladder.recipe import Recipe
from stepladder.techniques import Technique, as_change
from stepladder.values import Value

__all__ = [
    "Arm",
    "ExplicitArm",
    "alternatives",
    "applied",
    "changed",
    "instead_name",
    "main_of",
    "with_technique",
]


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


class ExplicitArm(Value):
    """An arm of the design `explicit`: changes to the base under a name."""

    holds: ClassVar[dict[str, type[Value]]] = {"change": Recipe}  # for advice in errors

    name: str = Field(
        min_length=1, max_length=500, description="The arm's name.", examples=["wide"]
    )
    change: dict[str, Any] = Field(
        description="Fields of the base recipe and their new values.",
        examples=[{"hidden": [200, 200]}],
    )
    compared_with: str | None = Field(
        default=None,
        description="Name of the arm that it is compared with; the base if left out.",
        examples=["base"],
    )
    technique: str | None = Field(
        default=None,
        description="The technique of the catalogue that it is meant to judge: whatever else "
        "differs between the two arms is named before anything is trained.",
        examples=["ReLU"],
    )

    @field_validator("change", mode="after")
    @classmethod
    def _as_written(cls, change: dict[str, Any]) -> dict[str, Any]:
        return as_change(change)


def main_of(techniques: Sequence[Technique]) -> list[Technique]:
    """Those that are added, without the alternatives that take another's place."""
    return [each for each in techniques if each.instead_of is None]


def alternatives(base: Arm, full: Arm, techniques: Sequence[Technique]) -> list[Arm]:
    """All techniques but with an alternative in the place of the one that it replaces.

    Args:
        base: the arm without any technique.
        full: the arm with all of them, which alternatives are compared with.
        techniques: of the study, alternatives among them.

    Raises:
        StudyError: if a recipe contradicts itself.
    """
    made, main = [], main_of(techniques)
    for each in techniques:
        if each.instead_of is None:
            continue
        swapped = [each if other.name == each.instead_of else other for other in main]
        recipe = applied(base.recipe, swapped)
        made.append(Arm(instead_name(each), recipe, full.name, each.name))
    return made


def instead_name(technique: Technique) -> str:
    """The name of an alternative's arm."""
    return f"{technique.name} instead of {technique.instead_of}"


def applied(recipe: Recipe, techniques: Sequence[Technique]) -> Recipe:
    """A recipe with techniques put upon it one after the other.

    Raises:
        StudyError: if one of the recipes on the way contradicts itself.
    """
    for technique in techniques:
        recipe = changed(recipe, technique)
    return recipe


def with_technique(recipe: Recipe, technique: Technique) -> Recipe:
    """A recipe with a technique that must change something in it.

    Raises:
        StudyError: if it changes nothing, or the recipe contradicts itself.
    """
    made = changed(recipe, technique)
    if made == recipe:
        raise StudyError(
            f"technique {technique.name!r} must change something, but the recipe it is added to "
            f"has {_short(recipe, technique.change)} already; remove it or change the base"
        )
    return made


def changed(recipe: Recipe, technique: Technique) -> Recipe:
    """A recipe with a technique, whether it changes anything or not.

    Raises:
        StudyError: if the recipe contradicts itself.
    """
    try:
        return recipe.changed(technique.change)
    except StudyError as error:
        raise StudyError(
            [f"technique {technique.name!r} on {_short(recipe)}: {each}" for each in error.problems]
        ) from None


def _short(recipe: Recipe, change: Mapping[str, Any] | None = None) -> str:
    fields = change or ("activation", "optimizer")
    return ", ".join(f"{field} = {getattr(recipe, field)!r}" for field in fields)
