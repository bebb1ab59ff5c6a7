"""Progress: what a run says before it begins and while it trains."""

import io
import math
from dataclasses import replace
from functools import partial

import pytest
from example_run import Clock, finished, planned_run
from rich.console import Console

from stepladder import Study
from stepladder.execution.progress import Progress, QuietProgress, RunAnnouncement
from stepladder.report import progress as module
from stepladder.report.progress import LiveProgress, PlainProgress, announcement, for_terminal
from stepladder.trials.trial import UNSCORED, Trial

# Progress views.


class Terminal(io.StringIO):
    def isatty(self):
        return True


def live(stream, clock):
    return LiveProgress(Console(file=stream, width=90, force_terminal=True), clock)


def plain(stream, clock):
    return PlainProgress(stream, clock)


def quiet(stream, clock):
    return QuietProgress()


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize("make", [live, plain, quiet])
@pytest.mark.parametrize("found", [0, 3, 14])
def test_every_progress_takes_a_whole_run(make, found, clock):
    progress: Progress = make(io.StringIO(), clock)
    plan, trials = planned_run(found=found)
    progress.start(plan)
    for trial in trials:
        progress.trial_started(trial)
        for epoch in range(1, 5):
            clock.pass_by(1)
            progress.epoch_done(trial, epoch)
        progress.trial_done(finished(trial, 0.9))
    progress.note("something")
    progress.finish()


@pytest.mark.parametrize("make", [live, plain, quiet])
def test_every_progress_can_finish_at_once_after_its_start(make, clock):
    progress: Progress = make(io.StringIO(), clock)
    progress.start(planned_run()[0])
    progress.finish()


@pytest.mark.parametrize("make", [live, plain, quiet])
def test_every_progress_takes_a_run_in_parts_with_notes_around_them(make, clock):
    stream = io.StringIO()
    progress: Progress = make(stream, clock)
    plan, trials = planned_run()
    progress.note("before")
    for trial in trials[:2]:
        progress.start(plan)
        progress.trial_started(trial)
        progress.epoch_done(trial, 1)
        progress.trial_done(finished(trial, 0.9))
        progress.finish()
        progress.note("between")
    said = stream.getvalue()
    assert not said or said.index("before") < said.index("Trained 1 of 14") < said.index("between")
    assert said.count("between") == (2 if said else 0)


def lines(stream):
    return stream.getvalue().splitlines()


def test_plain_progress_speaks_of_arms_and_else_every_ten_seconds(clock):
    stream = io.StringIO()
    progress = plain(stream, clock)
    plan, trials = planned_run(found=1)
    progress.start(plan)
    for epoch in (1, 2, 3, 4):
        clock.pass_by(4)
        progress.epoch_done(trials[0], epoch)
    assert lines(stream) == [
        "quick: 13 trials to train, 1 found in the store, 2 workers, 52 epochs in all; how long it "
        "takes is known after the first epochs",
        "First epoch done after 4 s, compiling included.",
        "4 of 52 epochs, 0 of 13 trials, about 3 min left",
    ]
    clock.pass_by(1)
    progress.trial_done(finished(trials[0], 0.1135))
    clock.pass_by(1)
    progress.finish()
    assert lines(stream)[3:] == [
        "naive: 2 replicates, validation 11.35 % over the 1 trained now",
        "Trained 1 of 13 trials in 18 s.",
    ]


@pytest.mark.parametrize(
    ("accuracies", "line"),
    [
        ((0.9, 0.8), "naive: 2 replicates, validation 85.00 %"),
        ((0.9, math.nan), "naive: 2 replicates, validation 90.00 %, 1 diverged"),
        ((math.nan, math.nan), "naive: 2 replicates, 2 diverged"),
    ],
)
def test_plain_progress_names_diverged_replicates(accuracies, line, clock):
    stream = io.StringIO()
    progress = plain(stream, clock)
    plan, trials = planned_run()
    progress.start(plan)
    for trial, accuracy in zip(trials, accuracies, strict=False):
        diverged = 1 if math.isnan(accuracy) else None
        progress.trial_done(finished(trial, accuracy, diverged))
    assert lines(stream)[1:] == [line]


def test_plain_progress_writes_notes_on_one_line_without_controls(clock):
    stream = io.StringIO()
    plain(stream, clock).note("a worker\ndied \x1b[2J")
    assert stream.getvalue() == "a worker died \ufffd[2J\n"


def shown(progress, width=90):
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(progress.view())
    return captured.get()


def test_the_live_view_fills_as_arms_finish(clock):
    progress = live(io.StringIO(), clock)
    plan, trials = planned_run()
    progress.start(plan)
    assert "compiling…" in shown(progress)
    assert "0 of 56" in shown(progress)
    for trial in trials[:2]:
        progress.trial_started(trial)
        progress.epoch_done(trial, 1)
    assert "now     naive" in shown(progress)
    for trial in trials[:2]:
        progress.trial_done(finished(trial, 0.75))
    view = shown(progress)
    progress.finish()
    assert "8 of 56" in view
    assert "2 of 14" in view
    row = next(line for line in view.splitlines() if line.startswith("naive"))
    assert row.split()[1:] == ["2", "of", "2", "75.00"]


def test_the_live_view_says_of_how_many_replicates_a_mean_is(clock):
    progress = live(io.StringIO(), clock)
    plan, trials = planned_run(found=1)
    progress.start(plan)
    progress.trial_done(finished(trials[0], 0.75))
    view = shown(progress)
    progress.finish()
    row = next(line for line in view.splitlines() if line.startswith("naive"))
    assert row.split()[1:] == ["2", "of", "2", "75.00", "(of", "1", "now)"]


def test_the_live_view_never_shows_test_accuracy(clock):
    progress = live(io.StringIO(), clock)
    plan, trials = planned_run()
    progress.start(plan)
    for trial in trials[:2]:
        progress.trial_done(finished(trial, 0.75))  # its test accuracy is 0.5
    view = shown(progress)
    progress.finish()
    assert "50.00" not in view


def test_the_live_view_fits_eighty_columns(clock):
    progress = live(io.StringIO(), clock)
    plan, trials = planned_run()
    progress.start(plan)
    progress.epoch_done(trials[0], 1)
    clock.pass_by(5)
    progress.epoch_done(trials[0], 2)
    view = shown(progress, width=80)
    progress.finish()
    assert "about 4 min left" in view.splitlines()[1]
    assert max(map(len, view.splitlines())) <= 80


def test_markup_in_names_is_text_in_the_live_view(clock):
    progress = live(io.StringIO(), clock)
    plan, _ = planned_run(base_name="[red]x[/red]")
    progress.start(plan)
    view = shown(progress)
    progress.finish()
    assert "[red]x[/red]" in view


@pytest.mark.parametrize("make", [live, plain, quiet])
def test_every_progress_takes_stages_at_any_time(make, clock):
    progress: Progress = make(io.StringIO(), clock)
    progress.stage("Reading the data")
    progress.note("between")
    progress.stage("Checking")
    progress.start(planned_run()[0])
    progress.finish()
    progress.stage("Judging")
    progress.stage("")
    progress.stage("")


def test_a_terminal_shows_a_stage_at_once_and_leaves_nothing_of_it(clock):
    progress = live(stream := io.StringIO(), clock)
    progress.stage("Reading the data")
    progress.stage("")
    _, shown, after = stream.getvalue().partition("Reading the data…")
    assert shown
    assert after.endswith("\x1b[2K"), "its line is erased"


def test_a_file_has_a_line_only_of_a_stage_that_lasts(clock, monkeypatch):
    started = []

    class Wait:
        """A timer that ends when the test says so."""

        def __init__(self, seconds, function, arguments):
            self.seconds, self.end, self.is_cancelled = (
                seconds,
                partial(function, *arguments),
                False,
            )
            started.append(self)

        def start(self):
            assert self.daemon, "it must not hold up the end of the program"

        def cancel(self):
            self.is_cancelled = True

    monkeypatch.setattr(module, "Timer", Wait)
    progress = plain(stream := io.StringIO(), clock)
    for stage in ("Reading the data", "Checking", ""):
        progress.stage(stage)
    assert stream.getvalue() == ""
    assert all(one.is_cancelled and 0 < one.seconds < 2 for one in started)
    started[-1].end()
    assert stream.getvalue() == "Checking…\n"


def test_the_live_view_leaves_one_line_behind(clock):
    progress = live(io.StringIO(), clock)
    progress.start(planned_run(found=14)[0])
    progress.finish()
    assert shown(progress).strip() == ""


def test_terminals_get_the_live_view_and_files_plain_lines():
    assert isinstance(for_terminal(Terminal()), LiveProgress)
    assert isinstance(for_terminal(io.StringIO()), PlainProgress)


# What a run says of itself before it begins.


def test_more_that_may_follow_is_said():
    plan = planned_run()[0]
    assert announcement(plan).startswith(f"{plan.study.name}: {plan.trials} trials to train")
    more = replace(plan, is_least=True)
    assert announcement(more).startswith(f"{plan.study.name}: at least {plan.trials} trials")


def test_what_goes_on_from_a_shorter_training():
    plan, trials = planned_run()
    at_hand = {trials[0].id: 1, trials[1].id: 3, trials[2].id: 3}
    assert "14 trials to train, 3 of them resumed from epoch 1 or 3, 2 workers" in announcement(
        replace(plan, at_hand=at_hand)
    )


@pytest.mark.parametrize(
    ("metric", "measures", "diverged", "line"),
    [
        ({"name": "wait", "better": "lower", "unit": "ms"}, {"test": {"wait": 41.0}}, None,
         "base: 1 replicate"),
        ({"name": "wait", "better": "lower", "unit": "ms"},
         {"test": {"wait": 41.0}, "validation": {"wait": 43.21}}, None,
         "base: 1 replicate, validation wait 43.21 ms"),
        ("auroc", {"test": {"auroc": 0.9}, "validation": {"auroc": 0.8}}, None,
         "base: 1 replicate, validation auroc 80.00 %"),
        ({"name": "wait", "better": "lower"}, {"test": {"wait": math.nan}}, 1,
         "base: 1 replicate, 1 diverged"),
    ],
)  # fmt: skip
def test_a_training_of_ones_own_has_its_metric_and_no_epochs(
    metric, measures, diverged, line, clock
):
    study = Study(name="mine", trainer={"command": ["sleep", "{n}"]}, base={"n": 1}, metric=metric)
    trial = Trial(study.base, "f" * 64, 0, 0, 0)
    plan = RunAnnouncement(study, 1, 0, 1, 2, arm_names={trial.id: ("base",)},
                           arm_trials={"base": 1})  # fmt: skip
    _, (other, *_) = planned_run()
    stream = io.StringIO()
    progress = plain(stream, clock)
    progress.start(plan)
    assert "epochs" not in shown(progress)
    progress.trial_done(replace(
        finished(other, math.nan, diverged), trial=trial, validation=UNSCORED, measures=measures
    ))  # fmt: skip
    assert lines(stream) == [
        "mine: 1 trial to train, 2 workers; how long it takes is known after the first trials",
        line,
    ]
