"""The parts of a published table: its figures, its rows and the readings of each."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, field_validator

from stepladder.arms import applied
from stepladder.errors import StudyError
from stepladder.recipe import Recipe
from stepladder.techniques import CATALOGUE, Technique, as_change, as_techniques, find
from stepladder.values import Value, did_you_mean, list_to_tuple

__all__ = [
    "Changes",
    "Figure",
    "Protocol",
    "Reading",
    "Row",
    "Written",
    "figure_of",
    "must_be",
    "unknown",
]

_FIGURE = re.compile(r"(~?)\s*(\d+)(?:\.(\d+))?\s*%?")


class Written(float):
    """A number of a file that remembers how it was written: 97.20 is more exact than 97.2."""

    text: str

    def __new__(cls, text: str) -> Self:
        """The number of a text."""
        made = super().__new__(cls, text)
        made.text = text
        return made


@dataclass(frozen=True)
class Figure:
    """A published accuracy.

    Attributes:
        text: as it was published, in percent.
        value: a fraction in 0…1.
        tolerance: what it may have been rounded by, a fraction: half a unit of its last digit, or
            with `~` a whole one, since it may have been rounded either way or cut off.
    """

    text: str
    value: float
    tolerance: float


def figure_of(given: object) -> Figure:
    """A figure from what a table says.

    Args:
        given: a percentage, as a number or as a text such as `~92.2`.

    Raises:
        ValueError: if it is none, or outside 0…100.
    """
    text = given.strip() if isinstance(given, str) else ""
    if isinstance(given, int | float) and not isinstance(given, bool):
        text = given.text if isinstance(given, Written) else repr(given)
    found = _FIGURE.fullmatch(text)
    if found is None or not 0 <= float(f"{found[2]}.{found[3] or 0}") <= 100:
        raise ValueError(
            f"must be a percentage from 0 to 100, found {given!r}; write a value such as 92.2, or "
            '"~92.2" for one that is not exact'
        )
    about, whole, decimals = found.groups(default="")
    unit = 10.0 ** -len(decimals)
    value = float(f"{whole}.{decimals or 0}")
    return Figure(
        f"{about}{value:.{len(decimals)}f}", value / 100, (unit if about else unit / 2) / 100
    )


class Changes(Value):
    """What makes a recipe of the table's base: techniques, one on the other, and then fields."""

    holds: ClassVar[dict[str, type[Value]]] = {"change": Recipe}  # for advice in errors

    techniques: Annotated[tuple[Technique, ...] | None, BeforeValidator(as_techniques)] = Field(
        default=None,
        description="Techniques of the catalogue, each on top of the last.",
        examples=[["He normal", "ReLU"]],
    )
    change: dict[str, Any] | None = Field(
        default=None,
        description="Fields of the base recipe and their new values.",
        examples=[{"batch_size": 32}],
    )

    @field_validator("change", mode="after")
    @classmethod
    def _as_written(cls, change: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if change is None else as_change(change)

    @property
    def is_said(self) -> bool:
        """Whether anything was said, be it that nothing changes."""
        return self.techniques is not None or self.change is not None

    def upon(self, recipe: Recipe) -> Recipe:
        """A recipe with these changes.

        Raises:
            StudyError: if it contradicts itself.
        """
        made = applied(recipe, self.techniques or ())
        return made.changed(self.change) if self.change else made


class Protocol(Value):
    """One way in which the whole table may have been trained."""

    holds: ClassVar[dict[str, type[Value]]] = {"change": Recipe}

    name: str = Field(min_length=1, max_length=200, description="Its name.", examples=["batch 32"])
    change: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the recipe and their values under it.",
        examples=[{"batch_size": 32}],
    )

    @field_validator("change", mode="after")
    @classmethod
    def _as_written(cls, change: dict[str, Any]) -> dict[str, Any]:
        return as_change(change)


class Reading(Changes):
    """One recipe that a row may stand for."""

    name: str = Field(
        default="",
        max_length=200,
        description="Its name; the techniques' names when left out.",
        examples=["on top of the rows above"],
    )
    protocols: Annotated[tuple[str, ...], BeforeValidator(list_to_tuple)] = Field(
        default=(), description="Protocols it is read under; all of them when left out."
    )

    @property
    def called(self) -> str:
        """Its name, said or made."""
        made = " + ".join(each.name for each in self.techniques or ())
        return self.name or made or "as declared"


class Row(Changes):
    """One line of a published table."""

    name: str = Field(min_length=1, max_length=200, description="Its name.", examples=["ReLU"])
    reported: Any = Field(
        description='Test accuracy in percent: a number, or "~92.2" for one that is not exact.',
        examples=["~92.2"],
        json_schema_extra={"anyOf": [{"type": "number"}, {"type": "string"}]},
    )
    runs: int | None = Field(
        default=None,
        ge=1,
        description="Runs that the figure is the mean of; taken for one where nobody knows.",
        examples=[1],
    )
    technique: str | None = Field(
        default=None,
        description="The technique that the row is meant to show; its name's when left out.",
        examples=["ReLU"],
    )
    above: str | None = Field(
        default=None,
        description="The row that it is read against; the one above it when left out.",
        examples=["naive"],
    )
    readings: Annotated[tuple[Reading, ...], BeforeValidator(list_to_tuple)] = Field(
        default=(),
        alias="reading",
        max_length=256,
        description="Recipes that it may stand for, each upon the row's own techniques and change.",
    )

    @field_validator("reported", mode="after")
    @classmethod
    def _is_a_figure(cls, given: object) -> object:
        figure_of(given)
        return given

    @field_validator("technique", mode="after")
    @classmethod
    def _is_known(cls, given: str | None) -> str | None:
        if given is not None and find(given) is None:
            advice = did_you_mean(
                given, [each.name for each in CATALOGUE], "see `stepladder techniques`"
            )
            raise ValueError(f"must be a technique of the catalogue, found {given!r}; {advice}")
        return given

    @property
    def figure(self) -> Figure:
        """The published figure."""
        return figure_of(self.reported)

    @property
    def shows(self) -> str | None:
        """The technique of the catalogue that it is meant to show, or None."""
        known = find(self.technique or self.name)
        return known["name"] if known else None

    def read(self) -> Sequence[Reading]:
        """Its readings; one of its own where it says a recipe and no readings."""
        if self.readings or not self.is_said:
            return self.readings
        return (Reading(),)

    def recipe(self, base: Recipe, reading: Reading, protocol: Protocol) -> Recipe:
        """What is trained for a reading under a protocol.

        Raises:
            StudyError: if it contradicts itself.
        """
        try:
            return reading.upon(self.upon(base)).changed(protocol.change)
        except StudyError as error:
            where = f"row {self.name!r}, reading {reading.called!r} under {protocol.name!r}"
            raise StudyError([f"{where}: {line}" for line in error.problems]) from None


def unknown(where: str, what: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of what is not there, a line each."""
    return [
        f"{where} must name {what}, found {name!r}; {_advice(name, known)}"
        for name in names
        if name and name not in known
    ]


def _advice(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name, known, f"the names are {', '.join(known) or 'none'}")


def must_be(name: str, known: Collection[str], what: str) -> None:
    """Makes sure that what `--only` names is there.

    Raises:
        StudyError: if it is not.
    """
    if name not in known:
        raise StudyError(f"--only must name a {what}, found {name!r}; {_advice(name, list(known))}")
