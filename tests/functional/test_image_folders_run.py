"""A study on a folder of pictures, from the command line to a prediction of one of them."""

import json

import numpy as np
import pytest
from drawn_digits import drawn

from stepladder.data import load
from stepladder.study.sources import ImagesDataset

STUDY = """
name = "pictures"
dataset = { images = "photos", size = [28, 28], color = false, test_share = 0.2 }
replicates = 2
epochs = 30
validation = 0.2

[base]
hidden = [32]
scaling = "standardised"
activation = "relu"
optimizer = "adam"
learning_rate = 0.003
batch_size = 8

[[technique]]
name = "He normal"
"""


@pytest.fixture
def photos(place):
    """60 drawn digits, of ten classes and two sizes, as PNG, JPEG and WebP."""
    draw = np.random.default_rng(0)
    for number in range(60):
        digit, kind = number % 10, ("png", "jpg", "webp")[number % 3]
        middle = tuple(80 + draw.integers(-8, 9, 2))
        size = (160, 160) if number % 2 else (160, 170)
        folder = place / "photos" / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        image = drawn(str(digit), size, middle, height=int(draw.integers(80, 110)))
        image.save(folder / f"{number:02}.{kind}")
    (place / "pictures.toml").write_text(STUDY, "utf-8")
    return place / "photos"


def test_what_is_wrong_is_said_before_training(photos, in_process, place):
    code, out, err = in_process("run", "pictures.toml", "--dry-run")
    assert code == 0, err
    assert "60 of 60 images are stretched to 28 × 28" in err
    plain = STUDY.replace("size = [28, 28], ", "")
    (place / "pictures.toml").write_text(plain, "utf-8")
    code, out, err = in_process("run", "pictures.toml")
    assert (code, out) == (2, "")
    assert "found 2 sizes: 30 of 60 images have" in err
    (place / "pictures.toml").write_text(STUDY, "utf-8")
    (photos / "3" / "words.png").write_text("three")
    code, out, err = in_process("run", "pictures.toml")
    assert (code, out) == (2, "")
    assert "3/words.png (no PNG, JPEG, WebP, BMP or GIF file" in err
    assert not (place / "runs").exists()


@pytest.mark.slow
def test_pictures_are_trained_on_and_predicted_alike(photos, stepladder):
    done = stepladder("run", "pictures.toml", "--set", "keep_weights=true")
    assert done.returncode == 0, done.stderr
    assert "+ He normal" in done.stdout
    done = stepladder("export", "runs/pictures", "--arm", "base", "--to", "model.keras")
    assert done.returncode == 0, done.stderr
    card = (photos.parent / "model.md").read_text("utf-8")
    assert "`stepladder predict` prepares pictures as the files of the training set were" in card
    dataset = load(ImagesDataset(images=str(photos), size=[28, 28], color=False, test_share=0.2))
    np.save(photos.parent / "all.npy", np.concatenate([dataset.x_train, dataset.x_test]))
    files = sorted(str(file.relative_to(photos.parent)) for file in photos.rglob("*.*"))
    done = stepladder("predict", "model.keras", *files, "all.npy", "--format", "json")
    assert done.returncode == 0, done.stderr
    images = json.loads(done.stdout)["images"]
    answers = [tuple(image["probabilities"].values()) for image in images]
    assert np.array(sorted(answers[:60])) == pytest.approx(np.array(sorted(answers[60:])), abs=1e-6)
    right = [image["class"] == image["file"].split("/")[1] for image in images[:60]]
    assert np.mean(right) > 0.7
