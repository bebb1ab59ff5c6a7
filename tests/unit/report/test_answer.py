from dataclasses import replace

import pytest
from example_results import (
    VARIANTS,
    adaptive_results,
    confounded_results,
    factorial_results,
    fair_results,
    mnist_results,
    named_results,
    one_arm,
    partial_results,
    some_diverged,
)

from stepladder.report.markdown import report_as_markdown
from stepladder.report.summary import answer, asked, unknown
from stepladder.report.wording import glossary, judged_effects, rate_note, subtitle


def texts(results):
    return [each.text for each in answer(results)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_has_a_sentence_for_each_kind_of_verdict_and_none_for_what_does_not_occur(variant):
    results = VARIANTS[variant]()
    said = texts(results)
    kinds = {effect.verdict for _, effect in judged_effects(results)}
    has_run = any(arm.n > arm.diverged for arm in results.arms)
    assert len(said) == 1 + (len(kinds | {"helps"}) if kinds else 1) + has_run
    assert all(each.endswith(".") and each[0] != " " for each in said)


def test_only_verdicts_are_said_to_improve():
    results = mnist_results()
    said = texts(results)
    helping = {each.arm.name for each in results.arms
               if each.effect and each.effect.verdict == "helps"}  # fmt: skip
    assert all(name in said[1] for name in helping)
    assert "improve test accuracy" in said[1]
    assert said[2] == "+ He normal (0.00) makes no difference beyond 0.1 points in test accuracy."
    assert "ELU instead of ReLU" in said[3]
    assert "more replicates" in said[3]
    kinds = [each.kind for each in answer(results)]
    assert kinds[1:4] == ["helps", "no difference beyond δ", "not enough replicates"]


def test_an_arm_that_lacks_a_technique_and_is_better_is_no_praise_of_the_technique():
    results = mnist_results()
    study = results.study.changed({"design": "leave_one_out", "techniques": ["ReLU", "dropout"],
                                     "reported": None})  # fmt: skip
    open_ = tuple(each if each.effect is None else replace(each, effect=replace(
        each.effect, verdict="not enough replicates")) for each in results.arms)  # fmt: skip
    assert texts(replace(results, study=study, arms=open_))[1] == (
        "No arm is shown to raise test accuracy."
    )


def test_what_is_still_to_be_tuned_is_not_called_one_rate_for_all():
    results = mnist_results()
    tuning = replace(results, study=results.study.changed({"tuning": "fair"}))
    assert "one learning rate, 0.001, in every arm" in texts(results)[-1]
    assert "one learning rate" not in texts(tuning)[-1]
    assert rate_note(results)
    assert not rate_note(tuning)
    adaptive = results.study.changed({"adaptive": True, "replicates": 30})
    assert subtitle(replace(results, study=adaptive)).endswith("up to 30 replicates")


def test_the_best_is_that_of_the_highest_validation_accuracy():
    results = mnist_results()
    first = texts(results)[0]
    assert first.startswith(
        "Of 7 arms, + dropout has the highest validation accuracy and reads 97."
    )
    assert first.endswith("naive, the first of them, answers 1 to every image.")
    worse = replace(results.arms[-1].validation, mean=0.5)
    arms = (*results.arms[:-1], replace(results.arms[-1], validation=worse))
    assert "+ batch normalisation has the highest" in texts(replace(results, arms=arms))[0]


def test_it_says_what_it_holds_for():
    assert texts(mnist_results())[-1] == (
        "All of this holds for these 10,000 test images, one learning rate, 0.001, in every arm "
        "and each rung on the rungs below it."
    )
    assert "a tuned learning rate for each arm" in texts(fair_results())[-1]
    assert "rung" not in texts(factorial_results())[-1]
    assert "0 to 5 replicates an arm" in texts(partial_results())[-1]


def test_a_negative_statement_bears_no_mark_of_a_verdict():
    results = mnist_results()
    arms = [each for each in results.arms if not each.effect or each.effect.verdict != "helps"]
    nothing = answer(replace(results, arms=tuple(arms)))[1]
    assert nothing.text == "No technique is shown to raise test accuracy."
    assert nothing.kind == "unknown"


def test_one_arm_is_compared_with_nothing():
    said = texts(one_arm())
    assert said[0].startswith("base reads ")
    assert said[1].startswith("No arm is compared")


def test_what_was_asked_names_data_techniques_and_design():
    first, second, third = asked(mnist_results())
    assert "(54,000 train, 6,000 validation and 10,000 test images)" in first
    assert "each put on top of the ones before it" in first
    assert "He normal, ReLU, ELU" in first
    assert "hidden layers of 50, 50, 50 and 50 units, sigmoid activation" in first
    assert "Every arm is trained 5 times" in second
    assert "0.1 points" in second
    assert "fixed study" in third
    assert "fair study" in asked(fair_results())[2]
    assert "up to 30" in asked(adaptive_results())[1]
    assert "all combinations" in asked(factorial_results())[0]
    question, trained = asked(one_arm())
    assert question.startswith("What does one recipe reach on mnist")
    assert "It is trained 3 times." in trained


def told(results):
    return dict(unknown(results))


def test_missing_power_is_told_with_the_replicates_that_would_do():
    results = mnist_results()
    needed = {each.arm.name: each.effect.replicates_needed for each in results.arms if each.effect}
    said = " ".join(sentence.text for sentence in answer(results))
    assert f"ELU instead of ReLU (about {needed['ELU instead of ReLU']})" in said
    text = told(results)["Power"]
    assert "The numbers above would settle them with 80 % chance" in text
    (plan,) = [each.effect.plan for each in results.arms
               if each.arm.name == "ELU instead of ReLU"]  # fmt: skip
    assert f"would ask for {plan.low} to {plan.high} (ELU instead of ReLU)" in text
    assert "no sign that they make no difference" in text
    helping = replace(results, arms=tuple(
        each for each in results.arms if not each.effect or each.effect.verdict == "helps"
    ))  # fmt: skip
    assert "Every comparison has a verdict" in told(helping)["Power"]


def test_settled_main_effects_do_not_speak_for_open_comparisons_of_arms():
    results = factorial_results()
    main = tuple(replace(each, effect=replace(each.effect, verdict="helps"))
                 for each in results.readout.main)  # fmt: skip
    settled = replace(results, readout=replace(results.readout, main=main))
    undecided = sum(each.effect is not None and each.effect.verdict == "not enough replicates"
                    for each in results.arms)  # fmt: skip
    assert undecided
    said = told(settled)["Power"]
    assert said.startswith("Every main effect has a verdict. ")
    assert texts(settled)[-2] == f"{undecided} of 15 comparisons of two arms need more replicates."


def test_names_are_cut_in_words():
    results = named_results([f"t{index}" for index in range(7)], diverged=1)
    said = told(results)["Trainings that diverged"]
    assert said.startswith("8 replicates became non-finite, of base, + t0, ")
    assert "and 3 others. Effects" in said
    few = named_results([f"t{index}" for index in range(5)], diverged=1)
    assert "others" not in told(few)["Trainings that diverged"]


def test_confounds_looks_and_divergence_are_told():
    assert "Confounds" not in told(mnist_results())
    assert "Compared arms differ in their technique alone" in asked(mnist_results())[2]
    assert "technique alone" not in asked(confounded_results())[2]
    assert "differences between compared arms" in told(confounded_results())["Confounds"]
    assert "Looks at the test set" not in told(mnist_results(looks=1))
    assert told(mnist_results(looks=4))["Looks at the test set"].startswith("4 looks")
    assert "2 replicates became non-finite" not in told(mnist_results()).get(
        "Trainings that diverged", ""
    )
    assert "became non-finite" in told(some_diverged())["Trainings that diverged"]
    assert "edge of the grid for naive" in told(fair_results())["Learning rate"]


def test_images_are_said_to_be_missing_only_where_they_were_asked_for():
    results = mnist_results()
    assert "Test images" not in told(results)
    assert "Test images" in told(replace(results, mistakes=None))
    folds = results.study.changed({"splits": {"kind": "k-fold", "folds": 5}})
    assert "Test images" not in told(replace(results, mistakes=None, study=folds))
    unread = tuple(replace(each, curves=()) for each in results.arms)
    assert "Test images" not in told(replace(results, mistakes=None, arms=unread))


def test_the_glossary_holds_the_words_that_are_used():
    words = dict(glossary(mnist_results()))
    assert "0.10 points" in words["No difference beyond δ"]
    assert "Shapley value" not in words
    assert "Shapley value" in dict(glossary(factorial_results()))
    assert "Fair study" in dict(glossary(fair_results()))
    assert "Effect" not in dict(glossary(one_arm()))
    assert list(words) == sorted(words, key=str.lower)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_report_as_markdown_says_the_same(variant):
    results = VARIANTS[variant]()
    text = report_as_markdown(results)
    assert text.startswith("### ")
    assert "**What is not known**" in text
    assert "<script" not in text
    assert "@user" not in text
    if variant == "mnist":
        for each in answer(results):
            assert each.parts[-1].text in text
        assert "| naive | 5 of 5 |" in text
        assert "Seed 0" in text
