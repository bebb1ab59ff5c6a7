"""Sets that other libraries carry or have downloaded, by name; nothing is downloaded here."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlparse

import numpy as np
import numpy.typing as npt

from stepladder.data.arrays import Columns, Examples, drawn_test, of_bunch, with_parts
from stepladder.data.dataset import Dataset, list_names
from stepladder.data.memory import check_memory
from stepladder.data.preprocessing import with_revision
from stepladder.data.readers import read_arrays, read_idx_folder, read_npz
from stepladder.errors import DataError
from stepladder.files import open_regular
from stepladder.study.sources import SETS, task_of

if TYPE_CHECKING:
    from stepladder.study.sources import NamedDataset

_USUAL_SHARE = 0.2


def read_set(source: NamedDataset) -> Dataset:
    """The set of a name such as `sklearn:iris`.

    Args:
        source: the name, and how to read the set.

    Raises:
        DataError: if it is not there, with where it was looked for and how to get it.

    Example:
        >>> from stepladder.study.sources import NamedDataset
        >>> read_set(NamedDataset(name="sklearn:iris")).class_names
        ('setosa', 'versicolor', 'virginica')
    """
    library, _, name = source.name.partition(":")
    try:
        return with_revision(_READERS[library](name, source))
    except OSError as error:
        raise DataError(
            f"{source.name}: must be readable, found: {error.strerror or error}; check the "
            "permissions of the cache"
        ) from None


def _drawn(name: str, examples: Examples, source: NamedDataset) -> Dataset:
    """A set that has no test part of its own."""
    task = task_of(source)
    return drawn_test(name, examples, source.test_share or _USUAL_SHARE,
                      None if task == "classification" else task)  # fmt: skip


def _refuse_keys(source: NamedDataset, *keys: str) -> None:
    """Refuses keys that the set has no use for."""
    for key in keys:
        if getattr(source, key) is not None:
            why = "a test part of its own" if key == "test_share" else "a label of its own"
            raise DataError(
                f"{source.name}: {key} must be left out, found {getattr(source, key)!r}: the set "
                f"has {why}; remove it"
            )


def _of_scikit_learn(name: str, source: NamedDataset) -> Dataset:
    _refuse_keys(source, "label")
    if name not in (carried := SETS["sklearn"]):
        raise DataError(
            f"{source.name}: scikit-learn carries {list_names(list(carried))}, found "
            f"{name!r}; write one of these, or give the data from Python: "
            f"Study(dataset=stepladder.dataset(sklearn.datasets.fetch_{name}(), test_share=0.2))"
        )
    datasets: Any = import_module("sklearn.datasets")
    return _drawn(name, of_bunch(getattr(datasets, f"load_{name}")()), source)


# Keras.

_DEBIAN = Path("/usr/share/datasets")
_HOUSES = ("california_housing", "boston_housing")
_PICKLED = ("cifar10", "cifar100", "imdb", "reuters")


def keras_folder() -> Path:
    """Where Keras keeps what it has downloaded."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def _of_keras(name: str, source: NamedDataset) -> Dataset:
    _refuse_keys(source, "label")
    if name in _PICKLED:
        raise DataError(
            f"{source.name}: Keras keeps it as pickled objects, which are never unpickled; save it "
            "as arrays once: import keras, numpy; (a, b), (c, d) = keras.datasets."
            f'{name}.load_data(); numpy.savez("{name}.npz", x_train=a, y_train=b.ravel(), '
            f'x_test=c, y_test=d.ravel()), then write dataset = "{name}.npz"'
        )
    folder = keras_folder()
    if name == "fashion_mnist":
        _refuse_keys(source, "test_share")
        places = (folder / "fashion-mnist", _DEBIAN / "fashion-mnist")
        found = next((place for place in places if place.is_dir()), None)
        if found is not None:
            return read_idx_folder(found, name)
        raise _missing(source, places, _download(name), "as the Debian package "
                       "dataset-fashion-mnist has it, ")  # fmt: skip
    if name not in ("mnist", *_HOUSES):
        raise DataError(
            f"{source.name}: sets of Keras that can be read are fashion_mnist, mnist, "
            f"{list_names(list(_HOUSES))}, found {name!r}; write one of these"
        )
    file = folder / f"{name}.npz"
    if not file.is_file():
        raise _missing(source, (file,), _download(name))
    if name == "mnist":
        _refuse_keys(source, "test_share")
        return read_npz(file, name)
    return _drawn(name, _houses(source, file), source)


def _houses(source: NamedDataset, file: Path) -> Examples:
    try:
        with open_regular(file) as stream:
            arrays: Mapping[str, npt.NDArray[Any]] = read_arrays(stream, str(file))
            return Examples(arrays["x"], arrays["y"])
    except DataError:
        raise
    except Exception as error:  # parsers raise anything on damaged bytes
        raise DataError(
            f"{source.name}: must be the file that Keras downloads, found one that cannot be read "
            f"at {str(file)!r}: {error}; remove it, then {_download(file.stem)}"
        ) from None


def _download(name: str) -> str:
    return f'python -c "import keras; keras.datasets.{name}.load_data()"'


def _missing(
    source: NamedDataset,
    places: tuple[Path, ...],
    line: str,
    more: str = "",
    found: str = "nothing",
) -> DataError:
    where = " and ".join(repr(str(place)) for place in places)
    return DataError(
        f"{source.name}: must be on this machine, {more}found {found} at {where}; get it once, "
        f"where there is a network, with: {line}"
    )


# OpenML, as scikit-learn keeps it.


def openml_folder() -> Path:
    """Where scikit-learn keeps what it has downloaded of OpenML."""
    home = os.environ.get("SCIKIT_LEARN_DATA")
    return (Path(home) if home else Path.home() / "scikit_learn_data") / "openml"


def _of_openml(name: str, source: NamedDataset) -> Dataset:
    folder = openml_folder()
    by_name = f"data_id={name}" if name.isdecimal() else f"{name!r}"
    line = f'python -c "import sklearn.datasets as d; d.fetch_openml({by_name})"'
    facts = _openml_facts(folder / "openml.org" / "api" / "v1" / "json" / "data", name)
    if facts is None:
        raise _missing(source, (folder,), line)
    try:
        import_module("pandas")
    except ImportError:
        raise DataError(
            f"{source.name}: needs pandas, found none; install it with pip install pandas"
        ) from None
    fetch: Any = import_module("sklearn.datasets").fetch_openml
    targets = [source.label] if isinstance(source.label, str) else source.label
    more = {} if targets is None else {"target_column": list(targets)}
    try:
        # A copy: of what it cannot read scikit-learn removes its file, to download it again.
        with tempfile.TemporaryDirectory() as home, _no_network():
            _copy_openml(folder / "openml.org", Path(home) / "openml" / "openml.org", facts)
            bunch = fetch(data_id=int(facts["id"]), data_home=home, n_retries=1, delay=0.001,
                          as_frame=True, parser="liac-arff", **more)  # fmt: skip
    except URLError:
        raise _missing(source, (folder,), line, found="a part of it, or damaged files,") from None
    except (ValueError, KeyError, EOFError, TypeError, zlib.error) as error:
        raise DataError(
            f"{source.name}: must be a set with one target, as scikit-learn reads it, found: "
            f"{str(error) or type(error).__name__}; check label, or get it again with: {line}"
        ) from None
    return _drawn(str(facts["name"]), Examples(bunch["data"], bunch["target"]), source)


def _openml_facts(folder: Path, name: str) -> Mapping[str, Any] | None:
    """What is known of a set by its number or name; the last version of a name."""
    known = []
    for file in sorted(folder.glob(f"{name}.gz" if name.isdecimal() else "[0-9]*.gz")):
        try:
            with gzip.open(file) as stream:
                facts = json.loads(stream.read(1_000_000))["data_set_description"]
            known.append((int(facts["version"]), facts))
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            continue
    named = [one for one in known if name.isdecimal() or one[1]["name"] == name]
    return max(named, key=lambda one: one[0])[1] if named else None


def _copy_openml(source: Path, target: Path, facts: Mapping[str, Any]) -> None:
    """Copies what is known of a set, and its rows, as far as they are there."""
    number, api = facts["id"], "api/v1/json/data"
    paths = [f"{api}/{number}", f"{api}/features/{number}", f"{api}/qualities/{number}",
             urlparse(facts["url"]).path.lstrip("/")]  # fmt: skip
    for path in paths:
        file = source / f"{path}.gz"
        if ".." not in Path(path).parts and file.is_file():
            (target / f"{path}.gz").parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target / f"{path}.gz")


@contextmanager
def _no_network() -> Iterator[None]:
    """Within it scikit-learn downloads nothing."""
    module: Any = import_module("sklearn.datasets._openml")
    before = module.urlopen

    def refuse(*_: object, **__: object) -> None:
        raise URLError("not in the cache")

    module.urlopen = refuse
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it tries again
            yield
    finally:
        module.urlopen = before


# Hugging Face, as the package datasets keeps it.


def hugging_face_folder() -> Path:
    """Where the package datasets keeps what it has downloaded."""
    known = os.environ.get("HF_DATASETS_CACHE")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = os.environ.get("HF_HOME")
    return Path(known) if known else (Path(home) if home else cache / "huggingface") / "datasets"


def _of_hugging_face(name: str, source: NamedDataset) -> Dataset:
    name, _, config = name.partition(":")
    folder, asked = hugging_face_folder(), f", {config!r}" if config else ""
    line = f'python -c "import datasets; datasets.load_dataset({name!r}{asked})"'
    infos = _configurations(folder, name, config)
    if not infos:
        raise _missing(source, (folder / name.replace("/", "___"),), line)
    if len(infos) > 1:
        found = sorted({str(info.relative_to(folder)) for info in infos})
        raise DataError(
            f"{source.name}: must be of one configuration and version, found {list_names(found)}; "
            f"write hf:{name}:CONFIGURATION, or remove all but one"
        )
    try:
        features = json.loads(infos[0].read_text("utf-8"))["features"]
        tables = {split: _arrow_table(infos[0].parent, split) for split in _SPLITS}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # pyarrow's too
        raise DataError(
            f"{source.name}: must be a set as the package datasets keeps it, found one that cannot "
            f"be read in {str(infos[0].parent)!r}: {error}; remove that folder, then {line}"
        ) from None
    parts = {part: _of_arrow(source, part, tables[split], features)
             for split, part in _SPLITS.items() if tables[split] is not None}  # fmt: skip
    if "train" not in parts:
        raise _missing(source, (infos[0].parent,), line, "with a split named train, ")
    plain = name.rpartition("/")[2]
    if "test" not in parts:
        return _drawn(plain, parts["train"], source)
    _refuse_keys(source, "test_share")
    task = task_of(source)
    return with_parts(plain, parts, None if task == "classification" else task)


_SPLITS = {"train": "train", "validation": "val", "test": "test"}
"""Parts of a dataset by the names that splits have there."""


def _configurations(folder: Path, name: str, config: str) -> list[Path]:
    """The files that describe a set, one a configuration and version."""
    plain = name.replace("/", "___").casefold()
    places = (
        [place for place in folder.iterdir() if place.name.casefold() == plain]
        if folder.is_dir()
        else []
    )
    files = [file for place in places for file in sorted(place.glob("*/*/*/dataset_info.json"))]
    return [file for file in files if config in ("", file.parents[2].name)]


def _arrow_table(folder: Path, split: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    """The rows of a split; None where there is none."""
    import pyarrow
    import pyarrow.ipc

    files = sorted({*folder.glob(f"*-{split}.arrow"), *folder.glob(f"*-{split}-*-of-*.arrow")})
    tables = []
    for file in files:
        with pyarrow.memory_map(str(file)) as stream, pyarrow.ipc.open_stream(stream) as reader:
            tables.append(reader.read_all())
    return pyarrow.concat_tables(tables) if tables else None


def _of_arrow(
    source: NamedDataset, part: str, table: Any, features: Mapping[str, Any]  # noqa: ANN401
) -> Examples:  # fmt: skip
    kinds = {name: feature.get("_type") for name, feature in features.items()}
    classes = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    given = [source.label] if isinstance(source.label, str) else source.label
    labels = list(given or classes[:1] or (["label"] if "label" in kinds else []))
    if not labels or not set(labels) <= set(kinds) or (len(classes) > 1 and not given):
        raise DataError(
            f"{source.name}: must have its label named, found the columns "
            f'{list_names(list(kinds))}; write dataset = {{ name = "{source.name}", label = "…" }}'
        )
    inputs = [name for name in kinds if name not in labels]
    images = [name for name in inputs if kinds[name] == "Image"]
    y: Any = Columns({name: table[name].to_numpy() for name in labels})
    if len(labels) == 1:
        y = y[labels[0]]
        if kinds[labels[0]] == "ClassLabel":
            y = _class_texts(source, part, y, features[labels[0]]["names"])
    if len(images) == 1 and len(inputs) == 1:
        return Examples(_decode(source, part, table[images[0]]), y)
    return Examples(Columns({name: table[name].to_numpy() for name in inputs}), y)


def _class_texts(
    source: NamedDataset, part: str, numbers: npt.NDArray[Any], names: list[str]
) -> npt.NDArray[Any]:
    known = (numbers >= 0) & (numbers < len(names))
    if not known.all():
        raise DataError(
            f"{source.name}: the labels of {part} must be numbers of the {len(names)} classes, "
            f"found {numbers[~known][0]}, as of a set whose test labels are not published; give "
            "the data from Python instead"
        )
    texts: npt.NDArray[Any] = np.asarray(names)[numbers]
    return texts


def _decode(source: NamedDataset, part: str, column: Any) -> npt.NDArray[np.uint8]:  # noqa: ANN401
    """The images of a column, all of one size and mode."""
    image_of: Any = import_module("PIL.Image").open
    images: npt.NDArray[np.uint8] | None = None
    kind: tuple[Any, ...] = ()
    for row, cell in enumerate(column):
        content = cell.as_py() or {}
        try:
            with image_of(io.BytesIO(content.get("bytes") or b"")) as image:
                found = (image.mode, image.size)
                if images is None:
                    kind, shape = found, (image.height, image.width, len(image.getbands()))
                    check_memory(len(column) * math.prod(shape), f"{source.name}: {part}")
                    images = np.empty((len(column), *shape), np.uint8)
                if found == kind:  # before anything is unpacked
                    images[row] = np.asarray(image).reshape(images.shape[1:])
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(
                f"{source.name}: {part} must hold images, found one that cannot be read in row "
                f"{row}: {error}; give the data from Python instead"
            ) from None
        if found != kind:
            raise DataError(
                f"{source.name}: {part} must hold images of one size and mode, found {kind} and "
                f"{found} in row {row}; bring them to one, and give the data from Python"
            )
    assert images is not None  # there is a row, or there would be no labels
    return images[..., 0] if images.shape[-1] == 1 else images


_READERS: dict[str, Callable[[str, NamedDataset], Dataset]] = {
    "sklearn": _of_scikit_learn,
    "keras": _of_keras,
    "openml": _of_openml,
    "hf": _of_hugging_face,
}
