"""What a run says of itself before it begins."""

from dataclasses import replace

from example_run import planned_run

from stepladder.report.progress import announcement


def test_more_that_may_follow_is_said():
    plan = planned_run()[0]
    assert announcement(plan).startswith(f"{plan.study.name}: {plan.trials} trials to train")
    more = replace(plan, is_least=True)
    assert announcement(more).startswith(f"{plan.study.name}: at least {plan.trials} trials")


def test_what_goes_on_from_a_shorter_training():
    plan, trials = planned_run()
    at_hand = {trials[0].id: 1, trials[1].id: 3, trials[2].id: 3}
    assert "14 trials to train, 3 of them going on from epoch 1 or 3, 2 workers" in announcement(
        replace(plan, at_hand=at_hand)
    )
