"""Results of a study, of its arms and of its tuning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from stepladder.diagnosis.findings import CONSTANT_ANSWER, DIVERGED, Finding
from stepladder.runs.misclassified import ErrorAnalysis
from stepladder.runs.predictions import Predictions
from stepladder.statistics.classification import Ensemble
from stepladder.statistics.results import Difference, Effect, Estimate, FactorialAnalysis
from stepladder.store import Judgement
from stepladder.study.confounds import Confound
from stepladder.study.designs import Arm
from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.study.tuning import Grid
from stepladder.trials.trial import History, Part


@dataclass(frozen=True)
class TriedValues:
    """One candidate of one arm.

    Attributes:
        values: one a tuned field, in the order of the grid.
        scores: the judged metric on the validation part, one a tuning replicate; NaN where
            diverged.
        mean: of the scores, diverged ones at the score of guessing; NaN where that is not known.
    """

    values: tuple[float, ...]
    scores: tuple[float, ...]
    mean: float


@dataclass(frozen=True)
class ArmTuning:
    """The candidates of one arm.

    Attributes:
        arm: its name.
        tried: every candidate, in the order of the grid.
        chosen: the values of the best.
        declared: the values that a fixed study would keep.
        at_edge: fields whose best value lies at the edge of the last grid, so that a better one
            may lie beyond.
    """

    arm: str
    tried: tuple[TriedValues, ...]
    chosen: tuple[float, ...]
    declared: tuple[float, ...]
    at_edge: tuple[str, ...]


@dataclass(frozen=True)
class Tuned:
    """How the arms of a fair study were tuned, each with the same candidates.

    Attributes:
        grid: the last grid, the same for every arm.
        first: the values of the grid that was begun with.
        widenings: how often it was widened.
        replicates: on which each candidate was tried.
        epochs: of each candidate.
        arms: one an arm, in the order of the design.
        trials: trained for it.
        seconds: of training, all trials added up.
        metric: that the candidates' scores are of.
    """

    grid: Grid
    first: Grid
    widenings: int
    replicates: int
    epochs: int
    arms: tuple[ArmTuning, ...]
    trials: int
    seconds: float
    metric: str = "accuracy"

    @property
    def fields(self) -> tuple[str, ...]:
        """The tuned fields."""
        return tuple(self.grid)


@dataclass(frozen=True, eq=False)
class ArmProbes:
    """Gradients and activations of one arm at each epoch's end: see `trials.trial.Probes`.

    Attributes:
        replicates: numbers of the replicates that have probes, one a row of each array.
        kernels: name of each weight matrix, first to last.
        gradient_norm: float32 (replicates, epochs, kernels); NaN from where one diverged.
        layers: name of each hidden layer whose activation is known, first to last.
        dead: share of dead units, float32 (replicates, epochs, layers); NaN where the activation
            has no dead state.
        saturated: share of saturated units, float32 (replicates, epochs, layers); NaN but for
            sigmoid and tanh.
    """

    replicates: tuple[int, ...]
    kernels: tuple[str, ...]
    gradient_norm: npt.NDArray[np.float32]
    layers: tuple[str, ...]
    dead: npt.NDArray[np.float32]
    saturated: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """A number of epochs over the replicates of an arm.

    Example:
        >>> Span.of([7, 9, 11])
        Span(mean=9.0, least=7, most=11)
    """

    mean: float
    least: int
    most: int

    @classmethod
    def of(cls, epochs: Sequence[float]) -> Self | None:
        """The span of some numbers, or None where there are none."""
        if not epochs:
            return None
        return cls(sum(epochs) / len(epochs), int(min(epochs)), int(max(epochs)))


def watches_epochs(recipe: Recipe) -> bool:
    """Whether a training may stop early, or score another epoch than its last."""
    return recipe.patience is not None or recipe.score_at == "best"


@dataclass(frozen=True)
class ArmResult:
    """One arm and the results of its replicates.

    Attributes:
        arm: its name, recipe and what it is compared with.
        n: replicates finished, diverged ones included.
        diverged: replicates that became non-finite.
        train: the judged metric on the training part; accuracy is that without dropout.
        validation: the same on the validation part.
        test: the same on the test part.
        effect: on the judged metric of the test part, against the arm it is compared with; None
            for the base and where neither arm has a replicate yet.
        curves: one a finished replicate, in the order of replicates.
        reported: the test accuracy that somebody published for it, or None.
        parameters: trainable numbers of the network, or None before any replicate is finished.
        seconds: training time of all its replicates, compiling left out.
        differences: on other measures, against the same arm; empty where there is no effect.
        reached: replicates whose validation accuracy reached the study's target; None without
            a target.
        planned: replicates that it shall have; None where all have the study's number.
        findings: what is wrong with it, with evidence and remedy; often empty.
        probes: of its networks; None where no replicate has any, or the epochs were not read.
        ensemble: its replicates as one network; None where the weights of fewer than two are kept.
        finished: numbers of the replicates that are finished; the first n when None.
        also: further metrics by name and part.
        failed: replicates that this run could not train, of the user's own training.
        reported_curves: what a training of the user's own reported, by name, `epoch` included; one
            a finished replicate, in the order of replicates.
        epochs_trained: of its replicates, diverged ones left out; None where nothing may stop them.
        scored_epoch: whose weights are scored; None likewise.
    """

    arm: Arm
    n: int
    diverged: int
    train: Estimate
    validation: Estimate
    test: Estimate
    effect: Effect | None
    curves: tuple[History, ...]
    reported: float | None
    parameters: int | None
    seconds: float
    differences: tuple[Difference, ...] = ()
    reached: int | None = None
    planned: int | None = None
    probes: ArmProbes | None = None
    findings: tuple[Finding, ...] = ()
    ensemble: Ensemble | None = None
    finished: tuple[int, ...] | None = None
    also: Mapping[str, Mapping[Part, Estimate]] = field(default_factory=dict)
    failed: int = 0
    reported_curves: tuple[Mapping[str, tuple[float, ...]], ...] = ()
    epochs_trained: Span | None = None
    scored_epoch: Span | None = None

    @property
    def diagnosis(self) -> tuple[str, ...]:
        """What went wrong, a sentence each, such as "answers 1 to every image"; often empty."""
        return tuple(finding.text for finding in self.findings)

    @property
    def constant_answer(self) -> Finding | None:
        """The finding that each replicate gives one class to all test images, or None.

        The accuracy is then the share of that class, and says nothing of the network.
        """
        constant = (each for each in self.findings if each.code == CONSTANT_ANSWER)
        return next((finding for finding in constant if finding.replicates == self.n), None)

    @property
    def is_divergence_found(self) -> bool:
        """Whether a finding says that replicates diverged."""
        return any(finding.code == DIVERGED for finding in self.findings)


@dataclass(frozen=True)
class Adapted:
    """How far a study went that adds replicates until its verdicts are settled.

    Attributes:
        looks: numbers of replicates at which verdicts are given.
        taken: looks taken.
        settled: comparisons with a verdict.
        trials: that the study has.
        at_most: trials that it would have with the most replicates of every arm.
        seconds_saved: training time of the difference, at the mean of the trials it has.
    """

    looks: tuple[int, ...]
    taken: int
    settled: int
    trials: int
    at_most: int
    seconds_saved: float


@dataclass(frozen=True)
class Results:
    """A study's results, complete or so far.

    Attributes:
        study: what was asked.
        dataset: the dataset's name.
        fingerprint: the dataset's fingerprint.
        sizes: examples by part, such as {"train": 54000, "validation": 6000, "test": 10000}.
        classes: the class names, in the order of their numbers.
        arms: in the order of the design.
        looks: readings of this test set's figures that are known, this one included.
        finished: whether every planned trial is there.
        versions: of stepladder, Python and what trained, by name.
        machine: one line that says what it ran on.
        seconds: wall time that running the study has taken, all runs of it added up.
        readout: what a factorial says of its techniques; None for another design.
        confounds: what else differs between compared arms than what they are to judge.
        warnings: what the study leaves open, in sentences.
        tuned: how the arms of a fair study were tuned; None for a fixed one, or not yet.
        adapted: how far a study went that adds replicates; None where their number is fixed.
        mistakes: which test examples are misclassified; None where nobody asked for it, the
            dataset is missing, or nothing was learnt.
        noun: what one example is called in sentences: see `StudyRecord`.
        has_own_validation: whether the validation part comes with the data, the same in every
            replicate.
        predictions: what some arms answer to each test example of a regression, or of several
            labels; None where `mistakes` may be given.
        baseline: the judged metric of guessing, or of one answer to everything; None where it is
            not known.
        one_answer: the judged metric of one answer to everything, as of the commonest class; None
            where it is not known.
        data_notes: what was noted of the data before training.
        earlier: the last judgement of each other question that this study was judged by before.
        is_first: whether this is the judgement that was planned at first.
        is_every_look: whether looks of all folders and stores of this user are counted.
        asked_delta: δ that was asked for; that of the study is the one of the first judgement.
    """

    study: Study
    dataset: str
    fingerprint: str
    sizes: dict[str, int]
    classes: tuple[str, ...]
    arms: tuple[ArmResult, ...]
    looks: int
    finished: bool
    versions: dict[str, str]
    machine: str
    seconds: float
    readout: FactorialAnalysis | None = None
    confounds: tuple[Confound, ...] = ()
    warnings: tuple[str, ...] = ()
    tuned: Tuned | None = None
    adapted: Adapted | None = None
    mistakes: ErrorAnalysis | None = None
    noun: str = "image"
    has_own_validation: bool = False
    predictions: Predictions | None = None
    baseline: float | None = None
    one_answer: float | None = None
    data_notes: tuple[str, ...] = ()
    earlier: tuple[Judgement, ...] = ()
    is_first: bool = True
    is_every_look: bool = True
    asked_delta: float | None = None
