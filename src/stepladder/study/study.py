"""The study file as a value, with its checks across fields."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import tomli_w
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from stepladder.errors import StudyError
from stepladder.study.designs import (
    FEWEST_IN_A_FRACTION,
    MOST_IN_A_FACTORIAL,
    Arm,
    Cell,
    Design,
    ExplicitArm,
    arms,
    cells,
    main_techniques,
    runs_of_fraction,
)
from stepladder.study.loading import MODEL_SCHEMA, ModelFile, load_toml
from stepladder.study.recipe import Recipe
from stepladder.study.schema import FrozenModel, ListOf, duplicate_names, unknown_names
from stepladder.study.search import Search, search_problems
from stepladder.study.techniques import Technique, as_techniques
from stepladder.study.tuning import Tuning, default_grid, grid_problems


def epochs_into_base(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file holds, its `epochs` as a field of the base recipe; before it is checked.

    Raises:
        ValueError: if epochs are given twice.
    """
    if "epochs" not in values:
        return values
    rest = {key: value for key, value in values.items() if key != "epochs"}
    base = rest.get("base")
    if isinstance(base, Recipe):
        raise ValueError("epochs belongs to the base recipe; write Recipe(epochs=...)")
    if not isinstance(base, Mapping):
        return rest
    if base.get("epochs", values["epochs"]) != values["epochs"]:
        raise ValueError(
            f"epochs must be given once, found {values['epochs']} and base.epochs "
            f"{base['epochs']}; remove one of them"
        )
    return {**rest, "base": {**base, "epochs": values["epochs"]}}


class CsvDataset(FrozenModel):
    """A table of examples: one row an example, one column the label, the others its inputs."""

    csv: str = Field(min_length=1, description="The file.", examples=["digits.csv"])
    label: str = Field(
        min_length=1, description="The column that holds the label.", examples=["digit"]
    )
    test_share: float = Field(
        gt=0, lt=1, description="Share of the rows kept for the test set.", examples=[0.2]
    )


def _tag(given: object) -> str:
    return "-csv" if isinstance(given, CsvDataset | Mapping) else "-name"


DatasetSource = Annotated[
    Annotated[str, Tag("-name")] | Annotated[CsvDataset, Tag("-csv")], Discriminator(_tag)
]
"""A built-in name or a path, or a table of its own."""


class Reported(FrozenModel):
    """Test accuracies that somebody published for a study's arms, shown beside ours."""

    source: str = Field(
        min_length=1, description="Where they were published.", examples=["Smith 2024, one run"]
    )
    test_accuracy: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        description="Fraction in 0…1 by technique, or by the base's name.",
        examples=[{"naive": 0.113}],
    )


MOST = 30
"""Replicates at most, where the study does not say."""

REPLICATES_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}], "default": 5}


def _add_most_to_schema(schema: dict[str, Any]) -> None:
    """Adds the key that a file may have and the value has not to a JSON Schema."""
    schema["properties"]["most_replicates"] = {
        "type": "integer",
        "minimum": 1,
        "default": MOST,
        "description": 'Replicates at most, with replicates = "auto".',
    }


def _expand_auto_replicates(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study's values with the meaning of "auto" in its place."""
    if values.get("replicates") == "auto":
        rest = {key: value for key, value in values.items() if key != "most_replicates"}
        return {**rest, "adaptive": True, "replicates": values.get("most_replicates", MOST)}
    if "most_replicates" in values:
        raise ValueError(
            'most_replicates belongs to replicates = "auto", found replicates = '
            f'{values.get("replicates", "left out")}; write replicates = "auto"'
        )
    return values


def _model_into_base(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study's values with a base recipe that knows what builds its network."""
    model, base = values.get("model"), values.get("base", {})
    if isinstance(model, str | Mapping):  # from Python: a file below the current folder
        model = ModelFile.load(model, Path.cwd())
    if not isinstance(model, ModelFile):
        return values  # the field says what it must be
    change = {"model": model.identity}
    if isinstance(base, Recipe):
        base = base.changed(change)
    elif isinstance(base, Mapping):
        base = {**base, **change}
    return {**values, "model": model, "base": base}


class Study(FrozenModel):
    """A base recipe, the techniques to judge, and how they are to be compared.

    Raises:
        StudyError: from the constructor, with every problem at once, each with its path.

    Example:
        >>> study = Study(name="mine", base=Recipe(hidden=[50]), techniques=["Adam", "dropout"])
        >>> [technique.name for technique in study.techniques]
        ['Adam', 'dropout']
    """

    model_config = ConfigDict(json_schema_extra=_add_most_to_schema)

    name: str = Field(
        min_length=1, max_length=500, description="The study's name.", examples=["my-study"]
    )
    dataset: DatasetSource = Field(
        default="mnist",
        description="A built-in name, a .npz file, a folder of IDX files, or a CSV table.",
        examples=["mnist"],
    )
    design: Design = Field(
        default="ladder",
        description="How techniques become arms: each on top of the last (ladder), each alone "
        "on the base (one_at_a_time), all but each (leave_one_out), all combinations (factorial) "
        "or some of them (fraction), or as [[arm]] tables say (explicit).",
        examples=["ladder"],
    )
    replicates: Annotated[int, WithJsonSchema(REPLICATES_SCHEMA)] = Field(
        default=5,
        ge=1,
        le=100_000,
        description='Replicates of each arm; "auto" adds them until every verdict is settled.',
        examples=[5],
    )
    adaptive: bool = Field(
        default=False,
        description="Whether replicates are the most that are added; said by replicates = "
        '"auto" with most_replicates.',
    )
    tuning: Literal["fixed", "fair"] = Field(
        default="fixed",
        description="Whether every arm keeps the base's learning rate, or has its own, tuned.",
        examples=["fair"],
    )
    tune: Tuning | None = Field(default=None, description="How a fair study tunes.")
    search: Search | None = Field(
        default=None, description="The space that `stepladder search` draws recipes from."
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
    target: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Validation accuracy to which epochs and seconds are counted, a fraction.",
        examples=[0.95],
    )
    keep_weights: bool = Field(
        default=False,
        description="Whether the final weights of every trial, and the probabilities that they "
        "give, are kept in the run's folder: for the ensemble of an arm's replicates, and export.",
        examples=[True],
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
    techniques: Annotated[tuple[Technique, ...], BeforeValidator(as_techniques)] = Field(
        default=(), alias="technique", max_length=256, description="What is to be judged, in order."
    )
    explicit: ListOf[ExplicitArm] = Field(
        default=(), alias="arm", max_length=1024, description="Arms of the design explicit."
    )
    reported: Reported | None = Field(
        default=None, description="Published figures for the same arms."
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(values, Mapping):
            return values
        return epochs_into_base(_expand_auto_replicates(_model_into_base(values)))

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
    def _check(self) -> Study:
        design, instead_of = self._design_problems(), self._instead_of_problems()
        names = [self.base_name, *(technique.name for technique in self.techniques)]
        reported = self.reported.test_accuracy if self.reported else {}
        problems = [
            *duplicate_names("technique", names),
            *instead_of,
            *unknown_names(
                "reported.test_accuracy must name the base or a technique",
                reported, [*names, *(arm.name for arm in self.explicit)],
            ),
            *design,
        ]  # fmt: skip
        if self.base.model is not None and self.model is None:
            problems.append(
                "base.model follows from the study's model, found it without one; write "
                'model = "FILE.py:FUNCTION" at the top'
            )
        if self.tuned is not None:
            problems += grid_problems(self.tuned, self.base, self.techniques, self.explicit)
        if self.search is not None:
            problems += search_problems(self.search, self.base)
        if not design and not instead_of:
            try:
                self.arms  # noqa: B018 - made once to find contradictions
            except StudyError as error:
                problems += error.problems
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _instead_of_problems(self) -> list[str]:
        problems: list[str] = []
        above: list[str] = []
        for technique in self.techniques:
            if technique.instead_of is None:
                above.append(technique.name)
                continue
            problems += unknown_names(
                f"technique {technique.name!r}: instead_of must name a technique above it in the "
                "study",
                [technique.instead_of], above, "name one that stands before it",
            )  # fmt: skip
        return problems

    def _design_problems(self) -> list[str]:
        """Arms or techniques that the design does not use, too many or too few of them."""
        count, runs = len(main_techniques(self.techniques)), self.replicates
        if self.design == "explicit" and not self.explicit:
            return ["design explicit needs at least one [[arm]], found none; declare one, with its "
                    "name and change"]  # fmt: skip
        if self.design == "explicit" and self.techniques:
            return [
                f"design explicit takes [[arm]] and no [[technique]], found {len(self.techniques)};"
                " write their changes into arms, or choose another design"
            ]
        if self.design != "explicit" and self.explicit:
            return [f"[[arm]] belongs to the design explicit, found design {self.design}; write "
                    'design = "explicit"']  # fmt: skip
        if self.design == "factorial" and count > MOST_IN_A_FACTORIAL:
            arms, fewer = 2**count, runs_of_fraction(count)
            return [
                f"design factorial takes at most {MOST_IN_A_FACTORIAL} techniques, found {count}: "
                f"{arms:,} arms, {arms * runs:,} trials of {self.base.epochs} epochs; write "
                f'design = "fraction" for {fewer} arms ({fewer * runs:,} trials), in which no '
                "technique is confounded with another or with a pair"
            ]
        if self.design == "fraction" and count < FEWEST_IN_A_FRACTION:
            return [
                f"design fraction takes {FEWEST_IN_A_FRACTION} techniques or more, found {count}; "
                'write design = "factorial"'
            ]
        return []

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms of the design, the base first."""
        return arms(self.design, self.base_name, self.base, self.techniques, self.explicit)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The combinations of a factorial or its fraction; none for another design."""
        return cells(self.design, self.base_name, self.base, self.techniques)

    @property
    def tuned(self) -> Tuning | None:
        """How a fair study tunes; None for a fixed one."""
        return (self.tune or Tuning()) if self.tuning == "fair" else None

    @property
    def tuned_fields(self) -> tuple[str, ...]:
        """Fields of the recipe of which each arm has its own value; none in a fixed study."""
        return () if self.tuned is None else tuple(self.tuned.grid or default_grid(self.base))

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
        return load_toml(cls, source, "study", settings or {})

    def to_toml(self) -> str:
        """The study as a TOML file that `load` reads back to an equal study."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        values["base"].pop("model", None)  # follows from the study's
        if values.pop("adaptive"):
            values |= {"replicates": "auto", "most_replicates": values["replicates"]}
        return tomli_w.dumps(values)
