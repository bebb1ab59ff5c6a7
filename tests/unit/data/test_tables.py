import gzip
import math
import os
import random
import sys

import numpy as np
import pyarrow
import pytest
from dataset_files import csv_text
from pyarrow import feather, ipc, parquet

from stepladder.data import load
from stepladder.data.cache import StoredDataset, store_dataset
from stepladder.errors import DataError, StudyError
from stepladder.study.sources import TableDataset

PLAIN = "a,b,y\n" + "".join(f"{i}.5,{i * i}.25,{'pqr'[i % 3]}\n" for i in range(30))


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(tmp_path, text=PLAIN, name="t.csv", **more):
    given = {"label": "y", **({} if "test" in more else {"test_share": 0.25}), **more}
    return load(TableDataset(csv=write(tmp_path, text, name), **given))


def everything(made):
    """Rows of both parts with their targets, in a fixed order."""
    parts = ((made.x_train, made.y_train), (made.x_test, made.y_test))
    return sorted((y, *row) for x, ys in parts
                  for row, y in zip(x.tolist(), ys.tolist(), strict=True))  # fmt: skip


def test_fingerprints_of_tables_are_those_of_the_first_reader(tmp_path):
    draw = random.Random(0)
    floats = "a,kind,b\n" + "".join(
        f"{draw.gauss(0, 1)!r},{draw.choice('xyz')}, {draw.random() * 1e-3:.17g}\n"
        for _ in range(50)
    )
    numbers = "size,price,far\n" + "".join(f"+{i},{i * 1.1!r},{i % 2}\n" for i in range(20))
    several = {"label": ["price", "far"], "task": "regression"}
    given = [(csv_text(), {"label": "kind"}), (floats, {"label": "kind"}), (numbers, several),
             (numbers, {"label": ["far"], "task": "multilabel"})]  # fmt: skip
    assert [read(tmp_path, text, **more).fingerprint for text, more in given] == [
        "5a8abba93380120653392f24b2855d107eec3af3b06b25503aae64f428b504b0",
        "88793e9c1e46a47e02733dfbca491eca5613c5200cf5145201d4d64d1fe3cbc1",
        "3a51283a512c074f19becd7391a46302c83bfec6100df9f00274ba118b055cde",
        "a22282235814333283b5f135a2d451dcf61194506a3f5f649c83a0fc6514bed0",
    ]


@pytest.mark.parametrize(
    ("text", "name", "note"),
    [
        (PLAIN.replace(",", ";"), "t.csv", ("t.csv: cells are separated by ';', decimals by '.'",)),
        (PLAIN.replace(",", "\t"), "t.csv", ("t.csv: cells are separated by tabs, decimals by "
                                             "'.'",)),
        (PLAIN.replace(",", "\t"), "t.tsv", ()),
        (PLAIN.replace(",", "|"), "t.csv", ("t.csv: cells are separated by '|', decimals by '.'",)),
        ("  " + PLAIN.replace(",", "   ").replace("\n", "  \n "), "t.csv",
         ("t.csv: cells are separated by spaces, decimals by '.'",)),
        (PLAIN.replace(",", ";").replace(".", ","), "t.csv",
         ("t.csv: cells are separated by ';', decimals by ','",)),
        (PLAIN.replace(",", '","').replace("\n", '"\n"')[:-1].join(('"', "")), "t.csv", ()),
        ("\ufeff" + PLAIN.replace("\n", "\r\n"), "t.csv", ()),
        (PLAIN.replace("\n", "\r"), "t.csv", ()),
        (gzip.compress(PLAIN.encode()), "t.csv.gz", ()),
        (gzip.compress(PLAIN.encode()), "t.csv", ()),
        (gzip.compress(PLAIN.replace(",", "\t").encode()), "t.tsv.gz", ()),
    ],
)  # fmt: skip
def test_the_same_table_in_other_forms(tmp_path, text, name, note):
    made = read(tmp_path, text, name)
    assert made.fingerprint == read(tmp_path).fingerprint
    assert made.notes == note


@pytest.mark.parametrize("sign", [",", ";", "\t", "|", "~"])
def test_a_separator_and_a_decimal_mark_that_are_given(tmp_path, sign):
    text = PLAIN.replace(",", sign)
    made = read(tmp_path, text, separator=sign, decimal=".")
    assert (made.fingerprint, made.notes) == (read(tmp_path).fingerprint, ())
    quoted = 'a;y\n"1,234";p\n"2,5";q\n3;p\n4;q\n'
    made = read(tmp_path, quoted, decimal=",")
    assert {row[1] for row in everything(made)} == {np.float32(v) for v in (1.234, 2.5, 3, 4)}


@pytest.mark.parametrize("line_breaks", [False, True])
def test_quotes_far_below_are_read(tmp_path, line_breaks):
    rows = [f"{i}.5,{i},{'pq'[i % 2]}" for i in range(100_000)]
    broken = "\n" if line_breaks else ""
    rows[90_000] = f'90000.5,"{broken}90000",p'
    made = read(tmp_path, "\n".join(["a,b,y", *rows]))
    assert len(made.x_train) + len(made.x_test) == 100_000
    both = np.concatenate([made.x_train, made.x_test])
    np.testing.assert_array_equal(np.sort(both[:, 1]), np.arange(100_000))
    rows[95_000] = "2,x,p"
    line = 95_002 + line_breaks
    with pytest.raises(DataError, match=f"line {line}: must have a number in column 'b', found 'x"):
        read(tmp_path, "\n".join(["a,b,y", *rows]))


@pytest.mark.parametrize("header", [True, False])
def test_a_table_without_a_header(tmp_path, header):
    text = PLAIN if header else PLAIN.split("\n", 1)[1]
    made = read(tmp_path, text, header=header, label="y" if header else -1)
    assert made.fingerprint == read(tmp_path).fingerprint
    assert made.columns == (("a", "b") if header else ("1", "2"))
    if not header:
        for label in (3, "3"):
            assert read(tmp_path, text, header=False, label=label).fingerprint == made.fingerprint


def test_what_is_left_out(tmp_path):
    rows = [line.split(",") for line in PLAIN.splitlines()]
    index = "\n".join([",a,b,y"] + [",".join([str(i), *row]) for i, row in enumerate(rows[1:])])
    made = read(tmp_path, index)
    assert made.fingerprint == read(tmp_path).fingerprint
    assert made.notes == ("t.csv: the column without a name is taken for an index and left out",)
    names = index.replace(",a,", "Id,a,", 1)
    assert read(tmp_path, names, ignore=["Id"]).fingerprint == made.fingerprint
    dates = names.replace("Id", "when").replace("\n1", "\n2024-01-01", 1)
    assert read(tmp_path, dates, ignore=["when"]).fingerprint == made.fingerprint


def test_a_test_and_a_validation_file(tmp_path):
    lines = PLAIN.splitlines()
    turned = [",".join(reversed(line.split(","))) for line in lines]
    whole = read(tmp_path)
    test = write(tmp_path, "\n".join([turned[0], *turned[21:]]), "test.csv")
    validation = write(tmp_path, "\n".join([turned[0], *turned[16:21]]), "val.csv")
    train = "\n".join(lines[:16])
    made = read(tmp_path, train, "train.csv", test=test, validation=validation)
    assert made.validation_examples == 5
    assert made.x_train[:, 0].tolist() == [i + 0.5 for i in range(20)]
    assert made.x_test[:, 0].tolist() == [i + 0.5 for i in range(20, 30)]
    assert (everything(made), made.class_names) == (everything(whole), whole.class_names)
    shared = read(tmp_path, train, "train.csv", test_share=0.2, validation=validation)
    assert shared.validation_examples == 5
    assert shared.x_train[-5:, 0].tolist() == [i + 0.5 for i in range(15, 20)]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("a,y\n1,p\n", r"test.csv: must have the columns of t.csv, found no 'b'; add"),
        ("a,b\n1,2\n", r"test.csv: must have the label column 'y', found the columns a, b"),
        ("a,b,y\n1,2,z\n", r"test.csv: must hold only classes that t.csv holds, found 'z' in"),
        ("a,b,y\n1,x,p\n", r"test.csv, line 2: must have a number in column 'b', found 'x'"),
        ("a,b,y\n1,2\n", r"test.csv, line 2: must have 3 cells as the header has, found 2"),
        ("a,b,y\n", r"test.csv: must have rows below its header"),
        (None, r"test.csv: must be readable, found: No such file"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused(tmp_path, test, message):
    path = str(tmp_path / "test.csv") if test is None else write(tmp_path, test, "test.csv")
    with pytest.raises(DataError, match=message):
        read(tmp_path, test=path)


def test_columns_that_the_test_file_alone_has_are_left_out(tmp_path):
    test = write(tmp_path, "c,a,b,y\n1,2,3.5,p\n", "test.csv")
    made = read(tmp_path, test=test)
    assert made.x_test.tolist() == [[2, 3.5]]
    assert made.notes == ("test.csv: c is not in t.csv and left out",)


COLOURS = ["red", "green", "blue", "red", "green", "red"]
MIXED = "c,n,y\n" + "".join(f"{COLOURS[i % 6]},{i / 4},{'pq'[i % 2]}\n" for i in range(24))


def test_texts_become_columns_as_scikit_learn_makes_them(tmp_path):
    from sklearn.preprocessing import OneHotEncoder

    made = read(tmp_path, MIXED)
    assert made.columns == ("c=blue", "c=green", "c=red", "n")
    for x in (made.x_train, made.x_test):
        colours = np.array([[COLOURS[int(4 * n) % 6]] for n in x[:, 3]])
        encoder = OneHotEncoder(sparse_output=False).fit(np.array(COLOURS)[:, None])
        np.testing.assert_array_equal(x[:, :3], encoder.transform(colours))
    index = read(tmp_path, MIXED, categories="index")
    assert index.columns == ("c", "n")
    np.testing.assert_array_equal(index.x_train[:, 0], 1 + made.x_train[:, :3].argmax(axis=1))
    assert made.notes == ("t.csv: each text becomes a column of 0 and 1: c (3)",)


def test_categories_are_those_of_the_training_rows(tmp_path):
    test = write(tmp_path, "c,n,y\nviolet,1,p\nred,2,q\n", "test.csv")
    made = read(tmp_path, MIXED, test=test)
    assert made.x_test.tolist() == [[0, 0, 0, 1], [0, 0, 1, 2]]
    assert made.notes[1] == "t.csv: texts of no training row become no category: 'violet' of c"
    made = read(tmp_path, MIXED, test=test, categories="index")
    assert made.x_test.tolist() == [[0, 1], [3, 2]]


def test_a_note_has_all_columns_of_which_it_is_true(tmp_path):
    rows = [[*"rs", *("NA" if line == place else f"{line}.5" for place in range(6)), "pq"[line % 2]]
            for line in range(24)]  # fmt: skip
    test = write(tmp_path, "c,d,a,b,e,f,g,h,y\nr,s,0,0,0,0,0,0,p\n", "test.csv")
    text = "c,d,a,b,e,f,g,h,y\n" + "\n".join(map(",".join, rows))
    assert read(tmp_path, text, test=test, impute="median").notes == (
        "t.csv: each text becomes a column of 0 and 1: c (1), d (1)",
        "t.csv: missing values become the median of the training part: a 12.5, b 12.5, e 12.5, "
        "f 12.5 and 2 more",
    )


def test_a_class_whose_name_stands_for_no_value_is_told(tmp_path):
    made = read(tmp_path, "a,y\n" + "1.5,NA\n2.5,b\n" * 10)
    assert made.class_names == ("NA", "b")
    assert made.notes[0].startswith("t.csv: 'NA' in the label column is a class of its own")


def test_columns_that_pandas_counts_are_a_header(tmp_path):
    text = "0,1,2\n" + "1.5,2,p\n2.5,3,q\n" * 10
    assert read(tmp_path, text, label="2").columns == ("0", "1")
    with pytest.raises(DataError, match="label column 'y', found the columns 0, 1, 2"):
        read(tmp_path, text)
    text = "0,1,2,kind\n" + "1.5,2,3,p\n2.5,3,4,q\n" * 10
    with pytest.raises(DataError, match="label column 'y', found the columns 0, 1, 2, kind"):
        read(tmp_path, text)


def test_booleans_are_0_and_1(tmp_path):
    text = "b,n,y\n" + "".join(f"{('True', 'false')[i % 2]},{i / 4},{'pq'[i % 2]}\n"
                               for i in range(24))  # fmt: skip
    made = read(tmp_path, text)
    assert made.x_train[:, 0].tolist() == (1 - made.y_train).tolist()
    assert made.notes == ("t.csv: true and false are 1 and 0: b",)


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "nan", "null", "None", "?", " "])
def test_missing_values_are_replaced_as_scikit_learn_does(tmp_path, cell):
    from sklearn.impute import SimpleImputer

    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 3)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = math.nan
    values[:, 2] = np.arange(60)
    lines = [",".join(cell if math.isnan(v) else repr(float(v)) for v in row) for row in values]
    text = "a,b,row,y\n" + "".join(f"{line},{'pq'[i % 2]}\n" for i, line in enumerate(lines))
    row = int(np.argmax(np.isnan(values[:, 0])))
    with pytest.raises(DataError, match=f"line {row + 2}: must have a number .*impute = .median"):
        read(tmp_path, text)
    made = read(tmp_path, text, impute="median", indicator=True)
    assert made.columns == ("a", "a is missing", "b", "b is missing", "row")
    given = [values[x[:, 4].astype(int)] for x in (made.x_train, made.x_test)]
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    imputer.fit(given[0].astype(np.float64))
    for x, part in zip((made.x_train, made.x_test), given, strict=True):
        wanted = imputer.transform(part.astype(np.float64))
        np.testing.assert_array_equal(x[:, [0, 2, 4, 1, 3]], wanted.astype(np.float32))
    plain = read(tmp_path, text, impute="median")
    np.testing.assert_array_equal(plain.x_train, made.x_train[:, [0, 2, 4]])
    whole = read(tmp_path, PLAIN)
    assert read(tmp_path, PLAIN, impute="median", indicator=True).fingerprint == whole.fingerprint


def test_missing_texts_are_a_category(tmp_path):
    made = read(tmp_path, MIXED.replace("blue", "NA"), impute="median")
    assert made.columns == ("c=green", "c=missing", "c=red", "n")
    with pytest.raises(DataError, match=r"line 4: must have a text in column 'c', found 'NA'.*imp"):
        read(tmp_path, MIXED.replace("blue", "NA"))


def unique(make, count=120):
    return "c,n,y\n" + "".join(f"{make(i)},{i / 4},{'pq'[i % 2]}\n" for i in range(count))


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (unique(lambda i: f"Name {i}"), {}, "one of 100 at most .*found 120 .* ignore = ..c.."),
        (unique(lambda i: f"Name {i}", 20), {}, "found 1. texts in 15 .*rows; .* ignore = ..c.."),
        (unique(lambda i: f"2024-01-{i + 1:02}", 20), {}, "the date .*'2024-01-01'; .*ignore"),
        (unique(lambda i: f"{i + 1}.3.2024", 20), {}, "the date or time '1.3.2024'"),
        (unique(lambda i: f"2024/1/{i + 1} 10:30", 20), {}, "the date or time '2024/1/1 10:30'"),
        (unique(lambda i: f"{i + 1} Jan 2024", 20), {}, "the date or time '1 Jan 2024'"),
        ("a;y\n1,234;p\n2,345;q\n", {}, "found '1,234', which may be .*; remove commas of"),
        ("a;y\n1,5;p\n2.5;q\n", {}, "found '1,5' and '2.5'; remove commas of thousands"),
        ("a;y\n1,5;p\n2.000,5;q\n3;p\n", {}, "line 3: must have a number .*found '2.000,5'"),
        ("a,y\n1,5,p\n2,5,q\n", {}, "line 2: must have 2 cells .*found 3; .*decimal marks"),
        ("1.5,2,p\n1.5,3,q\n", {}, "found numbers in it: 1.5, 2, p; .*header = false"),
        ("1,5;2,5;p\n", {"header": False, "label": 4}, "must have the label column '4'"),
        (MIXED, {"ignore": ["Id"]}, "must have the column to ignore, 'Id', found .* c, n, y"),
        (MIXED, {"ignore": ["y"]}, "label column must not be left out, found 'y' in ignore"),
        ("a,y\n" + "NA,p\nNA,q\n" * 3, {"impute": "median"}, "a value in column 'a' .*ignore"),
        (gzip.compress(PLAIN.encode())[:-20], {}, "a complete gzip file, found"),
        (gzip.compress(b"a,y\n" + b"0,p\n" * 2**24), {}, "grows more than 300-fold"),
        (gzip.compress(b"0" * 2**25), {}, "found a line of more than 16,777,216 bytes"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused(tmp_path, text, more, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, **more)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"csv": "a.csv", "parquet": "b", "test_share": 0.2}, "one of csv, parquet, arrow, found"),
        ({"test_share": 0.2}, "one of csv, parquet, arrow, found none"),
        ({"csv": "a.csv", "test_share": 0.2, "test": "b"}, "test and test_share, found both"),
        ({"csv": "a.csv", "test_share": 0.2, "label": -1}, "label must be a name .* header = fa"),
        ({"csv": "a.csv", "test_share": 0.2, "label": 0, "header": False}, "label must name"),
        ({"csv": "a.csv", "test_share": 0.2, "indicator": True}, "indicator must stand beside"),
        ({"csv": "a.csv", "test_share": 0.2, "separator": "1"}, "a sign that no cell is made of"),
        ({"csv": "a.csv", "test_share": 0.2, "separator": '"'}, "a sign that no cell is made of"),
        ({"parquet": "a", "test_share": 0.2, "decimal": ","}, "decimal must stand beside csv"),
    ],
)
def test_keys_that_do_not_fit_are_refused(values, message):
    with pytest.raises(StudyError, match=message):
        TableDataset(**{"label": "y", **values})


def arrow_table(**columns):
    return pyarrow.table(columns)


def write_arrow(table, path, kind):
    if kind == "parquet":
        parquet.write_table(table, path, row_group_size=7)
    elif kind == "feather":
        feather.write_feather(table, str(path))
    else:
        opened = ipc.new_file if kind == "file" else ipc.new_stream
        with opened(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=7)
    return {"parquet" if kind == "parquet" else "arrow": str(path)}


@pytest.mark.parametrize("kind", ["parquet", "file", "stream", "feather"])
def test_a_table_with_types_is_that_of_its_text(tmp_path, kind):
    rows = range(40)
    table = arrow_table(
        whole=pyarrow.array([i - 3 for i in rows], pyarrow.int16()),
        number=[i / 8 for i in rows],
        small=pyarrow.array([i / 4 for i in rows], pyarrow.float32()),
        flag=[i % 3 == 0 for i in rows],
        colour=pyarrow.array([COLOURS[i % 6] for i in rows]).dictionary_encode(),
        code=pyarrow.array([str(i % 4) for i in rows], pyarrow.large_string()),
        when=pyarrow.array([i * 86_400 for i in rows], pyarrow.timestamp("s")),
        y=[i % 3 for i in rows],
    )
    names = [name for name in table.column_names if name != "when"]
    lines = [",".join(map(str, row.values())) for row in table.select(names).to_pylist()]
    text = "\n".join([",".join(names), *lines])
    given = {"label": "y", "test_share": 0.25}
    with pytest.raises(DataError, match=r"column 'when', found dates or times; .*ignore"):
        load(TableDataset(**write_arrow(table, tmp_path / "x", kind), **given))
    made = load(TableDataset(**write_arrow(table, tmp_path / "x", kind), **given, ignore=["when"]))
    assert made.columns[3:10] == ("flag", "colour=blue", "colour=green", "colour=red", "code=0",
                                  "code=1", "code=2")  # fmt: skip
    numbers = load(TableDataset(**write_arrow(table, tmp_path / "x", kind), **given,
                                ignore=["when", "code"]))  # fmt: skip
    assert numbers.fingerprint == read(tmp_path, text, ignore=["code"]).fingerprint


@pytest.mark.parametrize("kind", ["parquet", "file"])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([[1], [2], [3], [4]], "found list<.*; leave it out with ignore"),
        ([{"a": 1}] * 4, "found struct<.*; leave it out with ignore"),
        ([b"1", b"2", b"3", b"4"], "found binary; leave it out"),
        ([1.0, None, 3.0, 4.0], "row 2: must have a number in column 'x', found ''; .*impute"),
        ([1.0, math.inf, 3.0, 4.0], "row 2: must have a finite number"),
    ],
)
def test_types_that_are_no_numbers_are_refused(tmp_path, kind, column, message):
    given = write_arrow(arrow_table(x=column, y=[0, 1, 0, 1]), tmp_path / "x", kind)
    with pytest.raises(DataError, match=message):
        load(TableDataset(**given, label="y", test_share=0.25))


def test_a_parquet_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("stepladder.data.memory.free_memory", lambda: 2**26)
    zeros = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(2**22, np.int8)), ["0"])
    table = pyarrow.table({f"c{i}": zeros for i in range(17)})
    parquet.write_table(table, tmp_path / "bomb", compression="zstd")
    assert (tmp_path / "bomb").stat().st_size < 10**6
    with pytest.raises(DataError, match=r"bomb: its table must fit into memory, found 71 MB need"):
        load(TableDataset(parquet=str(tmp_path / "bomb"), label="c0", test_share=0.2))


OPENED = []


def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith("watched.csv"):
        OPENED.append(arguments[0])


def test_an_unchanged_file_is_not_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = "".join(f"{i}.5,{i % 7}.25,{i},{'pq'[i % 2]}\n" for i in range(250_000))
    path = tmp_path / "watched.csv"
    path.write_text("a;b;c;y\n" + rows.replace(",", ";"))
    os.utime(path, ns=(0, 10**18))
    table = {"csv": str(path), "label": "y", "test_share": 0.25}
    sys.addaudithook(watch)
    OPENED.clear()
    first = load(TableDataset(**table))
    assert OPENED
    OPENED.clear()
    again = load(TableDataset(**table))
    assert not OPENED
    for name in ("fingerprint", "name", "class_names", "columns", "notes", "task", "revision"):
        assert getattr(again, name) == getattr(first, name)
    np.testing.assert_array_equal(again.x_train, first.x_train)
    assert len(load(TableDataset(**{**table, "ignore": ["c"]})).columns) == 2
    assert OPENED  # read in another way
    (array,) = {place.parent for place in (tmp_path / "cache").rglob("x_train.npy")
                if np.load(place).shape[1] == 3}  # fmt: skip
    (array / "x_train.npy").write_bytes(b"damaged")
    OPENED.clear()
    assert load(TableDataset(**table)).fingerprint == first.fingerprint
    assert OPENED
    OPENED.clear()
    os.utime(path, ns=(0, 2 * 10**18))
    assert load(TableDataset(**table)).fingerprint == first.fingerprint
    assert OPENED


def test_folds_of_a_large_table_are_remembered_and_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "watched.csv"
    path.write_text("a,y\n" + "1.25,p\n2.25,q\n" * 300_000)
    os.utime(path, ns=(0, 10**18))
    table = TableDataset(csv=str(path), label="y")
    first = load(table, 5)
    sys.addaudithook(watch)
    OPENED.clear()
    again = load(table, 5)
    assert not OPENED
    assert again.folds == first.folds
    assert again.fingerprint == first.fingerprint
    stored = store_dataset(first, tmp_path / "kept")
    assert stored.load().folds == first.folds
    found = StoredDataset.find(tmp_path / "kept", first.fingerprint)
    assert (found.folds, found.fingerprint) == (first.folds, first.fingerprint)


@pytest.mark.parametrize("small", [True, False])
def test_what_is_small_or_has_just_changed_is_not_remembered(tmp_path, monkeypatch, small):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "t.csv"
    path.write_text(PLAIN if small else "a,y\n" + "1.25,p\n2.25,q\n" * 300_000)
    if small:
        os.utime(path, ns=(0, 10**18))
    load(TableDataset(csv=str(path), label="y", test_share=0.25))
    assert not (tmp_path / "cache").exists()
