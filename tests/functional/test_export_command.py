"""`stepladder export` and `predict` as a user types them, on a little of MNIST."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from drawn_digits import drawn, outlined, photographed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Command
from stepladder.data import load
from stepladder.store import open_store

STUDY = """
name = "digits"
dataset = "some.npz"
replicates = 2
epochs = 6
validation = 400

[base]
hidden = [48]
activation = "relu"
optimizer = "adam"
learning_rate = 0.003
batch_size = 32
scaling = "standardised"
dropout = 0.1

[[technique]]
name = "batch normalisation"
"""

ALONE = """
import sys, json
sys.meta_path.insert(0, type("Blocked", (), {"find_spec": staticmethod(
    lambda name, path=None, target=None: (_ for _ in ()).throw(ImportError(name))
    if name.split(".")[0] == "stepladder" else None)})())
try:
    import stepladder
except ImportError:
    pass
else:
    raise SystemExit("stepladder is there")
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
data = np.load("some.npz")
answers = model.predict(data["x_test"], verbose=0)
print(json.dumps({
    "accuracy": float((answers.argmax(1) == data["y_test"]).mean()),
    "sums": [float(answers.sum(1).min()), float(answers.sum(1).max())],
    "modules": sorted({type(layer).__module__.split(".")[0] for layer in model._flatten_layers()}),
}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, cache):
    """A study of two arms, trained without keeping its weights; commands run beside it."""
    place = tmp_path_factory.mktemp("exported")
    mnist = load("mnist")
    parts = {"x_train": mnist.x_train[:3000], "y_train": mnist.y_train[:3000],
             "x_test": mnist.x_test[:500], "y_test": mnist.y_test[:500]}  # fmt: skip
    np.savez(place / "some.npz", **parts)
    (place / "study.toml").write_text(STUDY, "utf-8")
    command = Command(place, cache)
    done = command("run", "study.toml")
    assert done.returncode == 0, done.stderr
    yield command
    command.end()


@pytest.fixture(scope="module")
def model(run):
    """The better replicate of an arm, which had to be trained again."""
    done = run("export", "runs/digits", "--arm", "base", "--to", "model.keras")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "model.keras\n"
    return done


def alone(run, name):
    """What a model answers in a process that cannot import stepladder."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, name], cwd=run.folder,
        env={**run.environment, "KERAS_BACKEND": "jax"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def arm(run, number):
    return run.results("runs/digits")["arms"][number]


def test_the_best_replicate_loads_without_stepladder_and_answers_as_it_did(run, model):
    assert "training again" in model.stderr
    assert "is the stored one: right and wrong on the same of 500 test images" in model.stderr
    found, said = alone(run, "model.keras"), arm(run, 0)
    best = int(np.argmax(said["val_accuracy"]["values"]))
    assert found["accuracy"] == pytest.approx(said["test_accuracy"]["values"][best], abs=1e-9)
    assert found["sums"] == pytest.approx([1, 1], abs=1e-5)
    assert found["modules"] == ["keras"]


def test_the_card_says_what_it_is(run, model):
    card = (run.folder / "model.md").read_text("utf-8")
    said = run.results("runs/digits")
    best = int(np.argmax(arm(run, 0)["val_accuracy"]["values"]))
    assert f"replicate {best} of the arm *base*, the best of 2" in card
    assert f"{100 * arm(run, 0)['test_accuracy']['values'][best]:.2f} %" in card
    assert said["fingerprint"] in card
    assert "expected calibration error" in card
    assert "rotation (degrees) | 5:" in card
    assert "answers all 500 test images as" in card
    assert "1 look at this test set" in card, "its figures were shown by the run already"
    assert "licence of the data" in card
    assert "light on 0, 20 pixels along its longer side" in card


@pytest.mark.slow
def test_an_ensemble_is_one_model_and_a_look_of_its_own(run, model):
    done = run("export", "runs/digits", "--arm", "base", "--to", "both.keras", "--ensemble")
    assert done.returncode == 0, done.stderr
    one, both = alone(run, "model.keras"), alone(run, "both.keras")
    assert both["modules"] == ["keras"]
    assert both["accuracy"] > 0.7
    assert both["accuracy"] != one["accuracy"] or both["sums"] != one["sums"]
    card = (run.folder / "both.md").read_text("utf-8")
    assert "mean of the probabilities of 2 networks" in card
    assert "the look is counted" in card
    with open_store(str(run.folder / "runs/digits/stepladder.db")) as kept:
        looks = kept.looks(run.results("runs/digits")["fingerprint"])
        assert [each.command for each in looks] == ["run", "export --ensemble"]


@pytest.mark.slow
def test_kept_weights_are_used_and_a_damaged_file_is_not(run):
    done = run("run", "study.toml", "--set", "keep_weights=true", "--out", "kept")
    assert done.returncode == 0, done.stderr
    words = ("export", "kept", "--arm", "+ batch normalisation", "--to", "kept.keras")
    first = run(*words)
    assert first.returncode == 0, first.stderr
    assert "training again" not in first.stderr
    assert "kept by the run" in (run.folder / "kept.md").read_text("utf-8")
    for file in (run.folder / "kept/weights").iterdir():
        file.write_bytes(file.read_bytes()[:-7])
    second = run(*words)
    assert second.returncode == 0, second.stderr
    assert "is damaged" in second.stderr
    assert "is the stored one" in second.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["runs/nothing", "--to", "a.keras"], "must be the folder of a run"),
        (["runs/digits", "--to", "a.keras"], "--arm must be one of"),
        (["runs/digits", "--arm", "bas", "--to", "a.keras"], "did you mean 'base'?"),
        (["runs/digits", "--arm", "base", "--to", "a.h5"], "ends in .keras"),
        (["runs/digits", "--arm", "base", "--to", "folder.keras"], "found a folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused(run, words, expected):
    (run.folder / "folder.keras").mkdir(exist_ok=True)
    done = run("export", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (run.folder / "a.keras").exists()


PICTURES = {
    "seven.png": lambda: drawn("7"),
    "light.png": lambda: drawn("7", ink=255, paper=0),
    "photo.jpg": lambda: photographed("7"),
    "triangle.png": lambda: outlined(3),
    "blank.png": lambda: drawn(""),
}


@pytest.fixture(scope="module")
def pictures(run):
    for name, make in PICTURES.items():
        make().save(run.folder / name)
    mnist = load("mnist")
    np.save(run.folder / "rows.npy", mnist.x_test[:500])
    np.savez(run.folder / "one.npz", image=mnist.x_test[0])
    return run.folder


def test_pictures_and_arrays_are_answered(run, model, pictures):
    done = run("predict", "model.keras", *PICTURES, "rows.npy", "one.npz", "--format", "json")
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
    assert np.mean(right) == pytest.approx(alone(run, "model.keras")["accuracy"], abs=1e-9)
    assert np.mean([not each["familiar"] for each in rows]) < 0.12
    assert not found["triangle.png", None]["familiar"]
    assert found["blank.png", None]["empty"]
    for each in said["images"]:
        assert sum(each["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert each["probability"] == max(each["probabilities"].values())


def test_the_table_says_what_is_unlike(run, model, pictures):
    done = run("predict", "model.keras", "seven.png", "triangle.png", "blank.png")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if ".png" in line}
    assert "unlike the training set" in lines["triangle.png"]
    assert "nothing is drawn on it" in lines["blank.png"]
    assert lines["seven.png"].split()[1].isdigit()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("words.txt", b"seven", "must be a picture (PNG or JPEG)"),
        ("half.png", None, "must be a picture"),
        ("gone.png", "", "No such file"),
        ("wide.npy", np.zeros((2, 30, 28), np.uint8), "must have the shape (28, 28)"),
        ("nan.npy", np.full((28, 28), np.nan), "finite numbers"),
        ("pickled.npy", np.array([{}, {}], dtype=object), "never unpickled"),
        ("short.npy", b"\x93NUMPY\x01\x00v\x00", "cannot be read"),
    ],
)
def test_an_input_that_will_not_do_is_one_message(run, model, pictures, name, content, expected):
    file = pictures / name
    if content is None:
        file.write_bytes((pictures / "seven.png").read_bytes()[:150])
    elif isinstance(content, bytes):
        file.write_bytes(content)
    elif not isinstance(content, str):
        np.save(file, content, allow_pickle=True)
    done = run("predict", "model.keras", "seven.png", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_model_is_refused(run, model, pictures):
    from stepladder import using
    from stepladder.errors import InputError

    whole = (run.folder / "model.keras").read_bytes()
    file, image = run.folder / "bad.keras", run.folder / "seven.png"

    @settings(
        max_examples=6, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.integers(0, len(whole) - 30))
    def check(length):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"MODEL must be a \.keras file"):
            using.predict(file, [image])

    check()
    for words in (["gone.keras"], ["seven.png"]):
        done = run("predict", *words, "seven.png")
        assert (done.returncode, done.stdout) == (2, "")
        assert "MODEL must be" in done.stderr


def test_safe_mode_stays_on(run, model, pictures):
    """A model that brings code of its own is not opened."""
    code = (
        "import keras\n"
        "image = keras.Input((28, 28))\n"
        "flat = keras.layers.Flatten()(keras.layers.Lambda(lambda x: x + 1)(image))\n"
        "keras.Model(image, keras.layers.Dense(10, 'softmax')(flat)).save('code.keras')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=run.folder, capture_output=True, check=False,
        env={**run.environment, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused = run("predict", "code.keras", "seven.png")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "cannot be opened" in refused.stderr


def test_a_model_of_keras_alone_can_be_asked_too(run, model, pictures):
    archives = (zipfile.ZipFile(run.folder / "model.keras"),
                zipfile.ZipFile(run.folder / "plain.keras", "w"))  # fmt: skip
    with archives[0] as whole, archives[1] as plain:
        for name in whole.namelist():
            if not name.startswith("stepladder"):
                plain.writestr(name, whole.read(name))
    done = run("predict", "plain.keras", "seven.png", "--format", "json")
    assert done.returncode == 0, done.stderr
    (image,) = json.loads(done.stdout)["images"]
    assert image["familiar"] is None


SEARCH = """
name = "searched"
dataset = "some.npz"
replicates = 2
epochs = 2
validation = 400

[base]
hidden = [8]
learning_rate = 0.1

[search]
trials = 2
pruning = "none"
finalists = 1

[search.space]
learning_rate = { type = "float", low = 0.01, high = 0.5, log = true }
"""


@pytest.mark.slow
def test_the_winner_of_a_search_stays_locked_until_somebody_has_looked(run):
    (run.folder / "search.toml").write_text(SEARCH, "utf-8")
    done = run("search", "search.toml", "--set", "keep_weights=true")
    assert done.returncode == 0, done.stderr
    words = ("export", "runs/searched", "--to", "winner.keras")
    done = run(*words, "--ensemble")
    assert done.returncode == 0, done.stderr
    card = (run.folder / "winner.md").read_text("utf-8")
    assert "| test, 500 | locked | locked |" in card
    assert "Not measured" in card
    with open_store(str(run.folder / "runs/searched/stepladder.db")) as kept:
        (record,) = kept.studies()
        assert kept.looks(record.fingerprint) == []
    final = run("search", "search.toml", "--set", "keep_weights=true", "--final")
    assert final.returncode == 0, final.stderr
    done = run(*words)
    assert done.returncode == 0, done.stderr
    card = (run.folder / "winner.md").read_text("utf-8")
    assert "locked" not in card
    assert "one network of" in card
    assert alone(run, "winner.keras")["modules"] == ["keras"]
