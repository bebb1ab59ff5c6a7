"""Targets that are no classes: numbers of a regression, and labels of which several apply."""

import numpy as np
import pytest

from stepladder.data import Dataset, load, validation_examples
from stepladder.errors import DataError, StudyError
from stepladder.study.sources import NpzDataset, TableDataset

X = np.arange(12, dtype=np.float32).reshape(6, 2)
Y = {
    "regression": np.array([[0.5, 1], [2, 3], [1, 1], [4, 4], [0, 0], [9, 1]], np.float32),
    "multilabel": np.array([[0, 1], [1, 1], [0, 0], [1, 0], [1, 1], [0, 1]], np.uint8),
}


def made(task, y=None, class_names=("a", "b"), **changes):
    y = Y[task] if y is None else y
    fields = {"x_train": X[:4], "y_train": y[:4], "x_test": X[4:], "y_test": y[4:], **changes}
    return Dataset(name="t", class_names=class_names, task=task, **fields)


@pytest.mark.parametrize(("task", "classes"), [("regression", 0), ("multilabel", 2)])
def test_a_dataset_knows_how_many_numbers_answer_an_example(task, classes):
    dataset = made(task)
    assert (dataset.outputs, dataset.classes) == (2, classes)
    assert validation_examples(dataset, 0.25) == 1
    with pytest.raises(StudyError, match="leave at least 1 training example, found 4"):
        validation_examples(dataset, 4)


def test_the_fingerprint_tells_the_task():
    values = Y["multilabel"]
    one = made("multilabel", values)
    other = made("regression", values.astype(np.float32))
    assert one.fingerprint != other.fingerprint != made("regression").fingerprint


@pytest.mark.parametrize(
    ("task", "y", "message"),
    [
        ("regression", np.full((6, 2), np.nan, np.float32), "y_train must hold fin.* found nan"),
        ("regression", np.ones((6, 2), np.float32), "target 'a' must vary .* found 1 in every"),
        ("regression", np.ones((6, 2)), "y_train must be float32 of shape .* found float64"),
        ("regression", np.ones(6, np.float32), r"y_train must be float32 of shape \(4, 2\)"),
        ("regression", np.ones((6, 3), np.float32), r"found float32 of shape \(4, 3\)"),
        ("multilabel", np.full((6, 2), 2, np.uint8), "must hold 0 or 1, found 2 in example 0"),
        ("multilabel", np.zeros((6, 2), np.uint8), "label 'a' must vary .* found 0 in every"),
        ("multilabel", np.zeros((6, 2), np.float32), "y_train must be uint8"),
    ],
)
def test_a_dataset_refuses_targets_that_make_no_sense(task, y, message):
    with pytest.raises(DataError, match=message):
        made(task, y)


def read_npz(tmp_path, y, task, y_test=None, **more):
    path = tmp_path / "t.npz"
    x = np.random.default_rng(0).normal(size=(len(y), 3))
    np.savez(path, x_train=x, y_train=y, x_test=x[:3], y_test=y[:3] if y_test is None else y_test)
    return load(NpzDataset(npz=str(path), task=task) if task else str(path), **more)


@pytest.mark.parametrize("kind", [np.int64, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(8,), (8, 1), (4, 2)])
def test_numbers_of_a_regression_are_float32_with_a_column_each(tmp_path, kind, shape):
    y = np.arange(8).reshape(shape).astype(kind)
    dataset = read_npz(tmp_path, y, "regression")
    assert (dataset.task, dataset.y_train.dtype) == ("regression", np.float32)
    np.testing.assert_array_equal(dataset.y_train, y.reshape(len(y), -1))
    assert dataset.class_names == (("y",) if dataset.outputs == 1 else ("y1", "y2"))


def test_labels_are_uint8_with_a_column_each(tmp_path):
    dataset = read_npz(tmp_path, np.array([[0, 1.0], [1, 1], [1, 0]]), "multilabel")
    assert (dataset.y_train.dtype, dataset.y_train.tolist()) == (np.uint8, [[0, 1], [1, 1], [1, 0]])
    assert dataset.class_names == ("0", "1")


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (np.array([0.5, 1, 2]), None, "found 0.5 for example 0; .* task = .regression."),
        (np.array([[0, 1], [1, 1], [0, 0]]), None, "several may apply, write .*multilabel"),
        (np.eye(3), None, r"argmax\(axis=1\) if it is one-hot"),
        (np.array([[0, 1], [1, 5.5], [0, 0]]), None, "2 numbers to be predicted.*regression"),
        (np.array([[0, 1], [1, 5], [0, 0]]), "multilabel", "found 5 for example 1; save a column"),
        (np.array([1.0, np.inf, 2]), "regression", "found inf in example 1"),
        (np.array([1.0, 1e300, 2]), "regression", "found inf in example 1"),
        (np.zeros((3, 2, 2)), "regression", r"found float64 of shape \(3, 2, 2\)"),
        (np.ones(3), "regression", "target 'y' must vary"),
    ],
)
def test_a_file_whose_targets_do_not_fit_the_task_is_refused(tmp_path, y, task, message):
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path, y, task)


def test_both_parts_of_a_file_have_the_same_columns(tmp_path):
    with pytest.raises(DataError, match="the same columns, found 1 and 2"):
        read_npz(tmp_path, np.array([1.0, 2, 3]), "regression", np.ones((3, 2)))


ROWS = "size,price,cheap,far\n" + "".join(
    f"{i},{i * 1.5},{('0', '1', 'True', 'false', '1.0')[i % 5]},{i % 2}\n" for i in range(20)
)


def read_csv(tmp_path, text=ROWS, label="price", task="regression", test_share=0.25):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return load(TableDataset(csv=str(path), label=label, test_share=test_share, task=task))


def test_a_table_has_a_target_of_numbers(tmp_path):
    text = "size,price\n" + "".join(f"{i},{i * 1.5}\n" for i in range(20))
    dataset = read_csv(tmp_path, text)
    assert (dataset.task, dataset.class_names, dataset.columns) == (
        "regression",
        ("price",),
        ("size",),
    )
    assert (dataset.y_train.shape, dataset.y_test.shape) == ((15, 1), (5, 1))
    for x, y in ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)):
        np.testing.assert_array_equal(x * np.float32(1.5), y)
    np.testing.assert_array_equal(dataset.x_test, read_csv(tmp_path, text).x_test)
    assert dataset.x_test.ravel().tolist() != [15, 16, 17, 18, 19]  # at random


def test_a_table_has_several_targets_and_labels(tmp_path):
    both = read_csv(tmp_path, ROWS.replace("True", "1").replace("false", "0"), ["far", "price"])
    assert (both.class_names, both.columns) == (("far", "price"), ("size", "cheap"))
    np.testing.assert_array_equal(both.y_train[:, 1], both.x_train[:, 0] * np.float32(1.5))
    np.testing.assert_array_equal(both.y_train[:, 0], both.x_train[:, 0] % 2)
    labels = read_csv(tmp_path, ROWS, ["cheap", "far"], "multilabel")
    assert (labels.class_names, labels.columns) == (("cheap", "far"), ("size", "price"))
    size = labels.x_train[:, 0].astype(int)
    np.testing.assert_array_equal(labels.y_train[:, 0], np.isin(size % 5, (1, 2, 4)))


@pytest.mark.parametrize("test_share", [0.01, 0.5, 0.9])
def test_either_part_has_a_row(tmp_path, test_share):
    text = "size,price\n" + "".join(f"{i},{i * 1.5}\n" for i in range(20))
    dataset = read_csv(tmp_path, text, test_share=test_share)
    assert len(dataset.x_test) == max(1, round(test_share * 20))


@pytest.mark.parametrize(
    ("cell", "found"),
    [("cheap", "'cheap'"), ("nan", "'nan'"), ("NA", "'NA'"), ("1e99", "'1e99'"), ("inf", "'inf'")],
)
def test_a_target_that_is_no_number_is_refused_with_its_line(tmp_path, cell, found):
    message = f"line 3: must have a finite number .* in column 'price', found {found}"
    with pytest.raises(DataError, match=message):
        read_csv(tmp_path, f"size,price\n1,2\n2,{cell}\n3,4\n")


@pytest.mark.parametrize(
    ("text", "label", "task", "message"),
    [
        ("a,y\n1,2\n2,\n", "y", "regression", "line 3: must have a label in column 'y', found"),
        ("a,y\n1,2\n2,2\n3,2\n", "y", "regression", "target 'y' must vary"),
        ("a,y\n1,2\n", "y", "regression", "found a single row"),
        ("a,y\n1,2\n2,3\n", ["y", "z"], "regression", "must have the label column 'z'"),
        ("a,y\n1,2\n2,3\n", ["y", "a"], "regression", "found the columns 'y', 'a' alone"),
        ("a,y,z\n1,1,0\n2,0,2\n", ["y", "z"], "multilabel", "line 3: must have 0 or 1 in column"),
        ("a,y,z\n1,1,0\n2,0,no\n", ["y", "z"], "multilabel", "0 or 1 in column 'z', found 'no'"),
        ("a,y\n1,0.5\n2,1.5\n3,1.5\n4,0.5\n", "y", None, "fractions such as '0.5'; write task"),
        ("a,y\n1,5\n2,6\n3,7\n", "y", None, "single row of .*; write task = .regression. in"),
    ],
)
def test_a_table_whose_targets_do_not_fit_the_task_is_refused(tmp_path, text, label, task, message):
    with pytest.raises(DataError, match=message):
        read_csv(tmp_path, text, label, task)


def test_numbers_with_fractions_are_classes_where_that_is_said(tmp_path):
    text = "a,y\n1,0.5\n2,1.5\n3,1.5\n4,0.5\n"
    assert read_csv(tmp_path, text, "y", "classification").class_names == ("0.5", "1.5")
