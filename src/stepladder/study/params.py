"""Parameters of a training of the user's own: any keys, numbers, texts, lists and tables."""

from collections.abc import Mapping
from typing import Any, Self

from stepladder.study.recipe import Recipe, own_paths
from stepladder.study.schema import ByContent, toml_key
from stepladder.study.values import FreeValues, flatten, merge, nested


class Params(ByContent):
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
        return type(self)(trainer=self.trainer, values=merge(self.values, change))

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


def config_from(values: Mapping[str, Any]) -> Config:
    """The configuration that was written as `values`."""
    return Params(**values) if "trainer" in values else Recipe(**values)


def as_recipe(config: Config) -> Recipe:
    """A configuration that must be a recipe.

    Raises:
        TypeError: if it is not.
    """
    if not isinstance(config, Recipe):
        raise TypeError(f"a built-in network must have a Recipe, found {type(config).__name__}")
    return config


def flat_values(config: Config) -> dict[str, Any]:
    """The values of a configuration by the path of their key.

    Example:
        >>> flat_values(Recipe(hidden=[3], epochs=7))["epochs"]
        7
    """
    if isinstance(config, Params):
        return config.flat
    fields = {name: value for name, value in config if name != "own"}
    return {**fields, **own_paths(config)}


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
    known, fields = flat_values(config), Recipe.model_fields
    whole = {
        name
        for name in values
        if (
            fields[name].annotation in (int, int | None)
            if isinstance(config, Recipe) and name in fields
            else type(known.get(name)) is int
        )
    }
    rounded = {path: round(value) if path in whole else value for path, value in values.items()}
    return config.changed(nested(rounded))
