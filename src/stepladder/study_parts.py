"""Tables of a study file that are values of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from stepladder.recipe import Recipe
from stepladder.values import Value

__all__ = ["CsvDataset", "DatasetSource", "Reported", "epochs_into_base"]


def epochs_into_base(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """What a file holds, its `epochs` as a field of the base recipe; before it is checked.

    Raises:
        ValueError: if epochs are said twice.
    """
    if not isinstance(given, Mapping) or "epochs" not in given:
        return given
    rest = {key: value for key, value in given.items() if key != "epochs"}
    base = rest.get("base")
    if isinstance(base, Recipe):
        raise ValueError("epochs belongs to the base recipe; write Recipe(epochs=...)")
    if not isinstance(base, Mapping):
        return rest
    if "epochs" in base and base["epochs"] != given["epochs"]:
        raise ValueError(
            f"epochs must be said once, found {given['epochs']} and base.epochs "
            f"{base['epochs']}; remove one of them"
        )
    return {**rest, "base": {**base, "epochs": given["epochs"]}}


class CsvDataset(Value):
    """A table of examples: one row an example, one column the label, the others its inputs."""

    csv: str = Field(min_length=1, description="The file.", examples=["digits.csv"])
    label: str = Field(
        min_length=1, description="The column that holds the label.", examples=["digit"]
    )
    test_share: float = Field(
        gt=0, lt=1, description="Share of the rows kept for the test set.", examples=[0.2]
    )


def _kind(given: object) -> str:
    return "-csv" if isinstance(given, CsvDataset | Mapping) else "-name"


DatasetSource = Annotated[
    Annotated[str, Tag("-name")] | Annotated[CsvDataset, Tag("-csv")], Discriminator(_kind)
]
"""A built-in name or a path, or a table of its own."""


class Reported(Value):
    """Test accuracies that somebody published for a study's arms, shown beside ours."""

    source: str = Field(
        min_length=1, description="Where they were published.", examples=["Smith 2024, one run"]
    )
    test_accuracy: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        description="Fraction in 0…1 by technique, or by the base's name.",
        examples=[{"naive": 0.113}],
    )
