"""What is added to a model file comes back, and older files are understood."""

import io
import json
import zipfile

import numpy as np
import pytest

from stepladder.deployment.images import Framing, Levels
from stepladder.deployment.out_of_distribution import fitted
from stepladder.deployment.predict import Extras, read_extras, with_extras
from stepladder.errors import InputError


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
    return fitted(images, np.arange(60) % 2, images)


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
