"""Published tables: rows, readings, protocols."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stepladder.errors import StudyError
from stepladder.study.designs import ExplicitArm, applied
from stepladder.study.loading import BUILT_IN_TABLES, read, resolve_paths, set_key
from stepladder.study.recipe import Recipe
from stepladder.study.schema import (
    FrozenModel,
    did_you_mean,
    duplicate_names,
    list_to_tuple,
    own_errors,
)
from stepladder.study.study import DatasetSource, Study, epochs_into_base
from stepladder.study.techniques import CATALOGUE, Technique, as_change, as_techniques, find

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


class Changes(FrozenModel):
    """What makes a recipe of the table's base: techniques, one on the other, and then fields."""

    holds: ClassVar[dict[str, type[FrozenModel]]] = {"change": Recipe}  # for advice in errors

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


class Protocol(FrozenModel):
    """One way in which the whole table may have been trained."""

    holds: ClassVar[dict[str, type[FrozenModel]]] = {"change": Recipe}

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


_ONLY = Protocol(name="as declared")


@dataclass(frozen=True)
class Candidate:
    """One reading of a row under one protocol: a recipe that the row may stand for.

    Attributes:
        row: the row's name.
        reading: the reading's name, without the protocol's.
        protocol: the protocol's name; empty where the table has one alone.
        recipe: what is trained.
    """

    row: str
    reading: str
    protocol: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """Reading and protocol."""
        return f"{self.reading}, {self.protocol}" if self.protocol else self.reading


class PublishedTable(FrozenModel):
    """A table of accuracies that somebody published, with what each row may stand for.

    Raises:
        StudyError: from the constructor, with every problem at once, each with its path.

    Example:
        >>> table = PublishedTable(
        ...     name="theirs",
        ...     source="Smith 2024",
        ...     base=Recipe(hidden=[50]),
        ...     rows=[{"name": "Adam", "reported": "~97", "techniques": ["Adam"]}],
        ... )
        >>> [each.recipe.optimizer for each in table.candidates]
        ['adam']
    """

    called: ClassVar[str] = "the table"

    name: str = Field(
        min_length=1, max_length=500, description="The table's name.", examples=["smith-2024"]
    )
    source: str = Field(
        min_length=1, description="Where it was published.", examples=["Smith 2024, table 2"]
    )
    dataset: DatasetSource = Field(
        default="mnist",
        description="A built-in name, a .npz file, a folder of IDX files, or a CSV table.",
        examples=["mnist"],
    )
    replicates: int = Field(
        default=5, ge=1, le=100_000, description="Replicates of each reading.", examples=[5]
    )
    validation: int | float = Field(
        default=0.1,
        description="Validation examples: a number of them, or a share of the training part.",
        examples=[0.3],
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="What every random draw derives from.", examples=[0]
    )
    takes: str = Field(
        default="",
        max_length=200,
        description="How long training it took somebody, and on what: said before, where nothing "
        "is stored yet that would tell.",
        examples=["an hour on two cores"],
    )
    base: Recipe = Field(description="The recipe that readings change.")
    protocols: Annotated[tuple[Protocol, ...], BeforeValidator(list_to_tuple)] = Field(
        default=(),
        alias="protocol",
        max_length=64,
        description="Ways in which the whole table may have been trained; the base's own alone "
        "when left out.",
    )
    rows: Annotated[tuple[Row, ...], BeforeValidator(list_to_tuple)] = Field(
        default=(), alias="row", max_length=256, description="The table's lines, in its order."
    )

    @model_validator(mode="before")
    @classmethod
    def _epochs_into_base(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        return epochs_into_base(given)

    @model_validator(mode="after")
    def _agrees(self) -> PublishedTable:
        problems = [
            *duplicate_names("row", [row.name for row in self.rows]),
            *duplicate_names("protocol", [each.name for each in self.protocols]),
            *(line for row in self.rows for line in self._row_problems(row)),
        ]
        if not self.rows:
            problems.append(
                "a table needs at least one [[row]], found none; declare one, with its name and "
                "what was reported"
            )
        if self.rows and all(row.figure.value <= 0.01 for row in self.rows):
            problems.append(
                "row.reported must be percentages, found none above 1; multiply fractions by 100"
            )
        if not problems:
            try:
                self.study  # noqa: B018 - made once to find contradictions
            except StudyError as error:
                problems += error.problems
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _row_problems(self, row: Row) -> list[str]:
        others = [each.name for each in self.rows if each.name != row.name]
        known = [each.name for each in self.protocols]
        problems = unknown(f"row {row.name!r}: above", "another row", [row.above or ""], others)
        names = [each.called for each in row.read()]
        problems += duplicate_names(f"row {row.name!r}: reading", names)
        for each in row.read():
            where = f"row {row.name!r}, reading {each.called!r}: protocols"
            problems += unknown(where, "protocols of the table", each.protocols, known)
        return problems

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every reading of every row under every protocol that it is read under.

        Raises:
            StudyError: if a recipe contradicts itself, or two readings of a row come to one.
        """
        made = tuple(
            self._candidate(row, reading, protocol)
            for row in self.rows
            for reading in row.read()
            for protocol in self._protocols(reading)
        )
        seen: dict[tuple[str, Recipe], Candidate] = {}
        for each in made:
            same = seen.setdefault((each.row, each.recipe), each)
            if same is not each:
                raise StudyError(
                    f"row {each.row!r}: readings must differ, found {same.name!r} and "
                    f"{each.name!r} that come to one recipe; remove one"
                )
        return made

    def _protocols(self, reading: Reading) -> Sequence[Protocol]:
        chosen = [each for each in self.protocols if each.name in reading.protocols]
        return chosen or self.protocols or (_ONLY,)

    def _candidate(self, row: Row, reading: Reading, protocol: Protocol) -> Candidate:
        name = protocol.name if len(self.protocols) > 1 else ""
        return Candidate(row.name, reading.called, name, row.recipe(self.base, reading, protocol))

    @property
    def study(self) -> Study:
        """The study that trains every recipe of the table once.

        An arm is named for the first row and reading that it stands for.

        Raises:
            StudyError: if no row says what was trained, or the study is not valid.
        """
        arms: dict[Recipe, str] = {}
        for each in self.candidates:
            arms.setdefault(each.recipe, f"{each.row}: {each.name}")
        if not arms:
            raise StudyError(
                "a table needs at least one row that says what was trained, found none; give one "
                "techniques, change or [[row.reading]]"
            )
        # The base's data are what a study's sizes tell, so it is one that uses all there are.
        first = next((each for each in arms if each.train_examples is None), next(iter(arms)))
        with own_errors():
            others = [
                ExplicitArm(name=name, change=_difference(recipe, first))
                for recipe, name in arms.items() if recipe != first
            ]  # fmt: skip
            return Study(
                name=self.name,
                dataset=self.dataset,
                design="explicit" if others else "ladder",
                replicates=self.replicates,
                validation=self.validation,
                seed=self.seed,
                base_name=arms[first],
                base=first,
                explicit=tuple(others),
            )

    def above(self, row: Row) -> Row | None:
        """The row that another is read against; None for the first."""
        if row.above is not None:
            return next(each for each in self.rows if each.name == row.above)
        place = self.rows.index(row)
        return self.rows[place - 1] if place else None

    def only(self, names: Sequence[str]) -> Self:
        """The table with some of its rows, or some readings of them.

        Args:
            names: rows' names, or `ROW: READING` with a reading's name, which stands for it
                under every protocol.

        Raises:
            StudyError: if there is no such row or reading.
        """
        known = {row.name: row for row in self.rows}
        wanted: dict[str, list[str]] = {}
        for name in names:
            row, _, reading = name.partition(": ") if name not in known else (name, "", "")
            must_be(row, known, "row")
            if reading:
                must_be(reading, [each.called for each in known[row].read()],
                         f"reading of row {row!r}")  # fmt: skip
            wanted.setdefault(row, []).append(reading)
        rows = [_with_readings(row, wanted[row.name]) for row in self.rows if row.name in wanted]
        kept = [row if row.above in wanted else row.changed({"above": None}) for row in rows]
        return self.changed({"rows": tuple(kept)})

    @classmethod
    def load(cls, source: str | Path, settings: Mapping[str, Any] | None = None) -> Self:
        """A table by its built-in name or from a TOML file.

        Args:
            source: a built-in name or a file's path; data paths in it are relative to it.
            settings: values by the path of their key, which replace those of the file.

        Raises:
            StudyError: if there is no such table, it cannot be read, or it is not valid.
        """
        text, directory = read(source, BUILT_IN_TABLES, "table")
        try:
            values = tomllib.loads(text, parse_float=Written)
        except tomllib.TOMLDecodeError as error:
            raise StudyError(f"must be TOML: {error}; mend that line", str(source)) from None
        for path, value in (settings or {}).items():
            set_key(values, path, value)
        try:
            return cls(**resolve_paths(values, directory))
        except StudyError as error:
            raise StudyError(error.problems, str(source)) from None


def _difference(recipe: Recipe, first: Recipe) -> dict[str, Any]:
    ours, theirs = dict(recipe), dict(first)
    return {field: value for field, value in ours.items() if value != theirs[field]}


def _with_readings(row: Row, names: Sequence[str]) -> Row:
    if "" in names:
        return row
    return row.changed({"readings": tuple(each for each in row.read() if each.called in names)})
