"""What a model file carries beside the model, and how pictures and arrays come to it."""

import io
import json
import zipfile

import numpy as np
import pytest
from drawn_digits import drawn
from PIL import Image

from stepladder.deployment.images import Framing, Levels
from stepladder.deployment.out_of_distribution import fit_subspaces
from stepladder.deployment.predict import (
    Extras,
    inputs_of,
    predict_files,
    read_extras,
    read_source,
    with_extras,
)
from stepladder.errors import DataError, InputError

# What is added to a model file comes back, and older files are understood.


def archive(members=()):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members:
            made.writestr(name, content)
    return file.getvalue()


def known(greatest):
    """What a training set of images in 0…greatest is like."""
    images = np.random.default_rng(0).uniform(0, greatest, (60, 4, 4)).astype(np.float32)
    images.flat[0] = greatest
    return fit_subspaces(images, np.arange(60) % 2, images)


def said_otherwise(file, **changes):
    """Writes the file's own words anew; what is changed to `...` is left out."""
    with zipfile.ZipFile(file) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    said = json.loads(members["stepladder.json"]) | changes
    said = {name: value for name, value in said.items() if value is not ...}
    members["stepladder.json"] = json.dumps(said).encode()
    file.write_bytes(archive(members.items()))


@pytest.fixture
def written(tmp_path):
    def write(extras, **changes):
        file = tmp_path / "model.keras"
        file.write_bytes(with_extras(archive([("config.json", "{}")]), extras))
        said_otherwise(file, **changes)
        return file

    return write


@pytest.mark.parametrize("levels", [Levels(0, 255), Levels(-0.42421296, 2.8214867), None])
@pytest.mark.parametrize("framing", [Framing(20), None])
def test_what_was_added_comes_back(written, framing, levels):
    found = read_extras(written(Extras(("a", "b"), framing, levels, None)))
    assert found == Extras(("a", "b"), framing, levels, None)


@pytest.mark.parametrize(
    ("framing", "greatest", "expected"),
    [
        (Framing(20), 255, Levels(0, 255)),
        (Framing(20), 250, Levels(0, 255)),
        (None, 255, Levels(0, 255)),
        (None, 1, None),
    ],
)
def test_an_older_file_has_levels_only_where_its_images_are_whole_numbers(
    written, framing, greatest, expected
):
    extras = Extras(("a", "b"), framing, Levels(0, 1), known(greatest))
    found = read_extras(written(extras, levels=...))
    assert found is not None
    assert found.levels == expected


@pytest.mark.parametrize("levels", [[1, 0], [0], [0, float("nan")], "01a", 3, [0, 1, 2]])
def test_levels_that_cannot_be_are_a_damaged_file(written, levels):
    file = written(Extras(("a", "b"), None, None, None), levels=levels)
    with pytest.raises(InputError, match=r"cannot be read .*; export it again"):
        read_extras(file)


# Pictures come to a model in the values of its training set, arrays as they are.


SHAPE, FRAMING = (28, 28), Framing(20)


@pytest.fixture
def seven(tmp_path):
    file = tmp_path / "seven.png"
    drawn("7").save(file)
    return file


@pytest.mark.parametrize("framing", [FRAMING, None])
@pytest.mark.parametrize("levels", [Levels(0, 1), Levels(-1, 1), Levels(-0.4242, 2.8215)])
def test_a_picture_gets_the_values_of_the_training_set(seven, framing, levels):
    (plain,) = inputs_of(read_source(seven), SHAPE, framing, Levels(0, 255))
    (found,) = inputs_of(read_source(seven), SHAPE, framing, levels)
    assert plain.values.dtype == np.uint8
    assert (found.values.min(), found.values.max()) == pytest.approx(
        (levels.least, levels.greatest)
    )
    back = (found.values - levels.least) / (levels.greatest - levels.least)
    assert back * 255 == pytest.approx(plain.values.astype(float), abs=1e-3)
    assert not found.is_empty


def test_colours_get_them_too(tmp_path):
    file = tmp_path / "red.png"
    Image.new("RGB", (20, 20), (255, 0, 51)).save(file)
    (found,) = inputs_of(read_source(file), (4, 4, 3), None, Levels(-1, 1))
    assert found.values == pytest.approx(np.tile(np.float32([1, -1, -0.6]), (4, 4, 1)))


def test_a_blank_picture_is_empty_whatever_stands_for_black(tmp_path):
    file = tmp_path / "blank.png"
    drawn("").save(file)
    (found,) = inputs_of(read_source(file), SHAPE, FRAMING, Levels(-1, 1))
    assert found.is_empty
    assert (found.values == -1).all()


@pytest.mark.parametrize("levels", [Levels(0, 255), Levels(-1, 1), None])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_an_array_stays_as_it_is_given(tmp_path, levels, kind):
    given = np.arange(2 * 784).reshape(2, *SHAPE).astype(kind)
    np.save(tmp_path / "two.npy", given)
    found = list(inputs_of(read_source(tmp_path / "two.npy"), SHAPE, FRAMING, levels))
    assert [each.index for each in found] == [0, 1]
    assert np.array_equal([each.values for each in found], given)


def test_a_picture_is_refused_where_the_values_are_not_known(seven):
    with pytest.raises(DataError, match=r"must be an array .* found a picture; export .* again"):
        list(inputs_of(read_source(seven), SHAPE, FRAMING, None))


def test_a_table_takes_no_picture(seven):
    with pytest.raises(DataError, match=r"must be an array of shape \(4,\).* found a picture"):
        list(inputs_of(read_source(seven), (4,), None, None))


@pytest.mark.parametrize("name", ["gone.png", "gone.npy", "words.txt", "inf.npz"])
def test_a_file_that_will_not_do_is_told_before_keras_starts(tmp_path, monkeypatch, seven, name):
    def never(*_):
        raise AssertionError("Keras was started")

    monkeypatch.setattr("stepladder.deployment.predict.open_model", never)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    (tmp_path / "words.txt").write_text("seven")
    np.savez(tmp_path / "inf.npz", image=np.full(SHAPE, np.inf))
    with pytest.raises(DataError, match=name):
        predict_files(tmp_path / "model.keras", [seven, tmp_path / name], {})
