"""The comparison: rivals train the study itself, scaling up is exact, results are shown whole."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import ladder
import pytest

from comparison import shown
from comparison.context import row
from comparison.processes import Ran, family, resident, run_timed
from comparison.rivals import RIVALS, Rival, Task, requirements, run_of, scaled
from comparison.studies import RATES, learning_rates, short_trials, structures
from stepladder import Study

ROOT = Path(__file__).parents[3]
OURS = (
    "hidden",
    "activation",
    "initializer",
    "optimizer",
    "learning_rate",
    "batch_size",
    "dropout",
)


def of_rival(recipe):
    return {**{field: recipe[field] for field in OURS}, "batch_norm": recipe["batch_norm"]}


def of_study(recipe):
    fields = {field: getattr(recipe, field) for field in OURS}
    return {**fields, "hidden": list(recipe.hidden), "batch_norm": recipe.normalization == "batch"}


@pytest.mark.parametrize(
    "text",
    [ladder.STUDY.read_text("utf-8"), Study.load("mnist").to_toml(), learning_rates().to_toml()],
    ids=["built in", "as the comparison writes it", "learning rates"],
)
def test_rivals_train_the_arms_of_the_study(text, tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(text, "utf-8")
    study = Study.load(file)
    rivals = ladder.arms(tomllib.loads(text))
    assert list(rivals) == [arm.name for arm in study.arms]
    for arm in study.arms:
        assert of_rival(rivals[arm.name]) == of_study(arm.recipe)


def test_the_work_is_that_of_the_tables():
    mnist = Study.load("mnist")
    assert (len(mnist.arms), mnist.replicates, mnist.base.epochs) == (7, 5, 20)
    assert len(RATES) == 9
    assert RATES[0] == 0.0001
    assert RATES[-1] == 1.0
    assert len(learning_rates().arms) * learning_rates().replicates == 27
    assert len(short_trials(100).arms) * 100 == 1000
    seen = {arm.recipe.changed({"learning_rate": 1.0}) for arm in structures(0).arms}
    assert seen == {arm.recipe.changed({"learning_rate": 1.0}) for arm in structures(1).arms}
    assert structures(0).arms[0].recipe != structures(1).arms[0].recipe


TRAININGS = [
    {"arm": "base", "accuracy": 0.9, "seconds": 10.0, "epochs": [4.0, 5.0, 6.0]},
    {"arm": "base", "accuracy": 0.8, "seconds": 8.0, "epochs": [2.0, 4.0, 6.0]},
]


def task(replicates, epochs, few_replicates, few_epochs, tmp_path):
    return Task(tmp_path / "study.toml", replicates, epochs, few_replicates, few_epochs)


def test_scaling_up_counts_start_up_once_and_compiling_once_a_training(tmp_path):
    # Start-up 3 s. Two missing epochs at 1 s and at 2 s: 12 s and 12 s. Five times as many.
    assert scaled(21.0, TRAININGS, task(5, 5, 1, 3, tmp_path)) == pytest.approx(3 + 5 * 24)
    assert scaled(21.0, TRAININGS, task(1, 3, 1, 3, tmp_path)) == pytest.approx(21.0)


def test_one_epoch_cannot_be_scaled_up(tmp_path):
    with pytest.raises(SystemExit, match="must be 2 or more"):
        scaled(21.0, TRAININGS, task(1, 3, 1, 1, tmp_path))


def test_a_run_says_whether_it_was_scaled_up(tmp_path):
    ran, told = Ran(21.0, 5_000_000), {"trainings": TRAININGS}
    rival = RIVALS["fit-jax"]
    whole = run_of(rival, ran, told, task(1, 3, 1, 3, tmp_path), {})
    part = run_of(rival, ran, told, task(5, 3, 1, 3, tmp_path), {})
    assert whole["scaled_from"] is None
    assert whole["seconds"] == whole["measured_seconds"] == 21.0
    assert part["scaled_from"]["few_replicates"] == 1
    assert part["measured_seconds"] == 21.0
    assert part["test_accuracy"] == {"base": [0.9, 0.8]}
    assert part["seconds"] == pytest.approx(3 + 5 * 18)


def test_every_rival_has_its_program_and_pinned_packages():
    for name, rival in RIVALS.items():
        assert isinstance(rival, Rival)
        assert rival.name == name
        assert (ROOT / "benchmarks" / "rivals" / rival.program).is_file()
        assert any(each.startswith("keras==") for each in requirements(rival))


PART = {
    "date": "2026-01-01", "quick": False, "machine": "a machine", "seconds": 1.0,
    "sgemm": {"library": "numpy", "before": 100e9, "after": 101e9}, "versions": {"keras": "3.15.1"},
}  # fmt: skip


@pytest.fixture
def results(tmp_path):
    ran = Ran(30.0, 2_000_000)
    rival = run_of(RIVALS["fit-jax"], ran, {"trainings": TRAININGS}, task(5, 3, 1, 3, tmp_path), {})
    ours = {**rival, "title": "stepladder", "seconds": 20.0, "scaled_from": None}
    mnist = {
        **PART,
        "runs": [ours, rival],
        "rows": [row("the study", "keras.fit, JAX", 4.0, "times", 3.5, 6.0)],
    }
    shares = {
        **PART,
        "runs": [{"title": "784-50×4-10, own data order", "share": 0.4}],
        "rows": [
            row("own order", "floor", 0.4, "share", 0.5, 0.65),
            row("1,000 trials", "100", 1.05, "ratio", 1.1, 1.0),
        ],
    }
    return {"parts": {"mnist": mnist, "shares": shares}}


def test_the_table_shows_what_is_reached_and_what_is_missed(results):
    text = shown.markdown(results)
    assert "| the study | keras.fit, JAX | **4.0×** | at least 3.5× | 6.0× | reached |" in text
    assert "| own order | floor | **40%** | at least 50% | 65% | **missed** |" in text
    assert "| 1,000 trials | 100 | **1.05×** | at most 1.10× | 1.00× | reached |" in text
    assert "scaled up from 1 of 5 replicates and 3 of 3 epochs in 30 s" in text
    assert "SGEMM 100 and 101 GFLOP/s" in text


def test_tables_go_between_the_marks_of_the_page(results):
    page = (ROOT / "docs" / "measured" / "speed.md").read_text("utf-8")
    once = shown.filled(page, shown.markdown(results))
    assert "| own order | floor | **40%** |" in once
    assert "Not measured on this version" not in once
    assert shown.filled(once, shown.markdown(results)) == once
    assert once.partition(shown.BEGIN)[0] == page.partition(shown.BEGIN)[0]
    with pytest.raises(ValueError, match="once each"):
        shown.filled("a page without marks", "tables")


def test_the_chart_shows_the_times_of_the_page():
    page = (ROOT / "docs" / "measured" / "speed.md").read_text("utf-8")
    ours, *rivals = shown.chart(page).rows()
    assert f"| {ours[0]}, 35 trainings | {ours[1]} |" in page
    assert ours[2] == pytest.approx(1 + 16 / 60)
    assert len(rivals) == 6
    for name, text, minutes in rivals:
        time, _, times = text.partition(", ")
        assert f"| {name.removesuffix(' *')}, 7 trainings | {time} |" in page
        assert f"| {name.removesuffix(' *')} | **{times}** |" in page
        assert minutes / ours[2] == pytest.approx(float(times.removesuffix("×")), abs=0.1)


def test_memory_is_that_of_a_process_and_its_children():
    code = "import sys; block = bytearray(50_000_000); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        assert child.pid in list(family(os.getpid()))
        assert resident(child.pid) > 50_000_000
        child.stdin.close()
    assert child.pid not in list(family(os.getpid()))
    assert resident(child.pid) == 0


def test_a_program_that_fails_ends_the_comparison_with_its_words(tmp_path):
    words = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with pytest.raises(SystemExit, match=r"(?s)exit code 1.*no such thing"):
        run_timed(words, os.environ, tmp_path / "log")
