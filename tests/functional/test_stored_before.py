"""A run folder that revision 84f182e wrote is read and continued.

`tests/fakes/stored_run` holds its study, store and results; the data are those of `place`.
"""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

STORED = Path(__file__).parents[1] / "fakes" / "stored_run"


@pytest.fixture
def stored(place):
    """The folder, in the study's place, and what `results.json` said when it was written."""
    shutil.copytree(STORED, place / "runs" / "small")
    return (STORED / "results.json").read_text("utf-8")


def _without_sentences(value):
    """Keys, numbers and single words; a sentence may be worded better one day."""
    if isinstance(value, dict):
        return {key: _without_sentences(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_sentences(inner) for inner in value]
    return "..." if isinstance(value, str) and " " in value else value


OLD_NAMES = {"test_set_accesses": "looks", "config": "recipe", "p_adjusted": "p_holm",
             "p_t_adjusted": "p_t_holm"}  # fmt: skip


def as_before(value):
    """Results in the form that they had before metrics."""
    if isinstance(value, list):
        return [as_before(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    old = {OLD_NAMES.get(key, key): as_before(inner) for key, inner in value.items()}
    if "scores" in old:
        scores = old.pop("scores")
        for part, name in (("test", "test"), ("validation", "val"), ("train", "train")):
            old[f"{name}_accuracy"] = scores[part]["accuracy"]
        assert old.pop("failed") == 0
        for added in ("epochs_trained", "scored_epoch"):
            old.pop(added)
    if "format" in old:
        assert (old.pop("format"), old.pop("trainer"), old.pop("models")) == (2, None, [])
        old["delta"] = old.pop("metric")["delta"]
        assert 0 < old.pop("baseline") < 1
        assert old.pop("data_notes") == []
        old.pop("one_answer")  # known once the study is run again
        assert old.pop("judgement")["number"] == 1
    return old


NEWER = {"simultaneous", "not_excluded_share", "replicates_needed", "plan", "divergence",
         "posterior", "p_not_worse"}  # fmt: skip
MENDED = {"ci_low", "ci_high", "p", "ci_speaks_for"}
"""Of validation figures: their parts overlap, and the labels were those of the test part."""


def without_mended(value, name=""):
    """Results without keys that are newer, and without intervals that were too narrow."""
    if isinstance(value, list):
        return [without_mended(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    left_out = NEWER | {"new_images"}  # few of these test images vary
    if name.startswith(("val_", "train_")):
        left_out |= MENDED
    elif "unit" in value:
        left_out |= {"ci_speaks_for"}
    return {key: without_mended(inner, key) for key, inner in value.items() if key not in left_out}


def test_it_gives_the_same_results(in_process, stored):
    code, out, err = in_process("results", "runs/small", "--format", "json")
    assert (code, err) == (0, "")
    found, before = as_before(json.loads(out)), json.loads(stored)
    found, before = without_mended(found), without_mended(before)
    assert _without_sentences(found) == _without_sentences(before)


def test_it_is_continued_and_no_stored_trial_changes(in_process, stored, place):
    def rows():
        with sqlite3.connect(place / "runs" / "small" / "stepladder.db") as store:
            return store.execute(f"SELECT {columns} FROM trials ORDER BY id").fetchall()

    with sqlite3.connect(place / "runs" / "small" / "stepladder.db") as store:
        columns = ", ".join(row[1] for row in store.execute("PRAGMA table_info(trials)"))
    before = rows()
    code, _, err = in_process("run", "study.toml", "--replicates", "3", "--workers", "1")
    assert code == 0, err
    assert len(before) == 6
    assert len(rows()) == 9
    assert set(before) <= set(rows())
    arms = json.loads((place / "runs" / "small" / "results.json").read_text("utf-8"))["arms"]
    for arm, old in zip(arms, json.loads(stored)["arms"], strict=True):
        values = arm["scores"]["test"]["accuracy"]["values"]
        assert values[:2] == old["test_accuracy"]["values"]
