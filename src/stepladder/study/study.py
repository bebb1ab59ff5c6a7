"""The study file as a value, with its checks across fields."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, cast

import tomli_w
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)

from stepladder.errors import InputError, StudyError
from stepladder.study.designs import (
    FEWEST_IN_A_FRACTION,
    MOST_IN_A_FACTORIAL,
    Arm,
    Cell,
    Design,
    ExplicitArm,
    FreeArm,
    arms,
    cells,
    main_techniques,
    runs_of_fraction,
)
from stepladder.study.foreign_names import in_keras
from stepladder.study.loading import MODEL_SCHEMA, ModelFile, load_models, load_toml
from stepladder.study.metrics import (
    DEFAULT_METRICS,
    DIRECTION_OPTIONS,
    LOSS,
    LOSS_OF_VALUES,
    METRICS,
    Direction,
    Metric,
    find_metric,
    is_computed,
    named_metric,
)
from stepladder.study.params import Params, as_recipe
from stepladder.study.recipe import Recipe
from stepladder.study.schema import (
    FrozenModel,
    ListOf,
    duplicate_names,
    nearest,
    own_errors,
    toml_key,
    unknown_names,
)
from stepladder.study.scoring import Task
from stepladder.study.search import Search, search_problems
from stepladder.study.sources import DatasetSource, TableDataset, hold_data, short_name, task_of
from stepladder.study.splits import HOLD_OUT, Splits, folds_into_replicates
from stepladder.study.techniques import FreeTechnique, Technique, as_techniques
from stepladder.study.trainer import UserTrainer
from stepladder.study.tuning import Tuning, default_grid, grid_problems

MOST_DATASETS = 200


def first_of_datasets(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file holds, with the first of several data sets as the one that checks are made for.

    Raises:
        ValueError: if there is one alone, they differ in their task, or `dataset` is given too.
    """
    several = values.get("datasets", ())
    if not isinstance(several, list | tuple) or not several:
        return values
    if len(several) < 2:
        raise ValueError(
            f"datasets must name two or more, found one; write dataset = {several[0]!r} for one"
        )
    if values.get("dataset", several[0]) != several[0]:
        raise ValueError("dataset must be left out beside datasets, found both; remove one")
    tasks = dict.fromkeys(map(task_of, several))
    if len(tasks) > 1:
        raise ValueError(
            f"datasets must have one task, found {' and '.join(tasks)}; no metric is of both: "
            "write a study for each"
        )
    if values.get("search") is not None:
        raise ValueError(
            "search is for one data set, found it beside datasets; leave one of them out"
        )
    return {**values, "dataset": several[0]}


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


def _base_tag(value: object) -> str:
    return "-params" if isinstance(value, Params) else "-recipe"


Base = Annotated[
    Annotated[Recipe, Tag("-recipe")] | Annotated[Params, Tag("-params")], Discriminator(_base_tag)
]


def _add_delta(schema: dict[str, Any]) -> None:
    """Adds the key of the study that a file may write into the table to its JSON Schema."""
    schema["properties"]["delta"] = {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}],
        "default": None,
        "description": "Difference below which it does not matter: the study's delta.",
    }


class JudgedMetric(FrozenModel):
    """What a study judges.

    Example:
        >>> JudgedMetric(name="rmse", unit="kWh").found.direction
        'minimize'
    """

    model_config = ConfigDict(json_schema_extra=_add_delta)

    # fmt: off
    name: str = toml_key(
        ..., "A built-in metric, or a name under which the training gives a number.", "auroc",
        min_length=1, max_length=200)
    better: Literal["higher", "lower"] | None = toml_key(
        None, "Which values are better; only a metric of your own needs it.", "lower")
    unit: str | None = toml_key(
        None, 'Unit of its values; "points" for fractions in 0…1 that are shown in percent.', "kWh",
        max_length=50)
    # fmt: on

    @model_validator(mode="after")
    def _check(self) -> JudgedMetric:
        try:
            self.found  # noqa: B018 - looked up once to find what is wrong
        except InputError as error:
            text = error.text.removeprefix("metric ").replace(DIRECTION_OPTIONS, IN_A_STUDY)
            known = None if nearest(self.name, METRICS) else in_keras(self.name)
            raise ValueError(f"{text}. {known}" if known else text) from None
        return self

    @property
    def found(self) -> Metric:
        """The metric with its direction, bounds and unit; a `loss` that says nothing is `LOSS`."""
        if (self.name, self.better, self.unit) == (LOSS.name, None, None):
            return LOSS
        direction: Direction | None = None
        if self.better is not None:
            direction = "maximize" if self.better == "higher" else "minimize"
        return replace(find_metric(self.name, direction, self.unit), name=self.name)


IN_A_STUDY = 'lower or higher is better: metric = { name = "...", better = "lower" }'
DEFAULTS = {task: JudgedMetric(name=name) for task, name in DEFAULT_METRICS.items()}
ACCURACY = DEFAULTS["classification"]


class Reported(FrozenModel):
    """Test accuracies that somebody published for a study's arms, shown beside ours.

    Example:
        >>> Reported(source="Smith 2024", test_accuracy={"naive": 0.113}).test_accuracy["naive"]
        0.113
    """

    # fmt: off
    source: str = toml_key(..., "Where they were published.", "Smith 2024, one run", min_length=1)
    test_accuracy: dict[str, Annotated[float, Field(ge=0, le=1)]] = toml_key(
        ..., "Fraction in 0…1 by technique, or by the base's name.", {"naive": 0.113})
    # fmt: on


_FREE: dict[str, tuple[str, type[FrozenModel]]] = {
    "techniques": ("technique", FreeTechnique),
    "explicit": ("arm", FreeArm),
}
"""Fields of a study with free keys, where a training of the user's own trains."""

MOST = 30
"""Replicates at most, where the study does not say."""

REPLICATES_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}], "default": 5}


def _describe_files(schema: dict[str, Any]) -> None:
    """Changes a JSON Schema to what a file may have where the value has something else."""
    keys = schema["properties"]
    base = keys["base"]  # free keys for a training of the user's own
    base["anyOf"] = [base.pop("oneOf")[0], {"type": "object"}]
    short = {"type": "string"}
    trainer, metric = keys["trainer"], keys["metric"]
    trainer["anyOf"].insert(0, short)
    metric["anyOf"] = [short, {"$ref": metric.pop("$ref")}]
    metric["default"] = "accuracy"
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


def metric_and_delta(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study's values with the metric as a table of its own, and δ where it belongs.

    A metric that is left out is that of the task. δ has a default for fractions alone: what
    difference matters in another unit, only the user knows.
    """
    task = task_of(values.get("dataset"))
    if "metric" not in values and task != "classification":
        values = {**values, "metric": DEFAULTS[task]}
    metric = values.get("metric")
    if isinstance(metric, str):
        metric = {"name": metric}
    if isinstance(metric, Mapping):
        metric = dict(metric)
        if "delta" in metric:
            delta, other = metric.pop("delta"), values.get("delta")
            if other not in (None, delta):
                raise ValueError(
                    f"delta must be given once, found {other} and metric.delta {delta}; remove one"
                )
            values = {**values, "delta": delta}
        with own_errors():
            try:
                metric = JudgedMetric(**metric)
            except StudyError as error:
                raise ValueError(
                    "\n".join(
                        f"metric{' ' if line.startswith('must') else '.'}{line}"
                        for line in error.problems
                    )
                ) from None
    if not isinstance(metric, JudgedMetric):
        return values
    values = {**values, "metric": metric}
    return values if metric.found.is_fraction or "delta" in values else {**values, "delta": None}


def trainer_into_base(
    values: Mapping[str, Any], free: Mapping[str, tuple[str, type[FrozenModel]]]
) -> Mapping[str, Any]:
    """Values with parameters as their base, where a training of the user's own trains.

    Args:
        values: of a study or of a published table.
        free: by the name of a field the name of its key in a file, and the kind of its values then.

    Raises:
        ValueError: if the trainer, the base, or one of these values will not do.
    """
    trainer = values.get("trainer")
    if trainer is None:
        return values
    with own_errors():
        try:
            if not isinstance(trainer, UserTrainer):
                trainer = UserTrainer.load(trainer, Path.cwd())
            given = values.get("base", {})
            base = given
            if isinstance(given, Mapping):
                base = Params(trainer=trainer.identity, values=dict(given))
        except StudyError as error:
            raise ValueError("\n".join(error.problems)) from None
    problems: list[str] = []
    found = {name: _each(values, (key, name), kind, problems)
             for name, (key, kind) in free.items()}  # fmt: skip
    if problems:
        raise ValueError("\n".join(problems))
    taken = {*free, *(key for key, _ in free.values())}
    rest = {key: value for key, value in values.items() if key not in taken}
    rest.setdefault("dataset", None)
    search = rest.get("search")  # such a training is not thinned out, unless that is asked for
    if isinstance(search, Mapping):
        rest["search"] = {"pruning": "none", **search}
    elif isinstance(search, Search) and "pruning" not in search.model_fields_set:
        rest["search"] = search.model_copy(update={"pruning": "none"})
    return {**rest, "trainer": trainer, "base": base, **found}


def _each(
    values: Mapping[str, Any], keys: tuple[str, ...], kind: type[FrozenModel], problems: list[str]
) -> Any:  # noqa: ANN401 - what is no list is checked by its field
    """The tables under one of two keys as values of a kind; problems with the place of each."""
    key, rows = next(((key, values[key]) for key in keys if key in values), (keys[0], ()))
    if isinstance(rows, Mapping) and key == "techniques":  # from Python: changes by name
        rows = [{"name": name, "change": change} for name, change in rows.items()]
    if not isinstance(rows, list | tuple):
        return rows
    result = []
    with own_errors():
        for place, row in enumerate(rows, 1):
            row = {"name": row} if isinstance(row, str) else row
            if not isinstance(row, Mapping):
                result.append(row)
                continue
            try:
                result.append(kind(**row))
            except StudyError as error:
                problems += [f"{key}[{place}]: {line}" for line in error.problems]
    return tuple(result)


def _model_into_base(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study's values with a base recipe that knows what builds its network."""
    values = load_models(values, Path.cwd())  # from Python: files below the current folder
    model, base = values.get("model"), values.get("base", {})
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

    model_config = ConfigDict(json_schema_extra=_describe_files)
    describes_training: ClassVar[bool] = True

    # fmt: off
    name: str = toml_key(..., "The study's name.", "my-study", min_length=1, max_length=500)
    dataset: DatasetSource | None = toml_key(
        "mnist",
        "A built-in name, a .npz file, a folder of IDX files or images, or a table of these; none "
        "for a training of your own that brings its data, unless it is given.", "mnist")
    datasets: ListOf[DatasetSource] = toml_key(
        (), "Several data sets in the place of one: arms are judged on each and in general.",
        ["digits.npz", "mnist"], max_length=MOST_DATASETS)
    design: Design = toml_key(
        "ladder", "How techniques become arms: each on top of the last (ladder), each alone on the "
        "base (one_at_a_time), all but each (leave_one_out), all combinations (factorial) or some "
        "of them (fraction), or as [[arm]] tables say (explicit).", "ladder")
    replicates: Annotated[int, WithJsonSchema(REPLICATES_SCHEMA)] = toml_key(
        5, 'Replicates of each arm; "auto" adds them until every verdict is settled.', 5, ge=1,
        le=100_000)
    splits: Splits = toml_key(
        HOLD_OUT, "Which examples test: one test part, or folds that take turns.",
        {"kind": "k-fold", "folds": 5})
    adaptive: bool = toml_key(
        False, 'Whether replicates are the most that are added; said by replicates = "auto" with '
        "most_replicates.")
    tuning: Literal["fixed", "fair"] = toml_key(
        "fixed", "Whether every arm keeps the base's learning rate, or has its own, tuned.", "fair")
    tune: Tuning | None = toml_key(None, "How a fair study tunes.")
    search: Search | None = toml_key(None, "The space that `stepladder search` draws recipes from.")
    validation: int | float = toml_key(
        0.1, "Validation examples: a number of them, or a share of the training part.", 6000)
    seed: int = toml_key(0, "What every random draw derives from.", 0, ge=0, lt=2**63)
    metric: JudgedMetric = toml_key(
        ACCURACY, "What is judged, by its name, or with its direction and unit. Left out it is "
        "accuracy, rmse of a regression, macro_f1 of several labels.", "auroc")
    also: ListOf[str] = toml_key(
        (), "Metrics that are recorded and shown beside it.", ["log_loss"], max_length=50)
    delta: float | None = toml_key(
        0.1, "Difference below which it does not matter, in percentage points, or in the unit of "
        "the metric; only fractions have a default.", 0.1, gt=0)
    claim: Literal["difference", "not worse"] = toml_key(
        "difference", "What an arm shall show: a difference, or its absence; or, in the place of "
        "the absence, that it is not worse by delta, as for a cheaper or simpler arm.",
        "not worse")
    target: float | None = toml_key(
        None, "Validation accuracy to which epochs and seconds are counted, a fraction.", 0.95,
        gt=0, lt=1)
    keep_weights: bool = toml_key(
        False, "Whether the final weights of every trial, and the probabilities that they give, "
        "are kept in the run's folder: for the ensemble of an arm's replicates, and export.", True)
    base_name: str = toml_key("base", "Name of the base's arm.", min_length=1, max_length=500)
    base: Base = toml_key(
        ..., "The recipe that techniques are added to; any keys for a training of your own.")
    trainer: UserTrainer | None = toml_key(
        None, "A training of your own: FILE.py:FUNCTION, or a table with a command. Runs only with "
        "--allow-code.", "train.py:train")
    model: Annotated[ModelFile | None, WithJsonSchema(MODEL_SCHEMA)] = toml_key(
        None, "A network of your own: a function build(recipe, input_shape, classes) that returns "
        "a keras.Model. Runs only with --allow-code.", "conv.py:build")
    models: ListOf[ModelFile] = toml_key(
        (), "The files of further networks that changes name, with their SHA-256; follows from "
        "them.", max_length=256)
    techniques: Annotated[tuple[Technique, ...], BeforeValidator(as_techniques)] = toml_key(
        (), "What is to be judged, in order.", alias="technique", max_length=256)
    explicit: ListOf[ExplicitArm] = toml_key(
        (), "Arms of the design explicit.", alias="arm", max_length=1024)
    reported: Reported | None = toml_key(None, "Published figures for the same arms.")
    # fmt: on

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(values, Mapping):
            return values
        values = first_of_datasets(hold_data(values))
        values = folds_into_replicates(metric_and_delta(values))
        values = _expand_auto_replicates(values)
        return trainer_into_base(epochs_into_base(_model_into_base(values)), _FREE)

    @model_serializer(mode="wrap")
    def _drop_unused_newer_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A study that does not use them is stored as before them, so that it is the same study.
        values: dict[str, Any] = handler(self)
        if isinstance(self.base, Params):
            values["base"] = self.base.values  # what trains follows from the study's trainer
        for name, value in (("trainer", None), ("metric", DEFAULTS[self.task]), ("also", ()),
                            ("models", ()), ("datasets", ()),
                            ("splits", HOLD_OUT)):  # fmt: skip
            if getattr(self, name) == value:
                values.pop(name, None)
        if self.datasets:
            del values["dataset"]  # the first of them
        return values

    @field_validator("validation", mode="plain")
    @classmethod
    def _number_or_share(cls, value: object) -> int | float:
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if is_number or (isinstance(value, float) and 0 < value < 1):
            return cast("int | float", value)
        raise ValueError(
            "must be a number of examples, 1 or more, or a share between 0 and 1, "
            f"found {value!r}; write a value such as validation = 6000"
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
        if isinstance(self.base, Params):
            problems += self._own_training_problems()
        else:
            problems += self._metric_problems()
        if isinstance(self.base, Recipe) and self.base.model is not None and self.model is None:
            problems.append(
                "base.model follows from the study's model, found it without one; write "
                'model = "FILE.py:FUNCTION" at the top'
            )
        problems += [*self._model_problems(), *self._split_problems()]
        if self.judged.is_fraction and self.delta is not None and self.delta >= 100:
            problems.append(
                f"delta must be below 100 percentage points, found {self.delta:g}; write a value "
                "such as 0.1"
            )
        if self.claim == "not worse" and self.delta is None:
            problems.append(
                'claim "not worse" needs a delta, found none; write the smallest loss that matters'
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

    @property
    def by_dataset(self) -> dict[str, Study]:
        """A study for each of several data sets, by the name of its folder; none for one.

        Each has a seed of its own: equal initial weights on all data sets of one shape would make
        their effects depend on each other.
        """
        studies: dict[str, Study] = {}
        for source in self.datasets:
            name, count = short_name(source), 1
            while name in studies:
                count += 1
                name = f"{short_name(source)}-{count}"
            studies[name] = self.changed({
                "name": f"{self.name[:400]}/{name}", "dataset": source, "datasets": (),
                "seed": (self.seed + zlib.crc32(name.encode())) % 2**63,
            })  # fmt: skip
        return studies

    @property
    def model_files(self) -> tuple[ModelFile, ...]:
        """The files of all networks of its own: of the base, and of techniques or arms."""
        return (*((self.model,) if self.model else ()), *self.models)

    def model_of(self, recipe: Recipe) -> ModelFile | None:
        """The file that builds a recipe's network; None for a built-in one."""
        return next((file for file in self.model_files if file.identity == recipe.model), None)

    def _model_problems(self) -> list[str]:
        """Changes to a network's function whose file is not known."""
        if self.trainer is not None:
            return []
        known = {file.identity for file in self.model_files}
        changes = [("technique", one.name, one.change.get("model")) for one in self.techniques]
        changes += [("arm", one.name, one.change.get("model")) for one in self.explicit]
        return [
            f"{what} {name!r}: model must be FILE.py:FUNCTION, found {model!r}, whose file is not "
            'among the study\'s models; write a name such as model = "conv.py:build"'
            for what, name, model in changes
            if model is not None and model not in known
        ]

    def _split_problems(self) -> list[str]:
        """What folds cannot be combined with, and what a table must say of its test part."""
        problems: list[str] = []
        for source in self.datasets or (self.dataset,):
            if isinstance(source, TableDataset):
                keys = ("test_share", "test", "part", "validation", "impute")
                given = [key for key in keys if getattr(source, key) is not None]
                if not {*given} & {*keys[:3]} and self.splits == HOLD_OUT:
                    problems.append(
                        "dataset.test_share must be given, found none; write a share such as "
                        'test_share = 0.2, test = "FILE", part = "COLUMN", or splits = '
                        '{ kind = "k-fold", folds = 5 }'
                    )
                if given and self.splits != HOLD_OUT:
                    why = "folds take turns as the test part"
                    if given[0] == "impute":
                        why = "numbers would be learnt from rows that other folds test on"
                    problems.append(
                        f"dataset.{given[0]} must be left out with k-fold, found it: {why}; "
                        "remove it"
                    )
        if self.splits == HOLD_OUT:
            return problems
        if self.splits.repeats > 1 and self.is_forward:
            problems.append(
                f"splits.repeats must be 1 where parts follow each other in time, found "
                f"{self.splits.repeats}: each repeat would be the same; leave it out"
            )
        chosen = "values would be chosen on rows that other folds test on"
        refused = {
            "search": (self.search is not None, chosen),
            'tuning = "fair"': (self.tuned is not None, chosen),
            f"design = {self.design!r}": (bool(self.cells), "its main effects and interactions "
                                          "are not corrected for folds that overlap"),
            "adaptive": (self.adaptive, "folds bring no new data"),
            "a study without a dataset": (self.dataset is None, "the training divides its data"),
        }  # fmt: skip
        return problems + [
            f"splits must be a hold-out for {what}, found k-fold: {why}; leave one of the two out"
            for what, (is_there, why) in refused.items()
            if is_there
        ]

    @property
    def is_forward(self) -> bool:
        """Whether validation and test examples are later than those that train."""
        return getattr(self.dataset, "time", None) is not None

    @property
    def overlap(self) -> float:
        """Test examples per other example, where folds take turns; else 0."""
        return self.splits.overlap(is_forward=self.is_forward)

    def _own_training_problems(self) -> list[str]:
        """What a training of the user's own cannot have, or has wrong."""
        assert self.trainer is not None
        assert isinstance(self.base, Params)
        problems = [
            f"{name} belongs to the built-in networks, found it beside a trainer; leave it out"
            for name, value in (("model", self.model), ("keep_weights", self.keep_weights),
                                ("target", self.target), ("reported", self.reported))
            if value
        ]  # fmt: skip
        if self.dataset is not None and self.trainer.command:
            problems.append("dataset is given to functions, found it beside a command, which reads "
                            "its own; leave it out")  # fmt: skip
        if self.judged is LOSS:
            problems.append("metric loss must say which values are better for a training of your "
                            'own; write metric = { name = "loss", better = "lower" }')  # fmt: skip
        return problems + self.trainer.problems(self.base.values)

    def _metric_problems(self) -> list[str]:
        """What built-in networks cannot be judged by."""
        problems, task = [], self.task
        if task == "regression":
            problems += [
                f"{name} is of accuracy, found it beside the task regression; leave it out"
                for name, value in (("target", self.target), ("reported", self.reported))
                if value
            ]
        for key, name in (("metric", self.metric.name), *(("also", name) for name in self.also)):
            metric = named_metric(name)
            if name == LOSS.name or (metric is not None and is_computed(metric, task)):
                continue
            known = [LOSS.name, *(one.name for one in METRICS.values() if is_computed(one, task))]
            why, advice = "is none of them", "choose another one, or judge a training of your own"
            if metric is not None and metric.score is not None:
                of = "numbers" if metric.needs == "values" else "classes"
                why = f"is of {of}"
                if task == "classification":
                    advice = 'choose another one, or write task = "regression" in dataset'
            problems.append(
                f"{key} must be one of {', '.join(known)} for the built-in networks and the task "
                f"{task}, found {name!r}, which {why}; {advice}"
            )
        if not problems and self.metric.found.direction != self.judged.direction:
            problems.append("metric loss must be judged as lower is better, found the other "
                            "direction; leave it out")  # fmt: skip
        return problems

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
    def task(self) -> Task:
        """What is to be learnt, as the dataset declares it."""
        return task_of(self.dataset)

    @property
    def recipe(self) -> Recipe:
        """The base where built-in networks are trained."""
        return as_recipe(self.base)

    @property
    def judged(self) -> Metric:
        """The metric that is judged, under the name that the training gives it."""
        if self.trainer:
            return self.metric.found
        judged, unit = self._built_in(self.metric.name), self.metric.unit
        return judged if unit is None else replace(judged, unit=unit)

    def _built_in(self, name: str) -> Metric:
        """A metric of the built-in networks by any of its names."""
        if name == LOSS.name:
            return LOSS_OF_VALUES if self.task == "regression" else LOSS
        return named_metric(name) or Metric(name, "maximize")  # refused when the study is checked

    @property
    def recorded(self) -> tuple[Metric, ...]:
        """What else is recorded: `also`, and the loss of the built-in networks.

        Differences of a metric that nothing is known of have the sign of the values.
        """
        if self.trainer:
            known = ((name, named_metric(name)) for name in self.also)
            return tuple(replace(metric, name=name) if metric else Metric(name, "maximize")
                         for name, metric in known)  # fmt: skip
        names = self.also if LOSS.name in self.also else (LOSS.name, *self.also)
        metrics = {metric.name: metric for metric in map(self._built_in, names)}
        metrics.pop(self.judged.name, None)
        return tuple(metrics.values())

    @property
    def computed(self) -> tuple[str, ...]:
        """What the built-in networks are scored by beside accuracy and loss, sorted."""
        if self.trainer:
            return ()
        names = {self.judged.name, *(metric.name for metric in self.recorded)}
        return tuple(sorted(names - {"accuracy", LOSS.name}))

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
        if self.trainer is None:
            values["base"].pop("model", None)  # follows from the study's
        if values.pop("adaptive"):
            values |= {"replicates": "auto", "most_replicates": values["replicates"]}
        return tomli_w.dumps(values)
