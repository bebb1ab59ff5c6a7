"""Fair studies: how each arm's nuisance hyperparameters are tuned before arms are compared."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated

from pydantic import BeforeValidator, Field

from stepladder.errors import StudyError
from stepladder.study.designs import ExplicitArm
from stepladder.study.keras_names import name_of
from stepladder.study.params import Config, Params, flat_values, with_values
from stepladder.study.recipe import Recipe, own_paths
from stepladder.study.schema import FrozenModel, KeysOf, toml_key, unknown_names
from stepladder.study.techniques import Technique
from stepladder.study.values import flatten

TUNING_REPLICATES = 1_000_000
"""Number of the first replicate that candidates are tried on: no study's own reaches it."""

_MOST_CANDIDATES = 256

Grid = Mapping[str, tuple[float, ...]]
"""Values by field of the recipe, rising."""


def _as_floats(value: object) -> object:
    """A list as a tuple with whole numbers as floats; the values are checked afterwards."""
    if not isinstance(value, list | tuple):
        return value
    return tuple(float(item) if type(item) is int else item for item in value)


_Number = Annotated[float, Field(allow_inf_nan=False)]
_Values = Annotated[tuple[_Number, ...], BeforeValidator(_as_floats)]


class Tuning(FrozenModel):
    """How nuisance hyperparameters are tuned, the same for every arm."""

    # fmt: off
    replicates: int = toml_key(
        2, "Replicates that each candidate is tried on; they are not used again.", 2, ge=1, le=1000)
    epochs: int | None = toml_key(
        None, "Epochs of each candidate, the same in all arms; the base's when absent.", 10, ge=1)
    widenings: int = toml_key(
        4, "How often the grid is widened, for all arms, while an arm's best candidate is at its "
        "edge.", 4, ge=0, le=50)
    grid: Annotated[dict[str, _Values], KeysOf(Recipe)] = toml_key(
        ..., "Values to try by numeric field of the recipe; nine learning rates around the base's "
        "when absent.", {"learning_rate": [0.001, 0.01, 0.1]}, default_factory=dict)
    # fmt: on


_RATES = ("learning_rate", "lr")


def default_grid(base: Config) -> dict[str, tuple[float, ...]]:
    """Nine learning rates around the base's, two in each factor of ten; none where it has none."""
    steps = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    values = flat_values(base)
    name = next((name for name in _RATES if isinstance(values.get(name), int | float)), None)
    return {} if name is None else {name: tuple(_round(step * values[name]) for step in steps)}


def candidates(grid: Grid) -> tuple[dict[str, float], ...]:
    """Every combination of a grid's values, in the order of the grid."""
    return tuple(dict(zip(grid, values, strict=True)) for values in product(*grid.values()))


def widen_grid(grid: Grid, field: str, upwards: bool) -> dict[str, tuple[float, ...]]:
    """A grid with one more value of a field, its pattern of steps continued.

    The new value stands to the last as the one before it stood to its neighbour two steps back,
    so after 0.1, 0.3, 1 comes 3; with values of 0 or below the steps are added.

    Example:
        >>> widen_grid({"l2": (0.1, 0.3, 1.0)}, "l2", upwards=True)
        {'l2': (0.1, 0.3, 1.0, 3.0)}
    """
    values = grid[field] if upwards else grid[field][::-1]
    one, two, last = values[-3:]
    new = two * last / one if min(values) > 0 else last + (two - one)
    longer = (*values, _round(new))
    return {**grid, field: longer if upwards else longer[::-1]}


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def grid_problems(
    tuning: Tuning,
    base: Config,
    techniques: Sequence[Technique],
    explicit: Sequence[ExplicitArm] = (),
) -> list[str]:
    """What is wrong with a grid, one line each."""
    problems: list[str] = []
    if tuning.epochs is not None and isinstance(base, Params) and not base.counts_epochs:
        problems.append(
            "tune.epochs needs base.epochs, a whole number from 1 that says how long to train, "
            f"found {base.values.get('epochs', 'none')}; add it to [base], or leave it out"
        )
    if tuning.epochs is not None and "epochs" in tuning.grid:
        problems.append("tune.grid must not have epochs beside tune.epochs, found both; remove one")
    for field, values in tuning.grid.items():
        problems += _field_problems(field, values, base)
    count = math.prod(len(values) for values in tuning.grid.values())
    if count > _MOST_CANDIDATES:
        problems.append(
            f"tune.grid must have at most {_MOST_CANDIDATES} candidates, found {count}; try fewer "
            "values of each field"
        )
    tuned = tuning.grid or default_grid(base)
    if not tuned:
        problems.append(
            "tune.grid must say what is tuned, found none, and [base] has no learning_rate; write "
            "a table such as [tune.grid] with lr = [0.001, 0.01, 0.1]"
        )
    changes = [("technique", technique.name, dict(flatten(technique.change)))
               for technique in techniques]  # fmt: skip
    changes += [("arm", arm.name, dict(flatten(arm.change))) for arm in explicit]
    if isinstance(base, Recipe) and "learning_rate" in tuned:
        problems += _absolute_rates([{"schedule": base.schedule}, *(one for *_, one in changes)])
    return problems + [
        f"{what} {name!r} changes {', '.join(sorted(set(change) & set(tuned)))}, which a fair "
        'study tunes in every arm; leave it out of the grid, or write tuning = "fixed"'
        for what, name, change in changes
        if set(change) & set(tuned)
    ]


def _absolute_rates(changes: Sequence[Mapping[str, object]]) -> list[str]:
    """Problems: schedules whose rates are absolute, where learning rates are tuned."""
    names = {name_of(str(change.get("schedule", ""))) for change in changes}
    if "piecewise_constant_decay" not in names:
        return []
    return [
        "a fair study that tunes learning_rate must have no piecewise_constant_decay, whose values "
        'are learning rates themselves, found one; write tuning = "fixed", or a grid without '
        "learning_rate"
    ]


def _field_problems(field: str, values: Sequence[float], base: Config) -> list[str]:
    numeric = [
        name
        for name, info in Recipe.model_fields.items()
        if info.annotation in (int, float, int | None, float | None) and name != "epochs"
    ]
    free = base.flat if isinstance(base, Params) else own_paths(base)
    of_own = [name for name, value in free.items()
              if isinstance(value, int | float) and not isinstance(value, bool)]  # fmt: skip
    numeric = of_own if isinstance(base, Params) else [*numeric, *of_own]
    requirement = "tune.grid must be of numeric fields of the base"
    problems = unknown_names(requirement, [field], numeric)
    if not problems and (len(values) < 3 or list(values) != sorted(set(values))):
        problems = [
            f"tune.grid.{field} must be three values or more, each above the last, found "
            f"{list(values)}; sort them and add some"
        ]
    if problems:
        return problems
    try:
        for value in values:
            with_values(base, {field: value})
    except StudyError as error:
        return [f"tune.grid.{field}: {line}" for line in error.problems]
    return []
