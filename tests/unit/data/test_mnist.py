import hashlib
from importlib import resources

import numpy as np
import pytest
from dataset_files import IDX_NAMES, idx_bytes

from stepladder.data import load
from stepladder.data.readers import unpack_mnist
from stepladder.errors import DataError

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
