"""Final weights that a study keeps: files, the ensembles that come of them, and tidying up."""

import numpy as np
import pytest

from stepladder.training.final_weights import kept_final

RUN, WEIGHTS = "runs/small", "runs/small/weights"
KEEP = ("--set", "keep_weights=true")


@pytest.mark.slow
def test_an_arm_whose_weights_are_kept_has_an_ensemble(stepladder, place):
    done = stepladder("run", "study.toml", "--explain", *KEEP)
    assert done.returncode == 0, done.stderr
    assert "Ensembles" in done.stdout
    files = sorted((place / WEIGHTS).iterdir())
    assert len(files) == 6
    results = stepladder.results(RUN)
    for arm in results["arms"]:
        found = arm["ensemble"]["test_accuracy"]
        assert arm["ensemble"]["members"] == 2
        assert found["images"] == results["sizes"]["test"]
        assert found["ci_low"] < found["mean"] < found["ci_high"]
        assert np.isclose(found["single"], arm["scores"]["test"]["accuracy"]["mean"])
        held_out = arm["ensemble"]["val_accuracy"]  # images that both happen to hold out, if any
        assert held_out is None or held_out["members_an_image"] == 2
    assert results["test_set_accesses"] == 1  # of the trials that were looked at, not another
    again = stepladder("run", "study.toml", "--explain", *KEEP)
    assert again.stdout == done.stdout
    assert "have no kept weights" not in again.stderr

    files[0].write_bytes(files[0].read_bytes()[:-1])
    damaged = stepladder("results", RUN)
    assert "are left out of its ensemble" in damaged.stdout.replace("\n", " ")
    lost = [arm["ensemble"] for arm in stepladder.results(RUN)["arms"]]
    assert sum(each is None for each in lost) == 1

    fewer = stepladder("run", "study.toml", *KEEP, "--replicates", "1")
    assert fewer.returncode == 0, fewer.stderr
    tidied = stepladder("store", "vacuum", RUN)
    assert "3 files of weights removed: no study asks for them" in tidied.stdout
    assert len(list((place / WEIGHTS).iterdir())) == 3
    assert "removed" not in stepladder("store", "vacuum", RUN).stdout


def test_what_was_stored_without_weights_is_told(in_process, made_up, place):
    made_up(6)
    code, out, err = in_process("run", "study.toml", "--explain", *KEEP)
    assert code == 0, err
    assert "6 stored trials have no kept weights" in err
    assert "Ensembles" not in out
    assert not (place / WEIGHTS).exists()


def test_tidying_up_leaves_alone_what_is_not_the_store_s(in_process, made_up, place):
    trials = made_up(6).trials
    made_up(0, replicates=1)  # from here on the second replicate is asked for by nobody
    (place / WEIGHTS).mkdir()
    for name in ("f" * 64, "yolov3", *(trial.id for trial in trials)):
        (place / WEIGHTS / f"{name}.weights").write_bytes(b"weights")
    code, out, err = in_process("store", "vacuum", RUN)
    assert code == 0, err
    assert "3 files of weights removed: no study asks for them" in out
    first = {trial.id for trial in trials if trial.replicate == 0}
    assert {file.stem for file in (place / WEIGHTS).iterdir()} == {"f" * 64, "yolov3", *first}


@pytest.mark.slow
def test_the_fit_engine_keeps_the_same_files(stepladder, place):
    for engine, out in (("fit", "one"), ("population", "two")):
        done = stepladder("run", "study.toml", *KEEP, "--engine", engine, "--out", out)
        assert done.returncode == 0, done.stderr
    found = {}
    for out in ("one", "two"):
        files = (place / out / "weights").iterdir()
        finals = [kept_final(file.parent, file.stem)[0] for file in files]
        found[out] = sorted(finals, key=lambda each: float(each.trainable[0].sum()))
    for ours, theirs in zip(found["one"], found["two"], strict=True):
        assert np.allclose(ours.test_probabilities, theirs.test_probabilities, atol=1e-3)
        assert np.array_equal(ours.validation_rows, theirs.validation_rows)


def test_a_bad_value_is_told_before_anything_is_trained(in_process, place):
    code, _, err = in_process("run", "study.toml", "--set", "keep_weights=maybe")
    assert code == 2
    assert "keep_weights must be true or false, found" in err
    assert not (place / "runs").exists()
