"""Readers: which there are, how much they read, and whatever happens to a file."""

import gzip
import io
import os
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from dataset_files import (
    IDX_NAMES,
    PICTURES,
    csv_text,
    idx_bytes,
    npz_bytes,
    parts,
    picture_bytes,
    png_bytes,
    png_chunk,
    refused_without_memory,
    write_idx,
    write_npz,
    write_pictures,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepladder.data import Dataset, load
from stepladder.data.dataset import assemble
from stepladder.data.readers import BUILT_IN, read_up_to
from stepladder.errors import DataError
from stepladder.study.loading import BUILT_IN_DATASETS
from stepladder.study.sources import ImagesDataset, TableDataset

# Catalog.


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
        load(TableDataset(csv=str(tmp_path / "digits.csv"), label="digit", test_share=0.2))


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
        load(TableDataset(csv=str(tmp_path), label="digit", test_share=0.2))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(DataError, match="found no plain file or folder"):
        load(str(tmp_path / "pipe.npz"))


def test_circle_of_links(tmp_path):
    (tmp_path / "circle.npz").symlink_to(tmp_path / "circle.npz")
    with pytest.raises(DataError, match=r"found nothing|must be readable"):
        load(str(tmp_path / "circle.npz"))


# Reading.


@pytest.mark.parametrize("held", [0, 1, 4, 5, 6, 3 * 2**20 + 1])
@pytest.mark.parametrize("size", [0, 4, 5, 2**20, 2**21])
def test_reads_one_byte_more_than_announced_and_no_further(held, size):
    content = bytes(range(256)) * (held // 256 + 1)
    stream = io.BytesIO(content[:held])
    assert read_up_to(stream, size) == content[: min(held, size + 1)]
    assert stream.tell() == min(held, size + 1)


def test_memory_goes_by_what_is_there_and_not_by_what_is_announced():
    tracemalloc.start()
    try:
        assert len(read_up_to(io.BytesIO(b"few"), 10**12)) == 3
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


# Whatever happens to a file, loading gives a valid dataset or one clear error.


PLACE = st.floats(0, 1, exclude_max=True)
DAMAGE = st.one_of(
    st.tuples(st.just("truncate"), PLACE, st.just(b"")),
    st.tuples(st.just("flip"), PLACE, st.integers(1, 255).map(lambda mask: bytes([mask]))),
    st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("replace"), PLACE, st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("remove"), PLACE, st.binary(min_size=1, max_size=9)),
)
HARD = settings(
    derandomize=True, max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def damaged(content, damages):
    for kind, place, data in damages:
        at = int(place * len(content))
        head, tail = content[:at], content[at:]
        if kind == "truncate":
            content = head
        elif kind == "flip" and tail:
            content = head + bytes([tail[0] ^ data[0]]) + tail[1:]
        elif kind == "insert":
            content = head + data + tail
        elif kind == "replace":
            content = head + data + tail[len(data) :]
        elif kind == "remove":
            content = head + tail[len(data) :]
    return content


def check(dataset):
    """Loads; a Dataset checks itself when it is made, so any that comes is valid."""
    try:
        made = load(dataset)
    except DataError as error:
        message = str(error)
    else:
        assert isinstance(made, Dataset)
        return
    assert "; " in message
    assert len(message) < 5000


DAMAGES = st.lists(DAMAGE, min_size=1, max_size=3)
IDX_PARTS = {part: idx_bytes(array) for part, array in parts().items()}
NPZ = npz_bytes(**parts())
CSV = csv_text().encode()


@HARD
@given(part=st.sampled_from(sorted(IDX_NAMES)), packed=st.booleans(), damages=DAMAGES)
def test_idx(part, packed, damages):
    with tempfile.TemporaryDirectory() as folder:
        for each, name in IDX_NAMES.items():
            content = gzip.compress(IDX_PARTS[each], mtime=0) if packed else IDX_PARTS[each]
            content = damaged(content, damages) if each == part else content
            (Path(folder) / (f"{name}.gz" if packed else name)).write_bytes(content)
        check(folder)


@HARD
@given(damages=DAMAGES)
def test_npz(damages):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.npz"
        path.write_bytes(damaged(NPZ, damages))
        check(str(path))


@HARD
@given(part=st.sampled_from(sorted(IDX_NAMES)), damages=DAMAGES)
def test_npz_whose_checksums_were_made_after_the_damage(part, damages):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.npz"
        with zipfile.ZipFile(io.BytesIO(NPZ)) as whole, zipfile.ZipFile(path, "w") as archive:
            for name in whole.namelist():
                content = whole.read(name)
                content = damaged(content, damages) if name == f"{part}.npy" else content
                archive.writestr(name, content)
        check(str(path))


@HARD
@given(damages=DAMAGES)
def test_csv(damages):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.csv"
        path.write_bytes(damaged(CSV, damages))
        check(TableDataset(csv=str(path), label="kind", test_share=0.25))


@pytest.mark.parametrize("kind", sorted(PICTURES))
def test_pictures(kind):
    content = picture_bytes(kind)

    @settings(HARD, max_examples=100)
    @given(damages=DAMAGES, size=st.sampled_from([None, (5, 4)]))
    def check_damaged(damages, size):
        with tempfile.TemporaryDirectory() as folder:
            write_pictures(Path(folder), kind, at3=damaged(content, damages))
            check(ImagesDataset(images=folder, size=size, test_share=0.4))

    check_damaged()


EXPANDS = 60_000_000


@pytest.fixture(scope="module")
def zeros():
    return zlib.compress(bytes(EXPANDS), 1)


def test_what_expands_without_end_is_read_as_far_as_was_announced(tmp_path, zeros):
    folder = write_idx(tmp_path / "idx")
    images = folder / IDX_NAMES["x_train"]
    content = images.read_bytes() + bytes(EXPANDS)
    (folder / f"{images.name}.gz").write_bytes(gzip.compress(content, 1))
    images.unlink()
    refused_without_memory(str(folder), "announces, found more")
    with (
        zipfile.ZipFile(io.BytesIO(NPZ)) as whole,
        zipfile.ZipFile(
            tmp_path / "set.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1
        ) as archive,
    ):
        for name in whole.namelist():
            archive.writestr(name, whole.read(name) + bytes(EXPANDS))
    refused_without_memory(str(tmp_path / "set.npz"), "announces, found more")


@pytest.mark.parametrize("kind", [b"IDAT", b"zTXt", b"iCCP"])
def test_a_picture_that_expands_without_end_costs_no_memory(tmp_path, zeros, kind):
    pixels = zlib.compress(bytes(8 * 9))
    if kind == b"IDAT":
        content = png_bytes(7, 9, zeros)
    else:
        content = png_bytes(7, 9, pixels, png_chunk(kind, b"name\0\0" + zeros))
    folder = write_pictures(tmp_path / "photos", "png", at3=content)
    tracemalloc.start()
    check(str(folder))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"\x93NUMPY", b"\0" * 64])
@pytest.mark.parametrize("name", ["set.npz", "set.csv", *IDX_NAMES.values()])
def test_stumps(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    check(str(tmp_path / name))
    check(TableDataset(csv=str(tmp_path / name), label="kind", test_share=0.25))
    check(str(tmp_path))


def test_bytes_that_go_by_their_range_are_other_data_than_when_they_were_divided_by_255(tmp_path):
    y = np.array([0, 1, 0, 1])
    kinds = (("table", (4, 6), 1, 23), ("dim", (4, 2, 3), 1, 127), ("images", (4, 2, 3), 0, 128))
    for name, shape, revision, greatest in kinds:
        x = np.arange(24, dtype=np.uint8)
        x[-1] = greatest
        parts = {"x_train": x.reshape(shape), "y_train": y, "x_test": x.reshape(shape), "y_test": y}
        np.savez(tmp_path / f"{name}.npz", **parts)
        dataset = load(str(tmp_path / f"{name}.npz"))
        assert dataset.revision == revision
        assert (dataset.fingerprint == assemble("d", **parts).fingerprint) == (not revision)
