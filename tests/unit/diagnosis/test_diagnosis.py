"""Rules at their thresholds, on made-up numbers; trained recipes are in tests/functional."""

import math
from dataclasses import replace

import numpy as np
import pytest

from stepladder import CATALOGUE
from stepladder.diagnosis import rules
from stepladder.diagnosis.findings import (
    ArmEvidence,
    RateCurve,
    Replicate,
    format_factor,
    replicate_count,
)
from stepladder.diagnosis.rules import RULES, diagnose
from stepladder.study.metrics import METRICS
from stepladder.study.recipe import Recipe
from stepladder.trials.trial import HistorySummary, Score

RECIPE = Recipe(hidden=[50, 50], activation="relu", initializer="he_normal", optimizer="adam",
                batch_size=64)  # fmt: skip
SIGNS = HistorySummary(
    best_epoch=19.0, best_val_loss=0.1, last_val_loss=0.1, best_train_loss=0.05,
    last_train_loss=0.04, late_epochs=5.0, late_gain=0.001, first_gradient=0.1, last_gradient=0.1,
    whole_gradient=0.2, dead=0.1, dead_layer="dense_1", input_mean=0.1, input_deviation=0.3,
)  # fmt: skip
HEALTHY = Replicate(None, None, Score(0.04, 0.99), Score(0.1, 0.97), Score(0.1, 0.97), SIGNS)
CLASSES = tuple("abcdefghij")


def case(*replicates, tried=None, steps=None, **fields):
    recipe = RECIPE.changed(fields) if fields else RECIPE
    return ArmEvidence(recipe, CLASSES, replicates or (HEALTHY,) * 5, tried, steps, 10_000)


def with_signs(**changes):
    return replace(HEALTHY, signs=replace(SIGNS, **changes))


def with_scores(train_loss=0.04, train=0.99, validation=0.97, test=0.97, **changes):
    scores = {"train": Score(train_loss, train), "validation": Score(0.1, validation)}
    return replace(HEALTHY, **scores, test=Score(0.1, test), **changes)


def values(test=5.0, train=4.0, train_loss=16.0, validation_loss=25.0, signs=SIGNS, **fields):
    """A regression judged by rmse, where answering the mean has 10."""
    scores = [Score(loss, math.nan) for loss in (train_loss, validation_loss, test**2)]
    signs = replace(signs, late_gain=math.nan)
    one = Replicate(None, None, *scores, signs, {"test": test, "train": train})
    recipe = RECIPE.changed(fields) if fields else RECIPE
    return ArmEvidence(recipe, (), (one,) * 5, None, 1000, 10_000, "example", "regression",
                       METRICS["rmse"], 10.0)  # fmt: skip


def labels(test, name="macro_f1", baseline=0.0, **fields):
    """Several labels."""
    score = Score(0.2, 0.6)
    one = Replicate(None, None, score, score, score, SIGNS, {"test": test, "train": test})
    return replace(values(**fields), replicates=(one,) * 5, task="multilabel",
                   metric=METRICS[name], baseline=baseline)  # fmt: skip


def codes(found):
    return [finding.code for finding in found]


RATES = (0.001, 0.01, 0.1)
AT_GUESSING = 0.98 * math.log(10)
ABOVE_GUESSING = 1.2 * math.log(10)
LEAST_REACH = 0.02 * math.log(10)
SIZE = math.hypot(0.1, 0.3)
BELOW = 1 - 1e-6

# code: a case that just raises it, and one that just does not
EDGES = {
    "diverged": (case(*[HEALTHY] * 4, replace(HEALTHY, diverged=3)), case()),
    "constant_answer": (case(replace(HEALTHY, constant=1), HEALTHY), case()),
    "learning_rate_too_large": (
        case(with_scores(ABOVE_GUESSING, signs=None)),
        case(with_scores(ABOVE_GUESSING * BELOW, signs=None)),
    ),
    "learning_rate_too_small": (
        case(with_scores(AT_GUESSING, 0.1), steps=1, learning_rate=LEAST_REACH * BELOW / 100),
        case(with_scores(AT_GUESSING, 0.1), steps=1, learning_rate=LEAST_REACH / BELOW / 100),
    ),
    "learns_nothing": (
        case(with_scores(AT_GUESSING, 0.1, 0.1)), case(with_scores(AT_GUESSING * BELOW, 0.1, 0.1))
    ),
    "replicates_disagree": (
        case(*[with_scores(test=each) for each in (0.5, 0.503, 0.5531, 0.5531)]),
        case(*[with_scores(test=each) for each in (0.5, 0.503, 0.5529, 0.5529)]),
    ),
    "inputs_not_scaled": (
        case(with_signs(input_mean=3.1, input_deviation=4.0)),
        case(with_signs(input_mean=3.0, input_deviation=3.99)),
    ),
    "vanishing_gradients": (
        case(with_signs(first_gradient=0.02 * SIZE * 0.1 * BELOW)),
        case(with_signs(first_gradient=0.02 * SIZE * 0.1 / BELOW)),
    ),
    "exploding_gradients": (
        case(with_signs(first_gradient=100 * SIZE * 0.1 / BELOW)),
        case(with_signs(first_gradient=100 * SIZE * 0.1 * BELOW, whole_gradient=SIZE * 99)),
    ),
    "saturated_units": (
        case(with_signs(saturated=0.5, saturated_layer="x"), activation="tanh"),
        case(with_signs(saturated=0.49, saturated_layer="x"), activation="tanh"),
    ),
    "dead_units": (case(with_signs(dead=0.4)), case(with_signs(dead=0.39))),
    "learning_rate_far_off": (
        case(tried=RateCurve(RATES, (0.5, 0.89, 0.9), 0.01)),
        case(tried=RateCurve(RATES, (0.5, 0.891, 0.9), 0.01)),
    ),
    "overfitting": (
        case(with_signs(last_val_loss=0.1151, last_train_loss=0.025)),
        case(with_signs(last_val_loss=0.1151, last_train_loss=0.026)),
    ),
    "still_improving": (case(with_signs(late_gain=0.01)), case(with_signs(late_gain=0.0099))),
    "small_batches": (case(normalization="batch", batch_size=15),
                      case(normalization="batch", batch_size=16)),
    "unsettled_averages": (case(with_signs(unsettled=0.1 / BELOW)),
                           case(with_signs(unsettled=0.1 * BELOW))),
    "dropout_in_small_network": (
        case(with_scores(train=0.5, validation=0.451), dropout=0.5, hidden=[50, 31]),
        case(with_scores(train=0.5, validation=0.451), dropout=0.5, hidden=[50, 32]),
    ),
    "no_better_than_one_answer": (values(test=9.91), values(test=9.89)),
    "never_stopped": (case(patience=3), case(with_signs(stopped=15.0), patience=3)),
    "best_epoch_is_last": (case(with_signs(scored_epoch=20.0), score_at="best"),
                           case(with_signs(scored_epoch=19.0), score_at="best")),
    "first_epoch_is_best": (case(with_signs(scored_epoch=1.0), score_at="best"),
                            case(with_signs(scored_epoch=2.0), score_at="best")),
    "scores_a_worse_epoch": (
        case(with_signs(stopped=19.0, last_val_loss=0.115 / BELOW), patience=3),
        case(with_signs(stopped=19.0, last_val_loss=0.115 * BELOW), patience=3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", RULES)
def test_each_rule_holds_from_its_threshold_on(code):
    raised, quiet = EDGES[code]
    found = RULES[code](raised)
    assert found.code == code
    assert found.detail or code in ("diverged", "constant_answer")
    assert RULES[code](quiet) is None
    assert code not in codes(diagnose(quiet))
    assert code in codes(diagnose(raised))


@pytest.mark.parametrize("code", RULES)
def test_a_remedy_is_of_the_catalogue_and_evidence_is_numbers(code):
    found = RULES[code](EDGES[code][0])
    assert found.technique in {None, *(technique.name for technique in CATALOGUE)}
    assert found.advice
    assert found.evidence
    assert all(math.isfinite(value) for value in found.evidence.values())
    assert found.text.startswith(found.title)


def test_a_healthy_arm_has_no_finding():
    assert diagnose(case()) == ()


def test_nothing_is_said_without_a_replicate_or_without_signs():
    assert diagnose(ArmEvidence(RECIPE, CLASSES, ())) == ()
    bare = replace(HEALTHY, signs=None)
    assert diagnose(case(bare, bare)) == ()
    assert diagnose(case(replace(HEALTHY, signs=HistorySummary()))) == ()


@pytest.mark.parametrize("code", ["dead_units", "overfitting", "still_improving"])
def test_what_fewer_than_half_of_the_replicates_show_is_luck(code):
    (ill, *_), well = EDGES[code][0].replicates, HEALTHY
    assert RULES[code](case(ill, ill, well, well)).text.count("in 2 of 4 replicates") == 1
    assert RULES[code](case(ill, well, well)) is None


def test_sentences_that_tables_rely_on():
    lost = replace(HEALTHY, diverged=3)
    assert rules.diverged(case(lost)).text == "diverged in epoch 3"
    later = replace(HEALTHY, diverged=5)
    found = rules.diverged(case(lost, later, HEALTHY))
    assert found.text == "diverged in epochs 3 to 5 in 2 of 3 replicates"
    constant = [replace(HEALTHY, constant=each) for each in (1, 0)]
    found = rules.constant_answer(case(*constant))
    assert found.text == "answers one class to every image, not the same one in each replicate"
    found = rules.constant_answer(case(constant[0], HEALTHY))
    assert found.text == "answers b to every image in 1 of 2 replicates"


def test_a_gradient_that_vanishes_says_what_its_factor_leaves_out():
    found = rules.vanishing_gradients(case(with_signs(first_gradient=0.001 * SIZE * 0.1)))
    assert "1,000 times smaller than the last layer's for inputs of size 1" in found.text
    assert f"(for these inputs the norms are {0.001 * SIZE * 0.1:.1e} and 1.0e-01" in found.text


def test_what_diverged_is_not_judged_by_its_scores():
    nan = Score(math.nan, math.nan)
    lost = replace(HEALTHY, diverged=1, train=nan, validation=nan, test=nan, signs=HistorySummary())
    assert codes(diagnose(case(*[lost] * 5))) == ["diverged"]


def test_raw_inputs_are_known_of_what_diverged_too():
    raw = with_signs(input_mean=33.0, input_deviation=79.0)
    found = diagnose(case(replace(raw, diverged=1), scaling="none"))
    assert codes(found) == ["diverged", "inputs_not_scaled"]
    assert {each.technique for each in found} == {"unit inputs"}


def test_large_inputs_are_not_taken_for_exploding_gradients():
    raw = {"input_mean": 0.0, "input_deviation": 80.0}
    loud = with_signs(first_gradient=9.0, last_gradient=0.1, whole_gradient=9.0, **raw)
    assert "exploding_gradients" not in codes(diagnose(case(loud)))
    assert rules.exploding_gradients(case(with_signs(first_gradient=900.0, **raw)))


def test_a_loss_above_guessing_with_accuracy_is_too_sure_not_ignorant():
    assert rules.learns_nothing(case(with_scores(9.0, train=0.8))) is None


def test_what_has_begun_to_overfit_is_not_improving():
    assert rules.still_improving(case(with_signs(late_gain=0.05, best_epoch=15.0))) is None
    assert rules.still_improving(case(with_signs(late_gain=0.05, best_epoch=16.0)))


def test_a_rate_that_falls_to_nothing_has_no_more_to_gain():
    gaining = with_signs(late_gain=0.05)
    assert rules.still_improving(case(gaining))
    assert rules.still_improving(case(gaining, schedule="cosine")) is None


def test_the_rate_tried_that_is_nearest_the_declared_one_speaks_for_it():
    tried = RateCurve(RATES, (0.1, 0.5, 0.9), declared=0.0009)
    found = rules.learning_rate_far_off(case(tried=tried))
    assert "0.0009 is 100 times too small" in found.text
    assert rules.learning_rate_far_off(case(tried=replace(tried, declared=0.09))) is None
    large = RateCurve(RATES, (0.9, 0.5, 0.1), declared=0.1)
    assert "100 times too large" in rules.learning_rate_far_off(case(tried=large)).text


def test_dropout_that_has_overfitting_to_mend_is_left_alone():
    fields = {"dropout": 0.5, "hidden": [8, 8]}
    small = with_scores(train=0.9, validation=0.9)
    assert rules.dropout_in_small_network(case(small, **fields))
    assert rules.dropout_in_small_network(case(HEALTHY, **fields)) is None
    assert rules.dropout_in_small_network(case(small, hidden=[8, 8])) is None
    overfits = with_scores(train=0.9, validation=0.889)
    assert rules.dropout_in_small_network(case(overfits, **fields)) is None


def test_replicates_of_one_distribution_are_rarely_called_groups():
    generator = np.random.default_rng(0)
    for count in (4, 5, 6, 7, 10, 30):
        apart = rules.APART.get(count, rules.APART_MANY)
        draws = np.sort(generator.standard_normal((20_000, count)), axis=1)
        gaps = np.diff(draws, axis=1)
        place, rows = gaps.argmax(axis=1), np.arange(len(draws))
        low = draws[rows, place] - draws[:, 0]
        high = draws[:, -1] - draws[rows, place + 1]
        width = np.maximum(low, high)
        assert (gaps.max(axis=1) >= apart * width).mean() < 0.01


def test_groups_that_are_wide_are_no_groups():
    spread = [with_scores(test=each) for each in (0.1, 0.3, 0.5, 0.7, 0.95)]
    assert rules.replicates_disagree(case(*spread)) is None
    two = [with_scores(test=each) for each in (0.11, 0.11, 0.95, 0.96, 0.96)]
    found = rules.replicates_disagree(case(*two))
    assert "3 at 95.7 % and 2 at 11.0 %" in found.text


def test_words():
    assert replicate_count(2, 5) == " in 2 of 5 replicates"
    assert replicate_count(5, 5) == ""
    assert [format_factor(each) for each in (1.0, 12.4, 1234.0, 98765.0)] == [
        "1 times", "12 times", "1,200 times", "99,000 times"]  # fmt: skip
    assert format_factor(math.inf) == "infinitely many times"


def ends_at(loss, accuracy=0.1, last_loss=None, constant=None, **signs):
    signs = {"last_train_loss": loss if last_loss is None else last_loss, **signs}
    own = replace(SIGNS, **signs)
    return with_scores(loss, accuracy, accuracy, accuracy, signs=own, constant=constant)


RAW = {"input_mean": 33.0, "input_deviation": 78.0}
PLAIN = {"optimizer": "sgd", "steps": 32}


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (case(ends_at(39.0), learning_rate=100.0, **PLAIN), "learning_rate_too_large"),
        (case(ends_at(39.0, constant=3), learning_rate=100.0), "learning_rate_too_large"),
        (case(ends_at(39.0), learning_rate=1.0, steps=32), "learning_rate_too_large"),
        (case(ends_at(3.0, 0.4), learning_rate=3.0, **PLAIN), "learning_rate_too_large"),
        (case(ends_at(39.0, **RAW), learning_rate=1.0, **PLAIN), "learning_rate_too_large"),
        (case(ends_at(2.339), learning_rate=1e-6, **PLAIN), "learning_rate_too_small"),
        (case(ends_at(9.9), learning_rate=1e-6, **PLAIN), "learning_rate_too_small"),
        (case(ends_at(2.339), learning_rate=1e-7, steps=32), "learning_rate_too_small"),
        (case(ends_at(2.339), learning_rate=1e-5, momentum=0.9, **PLAIN),
         "learning_rate_too_small"),
        (case(ends_at(2.303), learning_rate=0.01, **{**PLAIN, "steps": 4000}), "learns_nothing"),
        # Weights that are too large by themselves: not the steps.
        (case(ends_at(39.0, whole_gradient=500.0), learning_rate=1e-7, **PLAIN),
         "learns_nothing"),
        # Averages of batch normalisation that are wrong: the loss while training is low.
        (case(ends_at(9.0, 0.5, last_loss=0.3), learning_rate=0.01, **PLAIN), None),
        (case(ends_at(2.3), learning_rate=1e-6), "learns_nothing"),  # steps are not known
    ],
)  # fmt: skip
def test_a_rate_too_large_and_one_too_small_are_not_the_same_finding(evidence, code):
    about_rate = {"learning_rate_too_large", "learning_rate_too_small", "learns_nothing"}
    found = diagnose(evidence)
    assert about_rate.intersection(codes(found)) == about_rate.intersection({code})
    assert code is None or code in codes(found)


def test_where_the_rate_is_wrong_no_initialiser_is_advised():
    dead = with_scores(39.0, 0.1, signs=replace(SIGNS, last_train_loss=39.0, dead=1.0), constant=3)
    plain = case(dead, learning_rate=100.0, initializer="glorot_uniform", **PLAIN)
    found = {finding.code: finding for finding in diagnose(plain)}
    assert list(found) == ["constant_answer", "learning_rate_too_large", "dead_units"]
    assert {finding.technique for finding in found.values()} == {None}
    assert found["learning_rate_too_large"].title == "its learning rate, 100, is too large"
    assert 'tuning = "fair"' in found["learning_rate_too_large"].advice
    assert found["dead_units"].advice == "correct the learning rate first"
    raw = case(ends_at(39.0, **RAW), learning_rate=1.0, scaling="none", **PLAIN)
    assert rules.learning_rate_too_large(raw).technique == "unit inputs"
    tried = RateCurve(RATES, (0.1, 0.1, 0.1), 0.01)
    tuned = rules.learning_rate_too_large(case(ends_at(39.0), tried=tried, learning_rate=1.0))
    assert tuned.advice == "lower the learning rate: add smaller ones to tune.grid"


def test_an_arm_that_improves_is_not_said_to_learn_nothing():
    slow = [ends_at(2.29, 0.15, late_gain=gain) for gain in (0.02, 0.02, 0.02, 0.001)]
    assert codes(diagnose(case(*slow))) == ["still_improving"]
    stuck = replace(slow[-1], constant=1)  # that one has learnt nothing, the others have
    found = {finding.code: finding.where for finding in diagnose(case(*slow[:3], stuck))}
    assert found["learns_nothing"] == found["constant_answer"] == " in 1 of 4 replicates"


def test_a_regression_and_labels_that_are_well_have_no_finding():
    assert diagnose(values()) == ()
    assert diagnose(labels(0.6)) == ()


@pytest.mark.parametrize(
    ("loss", "fields"),
    [(5.0, {"loss": "hinge"}), (5.0, {"class_weight": {"a": 50.0}}), (2.3, {"loss": "hinge"})],
)
def test_the_loss_of_guessing_is_asked_only_where_it_is_minimised(loss, fields):
    lost = with_scores(loss, 0.1, 0.1)
    guess = {"learning_rate_too_large", "learning_rate_too_small", "learns_nothing"}
    assert guess & set(codes(diagnose(case(lost))))
    assert not guess & set(codes(diagnose(case(lost, **fields))))


def test_no_rule_on_classes_speaks_of_a_regression():
    found = diagnose(values(train_loss=1e6, validation_loss=1e6, test=1e3, train=1e3))
    assert codes(found) == ["no_better_than_one_answer"]
    assert found[0].text == (
        "is no better than the mean of the training examples: its test rmse is 1000, and the mean "
        "of the training examples has 10; on the training part it is 1000"
    )


@pytest.mark.parametrize(
    ("arm", "answer"),
    [
        (values(test=12.0), "the mean of the training examples"),
        (replace(values(test=12.0), metric=METRICS["mae"]), "the median of the training examples"),
        (labels(0.0), "one answer to everything"),
        (labels(0.502, "auroc", 0.5), "one answer to everything"),
    ],
)
def test_no_better_than_one_answer_names_the_answer(arm, answer):
    assert rules.no_better_than_one_answer(arm).title == f"is no better than {answer}"


def test_what_knows_the_training_part_alone_is_not_told_to_learn():
    assert "training part alone" in rules.no_better_than_one_answer(values(test=11.0)).advice
    still = rules.no_better_than_one_answer(values(test=11.0, train=9.9))
    assert still.advice.startswith("first make it learn")


def test_classes_are_compared_with_one_answer_only_by_metrics_that_allow_it():
    rare = replace(case(with_scores(test=0.95)), baseline=None)
    assert rules.no_better_than_one_answer(rare) is None  # 95 % may be what one answer has
    one = replace(HEALTHY, judged={"test": 0.504, "train": 0.6})
    metric = METRICS["balanced_accuracy"]
    rare = replace(rare, metric=metric, baseline=0.5, replicates=(one,) * 3)
    found = rules.no_better_than_one_answer(rare)
    assert "its test balanced_accuracy is 50.4 %, and one answer to everything has 50.0 %" in (
        found.detail
    )


@pytest.mark.parametrize(
    ("test", "is_named"), [(0.60, True), (0.652, True), (0.655, True), (0.656, False), (0.9, False)]
)
def test_an_arm_at_or_below_the_commonest_class_is_named(test, is_named):
    """1 % of the way from 65.2 % to 100 % is 0.348 points."""
    one = replace(HEALTHY, judged={"test": test, "train": 0.7})
    arm = replace(case(HEALTHY), baseline=0.652, replicates=(one,) * 3)
    found = rules.no_better_than_one_answer(arm)
    assert (found is not None) is is_named
    if found:
        assert found.title == "learnt no more than the commonest class"
        assert "and the commonest class alone has 65.2 %" in found.detail


def test_an_unknown_baseline_or_a_locked_test_set_leaves_it_open():
    assert rules.no_better_than_one_answer(replace(values(test=99.0), baseline=None)) is None
    assert rules.no_better_than_one_answer(values(test=math.nan)) is None
    assert rules.replicates_disagree(values(test=math.nan)) is None


@pytest.mark.parametrize(("gap", "is_found"), [(0.49, False), (0.51, True)])
def test_groups_of_errors_lie_apart_by_a_share_of_the_baseline(gap, is_found):
    one = values().replicates[0]
    apart = [replace(one, judged={"test": each}) for each in (5.0, 5.0, 5.0 + gap, 5.0 + gap)]
    found = rules.replicates_disagree(replace(values(), replicates=tuple(apart)))
    assert (found is not None) is is_found
    if found:
        assert "2 at 5.51 and 2 at 5" in found.detail
        assert "the higher group" in found.advice


@pytest.mark.parametrize(("fall", "is_found"), [(0.05, True), (0.049, False)])
def test_a_regression_was_still_improving_by_its_loss(fall, is_found):
    found = rules.still_improving(values(signs=replace(SIGNS, late_fall=fall)))
    assert (found is not None) is is_found
    if found:
        assert "its validation loss fell by 5 %" in found.detail


def test_labels_are_still_improving_by_their_accuracy():
    better = replace(HEALTHY, signs=replace(SIGNS, late_gain=0.02, late_fall=0.5))
    found = rules.still_improving(replace(labels(0.6), replicates=(better,)))
    assert "its validation accuracy gained 2.0 points" in found.detail


def test_a_regression_overfits_by_its_loss_in_its_own_unit():
    signs = replace(SIGNS, best_val_loss=3000.0, last_val_loss=4000.0, best_train_loss=2500.0,
                    last_train_loss=900.0, best_epoch=7.0)  # fmt: skip
    found = rules.overfitting(values(signs=signs))
    assert found.text == (
        "overfits from epoch 7 of 20: its validation loss rises from 3000 to 4000 while its "
        "training loss falls from 2500 to 900"
    )
    stopped = rules.overfitting(values(signs=replace(signs, stopped=12.0), patience=5))
    assert "from epoch 7 of 12" in stopped.text
    assert rules.overfitting(values(signs=signs, score_at="best")) is None


def test_dropout_in_a_small_network_of_a_regression_is_judged_by_its_loss():
    small = {"dropout": 0.5, "hidden": [20]}
    found = rules.dropout_in_small_network(values(validation_loss=17.0, **small))
    assert "its loss is 16 on training examples and 17 on validation examples" in found.detail
    assert rules.dropout_in_small_network(values(validation_loss=25.0, **small)) is None


@pytest.mark.parametrize("fields", [{"target_scaling": "none"}, {"loss": "poisson"}])
def test_targets_as_they_are_have_gradients_of_any_size(fields):
    large = replace(SIGNS, whole_gradient=1e4)
    assert rules.exploding_gradients(values(signs=large)) is not None
    assert rules.exploding_gradients(values(signs=large, **fields)) is None


def test_a_best_epoch_at_the_end_is_told_once():
    last = with_signs(best_epoch=20.0, scored_epoch=20.0)
    found = codes(diagnose(case(last, patience=3, score_at="best")))
    assert found == ["best_epoch_is_last"]
    rising = with_signs(best_epoch=20.0, scored_epoch=20.0, late_gain=0.05)
    found = codes(diagnose(case(rising, patience=3, score_at="best")))
    assert found[0] == "still_improving"
    assert "best_epoch_is_last" not in found


def test_a_constant_answer_names_the_judged_metric():
    constant = replace(case(replace(HEALTHY, constant=1)), metric=METRICS["balanced_accuracy"])
    advice = rules.constant_answer(constant).advice
    assert advice == "do not read its balanced_accuracy: it is that of one answer to everything"
