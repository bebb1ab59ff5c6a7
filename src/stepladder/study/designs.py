"""Designs: ladder, one at a time, leave one out, factorial, fraction, explicit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from stepladder.errors import StudyError
from stepladder.study.recipe import Recipe
from stepladder.study.schema import FrozenModel, did_you_mean
from stepladder.study.techniques import Technique, as_change


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


class ExplicitArm(FrozenModel):
    """An arm of the design `explicit`: changes to the base under a name."""

    holds: ClassVar[dict[str, type[FrozenModel]]] = {"change": Recipe}  # for advice in errors

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


def every_combination(techniques: int) -> tuple[int, ...]:
    """All 2^k combinations, fewest techniques first, then in the order of the techniques.

    Args:
        techniques: k, 0 or more.
    """
    return _by_size(range(2**techniques), techniques)


def fraction(techniques: int) -> tuple[int, ...]:
    """The combinations of a regular fraction of resolution IV, none and all among them.

    Each technique is a vector of odd weight over p basic factors, and run x has those
    techniques whose vector has an odd product with x. Vectors of odd weight add up to nothing
    only in even numbers, and no two are equal, so the shortest defining word has length 4 or
    more: no technique is confounded with another or with a pair. The run of all ones has every
    technique, that of zeros none.

    Args:
        techniques: k, 4 or more.

    Returns:
        2^p combinations, fewest techniques first, with the least p for which 2^(p - 1) ≥ k.

    Reference:
        Box & Hunter 1961, "The 2^(k-p) fractional factorial designs", Technometrics 3.
    """
    vectors = _vectors(techniques)
    runs = (
        sum(1 << place for place, each in enumerate(vectors) if (each & run).bit_count() % 2)
        for run in range(runs_of_fraction(techniques))
    )
    return _by_size(runs, techniques)


def runs_of_fraction(techniques: int) -> int:
    """How many combinations the fraction of k techniques has: from 2 k to below 4 k."""
    return 2 << (techniques - 1).bit_length()


def pair_aliases(techniques: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Pairs of techniques whose interactions the fraction cannot tell apart, as groups.

    Two pairs are aliases where their four techniques are a defining word.

    Args:
        techniques: k, 4 or more.

    Returns:
        Groups of pairs of places, each pair in one group; a group of one pair has no alias.
    """
    vectors = _vectors(techniques)
    groups: dict[int, list[tuple[int, int]]] = {}
    for pair in combinations(range(techniques), 2):
        groups.setdefault(vectors[pair[0]] ^ vectors[pair[1]], []).append(pair)
    return tuple(map(tuple, groups.values()))


def _vectors(techniques: int) -> list[int]:
    odd = (each for each in range(runs_of_fraction(techniques)) if each.bit_count() % 2)
    return sorted(odd, key=lambda each: (each.bit_count(), each))[:techniques]


def _by_size(runs: Iterable[int], techniques: int) -> tuple[int, ...]:
    def size_and_order(run: int) -> tuple[int, list[int]]:
        return run.bit_count(), [place for place in range(techniques) if run >> place & 1]

    return tuple(sorted(runs, key=size_and_order))


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


def factorial_techniques(kind: Kind, base: Arm, techniques: Sequence[Technique]) -> tuple[Arm, ...]:
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
        StudyError: as for `factorial_techniques`.
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
        made = factorial_techniques(design, start, techniques)
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
    return with_cells(design, Arm(base_name, base), main_of(techniques))[1]


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
