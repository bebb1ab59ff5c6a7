"""Published tables: rows, readings, protocols."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, field_validator, model_validator

from stepladder.errors import StudyError
from stepladder.study.designs import ExplicitArm, FreeArm, apply_techniques
from stepladder.study.loading import load_toml
from stepladder.study.metrics import METRICS, Metric
from stepladder.study.params import Config, flat_values
from stepladder.study.recipe import Change, Recipe
from stepladder.study.schema import (
    FrozenModel,
    ListOf,
    check_name,
    duplicate_names,
    own_errors,
    toml_key,
    unknown_names,
)
from stepladder.study.sources import DatasetSource
from stepladder.study.study import (
    ACCURACY,
    Base,
    JudgedMetric,
    Study,
    epochs_into_base,
    metric_and_delta,
    trainer_into_base,
)
from stepladder.study.techniques import (
    FreeTechnique,
    Technique,
    as_techniques,
    find_technique,
    unknown_technique,
)
from stepladder.study.trainer import UserTrainer
from stepladder.study.values import FreeValues, flatten, nested

_FIGURE = re.compile(r"(~?)\s*([+\-−]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?\s*(%?)")


class _Written(float):
    """A number of a file that remembers how it was written: 97.20 is more exact than 97.2."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


@dataclass(frozen=True)
class Figure:
    """A published figure.

    Attributes:
        text: as it was published: in percent, where it is a fraction.
        value: in the metric's own scale, such as a fraction in 0…1.
        tolerance: what it may have been rounded by, in that scale: half a unit of its last digit,
            or with `~` a whole one, since it may have been rounded either way or cut off.
    """

    text: str
    value: float
    tolerance: float


def parse_figure(reported: object, metric: Metric = METRICS["accuracy"]) -> Figure:
    """A figure from what a table says.

    Args:
        reported: a number, in percent where the metric is a fraction, or a text such as `~92.2`.
        metric: what it is of.

    Raises:
        ValueError: if it is none, or outside the metric's bounds.

    Example:
        >>> parse_figure("~92.2").tolerance
        0.001
        >>> parse_figure(0.045, METRICS["rmse"]).tolerance
        0.0005
    """
    text = reported.strip() if isinstance(reported, str) else ""
    if isinstance(reported, int | float) and not isinstance(reported, bool):
        text = reported.text.replace("_", "") if isinstance(reported, _Written) else repr(reported)
    match = _FIGURE.fullmatch(text)
    scale, (low, high) = metric.scale, metric.bounds
    if match is not None and (metric.is_fraction or not match[6]):
        about, sign, whole, decimals, power, _ = match.groups(default="")
        value = float(f"{'' if sign in ('', '+') else '-'}{whole}.{decimals or 0}e{power or 0}")
        unit = 10.0 ** (int(power or 0) - len(decimals))
        if low <= value / scale <= high and math.isfinite(value):
            shown = f"{about}{text.lstrip('~ ').rstrip('% ')}"
            return Figure(shown, value / scale, (unit if about else unit / 2) / scale)
    kind, example = f"a number, {metric.range}", "0.31"
    if metric.is_fraction:
        kind, example = "a percentage from 0 to 100", "92.2"
    raise ValueError(
        f"must be {kind}, found {reported!r}; write a value such as {example}, or "
        f'"~{example}" for one that is not exact'
    )


_Techniques = Annotated[tuple[Technique, ...] | None, BeforeValidator(as_techniques)]


class Changes(FrozenModel):
    """What makes a configuration of the table's base: techniques, one on the other, then fields."""

    # fmt: off
    techniques: _Techniques = toml_key(
        None, "Techniques of the catalogue, each on top of the last.", ["He normal", "ReLU"])
    change: Change | None = toml_key(
        None, "Fields of the base recipe and their new values.", {"batch_size": 32})
    # fmt: on

    @property
    def declares_recipe(self) -> bool:
        """Whether techniques or a change are given, even if they change nothing."""
        return self.techniques is not None or self.change is not None

    def apply_to(self, config: Config) -> Config:
        """A configuration with these changes.

        Raises:
            StudyError: if it contradicts itself, or lacks a key.
        """
        result = apply_techniques(config, self.techniques or ())
        return result.changed(self.change) if self.change else result


class Protocol(FrozenModel):
    """One way in which the whole table may have been trained."""

    # fmt: off
    name: str = toml_key(..., "Its name.", "batch 32", min_length=1, max_length=200)
    change: Change = toml_key(
        ..., "Fields of the recipe and their values under it.", {"batch_size": 32},
        default_factory=dict)
    # fmt: on


class FreeProtocol(Protocol):
    """A protocol of a training of the user's own."""

    # fmt: off
    change: FreeValues = toml_key(
        ..., "Keys of [base] and their values under it.", {"batch": 32}, default_factory=dict)
    # fmt: on


class Reading(Changes):
    """One configuration that a row may stand for."""

    # fmt: off
    name: str = toml_key(
        "", "Its name; the techniques' names when left out.", "on top of the rows above",
        max_length=200)
    protocols: ListOf[str] = toml_key((), "Protocols it is read under; all of them when left out.")
    # fmt: on

    @property
    def label(self) -> str:
        """Its name, or one made of its techniques."""
        techniques = " + ".join(technique.name for technique in self.techniques or ())
        return self.name or techniques or "as declared"


class Row(Changes):
    """One line of a published table."""

    # fmt: off
    name: str = toml_key(..., "Its name.", "ReLU", min_length=1, max_length=200)
    reported: Any = toml_key(
        ..., "The figure on the test part, in percent where the metric is a fraction: a number, or "
        '"~92.2" for one that is not exact.', "~92.2",
        json_schema_extra={"anyOf": [{"type": "number"}, {"type": "string"}]})
    runs: int | None = toml_key(
        None, "Runs that the figure is the mean of; taken for one where nobody knows.", 1, ge=1)
    technique: str | None = toml_key(
        None, "The technique that the row is meant to show; its name's when left out.", "ReLU")
    above: str | None = toml_key(
        None, "The row that it is read against; the one above it when left out.", "naive")
    readings: ListOf[Reading] = toml_key(
        (), "Recipes that it may stand for, each upon the row's own techniques and change.",
        alias="reading", max_length=256)
    # fmt: on

    @field_validator("technique", mode="after")
    @classmethod
    def _check_technique(cls, technique: str | None) -> str | None:
        if technique is not None and find_technique(technique) is None:
            raise ValueError(unknown_technique("must be a technique of the catalogue", technique))
        return technique

    @property
    def shows(self) -> str | None:
        """The technique that it is meant to show: of the catalogue, or None."""
        entry = find_technique(self.technique or self.name)
        return entry["name"] if entry else None

    @property
    def shown_change(self) -> Mapping[str, Any]:
        """What that technique changes: values by the path of their key."""
        change: Mapping[str, Any] = (find_technique(self.shows or "") or {}).get("change", {})
        return change

    @property
    def all_readings(self) -> Sequence[Reading]:
        """Its readings; one of its own where it declares a recipe and no readings."""
        return self.readings or ((Reading(),) if self.declares_recipe else ())

    def config(self, base: Config, reading: Reading, protocol: Protocol) -> Config:
        """What is trained for a reading under a protocol.

        Raises:
            StudyError: if it contradicts itself.
        """
        try:
            return reading.apply_to(self.apply_to(base)).changed(protocol.change)
        except StudyError as error:
            where = f"row {self.name!r}, reading {reading.label!r} under {protocol.name!r}"
            raise StudyError([f"{where}: {line}" for line in error.problems]) from None


class FreeChanges(Changes):
    """Changes whose keys are those of a training of the user's own."""

    # fmt: off
    techniques: ListOf[FreeTechnique] | None = toml_key(
        None, "Named changes, each on top of the last.",
        [{"name": "dropout", "change": {"dropout": 0.3}}])
    change: FreeValues | None = toml_key(
        None, "Keys of [base] and their new values.", {"dropout": 0.3})
    # fmt: on


class FreeReading(FreeChanges, Reading):
    """A reading whose keys are those of a training of the user's own."""


class FreeRow(FreeChanges, Row):
    """A row whose keys are those of a training of the user's own."""

    # fmt: off
    readings: ListOf[FreeReading] = toml_key(
        (), "What it may stand for, each upon the row's own techniques and change.",
        alias="reading", max_length=256)
    # fmt: on

    @field_validator("technique", mode="after")
    @classmethod
    def _check_technique(cls, technique: str | None) -> str | None:
        return technique  # any name: the catalogue is of recipes

    @property
    def shows(self) -> str | None:
        """The technique that it is meant to show; None where its readings alone change anything."""
        return (self.technique or self.name) if self.shown_change else None

    @property
    def shown_change(self) -> Mapping[str, Any]:
        """What the row's own techniques and change are: values by the path of their key."""
        result: dict[str, Any] = {}
        for change in (*(technique.change for technique in self.techniques or ()), self.change):
            result |= flatten(change or {})
        return result


@dataclass(frozen=True)
class Candidate:
    """One reading of a row under one protocol: a configuration that the row may stand for.

    Attributes:
        row: the row's name.
        reading: the reading's name, without the protocol's.
        protocol: the protocol's name; empty where the table has one alone.
        config: what is trained.
    """

    row: str
    reading: str
    protocol: str
    config: Config

    @property
    def name(self) -> str:
        """Reading and protocol."""
        return f"{self.reading}, {self.protocol}" if self.protocol else self.reading


_FREE: dict[str, tuple[str, type[FrozenModel]]] = {
    "rows": ("row", FreeRow),
    "protocols": ("protocol", FreeProtocol),
}
"""Fields of a table with free keys, where a training of the user's own trains."""


class PublishedTable(FrozenModel):
    """A table of figures that somebody published, with what each row may stand for.

    Raises:
        StudyError: from the constructor, with every problem at once, each with its path.

    Example:
        >>> table = PublishedTable(
        ...     name="theirs",
        ...     source="Smith 2024",
        ...     base=Recipe(hidden=[50]),
        ...     rows=[{"name": "Adam", "reported": "~97", "techniques": ["Adam"]}],
        ... )
        >>> [candidate.config.optimizer for candidate in table.candidates]
        ['adam']
    """

    label: ClassVar[str] = "the table"
    describes_training: ClassVar[bool] = True

    # fmt: off
    name: str = toml_key(..., "The table's name.", "smith-2024", min_length=1, max_length=500)
    source: str = toml_key(..., "Where it was published.", "Smith 2024, table 2", min_length=1)
    metric: JudgedMetric = toml_key(
        ACCURACY, "What the figures are of, as in a study.", "auroc")
    delta: float | None = toml_key(
        0.1, "Difference below which it does not matter, as in a study.", 0.1, gt=0)
    trainer: UserTrainer | None = toml_key(
        None, "A training of your own, as in a study; runs only with --allow-code.",
        "train.py:train")
    dataset: DatasetSource | None = toml_key(
        "mnist",
        "A built-in name, a .npz file, a folder of IDX files or images, or a table of these.",
        "mnist")
    replicates: int = toml_key(5, "Replicates of each reading.", 5, ge=1, le=100_000)
    validation: int | float = toml_key(
        0.1, "Validation examples: a number of them, or a share of the training part.", 0.3)
    seed: int = toml_key(0, "What every random draw derives from.", 0, ge=0, lt=2**63)
    takes: str = toml_key(
        "", "How long training it took somebody, and on what: said before, where nothing is stored "
        "yet that would tell.", "an hour on two cores", max_length=200)
    base: Base = toml_key(
        ..., "The recipe that readings change; any keys for a training of your own.")
    protocols: ListOf[Protocol] = toml_key(
        (), "Ways in which the whole table may have been trained; the base's own alone when left "
        "out.", alias="protocol", max_length=64)
    rows: ListOf[Row] = toml_key(
        (), "The table's lines, in its order.", alias="row", max_length=256)
    # fmt: on

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(values, Mapping):
            return values
        return trainer_into_base(epochs_into_base(metric_and_delta(values)), _FREE)

    @model_validator(mode="after")
    def _check(self) -> PublishedTable:
        problems = [
            *duplicate_names("row", [row.name for row in self.rows]),
            *duplicate_names("protocol", [protocol.name for protocol in self.protocols]),
            *(line for row in self.rows for line in self._row_problems(row)),
        ]
        if not self.rows:
            problems.append(
                "a table needs at least one [[row]], found none; declare one, with its name and "
                "what was reported"
            )
        figures = []
        for row in self.rows:
            try:
                figures.append(self.figure(row))
            except ValueError as error:
                problems.append(f"row {row.name!r}: reported {error}")
        if (
            figures
            and self.metric.found.is_fraction
            and all(figure.value <= 0.01 for figure in figures)
        ):
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
        path = f"row {row.name!r}"
        others = [other.name for other in self.rows if other.name != row.name]
        above = [row.above] if row.above else []
        labels = [reading.label for reading in row.all_readings]
        problems = unknown_names(f"{path}: above must name another row", above, others)
        problems += duplicate_names(f"{path}: reading", labels)
        known = [protocol.name for protocol in self.protocols]
        for reading in row.all_readings:
            where = f"{path}, reading {reading.label!r}: protocols must name protocols of the table"
            problems += unknown_names(where, reading.protocols, known)
        return problems

    def figure(self, row: Row) -> Figure:
        """The published figure of a row.

        Raises:
            ValueError: if it is none of the metric.
        """
        return parse_figure(row.reported, self.metric.found)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every reading of every row under every protocol that it is read under.

        Raises:
            StudyError: if a configuration contradicts itself, or two readings of a row have one.
        """
        by_config: dict[tuple[str, Config], Candidate] = {}
        for row in self.rows:
            for reading in row.all_readings:
                chosen = [one for one in self.protocols if one.name in reading.protocols]
                for protocol in chosen or self.protocols or (Protocol(name="as declared"),):
                    name = protocol.name if len(self.protocols) > 1 else ""
                    config = row.config(self.base, reading, protocol)
                    candidate = Candidate(row.name, reading.label, name, config)
                    same = by_config.setdefault((row.name, config), candidate)
                    if same is not candidate:
                        raise StudyError(
                            f"row {row.name!r}: readings must differ, found {same.name!r} and "
                            f"{candidate.name!r} that are trained alike; remove one"
                        )
        return tuple(by_config.values())

    @property
    def study(self) -> Study:
        """The study that trains every configuration of the table once.

        An arm is named for the first row and reading that it stands for.

        Raises:
            StudyError: if no row says what was trained, or the study is not valid.
        """
        names: dict[Config, str] = {}
        for candidate in self.candidates:
            names.setdefault(candidate.config, f"{candidate.row}: {candidate.name}")
        if not names:
            raise StudyError(
                "a table needs at least one row that says what was trained, found none; give one "
                "techniques, change or [[row.reading]]"
            )
        # A study's sizes are those of its base, so the base is a recipe that uses all data.
        base = next((one for one in names if flat_values(one).get("train_examples") is None),
                    next(iter(names)))  # fmt: skip
        kind = ExplicitArm if self.trainer is None else FreeArm
        with own_errors():
            others = [
                kind(name=name, change=_difference(config, base))
                for config, name in names.items()
                if config != base
            ]
            return Study(
                name=self.name,
                dataset=self.dataset,
                metric=self.metric,
                delta=self.delta,
                trainer=self.trainer,
                design="explicit" if others else "ladder",
                replicates=self.replicates,
                validation=self.validation,
                seed=self.seed,
                base_name=names[base],
                base=base,
                explicit=tuple(others),
            )

    def above(self, row: Row) -> Row | None:
        """The row that another is read against; None for the first."""
        if row.above is not None:
            return next(other for other in self.rows if other.name == row.above)
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
        chosen: dict[str, list[str]] = {}
        for name in names:
            key, _, label = name.partition(": ") if name not in known else (name, "", "")
            check_name("--only must name a row", key, known, StudyError)
            if label:
                labels = [reading.label for reading in known[key].all_readings]
                check_name(f"--only must name a reading of row {key!r}", label, labels, StudyError)
            chosen.setdefault(key, []).append(label)
        rows = []
        for row in filter(lambda row: row.name in chosen, self.rows):
            change: dict[str, Any] = {} if row.above in chosen else {"above": None}
            if "" not in chosen[row.name]:
                change["readings"] = tuple(
                    reading for reading in row.all_readings if reading.label in chosen[row.name]
                )
            rows.append(row.changed(change))
        return self.changed({"rows": tuple(rows)})

    @classmethod
    def load(cls, source: str | Path, settings: Mapping[str, Any] | None = None) -> Self:
        """A table by its built-in name or from a TOML file.

        Args:
            source: a built-in name or a file's path; data paths in it are relative to it.
            settings: values by the path of their key, which replace those of the file.

        Raises:
            StudyError: if there is no such table, it cannot be read, or it is not valid.
        """
        return load_toml(cls, source, "table", settings or {}, parse_float=_Written)


def _difference(config: Config, base: Config) -> dict[str, Any]:
    there = flat_values(base)
    found = {path: value for path, value in flat_values(config).items() if value != there.get(path)}
    return found if isinstance(base, Recipe) else nested(found)
