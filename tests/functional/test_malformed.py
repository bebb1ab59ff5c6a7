"""Malformed files, made from valid ones: each ends in exit 2 and one message, nothing written."""

import gzip
import io
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from PIL import Image
from small_study import STUDY, idx

from stepladder.cli import main

JUNK = st.one_of(
    st.none().map(lambda _: {}),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.integers(-3, 3), max_size=3),
    st.dictionaries(st.text(max_size=8), st.integers(-3, 3), max_size=2),
    st.sampled_from([-1, 0, 1e308, "", "relu ", "\x00", "../..", [[]], [{}], "a" * 5000]),
)


@st.composite
def damaged_bytes(draw, content):
    """Some bytes with a stretch taken out, put in, or overwritten."""
    at = draw(st.integers(0, len(content)))
    to = min(len(content), at + draw(st.integers(0, 40)))
    return content[:at] + draw(st.binary(max_size=40)) + content[to:]


@st.composite
def damaged_study(draw):
    """A study file in which something is wrong: its bytes, or a value, or a key."""
    if draw(st.booleans()):
        return draw(damaged_bytes(STUDY.encode()))
    study = tomllib.loads(STUDY)
    place = draw(st.sampled_from([study, study["base"], study["technique"][0]]))
    key = draw(st.one_of(st.sampled_from(sorted(place)), st.text(max_size=12)))
    if draw(st.booleans()) and key in place:
        del place[key]
    else:
        place[key] = draw(JUNK)
    try:
        return tomli_w.dumps(study).encode()
    except (UnicodeEncodeError, ValueError):
        reject()


def arrays(digits):
    return {
        "x_train": digits.x_train,
        "y_train": digits.y_train,
        "x_test": digits.x_test,
        "y_test": digits.y_test,
    }


def npz(parts):
    file = io.BytesIO()
    np.savez(file, **parts)
    return file.getvalue()


WRONG = {
    "objects": lambda array: np.array([{"a": 1}] * len(array), dtype=object),
    "text": lambda array: array.astype("U8"),
    "complex": lambda array: array.astype(complex),
    "short": lambda array: array[:-1],
    "empty": lambda array: array[:0],
    "number": lambda array: np.array(3),
    "deeper": lambda array: array[None],
    "below": lambda array: array.astype(np.int64) - 5,
    "large": lambda array: array.astype(np.int64) * 10**9 + 70_000,
    "nan": lambda array: np.where(array == array.flat[0], np.nan, array.astype(float)),
    "one class": lambda array: np.zeros_like(array)[:, None] if array.ndim == 1 else array * np.nan,
}


@st.composite
def damaged_data(draw, digits):
    """The name and bytes of a data file in which something is wrong, and how a study names it."""
    kind = draw(st.sampled_from(["npz bytes", "npz parts", "csv", "idx"]))
    parts = arrays(digits)
    if kind == "npz bytes":
        return "bad.npz", draw(damaged_bytes(npz(parts))), '"bad.npz"'
    if kind == "npz parts":
        name = draw(st.sampled_from(sorted(parts)))
        how = draw(st.sampled_from(["gone", *WRONG]))
        if how == "gone":
            del parts[name]
        else:
            parts[name] = WRONG[how](parts[name])
        return "bad.npz", npz(parts), '"bad.npz"'
    if kind == "idx":
        content = draw(damaged_bytes(idx(digits.x_train)[:60]))
        return "digits/train-images-idx3-ubyte", content, '"digits"'
    rows = [f"{y},{','.join(map(str, x.flat))}" for x, y in zip(digits.x_train, digits.y_train,
                                                                strict=True)]  # fmt: skip
    text = "\n".join(["label," + ",".join(f"p{i}" for i in range(16)), *rows[:60]]).encode()
    table = '{ csv = "bad.csv", label = "label", test_share = 0.2 }'
    return "bad.csv", draw(damaged_bytes(text)), table


TABLE = {"csv": "bad.csv", "csv.gz": "bad.csv.gz", "parquet": "bad.parquet", "arrow": "bad.arrow"}


@pytest.fixture(scope="module")
def tables(digits_table):
    """The bytes of one table in all forms."""
    import pyarrow
    from pyarrow import feather, parquet

    table = pyarrow.table(digits_table)
    text = "\n".join([",".join(digits_table), *(",".join(map(str, row))
                     for row in zip(*digits_table.values(), strict=True))]).encode()  # fmt: skip
    columns, arrow = io.BytesIO(), io.BytesIO()
    parquet.write_table(table, columns)
    feather.write_feather(table, arrow)
    return {"csv": text, "csv.gz": gzip.compress(text), "parquet": columns.getvalue(),
            "arrow": arrow.getvalue()}  # fmt: skip


@pytest.fixture(scope="module")
def digits_table():
    """Sixty rows of numbers, texts and classes, as columns."""
    rng = np.random.default_rng(0)
    return {"a": rng.normal(size=60).tolist(), "b": rng.integers(0, 9, 60).tolist(),
            "c": [("red", "green")[i % 2] for i in range(60)],
            "label": [i % 3 for i in range(60)]}  # fmt: skip


@pytest.fixture
def refused(place, monkeypatch, capsys):
    """Runs a study that may be malformed; says whether it was, having checked how it ended."""
    monkeypatch.chdir(place)
    if (place / "digits" / "train-images-idx3-ubyte.gz").exists():
        (place / "digits" / "train-images-idx3-ubyte.gz").unlink()
    monkeypatch.setattr("sys.argv", ["stepladder", "run", "study.toml", "--dry-run"])

    def run(study, name=None, content=b""):
        (place / "study.toml").write_bytes(study)
        if name:
            (place / name).write_bytes(content)
        before = sorted(place.rglob("*"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        assert sorted(place.rglob("*")) == before
        assert "Traceback" not in said.err
        if ended.value.code == 0:
            return False
        assert ended.value.code == 2, said.err
        assert said.out == ""
        assert said.err.startswith("stepladder: ")
        assert len(said.err) < 10_000
        return True

    return run


THREE_HUNDRED = settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_malformed_studies(refused):
    count = 0

    @THREE_HUNDRED
    @given(damaged_study())
    def check(study):
        nonlocal count
        if not refused(study):
            reject()
        count += 1

    check()
    assert count >= 300


def test_malformed_data(refused, digits):
    count = 0

    @THREE_HUNDRED
    @given(damaged_data(digits))
    def check(data):
        nonlocal count
        name, content, named = data
        study = STUDY.replace('"digits"', named).encode()
        if not refused(study, name, content):
            reject()
        count += 1

    check()
    assert count >= 300


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_malformed_tables(refused, tables, kind):
    count = 0
    named = f'{{ {kind.split(".")[0]} = "{TABLE[kind]}", label = "label", test_share = 0.2 }}'
    study = STUDY.replace('"digits"', named).encode()

    @settings(THREE_HUNDRED, max_examples=100)
    @given(damaged_bytes(tables[kind]))
    def check(content):
        nonlocal count
        if not refused(study, TABLE[kind], content):
            reject()
        count += 1

    check()
    assert count >= 100


@pytest.mark.parametrize("kind", ["npz", "idx.gz", "png", "jpeg", "webp", "gif", "bmp"])
def test_a_hundred_malformed_files_of_each_kind(refused, digits, kind):
    """Of a packed or compressed format a damaged stretch is seen; of the others a missing one."""
    count = 0
    study, name, content = one_file(digits, kind)
    damage = damaged_bytes(content) if kind != "bmp" else stump(content)

    @settings(THREE_HUNDRED, max_examples=100)
    @given(damage)
    def check(damaged):
        nonlocal count
        if not refused(study, name, damaged):
            reject()
        count += 1

    check()
    assert count >= 100


@st.composite
def stump(draw, content):
    """The beginning of a file."""
    return content[: draw(st.integers(0, len(content) - 5))]


def one_file(digits, kind):
    """A study, the name of one of its files, and the whole file."""
    if kind == "npz":
        return STUDY.replace('"digits"', '"bad.npz"').encode(), "bad.npz", npz(arrays(digits))
    if kind == "idx.gz":
        content = gzip.compress(idx(digits.x_train), mtime=0)
        return STUDY.encode(), "digits/train-images-idx3-ubyte.gz", content
    for number in range(8):
        file = Path("photos", "ab"[number % 2], f"{number}.{kind}")
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(noise).save(file)
    study = STUDY.replace('"digits"', '{ images = "photos", size = [4, 4] }')
    study = study.replace("validation = 40", "validation = 2")
    return study.encode(), f"photos/b/1.{kind}", Path("photos/b", f"1.{kind}").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (b"\xff\xfe", "UTF-8"),
        (STUDY.encode()[:60], "study.toml"),
        (STUDY.replace("replicates = 2", 'replicates = "2"').encode(), "replicates"),
        (STUDY.replace("hidden = [6]", "hidden = [0]").encode(), "base.hidden"),
        (STUDY.replace('"digits"', '"bad.npz"').encode(), "bad.npz"),
    ],
)
def test_a_handful_in_processes_of_their_own(study, expected, place):
    (place / "study.toml").write_bytes(study)
    (place / "bad.npz").write_bytes(b"PK\x03\x04" + bytes(100))
    before = sorted(place.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "stepladder", "run", "study.toml"],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(place.rglob("*")) == before
