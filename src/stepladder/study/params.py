"""Parameters of a training of the user's own: any keys, numbers, texts, lists and tables."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator

from stepladder.errors import StudyError
from stepladder.study.recipe import Recipe
from stepladder.study.schema import FrozenModel, toml_key, unknown_names


def _check_values(values: dict[str, Any]) -> dict[str, Any]:
    for path, value in flatten(values):
        if not _is_plain(value):
            raise ValueError(
                f"must be finite numbers, texts, true or false, lists and tables, found {value!r} "
                f"in {path}; write it as a text, and let the training read that"
            )
    _check_keys(values)
    return values


def _check_keys(values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if "." in key:
            raise ValueError(
                f"must have keys without a dot, which stands between a table and its key, found "
                f"{key!r}; rename it, or write a table"
            )
        if isinstance(value, Mapping):
            _check_keys(value)


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):  # within a list; the tables around it are flattened
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, str):
        return value.isascii() or _is_unicode(value)
    return isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, which no file or program can be given
        return False
    return True


FreeValues = Annotated[dict[str, Any], AfterValidator(_check_values)]
"""Values by key, whatever the keys are."""


class Params(FrozenModel):
    """What a training of the user's own is given, and what trains.

    Example:
        >>> params = Params(trainer="train.py:train", values={"lr": 0.1, "net": {"depth": 2}})
        >>> params.changed({"net": {"depth": 3}}).flat
        {'lr': 0.1, 'net.depth': 3}
    """

    # fmt: off
    trainer: str = toml_key(..., "What trains, as the study's trainer says.")
    values: FreeValues = toml_key(..., "What the training is given.", default_factory=dict)
    # fmt: on

    def changed(self, change: Mapping[str, Any]) -> Self:
        """These parameters with some values replaced.

        Args:
            change: new values by key; a table replaces only the keys that it has.

        Raises:
            StudyError: if a key is not one of these parameters.
        """
        return type(self)(trainer=self.trainer, values=_merge(self.values, change))

    def __hash__(self) -> int:
        """Of the canonical JSON: tables have no hash."""
        return hash(self.canonical)

    def __eq__(self, other: object) -> bool:
        """Whether trainer and values are the same; 1 and 1.0 are not."""
        return isinstance(other, Params) and self.canonical == other.canonical

    @property
    def flat(self) -> dict[str, Any]:
        """The values by the path of their key, such as `optimizer.lr`."""
        return dict(flatten(self.values))

    @property
    def counts_epochs(self) -> bool:
        """Whether `epochs` of the values says how long to train: a search may shorten it."""
        epochs = self.values.get("epochs")
        return type(epochs) is int and epochs >= 1

    @property
    def epochs(self) -> int:
        """Those of the values; 1 where they have none, so that a training counts as one step."""
        return self.values["epochs"] if self.counts_epochs else 1


Config = Recipe | Params
"""A configuration: all that defines one training but its random draws."""


def as_recipe(config: Config) -> Recipe:
    """A configuration that must be a recipe.

    Raises:
        TypeError: if it is not.
    """
    if not isinstance(config, Recipe):
        raise TypeError(f"a built-in network must have a Recipe, found {type(config).__name__}")
    return config


def flatten(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Values by the path of their key, tables within tables followed."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def flat_values(config: Config) -> dict[str, Any]:
    """The values of a configuration by the path of their key.

    Example:
        >>> flat_values(Recipe(hidden=[3], epochs=7))["epochs"]
        7
    """
    return dict(config) if isinstance(config, Recipe) else config.flat


def with_values(config: Config, values: Mapping[str, float]) -> Config:
    """A configuration with numbers at some paths; whole numbers where it has whole ones.

    Args:
        config: what is changed.
        values: numbers by the path of their key.

    Raises:
        StudyError: if a value is beyond what its key allows.

    Example:
        >>> params = Params(trainer="train.py:train", values={"net": {"depth": 2}})
        >>> with_values(params, {"net.depth": 4.0}).flat
        {'net.depth': 4}
    """
    if isinstance(config, Recipe):
        fields = Recipe.model_fields
        whole = {name for name in values if fields[name].annotation is int}
    else:
        known = config.flat
        whole = {name for name in values if type(known.get(name)) is int}
    rounded = {path: round(value) if path in whole else value for path, value in values.items()}
    return config.changed(nested(rounded))


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the path of their key as tables within tables: the opposite of `flatten`.

    Example:
        >>> nested({"lr": 0.1, "net.depth": 2})
        {'lr': 0.1, 'net': {'depth': 2}}
    """
    result: dict[str, Any] = {}
    for path, value in values.items():
        *tables, last = path.split(".")
        place = result
        for name in tables:
            place = place.setdefault(name, {})
        place[last] = value
    return result


def _merge(values: Mapping[str, Any], change: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    problems = unknown_names(
        "change must name keys of [base]", (f"{above}{key}" for key in change if key not in values),
        [f"{above}{key}" for key in values], "add it to [base] with the value that the base has",
    )  # fmt: skip
    if problems:
        raise StudyError(problems)
    result = dict(values)
    for key, value in change.items():
        old = values[key]
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = _merge(old, value, f"{above}{key}.") if both else value
    return result
