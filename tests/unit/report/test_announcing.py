"""What a run says of itself before it begins."""

from dataclasses import replace

from example_run import planned_run

from stepladder.report.announcing import announcement


def test_more_that_may_follow_is_said():
    plan = planned_run()[0]
    assert announcement(plan).startswith(f"{plan.study.name}: {plan.trials} trials to train")
    more = replace(plan, is_least=True)
    assert announcement(more).startswith(f"{plan.study.name}: at least {plan.trials} trials")
