import numpy as np
import pytest
from dataset_files import csv_text

from stepladder.data import load
from stepladder.errors import DataError
from stepladder.study.sources import TableDataset


def read(tmp_path, text, label="kind", test_share=0.25, **more):
    path = tmp_path / "set.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(TableDataset(csv=str(path), label=label, test_share=test_share, **more))


def everything(made):
    """All rows of both parts with their class names, in a fixed order."""
    rows = []
    for inputs, labels in ((made.x_train, made.y_train), (made.x_test, made.y_test)):
        names = [made.class_names[number] for number in labels]
        rows += [(name, *row) for name, row in zip(names, inputs.tolist(), strict=True)]
    return sorted(rows)


def test_reads_back_what_was_written(tmp_path):
    made = read(tmp_path, csv_text())
    assert made.name == "set.csv"
    assert made.class_names == ("a", "b", "c")
    assert made.input_shape == (2,)
    assert everything(made) == sorted(("abc"[i % 3], i, i % 3) for i in range(12))


@pytest.mark.parametrize(
    "label_first",
    ["kind,height,width\na,1,2", "height,kind,width\n1,a,2", "\ufeffkind,height,width\na,1,2"],
)
def test_label_may_stand_in_any_column(tmp_path, label_first):
    header, row = label_first.split("\n")
    rows = [row, row.replace("a", "b")] * 2
    made = read(tmp_path, "\n".join([header, *rows]))
    assert everything(made) == [("a", 1, 2), ("a", 1, 2), ("b", 1, 2), ("b", 1, 2)]


@pytest.mark.parametrize(
    "written",
    [
        "\ufeff" + csv_text(),
        csv_text().replace("\n", "\r\n"),
        csv_text().replace(",", " , "),
        csv_text().replace("a\n", '"a"\n'),
        csv_text().replace("\n", "\n\n"),
        csv_text().rstrip("\n"),
    ],
    ids=["BOM", "CRLF", "spaces", "quotes", "blank lines", "no last newline"],
)
def test_the_same_table_in_other_spellings(tmp_path, written):
    assert read(tmp_path, written).fingerprint == read(tmp_path, csv_text()).fingerprint


@pytest.mark.parametrize(
    ("value", "kind"),
    [("0", np.uint8), ("255", np.uint8), ("7.0", np.uint8), ("2e2", np.uint8)]
    + [(text, np.float32) for text in ("256", "-1", "0.5", "1e30")],
)
def test_bytes_where_every_input_is_a_whole_number_up_to_255(tmp_path, value, kind):
    made = read(tmp_path, csv_text() + f"{value},0,a\n")
    assert made.x_train.dtype == made.x_test.dtype == kind
    assert np.float32(value) in np.concatenate([made.x_train, made.x_test])


@pytest.mark.parametrize(
    ("labels", "class_names"),
    [
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["0.5", "-2", "1e1"], ("-2", "0.5", "1e1")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["nan", "2", "10"], ("10", "2", "nan")),
        (["ä", "Ω", "<b>"], ("<b>", "ä", "Ω")),
    ],
)
def test_numbers_sort_as_numbers_and_texts_as_texts(tmp_path, labels, class_names):
    rows = [f"{i},0,{labels[i % 3]}" for i in range(6)]
    text = "\n".join(["height,width,kind", *rows])
    assert read(tmp_path, text, task="classification").class_names == class_names


@pytest.mark.parametrize("test_share", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("counts", [(50, 50), (90, 10), (100, 2, 2)])
def test_test_rows_are_drawn_class_by_class(tmp_path, counts, test_share):
    labels = np.repeat(list("abc")[: len(counts)], counts)
    rows = [f"{i},0,{label}" for i, label in enumerate(labels)]
    made = read(tmp_path, "\n".join(["height,width,kind", *rows]), test_share=test_share)
    drawn = np.bincount(made.y_test)
    left = np.bincount(made.y_train)
    assert (drawn + left).tolist() == list(counts)
    assert drawn.min() >= 1
    assert left.min() >= 1
    wanted = np.clip(np.array(counts) * test_share, 1, np.array(counts) - 1)
    assert np.abs(drawn - wanted).max() <= 1


def test_test_rows_are_the_same_for_good(tmp_path):
    # Another draw would put rows that trained yesterday into the test part of today.
    made = read(tmp_path, csv_text(24))
    assert made.x_test[:, 0].tolist() == [2, 3, 4, 16, 18, 20]


def test_test_rows_are_not_simply_the_last(tmp_path):
    made = read(tmp_path, csv_text(60))
    assert made.x_test[:, 0].min() < 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with a header row, found an empty file"),
        ("\n" + csv_text(), "must begin with a header row, found an empty line"),
        ("height,width,kind\n", "must have rows below its header, found none"),
        (csv_text().replace("kind", "knid"), "'kind', found .* knid; did you mean 'knid'?"),
        (csv_text().replace("kind", "xyz"), "found the columns height, width, xyz; name one"),
        (csv_text().replace("height", "width"), "found width more than once"),
        (csv_text().replace("width", "kind"), "found kind more than once"),
        (csv_text().replace("width", ""), "found a column without a name"),
        ("kind\na\nb\n", "must have inputs and a label, found the column 'kind' alone"),
        (csv_text() + "1,2\n", "line 14: must have 3 cells as the header has, found 2"),
        (csv_text() + "1,2,a,\n", "line 14: must have 3 cells as the header has, found 4"),
        (csv_text() + "1,two,a\n", "line 14: must have a number in column 'width', found 'two'"),
        (csv_text() + "1,1_000,a\n", "must have a number in column 'width', found '1_000'"),
        (csv_text() + "1,٣,a\n", "must have a number in column 'width', found '٣'"),
        (csv_text() + ",2,a\n", "line 14: must have a number in column 'height', found ''"),
        (csv_text() + "1,2, \n", "line 14: must have a label in column 'kind', found an empty"),
        (csv_text() + "1,nan,a\n", "line 14: .* number in column 'width', found 'nan'; .* impute"),
        (csv_text() + "inf,2,a\n", "line 14: must have a finite .* column 'height', found inf"),
        (csv_text() + "1,1e39,a\n", r"column 'width', found 1e\+39"),
        (csv_text() + '1,2,"a\n', "found: unexpected end of data, in line 14"),
        (csv_text() + '1,2,"a"b\n', "comma-separated values, found: .* in line 14"),
        (csv_text() + "1,2,d\n", "one in the test part, found a single row of 'd'"),
        ("x,kind\n1,a\n2,a\n", "at least 2 classes, found 'a' in every row"),
        ("x,kind\n1,1\n2,1.0\n3,1\n", "must be written in one way, found '1' and '1.0'"),
        (b"x,kind\n1,\xff\n2,b\n", "must be text in UTF-8, found the byte 0xff in line 2;"),
        (b"x,kind\n" + b"1,a\n" * 9_000 + b"1,\xe9\n", "found the byte 0xe9 in line 9002;"),
        (csv_text().encode("utf-16"), "must be text in UTF-8, found the byte 0xff"),
    ],
)
def test_refuses_what_makes_no_sense(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text)
    assert "set.csv" in str(caught.value)
    assert "; " in str(caught.value)
