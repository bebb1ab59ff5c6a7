"""From stored trials to findings and to what figures draw of a network's inside."""

from dataclasses import replace

import numpy as np
import pytest
from example_run import finished
from fake_store import FakeStore

from stepladder import Study
from stepladder.diagnosis.findings import summarize_history
from stepladder.runs.arm_analysis import probes_of
from stepladder.runs.judging import judge
from stepladder.runs.plan import trials_of
from stepladder.store import StudyRecord
from stepladder.trials.trial import Probes, Score

STUDY = Study(name="s", replicates=3, base={"hidden": [3, 3], "epochs": 4}, techniques=["ELU"])
SIZES = {"train": 90, "validation": 10, "test": 20}
RECORD = StudyRecord(STUDY, "d", "f" * 64, SIZES, tuple("abcdefghij"), {}, "m")
LAYERS = ("dense_1", "dense_2")


def probes(dead, epochs=4, replicate=0):
    norms = np.full((epochs, 3), 0.1 + replicate, np.float32)
    shares = np.full((epochs, 2), dead, np.float32)
    nothing = np.full((epochs, 2), np.nan, np.float32)
    return Probes((*LAYERS, "logits"), norms, LAYERS, shares, nothing, 0.1, 0.3)


def seen(trial, dead=0.0):
    made = finished(trial, 0.5)
    inside = probes(dead, replicate=trial.replicate)
    answers = np.arange(3, dtype=np.uint16)
    return replace(made, probes=inside, signs=summarize_history(made.curve, inside),
                   test_predictions=answers,
                   test=Score(0.1, 0.5))  # fmt: skip


@pytest.fixture
def store():
    made = FakeStore()
    base, elu = trials_of(STUDY, RECORD.fingerprint, 10, "population").values()
    for trial in base:
        made.add(seen(trial, dead=0.9 if trial.replicate else 0.0))
    for trial in elu[1:]:
        made.add(seen(trial))
    return made


def test_arms_carry_what_was_seen_inside_replicate_by_replicate(store):
    base, elu = judge(store, RECORD, "population", "test").arms
    assert base.probes.replicates == (0, 1, 2)
    assert elu.probes.replicates == (1, 2)
    assert base.probes.layers == LAYERS
    assert base.probes.gradient_norm.shape == (3, 4, 3)
    assert base.probes.dead.shape == base.probes.saturated.shape == (3, 4, 2)
    assert base.probes.gradient_norm[:, 0, 0].tolist() == pytest.approx([0.1, 1.1, 2.1])
    assert base.probes.dead[:, -1, 0].tolist() == pytest.approx([0, 0.9, 0.9])


def test_findings_and_their_texts(store):
    base, elu = judge(store, RECORD, "population", "test").arms
    (found,) = base.findings
    assert (found.code, found.technique, found.replicates) == ("dead_units", "leaky ReLU", 2)
    assert base.diagnosis == (found.text,)
    assert "in 2 of 3 replicates" in found.text
    assert elu.findings == ()


def test_without_epochs_the_findings_are_the_same(store):
    whole = judge(store, RECORD, "population", "test")
    bare = judge(store, RECORD, "population", "test", curves=False)
    assert [arm.findings for arm in bare.arms] == [arm.findings for arm in whole.arms]
    assert [arm.probes for arm in bare.arms] == [None, None]


def test_networks_that_do_not_match_are_not_stacked():
    base, _ = trials_of(STUDY, RECORD.fingerprint, 10, "population").values()
    odd = replace(seen(base[1]), probes=probes(0.0, epochs=3))
    found = probes_of([seen(base[0]), odd, None])
    assert found.replicates == (0,)
    assert probes_of([None, finished(base[0], 0.5)]) is None
