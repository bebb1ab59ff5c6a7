"""Designs, tuning and adding replicates as a user runs them, on real trainings."""

import json

import pytest

RUN = "runs/small"


@pytest.mark.slow
def test_designs_share_what_they_have_in_common_and_a_factorial_is_read_out(stepladder):
    done = stepladder("run", "study.toml", "--out", "runs/ladder", "--store", "one.db")
    assert done.returncode == 0, done.stderr
    done = stepladder("run", "study.toml", "--design", "factorial", "--out", "runs/all",
                      "--store", "one.db")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 trials to train" in done.stderr  # of 8; the ladder has trained the others
    assert "What each technique is worth in all combinations" in done.stdout
    again = stepladder("results", "runs/all", "--store", "one.db", "--format", "json")
    value = json.loads(again.stdout)
    assert len(value["arms"]) == 4
    assert [each["technique"] for each in value["factorial"]["shapley"]] == ["ReLU", "He normal"]
    parts = sum(each["mean"] for each in value["factorial"]["shapley"])
    assert abs(parts - value["factorial"]["gain"]["mean"]) < 1e-9
    effect = value["arms"][1]["effect"]
    assert effect["new_images"]["ci_low"] <= effect["ci_low"] <= effect["mean"]


@pytest.mark.slow
def test_a_fair_study_tunes_first_and_a_second_run_trains_nothing(stepladder, place):
    text = (place / "study.toml").read_text("utf-8")
    text = text.replace("[base]", 'tuning = "fair"\n[tune]\nreplicates = 1\nwidenings = 1\n'
                        "[tune.grid]\nlearning_rate = [0.03, 0.1, 0.3]\n[base]", 1)  # fmt: skip
    (place / "fair.toml").write_text(text, "utf-8")
    done = stepladder("run", "fair.toml", "--explain")
    assert done.returncode == 0, done.stderr
    assert "tuning 3 arms on validation accuracy" in done.stderr
    assert "How each arm was tuned" in done.stdout
    assert (place / RUN / "figures" / "tuning.svg").exists()
    results = stepladder.results(RUN)
    chosen = [arm["chosen"]["learning_rate"] for arm in results["tuning"]["arms"]]
    assert [arm["config"]["learning_rate"] for arm in results["arms"]] == chosen
    again = stepladder("run", "fair.toml", "--explain")
    assert "nothing to train" in again.stderr
    assert again.stdout == done.stdout
    fixed = stepladder("run", "fair.toml", "--set", "tuning=fixed")
    assert fixed.returncode == 0, fixed.stderr
    assert {arm["config"]["learning_rate"] for arm in stepladder.results(RUN)["arms"]} == {0.1}


@pytest.mark.slow
@pytest.mark.parametrize(("design", "arms"), [("ladder", 3), ("factorial", 4)])
def test_replicates_are_added_until_verdicts_are_settled(stepladder, design, arms):
    words = ("run", "study.toml", "--replicates", "auto", "--set", "most_replicates=8")
    words += ("--design", design)
    done = stepladder(*words)
    assert done.returncode == 0, done.stderr
    assert "adaptive: verdicts at" in done.stderr
    results = stepladder.results(RUN)
    assert results["finished"]
    assert results["adaptive"]["trials"] <= results["adaptive"]["at_most"] == 8 * arms
    counts = [arm["n"] for arm in results["arms"]]
    assert max(counts) in results["adaptive"]["looks"]
    again = stepladder(*words).stderr
    assert "nothing to train" in again
    assert "adaptive:" not in again


@pytest.mark.slow
def test_confounds_are_named_before_training(stepladder, place):
    text = (place / "study.toml").read_text("utf-8").split("[[technique]]")[0]
    text += '[[arm]]\nname = "ELU"\ntechnique = "ELU"\n'
    text += 'change = { activation = "elu", batch_size = 64 }\n'
    (place / "table.toml").write_text(
        text.replace("replicates = 2", 'replicates = 1\ndesign = "explicit"'), "utf-8"
    )
    done = stepladder("run", "table.toml", "--explain")
    assert done.returncode == 0, done.stderr
    said, trained = (
        done.stderr.index("ELU also differs from plain in batch_size (64 against 16)"),
        done.stderr.index("to train"),
    )
    assert said < trained
    assert "an effect cannot be distinguished from chance" in done.stderr
    assert "What else differs between compared arms" in done.stdout
    named = {each["what"] for each in stepladder.results(RUN)["confounds"]}
    assert named == {"batch_size", "optimizer steps"}


def test_replicates_that_are_no_number_are_refused(in_process):
    code, _, err = in_process("run", "study.toml", "--replicates", "some")
    assert code == 2
    assert "some" in err
    assert "Traceback" not in err
