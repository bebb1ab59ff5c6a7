"""A study with code of its own: refused unless allowed, and techniques that it ignores found."""

import pytest

from stepladder import InputError, Study, StudyError
from stepladder.runs.preflight import check_code_allowed, ignored_fields

TEXT = "raise SystemExit('was run')\n"


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(TEXT, "utf-8")
    monkeypatch.chdir(tmp_path)

    def make(*techniques, **base):
        fields = {"hidden": [3], "activation": "tanh", **base}
        return Study(name="s", model="net.py:build", base=fields, techniques=techniques)

    return make


def test_code_is_refused_with_what_would_run_and_how_to_allow_it(study):
    asked = study()
    with pytest.raises(InputError, match="with your rights") as refused:
        check_code_allowed(asked, allow_code=False)
    for part in ("'build'", "'net.py'", "1 lines", asked.model.sha256, "--allow-code"):
        assert part in str(refused.value)
    check_code_allowed(asked, allow_code=True)
    check_code_allowed(Study(name="s", base={"hidden": [3]}), allow_code=False)


def test_code_that_is_not_there_is_named_though_it_is_allowed(study):
    gone = Study(**study().model_dump(by_alias=True) | {"model": {**study().model.model_dump(),
                 "sha256": "0" * 64}, "base": {"hidden": [3]}})  # fmt: skip
    with pytest.raises(StudyError, match="found no such file or another content"):
        check_code_allowed(gone, allow_code=True)


def reads(study, *fields):
    return {arm.name: frozenset(fields) for arm in study.arms}


def test_a_technique_that_the_model_never_reads_is_found(study):
    asked = study("ReLU", "He normal", "Adam", "standardised inputs")
    assert ignored_fields(asked, reads(asked, "activation", "initializer")) == []
    (problem,) = ignored_fields(asked, reads(asked, "activation"))
    assert "technique 'He normal'" in problem
    assert "build of net.py never reads recipe.initializer" in problem
    assert len(ignored_fields(asked, reads(asked))) == 2


def test_every_field_that_a_technique_changes_must_be_read(study):
    asked = study("SELU")
    (problem,) = ignored_fields(asked, reads(asked, "activation"))
    assert "recipe.initializer" in problem
    assert "recipe.activation" not in problem


def test_a_field_that_one_of_the_two_arms_reads_is_enough(study):
    asked = study("batch normalisation after")
    names = [arm.name for arm in asked.arms]
    by_arm = {
        names[0]: frozenset({"normalization"}),
        names[1]: frozenset({"normalization", "normalization_position"}),
    }
    assert ignored_fields(asked, by_arm) == []


def test_a_tuned_field_that_the_model_never_reads_is_found(study):
    grid = {"learning_rate": [0.01, 0.1, 1.0], "dropout": [0.0, 0.1, 0.2]}
    asked = study("ReLU").changed({"tuning": "fair", "tune": {"grid": grid}})
    assert asked.tuned_fields == ("learning_rate", "dropout")
    (problem,) = ignored_fields(asked, reads(asked, "activation"))
    assert "tune.grid must be of fields that the model uses" in problem
    assert "build of net.py never reads recipe.dropout" in problem
    by_arm = reads(asked, "activation") | {asked.arms[1].name: frozenset({"activation", "dropout"})}
    assert ignored_fields(asked, by_arm) == []  # one arm has it: its candidates differ there
