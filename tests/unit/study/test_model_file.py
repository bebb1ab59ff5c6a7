"""A model file: named, read and hashed, and nothing but a file beside the study."""

import hashlib
import os

import pytest

from stepladder import Recipe, Study, StudyError
from stepladder.study.loading import ModelFile
from stepladder.trials.trial import Trial

TEXT = "def build(recipe, input_shape, classes): raise SystemExit('was run')\n"
STUDY = 'name = "s"\nmodel = "{}"\n[base]\nactivation = "tanh"\n[[technique]]\nname = "ReLU"\n'


@pytest.fixture
def folder(tmp_path):
    inner = tmp_path / "study"
    (inner / "nets").mkdir(parents=True)
    for file in (inner / "net.py", inner / "nets" / "deep.py", tmp_path / "outside.py"):
        file.write_text(TEXT, "utf-8")
    (inner / "study.toml").write_text(STUDY.format("net.py:build"), "utf-8")
    return inner


@pytest.mark.parametrize("file", ["net.py", "nets/deep.py", "./net.py"])
def test_a_file_in_the_study_s_folder_or_below_is_read_and_hashed(folder, file):
    model = ModelFile.load(f"{file}:build", folder)
    assert model.text == TEXT
    assert model.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert model.identity == f"{model.sha256}:build"


def test_a_file_with_a_byte_order_mark_is_the_code_behind_it(folder):
    content = b"\xef\xbb\xbf" + TEXT.encode()
    (folder / "net.py").write_bytes(content)
    model = ModelFile.load("net.py:build", folder)
    assert model.text == TEXT
    assert model.sha256 == hashlib.sha256(content).hexdigest()
    pinned = ModelFile.load(model.model_dump(), folder)
    assert pinned.text == TEXT


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("net.py", "model must be FILE.py:FUNCTION, found 'net.py'"),
        ("net.py:build:again", "model must be FILE.py:FUNCTION"),
        (":build", "model must be FILE.py:FUNCTION"),
        ("", "model must be FILE.py:FUNCTION"),
        ("../outside.py:build", "without '..', found '../outside.py'"),
        ("nets/../../outside.py:build", "without '..'"),
        ("{outside}:build", "in the study's folder or below it"),
        ("nets\\deep.py:build", "with forward slashes"),
        ("net.txt:build", "must be a .py file"),
        ("net.py:1build", "model.function must be a function's name, found '1build'"),
        ("net.py:os.system", "model.function must be a function's name"),
        ("net.py:lambda", "model.function must be a function's name"),
        ("gone.py:build", "gone.py': No such file or directory; check its name"),
        ("folder.py:build", "must be a plain file"),
        ("link.py:build", "must be a plain file in the study's folder"),
        ("linked/outside.py:build", "must be a plain file in the study's folder"),
        ("ring.py:build", "must be a file that can be read"),
        ("pipe.py:build", "must be a plain file"),
        ("latin.py:build", "must be a Python file in UTF-8"),
        ("large.py:build", "at most 1,000,000 bytes"),
        ({"file": "net.py"}, "model.function is missing"),
        ({"file": "net.py", "function": "build", "text": "x"}, "model.text is not a key"),
        ({"file": "net.py", "function": "build", "sha256": "f00"}, "64 hexadecimal digits"),
    ],
)
def test_anything_else_is_refused_before_it_is_read(folder, given, expected):
    (folder / "folder.py").mkdir()
    (folder / "link.py").symlink_to(folder.parent / "outside.py")
    (folder / "linked").symlink_to(folder.parent)
    (folder / "ring.py").symlink_to(folder / "ring.py")
    os.mkfifo(folder / "pipe.py")
    (folder / "latin.py").write_bytes("# Grüße\n".encode("latin-1"))
    (folder / "large.py").write_text("#" * 1_000_001)
    if isinstance(given, str):
        given = given.replace("{outside}", str(folder.parent / "outside.py"))
    with pytest.raises(StudyError) as refused:
        ModelFile.load(given, folder)
    assert expected in str(refused.value)


def test_a_link_that_stays_below_is_followed(folder):
    (folder / "link.py").symlink_to(folder / "nets" / "deep.py")
    assert ModelFile.load("link.py:build", folder).text == TEXT


def ids(study):
    return [Trial(arm.recipe, "data", 10, 0, 0).id for arm in study.arms]


def test_content_and_function_are_in_every_trial_s_id_and_the_path_is_not(folder):
    study = Study.load(folder / "study.toml")
    moved = Study.load(folder / "study.toml", {"model": "nets/deep.py:build"})
    assert ids(moved) == ids(study)
    other = Study.load(folder / "study.toml", {"model": "net.py:other"})
    (folder / "net.py").write_text(TEXT + "\n", "utf-8")
    edited = Study.load(folder / "study.toml")
    plain = Study(name="s", base=Recipe(hidden=[5], activation="tanh"), techniques=["ReLU"])
    every = [*ids(study), *ids(other), *ids(edited), *ids(plain)]
    assert len(set(every)) == len(every)


def test_a_recipe_without_a_model_is_written_as_before_there_were_models():
    assert "model" not in Recipe(hidden=[5]).model_dump()


def test_a_run_s_own_study_file_reads_back_without_the_code_and_is_equal(folder, tmp_path):
    study = Study.load(folder / "study.toml")
    kept = tmp_path / "run" / "study.toml"
    kept.parent.mkdir()
    kept.write_text(study.to_toml(), "utf-8")
    again = Study.load(kept)
    assert again == study
    assert ids(again) == ids(study)
    with pytest.raises(StudyError, match="found no such file or another content"):
        again.model.text  # noqa: B018 - the access is the test
    (kept.parent / "net.py").write_text(TEXT + "# edited", "utf-8")
    with pytest.raises(StudyError, match="found no such file or another content"):
        Study.load(kept).model.text  # noqa: B018 - the access is the test
    (kept.parent / "net.py").write_text(TEXT, "utf-8")
    assert Study.load(kept).model.text == TEXT


def test_python_names_a_file_below_the_current_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    by_name = Study(name="s", model="net.py:build", base={"activation": "tanh"})
    by_recipe = Study(name="s", model="net.py:build", base=Recipe(hidden=[3]))
    assert by_name.base.hidden == ()
    assert by_recipe.base.hidden == (3,)
    assert by_name.base.model == by_recipe.base.model == by_name.model.identity


def test_the_names_of_model_files_alone_make_no_two_equal(folder):
    one, other = (ModelFile.load(f"{name}:build", folder) for name in ("net.py", "nets/deep.py"))
    assert one != other
    assert one == ModelFile.load("net.py:build", folder)
    assert hash(one) == hash(ModelFile.load("net.py:build", folder))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"base": {}}, "base.hidden is missing"),
        ({"base": {"hidden": [1], "model": f"{'0' * 64}:build"}}, "found it without one"),
        ({"base": {"hidden": [1]}, "model": 3}, "model must be a table, found 3"),
        (
            {"base": {"hidden": [1]}, "techniques": [{"name": "x", "change": {"model": "y"}}]},
            "technique 'x': model must be FILE.py:FUNCTION, found 'y'",
        ),
        (
            {
                "base": {"hidden": [1]},
                "design": "explicit",
                "explicit": [{"name": "x", "change": {"model": "y"}}],
            },
            "arm 'x': model must be FILE.py:FUNCTION, found 'y'",
        ),
    ],
)
def test_a_model_elsewhere_than_at_the_top_is_refused(fields, expected):
    with pytest.raises(StudyError) as refused:
        Study(name="s", **fields)
    assert expected in str(refused.value)
