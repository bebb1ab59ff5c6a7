"""In Jupyter: the example notebook is executed, and a run shows itself."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from drawn_plots import plots
from example_results import VARIANTS, mnist_results
from example_run import Clock, finished, planned_run

from stepladder import InputError, Run
from stepladder.report.dataframe import to_frame
from stepladder.report.notebook import NotebookProgress, as_notebook_html, for_notebook

NOTEBOOK = Path(__file__).parents[2] / "docs" / "howto" / "notebook.ipynb"


@pytest.mark.slow
def test_the_example_notebook_runs(jupyter, tmp_path, monkeypatch, cache):
    import nbclient
    import nbformat

    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=280, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [
        output["data"].get("text/html", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert any("15 of 15" in each and "<pre" in each for each in outputs)
    assert any("<img src" in each and "+ ReLU" in each for each in outputs)
    assert any("verdict" in each and "dataframe" in each for each in outputs)
    assert (tmp_path / "runs" / "notebook" / "report.html").exists()


def test_outside_of_jupyter_nothing_is_shown():
    assert for_notebook() is None


@pytest.mark.parametrize("variant", ["mnist", "partial", "hostile", "nothing yet"])
def test_a_run_shows_its_answer_table_and_curves(variant):
    results = VARIANTS[variant]()
    shown = Run(results, Path("runs/x"), 0, 0)._repr_html_()
    assert shown == as_notebook_html(results)
    assert "<script" not in shown
    assert "<table" in shown
    assert "data:image/svg+xml" in shown
    for row in results.arms[:2]:
        assert row.arm.name in unescape(shown)


def test_progress_is_drawn_again_at_most_twice_a_second(jupyter):
    class Handle:
        def __init__(self):
            self.shown = []

        def update(self, obj, **kwargs):
            self.shown.append(obj)

    clock, handle = Clock(), Handle()
    planned, trials = planned_run(replicates=1)
    progress = NotebookProgress(clock)
    progress.start(planned)
    progress._handle = handle
    for trial in trials:
        progress.trial_started(trial)
        progress.trial_done(finished(trial, 0.75))
    assert len(handle.shown) == 1
    clock.pass_by(1)
    progress.note("careful & slow")
    assert len(handle.shown) == 2
    progress.note("ask for more with --replicates and read it with --store")
    assert "more with replicates= and read it with store=" in progress.to_html()
    view = progress.to_html()
    assert f"{len(trials)} of {len(trials)}" in view
    assert "75.00" in view
    assert "careful &amp; slow" in view
    progress.finish()
    assert len(handle.shown) == 3


def test_frames_hold_the_numbers_of_the_results(jupyter):
    results = mnist_results()
    trials, arms, epochs = (to_frame(results, kind) for kind in ("trials", "arms", "epochs"))
    assert len(trials) == 35
    adam = trials[trials.arm == "+ Adam"].test_accuracy
    assert tuple(adam) == results.arms[4].test.values
    assert list(arms.arm) == [each.arm.name for each in results.arms]
    assert arms.effect[4] == results.arms[4].effect.mean
    assert arms.verdict[4] == "helps"
    assert len(epochs) == 35 * 20
    assert set(epochs.epoch) == set(range(1, 21))
    assert set(epochs.replicate) == set(range(5))
    partial = replace(results.arms[4], n=2, curves=results.arms[4].curves[:2], finished=(0, 3))
    some = replace(results, arms=(partial,))
    assert to_frame(some).replicate.tolist() == [0, 3]
    assert set(to_frame(some, "epochs").replicate) == {0, 3}
    with pytest.raises(InputError, match="kind must be one of trials, arms, epochs, found 'all'"):
        to_frame(results, "all")


def test_the_curves_shown_are_those_of_the_report():
    from stepladder.report.html import drawn

    results = mnist_results()
    assert drawn(plots(results)["validation"]).source in as_notebook_html(results)
    assert not re.search(r'(src|href|srcset)="(?!data:)', as_notebook_html(results))
