"""A trial, its result and its history."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from stepladder.study.metrics import means_over_examples
from stepladder.study.params import Config, as_recipe
from stepladder.study.recipe import Recipe
from stepladder.study.schema import canonical_json, digest
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.tuning import TUNING_REPLICATES
from stepladder.trials.seeding import HELD_REPLICATES, NUMERICS_VERSION, replicate_of


@dataclass(frozen=True, eq=False)
class Probes:
    """Gradients and activations at each epoch's end, on a fixed few of the training images.

    The network is called on them as in training, batches normalised by their own statistics, but
    without dropout and without an update. Every array is float32; a trial that diverged at epoch
    *e* (from 1) has NaN from there on.

    Attributes:
        kernels: name of each trainable weight matrix, first to last.
        gradient_norm: Euclidean norm of the mean cross-entropy's gradient by each of them, without
            penalties and label smoothing, of shape (epochs, kernels).
        layers: name of each hidden layer whose activation is known, first to last.
        dead: share of its units that are 0 for every image, of shape (epochs, layers); NaN where
            the activation has no such state, as sigmoid and tanh have none.
        saturated: share of its units that lie in the flat parts of sigmoid or tanh, of shape
            (epochs, layers); NaN for other activations.
        input_mean: mean of the inputs as the network gets them.
        input_deviation: their standard deviation over all inputs and images.
    """

    kernels: tuple[str, ...]
    gradient_norm: npt.NDArray[np.float32]
    layers: tuple[str, ...]
    dead: npt.NDArray[np.float32]
    saturated: npt.NDArray[np.float32]
    input_mean: float
    input_deviation: float

    def __post_init__(self) -> None:
        """Checks that arrays and names agree.

        Raises:
            ValueError: if they do not.
        """
        epochs = len(self.gradient_norm)
        columns = {"gradient_norm": self.kernels, "dead": self.layers, "saturated": self.layers}
        for name, names in columns.items():
            array, shape = getattr(self, name), (epochs, len(names))
            if array.shape != shape or array.dtype != np.float32:
                raise ValueError(
                    f"{name} must be float32 of shape {shape}, one row an epoch and one column a "
                    f"name, found {array.dtype} of shape {array.shape}"
                )

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return len(self.gradient_norm)


@dataclass(frozen=True)
class HistorySummary:
    """A trial's epochs in a few numbers, stored next to its scores.

    With them, diagnosing a study of many trials reads none of their epochs. NaN where a number is
    not known. Of a trial that diverged, the epochs before that count.

    Attributes:
        best_epoch: the epoch, from 1, of the lowest validation loss.
        best_val_loss: that loss.
        last_val_loss: of the last epoch.
        best_train_loss: training loss in the epoch of the lowest validation loss.
        last_train_loss: of the last epoch.
        late_epochs: how many epochs `late_gain` is about.
        late_gain: rise of the validation accuracy, in fractions: its mean over the last
            `late_epochs` epochs less that over the same number before them.
        late_fall: fall of the validation loss between the same epochs, as a share of it.
        first_gradient: median over epochs of the gradient's norm at the first weight matrix.
        last_gradient: that at the last weight matrix.
        whole_gradient: that over all weight matrices together.
        dead: share of dead units at the end, in the layer with most.
        dead_layer: that layer's name, or "".
        saturated: share of saturated units at the end, in the layer with most.
        saturated_layer: that layer's name, or "".
        input_mean: mean of the inputs as the network gets them.
        input_deviation: their standard deviation. Both NaN for ids that are looked up.
        unsettled: share of their initial values that is left in the moving averages of batch
            normalisation; NaN without any.
        stopped: epoch, from 1, after which the trial was stopped early; NaN where it was not.
        scored_epoch: epoch whose weights are scored; NaN for the last one.
    """

    best_epoch: float = math.nan
    best_val_loss: float = math.nan
    last_val_loss: float = math.nan
    best_train_loss: float = math.nan
    last_train_loss: float = math.nan
    late_epochs: float = math.nan
    late_gain: float = math.nan
    first_gradient: float = math.nan
    last_gradient: float = math.nan
    whole_gradient: float = math.nan
    dead: float = math.nan
    dead_layer: str = ""
    saturated: float = math.nan
    saturated_layer: str = ""
    input_mean: float = math.nan
    input_deviation: float = math.nan
    unsettled: float = math.nan
    stopped: float = math.nan
    scored_epoch: float = math.nan
    late_fall: float = math.nan


Engine = Literal["population", "fit"]
Role = Literal["compare", "tune", "search"]


@dataclass(frozen=True)
class Trial:
    """One recipe and one replicate: the unit that is trained, stored and resumed.

    Attributes:
        config: what is trained: a recipe, or parameters of a training of the user's own.
        dataset: fingerprint of the dataset.
        validation: validation examples, a number.
        seed: the study's seed.
        replicate: which draw of everything random, from 0.
        engine: what trains it; the fit engine names its Keras backend too (`fit/tensorflow`).
        numerics: version of the arithmetic, so that results of another are never mixed in.
        metrics: what a built-in network is scored by beside accuracy and loss.

    Example:
        >>> trial = Trial(Recipe(hidden=[8]), "fingerprint", validation=10, seed=0, replicate=3)
        >>> trial.role, trial == Trial(**{**vars(trial), "replicate": 3})
        ('compare', True)
    """

    config: Config
    dataset: str
    validation: int
    seed: int
    replicate: int
    engine: str = "population"
    numerics: int = NUMERICS_VERSION
    metrics: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """Its configuration where a built-in network is trained."""
        return as_recipe(self.config)

    @cached_property
    def id(self) -> str:
        """SHA-256 of all that decides the outcome: equal trials are trained once."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return trial_id(self.config.canonical, **{k: v for k, v in named.items() if k != "config"})

    @property
    def role(self) -> Role:
        """What the trial is for, which its replicate number says.

        `compare` is judged against other arms, `tune` chooses the values of an arm, and `search`
        is a candidate of a search. A candidate is scored on the validation part alone, and its
        network is not probed.
        """
        if SEARCH_REPLICATES <= self.replicate < HELD_REPLICATES:
            return "search"
        is_tuning = TUNING_REPLICATES <= self.replicate < SEARCH_REPLICATES
        return "tune" if is_tuning else "compare"

    @property
    def shown_replicate(self) -> int:
        """The replicate's number in messages: without what says which streams are held."""
        return replicate_of(self.replicate)

    @property
    def declared(self) -> dict[str, Any]:
        """All that decides the outcome, as JSON has it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        config = values.pop("config").model_dump(mode="json")
        if not self.metrics:
            del values["metrics"]
        return {"recipe": config, **values}


def trial_id(
    recipe: str,
    dataset: str,
    validation: int,
    seed: int,
    replicate: int,
    engine: str,
    numerics: int,
    metrics: Sequence[str] = (),
) -> str:
    """The id of a trial, by the canonical JSON of its configuration; see `Trial`.

    Raises:
        ValueError: if a number is no whole one.
    """
    # The canonical JSON of all, in two parts: the trials of an arm share the first one.
    before = _before_recipe(dataset, engine, numerics, tuple(metrics))
    after = f'"replicate":{replicate:d},"seed":{seed:d},"validation":{validation:d}}}'
    return digest(f'{before},"recipe":{recipe},{after}')


@lru_cache(maxsize=64)
def _before_recipe(dataset: str, engine: str, numerics: int, metrics: tuple[str, ...]) -> str:
    shared: dict[str, Any] = {"dataset": dataset, "engine": engine, "numerics": numerics}
    if metrics:  # trials of before have none, and keep their ids
        shared["metrics"] = metrics
    return canonical_json(shared).removesuffix("}")


@dataclass(frozen=True)
class Score:
    """Loss and accuracy of a trained network on one part of the data, without dropout.

    Attributes:
        loss: mean cross-entropy in nats, without penalties and without label smoothing.
        accuracy: fraction in 0…1.
    """

    loss: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class History:
    """A training epoch by epoch; every array float64 of shape (epochs,).

    A trial that diverged at epoch *e* (from 1) has NaN from there on.

    Attributes:
        train_loss: mean cross-entropy of the epoch's batches while training, as Keras' history
            has it but without penalties.
        train_accuracy: fraction in 0…1 of the same batches, dropout on.
        val_loss: cross-entropy on the validation part at the epoch's end.
        val_accuracy: fraction in 0…1 on the validation part at the epoch's end.
        val_commonest: share of the validation part that gets the most frequent answer; 1 is a
            network that gives one class to everything.
        seconds: time since the training began at the epoch's end, compiling left out.
    """

    train_loss: npt.NDArray[np.float64]
    train_accuracy: npt.NDArray[np.float64]
    val_loss: npt.NDArray[np.float64]
    val_accuracy: npt.NDArray[np.float64]
    val_commonest: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        """Checks that all arrays have one length.

        Raises:
            ValueError: if they have not.
        """
        shapes = {field.name: getattr(self, field.name).shape for field in fields(self)}
        if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise ValueError(f"curve arrays must all have shape (epochs,), found {shapes}")

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return len(self.seconds)


UNSCORED = Score(math.nan, math.nan)
"""The score on a part that a trial has no score on."""

NO_HISTORY = History(*(np.empty(0) for _ in fields(History)))
"""The history of a trial of which no epochs are known."""

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
Measures = Mapping[str, Mapping[str, float]]
"""Numbers by part and name of the metric."""


@dataclass(frozen=True, eq=False)
class FinalState:
    """The final weights of a trial, with all that calling its network needs, and its answers.

    Attributes:
        trainable: float32, in the order and shapes of the network's `trainable_variables`, as
            `stepladder.training.keras_models.build` makes it of the trial's recipe. Where weights
            are averaged, these are the averages, which all scores are of.
        statistics: its `non_trainable_variables` in their order, states of random generators left
            out: the moving means and variances of batch normalisation.
        scale: what inputs are multiplied by, float32 of shape () or flat, (values,).
        shift: what is then added to them, of the same shape.
        validation_rows: which examples of the dataset's training part were held out, int32.
        validation_labels: their classes, int32; or labels, or values (held-out examples, outputs).
        validation_probabilities: float32 (held-out examples, classes), each row with the sum 1;
            or of labels, or the values of a regression.
        test_labels: classes of the test part, int32, or as above.
        test_probabilities: float32 (test examples, classes), or as above.
        target_scale: of a regression what targets are multiplied by, float32 (targets,); else (0,).
        target_shift: what is then added to them, of the same shape.
    """

    trainable: tuple[npt.NDArray[np.float32], ...]
    statistics: tuple[npt.NDArray[np.float32], ...]
    scale: npt.NDArray[np.float32]
    shift: npt.NDArray[np.float32]
    validation_rows: npt.NDArray[np.int32]
    validation_labels: npt.NDArray[np.int32]
    validation_probabilities: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int32]
    test_probabilities: npt.NDArray[np.float32]
    target_scale: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    target_shift: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class TrialResult:
    """All that is kept of one finished trial.

    Attributes:
        trial: what was trained.
        curve: its epochs.
        train: score of the final weights on all training images, without dropout; NaN for a
            search's candidate.
        validation: score of the final weights on the validation part.
        test: score of the final weights on the test part; NaN for a search's candidate.
        test_predictions: class given to each test example, uint16 of shape (test examples,);
            (0,) for a search's candidate and where examples have several labels, or values.
        test_correct: whether an example is answered right, all labels of it, bool of shape (test
            examples,); (0,) for a search's candidate and for a regression.
        diverged: the epoch, from 1, in which the trial became non-finite, or None. Scores of a
            diverged trial are NaN, its predictions 0 and all counted wrong.
        parameters: trainable numbers of the network.
        seconds: training time of this trial alone, compiling left out.
        versions: of what trained it, such as {"keras": "3.15.1"}.
        probes: gradients and activations; None where its engine or an older stepladder took none,
            where epochs were not read, and for a candidate.
        signs: its epochs in a few numbers, or None where an older stepladder trained it.
        measures: numbers by part and name, of a training of the user's own, or of metrics beside
            accuracy and loss.
        reported: what such a training reported epoch by epoch, by name, `epoch` first.
        per_example: the judged metric of each test example, float32, or None; of a built-in network
            its metrics that are means over examples, sorted by name, one after the other.
        test_values: of a regression the value given to each test example, float32 of shape (test
            examples, targets); of several labels their probabilities, or None.
        stopped: the epoch, from 1, after which it was stopped early, or None; not stored.
        scored_epoch: the epoch whose weights are scored, or None for the last; not stored.
        final: final weights, on the way from training to the run's folder; no store has them.
        unsettled: see `HistorySummary`, in which it is stored.
        takes_ids: whether inputs are ids that are looked up; not stored.
    """

    trial: Trial
    curve: History
    train: Score
    validation: Score
    test: Score
    test_predictions: npt.NDArray[np.uint16]
    test_correct: npt.NDArray[np.bool_]
    diverged: int | None
    parameters: int
    seconds: float
    versions: dict[str, str]
    probes: Probes | None = None
    signs: HistorySummary | None = None
    measures: Measures = field(default_factory=dict)
    reported: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    per_example: npt.NDArray[np.float32] | None = None
    test_values: npt.NDArray[np.float32] | None = None
    stopped: int | None = None
    scored_epoch: int | None = None
    final: FinalState | None = None
    unsettled: float = math.nan
    takes_ids: bool = False

    @property
    def test_examples(self) -> int:
        """How many test examples were scored."""
        return len(self.test_correct if self.test_values is None else self.test_values)

    def score(self, part: Part, metric: str) -> float:
        """A metric on a part of the data; NaN where the trial has none."""
        return _score(self, part, metric)


@dataclass(frozen=True, eq=False)
class TrialSummary:
    """A trial as it is judged; see `TrialResult` for the attributes that it shares.

    Attributes:
        answer: the class given to every test image where it is the same, else None.
        bits: whether each test image is answered right, eight in a byte.
        images: how many test images there are.
    """

    curve: History
    train: Score
    validation: Score
    test: Score
    diverged: int | None
    parameters: int
    seconds: float
    answer: int | None
    bits: npt.NDArray[np.uint8]
    images: int
    probes: Probes | None = None
    signs: HistorySummary | None = None
    measures: Measures = field(default_factory=dict)
    reported: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    per_example: npt.NDArray[np.float32] | None = None

    def score(self, part: Part, metric: str) -> float:
        """A metric on a part of the data; NaN where the trial has none."""
        return _score(self, part, metric)


def _score(result: TrialResult | TrialSummary, part: Part, metric: str) -> float:
    if metric in result.measures.get(part, {}):
        return result.measures[part][metric]
    score: Score = getattr(result, part)
    return float(getattr(score, metric)) if metric in ("accuracy", "loss") else math.nan


def summarize_trial(result: TrialResult) -> TrialSummary:
    """What judging keeps of a trial."""
    names = [field.name for field in fields(TrialSummary) if hasattr(result, field.name)]
    return TrialSummary(
        answer=constant_prediction(result.test_predictions),
        bits=np.packbits(result.test_correct),
        images=result.test_examples,
        **{name: getattr(result, name) for name in names},
    )


def correct_matrix(outcomes: Sequence[TrialSummary]) -> npt.NDArray[np.bool_]:
    """Whether each test image is answered right, bool of shape (outcomes, test examples).

    Args:
        outcomes: at least one, all of the same test images.
    """
    bits = np.stack([outcome.bits for outcome in outcomes])
    return np.unpackbits(bits, axis=1, count=outcomes[0].images).view(np.bool_)


def example_matrix(
    outcomes: Sequence[TrialSummary], metric: str
) -> npt.NDArray[np.bool_] | npt.NDArray[np.float32] | None:
    """A metric of each test example, of shape (outcomes, test examples), or None if not known.

    Of the accuracy it is whether the example is answered right.
    """
    if not outcomes:
        return None
    rows = [_examples_of(outcome, metric) for outcome in outcomes]
    known = [row for row in rows if row is not None]
    if known:
        is_table = len(known) == len(rows) and len({row.shape for row in known}) == 1
        return np.stack(known) if is_table else None
    is_table = len({outcome.images for outcome in outcomes}) == 1 and outcomes[0].bits.size > 0
    return correct_matrix(outcomes) if metric == "accuracy" and is_table else None


def _examples_of(outcome: TrialSummary, metric: str) -> npt.NDArray[np.float32] | None:
    """A metric of each test example as it was stored, of a built-in network that metric's row."""
    if outcome.per_example is None or not outcome.images:
        return outcome.per_example
    names = means_over_examples(outcome.measures.get("test", ()))
    if metric not in names:
        return None
    first = names.index(metric) * outcome.images
    return outcome.per_example[first : first + outcome.images]


def constant_prediction(predictions: npt.NDArray[np.uint16]) -> int | None:
    """The class that every prediction is of, or None."""
    if not len(predictions) or np.ptp(predictions) != 0:
        return None
    return int(predictions[0])
