"""Evidence of an arm, findings, and summaries of histories."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stepladder.study.keras_names import name_of
from stepladder.study.losses import AS_THEY_ARE
from stepladder.study.metrics import METRICS, Metric
from stepladder.study.recipe import Recipe
from stepladder.study.scoring import Task
from stepladder.trials.trial import History, HistorySummary, Part, Probes, Score, TrialResult

CONSTANT_ANSWER = "constant_answer"
"""Code of the finding that a network gives one class to every test image."""

DIVERGED = "diverged"
"""Code of the finding that loss or weights became non-finite."""


_ENTROPIES = ("auto", "sparse_categorical_crossentropy", "categorical_crossentropy")


@dataclass(frozen=True)
class Replicate:
    """One finished training of an arm.

    Attributes:
        diverged: the epoch, from 1, in which it became non-finite, or None.
        constant: the class that it gives to every test image, or None.
        train: score of the final weights on the training images, without dropout.
        validation: score on the validation part.
        test: score on the test part.
        signs: summary of its epochs, or None where that was not stored.
        judged: the judged metric by part, where it is not the accuracy.
    """

    diverged: int | None
    constant: int | None
    train: Score
    validation: Score
    test: Score
    signs: HistorySummary | None
    judged: Mapping[Part, float] = field(default_factory=dict)

    def score(self, part: Part) -> float:
        """The judged metric on a part; NaN where it is not known."""
        accuracy: float = getattr(self, part).accuracy
        return self.judged.get(part, accuracy)


@dataclass(frozen=True)
class RateCurve:
    """What a fair study knows of one arm's learning rate.

    Attributes:
        rates: that were tried, rising.
        accuracies: mean validation accuracy of each, a fraction.
        declared: the learning rate that the study file gives it.
    """

    rates: tuple[float, ...]
    accuracies: tuple[float, ...]
    declared: float


@dataclass(frozen=True)
class ArmEvidence:
    """One arm as diagnosis sees it.

    Attributes:
        recipe: what was trained.
        classes: names of the classes, in the order of their numbers.
        replicates: those that are finished, in their order.
        tried: what is known of other learning rates, or None.
        steps: optimizer steps of one training, or None where that is not known.
        parameters: trainable numbers of the network, or None.
        noun: what one example is called.
        task: what is learnt.
        metric: that is judged.
        baseline: its test figure for one answer to every example, or None where not known.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    replicates: tuple[Replicate, ...]
    tried: RateCurve | None = None
    steps: int | None = None
    parameters: int | None = None
    noun: str = "image"
    task: Task = "classification"
    metric: Metric = METRICS["accuracy"]
    baseline: float | None = None

    @property
    def alive(self) -> tuple[Replicate, ...]:
        """Replicates that did not diverge."""
        return tuple(one for one in self.replicates if one.diverged is None)

    @property
    def chance(self) -> float:
        """The accuracy of guessing among classes; NaN for another task."""
        return 1 / len(self.classes) if self.task == "classification" else math.nan

    @property
    def guessing(self) -> float:
        """The loss of guessing, in nats; NaN where that is not what training minimises.

        A margin that is learnt, or weights of classes, leave the cross-entropy where it happens to
        be. That of labels that are rare is below ln 2 without any learning.
        """
        is_usual = name_of(self.recipe.loss) in _ENTROPIES and self.recipe.class_weight is None
        is_known = is_usual and self.task == "classification"
        return math.log(len(self.classes)) if is_known else math.nan

    @property
    def has_usual_gradients(self) -> bool:
        """Whether the loss is of a size that is known, so that its gradient is."""
        scaled = (
            self.recipe.target_scaling != "none" and name_of(self.recipe.loss) not in AS_THEY_ARE
        )
        return self.task != "regression" or scaled

    def skill(self, one: Replicate, part: Part) -> float:
        """The judged metric as a share of the way from the baseline to perfection; NaN if unknown.

        Example:
            >>> case = ArmEvidence(Recipe(hidden=[9]), (), (), task="regression",
            ...                    metric=METRICS["rmse"], baseline=4.0)
            >>> score = Score(math.nan, math.nan)
            >>> one = Replicate(None, None, score, score, score, None, {"test": 3.0})
            >>> case.skill(one, "test")
            0.25
        """
        best = self.metric.bounds[1 if self.metric.sign > 0 else 0]
        if self.baseline is None or not math.isfinite(best) or best == self.baseline:
            return math.nan
        return (one.score(part) - self.baseline) / (best - self.baseline)

    def signs_where(
        self, condition: Callable[[HistorySummary], bool]
    ) -> tuple[HistorySummary, ...]:
        """Summaries of replicates that did not diverge for which a condition is true.

        None of them if it is true for fewer than half: a few replicates may show it by chance.
        """
        known = [one.signs for one in self.alive if one.signs is not None]
        chosen = tuple(filter(condition, known))
        return chosen if 2 * len(chosen) >= len(known) else ()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an arm, or that its reader should know.

    Attributes:
        code: which rule found it, such as `dead_units`.
        title: what is wrong, in words that fit every arm that has it.
        where: when and in how many replicates, such as " in 3 of 5 replicates", or "".
        detail: the numbers that show it, in words, or "".
        advice: what to do about it, in words.
        technique: the catalogue's technique that fixes it, or None where none does.
        evidence: the numbers by name.
        replicates: how many replicates show it.

    Example:
        >>> Finding("diverged", "diverged", " in epoch 3", "", "clip", None, {}, 1).text
        'diverged in epoch 3'
    """

    code: str
    title: str
    where: str
    detail: str
    advice: str
    technique: str | None
    evidence: Mapping[str, float]
    replicates: int

    @property
    def text(self) -> str:
        """All of it as one sentence."""
        return f"{self.title}{self.where}{': ' if self.detail else ''}{self.detail}"


def replicate_count(some: int, total: int) -> str:
    """The last words of "diverged in 3 of 5 replicates"; "" where it is all of them."""
    return "" if some == total else f" in {some} of {total} replicates"


def format_factor(factor: float) -> str:
    """A factor of 1 or more with two digits: "12 times", "1,400 times"."""
    if not math.isfinite(factor):
        return "infinitely many times"
    digits = max(0, math.floor(math.log10(max(factor, 1))) - 1)
    return f"{round(factor, -digits):,.0f} times"


_LATE = 4  # the last epoch in so many is late: their mean accuracy is compared with that before


def summarize_history(
    curve: History, probes: Probes | None, unsettled: float = math.nan, *, takes_ids: bool = False
) -> HistorySummary:
    """The signs of one trial.

    Args:
        curve: its epochs; NaN from the one on in which it diverged.
        probes: what its network was like inside, or None.
        unsettled: see `HistorySummary`.
        takes_ids: whether inputs are ids, which have no size.
    """
    done = int(np.isfinite(curve.val_loss).sum())
    signs: dict[str, Any] = {"unsettled": unsettled}
    if probes is not None:
        if not takes_ids:
            signs |= {"input_mean": probes.input_mean, "input_deviation": probes.input_deviation}
        signs |= _signs_inside(probes, done) if done else {}
    if done:
        best, late = int(np.nanargmin(curve.val_loss[:done])), max(1, done // _LATE)
        accuracy = curve.val_accuracy[:done]
        signs |= {
            "best_epoch": float(best + 1),
            "best_val_loss": float(curve.val_loss[best]),
            "last_val_loss": float(curve.val_loss[done - 1]),
            "best_train_loss": float(curve.train_loss[best]),
            "last_train_loss": float(curve.train_loss[done - 1]),
        }
        if done >= 2 * late:
            gain = accuracy[-late:].mean() - accuracy[-2 * late : -late].mean()
            losses = curve.val_loss[:done]
            before = losses[-2 * late : -late].mean()
            fall = 1 - losses[-late:].mean() / before if before else math.nan
            signs |= {"late_epochs": float(late), "late_gain": float(gain),
                      "late_fall": float(fall)}  # fmt: skip
    return HistorySummary(**signs)


def with_ends(signs: HistorySummary, result: TrialResult) -> HistorySummary:
    """The signs of a trial with where it was stopped, and which epoch's weights are scored."""
    if result.stopped is None and result.scored_epoch is None:
        return signs
    ends = (result.stopped, result.scored_epoch)
    stopped, scored_epoch = (math.nan if epoch is None else float(epoch) for epoch in ends)
    return replace(signs, stopped=stopped, scored_epoch=scored_epoch)


def _signs_inside(probes: Probes, done: int) -> dict[str, Any]:
    signs: dict[str, Any] = {}
    if probes.kernels:
        norms = probes.gradient_norm[:done].astype(np.float64)
        medians = np.median(norms, axis=0)
        signs["first_gradient"], signs["last_gradient"] = float(medians[0]), float(medians[-1])
        signs["whole_gradient"] = float(np.median(np.linalg.norm(norms, axis=1)))
    for name in ("dead", "saturated"):
        shares = getattr(probes, name)[done - 1]
        if not np.isnan(shares).all():
            worst = int(np.nanargmax(shares))
            signs[name], signs[f"{name}_layer"] = float(shares[worst]), probes.layers[worst]
    return signs
