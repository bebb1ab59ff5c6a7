"""What else differs between two compared arms than the technique under judgement."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepladder.study.designs import Arm
from stepladder.study.params import Params, flat_values
from stepladder.study.recipe import FIELD_ROLES, Recipe, fields_with
from stepladder.study.study import Study
from stepladder.study.techniques import find_technique
from stepladder.study.values import flatten

_OF_PARAMETERS = frozenset(fields_with(lambda role: role.decides == "parameters"))
_OF_STEPS = frozenset(fields_with(lambda role: role.decides == "steps"))
_IDENTITY = re.compile(r"[0-9a-f]{64}:\w+")  # of what builds a network
_SIZES = {
    "parameters": frozenset({"hidden", "width", "depth", "units", "layers", "filters", "channels"}),
    "optimizer steps": frozenset({"epochs"}),
}
"""What follows from a recipe, and last words of the fields that are just that."""

_NAMES_SHOWN = 3
_LEAST_DIFFERENCE = 0.01  # a share: numbers of weights or of steps closer than that are equal


@dataclass(frozen=True)
class Confound:
    """One thing that differs between an arm and the arm it is compared with.

    Attributes:
        arm: the arm's name.
        compared_with: the other's.
        technique: the technique under judgement, or None where none is named.
        what: a field of the recipe, or `parameters` or `optimizer steps`, which follow from it.
        here: its value in the arm.
        there: its value in the other.
        may: what it may do.
        remedy: the study that would separate the two.
        by_technique: whether it comes with the technique itself and cannot be separated.
    """

    arm: str
    compared_with: str
    technique: str | None
    what: str
    here: Any
    there: Any
    may: str
    remedy: str
    by_technique: bool = False


def confound_sentences(found: Sequence[Confound]) -> list[str]:
    """What else differs, once for all arms of which the same holds.

    Numbers of weights and of steps are left out where a field that is named decides them.

    Example:
        >>> study = Study(name="mine", design="explicit", base={"hidden": [9]}, explicit=[
        ...     {"name": name, "change": {"dropout": 0.2}, "technique": "L2"} for name in "ab"])
        >>> confound_sentences(confounds(study))[0].partition(":")[0]
        'a and b also differ from base in dropout (0.2 against 0.0)'
    """
    groups: dict[tuple[object, ...], list[Confound]] = {}
    for one in found:
        if one.by_technique or one.what not in _SIZES:
            groups.setdefault((one.what, one.may, one.remedy, one.by_technique), []).append(one)
    return [_sentence(group) for group in groups.values()]


def _sentence(group: Sequence[Confound]) -> str:
    first, others = group[0], {one.compared_with for one in group}
    names = [one.arm for one in group]
    if len(names) > _NAMES_SHOWN:
        names[_NAMES_SHOWN - 1 :] = [f"{len(names) - _NAMES_SHOWN + 1} other arms"]
    arms = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    other = first.compared_with if len(others) == 1 else "the arms that they are compared with"
    values = {(format_value(one.here), format_value(one.there)) for one in group}
    shown = "" if len(values) > 1 else " ({} against {})".format(*min(values))
    verb = "differs" if len(group) == 1 else "differ"
    also = "" if first.by_technique else " also"
    what = f"the number of {first.what}" if first.what in _SIZES else first.what
    return f"{arms}{also} {verb} from {other} in {what}{shown}: {first.may}. {first.remedy}"


def confounds(
    study: Study,
    arms: Sequence[Arm] | None = None,
    *,
    train: int | None = None,
    parameters: Mapping[str, int | None] | None = None,
    judged: Collection[str] | None = None,
) -> tuple[Confound, ...]:
    """Everything that differs in a comparison beyond what it is meant to judge.

    A technique accounts for the fields that it changes; one that changes `hidden` is the size of
    the network itself, and one that changes `epochs` the number of steps. Where an arm names no
    technique, one field that differs is what it judges, and of several each is a confound of the
    others. Tuned fields are exempt in a fair study: that each arm has its own is the point of it.

    Args:
        study: what is asked.
        arms: those of the study, with the recipes that are trained; its own when None.
        train: training images that the base uses, where known.
        parameters: trainable numbers by arm, where known.
        judged: the fields that the comparisons are about; as the study says when None.

    Example:
        >>> study = Study(name="mine", design="explicit", base={"hidden": [9]},
        ...               explicit=[{"name": "wide", "change": {"hidden": [99], "l2": 0.1}}])
        >>> [confound.what for confound in confounds(study)]
        ['hidden', 'l2']
    """
    train = train_examples_left(study, train)
    is_tuned = not _OF_STEPS.isdisjoint(study.tuned_fields)  # steps of its own are the point
    arms = study.arms if arms is None else arms
    by_name = {arm.name: arm for arm in arms}
    result: list[Confound] = []
    for arm in arms:
        other = by_name.get(arm.compared_with or "")
        if other is None:
            continue
        about = _judged_fields(study, arm) if judged is None else set(judged)
        differ = _different_fields(arm, other, study.tuned_fields)
        extra = [field for field in differ if field not in about] if about is not None else (
            differ if len(differ) > 1 else []
        )  # fmt: skip
        result += [
            Confound(
                arm.name, other.name, arm.technique, field, flat_values(arm.config).get(field),
                flat_values(other.config).get(field), _may(field, study),
                f"An arm that changes {field} alone would show how much that is.",
            )
            for field in extra
        ]  # fmt: skip
        own = {field.rpartition(".")[2] for field in differ if field not in extra}
        result += [size for size in _size_confounds(arm, other, extra, train, parameters or {})
                  if not (is_tuned and size.what == "optimizer steps")
                  and not (size.by_technique and own & _SIZES[size.what])]  # fmt: skip
    return tuple(result)


def _judged_fields(study: Study, arm: Arm) -> set[str] | None:
    """The fields that a comparison is meant to be about, or None where nothing says so."""
    declared = {technique.name: technique for technique in study.techniques}
    is_factorial = study.design in ("factorial", "fraction")
    if (is_factorial and arm.compared_with == study.base_name) or (
        study.design == "leave_one_out" and arm.technique is None  # all techniques against the base
    ):
        changes = [technique.change for technique in declared.values()]
        return {field for change in changes for field in _fields_of(change, study)}
    if arm.technique is None:
        return None
    technique = declared.get(arm.technique)
    if technique is None:
        return set((find_technique(arm.technique) or {}).get("change", {}))
    replaced = declared.get(technique.instead_of or "")
    changes = [technique.change, *([replaced.change] if replaced else ())]
    return {field for change in changes for field in _fields_of(change, study)}


def _fields_of(change: Mapping[str, Any], study: Study) -> Iterator[str]:
    """The fields that a change is about, by their path; a table of a recipe's is one field."""
    for field, value in change.items():
        if study.trainer is None and field != "own":
            yield field
        else:
            yield from (path for path, _ in flatten({field: value}))


def _different_fields(arm: Arm, other: Arm, tuned: Collection[str]) -> list[str]:
    ours, theirs = flat_values(arm.config), flat_values(other.config)
    fields = dict.fromkeys([*ours, *theirs])  # a table may be replaced by a number
    return [field for field in fields
            if ours.get(field) != theirs.get(field) and field not in tuned]  # fmt: skip


def _size_confounds(
    arm: Arm,
    other: Arm,
    extra: Collection[str],
    train: int | None,
    parameters: Mapping[str, int | None],
) -> list[Confound]:
    """Numbers of weights and of steps, which no field names."""
    if isinstance(arm.config, Params):
        return []
    here, there = (optimizer_steps(own.recipe, train) for own in (arm, other))
    sizes = [
        ("parameters", parameters.get(arm.name), parameters.get(other.name), _OF_PARAMETERS,
         "a larger network can fit more", "An arm of equal size would show how much that is."),
        ("optimizer steps", here, there, _OF_STEPS,
         "more steps train further", "An arm with as many steps would show how much that is."),
    ]  # fmt: skip
    return [
        Confound(arm.name, other.name, arm.technique, what, here, there, may, remedy,
                 by_technique=not fields & set(extra))
        for what, here, there, fields, may, remedy in sizes
        if here and there and abs(here - there) > _LEAST_DIFFERENCE * max(here, there)
    ]  # fmt: skip


def _may(field: str, study: Study) -> str:
    role = FIELD_ROLES.get(field) if study.trainer is None else None
    return (role and role.confound) or "it may be what makes the difference"


def train_examples_left(study: Study, train: int | None) -> int | None:
    """Training examples of an arm that uses all there are; None where that is not known.

    Args:
        study: what is asked.
        train: training examples that the base uses, where known.
    """
    is_known = isinstance(study.base, Recipe) and study.base.train_examples is None
    return train if is_known else None


def optimizer_steps(recipe: Recipe, train: int | None) -> int | None:
    """Optimizer steps of one training, of accumulated gradients; None where they are not known.

    Args:
        recipe: what is trained.
        train: training examples where the recipe uses all there are.
    """
    examples = recipe.train_examples or train
    if not examples:
        return None
    batches = recipe.epochs * math.ceil(examples / recipe.batch_size)
    return batches // (recipe.gradient_accumulation_steps or 1)


def format_value(value: object) -> str:
    """A value of a recipe as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, str) and _IDENTITY.fullmatch(value):
        sha256, _, function = value.partition(":")
        return f"{function} (SHA-256 {sha256[:8]}…)"
    return "none" if value is None else str(value)
