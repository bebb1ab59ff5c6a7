"""Data as people have it: what is read of each kind, and how fast tables are.

    python benchmarks/data.py kinds [--fashion /usr/share/datasets/fashion-mnist]
    python benchmarks/data.py reading [--rows 200000] [--rounds 3]

`kinds` writes scikit-learn's sets and a little of MNIST in every kind of file that this version
reads, says what reading said, trains a small network on each, and shows its test score beside
scikit-learn's logistic (for numbers: ridge) regression on the same rows: a kind that was read
wrongly scores far below it. `reading` times tables beside pandas and polars, each in a process of
its own, by turns. Debian's package `dataset-fashion-mnist` brings Fashion-MNIST; Parquet needs
pyarrow. What is not installed, or not read by this version, is left out and said.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stepladder import Recipe, Study, data, run
from stepladder.data import Dataset
from stepladder.data.leaks import dataset_notes
from stepladder.study.sources import TableDataset

Source = str | Mapping[str, Any]

SETS = ("iris", "wine", "breast_cancer", "digits", "diabetes")
"""Those that scikit-learn carries."""


class Kind(NamedTuple):
    """A data set in a kind of file, and how a study names it."""

    name: str
    source: Source


def has_key(key: str) -> bool:
    """Whether tables of this version have a key."""
    return key in TableDataset.model_fields


# Kinds.


def tables(folder: Path) -> Iterator[Kind]:
    """Sets of scikit-learn as CSV; one of them in all other ways that tables can be written."""
    from sklearn import datasets

    for name in SETS:
        frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
        more = {"task": "regression"} if name == "diabetes" else {}
        frame.to_csv(folder / f"{name}.csv", index=False)
        table = {"csv": str(folder / f"{name}.csv"), "label": "target", "test_share": 0.25, **more}
        yield Kind(f"{name}, CSV", table)
    frame = datasets.load_digits(as_frame=True).frame
    frame = frame.sample(frac=1, random_state=0)  # the same order in all that follows
    yield from digits(folder, frame)
    yield from wines(folder, datasets.load_wine(as_frame=True))


def digits(folder: Path, frame: Any) -> Iterator[Kind]:
    """A table of bytes in other kinds of files."""
    table = {"label": "target", "test_share": 0.25}
    if has_key("parquet") and importlib.util.find_spec("pyarrow"):
        frame.to_parquet(folder / "digits.parquet", index=False)
        yield Kind("digits, Parquet", {"parquet": str(folder / "digits.parquet"), **table})
    if has_key("arrow") and importlib.util.find_spec("pyarrow"):
        frame.reset_index(drop=True).to_feather(folder / "digits.arrow")
        yield Kind("digits, Arrow", {"arrow": str(folder / "digits.arrow"), **table})
    if has_key("test"):
        frame[:1300].to_csv(folder / "train.csv", index=False)
        frame[1300:].to_csv(folder / "test.csv", index=False)
        files = {"csv": str(folder / "train.csv"), "test": str(folder / "test.csv")}
        yield Kind("digits, two CSV files", {**files, "label": "target"})
    x = frame.drop(columns="target").to_numpy().astype(np.uint8)
    y = frame["target"].to_numpy()
    parts = {"x_train": x[:1300], "y_train": y[:1300], "x_test": x[1300:], "y_test": y[1300:]}
    np.savez(folder / "digits.npz", **parts)
    yield Kind("digits, .npz", str(folder / "digits.npz"))


def wines(folder: Path, wine: Any) -> Iterator[Kind]:
    """A table with the faults that tables of people have."""
    frame = wine.frame.copy()
    frame["target"] = np.array(wine.target_names)[frame["target"]]
    table = {"label": "target", "test_share": 0.25}
    frame.to_csv(folder / "names.csv", index=False)
    yield Kind("wine, labels in words", {"csv": str(folder / "names.csv"), **table})
    if has_key("separator"):
        frame.to_csv(folder / "semicolons.csv", index=False, sep=";", decimal=",")
        yield Kind("wine, `;` and decimal comma", {"csv": str(folder / "semicolons.csv"), **table})
    if has_key("impute"):
        frame.loc[frame.index[::9], "alcohol"] = np.nan
        frame.to_csv(folder / "blanks.csv", index=False)
        blanks = {"csv": str(folder / "blanks.csv"), "impute": "median"}
        yield Kind("wine, empty cells", {**blanks, **table})


def images(folder: Path) -> Iterator[Kind]:
    """A little of MNIST as a folder of PNG files, with parts and without."""
    from PIL import Image

    mnist = data.load("mnist")
    for part, x, y in (
        ("train", mnist.x_train[:3000], mnist.y_train[:3000]),
        ("test", mnist.x_test[:1000], mnist.y_test[:1000]),
    ):
        for place, (image, label) in enumerate(zip(x, y, strict=True)):
            file = folder / "photos" / part / str(label) / f"{place:05}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
    yield Kind("MNIST, folder of PNG", str(folder / "photos"))
    small = {"images": str(folder / "photos" / "train"), "size": [14, 14], "test_share": 0.25}
    yield Kind("MNIST, folder of PNG, 14 × 14", small)


def baseline(dataset: Dataset) -> float:
    """Test accuracy of scikit-learn's logistic regression; R² of ridge regression for numbers."""
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    is_classes = dataset.task == "classification"
    model = LogisticRegression(max_iter=300, tol=1e-3) if is_classes else RidgeCV()
    train, test = (part.reshape(len(part), -1) for part in (dataset.x_train, dataset.x_test))
    y_train, y_test = (y if is_classes else y.ravel() for y in (dataset.y_train, dataset.y_test))
    most = slice(0, 10_000)  # of Fashion-MNIST, which would take minutes
    fitted = make_pipeline(StandardScaler(), model).fit(train[most], y_train[most])
    return float(fitted.score(test, y_test))


BASE = Recipe(hidden=(32,), activation="relu", optimizer="adam", learning_rate=0.003,
              batch_size=32, scaling="standardised")  # fmt: skip


def trained(kind: Kind, dataset: Dataset, folder: Path) -> float:
    """Test score of a small network, the mean of three replicates."""
    is_classes = dataset.task == "classification"
    epochs = 30 if len(dataset.x_train) < 2000 else 10 if len(dataset.x_train) < 20_000 else 4
    base = BASE.model_copy(update={"epochs": epochs})
    more = {} if is_classes else {"metric": "r2"}
    study = Study(name="kind", dataset=kind.source, base=base, replicates=3, validation=0.1, **more)
    done = run(study, out=folder / "run")
    return float(np.mean(done.results.arms[0].test.values))


def show_kinds(options: argparse.Namespace) -> None:
    """Prints a table: kinds, what was read and said, scores."""
    print("| data | read | said | network | baseline | s |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="stepladder-") as name:
        folder = Path(name)
        kinds = [*tables(folder), *images(folder)]
        if (options.fashion / "train-images-idx3-ubyte.gz").exists():
            kinds.append(Kind("Fashion-MNIST, folder of IDX", str(options.fashion)))
        for number, kind in enumerate(kinds):
            began = time.perf_counter()
            source = Study(name="kind", dataset=kind.source, base=BASE).dataset
            assert source is not None
            dataset = data.load(source)
            seconds = time.perf_counter() - began
            notes = [note.removeprefix(f"{dataset.name}: ") for note in dataset_notes(dataset)]
            shape = " × ".join(map(str, dataset.input_shape))
            rows = f"{len(dataset.x_train):,} + {len(dataset.x_test):,} of {shape}"
            score, linear = trained(kind, dataset, folder / str(number)), baseline(dataset)
            print(f"| {kind.name} | {rows}, {dataset.x_train.dtype} | {'; '.join(notes) or '–'} "
                  f"| {score:.3f} | {linear:.3f} | {seconds:.2f} |", flush=True)  # fmt: skip


# Reading tables.

PROGRAM = """
import sys, time, resource
kind, library, path = sys.argv[1:]
if library == "stepladder":
    from stepladder import data
    from stepladder.study.sources import TableDataset
    data.load("mnist")  # whatever is imported late
    table = TableDataset(**{kind: path}, label="y", test_share=0.2)
    read = lambda: data.load(table)
elif library == "pandas":
    import pandas
    read = lambda: getattr(pandas, f"read_{kind}")(path)
else:
    import polars
    read = lambda: getattr(polars, f"read_{kind}")(path)
try:
    open("/proc/self/clear_refs", "w").write("5")  # forgets the peak of the imports
except OSError:
    pass
def memory(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
before, began = memory("VmRSS"), time.perf_counter()
made = read()
print(time.perf_counter() - began, memory("VmHWM") - before)
"""


def write_table(folder: Path, rows: int, columns: int) -> dict[str, Path]:
    """A table of numbers as CSV and, where this version reads it and pyarrow is there, Parquet."""
    import pandas as pd

    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(rows, columns)).round(6)
    frame = pd.DataFrame(numbers, columns=[f"x{place}" for place in range(columns)])
    frame["y"] = draw.integers(0, 3, rows)
    frame.to_csv(folder / "table.csv", index=False)
    files = {"csv": folder / "table.csv"}
    if has_key("parquet") and importlib.util.find_spec("pyarrow"):
        frame.to_parquet(folder / "table.parquet", index=False)
        files["parquet"] = folder / "table.parquet"
    return files


def show_reading(options: argparse.Namespace) -> None:
    """Prints a table of medians: seconds, and peak of memory, of each library."""
    own = 4 * options.rows * options.columns
    libraries = [name for name in ("stepladder", "pandas", "polars")
                 if importlib.util.find_spec(name)]  # fmt: skip
    print(f"{options.rows:,} rows of {options.columns} numbers, {own / 1e6:.0f} MB as float32; "
          f"medians of {options.rounds} rounds\n")  # fmt: skip
    print("| file | library | s | peak, MB | peak / float32 |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="stepladder-") as name:
        for kind, path in write_table(Path(name), options.rows, options.columns).items():
            measured: dict[str, list[tuple[float, float]]] = {name: [] for name in libraries}
            for _ in range(options.rounds):  # by turns: a busy machine is busy for all
                for library in libraries:
                    words = [sys.executable, "-c", PROGRAM, kind, library, str(path)]
                    done = subprocess.run(words, capture_output=True, text=True, check=True)
                    seconds, peak = map(float, done.stdout.split())
                    measured[library].append((seconds, peak))
            size = f"{kind}, {path.stat().st_size / 1e6:.0f} MB"
            for library, rounds in measured.items():
                seconds, peak = map(statistics.median, zip(*rounds, strict=True))
                print(f"| {size} | {library} | {seconds:.2f} | {peak / 1e6:.0f} "
                      f"| {peak / own:.1f} |", flush=True)  # fmt: skip


def main() -> None:
    """Prints one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    kinds = commands.add_parser("kinds", help="what is read, said and learnt of each kind")
    kinds.add_argument("--fashion", type=Path, default=Path("/usr/share/datasets/fashion-mnist"),
                       help="folder of Fashion-MNIST's IDX files")  # fmt: skip
    reading = commands.add_parser("reading", help="seconds and memory beside pandas and polars")
    reading.add_argument("--rows", type=int, default=200_000)
    reading.add_argument("--columns", type=int, default=40)
    reading.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    shown: dict[str, Callable[[argparse.Namespace], None]]
    shown = {"kinds": show_kinds, "reading": show_reading}
    shown[options.command](options)


if __name__ == "__main__":
    main()
