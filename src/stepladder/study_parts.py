"""Tables of a study file that are values of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from stepladder.values import Value

__all__ = ["CsvDataset", "DatasetSource", "Reported"]


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
