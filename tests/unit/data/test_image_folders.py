"""Folders of images: what is read, with Pillow alone as oracle, what is said, what is refused."""

import gzip
import os
import zlib

import numpy as np
import pytest
from dataset_files import png_bytes
from PIL import Image

from stepladder.data import load, split
from stepladder.data.images import image_files, read_images
from stepladder.errors import DataError
from stepladder.study.sources import ImagesDataset


def noise(seed, shape=(6, 5)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(folder, content):
    """Writes images by their paths; an array as PNG, or as its suffix says, bytes as they are."""
    for name, image in content.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, bytes):
            file.write_bytes(image)
        elif isinstance(image, np.ndarray):
            Image.fromarray(image).save(file)
        else:
            image.save(file)
    return folder


def many(part="", classes=("cat", "dog"), count=5, shape=(6, 5), kind="png"):
    return {
        f"{part}{name}/{place:02}.{kind}": noise((place, number, len(part)), shape)
        for number, name in enumerate(classes)
        for place in range(count)
    }


def rows(dataset):
    return np.concatenate([dataset.x_train, dataset.x_test])


# What is read.


def test_a_folder_with_parts_has_the_pixels_of_its_files_in_the_order_of_their_names(tmp_path):
    content = many("train/") | many("test/", count=2)
    dataset = load(str(save(tmp_path / "photos", content)))
    assert dataset.class_names == ("cat", "dog")
    train = [image for name, image in sorted(content.items()) if name.startswith("train")]
    test = [image for name, image in sorted(content.items()) if name.startswith("test")]
    assert (dataset.x_train == np.stack(train)).all()
    assert (dataset.x_test == np.stack(test)).all()
    assert dataset.y_train.tolist() == [0] * 5 + [1] * 5
    assert dataset.y_test.tolist() == [0, 0, 1, 1]
    assert dataset.pictures
    assert any("grey levels: one channel" in note for note in dataset.notes)


def test_the_same_images_in_a_file_of_arrays_have_the_same_fingerprint(tmp_path):
    names = tuple(map(str, range(12)))
    content = many("train/", names) | many("test/", names, 2)
    dataset = load(str(save(tmp_path / "photos", content)))
    parts = {name: getattr(dataset, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(tmp_path / "same.npz", **parts)
    assert dataset.class_names == names
    assert load(str(tmp_path / "same.npz")).fingerprint == dataset.fingerprint


def test_the_order_in_which_files_were_written_does_not_matter(tmp_path):
    content = many()
    one = save(tmp_path / "one", content)
    other = save(tmp_path / "other", dict(reversed(content.items())))
    assert load(str(one)).fingerprint == load(str(other)).fingerprint


def test_without_a_test_part_a_share_of_each_class_is_drawn_and_said(tmp_path):
    folder = save(tmp_path / "photos", many(count=10))
    dataset = load(str(folder))
    assert np.bincount(dataset.y_test).tolist() == [2, 2]
    assert any("no folder test: 4 images are drawn" in note for note in dataset.notes)
    half = load(ImagesDataset(images=str(folder), test_share=0.5))
    assert np.bincount(half.y_test).tolist() == [5, 5]
    assert not any("folder test" in note for note in half.notes)
    assert sorted(map(bytes, rows(dataset))) == sorted(map(bytes, many(count=10).values()))


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_a_validation_part_of_ones_own_is_the_end_of_the_training_part(tmp_path, name):
    own = many(f"{name}/", count=3)
    dataset = load(str(save(tmp_path / "photos", many("train/") | many("test/") | own)))
    assert dataset.validation_examples == 6
    assert (dataset.x_train[10:] == np.stack(list(own.values()))).all()
    assert dataset.y_train[10:].tolist() == [0, 0, 0, 1, 1, 1]
    parts = split(dataset, 6, None, seed=3, replicate=1)
    assert parts.validation.tolist() == list(range(10, 16))


def test_a_class_may_be_called_train(tmp_path):
    dataset = load(str(save(tmp_path / "vehicles", many(classes=("bus", "train")))))
    assert dataset.class_names == ("bus", "train")


@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "webp", "jpg"])
def test_kinds_of_files(tmp_path, kind):
    folder = save(tmp_path / "photos", many(kind=kind))
    with Image.open(folder / "cat/00.bmp" if kind == "bmp" else folder / f"cat/00.{kind}") as one:
        expected = np.asarray(one.convert("L"))
    images = rows(load(ImagesDataset(images=str(folder), color=False)))
    assert bytes(expected) in set(map(bytes, images))


def test_hidden_files_and_those_of_systems_are_left_out(tmp_path):
    left_out = {
        "cat/.DS_Store": b"x",
        "cat/Thumbs.db": b"x",
        ".git/config": b"",
        "cat/._a.png": b"",
    }
    dataset = load(str(save(tmp_path / "photos", many() | left_out)))
    assert len(rows(dataset)) == len(image_files(tmp_path / "photos")) == 10
    assert not any("not used" in note for note in dataset.notes)


def test_what_lies_in_no_folder_of_a_class_is_said(tmp_path):
    content = many("train/") | many("test/") | {"README.txt": b"x", "extra/a.png": noise(0)}
    dataset = load(str(save(tmp_path / "photos", content)))
    assert any("README.txt, extra lie in no folder of a class" in note for note in dataset.notes)


def test_folders_within_a_class_are_read_too(tmp_path):
    content = many() | {"cat/images/deep/a.png": noise(99)}
    dataset = load(str(save(tmp_path / "photos", content)))
    assert len(rows(dataset)) == 11


# Sizes and colours.


def test_images_are_brought_to_one_size_by_lanczos_filter(tmp_path):
    content = many(shape=(6, 5)) | {"cat/99.png": noise(7, (40, 30))}
    folder = save(tmp_path / "photos", content)
    dataset = load(ImagesDataset(images=str(folder), size=[8, 10], color=False))
    assert dataset.input_shape == (8, 10)
    with Image.open(folder / "cat/99.png") as one:
        expected = one.resize((10, 8), Image.Resampling.LANCZOS)
    assert bytes(np.asarray(expected)) in set(map(bytes, rows(dataset)))
    assert any("11 of 11 images are stretched to 8 × 10" in note for note in dataset.notes)


def test_several_sizes_are_refused_with_the_commonest(tmp_path):
    content = many(shape=(6, 5)) | {"cat/99.png": noise(7, (40, 30))}
    with pytest.raises(DataError, match=r"2 sizes: 10 of 11 images have 6 × 5, cat/99.png has 40 "
                                        r"× 30; write dataset = .* size = \[6, 5\]"):  # fmt: skip
        load(str(save(tmp_path / "photos", content)))


def test_one_image_in_colour_makes_all_have_three_channels(tmp_path):
    content = many() | {"dog/99.png": noise(7, (6, 5, 3))}
    folder = save(tmp_path / "photos", content)
    dataset = load(str(folder))
    assert dataset.input_shape == (6, 5, 3)
    assert bytes(content["dog/99.png"]) in set(map(bytes, rows(dataset)))
    assert any("10 of 11 images are stored as grey" in note for note in dataset.notes)
    assert load(ImagesDataset(images=str(folder), color=False)).input_shape == (6, 5)


def test_grey_images_stored_in_colour_are_noted(tmp_path):
    content = {name: np.repeat(image[..., None], 3, 2) for name, image in many().items()}
    dataset = load(str(save(tmp_path / "photos", content)))
    assert dataset.input_shape == (6, 5, 3)
    assert any("none has any; color = false" in note for note in dataset.notes)


def test_a_palette_of_grey_levels_is_grey(tmp_path):
    content = {name: Image.fromarray(image).convert("P") for name, image in many().items()}
    folder = save(tmp_path / "photos", content)
    assert load(str(folder)).input_shape == (6, 5)
    content["cat/00.png"].putpalette([0, 0, 0, 255, 0, 0])
    content["cat/00.png"].save(folder / "cat/00.png")
    assert load(str(folder)).input_shape == (6, 5, 3)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_images_are_turned_as_the_camera_was_held(tmp_path, kind):
    folder = save(tmp_path / "photos", many(kind=kind))
    upright = Image.fromarray(np.repeat(np.arange(0, 240, 40, dtype=np.uint8)[:, None], 5, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    upright.rotate(90, expand=True).save(folder / f"cat/99.{kind}", exif=exif, quality=100)
    dataset = load(ImagesDataset(images=str(folder), color=False))
    off = np.abs(rows(dataset).astype(int) - np.asarray(upright)).max(axis=(1, 2))
    assert off.min() <= 6


def test_16_bits_become_8(tmp_path):
    deep = (np.arange(30, dtype=np.uint16) * 2000).reshape(6, 5)
    folder = save(tmp_path / "photos", many() | {"cat/99.png": deep})
    dataset = load(str(folder))
    assert bytes(np.rint(deep / 257).astype(np.uint8)) in set(map(bytes, rows(dataset)))
    assert any("1 of 11 images are brought from 16 bits" in note for note in dataset.notes)


def test_what_is_transparent_lies_on_white(tmp_path):
    clear = np.zeros((6, 5, 4), np.uint8)
    clear[0, 0] = 10, 20, 30, 255
    folder = save(tmp_path / "photos", many() | {"cat/99.png": clear})
    expected = np.full((6, 5, 3), 255, np.uint8)
    expected[0, 0] = 10, 20, 30
    dataset = load(str(folder))
    assert bytes(expected) in set(map(bytes, rows(dataset)))
    assert any("1 of 11 images are put on white" in note for note in dataset.notes)


def test_the_first_picture_of_an_animation_is_taken(tmp_path):
    frames = [Image.fromarray(noise(seed)) for seed in (50, 51)]
    folder = save(tmp_path / "photos", many())
    frames[0].save(folder / "cat/99.gif", save_all=True, append_images=frames[1:])
    dataset = load(ImagesDataset(images=str(folder), color=False))
    assert bytes(noise(50)) in set(map(bytes, rows(dataset)))
    assert any("animated" in note for note in dataset.notes)


# What is refused.


def test_unreadable_files_are_named_the_first_dozen(tmp_path):
    broken = {f"dog/x{place:02}.png": b"no image" for place in range(15)}
    with pytest.raises(DataError) as refused:
        load(str(save(tmp_path / "photos", many() | broken)))
    said = str(refused.value)
    assert "found 15 of 25 that cannot be read: dog/x00.png (no PNG" in said
    assert "dog/x11.png" in said
    assert "dog/x12.png" not in said
    assert "and 3 more" in said


def test_half_a_file_is_named(tmp_path):
    folder = save(tmp_path / "photos", many(shape=(40, 40)))
    file = folder / "dog/03.png"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"found 1 of 10 that cannot be read: dog/03\.png"):
        load(str(folder))


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path):
    bomb = {"cat/bomb.png": png_bytes(30_000, 30_000, zlib.compress(bytes(10**6)))}
    with pytest.raises(DataError, match=r"cat/bomb\.png \(.*pixels"):
        load(str(save(tmp_path / "photos", many() | bomb)))
    bomb = {"cat/bomb.png": png_bytes(10_000, 10_000, gzip.compress(b""))}
    with pytest.raises(DataError, match=r"bomb\.png \(10,000 × 10,000 pixels, more than"):
        load(str(save(tmp_path / "photos", bomb)))


def test_what_is_no_regular_file_is_named_and_not_waited_for(tmp_path):
    folder = save(tmp_path / "photos", many())
    os.mkfifo(folder / "cat/pipe.png")
    (folder / "cat/loop.png").symlink_to("loop.png")
    (folder / "cat/gone.png").symlink_to("nowhere.png")
    (folder / "cat/zero.png").symlink_to("/dev/zero")
    reasons = (
        r"gone.png \(No such file.*loop.png \(Too many.*pipe.png \(a pipe.*zero.png \(a device"
    )
    with pytest.raises(DataError, match=rf"found 4 of 14 .*{reasons}"):
        load(str(folder))


def test_a_link_to_a_folder_above_has_an_end(tmp_path):
    folder = save(tmp_path / "photos", many())
    for name in "abcd":
        (folder / "cat" / name).symlink_to(".", target_is_directory=True)
    with pytest.raises(DataError, match="remove the link to a folder above"):
        load(str(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (many("train/") | many("test/", ("cat",)), "found 'dog' missing; add images"),
        (many("train/") | many("test/", ("cat", "cow", "dog")), "found 'cow' alone"),
        (many("train/") | many("val/", ("cow",)), "folder val.* found 'cow' alone"),
        (many("train/") | {"test/a.png": noise(0)}, "one subfolder of images for each class"),
        (many("train/") | many("Train/"), "one folder for each part, found two of train"),
        (many(count=1), "found a single image of 'cat', 'dog'"),
        (many(classes=("cat",)), "2 to 65,536 classes"),
        ({"a.png": noise(0), "b.png": noise(1)}, "with a subfolder of images for each class"),
    ],
)  # fmt: skip
def test_folders_that_will_not_do(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        load(str(save(tmp_path / "photos", content)))


def test_an_empty_class_is_named(tmp_path):
    folder = save(tmp_path / "photos", many())
    (folder / "cow").mkdir()
    with pytest.raises(DataError, match="found none in 'cow'"):
        load(str(folder))


def test_a_share_beside_a_test_part_is_refused(tmp_path):
    folder = save(tmp_path / "photos", many("train/") | many("test/"))
    with pytest.raises(DataError, match="test_share must be left out"):
        load(ImagesDataset(images=str(folder), test_share=0.2))


@pytest.mark.parametrize("size", [[28], [28, 28, 3], [0, 28], [28, 10**6]])
def test_sizes_that_will_not_do(size):
    with pytest.raises(ValueError, match="size"):
        ImagesDataset(images="photos", size=size)


def test_memory_stays_near_the_size_of_the_data(tmp_path):
    import tracemalloc

    folder = save(tmp_path / "photos", many(count=100, shape=(128, 128)))
    read_images(folder, "photos")  # imports
    tracemalloc.start()
    dataset = read_images(folder, "photos")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * rows(dataset).nbytes
