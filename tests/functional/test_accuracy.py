"""Techniques for accuracy and the presets made of them, as a user meets them."""

import json

import numpy as np
import pytest
from watching import score

from stepladder import Study

EVERYTHING = {
    "vat": 0.5,
    "mixup": 0.2,
    "ema": 0.9,
    "deskew": "true",
    "normalization": "batch",
    "augment_rotation": 10.0,
    "augment_elastic": 0.5,
    "augment_smoothness": 2.0,
    "augment_calm": 0.5,
}


def settings(**fields):
    return [word for name, value in fields.items() for word in ("--set", f"base.{name}={value}")]


@pytest.mark.slow
def test_a_study_with_all_of_it_is_trained_and_read_out(stepladder):
    done = stepladder("run", "study.toml", *settings(**EVERYTHING), "--set", "keep_weights=true")
    assert done.returncode == 0, done.stderr
    results = stepladder.results("runs/small")
    for arm in results["arms"]:
        assert arm["n"] == 2
        assert arm["diverged"] == 0
        assert arm["config"]["augment_elastic"] == 0.5
        assert "swa" not in arm["config"]  # off, and so not written
        assert arm["ensemble"]["members"] == 2
    alone = stepladder("run", "study.toml", *settings(**EVERYTHING), "--out", "one",
                       "--workers", "1")  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    pairs = zip(results["arms"], stepladder.results("one")["arms"], strict=True)
    for mine, theirs in pairs:
        assert score(mine)["values"] == score(theirs)["values"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--engine", "fit", *settings(vat=1.0)], "vat must be trained by the population engine"),
        (settings(vat_xi=0.5), "vat_xi must be 0.1 without vat, found 0.5"),
        (settings(ema=0.9, swa=0.5), "ema must be 0 where swa is not"),
        (settings(augment_scale=2), "augment_scale must be below 1.0, found 2"),
        (settings(mixup=-1), "mixup must be at least 0.0, found -1"),
        (settings(augment_turn=3), "augment_turn is not a key"),
        (["--set", "dataset=table.npz", *settings(deskew="true")], "must be of grey images"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_trained(
    words, expected, in_process, place, digits
):
    flat = {
        part: getattr(digits, part).reshape(len(getattr(digits, part)), -1)
        if part.startswith("x")
        else getattr(digits, part)
        for part in ("x_train", "y_train", "x_test", "y_test")
    }
    np.savez(place / "table.npz", **flat)
    code, out, err = in_process("run", "study.toml", *words)
    assert (code, out) == (2, "")
    assert expected in err
    assert "Traceback" not in err
    assert not (place / "runs").exists()
    assert in_process("run", "study.toml", *words, "--dry-run")[0] == 2


@pytest.mark.parametrize("name", ["mnist-best", "mnist-best-augmented"])
def test_a_preset_is_five_replicates_of_one_arm_whose_weights_are_kept(name, in_process):
    study = Study.load(name)
    assert (study.replicates, len(study.arms), study.keep_weights) == (5, 1, True)
    distorts = any(field.startswith("augment") for field in study.base.model_dump(mode="json"))
    assert distorts == (name == "mnist-best-augmented")  # the other one knows of no geometry
    assert not study.base.deskew
    code, out, _ = in_process("run", name, "--dry-run")
    assert code == 0
    assert f"{name}: 5 trials to train" in out


def test_the_schema_and_the_catalogue_know_the_new_fields(in_process):
    fields = json.loads(in_process("schema")[1])["$defs"]["Recipe"]["properties"]
    changed = {
        field
        for technique in json.loads(in_process("techniques", "--format", "json")[1])
        for field in technique["change"]
    }
    wanted = {"mixup", "vat", "ema", "swa", "augment_rotation", "augment_elastic", "deskew"}
    assert wanted <= set(fields)
    assert wanted <= changed
