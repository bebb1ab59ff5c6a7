"""Fair studies: how each arm's nuisance hyperparameters are tuned before arms are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated

from pydantic import Field, field_validator

from stepladder.errors import StudyError
from stepladder.study.designs import ExplicitArm
from stepladder.study.recipe import Recipe
from stepladder.study.schema import FrozenModel, did_you_mean
from stepladder.study.techniques import Technique

TUNING_REPLICATES = 1_000_000
"""Number of the first replicate that candidates are tried on: no study's own reaches it."""

MOST_CANDIDATES = 256

Grid = Mapping[str, tuple[float, ...]]
"""Values by field of the recipe, rising."""

_STEPS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Tuning(FrozenModel):
    """How nuisance hyperparameters are tuned, the same for every arm."""

    replicates: int = Field(
        default=2,
        ge=1,
        le=1000,
        description="Replicates that each candidate is tried on; they are not used again.",
        examples=[2],
    )
    epochs: int | None = Field(
        default=None,
        ge=1,
        description="Epochs of each candidate, the same in all arms; the base's when absent.",
        examples=[10],
    )
    widenings: int = Field(
        default=4,
        ge=0,
        le=50,
        description="How often the grid is widened, for all arms, while an arm's best candidate "
        "is at its edge.",
        examples=[4],
    )
    grid: dict[str, tuple[Annotated[float, Field(allow_inf_nan=False)], ...]] = Field(
        default_factory=dict,
        description="Values to try by numeric field of the recipe; nine learning rates around the "
        "base's when absent.",
        examples=[{"learning_rate": [0.001, 0.01, 0.1]}],
    )

    @field_validator("grid", mode="before")
    @classmethod
    def _as_numbers(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        return {field: _numbers(values) for field, values in given.items()}


def _numbers(values: object) -> object:
    if not isinstance(values, list | tuple):
        return values
    are_whole = (isinstance(each, int) and not isinstance(each, bool) for each in values)
    return tuple(float(each) if whole else each
                 for each, whole in zip(values, are_whole, strict=True))  # fmt: skip


def default_grid(base: Recipe) -> dict[str, tuple[float, ...]]:
    """Nine learning rates around the base's, two in each factor of ten."""
    return {"learning_rate": tuple(_rounded(step * base.learning_rate) for step in _STEPS)}


def candidates(grid: Grid) -> tuple[dict[str, float], ...]:
    """Every combination of a grid's values, in the order of the grid."""
    return tuple(dict(zip(grid, values, strict=True)) for values in product(*grid.values()))


def widen_grid(grid: Grid, field: str, upwards: bool) -> dict[str, tuple[float, ...]]:
    """A grid with one more value of a field, its pattern of steps continued.

    The new value stands to the last as the one before it stood to its neighbour two steps back,
    so 0.1, 0.3, 1 goes on with 3; with values of 0 or below the steps are added.
    """
    values = grid[field] if upwards else grid[field][::-1]
    one, two, last = values[-3:]
    new = two * last / one if min(values) > 0 else last + (two - one)
    longer = (*values, _rounded(new))
    return {**grid, field: longer if upwards else longer[::-1]}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def with_values(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """A recipe with tuned values; whole numbers where its fields are.

    Raises:
        StudyError: if a value is beyond what its field allows.
    """
    whole = {name for name, field in Recipe.model_fields.items() if field.annotation is int}
    return recipe.changed(
        {field: round(value) if field in whole else value for field, value in values.items()}
    )


def grid_problems(
    tuning: Tuning,
    base: Recipe,
    techniques: Sequence[Technique],
    explicit: Sequence[ExplicitArm] = (),
) -> list[str]:
    """What is wrong with a grid, one line each."""
    problems: list[str] = []
    for field, values in tuning.grid.items():
        problems += _field_problems(field, values, base)
    count = math.prod(len(values) for values in tuning.grid.values())
    if count > MOST_CANDIDATES:
        problems.append(
            f"tune.grid must have at most {MOST_CANDIDATES} candidates, found {count}; try fewer "
            "values of each field"
        )
    tuned = tuning.grid or default_grid(base)
    changes = [("technique", each.name, each.change) for each in techniques]
    changes += [("arm", each.name, each.change) for each in explicit]
    for what, name, change in changes:
        both = sorted(set(change) & set(tuned))
        if both:
            problems.append(
                f"{what} {name!r} changes {', '.join(both)}, which a fair study tunes "
                'in every arm; leave it out of the grid, or write tuning = "fixed"'
            )
    return problems


def _field_problems(field: str, values: Sequence[float], base: Recipe) -> list[str]:
    numeric = [
        name
        for name, about in Recipe.model_fields.items()
        if about.annotation in (int, float, float | None) and name != "epochs"
    ]
    if field not in numeric:
        advice = did_you_mean(field, numeric, f"those are {', '.join(sorted(numeric))}")
        return [f"tune.grid must be of numeric fields of the recipe, found {field!r}; {advice}"]
    if len(values) < 3 or list(values) != sorted(set(values)):
        return [
            f"tune.grid.{field} must be three values or more, each above the last, found "
            f"{list(values)}; sort them and add some"
        ]
    try:
        for value in values:
            with_values(base, {field: value})
    except StudyError as error:
        return [f"tune.grid.{field}: {line}" for line in error.problems]
    return []
