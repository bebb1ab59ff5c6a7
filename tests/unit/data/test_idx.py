"""IDX files, and MNIST's and EMNIST's sets of them."""

import gzip
import hashlib
import struct
from importlib import resources

import numpy as np
import pytest
from dataset_files import (
    EMNIST_NAMES,
    IDX_NAMES,
    idx_bytes,
    parts,
    refused_without_memory,
    write_idx,
)

from stepladder.data import load
from stepladder.data.readers import unpack_mnist
from stepladder.errors import DataError

# Idx.


DOTTED = {part: name.replace("-idx", ".idx") for part, name in IDX_NAMES.items()}
PACKED = {part: f"{name}.gz" for part, name in IDX_NAMES.items()}
MIXED = {**IDX_NAMES, "x_train": PACKED["x_train"]}


@pytest.mark.parametrize("names", [IDX_NAMES, DOTTED, PACKED, MIXED, EMNIST_NAMES])
def test_reads_back_what_was_written(tmp_path, names):
    expected = parts()
    made = load(str(write_idx(tmp_path / "set", expected, names)))
    for part, array in expected.items():
        np.testing.assert_array_equal(getattr(made, part), array)
    assert made.class_names == ("0", "1", "2")


def test_packed_files_beside_their_unpacked_ones_do_no_harm(tmp_path):
    folder = write_idx(tmp_path / "raw", names=IDX_NAMES)
    write_idx(folder, names=PACKED)  # as torchvision leaves a folder
    assert len(load(str(folder)).x_train) == len(parts()["x_train"])


def test_labels_from_one_are_numbered_from_zero_and_keep_their_names(tmp_path):
    arrays = parts()
    expected = arrays["y_train"].copy()
    arrays["y_train"] = arrays["y_train"] + 1
    arrays["y_test"] = arrays["y_test"] + 1
    made = load(str(write_idx(tmp_path / "letters", arrays, EMNIST_NAMES)))
    np.testing.assert_array_equal(made.y_train, expected)
    assert made.class_names == ("1", "2", "3")


def test_other_files_beside_the_four_do_no_harm(tmp_path):
    folder = write_idx(tmp_path / "set")
    (folder / "README.txt").write_text("hello")
    (folder / "._train-images-idx3-ubyte").write_bytes(b"left by an archive")
    (folder / "old-train-images-idx3-ubyte").mkdir()
    assert load(str(folder)).classes == 3


@pytest.mark.parametrize(
    ("files", "shown"), [([], "nothing"), (["a.png", "b.txt"], "a.png, b.txt")]
)
def test_folder_without_idx_files_lists_what_is_there(tmp_path, files, shown):
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=rf"found no IDX file \(files there: {shown}\)"):
        load(str(tmp_path))


@pytest.mark.parametrize("part", IDX_NAMES)
def test_missing_file_lists_the_others(tmp_path, part):
    folder = write_idx(tmp_path / "set")
    (folder / IDX_NAMES[part]).unlink()
    others = ", ".join(name for each, name in IDX_NAMES.items() if each != part)
    with pytest.raises(DataError, match=f"must hold one each of .* found {others}; add"):
        load(str(folder))


@pytest.mark.parametrize(
    "extra", ["train-images.idx3-ubyte", "emnist-digits-train-images-idx3-ubyte"]
)
def test_two_files_of_one_kind_are_not_chosen_between(tmp_path, extra):
    folder = write_idx(tmp_path / "set")
    (folder / extra).write_bytes(b"")
    with pytest.raises(DataError, match=rf"found .*{extra}.*; .* move the others"):
        load(str(folder))


def test_files_of_two_datasets_are_not_mixed(tmp_path):
    names = {**EMNIST_NAMES, "x_test": EMNIST_NAMES["x_test"].replace("letters", "digits")}
    with pytest.raises(DataError, match=r"of one dataset, found .*emnist-digits-test-images"):
        load(str(write_idx(tmp_path / "set", names=names)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "with 0x00000803, found an empty file; download it again"),
        (b"\0\0\x08", "with 0x00000803, found 0x000008"),
        (b"not IDX at all", "found 0x6e6f7420"),
        (idx_bytes(parts()["y_train"]), "found 0x00000801"),
        (b"\0\0\x0d\x03" + bytes(12), "found 0x00000d03"),
        (gzip.compress(b"hello"), "found 0x1f8b.*; add .gz to its name"),
        (idx_bytes(parts()["x_train"])[:10], "header of 16 bytes, found 10"),
        (idx_bytes(parts()["x_train"])[:-1], r"the 72 values of shape \(12, 3, 2\) .* only 71"),
        (idx_bytes(parts()["x_train"]) + b"\0", "found more; download"),
        (struct.pack(">4BIII", 0, 0, 8, 3, 0, 2**32 - 1, 2**32 - 1), "at least one value"),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_file_says_what_is_wrong(tmp_path, content, message, packed):
    folder = write_idx(tmp_path / "set")
    plain = folder / IDX_NAMES["x_train"]
    if packed:
        plain.unlink()
        (folder / PACKED["x_train"]).write_bytes(gzip.compress(content))
    else:
        plain.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load(str(folder))
    assert IDX_NAMES["x_train"] in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-1],
        lambda packed: packed[:15],
        lambda packed: packed[:5],
        lambda packed: gzip.decompress(packed),
        lambda packed: packed[:-8] + bytes(8),
        lambda packed: packed[:20] + b"\xff\xff\xff" + packed[23:],
        lambda packed: packed + b"more",
    ],
)
def test_damaged_gzip(tmp_path, damage):
    folder = write_idx(tmp_path / "set", names=PACKED)
    path = folder / PACKED["x_train"]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"\.gz: must be a complete gzip file, as its name says"):
        load(str(folder))


def test_images_and_labels_unlike_in_number(tmp_path):
    arrays = {**parts(), "y_test": parts()["y_test"][:-1]}
    with pytest.raises(DataError, match="3 examples and 2 labels"):
        load(str(write_idx(tmp_path / "set", arrays)))


def test_images_unlike_in_shape(tmp_path):
    arrays = {**parts(), "x_test": parts(input_shape=(2, 2))["x_test"]}
    with pytest.raises(DataError, match=r"uint8 \(3, 2\) and uint8 \(2, 2\)"):
        load(str(write_idx(tmp_path / "set", arrays)))


# Mnist.


# SHA-256 of the four files as LeCun, Cortes and Burges published them, uncompressed.
ORIGINALS = {
    "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@pytest.fixture(scope="module")
def mnist():
    return load("mnist")


@pytest.fixture(scope="module")
def packed():
    return resources.files("stepladder.data").joinpath("mnist.xz").read_bytes()


@pytest.mark.parametrize("part", IDX_NAMES)
def test_is_the_published_dataset_byte_for_byte(mnist, part):
    rebuilt = idx_bytes(getattr(mnist, part))
    assert hashlib.sha256(rebuilt).hexdigest() == ORIGINALS[part]


def test_licence_file_names_the_same_hashes():
    text = resources.files("stepladder.data").joinpath("MNIST-LICENSE.md").read_text("utf-8")
    assert all(each in text for each in ORIGINALS.values())


def test_form(mnist):
    assert mnist.name == "mnist"
    assert mnist.input_shape == (28, 28)
    assert mnist.class_names == tuple("0123456789")
    assert mnist.x_train.dtype == mnist.x_test.dtype == np.uint8
    assert mnist.y_train.dtype == mnist.y_test.dtype == np.int32
    assert np.bincount(mnist.y_test).max() == 1135  # "1" to every image: 11.35 %


def test_fingerprint_is_the_same_for_good(mnist):
    # Stored trials are found again by it: this text changes only with a migration.
    assert mnist.fingerprint == "1b632795a63cd7bf159567a9b1e14f02357b37cdfde833d06c9d1d63d9a79126"


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:5000] + bytes([packed[5000] ^ 1]) + packed[5001:],
        lambda packed: packed[:-1],
        lambda packed: packed + b"\0",
        lambda packed: b"",
    ],
    ids=["one bit", "truncated", "longer", "missing"],
)
def test_altered_package_is_noticed(packed, damage):
    with pytest.raises(DataError, match=r"must have the SHA-256 3085a14d.*; reinstall stepladder"):
        unpack_mnist(damage(packed))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2**32 - 1,) * 3, "found 4294967295 examples and 12 labels"),
        ((2**20, 1024, 1024), "found 1048576 examples and 12 labels"),
        ((12, 2**31, 2**31), r"of one type and shape, found uint8 \(2147483648, 2147483648\) and"),
    ],
)
def test_what_is_announced_is_compared_before_it_is_expanded(tmp_path, shape, message, packed):
    names = PACKED if packed else IDX_NAMES
    folder = write_idx(tmp_path / "set", names=names)
    content = struct.pack(">4BIII", 0, 0, 8, 3, *shape) + bytes(50_000_000)
    file = folder / names["x_train"]
    file.write_bytes(gzip.compress(content) if names["x_train"].endswith(".gz") else content)
    refused_without_memory(str(folder), message)


def test_labels_that_will_not_do_cost_no_memory(tmp_path):
    images, labels = np.zeros((50, 1000, 1000), np.uint8), np.zeros(50, np.uint8)
    arrays = {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}
    folder = write_idx(tmp_path / "set", arrays)
    refused_without_memory(str(folder), "must have 2 to 65,536 classes, found 1")
