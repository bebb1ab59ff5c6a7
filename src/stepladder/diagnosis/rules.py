"""Every rule of the diagnosis.

A rule is a function of an arm's evidence under the name of its finding's code. `RULES` has them in
the order in which findings are told: first what is seen, then what may be its cause.
"""

import math
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import replace
from statistics import mode

import numpy as np

from stepladder.diagnosis.findings import (
    CONSTANT_ANSWER,
    DIVERGED,
    ArmEvidence,
    Finding,
    Replicate,
    format_factor,
    replicate_count,
)
from stepladder.study.keras_names import name_of
from stepladder.study.metrics import Metric
from stepladder.study.recipe import CLIPPINGS, Recipe
from stepladder.trials.trial import HistorySummary

Rule = Callable[[ArmEvidence], Finding | None]

RULES: dict[str, Rule] = {}
"""Every rule by the code of its finding."""


def _rule(check: Rule) -> Rule:
    RULES[check.__name__] = check
    return check


def diagnose(case: ArmEvidence) -> tuple[Finding, ...]:
    """What every rule finds in an arm, in the order of `RULES`; empty where nothing is wrong.

    Args:
        case: the arm; one without a finished replicate has no findings.

    Example:
        >>> from stepladder.diagnosis.findings import Replicate
        >>> from stepladder.trials.trial import Score
        >>> score = Score(math.nan, math.nan)
        >>> lost = Replicate(3, None, score, score, score, None)
        >>> case = ArmEvidence(Recipe(hidden=[9]), ("a", "b"), (lost,))
        >>> [finding.text for finding in diagnose(case)]
        ['diverged in epoch 3']
    """
    if not case.replicates:
        return ()
    findings = [finding for check in RULES.values() if (finding := check(case)) is not None]
    if any(finding.code in _OF_THE_RATE for finding in findings):
        findings = [_after_the_rate(finding) for finding in findings]
    return tuple(findings)


_OF_THE_RATE = ("learning_rate_too_large", "learning_rate_too_small")
_APART_FROM_THE_RATE = (*_OF_THE_RATE, DIVERGED, "inputs_not_scaled", "learning_rate_far_off")


def _after_the_rate(finding: Finding) -> Finding:
    """A finding of an arm whose rate is wrong: what else is seen may follow from that alone."""
    if finding.code in _APART_FROM_THE_RATE:
        return finding
    kept = finding.advice if finding.code == CONSTANT_ANSWER else "correct the learning rate first"
    return replace(finding, advice=kept, technique=None)


def _finding(
    case: ArmEvidence,
    shown_by: Sized,
    code: str,
    title: str,
    detail: str,
    *,
    advice: str,
    technique: str | None = None,
    where: str | None = None,
    **evidence: float,
) -> Finding:
    """A finding of some replicates, by default with their number."""
    if where is None:
        where = replicate_count(len(shown_by), len(case.replicates))
    return Finding(code, title, where, detail, advice, technique, evidence, len(shown_by))


def _median(values: Iterable[float]) -> float:
    return float(np.median(np.asarray(list(values), np.float64)))  # NaN where one value is NaN


def _medians(signs: Sequence[HistorySummary], *names: str) -> dict[str, float]:
    return {name: _median(getattr(summary, name) for summary in signs) for name in names}


def starter(recipe: Recipe) -> str | None:
    """The first technique, in the order of a ladder, that lets a network begin to learn.

    A user's own network may not read the field that a technique changes; it is named all the same,
    as what to build there.

    Returns:
        None where the recipe has all of them.
    """
    steps = (
        ("unit inputs", recipe.scaling == "none"),
        ("ReLU", name_of(recipe.activation) in ("sigmoid", "tanh")),
        ("He normal", not recipe.initializer.startswith("he_") and recipe.activation != "selu"),
        ("Adam", name_of(recipe.optimizer) == "sgd"),
        ("batch normalisation", recipe.normalization == "none"),
    )
    return next((name for name, is_missing in steps if is_missing), None)


@_rule
def diverged(case: ArmEvidence) -> Finding | None:
    """Loss or weights became non-finite, and in which epoch."""
    epochs = [one.diverged for one in case.replicates if one.diverged is not None]
    if not epochs:
        return None
    first, last = min(epochs), max(epochs)
    when = f"in epoch {first}" if first == last else f"in epochs {first} to {last}"
    raw = case.recipe.scaling == "none"
    return _finding(
        case, epochs, DIVERGED, "diverged", "",
        where=f" {when}{replicate_count(len(epochs), len(case.replicates))}",
        advice="scale the inputs" if raw else "lower the learning rate, or clip gradients",
        technique="unit inputs" if raw else "gradient clipping",
        first_epoch=first, last_epoch=last,
    )  # fmt: skip


@_rule
def constant_answer(case: ArmEvidence) -> Finding | None:
    """One class is given to every test example: what its accuracy says is the class's share."""
    constant = [one for one in case.alive if one.constant is not None]
    if not constant:
        return None
    answers = sorted({one.constant for one in constant if one.constant is not None})
    only = case.classes[answers[0]] if len(answers) == 1 else "one class"
    where = replicate_count(len(constant), len(case.replicates))
    advice = f"do not read its {case.metric.name}: it is that of one answer to everything"
    if case.metric.name == "accuracy":
        advice = f"do not read its accuracy: it is only that class's share of the test {case.noun}s"
    return _finding(
        case, constant, CONSTANT_ANSWER, f"answers {only} to every {case.noun}", "",
        where=where if len(answers) == 1 else f"{where}, not the same one in each replicate",
        advice=advice,
        technique=starter(case.recipe),
        test_accuracy=_median(one.test.accuracy for one in constant),
    )  # fmt: skip


NEAR_GUESSING = 0.98
"""Share of ln(classes) below which a training loss shows that something was learned.

A network that answers with the shares of the classes has a loss of ln(classes) where all classes
are as frequent, and less where they are not. In our runs networks that learn nothing end at 1.00
to 1.04 of it, the slowest one that learned at 0.43.
"""

SKILL = 0.1
"""Share of the way from guessing to perfection below which accuracy shows that nothing was learned.

Networks with a loss above ln(classes) may know much and be too sure of it.
"""


ABOVE_GUESSING = 1.2
"""Times ln(classes) above which a training loss is worse than that of guessing.

A network that learns nothing ends at 1.00 to 1.04 of it. Above that it is sure of wrong answers:
its steps were too long to come to rest.
"""

MOVED = 1.0
"""Length of all steps together below which a high loss is that of the start, not of the steps.

The weights of one layer have a norm of 1 or more under every initialiser but the plain normal one.
"""


def _reach(case: ArmEvidence, one: Replicate) -> tuple[float, float]:
    """How far all steps together can move the weights, and lower the loss, to first order.

    A step of SGD moves them by the rate times the gradient, one of the adaptive optimizers each
    weight by about the rate. The gradient's norm is about 1 at the start for inputs of size 1.
    Infinite where the number of steps is not known.
    """
    recipe, known = case.recipe, one.signs.whole_gradient if one.signs else math.nan
    gradient = max(1.0, known) if math.isfinite(known) else 1.0
    if case.steps is None:
        return math.inf, math.inf
    step = gradient / (1 - recipe.momentum)
    if name_of(recipe.optimizer) != "sgd":
        step = math.sqrt(case.parameters or math.inf)
    moved = recipe.learning_rate * case.steps * step
    return moved, moved * gradient


def _is_too_large(case: ArmEvidence, one: Replicate) -> bool:
    # Batch normalisation may be wrong outside training: the loss while training counts too.
    training = one.signs.last_train_loss if one.signs else math.nan
    losses = [loss for loss in (one.train.loss, training) if math.isfinite(loss)]
    if not losses or not min(losses) >= ABOVE_GUESSING * case.guessing:
        return False
    return _reach(case, one)[0] >= MOVED and not _is_too_small(case, one)


def _is_too_small(case: ArmEvidence, one: Replicate) -> bool:
    # Whatever its accuracy: that of initial weights may be above guessing by luck.
    is_at_start = one.train.loss >= NEAR_GUESSING * case.guessing
    return is_at_start and _reach(case, one)[1] < (1 - NEAR_GUESSING) * case.guessing


def _is_ignorant(case: ArmEvidence, one: Replicate) -> bool:
    """Whether neither its loss nor its accuracy shows that it learnt, which other rules explain."""
    has_no_skill = one.train.accuracy <= case.chance + SKILL * (1 - case.chance)
    return has_no_skill and one.train.loss >= NEAR_GUESSING * case.guessing


NO_GAIN = 0.01
"""Skill below which an arm is no better than one answer: 1 % of an error, as rmse measures it."""

_OF_ONE_ANSWER = ("balanced_accuracy", "auroc")
"""Metrics of classes of which one answer has the same figure, however rare the classes are."""


@_rule
def no_better_than_one_answer(case: ArmEvidence) -> Finding | None:
    """The judged metric is that of one answer to every test example, as the mean of a target is."""
    is_accuracy = case.task == "classification" and case.metric.name == "accuracy"
    if case.task == "classification" and case.metric.name not in ("accuracy", *_OF_ONE_ANSWER):
        return None
    poor = [
        one
        for one in case.alive
        if one.constant is None and case.skill(one, "test") < NO_GAIN
        and not (is_accuracy and _is_ignorant(case, one))
    ]  # fmt: skip
    if not poor or 2 * len(poor) < len(case.alive):
        return None
    name, answer = case.metric.name, "one answer to everything"
    if case.task == "regression":
        answer = f"the {'median' if name == 'mae' else 'mean'} of the training {case.noun}s"
    title = f"is no better than {answer}"
    if is_accuracy:
        answer, title = "the commonest class alone", "learnt no more than the commonest class"
    test, train = (_median(one.score(part) for one in poor) for part in ("test", "train"))
    knows = _median(case.skill(one, "train") for one in poor) >= SKILL
    advice = "first make it learn at all: scaled inputs, another learning rate, more epochs"
    if knows:
        advice = "it knows the training part alone: regularise it, or give it more data"
    assert case.baseline is not None
    shown = [_metric_text(case.metric, value) for value in (test, case.baseline, train)]
    return _finding(
        case, poor, "no_better_than_one_answer", title,
        f"its test {name} is {shown[0]}, and {answer} has {shown[1]}"
        + (f"; on the training part it is {shown[2]}" if math.isfinite(train) else ""),
        advice=advice,
        test=test, baseline=case.baseline,
    )  # fmt: skip


def _metric_text(metric: Metric, value: float) -> str:
    """A figure with its unit: "71.2 %", "54.1 kWh"."""
    unit = "%" if metric.is_fraction else metric.unit
    shown = f"{100 * value:.1f}" if metric.is_fraction else f"{value:.4g}"
    return f"{shown} {unit}".rstrip()


def _rate_advice(case: ArmEvidence, change: str) -> str:
    if case.tried is None:
        return f'{change} the learning rate, or let each arm have its own with tuning = "fair"'
    smaller = "smaller" if change == "lower" else "larger"
    return f"{change} the learning rate: add {smaller} ones to tune.grid"


@_rule
def learning_rate_too_large(case: ArmEvidence) -> Finding | None:
    """The training loss ends well above that of guessing: the steps are too long."""
    lost = [one for one in case.alive if _is_too_large(case, one)]
    if not lost:
        return None
    loss, rate = _median(one.train.loss for one in lost), case.recipe.learning_rate
    signs = [one.signs for one in lost if one.signs is not None]
    raw = any(_input_size(summary) > LARGE_INPUTS for summary in signs)
    advice = _rate_advice(case, "lower")
    return _finding(
        case, lost, "learning_rate_too_large", f"its learning rate, {rate:g}, is too large",
        f"its loss on the training {case.noun}s ends at {loss:.3g}, and guessing among "
        f"{len(case.classes)} classes gives ln {len(case.classes)} = {case.guessing:.3f}: the "
        "steps are too long",
        advice=f"scale the inputs; then, if need be, {advice}" if raw else advice,
        technique="unit inputs" if raw and case.recipe.scaling == "none" else None,
        train_loss=loss, guessing=case.guessing, learning_rate=rate,
    )  # fmt: skip


@_rule
def learning_rate_too_small(case: ArmEvidence) -> Finding | None:
    """All steps together are too short to move the weights."""
    lost = [one for one in case.alive if _is_too_small(case, one)]
    if not lost:
        return None
    loss, rate = _median(one.train.loss for one in lost), case.recipe.learning_rate
    reach = _median(_reach(case, one)[1] for one in lost)
    return _finding(
        case, lost, "learning_rate_too_small", f"its learning rate, {rate:g}, is too small",
        f"its {case.steps:,} steps together can lower the loss by about {reach:.1g}: the weights "
        f"hardly move, and the loss on the training {case.noun}s stays at {loss:.3f}, where "
        f"guessing among {len(case.classes)} classes gives ln {len(case.classes)} = "
        f"{case.guessing:.3f}",
        advice=_rate_advice(case, "raise"),
        train_loss=loss, guessing=case.guessing, learning_rate=rate, reach=reach,
    )  # fmt: skip


@_rule
def learns_nothing(case: ArmEvidence) -> Finding | None:
    """The training loss ends where guessing has it, whatever the learning rate's part in it."""
    classes, epochs = len(case.classes), case.recipe.epochs
    is_improving = still_improving(case) is not None  # then it has begun to learn
    ignorant = [
        one
        for one in case.alive
        if _is_ignorant(case, one)
        and not (is_improving and one.constant is None)
        and not (_is_too_large(case, one) or _is_too_small(case, one))
    ]
    if not ignorant:
        return None
    loss = _median(one.train.loss for one in ignorant)
    return _finding(
        case, ignorant, "learns_nothing", "learns nothing",
        f"after {epochs} epoch{'' if epochs == 1 else 's'} its loss on the training {case.noun}s "
        f"is {loss:.3f}, and guessing among {classes} classes gives ln {classes} = "
        f"{case.guessing:.3f}",
        advice="first make it learn at all: a signal that reaches every layer, then a larger step",
        technique=starter(case.recipe),
        train_loss=loss, guessing=case.guessing,
    )  # fmt: skip


GAP = 0.05
"""Accuracy between two groups of replicates below which they are not called groups.

Of what is no fraction it is this share of the figure of one answer to everything.
"""

APART = {4: 16.0, 5: 7.0, 6: 4.0}
"""How many times as far apart the groups must lie as the wider of them is wide, by replicates.

Of 20,000 sets drawn from one normal distribution fewer than 1 in 100 are split so by their widest
gap, whatever their number (`tests/unit/diagnosis/test_diagnosis.py`).
"""

APART_MANY = 3.0
"""The same for seven replicates and more."""


@_rule
def replicates_disagree(case: ArmEvidence) -> Finding | None:
    """Replicates fall into two groups that lie far apart: a mean over them describes neither."""
    scores = np.sort([one.score("test") for one in case.alive])
    least = GAP if case.metric.is_fraction else GAP * abs(case.baseline or math.nan)
    if len(scores) < min(APART) or not np.isfinite(scores).all():
        return None
    place = int(np.argmax(np.diff(scores)))
    low, high = scores[: place + 1], scores[place + 1 :]
    gap, width = high[0] - low[-1], max(np.ptp(low), np.ptp(high))
    if not gap >= least or gap < APART.get(len(scores), APART_MANY) * width:
        return None
    lower, upper = float(low.mean()), float(high.mean())
    texts = [_metric_text(case.metric, value) for value in (upper, lower)]
    worse = "lower" if case.metric.sign > 0 else "higher"
    return _finding(
        case, scores, "replicates_disagree", "replicates fall into two groups",
        f"{len(high)} at {texts[0]} and {len(low)} at {texts[1]}; their mean "
        "describes neither group",
        where="",
        advice=f"find out what the {worse} group is missing; a better start makes them agree",
        technique=starter(case.recipe),
        lower=lower, upper=upper, in_lower=len(low), in_upper=len(high),
    )  # fmt: skip


LARGE_INPUTS, SMALL_INPUTS = 5.0, 0.05
"""Root mean square of the inputs beyond which they are not scaled.

LeCun, Bottou, Orr, Müller 1998 (Efficient BackProp, 4.3) want a mean of 0 and a deviation of 1:
pixels divided by 255 have 0.33, standardised ones 1, raw ones 85.
"""


@_rule
def inputs_not_scaled(case: ArmEvidence) -> Finding | None:
    """Inputs far larger or smaller than the initialisers are made for."""
    signs = [one.signs for one in case.replicates if one.signs is not None]
    sizes = [math.hypot(summary.input_mean, summary.input_deviation) for summary in signs]
    unscaled = [size for size in sizes if size > LARGE_INPUTS or 0 < size < SMALL_INPUTS]
    if not unscaled or 2 * len(unscaled) < len(sizes):
        return None
    mean, deviation = _medians(signs, "input_mean", "input_deviation").values()
    return _finding(
        case, unscaled, "inputs_not_scaled", "inputs are not scaled",
        f"their mean is {mean:.3g} and their deviation {deviation:.3g}; initialisers and learning "
        "rates are made for a mean of 0 and a deviation of 1",
        where="",
        advice="scale them",
        technique="unit inputs" if case.recipe.scaling == "none" else "standardised inputs",
        mean=mean, deviation=deviation,
    )  # fmt: skip


VANISHING = 0.02
"""The first layer's gradient as a share of the last one's, below which it vanishes.

Norms over whole weight matrices, the first divided by the size of the inputs, which is a factor of
it. In the healthy recipes of `tests/fakes/diagnosis_recipes.py` it is 1.4 to 17, in the naive
network 0.001, and in the same network with Glorot's initialiser 0.04. That sigmoid does so is shown
by Glorot, Bengio 2010.
"""

EXPLODING = 100.0
"""The first layer's gradient in times the last one's, above which it explodes."""

LARGE_GRADIENT = 100.0
"""Norm of the full gradient, inputs of size 1, above which it explodes.

The mean cross-entropy of inputs of size 1 has a gradient of about 1 at the start and less later;
our healthy recipes have at most 0.7. Pascanu, Mikolov, Bengio 2013 clip at a few times the usual.
"""


def _input_size(signs: HistorySummary) -> float:
    """Root mean square of the inputs; 1 where they are not known."""
    size = math.hypot(signs.input_mean, signs.input_deviation)
    return size if math.isfinite(size) and size > 0 else 1.0


def _gradient_ratio(signs: HistorySummary) -> float:
    """The first layer's gradient in shares of the last one's, inputs of size 1."""
    if not signs.last_gradient > 0:  # none anywhere, or not known
        return math.nan
    return signs.first_gradient / signs.last_gradient / _input_size(signs)


@_rule
def vanishing_gradients(case: ArmEvidence) -> Finding | None:
    """The loss hardly reaches the first layer."""
    signs = case.signs_where(lambda summary: _gradient_ratio(summary) < VANISHING)
    if not signs:
        return None
    first, last = _medians(signs, "first_gradient", "last_gradient").values()
    ratio = _median(map(_gradient_ratio, signs))
    factor = format_factor(1 / ratio if ratio else math.inf)
    technique = "batch normalisation"
    if name_of(case.recipe.activation) in ("sigmoid", "tanh"):
        technique = "ReLU"
    elif name_of(case.recipe.initializer) == "random_normal":
        technique = "He normal"
    return _finding(
        case, signs, "vanishing_gradients", "gradients vanish on their way down",
        f"the first layer's is {factor} smaller than the last layer's for inputs of size 1 "
        f"(for these inputs the norms are {first:.1e} and {last:.1e} in the middle epoch); "
        "the first layers hardly learn",
        advice="use an activation that does not saturate, with the initialiser made for it",
        technique=technique,
        first_gradient=first, last_gradient=last, ratio=ratio,
    )  # fmt: skip


@_rule
def exploding_gradients(case: ArmEvidence) -> Finding | None:
    """Gradients grow on their way down, or are large altogether."""
    signs = case.signs_where(
        lambda summary: (
            _gradient_ratio(summary) > EXPLODING
            or (
                case.has_usual_gradients
                and summary.whole_gradient / _input_size(summary) > LARGE_GRADIENT
            )
        )
    )
    if not signs:
        return None
    names = ("first_gradient", "last_gradient", "whole_gradient")
    first, last, total = _medians(signs, *names).values()
    is_clipped = any(getattr(case.recipe, field) is not None for field in CLIPPINGS)
    return _finding(
        case, signs, "exploding_gradients", "gradients explode",
        f"the norm of the full gradient is {total:.3g} in the middle epoch, that of the "
        f"first layer {first:.3g} and of the last {last:.3g}",
        advice="start from smaller weights, or clip gradients",
        technique="He normal" if is_clipped else "gradient clipping",
        first_gradient=first, last_gradient=last, whole_gradient=total,
    )  # fmt: skip


SATURATED = 0.5
"""Share of a layer's units that are saturated, from which on it is a finding.

Our healthy recipes with sigmoid or tanh have none, one with raw pixels has 1.
"""

DEAD = 0.4
"""Share of a layer's units that are dead, from which on it is a finding.

Of our healthy recipes no layer has more than 0.16, and one at a hundred times the rate has 0.86.
Lu et al. 2019 (Dying ReLU and initialization) call networks dying whose layers have half or more.
"""


@_rule
def saturated_units(case: ArmEvidence) -> Finding | None:
    """Units that lie in the flat parts of sigmoid or tanh, where nothing is passed back."""
    signs = case.signs_where(lambda summary: summary.saturated >= SATURATED)
    if not signs:
        return None
    share = _median(one.saturated for one in signs)
    layer = mode(one.saturated_layer for one in signs)
    return _finding(
        case, signs, "saturated_units", "many units are saturated",
        f"{100 * share:.0f} % of those of {layer}; on average they pass back less than a "
        f"tenth of the gradient that {case.recipe.activation} can pass back",
        advice="scale the inputs, start from smaller weights, or use another activation",
        technique=starter(case.recipe) or "batch normalisation",
        share=share,
    )  # fmt: skip


@_rule
def dead_units(case: ArmEvidence) -> Finding | None:
    """Units that answer no training image, and therefore never learn again."""
    signs = case.signs_where(lambda summary: summary.dead >= DEAD)
    if not signs:
        return None
    share, layer = _median(one.dead for one in signs), mode(one.dead_layer for one in signs)
    is_relu = name_of(case.recipe.activation) == "relu"
    return _finding(
        case, signs, "dead_units", "many units are dead",
        f"{100 * share:.0f} % of those of {layer}; at the end they answer none of the training "
        f"{case.noun}s that were checked, and no gradient can revive them",
        advice="lower the learning rate, or use an activation that has a slope everywhere",
        technique="leaky ReLU" if is_relu else "batch normalisation",
        share=share,
    )  # fmt: skip


FAR = 10.0
"""Factor between two learning rates from which on one is far from the other.

A decade: Bengio 2012 (Practical recommendations, 3.1) finds that a best rate matters within a
factor of two or so, and searches on a logarithmic grid.
"""

WORSE = 0.01
"""Validation accuracy that the far rate must cost: 1 point, ten times the usual δ."""


@_rule
def learning_rate_far_off(case: ArmEvidence) -> Finding | None:
    """The declared rate, which a fixed study would keep, is far from the best of those tried."""
    tried = case.tried
    if tried is None or not tried.rates:
        return None
    accuracy = dict(zip(tried.rates, tried.accuracies, strict=True))
    best = max(tried.rates, key=accuracy.__getitem__)
    near = min(tried.rates, key=lambda rate: _ratio_between(rate, tried.declared))
    factor, cost = _ratio_between(best, near), accuracy[best] - accuracy[near]
    if factor < FAR * (1 - 1e-9) or cost < WORSE:
        return None
    return _finding(
        case, case.replicates, "learning_rate_far_off",
        "the study file's learning rate is far from its best",
        f"{tried.declared:g} is {format_factor(factor)} too {'small' if near < best else 'large'}: "
        f"near that, validation accuracy while tuning was {100 * accuracy[near]:.1f} %, "
        f"and at {best:g} it was {100 * accuracy[best]:.1f} %; here it is trained at its best",
        advice="compare techniques at each one's best rate, as this study does",
        declared=tried.declared, best=best, cost=cost,
    )  # fmt: skip


def _ratio_between(one: float, other: float) -> float:
    """The factor between two rates, 1 or more."""
    return math.exp(abs(math.log(one / other))) if one > 0 and other > 0 else math.inf


LOSS_RISE = 0.15
"""Rise of the validation loss above its lowest, as a share of it, that is called overfitting.

Prechelt 1998 (Early stopping, but when?) stops trainings at 0.05, a strict rule for single epochs:
two of our healthy recipes reach 0.07 and 0.08 by luck.
"""

LOSS_FALL = 0.5
"""Training loss at the end as a share of that in the best epoch: it must still have fallen."""


@_rule
def overfitting(case: ArmEvidence) -> Finding | None:
    """Validation loss rises from some epoch on, while training loss still falls."""
    if case.recipe.score_at == "best":
        return None  # what is scored is of before
    signs = case.signs_where(
        lambda summary: (
            summary.last_val_loss >= (1 + LOSS_RISE) * summary.best_val_loss
            and summary.last_train_loss <= LOSS_FALL * summary.best_train_loss
        )
    )
    if not signs:
        return None
    losses = _medians(signs, "best_val_loss", "last_val_loss", "best_train_loss", "last_train_loss")
    best, last, trained, fell = losses.values()
    epoch, recipe = round(_median(one.best_epoch for one in signs)), case.recipe
    regularisers = {"dropout": recipe.dropout, "weight decay": recipe.weight_decay, "L2": recipe.l2}
    return _finding(
        case, signs, "overfitting", "overfits",
        f"its validation loss rises from {_loss_text(best)} to {_loss_text(last)} "
        f"while its training loss falls from {_loss_text(trained)} to {_loss_text(fell)}",
        where=f" from epoch {epoch} of {round(_median(_trained(case, one) for one in signs))}"
        f"{replicate_count(len(signs), len(case.replicates))}",
        advice="regularise it, give it more data, or stop it there",
        technique=next((name for name, strength in regularisers.items() if not strength), None),
        epoch=epoch, **losses,
    )  # fmt: skip


def _loss_text(loss: float) -> str:
    """A loss: three decimals of nats, four digits of what is large."""
    return f"{loss:.3f}" if 0.01 <= abs(loss) < 10 else f"{loss:.4g}"


def _trained(case: ArmEvidence, signs: HistorySummary) -> float:
    """How many epochs a replicate was trained."""
    return signs.stopped if math.isfinite(signs.stopped) else float(case.recipe.epochs)


LATE_GAIN = 0.01
"""Validation accuracy that the last quarter of the epochs adds where a training is not over.

Ten times the difference that a study takes for none by default (0.1 points). Of the healthy recipes
of `tests/fakes/diagnosis_recipes.py` those whose validation loss is lowest then add at most 0.8
points; one that is stopped after 4 epochs 4.3.
"""


LATE_FALL = 0.05
"""The same of a regression, which has no accuracy: share by which the validation loss falls."""


_ENDING = ("cosine", "one_cycle", "cosine_decay", "polynomial_decay")
"""Schedules whose rates fall to nothing, or nearly so."""


def _is_improving(recipe: Recipe, signs: HistorySummary | None) -> bool:
    if signs is None or name_of(recipe.schedule) in _ENDING:
        return False  # their rise at the end is that of a rate that falls to nothing, and over
    is_best = signs.best_epoch > recipe.epochs - signs.late_epochs  # else it has begun to overfit
    return is_best and (signs.late_gain >= LATE_GAIN or _falls(signs))


def _falls(signs: HistorySummary) -> bool:
    """Whether the loss of a network without an accuracy was falling to the end."""
    return math.isnan(signs.late_gain) and signs.late_fall >= LATE_FALL


@_rule
def still_improving(case: ArmEvidence) -> Finding | None:
    """Validation figures were improving at the end: speeds are compared, not ends."""
    recipe, epochs = case.recipe, case.recipe.epochs
    signs = case.signs_where(lambda summary: _is_improving(recipe, summary))
    if not signs:
        return None
    is_loss, late = _falls(signs[0]), int(signs[0].late_epochs)
    gain = _median(one.late_fall if is_loss else one.late_gain for one in signs)
    gained = f"its validation accuracy gained {100 * gain:.1f} points"
    if is_loss:
        gained = f"its validation loss fell by {100 * gain:.0f} %"
    span = f"the last {late} of {epochs} epochs" if late > 1 else f"the last of {epochs} epochs"
    is_plain = name_of(recipe.optimizer) == "sgd" and not recipe.momentum
    return _finding(
        case, signs, "still_improving", "was still improving when it stopped",
        f"over {span} {gained}; the comparison shows how fast it learns, not how well",
        advice="give it more epochs, or a faster optimizer",
        technique="Adam" if is_plain else "one-cycle",
        gain=gain, epochs=late,
    )  # fmt: skip


SMALL_BATCH = 16
"""Images below which batch normalisation's statistics are too noisy.

Wu, He 2018 (Group normalization, figure 1): the error of ResNet-50 is 23.6 % at batches of 32 and
23.7 % at 16, then 24.8 % at 8, 27.3 % at 4 and 34.7 % at 2.
"""


@_rule
def small_batches(case: ArmEvidence) -> Finding | None:
    """Batch normalisation on batches too small to estimate a mean and a deviation."""
    recipe = case.recipe
    if name_of(recipe.normalization) != "batch" or recipe.batch_size >= SMALL_BATCH:
        return None
    noise = 1 / math.sqrt(recipe.batch_size)
    return _finding(
        case, case.replicates, "small_batches", f"normalises batches of {recipe.batch_size}",
        f"the mean that it subtracts is off by {noise:.2f} deviations at each step, and at the end "
        "other statistics take its place",
        advice=f"take batches of {SMALL_BATCH} or more, or normalise each {case.noun} alone",
        technique="layer normalisation",
        batch_size=recipe.batch_size, noise=noise,
    )  # fmt: skip


UNSETTLED = 0.1
"""Share of their initial values left in moving averages from which on these have not settled.

With Keras' momentum of 0.99 that is so for the first 229 steps. Ioffe, Szegedy 2015 (Batch
normalization, algorithm 2) take the statistics of the whole training set instead.
"""


@_rule
def unsettled_averages(case: ArmEvidence) -> Finding | None:
    """Outside training, batch normalisation still uses much of what it was initialised with."""
    signs = case.signs_where(lambda summary: summary.unsettled > UNSETTLED)
    if not signs:
        return None
    left, recipe = _median(one.unsettled for one in signs), case.recipe
    steps = "" if case.steps is None else f" after {case.steps:,} steps"
    own = "give BatchNormalization a lower momentum, or " if recipe.model else ""
    return _finding(
        case, signs, "unsettled_averages",
        "the moving averages of batch normalisation have not settled",
        f"{100 * left:.0f} % of their initial values are left{steps}, and they replace the "
        "statistics of the batch when the network is scored",
        advice=f"{own}train for more steps: more epochs or smaller batches",
        technique=None if recipe.model else "layer normalisation",
        left=left,
    )  # fmt: skip


UNDERFIT = 1.1
"""Errors on validation images in times those on training images, from which on it overfits.

Dropout reduces overfitting; where the network, called without dropout, errs as often on the images
that it knows, there is none to reduce. Our healthy recipes with dropout have 9 and more, the one
that is built to fail 1.03.
"""

FEW_UNITS = 16
"""Units that dropout leaves on average in the narrowest layer, below which it is too small.

Srivastava et al. 2014 (appendix A.1): where n units suit, take n/(1 - rate) with dropout.
"""


@_rule
def dropout_in_small_network(case: ArmEvidence) -> Finding | None:
    """Dropout where nothing overfits and few units are left: it takes away what is needed."""
    recipe, alive = case.recipe, case.alive
    if not recipe.dropout or not recipe.hidden or not alive:
        return None
    units = min(recipe.hidden)
    left = units * (1 - recipe.dropout)
    is_loss = case.task == "regression"  # its errors are squared differences
    train, validation = (
        _median(score.loss if is_loss else 1 - score.accuracy for score in scores)
        for scores in ([one.train for one in alive], [one.validation for one in alive])
    )
    if left >= FEW_UNITS or not validation < UNDERFIT * train:
        return None
    shown = [_loss_text(value) if is_loss else f"{100 * (1 - value):.1f} %"
             for value in (train, validation)]  # fmt: skip
    finding = _finding(
        case, alive, "dropout_in_small_network", "dropout in a network too small for it",
        f"a rate of {recipe.dropout:g} leaves {left:.1f} of the {units} units of its "
        f"narrowest layer, and the network does not overfit: its "
        f"{'loss' if is_loss else 'accuracy'} is {shown[0]} on training {case.noun}s and "
        f"{shown[1]} on validation {case.noun}s",
        where="",
        advice="leave dropout out, or widen the layers to units / (1 - rate)",
        units_left=left,
    )  # fmt: skip
    scores = {"train_loss": train, "val_loss": validation}
    if not is_loss:
        scores = {"train_accuracy": 1 - train, "val_accuracy": 1 - validation}
    return replace(finding, evidence={**finding.evidence, **scores})


@_rule
def never_stopped(case: ArmEvidence) -> Finding | None:
    """Patience that ended no training: it costs nothing, and saves nothing."""
    recipe, signs = case.recipe, [one.signs for one in case.alive if one.signs is not None]
    told = (still_improving, best_epoch_is_last)  # which say as much
    if recipe.patience is None or not signs or any(rule(case) is not None for rule in told):
        return None
    if any(math.isfinite(one.stopped) for one in signs):
        return None
    best = _median(one.best_epoch for one in signs)
    return _finding(
        case, signs, "never_stopped", "was never stopped early",
        f"with a patience of {recipe.patience} every replicate was trained for all "
        f"{recipe.epochs} epochs; the lowest validation loss was in epoch {best:.0f}",
        where="",
        advice="give it more epochs, or less patience",
        patience=recipe.patience, best_epoch=best,
    )  # fmt: skip


@_rule
def best_epoch_is_last(case: ArmEvidence) -> Finding | None:
    """The epoch that is scored as the best is the last one: a later one may be better."""
    epochs = case.recipe.epochs
    signs = case.signs_where(lambda one: one.scored_epoch == epochs > 1)
    if not signs or name_of(case.recipe.schedule) in _ENDING or still_improving(case) is not None:
        return None
    return _finding(
        case, signs, "best_epoch_is_last", "its best epoch is its last",
        f"the weights that are scored are those of epoch {epochs} of {epochs}: a later epoch may "
        "be better",
        advice="give it more epochs",
        epoch=epochs,
    )  # fmt: skip


@_rule
def first_epoch_is_best(case: ArmEvidence) -> Finding | None:
    """No later epoch was better than the first one that was watched."""
    recipe, first = case.recipe, case.recipe.start_from_epoch + 1
    signs = case.signs_where(lambda one: one.scored_epoch == first)
    if not signs or recipe.epochs <= first:
        return None
    trained = round(_median(_trained(case, one) for one in signs))
    return _finding(
        case, signs, "first_epoch_is_best", f"no epoch was better than epoch {first}",
        f"the weights that are scored are those of epoch {first} of {trained}: by "
        f"{recipe.monitor} every later one was worse",
        advice=f"{_rate_advice(case, 'lower')}, or regularise it",
        epoch=first,
    )  # fmt: skip


@_rule
def scores_a_worse_epoch(case: ArmEvidence) -> Finding | None:
    """Training stopped early, and its last weights are scored, not its best ones."""
    if case.recipe.score_at == "best" or overfitting(case) is not None:
        return None
    signs = case.signs_where(
        lambda one: (
            math.isfinite(one.stopped) and one.last_val_loss >= (1 + LOSS_RISE) * one.best_val_loss
        )
    )
    if not signs:
        return None
    best, last = _medians(signs, "best_val_loss", "last_val_loss").values()
    epochs = [round(_median(getattr(one, name) for one in signs)) for name in
              ("best_epoch", "stopped")]  # fmt: skip
    return _finding(
        case, signs, "scores_a_worse_epoch", "scores a worse epoch than its best",
        f"it stopped after epoch {epochs[1]}, whose weights are scored: their validation loss is "
        f"{_loss_text(last)}, and in epoch {epochs[0]} it was {_loss_text(best)}",
        advice='score the best epoch with score_at = "best"',
        best_val_loss=best, last_val_loss=last, best_epoch=epochs[0], stopped=epochs[1],
    )  # fmt: skip
