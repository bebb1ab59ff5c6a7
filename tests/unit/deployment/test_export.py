"""Exporting: weights that are trained again, and the card of a model."""

import ast
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stepladder import Study
from stepladder.deployment import card, export
from stepladder.errors import InputError
from stepladder.statistics.intervals import estimate
from stepladder.training.final_weights import weights_file

# Weights that were trained again are kept where they are those of the stored trial.


@pytest.mark.parametrize(("correct", "kept"), [([True, False], True), ([True, True], False)])
def test_only_what_the_store_is_about_is_kept(tmp_path, correct, kept):
    final = SimpleNamespace(
        test_probabilities=np.array([[0.9, 0.1], [0.8, 0.2]]), test_labels=np.array([0, 1])
    )
    result = SimpleNamespace(
        trial=SimpleNamespace(id="a" * 64), test_correct=np.array(correct), test_values=None
    )
    weights_file(tmp_path, "a" * 64).write_bytes(b"weights")
    export._keep(tmp_path, final, result, tmp_path / "weights")
    file = weights_file(tmp_path / "weights", "a" * 64)
    assert file.exists() == kept
    assert not kept or file.read_bytes() == b"weights"


def test_a_training_of_ones_own_has_no_network_to_export(tmp_path):
    study = Study(name="mine", trainer={"command": ["train", "{lr}"]}, base={"lr": 0.1})
    with pytest.raises(InputError, match=r"found that train \{lr\} trained them; let it save"):
        export.export_model(
            tmp_path, SimpleNamespace(study=study), None, "base", tmp_path / "m.keras",
            is_ensemble=False, settings=None, environment={}, progress=None,
        )  # fmt: skip


# The card of a model: names are shown as they are, whatever they hold.


HOSTILE = "![x](http://evil.example/p.png) | <b>@me</b> www.evil.example"


def exported(**changes):
    """An exported model whose names hold whatever names may hold."""
    study = Study(name=HOSTILE, base={"hidden": [3]})
    record = SimpleNamespace(
        noun="image",
        study=study, classes=("a`b", "|"), dataset=HOSTILE,
        sizes={"train": 5, "validation": 50, "test": 500}, fingerprint="f" * 64, versions={},
        machine=HOSTILE,
    )  # fmt: skip
    fields = {
        "record": record, "arm": HOSTILE, "file": Path("model.keras"), "replicates": (0,),
        "is_ensemble": False, "parameters": 10, "of": 1, "diverged": 0, "framing": None,
        "levels": None, "recipe": study.base, "own_val_accuracy": 0.9, "own_test_accuracy": None,
        "val_accuracy": estimate([0.9]), "test_accuracy": None, "looks": 0, "is_kept": True,
        "differ_from_stored": 0, "differing": 0, "largest_difference": 1e-7, "measured": None,
        "false_alarms": 0.02, "pictures": False,
    }  # fmt: skip
    return SimpleNamespace(**(fields | changes))


def lines_of(**changes):
    return card.as_markdown(exported(**changes)).splitlines()


def test_names_are_neither_markup_nor_links():
    text = "\n".join(lines_of())
    assert "![x](" not in text
    assert "<b>" not in text
    assert "http://" not in text
    assert "www.evil" not in text
    assert r"\!" not in text


def test_names_do_not_break_tables_or_code():
    (row,) = [line for line in lines_of() if line.startswith("| data |")]
    assert row.replace(r"\|", "").count("|") == 3
    assert "`` a`b ``, `|`" in "\n".join(lines_of())


@pytest.mark.parametrize(
    "name", ["model.keras", 'a "b"\\c`.keras', "it's 😀.keras", "\udcff.keras"]
)
def test_the_code_loads_the_file_whatever_its_name(name):
    (line,) = [line for line in lines_of(file=Path(name)) if "load_model" in line]
    assert ast.literal_eval(line.removeprefix("model = keras.models.load_model")) == name
    assert line.isprintable()


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(
    ("differ", "words"), [(0, "are right on the same test images"), (3, "differ from the stored")]
)
def test_weights_that_are_not_the_stored_ones_are_called_so_wherever_they_come_from(
    is_kept, differ, words
):
    assert words in card.as_markdown(exported(is_kept=is_kept, differ_from_stored=differ))


def test_a_locked_test_set_and_what_was_not_measured_are_named():
    text = card.as_markdown(exported())
    assert "| test, 500 | locked | locked |" in text
    assert "Not measured" in text
