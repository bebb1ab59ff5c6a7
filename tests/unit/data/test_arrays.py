"""Data from Python: the same data by file, by frame and by array, and what is refused."""

import gc
import math

import numpy as np
import pytest
from dataset_files import parts, write_npz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stepladder
from stepladder.data import load
from stepladder.data.arrays import as_array
from stepladder.data.cache import StoredDataset, store_dataset
from stepladder.errors import DataError, StudyError
from stepladder.study.sources import ArraysDataset, NpzDataset, TableDataset, short_name, task_of

PARTS = parts(examples=30)
FOUR = tuple(PARTS[name] for name in ("x_train", "y_train", "x_test", "y_test"))
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 3))
KINDS = np.array(["oak", "fir", "elm"])[np.arange(40) % 3]
BASE = {"hidden": [8]}


def read(*data, **how):
    return load(stepladder.dataset(*data, **how))


def fingerprint_of_npz(tmp_path, task=None, **arrays):
    path = str(write_npz(tmp_path / "set.npz", **arrays))
    return load(NpzDataset(npz=path, task=task) if task else path).fingerprint


class Frame:
    """A frame as pandas and polars have it, where neither is installed."""

    def __init__(self, columns):
        self._by_name = {name: np.asarray(column) for name, column in columns.items()}
        self.columns = list(self._by_name)

    def __getitem__(self, name):
        if isinstance(name, list):
            return Frame({each: self._by_name[each] for each in name})
        return self._by_name[name]

    def to_numpy(self):
        return np.stack(list(self._by_name.values()), axis=1)


# The same data, whatever holds them.


@pytest.mark.parametrize(
    "data",
    [
        FOUR,
        list(FOUR),
        dict(PARTS),
        (FOUR[:2], FOUR[2:]),
        tuple(map(np.ndarray.tolist, FOUR)),
        (FOUR[0], FOUR[1][:, None], FOUR[2].astype(int), FOUR[3].astype(float)),
    ],
)
def test_arrays_are_the_same_data_as_their_npz_file(tmp_path, data):
    assert read(data).fingerprint == fingerprint_of_npz(tmp_path, **PARTS)


def test_a_validation_part_is_the_same_by_file_and_by_array(tmp_path):
    own = {"x_val": PARTS["x_test"] + 1, "y_val": PARTS["y_test"]}
    six = (*FOUR[:2], own["x_val"], own["y_val"], *FOUR[2:])
    fingerprint = fingerprint_of_npz(tmp_path, **PARTS, **own)
    assert read(six).fingerprint == fingerprint
    assert read({**PARTS, **own}).fingerprint == fingerprint
    assert read(FOUR[:2], FOUR[2:], (own["x_val"], own["y_val"])).fingerprint == fingerprint


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_targets_that_are_no_classes(tmp_path, task):
    y = RANDOM.integers(0, 2, (len(FOUR[1]) + len(FOUR[3]), 2))
    arrays = {**PARTS, "y_train": y[: len(FOUR[1])], "y_test": y[len(FOUR[1]) :]}
    made = read(arrays, task=task)
    assert made.task == task
    assert made.fingerprint == fingerprint_of_npz(tmp_path, task, **arrays)


@pytest.mark.extra
@pytest.mark.parametrize("library", ["pandas", "polars", None])
@pytest.mark.parametrize("x", [X, RANDOM.integers(0, 256, (40, 3)), X > 0])
def test_a_frame_is_the_same_data_as_its_csv_file(tmp_path, library, x):
    columns = {name: x[:, place] for place, name in enumerate("abc")} | {"kind": KINDS}
    frame = pytest.importorskip(library).DataFrame(columns) if library else Frame(columns)
    rows = [",".join(columns), *(",".join(map(repr, map(float, row))) + f",{kind}"
                                 for row, kind in zip(x, KINDS, strict=True))]  # fmt: skip
    (tmp_path / "set.csv").write_text("\n".join(rows))
    csv = load(TableDataset(csv=str(tmp_path / "set.csv"), label="kind", test_share=0.25))
    made = read(frame, label="kind", test_share=0.25)
    assert made.fingerprint == csv.fingerprint
    assert (made.columns, made.class_names) == (("a", "b", "c"), ("elm", "fir", "oak"))
    assert read((x, KINDS), test_share=0.25).fingerprint == csv.fingerprint


@pytest.mark.extra
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_texts_and_gaps_of_a_frame_are_those_of_its_csv_file(tmp_path, library):
    library = pytest.importorskip(library)
    columns = {"size": [1.5, None, 2.5, 4.0] * 10, "colour": ["red", "blue", "red", "green"] * 10,
               "is_new": [True, False] * 20, "kind": KINDS}  # fmt: skip
    frame, file = library.DataFrame(columns), tmp_path / "table.csv"
    frame.to_csv(file, index=False) if hasattr(frame, "to_csv") else frame.write_csv(file)
    how = {"label": "kind", "test_share": 0.25, "impute": "median", "indicator": True}
    made = read(frame, **how)
    assert made.columns == ("size", "size is missing", "colour=blue", "colour=green",
                            "colour=red", "is_new")  # fmt: skip
    assert made.fingerprint == load(TableDataset(csv=str(file), **how)).fingerprint
    assert any("colour (3)" in note for note in made.notes)


def test_two_frames_are_two_parts():
    whole = {"a": X[:, 0], "b": X[:, 1], "kind": KINDS}
    parts = [Frame({name: column[rows] for name, column in whole.items()})
             for rows in (slice(30), slice(30, None))]  # fmt: skip
    made = read(*parts, label="kind")
    assert made.class_names == ("elm", "fir", "oak")
    np.testing.assert_array_equal(made.x_test, X[30:, :2].astype(np.float32))
    apart = [part[["a", "b"]] for part in parts], [part["kind"] for part in parts]
    given = (apart[0][0], apart[1][0], apart[0][1], apart[1][1])
    assert read(given).fingerprint == made.fingerprint


def test_numbers_to_predict_keep_their_names_and_order():
    frame = Frame({"rooms": X[:, 0], "price": X[:, 1], "rent": X[:, 2]})
    made = read(frame, label=["rent", "price"], test_share=0.2, task="regression")
    assert made.class_names == ("rent", "price")
    assert made.columns == ("rooms",)
    rows = {row.tobytes() for row in X[:, [2, 1]].astype(np.float32)}
    assert {row.tobytes() for row in np.concatenate([made.y_train, made.y_test])} == rows


def test_text_labels_of_images_are_in_the_order_of_the_text():
    names = np.array(["b", "c", "a"])
    made = read((FOUR[0], names[FOUR[1]], FOUR[2], names[FOUR[3]]))
    assert made.class_names == ("a", "b", "c")
    numbered = np.array([1, 2, 0])[FOUR[1]]
    np.testing.assert_array_equal(made.y_train, numbered)


def test_a_bunch_gives_its_names():
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = datasets.load_breast_cancer()
    made = read(bunch, test_share=0.2)
    assert made.class_names == ("benign", "malignant")
    assert made.columns == tuple(bunch.feature_names)
    x = np.concatenate([made.x_train, made.x_test])
    rows = np.lexsort(x.T), np.lexsort(bunch.data.astype(np.float32).T)
    np.testing.assert_array_equal(x[rows[0]], bunch.data.astype(np.float32)[rows[1]])
    y = np.concatenate([made.y_train, made.y_test])[rows[0]]
    np.testing.assert_array_equal(y, 1 - bunch.target[rows[1]])  # malignant is 0 there


def test_sparse_inputs_and_tensors():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(X > 0.5, X, 0)
    whole = read((dense, KINDS), test_share=0.25)
    assert read((sparse.csr_matrix(dense), KINDS), test_share=0.25).fingerprint == whole.fingerprint
    jax = pytest.importorskip("jax.numpy")
    assert as_array(jax.ones(3)).tolist() == [1, 1, 1]


# Datasets that are read once.


class Pairs:
    """A dataset as torch has it."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        return self.x[row], self.y[row]


class Spec:
    def __init__(self, *shape):
        self.shape = shape


class Stream:
    """A dataset as tf.data has it."""

    def __init__(self, x, y, batch=None, cardinality=-2):
        self.x, self.y, self.batch, self._cardinality = x, y, batch, cardinality
        first = () if batch is None else (None,)
        self.element_spec = Spec(*first, *x.shape[1:]), Spec(*first, *y.shape[1:])

    def cardinality(self):
        return self._cardinality

    def __iter__(self):
        if self.batch is None:
            yield from zip(self.x, self.y, strict=True)
            return
        for start in range(0, len(self.x), self.batch):
            yield self.x[start : start + self.batch], self.y[start : start + self.batch]


@pytest.mark.parametrize("kind", [Pairs, Stream, lambda x, y: Stream(x, y, batch=7)])
def test_a_dataset_that_is_iterated_is_the_same_data(kind):
    pairs = kind(*FOUR[:2]), kind(*FOUR[2:])
    assert read(pairs).fingerprint == read(*pairs).fingerprint == read(FOUR).fingerprint


def test_images_whose_channels_come_first_are_ours_afterwards():
    x = RANDOM.random((20, 3, 5, 6), np.float32)
    made = read(Pairs(x, np.arange(20) % 2), test_share=0.5)
    assert made.input_shape == (5, 6, 3)
    assert "channels first" in made.notes[0]
    assert read(Pairs(x[:, :1], np.arange(20) % 2), test_share=0.5).input_shape == (5, 6)


@pytest.mark.extra
def test_real_datasets_of_torch():
    torch = pytest.importorskip("torch")
    data = pytest.importorskip("torch.utils.data")
    pairs = [data.TensorDataset(torch.tensor(FOUR[place]), torch.tensor(FOUR[place + 1]))
             for place in (0, 2)]  # fmt: skip
    loaders = [data.DataLoader(pair, batch_size=4, shuffle=True, drop_last=True) for pair in pairs]
    whole = read(FOUR).fingerprint
    assert read(tuple(pairs)).fingerprint == read(*loaders).fingerprint == whole
    assert read(tuple(map(torch.tensor, FOUR))).fingerprint == whole

    class Endless(data.IterableDataset):
        def __iter__(self):
            yield from iter(int, 1)

    with pytest.raises(DataError, match="known length"):
        read(Endless(), test_share=0.2)


@pytest.mark.extra
@pytest.mark.slow
def test_real_datasets_of_tensorflow():
    tensorflow = pytest.importorskip("tensorflow")
    make = tensorflow.data.Dataset.from_tensor_slices
    pairs = make(FOUR[:2]), make(FOUR[2:])
    whole = read(FOUR).fingerprint
    assert read(pairs).fingerprint == whole
    assert read(*(pair.batch(5).prefetch(1) for pair in pairs)).fingerprint == whole
    with pytest.raises(DataError, match="infinite"):
        read(pairs[0].repeat(), test_share=0.2)


# In a study.


def test_a_study_holds_them_under_their_fingerprint():
    study = stepladder.Study(name="s", base=BASE, dataset=FOUR)
    assert study.dataset.arrays == read(FOUR).fingerprint == load(study.dataset).fingerprint
    again = stepladder.Study(name="s", base=BASE, dataset=FOUR)
    assert study == again
    assert study.changed({"seed": 1}).dataset == study.dataset


def test_what_the_program_changes_afterwards_does_not_matter():
    x_train = FOUR[0].copy()
    source = stepladder.dataset((x_train, *FOUR[1:]))
    x_train[:] = 0
    np.testing.assert_array_equal(load(source).x_train, FOUR[0])


def test_they_are_forgotten_with_the_last_study_that_has_them(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = stepladder.dataset((FOUR[0] + 3, *FOUR[1:]), name="mine")
    plain = ArraysDataset(**dict(source))
    assert load(plain).fingerprint == source.arrays
    store_dataset(load(source), tmp_path / "kept", is_cache=False)
    del source
    gc.collect()
    with pytest.raises(
        DataError, match=r"mine: the data that were given from Python must be there"
    ):
        load(plain)
    kept = load(plain.changed({"folder": str(tmp_path / "kept")}))
    assert kept.fingerprint == plain.arrays
    (tmp_path / "kept" / plain.arrays / "x_test.npy").write_bytes(b"damaged")
    assert StoredDataset.find(tmp_path / "kept", plain.arrays) is None


def test_the_task_follows_the_data():
    source = stepladder.dataset((X, X[:, 0], X, X[:, 0]), task="regression", name="my houses")
    study = stepladder.Study(name="s", base=BASE, dataset=source)
    assert study.metric.name == "rmse"
    assert (task_of(source), short_name(source)) == ("regression", "my-houses")


def test_several_data_sets_from_python():
    study = stepladder.Study(name="s", base=BASE, datasets=[FOUR, (FOUR[0] + 1, *FOUR[1:])])
    assert [source.name for source in study.datasets] == ["data", "data"]
    assert list(study.by_dataset) == ["data", "data-2"]


# What is refused.


FRAME = Frame({"a": X[:, 0], "sex": np.array(["f", "m"] * 20), "kind": KINDS})
WITH_GAP = np.where(np.arange(40) == 7, np.nan, X[:, 0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((((FOUR[0],),), {}), r"found 1 values; give 4 or 6"),
        ((({"x_train": X},), {}), r"a mapping must have x_train, y_train.* found x_train"),
        ((({**PARTS, "x_valid": X},), {}), r"found .*x_valid"),
        ((((FOUR[0], FOUR[1]),), {}), r"must have a test part, found none; give test="),
        (((FOUR, FOUR[:2]), {}), r"found several parts"),
        (((FOUR,), {"test_share": 0.2}), r"test_share must stand alone"),
        ((((X, KINDS),), {"test_share": 2}), r"test_share must be a share .* found 2"),
        ((((X, KINDS[:-1]),), {"test_share": 0.2}), r"found 40 examples and 39 labels"),
        ((((*FOUR[:3], FOUR[3][:-1]),), {}), r"y_test must have one label for each example"),
        ((((X, KINDS, X, ["ash"] * 40),), {}), r"y_test must hold only classes .* found ash"),
        ((((X, [None] * 40, X, KINDS),), {}), r"y_train must have a label in every row, found none "
                                              r"in row 0"),
        (((FRAME,), {"test_share": 0.2}), r"its label named, found no label among a, sex"),
        (((FRAME,), {"label": "knd", "test_share": 0.2}),
         r"label column 'knd'.* did you mean 'kind'"),
        (((FRAME,), {"label": "kind", "test_share": 0.2, "ignore": ["age"]}),
         r"column to ignore, 'age'"),
        (((FOUR,), {"impute": "median"}), r"impute must stand beside a frame"),
        (((Frame({"a": WITH_GAP, "kind": KINDS}),), {"label": "kind", "test_share": 0.2}),
         r"row 7: must have a number in column 'a'.* impute = \"median\""),
        (((Frame({"kind": KINDS}),), {"label": "kind", "test_share": 0.2}),
         r"the column 'kind' alone"),
        (((FOUR,), {"label": "kind"}), r"found several parts"),
        (((42,), {}), r"found int; give one of these"),
        (((np.zeros((3, 2)),), {}), r"found numpy.ndarray of shape \(3, 2\)"),
        (((([[1], [1, 2]], [0, 1], [[1]], [0]),), {}), r"whose rows differ in length"),
        ((("mnist",), {}), r"found str"),
        (((None,), {}), r"must have a test part"),
        (((Stream(*FOUR[:2], cardinality=-1),), {"test_share": 0.2}), r"found an infinite dataset"),
        (((Pairs([], []),), {"test_share": 0.2}), r"must have examples, found none"),
        (((Pairs([np.zeros(2), np.zeros(3)], [0, 1]),), {"test_share": 0.2}), r"of one shape"),
        (((Frame({"a": [], "kind": []}),), {"label": "kind", "test_share": 0.2}),
         r"rows below its header, found none"),
    ],
)  # fmt: skip
def test_what_is_no_data_gets_one_message(given, message):
    arguments, how = given
    with pytest.raises(DataError, match=message) as error:
        stepladder.dataset(*arguments, **how)
    assert "; " in str(error.value)


@pytest.mark.parametrize("dataset", [(X, KINDS), [1, 2, 3, 4], {"x_train": "a.npy"}, X, 3])
def test_a_study_refuses_it_too(dataset):
    with pytest.raises(StudyError, match=r"dataset|data"):
        stepladder.Study(name="s", base=BASE, dataset=dataset)


# Whatever is given, there are valid data or one clear error.

KINDS_OF_ARRAY = ["bool", "uint8", "int64", "float32", "float64", "complex64", "U3", "O", "M8[D]"]
SIDES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
ARRAY = st.tuples(st.sampled_from(KINDS_OF_ARRAY), SIDES).map(
    lambda made: np.arange(math.prod(made[1])).astype("i8").reshape(made[1]).astype(made[0])
)
CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
VALUE = ARRAY | CELL | st.lists(CELL, max_size=3) | st.lists(st.lists(CELL, max_size=2), max_size=3)
NAMED = st.dictionaries(st.sampled_from(["x_train", "y_train", "x_val", "y_val", "x_test", "y_test",
                                         "data", "target", "feature_names"]), VALUE)  # fmt: skip
COLUMNS = st.dictionaries(st.sampled_from("abk"), st.lists(CELL, min_size=2, max_size=2)).map(
    lambda columns: Frame({name: np.array(cells, object) for name, cells in columns.items()})
)
STREAMS = st.lists(st.tuples(ARRAY | CELL, ARRAY | CELL), max_size=3).map(
    lambda rows: Pairs([x for x, _ in rows], [y for _, y in rows])
)
GIVEN = NAMED | COLUMNS | STREAMS | st.lists(VALUE, max_size=6).map(tuple) | VALUE


@settings(derandomize=True, max_examples=400, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(
    data=GIVEN,
    label=st.sampled_from([None, None, "k", ["a", "k"], []]),
    share=st.sampled_from([None, 0.5, 0.5, 1]),
    task=st.sampled_from([None, "classification", "regression", "multilabel"]),
)
def test_anything_at_all(data, label, share, task):
    try:
        message = stepladder.dataset(data, label=label, test_share=share, task=task).name + "; "
    except DataError as error:
        message = str(error)
    assert "; " in message
    assert len(message) < 5000
