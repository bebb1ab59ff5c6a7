"""Judging: from stored trials to results, whatever is missing, diverged or constant."""

import math
from dataclasses import replace

import numpy as np
import pytest
from example_run import finished, trials_by_arm
from fake_store import FakeStore
from scipy import stats

from stepladder import Study
from stepladder.report.view import view_of
from stepladder.report.wording import headlines, verdict_note
from stepladder.runs.judging import judge
from stepladder.runs.preflight import _fine_margin
from stepladder.store import StudyRecord
from stepladder.trials.trial import Score

STUDY = Study(
    name="s",
    replicates=4,
    base_name="plain",
    base={"hidden": [3], "activation": "tanh"},
    techniques=["ReLU"],
    reported={"source": "somebody", "test_accuracy": {"plain": 0.25, "ReLU": 0.75}},
)
RECORD = StudyRecord(
    study=STUDY,
    dataset="d",
    fingerprint="f" * 64,
    sizes={"train": 90, "validation": 10, "test": 20},
    classes=tuple("abcdefghij"),
    versions={},
    machine="m",
)
TRIALS = trials_by_arm(STUDY, RECORD.fingerprint, 10, "population")


def judged(results):
    store = FakeStore()
    for result in results:
        store.add(result)
    return judge(store, RECORD, "population", "test")


def varied(trial, accuracy):
    made = finished(trial, accuracy)
    predictions = np.arange(len(made.test_predictions), dtype=np.uint16) % 10
    return replace(made, test=Score(1.0, accuracy), test_predictions=predictions)


def ladder(base=0.5, gain=0.2):
    wobble = (0.0, 0.01, -0.01, 0.02)
    return [
        varied(trial, base + gain * place + wobble[trial.replicate])
        for place, trials in enumerate(TRIALS.values())
        for trial in trials
    ]


def test_a_whole_study():
    results = judged(ladder())
    assert results.finished
    plain, relu = results.arms
    assert (plain.n, relu.n) == (4, 4)
    assert plain.effect is None
    assert relu.effect.mean == pytest.approx(20)
    assert relu.effect.pairs == 4
    assert (plain.reported, relu.reported) == (0.25, 0.75)
    assert plain.test.values == pytest.approx((0.5, 0.51, 0.49, 0.52))
    assert plain.diagnosis == ()


def test_nothing_yet():
    results = judged([])
    assert not results.finished
    assert results.looks == 0
    for arm in results.arms:
        assert arm.n == 0
        assert arm.effect is None
        assert math.isnan(arm.test.mean)


def test_a_missing_replicate_leaves_the_other_pairs():
    results = judged(ladder()[:-1])
    assert not results.finished
    assert results.arms[1].effect.pairs == 3
    assert results.arms[1].effect.unpaired == 1


def test_a_diverged_replicate_is_counted_and_named():
    made = ladder()
    nothing = Score(math.nan, math.nan)
    made[5] = replace(finished(made[5].trial, 0.0, diverged=3), test=nothing)
    relu = judged(made).arms[1]
    assert relu.diverged == 1
    assert relu.n == 4
    assert relu.effect.pairs == 3
    assert relu.diagnosis == ("diverged in epoch 3 in 1 of 4 replicates",)


def test_a_constant_answer_is_called_what_it_is():
    made = ladder()
    made[:4] = [
        replace(each, test_predictions=np.full(len(each.test_predictions), 1, np.uint16))
        for each in made[:4]
    ]
    assert judged(made).arms[0].diagnosis == ("answers b to every image",)
    made[0] = ladder()[0]
    assert judged(made).arms[0].diagnosis == ("answers b to every image in 3 of 4 replicates",)


def answering(trial, answers, accuracy=0.5):
    answers = np.asarray(answers, np.uint16)
    return replace(finished(trial, accuracy), test=Score(1.0, accuracy), test_predictions=answers,
                   test_correct=answers == 0)  # fmt: skip


@pytest.mark.parametrize(
    ("examples", "delta", "verdict", "reason"),
    [
        (4, 0.1, "not enough replicates", "less than one of the 4 test examples, 25 % of them"),
        (
            999,
            0.1,
            "not enough replicates",
            "less than one of the 999 test examples, 0.1 % of them",
        ),
        (1000, 0.1, "no difference beyond δ", ""),
        (4, 25.0, "no difference beyond δ", ""),
    ],
)
def test_a_margin_below_one_test_example_cannot_be_told(examples, delta, verdict, reason):
    answers = np.arange(examples) % 2
    study = STUDY.changed({"delta": delta, "replicates": 5})  # no fewer show no difference
    record = replace(RECORD, study=study)
    store = FakeStore()
    for trials in trials_by_arm(study, RECORD.fingerprint, 10, "population").values():
        for trial in trials:
            store.add(answering(trial, answers, 0.5 + 0.1 * trial.replicate))
    results = judge(store, record, "population", "test")
    effect = results.arms[1].effect
    assert (effect.verdict, bool(effect.reason)) == (verdict, bool(reason))
    assert (effect.missed_share is None) == bool(reason)
    assert reason in effect.reason
    (headline,) = headlines(results)
    assert ("cannot be judged, because δ =" in headline.text) == bool(reason)
    assert (view_of(results).rows[1].verdict == "cannot be judged") == bool(reason)


def test_two_arms_that_answer_one_class_cannot_be_told_apart_whatever_their_shares():
    store = FakeStore()
    for place, trials in enumerate(TRIALS.values()):
        for trial in trials:  # another class, so another share: no effect of anything
            store.add(answering(trial, np.full(1000, place), 0.5 + 0.3 * place))
    effect = judge(store, RECORD, "population", "test").arms[1].effect
    assert effect.mean == pytest.approx(30)
    assert (effect.verdict, effect.replicates_needed) == ("not enough replicates", None)
    assert effect.reason == "every network answers one class to all examples, so nothing was tested"


def test_an_arm_that_learns_is_told_from_one_that_answers_one_class():
    store = FakeStore()
    for place, trials in enumerate(TRIALS.values()):
        for trial in trials:
            answers, gain = np.arange(1000) % 2 * place, 0.3 + 0.001 * trial.replicate
            store.add(answering(trial, answers, 0.5 + gain * place))
    assert judge(store, RECORD, "population", "test").arms[1].effect.verdict == "helps"


def test_a_look_is_a_new_set_of_trials():
    store = FakeStore()
    made = ladder()
    looks = []
    for count in (4, 4, 8, 8):
        for result in made[:count]:
            store.add(result)
        looks.append(judge(store, RECORD, "population", "test").looks)
    assert looks == [1, 1, 2, 2]


def test_both_intervals_of_an_effect_come_from_its_trials():
    generator = np.random.default_rng(0)
    made = []
    for each in ladder():
        correct = generator.random(200) < each.test.accuracy
        score = Score(1.0, float(correct.mean()))
        made.append(replace(each, test=score, test_correct=correct,
                            test_predictions=np.zeros(200, np.uint16)))  # fmt: skip
    plain, relu = judged(made).arms
    effect = relu.effect
    images = effect.new_images
    assert (images.low + images.high) / 2 == pytest.approx(effect.mean)
    assert images.high - images.low >= effect.ci_high - effect.ci_low - 1e-9
    assert plain.test.new_images.low < plain.test.mean
    assert effect.p_greater == 1


def test_effects_on_other_measures_stand_beside_the_effect():
    study = STUDY.changed({"target": 0.6})
    store = FakeStore()
    for result in ladder(gain=0.15):
        store.add(result)
    plain, relu = judge(store, replace(RECORD, study=study), "population", "test").arms
    assert plain.differences == ()
    measures = {each.measure: each for each in relu.differences}
    assert list(measures) == [
        "val_accuracy", "train_accuracy", "test_loss", "val_loss", "train_loss",
        "epochs_to_target", "seconds_to_target",
    ]  # fmt: skip
    assert measures["val_accuracy"].mean == pytest.approx(15)
    assert measures["test_loss"].mean == pytest.approx(0)
    assert (plain.reached, relu.reached) == (0, 4)
    assert measures["epochs_to_target"].unpaired == 4


def test_a_diverged_replicate_is_also_judged_at_the_accuracy_of_guessing():
    made = ladder()
    nothing = Score(math.nan, math.nan)
    made[5] = replace(finished(made[5].trial, 0.0, diverged=3), test=nothing)
    effect = judged(made).arms[1].effect
    assert effect.pairs == 3
    assert effect.at_chance.pairs == 4
    assert effect.at_chance.mean == pytest.approx((20 + 20 + 20 + 100 * (0.1 - 0.51)) / 4)
    assert judged(ladder()).arms[1].effect.at_chance is None


def test_a_factorial_is_read_from_its_trials():
    study = STUDY.changed({"design": "factorial", "techniques": ("He normal", "ReLU")})
    record = replace(RECORD, study=study)
    worth = {"plain": 0.5, "+ He normal": 0.52, "+ ReLU": 0.6, "+ He normal + ReLU": 0.7}
    wobble = (0.0, 0.01, -0.01, 0.02)
    store = FakeStore()
    for name, trials in trials_by_arm(study, RECORD.fingerprint, 10, "population").items():
        for trial in trials:
            store.add(varied(trial, worth[name] + wobble[trial.replicate]))
    results = judge(store, record, "population", "test")
    readout = results.readout
    assert [each.shapley.mean for each in readout.shares] == pytest.approx([6, 14])
    assert readout.interactions[0].worth.mean == pytest.approx(8)
    assert [arm.reported for arm in results.arms] == [0.25, None, None, None]
    assert judged(ladder()).readout is None


def test_a_diverged_combination_counts_as_guessing_in_the_read_out():
    study = STUDY.changed({"design": "factorial"})
    store = FakeStore()
    plain, relu = trials_by_arm(study, RECORD.fingerprint, 10, "population").values()
    for trial in plain:
        store.add(varied(trial, 0.5))
    nothing = Score(math.nan, math.nan)
    for trial in relu:
        store.add(replace(finished(trial, 0.0, diverged=1), test=nothing))
    readout = judge(store, replace(RECORD, study=study), "population", "test").readout
    assert readout.gain.mean == pytest.approx(-40)


def test_comparisons_that_have_no_figures_yet_count_in_the_family():
    """A verdict is never milder while a study is under way than when it is finished."""
    longer = STUDY.changed({"techniques": ["ReLU", "dropout", "max-norm", "Adam"]})
    record = replace(RECORD, study=longer)
    store = FakeStore()
    for place, (_, trials) in enumerate(trials_by_arm(longer, "f" * 64, 10, "population").items()):
        for trial in trials if place < 2 else trials[:0]:
            wobble = (0.0, 0.01, -0.01, 0.02)[trial.replicate]
            store.add(varied(trial, 0.5 + 0.1 * place + wobble))
    results = judge(store, record, "population", "test")
    early = results.arms[1].effect
    assert [arm.effect for arm in results.arms[2:]] == [None] * 3
    assert early.p_adjusted == pytest.approx(min(1.0, 4 * early.p))
    assert early.p_t_adjusted == pytest.approx(4 * early.p_t)
    assert "corrected for 4 comparisons (Holm)" in verdict_note(results)


def test_arms_that_diverge_everywhere_count_in_the_family():
    longer = STUDY.changed({"techniques": ["ReLU", "dropout", "max-norm"]})
    store = FakeStore()
    for place, trials in enumerate(trials_by_arm(longer, "f" * 64, 10, "population").values()):
        for trial in trials:
            made = varied(trial, 0.5 + 0.1 * place + (0.0, 0.01, -0.01, 0.02)[trial.replicate])
            nothing = Score(math.nan, math.nan)
            store.add(made if place < 2 else replace(made, diverged=1, test=nothing))
    results = judge(store, replace(RECORD, study=longer), "population", "test")
    first = results.arms[1].effect
    assert [arm.effect for arm in results.arms[2:]] == [None] * 2
    assert first.p_t_adjusted == pytest.approx(3 * first.p_t)
    assert "corrected for 3 comparisons (Holm)" in verdict_note(results)


def test_validation_figures_overlap_and_every_interval_says_what_it_is_for():
    plain = judged(ladder()).arms[0]
    trials = [trial for trials in TRIALS.values() for trial in trials]
    wobble = (0.4, 0.5, 0.45, 0.6)
    made = [replace(varied(trial, 0.5), validation=Score(1.0, wobble[trial.replicate]))
            for trial in trials]  # fmt: skip
    found = judged(made).arms
    held_out = found[0].validation
    half = stats.t.ppf(0.975, 3) * np.std(wobble, ddof=1) * (1 / 4 + 10 / 90) ** 0.5
    assert held_out.ci_high - held_out.mean == pytest.approx(half)
    assert held_out.speaks_for == "new examples of the same kind, retrained"
    assert plain.test.speaks_for == "these test examples, retrained on these training examples"
    assert found[0].train.speaks_for == "these training examples, retrained"
    by_measure = {item.measure: item.speaks_for for item in found[1].differences}
    assert by_measure["val_accuracy"] == "new examples of the same kind, retrained"
    assert by_measure["test_loss"] == "these test examples, retrained on these training examples"


def test_a_margin_that_no_test_example_reaches_is_noted_before_training():
    assert _fine_margin(STUDY.changed({"delta": 0.2}), 500) == []
    assert _fine_margin(STUDY, 1000) == []  # the default of 0.1
    (note,) = _fine_margin(STUDY, 45)
    assert "one of 45 test examples is 2.2 points, more than delta = 0.1" in note
    assert "take 1,000 test examples, or write delta = 2.3 or more" in note
    (note,) = _fine_margin(STUDY.changed({"delta": 0.2}), 360)
    # The upper Clopper-Pearson bound of 0 in 360 is 0.83 %.
    assert note.endswith("write delta = 0.3 or more (0.9 to speak for new examples)")
