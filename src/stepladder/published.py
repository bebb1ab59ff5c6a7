"""A published table: its rows, what each may stand for, and the study that tells."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from stepladder.arms import ExplicitArm
from stepladder.errors import StudyError
from stepladder.published_parts import Protocol, Reading, Row, Written, must_be, unknown
from stepladder.recipe import Recipe
from stepladder.study import Study
from stepladder.study_parts import DatasetSource, epochs_into_base
from stepladder.study_source import BUILT_IN_TABLES, anchored, put, read
from stepladder.values import Value, list_to_tuple, on_its_own, repeated

__all__ = ["BUILT_IN_TABLES", "Candidate", "Protocol", "PublishedTable", "Reading", "Row"]

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


class PublishedTable(Value):
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
            *repeated("row", [row.name for row in self.rows]),
            *repeated("protocol", [each.name for each in self.protocols]),
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
        problems += repeated(f"row {row.name!r}: reading", names)
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
        with on_its_own():
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
            put(values, path, value)
        try:
            return cls(**anchored(values, directory))
        except StudyError as error:
            raise StudyError(error.problems, str(source)) from None


def _difference(recipe: Recipe, first: Recipe) -> dict[str, Any]:
    ours, theirs = dict(recipe), dict(first)
    return {field: value for field, value in ours.items() if value != theirs[field]}


def _with_readings(row: Row, names: Sequence[str]) -> Row:
    if "" in names:
        return row
    return row.changed({"readings": tuple(each for each in row.read() if each.called in names)})
