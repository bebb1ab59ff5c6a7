"""A study: the question, declared. TOML and Python give the same value."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, cast

import tomli_w
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from stepladder.designs import Arm, Design, arms
from stepladder.errors import StudyError
from stepladder.model_file import MODEL_SCHEMA, ModelFile
from stepladder.recipe import Recipe
from stepladder.study_source import BUILT_IN_DATASETS, BUILT_IN_STUDIES, anchored, put, read
from stepladder.techniques import Technique
from stepladder.values import Value, nearest

__all__ = ["BUILT_IN_DATASETS", "BUILT_IN_STUDIES", "CsvDataset", "Reported", "Study"]


class CsvDataset(Value):
    """A table of examples: one row an example, one column the label, the others its inputs."""

    csv: str = Field(min_length=1, description="The file.", examples=["digits.csv"])
    label: str = Field(
        min_length=1, description="The column that holds the label.", examples=["digit"]
    )
    test_share: float = Field(
        gt=0, lt=1, description="Share of the rows kept for the test set.", examples=[0.2]
    )


class Reported(Value):
    """Test accuracies that somebody published for a study's arms, shown beside ours."""

    source: str = Field(
        min_length=1, description="Where they were published.", examples=["Smith 2024, one run"]
    )
    test_accuracy: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        description="Fraction in 0…1 by technique, or by the base's name.",
        examples=[{"naive": 0.113}],
    )


def _kind(given: object) -> str:
    return "-csv" if isinstance(given, CsvDataset | Mapping) else "-name"


def _as_techniques(given: object) -> object:
    """Names as techniques of the catalogue, a list as a tuple."""
    if not isinstance(given, list | tuple):
        return given
    return tuple({"name": each} if isinstance(each, str) else each for each in given)


class Study(Value):
    """A base recipe, the techniques to judge, and how they are to be compared.

    Raises:
        StudyError: from the constructor, with every problem at once, each with its path.

    Example:
        >>> study = Study(name="mine", base=Recipe(hidden=[50]), techniques=["Adam", "dropout"])
        >>> [technique.name for technique in study.techniques]
        ['Adam', 'dropout']
    """

    name: str = Field(
        min_length=1, max_length=500, description="The study's name.", examples=["my-study"]
    )
    dataset: Annotated[
        Annotated[str, Tag("-name")] | Annotated[CsvDataset, Tag("-csv")], Discriminator(_kind)
    ] = Field(
        default="mnist",
        description="A built-in name, a .npz file, a folder of IDX files, or a CSV table.",
        examples=["mnist"],
    )
    design: Design = Field(
        default="ladder",
        description="How techniques become arms: each on top of the last.",
        examples=["ladder"],
    )
    replicates: int = Field(
        default=5, ge=1, le=100_000, description="Replicates of each arm.", examples=[5]
    )
    validation: int | float = Field(
        default=0.1,
        description="Validation examples: a number of them, or a share of the training part.",
        examples=[6000],
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="What every random draw derives from.", examples=[0]
    )
    delta: float = Field(
        default=0.1,
        gt=0,
        le=100,
        description="Percentage points of accuracy below which a difference does not matter.",
        examples=[0.1],
    )
    base_name: str = Field(
        default="base", min_length=1, max_length=500, description="Name of the base's arm."
    )
    base: Recipe = Field(description="The recipe that techniques are added to.")
    model: Annotated[ModelFile | None, WithJsonSchema(MODEL_SCHEMA)] = Field(
        default=None,
        description="A network of your own: a function build(recipe, input_shape, classes) that "
        "returns a keras.Model. Runs only with --allow-code.",
        examples=["conv.py:build"],
    )
    techniques: Annotated[tuple[Technique, ...], BeforeValidator(_as_techniques)] = Field(
        default=(), alias="technique", max_length=256, description="What is to be judged, in order."
    )
    reported: Reported | None = Field(
        default=None, description="Published figures for the same arms."
    )

    @model_validator(mode="before")
    @classmethod
    def _epochs_into_base(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
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

    @model_validator(mode="before")
    @classmethod
    def _model_into_base(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(given, Mapping) or given.get("model") is None:
            return given
        model = given["model"]
        if isinstance(model, str):  # from Python: a file below the current folder
            model = ModelFile.load(model, Path.cwd())
        elif isinstance(model, Mapping):
            model = ModelFile.load(dict(model), Path.cwd())
        if not isinstance(model, ModelFile):
            return given  # the field says what it must be
        return {**given, "model": model, "base": _built_by(model, given.get("base", {}))}

    @field_validator("validation", mode="plain")
    @classmethod
    def _number_or_share(cls, given: object) -> int | float:
        is_number = isinstance(given, int) and not isinstance(given, bool) and given >= 1
        if is_number or (isinstance(given, float) and 0 < given < 1):
            return cast("int | float", given)
        raise ValueError(
            "must be a number of examples, 1 or more, or a share between 0 and 1, "
            f"found {given!r}; write a value such as validation = 6000"
        )

    @model_validator(mode="after")
    def _names_agree(self) -> Study:
        problems = [
            *_stray_model(self),
            *_repeated(self),
            *_lost_siblings(self),
            *_lost_reports(self),
        ]
        try:
            self.arms  # noqa: B018 - made once to find contradictions
        except StudyError as error:
            problems += error.problems
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms of the design, the base first."""
        return arms(self.design, self.base_name, self.base, self.techniques)

    @classmethod
    def load(cls, source: str | Path, settings: Mapping[str, Any] | None = None) -> Self:
        """A study by its built-in name or from a TOML file.

        Args:
            source: a built-in name or a file's path; data paths in it are relative to it.
            settings: values by the path of their key (`base.learning_rate`), which replace
                those of the file.

        Raises:
            StudyError: if there is no such study, it cannot be read, or it is not valid.
        """
        text, directory = read(source)
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise StudyError(f"must be TOML: {error}; mend that line", str(source)) from None
        for path, value in (settings or {}).items():
            if path in ("epochs", "base.epochs"):  # two ways to say one thing: the last one counts
                path = "epochs" if "epochs" in values else "base.epochs"
            put(values, path, value)
        try:
            return cls(**anchored(values, directory))
        except StudyError as error:
            raise StudyError(error.problems, str(source)) from None

    def to_toml(self) -> str:
        """The study as a TOML file that `load` reads back to an equal study."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        values["base"].pop("model", None)  # follows from the study's
        return tomli_w.dumps(values)


def _built_by(model: ModelFile, base: object) -> object:
    """A base recipe, as a value or as a table, that knows what builds its network."""
    change = {"model": model.identity}
    if isinstance(base, Recipe):
        return base.changed(change)
    return {**base, **change} if isinstance(base, Mapping) else base


def _stray_model(study: Study) -> list[str]:
    if study.base.model is None or study.model is not None:
        return []
    return [
        "base.model follows from the study's model, found it without one; write "
        'model = "FILE.py:FUNCTION" at the top'
    ]


def _repeated(study: Study) -> list[str]:
    names = [study.base_name, *(technique.name for technique in study.techniques)]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"technique names must differ, found {name!r} twice; rename one" for name in twice]


def _lost_siblings(study: Study) -> list[str]:
    problems, rungs = [], []
    for technique in study.techniques:
        replaced = technique.instead_of
        if replaced is None:
            rungs.append(technique.name)
        elif replaced not in rungs:
            near = nearest(replaced, rungs)
            advice = f"did you mean {near!r}?" if near else "name one that stands before it"
            problems.append(
                f"technique {technique.name!r}: instead_of must name a technique above it in the "
                f"study, found {replaced!r}; {advice}"
            )
    return problems


def _lost_reports(study: Study) -> list[str]:
    names = [study.base_name, *(technique.name for technique in study.techniques)]
    given = study.reported.test_accuracy if study.reported else {}
    return [
        f"reported.test_accuracy must name the base or a technique, found {name!r}; "
        f"{_did_you_mean(name, names)}"
        for name in given
        if name not in names
    ]


def _did_you_mean(name: str, names: list[str]) -> str:
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else f"the names are {', '.join(names)}"
