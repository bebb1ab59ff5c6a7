"""The folder of a run: made, checked, and never mixed up with another."""

import json
import os
import stat

import pytest

from stepladder import OutputError, Study
from stepladder.errors import StoreError
from stepladder.files import size_of
from stepladder.runs.folder import check, finished_search, remember_store, store_of, write_study
from stepladder.study.sources import NpzDataset, TableDataset

STUDY = Study(name="mine", base={"hidden": [3]})


def test_a_new_folder_is_made_with_its_parents(tmp_path):
    folder = tmp_path / "a b" / "c'é"
    check(folder, STUDY)
    write_study(folder, STUDY)
    assert Study.load(folder / "study.toml") == STUDY
    assert [file.name for file in folder.iterdir()] == ["study.toml"]


def test_the_study_s_own_folder_is_used_again(tmp_path):
    for _ in range(2):
        check(tmp_path, STUDY)
        write_study(tmp_path, STUDY)


def test_others_may_read_what_the_user_s_mask_lets_them(tmp_path):
    write_study(tmp_path, STUDY)
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("study.toml", "plain")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("content", [b'name = "other"', b"name = ", b"\xff\xfe", b""])
def test_a_folder_of_another_study_is_refused_and_left_alone(tmp_path, content):
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(OutputError, match="choose another folder with out="):
        check(tmp_path, STUDY)
    assert (tmp_path / "study.toml").read_bytes() == content


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputError, match="must be a folder, found a file"):
        check(file, STUDY)
    with pytest.raises(OutputError, match="must be writable"):
        check(file / "below", STUDY)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="must be writable"):
        check(tmp_path, STUDY)


SEARCHED = Study(
    name="found",
    base={"hidden": [3]},
    search={"space": {"learning_rate": {"type": "float", "low": 0.01, "high": 0.1}}, "trials": 4},
)


def left(folder, study, **changes):
    """Writes what a search of a study would have left."""
    params = {"learning_rate": 0.05}
    recipe = study.base.changed(params).model_dump(mode="json")
    found = {"search": study.search.model_dump(mode="json"), "seed": study.seed,
             "best": {"params": params, "recipe": recipe}, **changes}  # fmt: skip
    (folder / "search.json").write_text(json.dumps(found), "utf-8")
    return folder / "search.json"


def test_what_a_search_has_left_is_its_own(tmp_path):
    assert finished_search(tmp_path, SEARCHED) is None
    file = left(tmp_path, SEARCHED, candidates=[{}] * 4)
    assert finished_search(tmp_path, SEARCHED) == file
    longer = SEARCHED.changed({"search": SEARCHED.search.changed({"trials": 5})})
    assert finished_search(tmp_path, longer) is None
    assert finished_search(tmp_path, SEARCHED.changed({"seed": 1})) is None
    for other in ({"epochs": 99}, {"hidden": (4,)}):
        base = SEARCHED.changed({"base": SEARCHED.base.changed(other)})
        assert finished_search(tmp_path, base) is None, other
    same = SEARCHED.changed({"base": SEARCHED.base.changed({"learning_rate": 0.3})})
    assert finished_search(tmp_path, same) == file, "the space draws it anew"
    assert finished_search(tmp_path, STUDY) is None, "not a search at all"


def test_what_a_search_has_left_before_a_setting_came_is_its_own(tmp_path):
    search = SEARCHED.search.model_dump(mode="json")
    del search["per_structure"]
    assert finished_search(tmp_path, SEARCHED) is None
    file = left(tmp_path, SEARCHED, search=search)
    assert finished_search(tmp_path, SEARCHED) == file


@pytest.mark.parametrize("content", ["", "[]", '{"search": 3}'])
def test_what_cannot_be_read_is_for_the_reader_to_refuse(tmp_path, content):
    (tmp_path / "search.json").write_text(content, "utf-8")
    assert finished_search(tmp_path, SEARCHED) == tmp_path / "search.json"


def test_a_size_passes_over_what_vanishes(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "one").write_bytes(b"123")
    (tmp_path / "below" / "two").write_bytes(b"4567")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert size_of(tmp_path) == 7
    assert size_of(tmp_path / "gone") == 0


def test_data_are_found_from_the_run_s_folder_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    csv = {"csv": "my.csv", "label": "y", "test_share": 0.2}
    there = TableDataset(**{**csv, "csv": str(tmp_path / "my.csv")})
    npz = {"npz": "my.npz", "task": "regression"}
    arrays = NpzDataset(npz=str(tmp_path / "my.npz"), task="regression")
    for given, found in (("my.npz", str(tmp_path / "my.npz")), ("mnist", "mnist"), (csv, there),
                         (npz, arrays)):  # fmt: skip
        write_study(tmp_path / "run", Study(name="s", dataset=given, base={"hidden": [3]}))
        assert Study.load(tmp_path / "run/study.toml").dataset == found


def test_a_folder_remembers_its_store_wherever_both_are_moved(tmp_path, monkeypatch):
    project = tmp_path / "project"
    folder = project / "runs" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(project)
    assert store_of(folder) == str(folder / "stepladder.db")
    remember_store(folder, "shared.db")
    (project / "shared.db").touch()
    monkeypatch.chdir(tmp_path)
    assert store_of(folder) == str(project / "shared.db")
    assert store_of(folder, "another.db") == "another.db"
    project.rename(tmp_path / "moved")
    assert store_of(tmp_path / "moved/runs/mine") == str(tmp_path / "moved/shared.db")
    (tmp_path / "moved/runs/mine").rename(tmp_path / "alone")
    (tmp_path / "moved").rename(project)
    assert store_of(tmp_path / "alone") == str(project / "shared.db")


def test_its_own_store_and_one_in_memory_need_no_remembering(tmp_path):
    for store in (str(tmp_path / "stepladder.db"), "sqlite://"):
        remember_store(tmp_path, str(tmp_path / "other.db"))
        remember_store(tmp_path, store)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("postgresql://me:s3cret@host:5432/db", "postgresql+psycopg://me@host:5432/db"),
        (
            "postgresql://host/db?password=s3cret&sslpassword=s3cret&sslmode=require",
            "postgresql+psycopg://host/db?sslmode=require",
        ),
    ],
)
def test_a_password_is_not_written_down(url, kept, tmp_path):
    remember_store(tmp_path, url)
    assert store_of(tmp_path) == kept
    assert "s3cret" not in (tmp_path / "store.json").read_text()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"relative": 3}', '{"relative": "x"}'])
def test_a_remembered_store_that_cannot_be_read_is_named(content, tmp_path):
    (tmp_path / "store.json").write_text(content)
    with pytest.raises(StoreError, match="remove it and name the store with store=URL"):
        store_of(tmp_path)
