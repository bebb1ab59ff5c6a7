import os

import pytest
from dataset_files import write_idx, write_npz

from stepladder.data import load
from stepladder.data.readers import BUILT_IN
from stepladder.errors import DataError
from stepladder.study.study import BUILT_IN_DATASETS, CsvDataset


def test_knows_every_name_that_a_study_may_say():
    assert tuple(BUILT_IN) == BUILT_IN_DATASETS


def test_name_is_the_last_part_of_the_path(tmp_path):
    assert load(str(write_npz(tmp_path / "small.npz"))).name == "small.npz"
    assert load(str(write_idx(tmp_path / "small"))).name == "small"


def test_fingerprint_depends_on_contents_and_not_on_path_or_format(tmp_path):
    one = load(str(write_npz(tmp_path / "one.npz")))
    assert one.fingerprint == load(str(write_npz(tmp_path / "two.NPZ"))).fingerprint
    assert one.fingerprint == load(str(write_idx(tmp_path / "three"))).fingerprint


@pytest.mark.parametrize("name", ["nowhere", "nowhere.npz", "nowhere/deeper", "x" * 5000, "a\0b"])
def test_missing_path(tmp_path, name):
    with pytest.raises(DataError, match=r"built-in name .* found nothing|must be readable, found"):
        load(str(tmp_path / name))


def test_missing_table(tmp_path):
    with pytest.raises(DataError, match=r"found nothing at .*digits\.csv'; check the path"):
        load(CsvDataset(csv=str(tmp_path / "digits.csv"), label="digit", test_share=0.2))


def test_misspelt_name_gets_the_nearest_one(tmp_path):
    with pytest.raises(DataError, match=r"minst'; did you mean 'mnist'\?"):
        load(str(tmp_path / "minst"))


def test_table_named_as_a_path_is_told_how_to_write_it(tmp_path):
    (tmp_path / "digits.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r'another file .* write dataset = \{ csv = "digits.csv"'):
        load(str(tmp_path / "digits.csv"))


def test_file_of_another_kind(tmp_path):
    (tmp_path / "digits.txt").write_text("hello")
    with pytest.raises(DataError, match=r"another file at .*digits\.txt'; name one of these"):
        load(str(tmp_path / "digits.txt"))


def test_folder_where_a_table_is_expected(tmp_path):
    with pytest.raises(DataError, match="found a folder at"):
        load(CsvDataset(csv=str(tmp_path), label="digit", test_share=0.2))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(DataError, match="found no plain file or folder"):
        load(str(tmp_path / "pipe.npz"))


def test_circle_of_links(tmp_path):
    (tmp_path / "circle.npz").symlink_to(tmp_path / "circle.npz")
    with pytest.raises(DataError, match=r"found nothing|must be readable"):
        load(str(tmp_path / "circle.npz"))
