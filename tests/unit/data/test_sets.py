"""Sets by name: what scikit-learn carries, and what lies in the caches of other libraries."""

import gzip
import io
import json
import shutil
from importlib import resources

import numpy as np
import pytest
from dataset_files import parts, write_idx, write_npz

import stepladder
from stepladder.data import load
from stepladder.errors import DataError, StudyError
from stepladder.study.sources import NamedDataset, TableDataset, short_name, task_of

PARTS = parts(examples=30)


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    for name, folder in (("KERAS_HOME", "keras"), ("SCIKIT_LEARN_DATA", "scikit"),
                         ("HF_DATASETS_CACHE", "hf")):  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr("stepladder.data.sets._DEBIAN", tmp_path / "debian")
    return tmp_path


# scikit-learn.


@pytest.mark.extra
@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_a_set_of_scikit_learn_is_the_same_data_as_its_csv_file(tmp_path, name):
    pytest.importorskip("pandas")
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    frame, made = bunch.frame, load(f"sklearn:{name}")
    if made.task == "classification":
        frame["target"] = np.asarray(list(map(str, bunch.target_names)))[frame["target"]]
    frame.to_csv(tmp_path / "set.csv", index=False)
    task = None if made.task == "classification" else made.task
    table = TableDataset(csv=str(tmp_path / "set.csv"), label="target", test_share=0.2, task=task)
    csv = load(table)
    assert made.fingerprint == csv.fingerprint
    assert (made.columns, made.class_names) == (csv.columns, csv.class_names)
    assert made.task == task_of(f"sklearn:{name}")


def test_a_share_of_ones_own():
    made = load(NamedDataset(name="sklearn:iris", test_share=0.5))
    assert np.bincount(made.y_test).tolist() == [25, 25, 25]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sklearn:covtype", r"carries breast_cancer, .*sklearn.datasets.fetch_covtype\(\)"),
        ("keras:cifar10", r"never unpickled; .*numpy.savez\(\"cifar10.npz\""),
        ("keras:imdb", "never unpickled"),
        ("keras:flowers", "can be read are fashion_mnist, mnist, california_housing"),
        ("keras:fashion_mnist", r"found nothing at '.*keras/datasets/fashion-mnist' and "
                                r"'.*debian/fashion-mnist'; .*fashion_mnist.load_data\(\)"),
        ("keras:california_housing", r"nothing at '.*california_housing.npz'; get it once"),
        ("openml:credit-g", r"nothing at '.*scikit/openml'; .*d.fetch_openml\('credit-g'\)"),
        ("openml:31", r"d.fetch_openml\(data_id=31\)"),
        ("hf:ylecun/mnist", r"nothing at '.*hf/ylecun___mnist'; .*load_dataset\('ylecun/mnist'\)"),
    ],
)  # fmt: skip
def test_a_set_that_is_not_there_says_where_and_how(name, message):
    with pytest.raises(DataError, match=message) as error:
        load(name)
    assert str(error.value).startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["iris", "torch:mnist", "sklearn", ""])
def test_a_name_of_no_library(name):
    with pytest.raises(StudyError, match=r"must be one of sklearn:…|at least 1|empty"):
        NamedDataset(name=name)


@pytest.mark.parametrize(
    ("name", "keys"), [("sklearn:iris", {"label": "target"}), ("keras:mnist", {"test_share": 0.2})]
)
def test_keys_that_a_set_has_no_use_for(caches, name, keys):
    (caches / "keras" / "datasets").mkdir(parents=True)
    write_npz(caches / "keras" / "datasets" / "mnist.npz", **PARTS)
    with pytest.raises(DataError, match=f"{next(iter(keys))} must be left out"):
        load(NamedDataset(name=name, **keys))


def test_a_study_names_it_as_it_is(tmp_path):
    (tmp_path / "s.toml").write_text(
        'name = "s"\ndataset = "sklearn:iris"\nbase = { hidden = [8] }\n'
    )
    study = stepladder.Study.load(tmp_path / "s.toml")
    assert study.dataset == "sklearn:iris"
    assert short_name(study.dataset) == "sklearn-iris"
    path = study.changed({"dataset": "./sklearn:x"}).dataset
    with pytest.raises(DataError, match=r"found nothing at 'sklearn:x'"):
        load(path)
    houses = stepladder.Study(name="s", base={"hidden": [8]}, dataset="sklearn:diabetes")
    assert houses.metric.name == "rmse"


# Keras.


@pytest.mark.parametrize("place", ["keras/datasets/fashion-mnist", "debian/fashion-mnist"])
def test_fashion_mnist_where_keras_or_debian_put_it(caches, place):
    (caches / place).parent.mkdir(parents=True)
    folder = write_idx(caches / place)
    assert load("keras:fashion_mnist").fingerprint == load(str(folder)).fingerprint


def test_houses_of_keras(caches):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(50, 8)), random.normal(size=50)
    (caches / "keras" / "datasets").mkdir(parents=True)
    np.savez(caches / "keras" / "datasets" / "california_housing.npz", x=x, y=y)
    made = load("keras:california_housing")
    assert (made.task, len(made.x_test), made.input_shape) == ("regression", 10, (8,))
    (caches / "keras" / "datasets" / "california_housing.npz").write_bytes(b"PK\x05\x06")
    with pytest.raises(DataError, match="remove it, then python -c"):
        load("keras:california_housing")


# OpenML.


def openml_cache(folder, number):
    """What scikit-learn's own tests have of OpenML, laid out as its cache is."""
    known = resources.files(f"sklearn.datasets.tests.data.openml.id_{number}")
    api = folder / "scikit" / "openml" / "openml.org" / "api" / "v1" / "json" / "data"
    places = {f"api-v1-jd-{number}.json.gz": api / f"{number}.gz",
              f"api-v1-jdf-{number}.json.gz": api / "features" / f"{number}.gz",
              f"api-v1-jdq-{number}.json.gz": api / "qualities" / f"{number}.gz"}  # fmt: skip
    facts = json.loads(gzip.decompress((known / f"api-v1-jd-{number}.json.gz").read_bytes()))
    url = facts["data_set_description"]["url"]
    arff = next(file for file in known.iterdir() if file.name.startswith("data-v1-dl"))
    places[arff.name] = folder / "scikit" / "openml" / (
        "openml.org" + url.partition("openml.org")[2].replace("www.", "") + ".gz")  # fmt: skip
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        with resources.as_file(known / name) as file:
            shutil.copy(file, place)
    return places[arff.name]


@pytest.mark.extra
def test_a_set_of_openml_by_number_and_by_name(caches):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn.datasets.tests.data.openml.id_61")
    arff = openml_cache(caches, 61)
    made = load("openml:61")
    assert load("openml:iris").fingerprint == made.fingerprint
    assert made.name == "iris"
    assert made.class_names[0] == "Iris-setosa"
    whole = arff.read_bytes()
    arff.write_bytes(gzip.compress(b"@relation iris"))
    with pytest.raises(DataError, match=r"openml:61: .* found a part of it, or damaged files"):
        load("openml:61")
    assert arff.is_file()
    arff.write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"openml:61: .* found a part of it, or damaged files"):
        load("openml:61")
    arff.unlink()
    with pytest.raises(DataError, match="openml:61: must be on this machine"):
        load("openml:61")


# Hugging Face.


def hugging_face_cache(folder, features, splits, name="owner___set", config="default"):
    arrow = pytest.importorskip("pyarrow")
    place = folder / "hf" / name / config / "0.0.0" / "abc"
    place.mkdir(parents=True)
    (place / "dataset_info.json").write_text(json.dumps({"features": features}))
    for split, columns in splits.items():
        table = arrow.table(columns)
        with arrow.OSFile(str(place / f"set-{split}.arrow"), "wb") as sink, \
                arrow.ipc.new_stream(sink, table.schema) as writer:  # fmt: skip
            writer.write_table(table)
    return place


LABEL = {"_type": "ClassLabel", "names": ["cat", "dog"]}
NUMBER = {"_type": "Value", "dtype": "float32"}


def test_a_table_of_hugging_face(caches):
    rows = {"a": [0.5, 1, 2, 3] * 5, "b": [1.0, 0, 1, 0] * 5, "label": [0, 1] * 10}
    hugging_face_cache(caches, {"a": NUMBER, "b": NUMBER, "label": LABEL}, {"train": rows})
    made = load("hf:owner/set")
    assert (made.name, made.class_names, made.columns) == ("set", ("cat", "dog"), ("a", "b"))
    assert len(made.x_test) == 4
    with pytest.raises(DataError, match="must have its label named, found the columns a, b, label"):
        load(NamedDataset(name="hf:owner/set", label="kind"))
    hugging_face_cache(caches, {}, {}, config="other")
    with pytest.raises(DataError, match="must be of one configuration"):
        load("hf:owner/set")
    assert load("hf:owner/set:default").fingerprint == made.fingerprint


def test_images_of_hugging_face(caches):
    image = pytest.importorskip("PIL.Image")

    def packed(x):
        stream = io.BytesIO()
        image.fromarray(x).save(stream, "png")
        return {"bytes": stream.getvalue(), "path": None}

    x = PARTS["x_train"]
    split = {"image": [packed(one) for one in x], "label": [n % 2 for n in range(len(x))]}
    features = {"image": {"_type": "Image"}, "label": LABEL}
    place = hugging_face_cache(
        caches, features, {"train": split, "validation": split, "test": split}
    )
    made = load("hf:owner/set")
    np.testing.assert_array_equal(made.x_test, x)
    assert made.validation_examples == len(x)
    shutil.rmtree(place)
    split["image"][3] = packed(np.zeros((9, 9), np.uint8))
    hugging_face_cache(caches, features, {"train": split})
    with pytest.raises(DataError, match=r"images of one size and mode, .* in row 3"):
        load("hf:owner/set")


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"\xff\xff\xff\xff\x10\0\0\0" + bytes(40)])
def test_a_damaged_file_of_hugging_face(caches, content):
    rows = {"a": [0.5, 1] * 5, "label": [0, 1] * 5}
    place = hugging_face_cache(caches, {"a": NUMBER, "label": LABEL}, {"train": rows})
    (place / "set-train.arrow").write_bytes(content)
    with pytest.raises(DataError, match="found one that cannot be read"):
        load("hf:owner/set")
