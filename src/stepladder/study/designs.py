"""Designs: ladder, one at a time, leave one out, factorial, fraction, explicit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Literal

from stepladder.errors import StudyError
from stepladder.study.params import Config, as_recipe, flat_values
from stepladder.study.recipe import Change, Recipe
from stepladder.study.schema import FrozenModel, duplicate_names, toml_key, unknown_names
from stepladder.study.techniques import Technique
from stepladder.study.values import FreeValues, flatten

Design = Literal["ladder", "one_at_a_time", "leave_one_out", "factorial", "fraction", "explicit"]


@dataclass(frozen=True)
class Arm:
    """One recipe under a name, with the arm that it is compared with.

    Attributes:
        name: unique in its study, such as `+ ReLU`.
        config: what is trained: a recipe, or parameters of a training of the user's own.
        compared_with: name of another arm of the study, or None for the base.
        technique: the technique that this arm judges, or None for the base.
    """

    name: str
    config: Config
    compared_with: str | None = None
    technique: str | None = None

    @property
    def recipe(self) -> Recipe:
        """Its configuration where a built-in network is trained."""
        return as_recipe(self.config)


class ExplicitArm(FrozenModel):
    """An arm of the design `explicit`: changes to the base under a name."""

    # fmt: off
    name: str = toml_key(..., "The arm's name.", "wide", min_length=1, max_length=500)
    change: Change = toml_key(
        ..., "Fields of the base recipe and their new values.", {"hidden": [200, 200]})
    compared_with: str | None = toml_key(
        None, "Name of the arm that it is compared with; the base if left out.", "base")
    technique: str | None = toml_key(
        None, "The technique of the catalogue that it is meant to judge: whatever else differs "
        "between the two arms is named before anything is trained.", "ReLU")
    # fmt: on


class FreeArm(ExplicitArm):
    """An arm of the design `explicit` with parameters of a training of the user's own."""

    # fmt: off
    change: FreeValues = toml_key(
        ..., "Keys of [base] and their new values.", {"dropout": 0.3})
    # fmt: on


def arms(
    design: Design,
    base_name: str,
    base: Config,
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
        StudyError: if an arm's recipe contradicts itself, a technique changes nothing, or two
            arms have one name.

    Example:
        >>> techniques = [Technique(name="ReLU"), Technique(name="Adam")]
        >>> base = Recipe(hidden=[9], activation="tanh")
        >>> [arm.name for arm in arms("leave_one_out", "base", base, techniques)]
        ['base', 'all techniques', 'all but ReLU', 'all but Adam']
    """
    start = Arm(base_name, base)
    if design == "explicit":
        result = _explicit(start, explicit)
    elif design == "leave_one_out":
        result = _leave_one_out(start, techniques)
    elif design in ("factorial", "fraction"):
        result = _factorial(design, start, techniques)
    else:
        result = _each_technique(start, techniques, on_top=design == "ladder")
    _raise_if_any(duplicate_names("arm", [arm.name for arm in result]))
    return tuple(result)


def _raise_if_any(problems: list[str]) -> None:
    if problems:
        raise StudyError(problems)


@contextmanager
def _collect(problems: list[str], prefix: str = "") -> Iterator[None]:
    """Adds the problems of an error to a list, so that all of them can be told at once."""
    try:
        yield
    except StudyError as error:
        problems += [f"{prefix}{line}" for line in error.problems]


def _each_technique(base: Arm, techniques: Sequence[Technique], *, on_top: bool) -> list[Arm]:
    """Each technique on top of the last or on the base; an alternative after what it replaces."""
    if not on_top:
        _check_alone(base.config, main_techniques(techniques), "one_at_a_time")
    result, top = [base], base
    below: dict[str, Config] = {}  # the recipe that each technique was added to
    problems: list[str] = []
    for technique in techniques:
        replaced = technique.instead_of
        under = below.get(replaced or "", top.config)
        with _collect(problems):
            recipe = _add_technique(under, technique)
            if replaced:
                name = _alternative_name(technique)
                result.append(Arm(name, recipe, f"+ {replaced}", technique.name))
                continue
            below[technique.name] = under
            result.append(Arm(f"+ {technique.name}", recipe, top.name, technique.name))
            top = result[-1] if on_top else base
    _raise_if_any(problems)
    return result


def _leave_one_out(base: Arm, techniques: Sequence[Technique]) -> list[Arm]:
    """All techniques, and all but each: what is lost without it."""
    main = main_techniques(techniques)
    if not main:
        return [base]
    full = Arm("all techniques", apply_techniques(base.config, main), base.name)
    result, problems = [base, full], []
    for left_out in main:
        _check_without(base.config, left_out, main)
        rest = [technique for technique in main if technique is not left_out]
        recipe = apply_techniques(base.config, rest)
        if recipe == full.config:
            problems.append(
                f"technique {left_out.name!r} must change something where all techniques are, but "
                "others set the same fields; remove one of them, or write instead_of"
            )
        result.append(Arm(f"all but {left_out.name}", recipe, full.name, left_out.name))
    _raise_if_any(problems)
    return result + _alternatives(base, full, techniques)


def _check_without(base: Config, left_out: Technique, main: Sequence[Technique]) -> None:
    """Checks that the other techniques do without one.

    Raises:
        StudyError: if one of them needs it.
    """
    others = [technique for technique in main if technique is not left_out]
    try:
        apply_techniques(base, others)
    except StudyError as error:
        raise StudyError(
            [f"{line}. The design leave_one_out has an arm without {left_out.name!r}, which it "
             "needs: make both changes one technique, or put that of "
             f"{left_out.name!r} into [base]" for line in error.problems]
        ) from None  # fmt: skip


def _explicit(base: Arm, declared: Sequence[ExplicitArm]) -> list[Arm]:
    """Arms as they are declared, each compared with the base or another."""
    names = [base.name, *(arm.name for arm in declared)]
    _raise_if_any(duplicate_names("arm", names))
    result: list[Arm] = [base]
    problems: list[str] = []
    for arm in declared:
        against = base.name if arm.compared_with is None else arm.compared_with
        others = [name for name in names if name != arm.name]
        requirement = f"arm {arm.name!r}: compared_with must name another arm"
        problems += unknown_names(requirement, [against], others)
        with _collect(problems, f"arm {arm.name!r}: "):
            result.append(Arm(arm.name, base.config.changed(arm.change), against, arm.technique))
    _raise_if_any(problems)
    return result


def main_techniques(techniques: Sequence[Technique]) -> list[Technique]:
    """Those that are added, without the alternatives that take another's place."""
    return [technique for technique in techniques if technique.instead_of is None]


def _alternatives(base: Arm, full: Arm, techniques: Sequence[Technique]) -> list[Arm]:
    """All techniques but with an alternative in the place of the one that it replaces."""
    main = main_techniques(techniques)
    return [
        Arm(
            _alternative_name(alternative),
            apply_techniques(
                base.config, [alternative if technique.name == alternative.instead_of else technique
                              for technique in main],
            ),
            full.name,
            alternative.name,
        )
        for alternative in techniques
        if alternative.instead_of is not None
    ]  # fmt: skip


def _alternative_name(technique: Technique) -> str:
    return f"{technique.name} instead of {technique.instead_of}"


def apply_techniques(recipe: Config, techniques: Sequence[Technique]) -> Config:
    """A recipe with techniques, one after the other, whether they change anything or not.

    Raises:
        StudyError: if one of the recipes on the way contradicts itself.
    """
    for technique in techniques:
        try:
            recipe = recipe.changed(technique.change)
        except StudyError as error:
            short = _short(recipe)
            where = f"technique {technique.name!r}{f' on {short}' if short else ''}"
            raise StudyError([f"{where}: {line}" for line in error.problems]) from None
    return recipe


def _check_alone(base: Config, techniques: Sequence[Technique], design: str) -> None:
    """Checks that techniques which a design adds without others can be added without them.

    Raises:
        StudyError: if one needs another, or contradicts the base.
    """
    problems: list[str] = []
    for technique in techniques:
        try:
            apply_techniques(base, [technique])
        except StudyError as error:
            problems += [f"{line}{_remedy(base, technique, techniques, design)}"
                         for line in error.problems]  # fmt: skip
    _raise_if_any(problems)


def _remedy(base: Config, alone: Technique, techniques: Sequence[Technique], design: str) -> str:
    """What to do about a technique that cannot be added alone; empty where no other helps."""
    for other in techniques:
        if other is not alone and _is_possible(base, [other, alone]):
            return (
                f". It needs {other.name!r}, and the design {design} has an arm with the one and "
                f"without the other: make both changes one technique, put that of {other.name!r} "
                'into [base], or write design = "ladder"'
            )
    return ""


def _is_possible(recipe: Config, techniques: Sequence[Technique]) -> bool:
    try:
        apply_techniques(recipe, techniques)
    except StudyError:
        return False
    return True


def _contradictions(base: Config, techniques: Sequence[Technique], design: str) -> list[str]:
    """Pairs of techniques that a design combines and that contradict each other, a line each."""
    problems: list[str] = []
    for one, two in combinations(techniques, 2):
        try:
            apply_techniques(base, [one, two])
        except StudyError as error:
            advice = (
                f". The design {design} combines {one.name!r} with {two.name!r}: leave one of them "
                'out, or write design = "one_at_a_time"'
            )
            problems += [f"{line}{advice}" for line in error.problems]
    return problems


def _add_technique(recipe: Config, technique: Technique) -> Config:
    """A recipe with a technique that must change something in it."""
    result = apply_techniques(recipe, [technique])
    if result == recipe:
        raise StudyError(
            f"technique {technique.name!r} must change something, but the recipe it is added to "
            f"has {_short(recipe, technique.change)} already; remove it or change the base"
        )
    return result


def _short(recipe: Config, change: Mapping[str, Any] | None = None) -> str:
    values = flat_values(recipe)
    fields = [path for path, _ in flatten(change)] if change else ("activation", "optimizer")
    return ", ".join(f"{field} = {values[field]!r}" for field in fields if field in values)


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

    Example:
        >>> fraction(4)
        (0, 3, 5, 9, 6, 10, 12, 15)

    Returns:
        2^p combinations, fewest techniques first, with the least p for which 2^(p - 1) ≥ k.

    Reference:
        Box & Hunter 1961, "The 2^(k-p) fractional factorial designs", Technometrics 3.
    """
    vectors = _vectors(techniques)
    runs = (
        sum(1 << place for place, vector in enumerate(vectors) if (vector & run).bit_count() % 2)
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
    odd = (number for number in range(runs_of_fraction(techniques)) if number.bit_count() % 2)
    return sorted(odd, key=lambda number: (number.bit_count(), number))[:techniques]


def _by_size(runs: Iterable[int], techniques: int) -> tuple[int, ...]:
    def size_and_order(run: int) -> tuple[int, list[int]]:
        return run.bit_count(), [place for place in range(techniques) if run >> place & 1]

    return tuple(sorted(runs, key=size_and_order))


MOST_IN_A_FACTORIAL = 8
"""Techniques of a full factorial at most: 256 arms."""

FEWEST_IN_A_FRACTION = 4
"""Techniques below which a fraction of resolution IV saves nothing."""


@dataclass(frozen=True)
class Cell:
    """One combination of a factorial's techniques and the arm that stands for it.

    Attributes:
        combination: bit *i* says whether technique *i* is in it.
        arm: name of the arm; combinations with equal recipes share their arm.
    """

    combination: int
    arm: str


def _factorial(design: str, base: Arm, techniques: Sequence[Technique]) -> list[Arm]:
    """The combinations, each compared with the base, and all techniques with each alternative."""
    by_recipe, _ = _combine(design, base, main_techniques(techniques))
    full = by_recipe[apply_techniques(base.config, main_techniques(techniques))]
    return [*by_recipe.values(), *_alternatives(base, full, techniques)]


def cells(
    design: Design, base_name: str, base: Config, techniques: Sequence[Technique]
) -> tuple[Cell, ...]:
    """The combinations of a factorial or its fraction; none for another design.

    The arguments and errors are those of `arms`. Alternatives are in no combination.
    """
    if design not in ("factorial", "fraction"):
        return ()
    return _combine(design, Arm(base_name, base), main_techniques(techniques))[1]


def _combine(
    design: str, base: Arm, main: Sequence[Technique]
) -> tuple[dict[Config, Arm], tuple[Cell, ...]]:
    """The arms of all combinations, equal recipes once, and which arm each combination is."""
    _check_alone(base.config, main, design)
    for technique in main:
        _add_technique(base.config, technique)  # each must change something

    @cache  # a combination's recipe is that of the others with its last technique
    def recipe_of(combination: int) -> Config:
        if not combination:
            return base.config
        last = combination.bit_length() - 1
        try:
            return apply_techniques(recipe_of(combination ^ 1 << last), [main[last]])
        except StudyError:
            _raise_if_any(_contradictions(base.config, main, design))
            raise  # more than two are needed for it

    arm_of: dict[Config, Arm] = {base.config: base}
    result = []
    for combination in (every_combination if design == "factorial" else fraction)(len(main)):
        names = [main[place].name for place in range(len(main)) if combination >> place & 1]
        alone = names[0] if len(names) == 1 else None
        name, recipe = " ".join(f"+ {name}" for name in names), recipe_of(combination)
        arm = arm_of.setdefault(recipe, Arm(name, recipe, base.name, alone))
        result.append(Cell(combination, arm.name))
    return arm_of, tuple(result)
