"""`stepladder predict` as a user types it: pictures, arrays and models, and what will not do."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from drawn_digits import drawn, outlined, photographed
from exported_runs import STUDY, alone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepladder.data import load
from stepladder.deployment.images import find_ink, frame

pytestmark = pytest.mark.slow

PICTURES = {
    "seven.png": lambda: drawn("7"),
    "light.png": lambda: drawn("7", ink=255, paper=0),
    "photo.jpg": lambda: photographed("7"),
    "triangle.png": lambda: outlined(3),
    "blank.png": lambda: drawn(""),
}


@pytest.fixture(scope="module")
def pictures(mnist_run):
    for name, make in PICTURES.items():
        make().save(mnist_run.folder / name)
    mnist = load("mnist")
    np.save(mnist_run.folder / "rows.npy", mnist.x_test[:500])
    np.savez(mnist_run.folder / "one.npz", image=mnist.x_test[0])
    return mnist_run.folder


def test_pictures_and_arrays_are_answered(mnist_run, mnist_model, pictures):
    done = mnist_run("predict", "model.keras", *PICTURES, "rows.npy", "one.npz", "--format", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    found = {(each["file"], each["index"]): each for each in said["images"]}
    assert len(found) == len(PICTURES) + 501
    answers = [found[name, None]["class"] for name in ("seven.png", "light.png", "photo.jpg")]
    assert len(set(answers)) == 1, "however it was drawn"
    assert found["one.npz", None]["class"] == "7"
    labels = load("mnist").y_test[:500]
    rows = [found["rows.npy", row] for row in range(500)]
    right = [each["class"] == str(label) for each, label in zip(rows, labels, strict=True)]
    assert np.mean(right) == pytest.approx(alone(mnist_run, "model.keras")["accuracy"], abs=1e-9)
    assert np.mean([not each["familiar"] for each in rows]) < 0.12
    assert not found["triangle.png", None]["familiar"]
    assert found["blank.png", None]["empty"]
    for each in said["images"]:
        assert sum(each["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert each["probability"] == max(each["probabilities"].values())


def test_a_model_behind_a_link_and_a_name_that_is_no_text_will_do(mnist_run, mnist_model, pictures):
    place = mnist_run.folder
    (place / "blob").write_bytes((place / "model.keras").read_bytes())
    (place / "latest.keras").symlink_to("blob")
    name = os.fsdecode(b"caf\xe9.png")
    (place / name).write_bytes((place / "seven.png").read_bytes())
    done = mnist_run("predict", "latest.keras", name, "seven.png", "--format", "json")
    assert done.returncode == 0, done.stderr
    odd, plain = json.loads(done.stdout)["images"]
    assert odd["file"] == name
    assert odd["probabilities"] == plain["probabilities"]


def test_the_table_says_what_is_unlike(mnist_run, mnist_model, pictures):
    done = mnist_run("predict", "model.keras", "seven.png", "triangle.png", "blank.png")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if ".png" in line}
    assert "unlike the training set" in lines["triangle.png"]
    assert "nothing is drawn on it" in lines["blank.png"]
    assert lines["seven.png"].split()[1].isdigit()
    assert not [line for line in done.stdout.splitlines() if line.endswith(" ")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("words.txt", b"seven", "must be a picture (PNG, JPEG,"),
        ("half.png", None, "must be a picture"),
        ("gone.png", "", "No such file"),
        ("wide.npy", np.zeros((2, 30, 28), np.uint8), "must have the shape (28, 28)"),
        ("nan.npy", np.full((28, 28), np.nan), "finite numbers"),
        ("pickled.npy", np.array([{}, {}], dtype=object), "never unpickled"),
        ("short.npy", b"\x93NUMPY\x01\x00v\x00", "cannot be read"),
    ],
)
def test_an_input_that_will_not_do_is_one_message(
    mnist_run, mnist_model, pictures, name, content, expected
):
    file = pictures / name
    if content is None:
        file.write_bytes((pictures / "seven.png").read_bytes()[:150])
    elif isinstance(content, bytes):
        file.write_bytes(content)
    elif not isinstance(content, str):
        np.save(file, content, allow_pickle=True)
    done = mnist_run("predict", "model.keras", "seven.png", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_model_is_refused(mnist_run, mnist_model, pictures):
    from stepladder import api
    from stepladder.errors import InputError

    whole = (mnist_run.folder / "model.keras").read_bytes()
    file, image = mnist_run.folder / "bad.keras", mnist_run.folder / "seven.png"

    @settings(
        max_examples=6, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.integers(0, len(whole) - 30))
    def check(length):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"MODEL must be a \.keras file"):
            api.predict(file, [image])

    check()
    for words in (["gone.keras"], ["seven.png"]):
        done = mnist_run("predict", *words, "seven.png")
        assert (done.returncode, done.stdout) == (2, "")
        assert "MODEL must be" in done.stderr


def test_safe_mode_stays_on(mnist_run, mnist_model, pictures):
    """A model that brings code of its own is not opened."""
    code = (
        "import keras\n"
        "image = keras.Input((28, 28))\n"
        "flat = keras.layers.Flatten()(keras.layers.Lambda(lambda x: x + 1)(image))\n"
        "keras.Model(image, keras.layers.Dense(10, 'softmax')(flat)).save('code.keras')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=mnist_run.folder, capture_output=True, check=False,
        env={**mnist_run.environment, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused = mnist_run("predict", "code.keras", "seven.png")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "cannot be opened" in refused.stderr


def test_a_model_of_keras_alone_can_be_asked_too(mnist_run, mnist_model, pictures):
    archives = (zipfile.ZipFile(mnist_run.folder / "model.keras"),
                zipfile.ZipFile(mnist_run.folder / "plain.keras", "w"))  # fmt: skip
    with archives[0] as whole, archives[1] as plain:
        for name in whole.namelist():
            if not name.startswith("stepladder"):
                plain.writestr(name, whole.read(name))
    done = mnist_run("predict", "plain.keras", "seven.png", "--format", "json")
    assert done.returncode == 0, done.stderr
    (image,) = json.loads(done.stdout)["images"]
    assert image["familiar"] is None


@pytest.fixture(scope="module")
def float_model(mnist_run, pictures):
    """A model of the same images as float32 in 0…1."""
    with np.load(mnist_run.folder / "some.npz") as some:
        parts = {name: some[name] for name in some.files}
    for part in ("x_train", "x_test"):
        parts[part] = parts[part] / np.float32(255)
    np.savez(mnist_run.folder / "floats.npz", **parts)
    study = STUDY.replace("some.npz", "floats.npz").split("[[technique]]")[0]
    (mnist_run.folder / "floats.toml").write_text(study, "utf-8")
    words = ("--set", "replicates=1", "--set", "keep_weights=true", "--out", "floats")
    done = mnist_run("run", "floats.toml", *words)
    assert done.returncode == 0, done.stderr
    done = mnist_run("export", "floats", "--to", "floats.keras")
    assert done.returncode == 0, done.stderr
    return mnist_run


def test_a_picture_comes_to_a_model_in_the_values_that_it_was_trained_on(float_model, pictures):
    ink = find_ink(np.asarray(drawn("7"), float))
    np.save(pictures / "seven.npy", frame(ink, (28, 28), 20) / np.float32(255))
    done = float_model("predict", "floats.keras", "seven.png", "seven.npy", "--format", "json")
    assert done.returncode == 0, done.stderr
    picture, array = json.loads(done.stdout)["images"]
    assert picture["class"] == "7"
    assert picture["probabilities"] == pytest.approx(array["probabilities"], abs=1e-4)
    assert picture["distance"] == pytest.approx(array["distance"], rel=1e-3)
    card = (pictures / "floats.md").read_text("utf-8")
    assert "images in 0…1; `stepladder predict` brings pictures into that range" in card


def test_a_picture_is_refused_where_an_older_model_does_not_say_its_values(float_model, pictures):
    archives = (zipfile.ZipFile(pictures / "floats.keras"),
                zipfile.ZipFile(pictures / "older.keras", "w"))  # fmt: skip
    with archives[0] as whole, archives[1] as older:
        for name in whole.namelist():
            content = whole.read(name)
            if name == "stepladder.json":
                said = json.loads(content) | {"framing": None}
                del said["levels"]
                content = json.dumps(said).encode()
            older.writestr(name, content)
    refused = float_model("predict", "older.keras", "seven.png")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "found a picture; export the model again" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    np.save(pictures / "one.npy", np.zeros((28, 28), np.float32))
    assert float_model("predict", "older.keras", "one.npy").returncode == 0
