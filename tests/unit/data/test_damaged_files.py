"""Whatever happens to a file, loading gives a valid dataset or one clear error."""

import gzip
import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from dataset_files import IDX_NAMES, csv_text, idx_bytes, npz_bytes, parts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepladder.data import Dataset, load
from stepladder.errors import DataError
from stepladder.study.study import CsvDataset

PLACE = st.floats(0, 1, exclude_max=True)
DAMAGE = st.one_of(
    st.tuples(st.just("truncate"), PLACE, st.just(b"")),
    st.tuples(st.just("flip"), PLACE, st.integers(1, 255).map(lambda mask: bytes([mask]))),
    st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("replace"), PLACE, st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("remove"), PLACE, st.binary(min_size=1, max_size=9)),
)
HARD = settings(
    derandomize=True,
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
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
        check(CsvDataset(csv=str(path), label="kind", test_share=0.25))


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"\x93NUMPY", b"\0" * 64])
@pytest.mark.parametrize("name", ["set.npz", "set.csv", *IDX_NAMES.values()])
def test_stumps(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    check(str(tmp_path / name))
    check(CsvDataset(csv=str(tmp_path / name), label="kind", test_share=0.25))
    check(str(tmp_path))
