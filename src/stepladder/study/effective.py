"""What of a recipe has an effect, and arms that are trained alike."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stepladder.study.confounds import format_value
from stepladder.study.designs import Arm, apply_techniques, main_techniques
from stepladder.study.keras_names import arguments_of, name_of
from stepladder.study.params import Config, Params, with_values
from stepladder.study.recipe import (
    DISTORTIONS,
    FIELD_ROLES,
    NONE,
    ONE_CYCLE_WARMUP,
    FieldRole,
    Recipe,
)
from stepladder.study.search import example_configs
from stepladder.study.study import Study


@dataclass(frozen=True)
class Circumstances:
    """What is known of a training beside its recipe.

    Attributes:
        train: training examples where a recipe uses all there are; None where not known.
        is_unit: whether inputs are in 0…1 already, so that unit scaling changes nothing.
    """

    train: int | None = None
    is_unit: bool = False


UNKNOWN = Circumstances()


def effective(recipe: Recipe, known: Circumstances = UNKNOWN) -> Recipe:
    """A recipe that trains alike, in which what has no effect is as if it were left out.

    It is for comparisons alone: ids of trials are those of the recipes themselves.

    Args:
        recipe: what is trained.
        known: what else is known of the training.

    Example:
        >>> effective(Recipe(hidden=[9], decay_rate=0.5)).decay_rate  # there is no schedule
        0.1
    """
    recipe = recipe.changed(_without_effect_of_numbers(recipe, known))
    idle = [name for name, role in FIELD_ROLES.items() if _is_idle(name, role, recipe)]
    return recipe.changed({name: Recipe.model_fields[name].default for name in idle})


def _without_effect_of_numbers(recipe: Recipe, known: Circumstances) -> dict[str, Any]:
    """Changes for numbers that come to the same as others."""
    change: dict[str, Any] = {}
    examples = recipe.train_examples or known.train
    if examples is not None:
        change["train_examples"] = examples
        change["batch_size"] = min(recipe.batch_size, examples)
        steps = recipe.epochs * math.ceil(examples / recipe.batch_size)
        if not round(recipe.warmup * steps) and recipe.schedule != "one_cycle":
            change["warmup"] = 0.0
        if steps - 1 < steps * (1 - recipe.augment_calm):  # the last step is none of them
            change["augment_calm"] = 0.0
    if recipe.schedule == "one_cycle":
        change["warmup"] = recipe.warmup or ONE_CYCLE_WARMUP
    falls = recipe.decay_epochs < recipe.epochs and recipe.decay_rate != 1
    if recipe.schedule == "step" and not falls:
        change["schedule"] = "constant"
    if round(recipe.swa * recipe.epochs) <= 1 and name_of(recipe.normalization) != "batch":
        change["swa"] = 0.0  # the mean of the last weights alone; statistics would be renewed
    if known.is_unit and recipe.scaling == "unit":
        change["scaling"] = "none"
    if recipe.model is None:
        change |= _without_noise_of_zero(recipe)
    return change | _without_idle_monitor(recipe)


def stops_early(recipe: Recipe) -> bool:
    """Whether early stopping can leave out an epoch of a training.

    Example:
        >>> [stops_early(Recipe(hidden=[9], epochs=5, patience=patience)) for patience in (3, 4)]
        [True, False]
    """
    if recipe.patience is None:
        return False
    # The first epoch that is watched is better than none; the last one has nothing left to save.
    return recipe.start_from_epoch + recipe.patience < recipe.epochs - 1


def _without_idle_monitor(recipe: Recipe) -> dict[str, Any]:
    """Changes for a patience longer than the training, and for weights of classes that are 1."""
    change: dict[str, Any] = {}
    is_patient = not stops_early(recipe)
    if is_patient:
        change["patience"] = None
    if is_patient and recipe.score_at == "last":
        change |= {"min_delta": 0.0, "start_from_epoch": 0, "monitor": "val_loss"}
    weights = recipe.class_weight
    if isinstance(weights, dict) and not set(weights.values()) - {1.0}:
        change["class_weight"] = None
    return change


def _without_noise_of_zero(recipe: Recipe) -> dict[str, Any]:
    """Changes for noise whose deviation or rate is 0, and for the place of what is not there."""
    change: dict[str, Any] = {
        name: NONE
        for name in ("noise", "input_noise")
        if not any(arguments_of(getattr(recipe, name)).values())
    }
    is_silent = change.get("noise", recipe.noise) == NONE
    if is_silent and (not recipe.dropout or _commutes_with_dropout(recipe)):
        change["dropout_position"] = "after"
    return change


_HOMOGENEOUS = ("relu", "leaky_relu", "prelu", "linear")
"""Activations with f(0) = 0 and f(c x) = c f(x) for c > 0, unless arguments bound or shift them."""


def _commutes_with_dropout(recipe: Recipe) -> bool:
    """Whether dropout gives the same before and after the activation, which stand side by side."""
    name, arguments = name_of(recipe.activation), arguments_of(recipe.activation)
    is_homogeneous = name in _HOMOGENEOUS and not set(arguments) & {"max_value", "threshold"}
    is_between = recipe.normalization != NONE and recipe.normalization_position == "after"
    return is_homogeneous and not is_between and recipe.activity_regularizer == NONE


def _is_idle(name: str, role: FieldRole, recipe: Recipe) -> bool:
    """Whether a field does nothing beside the others of a recipe."""
    if role.network and recipe.model:
        return False  # the user's code may read it for anything
    if any(name_of(str(getattr(recipe, key))) not in values
           for key, values in role.only_with.items()):  # fmt: skip
        return True
    return any(_is_on(value) and _is_off(key, recipe) for key, value in role.needs.items())


def _is_off(name: str, recipe: Recipe) -> bool:
    """Whether a number, a switch or a text is off, with all those that may stand for it."""
    names = DISTORTIONS if name in DISTORTIONS else (name,)
    return not any(_is_on(getattr(recipe, one)) for one in names)


def _is_on(value: object) -> bool:
    return bool(value) and value != NONE


def empty_comparisons(study: Study, known: Circumstances = UNKNOWN) -> list[str]:
    """Problems: arms that are trained like the one they are compared with, or like one another.

    Args:
        study: what is asked.
        known: what is known of the training.

    Example:
        >>> study = Study(name="mine", base={"hidden": [9]}, design="explicit",
        ...               explicit=[{"name": "faster", "change": {"decay_rate": 0.5}}])
        >>> empty_comparisons(study)[0].partition(" (")[0]
        "arm 'faster' must differ from 'base', which it is compared with, found that it changes nothing there"
    """  # noqa: E501 - a line of output
    arms = {arm.name: arm for arm in (*study.arms, *_each_alone(study))}
    trained = {name: _trained(arm.config, known) for name, arm in arms.items()}
    pairs = [(arm, arms[arm.compared_with]) for arm in arms.values() if arm.compared_with]
    problems = [
        f"arm {arm.name!r} must differ from {other.name!r}, which it is compared with, found that "
        f"it changes nothing there{_idle_text(arm.config, other.config)}; "
        f"{_remedy(study, arm, other)}"
        for arm, other in pairs
        if trained[arm.name] == trained[other.name]
    ]
    if not problems:
        first: dict[frozenset[Config], tuple[Arm, Arm]] = {}
        for arm, other in pairs:
            both = frozenset((trained[arm.name], trained[other.name]))
            same = first.setdefault(both, (arm, other))
            if same != (arm, other):
                problems.append(_counted_twice(same, (arm, other), trained))
    return [*problems, *_idle_ranges(study, known)]


def _each_alone(study: Study) -> list[Arm]:
    """Each technique of a fraction on the base: arms that it stands for, and need not have."""
    if study.design != "fraction":
        return []
    return [
        Arm(f"+ {technique.name}", apply_techniques(study.base, [technique]), study.base_name,
            technique.name)
        for technique in main_techniques(study.techniques)
    ]  # fmt: skip


def _trained(config: Config, known: Circumstances) -> Config:
    return effective(config, known) if isinstance(config, Recipe) else config


def _counted_twice(
    first: tuple[Arm, Arm], second: tuple[Arm, Arm], trained: dict[str, Config]
) -> str:
    (one, against), (two, other) = first, second
    if trained[one.name] == trained[two.name]:
        return (
            f"arms {one.name!r} and {two.name!r} must differ, found that both are trained alike"
            f"{_idle_text(two.config, one.config)} and compared with {other.name!r}: one effect "
            "would count twice; remove one of them"
        )
    return (
        f"arms {two.name!r} and {other.name!r} must not be those of another comparison, found that "
        f"they are trained like {against.name!r} and {one.name!r}: one effect would count twice; "
        f"remove {two.name!r}" + (
            ', or write design = "ladder"' if two.name.startswith("all but ") else "")
    )  # fmt: skip


_REASONS = {
    "warmup": "is less than one step",
    "augment_calm": "is less than one step",
    "batch_size": "is all training examples at once, as before",
    "train_examples": "is all that there are",
    "schedule": "never falls within the epochs",
    "decay_epochs": "lets no rate fall within the epochs",
    "swa": "averages the last epoch alone",
    "patience": "stops no training of so few epochs",
    "scaling": "changes nothing in inputs that are in 0…1 already",
    "dropout_position": "gives the same on both sides of such an activation, which takes 0 to 0 "
    "and twice a number to twice its value",
}


def _idle_text(config: Config, other: Config) -> str:
    """The fields in which two recipes differ to no effect, in brackets."""
    if isinstance(config, Params) or isinstance(other, Params):
        return ""
    named = [
        f"{field} = {format_value(value)}{_reason(field, config, other)}"
        for field, value in config
        if value != getattr(other, field)
    ]
    return f" ({', '.join(named)})" if named else ""


def _reason(field: str, recipe: Recipe, other: Recipe) -> str:
    """Why a field does nothing, to be read after its value; empty where it is not known."""
    role = FIELD_ROLES[field]
    if _is_idle(field, role, recipe) and _is_idle(field, role, other):
        conditions = [f"{key} = {' or '.join(values)}" for key, values in role.only_with.items()]
        conditions += [key for key in role.needs if _is_off(key, recipe)]
        return f" works only with {' and '.join(conditions)}"
    if field == "dropout_position" and not recipe.dropout:
        return " works only with dropout or noise"
    return f" {_REASONS[field]}" if field in _REASONS else ""


def _remedy(study: Study, arm: Arm, other: Arm) -> str:
    """What to do about an arm that changes nothing: the technique that it would need, if any."""
    general = "remove it, or change what has an effect"
    if not isinstance(arm.config, Recipe) or not isinstance(other.config, Recipe):
        return general
    idle = [field for field, value in arm.config if value != getattr(other.config, field)]
    needed = {key for field in idle for key in FIELD_ROLES[field].only_with}
    partners = [technique.name for technique in main_techniques(study.techniques)
                if needed & set(technique.change) and technique.name != arm.technique]  # fmt: skip
    if not partners:
        return general
    return (
        f"it has an effect on top of {partners[0]!r}: make both changes one technique, put that of "
        f"{partners[0]!r} into [base], or remove it"
    )


def _idle_ranges(study: Study, known: Circumstances) -> Iterator[str]:
    """Fields that are tuned or searched, and have no effect wherever they are drawn."""
    if study.tuned is not None and isinstance(study.base, Recipe):
        for field, values in (study.tuned.grid or {}).items():
            ends = (values[0], values[-1])
            if all(_alike([with_values(arm.config, {field: end}) for end in ends], known)
                   for arm in study.arms):  # fmt: skip
                yield (f"tune.grid.{field} must have an effect in some arm, found that it changes "
                       f"nothing{_condition(field)}; remove it")  # fmt: skip
    if study.search is not None and isinstance(study.base, Recipe):
        for name, configs in example_configs(study.search, study.base).items():
            if configs and all(_alike(pair, known) for pair in configs):
                yield (f"search.space.{name} must have an effect, found that it changes nothing"
                       f"{_condition(name)}; remove it, or search that too")  # fmt: skip


def _alike(configs: Sequence[Config], known: Circumstances) -> bool:
    return len({_trained(config, known) for config in configs}) == 1


def _condition(field: str) -> str:
    role = FIELD_ROLES.get(field)
    only_with = role.only_with.items() if role else ()
    conditions = [f"{key} = {' or '.join(values)}" for key, values in only_with]
    return f" without {' and '.join(conditions)}" if conditions else ""
