import io
import pickle
import zipfile

import numpy as np
import pytest
from dataset_files import npz_bytes, parts, refused_without_memory, write_npz

from stepladder.data import load
from stepladder.errors import DataError


def read(tmp_path, **changes):
    return load(str(write_npz(tmp_path / "set.npz", **changes)))


@pytest.mark.parametrize("input_shape", [(6,), (3, 2), (3, 2, 4)])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_back_what_was_written(tmp_path, input_shape, save):
    expected = parts(input_shape=input_shape)
    save(tmp_path / "set.npz", **expected)
    made = load(str(tmp_path / "set.npz"))
    assert made.input_shape == input_shape
    for part, array in expected.items():
        np.testing.assert_array_equal(getattr(made, part), array)


@pytest.mark.parametrize(
    "kind", ["bool", "int8", "uint16", "int64", "uint64", "f2", "f4", "f8", ">f4", ">i2"]
)
def test_inputs_become_bytes_or_single_precision(tmp_path, kind):
    ones = {part: parts()[part] // 128 for part in ("x_train", "x_test")}
    made = read(tmp_path, **{part: array.astype(kind) for part, array in ones.items()})
    assert made.x_train.dtype == (np.float32 if "f" in kind else np.uint8)
    np.testing.assert_array_equal(made.x_train, ones["x_train"])
    np.testing.assert_array_equal(made.x_test, ones["x_test"])


@pytest.mark.parametrize("value", [-1, 256])
def test_whole_numbers_beyond_bytes_make_both_parts_single_precision(tmp_path, value):
    x_test = parts()["x_test"].astype(int)
    x_test[0, 0, 0] = value
    made = read(tmp_path, x_test=x_test)
    assert made.x_train.dtype == made.x_test.dtype == np.float32
    assert made.x_test[0, 0, 0] == value


def test_column_major_arrays_keep_their_order(tmp_path):
    x_train = parts()["x_train"]
    np.testing.assert_array_equal(
        read(tmp_path, x_train=np.asfortranarray(x_train)).x_train, x_train
    )


@pytest.mark.parametrize("kind", ["uint8", "int64", "uint64", "f4", ">i4"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_labels_of_any_type_and_shape_that_people_save(tmp_path, kind, shape):
    labels = {part: parts()[part] for part in ("y_train", "y_test")}
    made = read(
        tmp_path, **{part: array.astype(kind).reshape(shape) for part, array in labels.items()}
    )
    assert made.y_train.dtype == np.int32
    np.testing.assert_array_equal(made.y_train, labels["y_train"])
    np.testing.assert_array_equal(made.y_test, labels["y_test"])
    assert made.class_names == ("0", "1", "2")


def test_labels_with_gaps_are_numbered_in_their_order(tmp_path):
    values = np.array([7, 30, 200])
    made = read(tmp_path, y_train=values[parts()["y_train"]], y_test=values[parts()["y_test"]])
    np.testing.assert_array_equal(made.y_train, parts()["y_train"])
    assert made.class_names == ("7", "30", "200")


def test_further_arrays_do_no_harm(tmp_path):
    assert read(tmp_path, notes=np.array(["hello"])).classes == 3


def test_test_part_may_lack_a_class(tmp_path):
    made = read(tmp_path, y_test=np.zeros(3, int))
    assert made.classes == 3
    assert made.y_test.tolist() == [0, 0, 0]


def changed(part, value):
    array = parts()[part].astype(float)
    array.flat[1] = value
    return {part: array}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": None}, "must hold the arrays .* found x_train, y_test, y_train; add x_test"),
        ({"y_train": None, "y_test": None}, "found x_test, x_train; add y_train, y_test"),
        ({"x_train": np.zeros(12)}, r"x_train must have the shape .* found \(12,\)"),
        ({"x_train": np.zeros((12, 1, 1, 1, 1))}, r"1 to 4 dimensions.* \(12, 1, 1, 1, 1\)"),
        ({"x_train": np.zeros((0, 3, 2))}, r"none of them 0, found float64 of shape \(0, 3, 2\)"),
        ({"x_train": np.full((12, 6), "a")}, "x_train must hold numbers .* found <U1"),
        ({"x_train": np.zeros((12, 6), complex)}, "must hold numbers .* found complex128"),
        ({"x_train": np.zeros((12, 6), "i4,f4")}, "must hold numbers"),
        ({"x_train": np.array(5)}, r"x_train must have the shape .* found \(\)"),
        ({"x_test": np.zeros(3, np.uint8)}, r"x_test must have the shape .* found \(3,\)"),
        ({"x_test": np.zeros((3, 2, 2), np.uint8)}, r"uint8 \(3, 2\) and uint8 \(2, 2\)"),
        ({"x_test": np.zeros((3, 3, 2))}, "must be of one type, found uint8 and float64"),
        ({"y_train": np.arange(11)}, "12 examples and 11 labels"),
        ({"y_test": np.arange(2)}, "3 examples and 2 labels"),
        ({"y_train": np.eye(12)}, r"shape \(12, 12\); .* argmax\(axis=1\) if it is one-hot"),
        ({"y_train": np.array(3)}, r"y_train must be whole numbers of shape .* of shape \(\)"),
        ({"y_train": np.full(12, "a")}, "y_train must hold numbers"),
        (changed("y_train", -1), "y_train must hold whole numbers .* found -1.0 for example 1"),
        (changed("y_train", 1.5), "found 1.5 for example 1; .*task = .regression"),
        (changed("y_train", np.nan), "found nan for example 1"),
        (changed("y_train", 1e300), r"found 1e\+300 for example 1"),
        (changed("y_test", 9), "y_test must hold only classes that y_train holds, found 9 in"),
        ({"y_train": np.zeros(12, int), "y_test": np.zeros(3, int)}, r"classes, found 1 \('0'\)"),
    ],
)
def test_refuses_what_makes_no_sense(tmp_path, changes, message):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, **changes)
    assert "set.npz" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, -1e39])
def test_refuses_inputs_beyond_single_precision(tmp_path, value):
    images = {part: parts()[part].astype(float) for part in ("x_train", "x_test")}
    images["x_test"][1, 0, 0] = value
    with pytest.raises(DataError, match=r"x_test must hold finite .* in example 1"):
        read(tmp_path, **images)


class Trap:
    """Unpickling it raises what no reader would turn into a DataError."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def test_pickled_objects_are_never_unpickled(tmp_path):
    with pytest.raises(SystemExit):  # so the trap works
        pickle.loads(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="x_train must hold numbers, found pickled Python objects"):
        read(tmp_path, x_train=np.array([Trap()] * 12, object))


def with_header(header, data=b"", version=(1, 0), same=False):
    """An archive whose x_train, and x_test if it is the same, has a header of ours."""
    packed = io.BytesIO()
    text = header.encode().ljust(117) + b"\n"
    npy = b"\x93NUMPY" + bytes(version) + len(text).to_bytes(2, "little") + text + data
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x_train.npy", npy)
        for part in ("y_train", "x_test", "y_test"):
            with archive.open(f"{part}.npy", "w") as stream:
                if same and part == "x_test":
                    stream.write(npy)
                else:
                    np.lib.format.write_array(stream, parts()["y_train" if same else part])
    return packed.getvalue()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(12, 3, 3)", r"uint8 \(3, 3\) and uint8 \(3, 2\)"),
        ("(12, 3, 1)", r"uint8 \(3, 1\) and uint8 \(3, 2\)"),
        ("(10**9, 3, 2)", "cannot be read"),
        ("(1000000000000000, 3, 2)", "found 1000000000000000 examples and 12 labels"),
        ("(-12, -3, 2)", "none of them 0"),
        ("(True, 'a')", "cannot be read"),
    ],
)
def test_header_that_does_not_fit_its_array(tmp_path, shape, message):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    (tmp_path / "set.npz").write_bytes(with_header(header, bytes(72)))
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "set.npz"))


def test_header_of_python_2_is_read(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (12L, 3L, 2L), }"
    (tmp_path / "set.npz").write_bytes(with_header(header, parts()["x_train"].tobytes()))
    np.testing.assert_array_equal(load(str(tmp_path / "set.npz")).x_train, parts()["x_train"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"label,pixel\n1,2\n", "cannot be read: File is not a zip file"),
        (npz_bytes(**parts())[:-30], "cannot be read"),
        (npz_bytes(**parts())[:200], "cannot be read"),
        (with_header("{}"), "cannot be read"),
        (with_header("{}", version=(3, 0)), "array format 3.0 is not 1.0 or 2.0"),
    ],
)
def test_damaged_file(tmp_path, content, message):
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load(str(tmp_path / "set.npz"))
    assert "set.npz" in str(caught.value)


def test_flipped_bit_is_noticed_by_its_checksum(tmp_path):
    content = bytearray(npz_bytes(**parts()))
    content[content.index(parts()["x_train"].tobytes())] ^= 1
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        load(str(tmp_path / "set.npz"))


def test_single_array_renamed(tmp_path):
    with (tmp_path / "set.npz").open("wb") as stream:
        np.save(stream, parts()["x_train"])
    with pytest.raises(DataError, match=r"must be a complete \.npz file"):
        load(str(tmp_path / "set.npz"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.arange(3)}, "found 50 examples and 3 labels"),
        (
            {"y_test": np.arange(3)},
            "y_test must have one label for each example of x_test, found 2",
        ),
        (
            {"x_test": np.zeros((2, 9, 9), np.uint8)},
            r"found uint8 \(1000, 1000\) and uint8 \(9, 9\)",
        ),
        ({}, "must have 2 to 65,536 classes, found 1"),
    ],
)
def test_what_is_announced_and_its_labels_are_read_before_it_is_expanded(
    tmp_path, changes, message
):
    images, labels = np.zeros((50, 1000, 1000), np.uint8), np.zeros(50, np.uint8)
    arrays = {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}
    np.savez_compressed(tmp_path / "set.npz", **{**arrays, **changes})
    refused_without_memory(str(tmp_path / "set.npz"), message)


def test_what_needs_more_memory_than_there_is_is_refused(tmp_path):
    shape = (12, 10**6, 10**6)
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    (tmp_path / "set.npz").write_bytes(with_header(header, same=True))
    with pytest.raises(DataError, match=r"x_test must fit into memory, found 24,000,000 MB"):
        load(str(tmp_path / "set.npz"))
