"""Values to rows and back, with digests."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from stepladder.errors import StoreError
from stepladder.store.base import Look, StudyRecord
from stepladder.study.recipe import Recipe
from stepladder.study.schema import canonical_json
from stepladder.study.study import Study
from stepladder.trials.trial import (
    History,
    HistorySummary,
    Probes,
    Score,
    Trial,
    TrialResult,
    TrialSummary,
    constant_prediction,
    trial_id,
)

Row = Mapping[Any, Any]  # by column
Decoded = TypeVar("Decoded")


def decode_or_raise(
    decode: Callable[..., Decoded], name: str, then: str, *given: object
) -> Decoded:
    """What a decoder makes of a row.

    Args:
        decode: takes `given` and raises what it will for what it was not made to read.
        name: the row, as its reader knows it.
        then: what follows when the row is deleted.
        given: the row, and what else the decoder takes.

    Raises:
        StoreError: if the decoder fails, with the row's name.
    """
    try:
        return decode(*given)
    # StudyError is a ValueError; a text where JSON or bytes should be makes a TypeError.
    except (ValueError, TypeError, RecursionError, zlib.error) as error:
        raise StoreError(
            f"{name} must be as stepladder stored it, found a row that was altered: {error}; "
            f"delete that row and {then}"
        ) from None


def stored(value: float) -> float | None:
    """A float as every database keeps it: NaN as NULL, and −0 as 0."""
    # SQLite keeps no sign of zero and reads NaN back as NULL: said here for every database.
    return None if math.isnan(value) else float(value) + 0.0


def with_nan(row: Row, column: str) -> float:
    """The float of a column, NaN for NULL.

    Raises:
        ValueError: if it is neither.
    """
    value = row[column]
    if value is None:
        return math.nan
    if not isinstance(value, float):
        raise ValueError(f"{column} is {value!r}, not a number")
    return value


def whole(row: Row, column: str) -> int:
    """The whole number of a column.

    Raises:
        ValueError: if it is none, or negative.
    """
    value = row[column]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{column} is {value!r}, not a whole number from 0")
    return value


def texts(row: Row, column: str) -> dict[str, str]:
    """The JSON table of texts of a column.

    Raises:
        ValueError: if it is none.
    """
    value = json.loads(row[column])
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError(f"{column} is {row[column]}, not a table of texts")
    return value


_ARRAYS = ("gradient_norm", "dead", "saturated")


def encode_probes(result: TrialResult) -> dict[str, Any] | None:
    """The row of a trial's probes, or None where nothing was seen.

    Figures are little-endian float32, epoch by epoch, the columns of one array after another's,
    compressed: one row a trial, since they are only ever read whole.
    """
    probes = result.probes
    if probes is None or not (probes.kernels or probes.layers):
        return None
    figures = np.concatenate([getattr(probes, name) for name in _ARRAYS], axis=1)
    row = {
        "trial_id": result.trial.id,
        "names": canonical_json({"kernels": probes.kernels, "layers": probes.layers}),
        "input_mean": stored(probes.input_mean),
        "input_deviation": stored(probes.input_deviation),
        "figures": zlib.compress(figures.astype("<f4").tobytes()),
    }
    return {**row, "digest": _digest(row)}


def decode_probes(row: Row) -> Probes:
    """The probes of a row.

    Raises:
        StoreError: if the row was altered so that it is not what `encode_probes` made.
    """
    name, then = f"the probes of trial {row['trial_id']}", "the trial is shown without them"
    return decode_or_raise(_probes, name, then, row)


def _probes(row: Row) -> Probes:
    if row["digest"] != _digest(row):
        raise ValueError("its figures are not those that were stored")
    names = json.loads(row["names"])
    kernels, layers = tuple(names["kernels"]), tuple(names["layers"])
    figures = np.frombuffer(zlib.decompress(row["figures"]), "<f4").astype(np.float32)
    ends = np.cumsum([len(kernels), len(layers), len(layers)])
    parts: list[npt.NDArray[np.float32]] = np.split(
        figures.reshape(-1, ends[-1]), ends[:-1], axis=1
    )
    return Probes(
        kernels=kernels,
        layers=layers,
        input_mean=with_nan(row, "input_mean"),
        input_deviation=with_nan(row, "input_deviation"),
        **dict(zip(_ARRAYS, parts, strict=True)),
    )


def _digest(row: Row) -> str:
    """SHA-256 of a row."""
    plain = [row[name] for name in ("trial_id", "names", "input_mean", "input_deviation")]
    known = hashlib.sha256(json.dumps(plain).encode())
    known.update(row["figures"])
    return known.hexdigest()


def encode_study(record: StudyRecord) -> dict[str, Any]:
    """A study's row, but for the times at which it was made and changed."""
    definition = record.study.model_dump(mode="json", by_alias=True)
    return {
        "name": record.study.name,
        # In the order in which it was declared: what a search draws first follows from that.
        "definition": json.dumps(definition, separators=(",", ":"), allow_nan=False),
        "dataset": record.dataset,
        "fingerprint": record.fingerprint,
        "sizes": canonical_json(record.sizes),
        "classes": canonical_json(record.classes),
        "versions": canonical_json(record.versions),
        "machine": record.machine,
        "seconds": float(record.seconds),
    }


def is_same_study(one: Row, two: Row) -> bool:
    """Whether two rows declare the same study of the same data, in whatever order."""
    if one["fingerprint"] != two["fingerprint"]:
        return False
    if one["definition"] == two["definition"]:
        return True
    try:
        return bool(json.loads(one["definition"]) == json.loads(two["definition"]))
    except ValueError:
        return False


def decode_study(row: Row) -> StudyRecord:
    """The study of a row, checked as if it were read from a file.

    Raises:
        StoreError: if the row was altered so that it is no valid study.
    """
    return decode_or_raise(_study, f"study {row['name']!r}", "run the study again", row)


def _study(row: Row) -> StudyRecord:
    study = Study(**json.loads(row["definition"]))
    if study.name != row["name"]:
        raise ValueError(f"its definition is that of {study.name!r}")
    sizes, classes = json.loads(row["sizes"]), json.loads(row["classes"])
    if not isinstance(sizes, dict) or not all(type(size) is int for size in sizes.values()):
        raise ValueError(f"sizes are {row['sizes']}")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError(f"classes are {row['classes']}")
    return StudyRecord(
        study=study,
        dataset=row["dataset"],
        fingerprint=row["fingerprint"],
        sizes=sizes,
        classes=tuple(classes),
        versions=texts(row, "versions"),
        machine=row["machine"],
        seconds=with_nan(row, "seconds"),
    )


def decode_look(row: Row) -> Look:
    """The look of a row.

    Raises:
        StoreError: if the row was altered so that it is no look.
    """
    return decode_or_raise(_look, f"look {row['id']}", "the look is forgotten", row)


def _look(row: Row) -> Look:
    names = ("study", "fingerprint", "digest", "command")
    named: dict[str, str] = {name: row[name] for name in names}
    return Look(**named, trials=whole(row, "trials"), at=datetime.fromisoformat(row["at"]))


_BLOBS = ("test_correct", "test_predictions")
_COVERED = (
    *("recipe", "dataset", "validation", "seed", "replicate", "engine", "numerics", "epochs"),
    *("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("test_loss", "test_accuracy", "diverged", "parameters", "seconds", "versions", "n_test"),
    "epochs_digest",
)
"""Named one by one: a column that a later revision adds must not change what rows come to."""

Columns = Mapping[str, Sequence[float | None] | npt.NDArray[np.float64]]


def digest_of_row(row: Row) -> str:
    """SHA-256 of a trial's row, its `epochs_digest` included."""
    known = hashlib.sha256(json.dumps([row[name] for name in _COVERED]).encode())
    for name in _BLOBS:
        known.update(row[name])
    if row["signs"] is not None:
        known.update(row["signs"].encode())
    return known.hexdigest()


def digest_of_epochs(columns: Columns) -> str:
    """SHA-256 of a trial's epochs, column by column; a column without a number is left out."""
    known = hashlib.sha256()
    for name in sorted(columns):
        values = np.array(columns[name], "<f8")  # None becomes NaN
        if not np.isnan(values).all():
            known.update(name.encode() + values.tobytes())
    return known.hexdigest()


def check_digest(row: Row) -> None:
    """Compares a row with what it was; rows of revision 0001 are taken as they are.

    Raises:
        ValueError: if it is another.
    """
    if row["digest"] is not None and row["digest"] != digest_of_row(row):
        raise ValueError("its figures are not those that were stored")


def check_epochs_digest(row: Row, columns: Columns) -> None:
    """Compares a trial's epochs with what they were.

    Raises:
        ValueError: if they are others.
    """
    if row["epochs_digest"] is not None and row["epochs_digest"] != digest_of_epochs(columns):
        raise ValueError("its epochs are not those that were stored")


CURVE_FIELDS = tuple(field.name for field in fields(History))
"""The arrays of a curve, each a column of the epochs."""

Epochs = tuple[Sequence[int], Sequence[Sequence[float | None]]]
"""The epoch numbers of a trial, and one sequence of values for each array of its curve."""


def encode_trial(result: TrialResult) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A trial's row and the rows of its epochs.

    Predictions are little-endian uint16, compressed; correctness is one bit an image.

    Raises:
        ValueError: if its arrays are not of the types and shapes that `TrialResult` says.
    """
    trial, curve = result.trial, result.curve
    predictions = _checked("test_predictions", result.test_predictions, np.uint16)
    correct = _checked("test_correct", result.test_correct, np.bool_)
    if len(predictions) != len(correct):
        raise ValueError(
            "test_predictions and test_correct must have one entry for each test image, found "
            f"{len(predictions)} and {len(correct)}; give both for the same images"
        )
    row = {
        "id": trial.id,
        "recipe": canonical_json(trial.recipe.model_dump(mode="json")),
        "dataset": trial.dataset,
        "validation": trial.validation,
        "seed": trial.seed,
        "replicate": trial.replicate,
        "engine": trial.engine,
        "numerics": trial.numerics,
        "epochs": curve.epochs,
        "diverged": None if result.diverged is None else int(result.diverged),
        "parameters": int(result.parameters),
        "seconds": stored(result.seconds),
        "versions": canonical_json(result.versions),
        "n_test": len(correct),
        "test_correct": np.packbits(correct).tobytes(),
        "test_predictions": zlib.compress(predictions.astype("<u2").tobytes()),
    }
    for part in ("train", "validation", "test"):
        score: Score = getattr(result, part)
        row[f"{part}_loss"] = stored(score.loss)
        row[f"{part}_accuracy"] = stored(score.accuracy)
    columns = [[stored(value) for value in getattr(curve, name)] for name in CURVE_FIELDS]
    row["signs"] = None if result.signs is None else _signs_text(result.signs)
    row["epochs_digest"] = digest_of_epochs(dict(zip(CURVE_FIELDS, columns, strict=True)))
    row["digest"] = digest_of_row(row)
    epochs = [
        {"trial_id": row["id"], "epoch": epoch, **dict(zip(CURVE_FIELDS, values, strict=True))}
        for epoch, values in enumerate(zip(*columns, strict=True), 1)
    ]
    return row, epochs


def decode_trial(row: Row, epochs: Epochs | None, probes: Probes | None = None) -> TrialResult:
    """The trial of a row.

    Args:
        row: the row by column.
        epochs: its epochs, or None for a curve of 0 epochs.
        probes: what its network was like inside, or None.

    Raises:
        StoreError: if the row was altered so that it is not what `encode_trial` made.
    """
    name, then = f"trial {row['id']}", "it is trained again"
    return decode_or_raise(_trial, name, then, row, epochs, probes)


def decode_outcome(row: Row, epochs: Epochs | None, probes: Probes | None = None) -> TrialSummary:
    """What judging keeps of the trial of a row; see `decode_trial`."""
    name, then = f"trial {row['id']}", "it is trained again"
    return decode_or_raise(_outcome, name, then, row, epochs, probes)


def _trial(row: Row, epochs: Epochs | None, probes: Probes | None) -> TrialResult:
    n_test = whole(row, "n_test")
    result = TrialResult(
        trial=Trial(recipe=_recipe(row["recipe"]), **{name: row[name] for name in _NAMED}),
        test_predictions=_predictions(row["test_predictions"], n_test),
        test_correct=_bits(row["test_correct"], n_test),
        versions=texts(row, "versions"),
        **_shared(row, epochs, probes),
    )
    _check(row)
    return result


def _outcome(row: Row, epochs: Epochs | None, probes: Probes | None) -> TrialSummary:
    n_test = whole(row, "n_test")
    outcome = TrialSummary(
        answer=_answer(row["test_predictions"], n_test),
        bits=_packed(row["test_correct"], n_test),
        images=n_test,
        **_shared(row, epochs, probes),
    )
    _check(row)
    return outcome


_NAMED = ("dataset", "validation", "seed", "replicate", "engine", "numerics")


def _check(row: Row) -> None:
    found = trial_id(row["recipe"], **{name: row[name] for name in _NAMED})
    if found != row["id"]:
        raise ValueError(f"what was trained has the id {found}")
    check_digest(row)


def _shared(row: Row, epochs: Epochs | None, probes: Probes | None) -> dict[str, Any]:
    """The fields that a trial's result and its outcome have in common."""
    return {
        "curve": _curve(row, epochs),
        "train": _score(row, "train"),
        "validation": _score(row, "validation"),
        "test": _score(row, "test"),
        "diverged": None if row["diverged"] is None else whole(row, "diverged"),
        "parameters": whole(row, "parameters"),
        "seconds": with_nan(row, "seconds"),
        "probes": probes,
        "signs": None if row["signs"] is None else _signs(row["signs"]),
    }


def _checked(name: str, array: object, dtype: type[np.generic]) -> npt.NDArray[Any]:
    found = np.asarray(array)
    if found.dtype != dtype or found.ndim != 1:
        raise ValueError(
            f"{name} must be {np.dtype(dtype)} of shape (test examples,), found {found.dtype} of "
            f"shape {found.shape}; convert it before it is stored"
        )
    return found


def _score(row: Row, part: str) -> Score:
    return Score(with_nan(row, f"{part}_loss"), with_nan(row, f"{part}_accuracy"))


def _curve(row: Row, epochs: Epochs | None) -> History:
    if epochs is None:
        return History(*(np.empty(0) for _ in CURVE_FIELDS))
    numbers, columns = epochs
    if list(numbers) != list(range(1, whole(row, "epochs") + 1)):
        raise ValueError(f"its epochs are {_brief(numbers)}, not 1 to {row['epochs']}")
    curve = History(*(np.array(column, np.float64) for column in columns))  # None becomes NaN
    check_epochs_digest(row, {name: getattr(curve, name) for name in CURVE_FIELDS})
    return curve


_INFINITIES: dict[str, float] = {"inf": math.inf, "-inf": -math.inf}


def _signs_text(signs: HistorySummary) -> str:
    values = asdict(signs).items()
    return canonical_json(
        {name: _plain(value) if isinstance(value, float) else value for name, value in values}
    )


def _plain(number: float) -> float | str | None:
    """A number as JSON can hold it: it knows neither NaN nor infinities."""
    return str(number) if math.isinf(number) else stored(number)


@lru_cache(maxsize=1024)  # a table is printed over and over while a study trains
def _signs(text: str) -> HistorySummary:
    """Signs of their JSON; those of a name that is not known are left out.

    Raises:
        ValueError: if it is no table of numbers and texts.
    """
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError(f"signs are {text}, not a table")
    values: dict[str, Any] = {}
    for field in fields(HistorySummary):
        value: Any = given.get(field.name, field.default)
        value = math.nan if value is None else value
        if isinstance(value, str) and isinstance(field.default, float):
            value = _INFINITIES.get(value, value)
        if type(value) is not type(field.default):
            raise ValueError(f"signs have {value!r} as {field.name}")
        values[field.name] = value
    return HistorySummary(**values)


def _brief(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return f"{shown}… ({len(numbers)} of them)" if len(numbers) > 5 else shown or "missing"


def _predictions(blob: bytes, n_test: int) -> npt.NDArray[np.uint16]:
    size = 2 * n_test
    raw = zlib.decompressobj().decompress(blob, size + 1)  # an altered blob may swell without end
    if len(raw) != size:
        raise ValueError(f"test_predictions do not hold {n_test} classes")
    return np.frombuffer(raw, "<u2").astype(np.uint16)


def _answer(blob: bytes, n_test: int) -> int | None:
    """The class given to every image where it is the same: mostly the first few tell that none."""
    if n_test > _FIRST:
        first = np.frombuffer(zlib.decompressobj().decompress(blob, 2 * _FIRST), "<u2")
        if len(first) == _FIRST and (first != first[0]).any():
            return None
    return constant_prediction(_predictions(blob, n_test))


_FIRST = 64


def _packed(blob: bytes, n_test: int) -> npt.NDArray[np.uint8]:
    if len(blob) != -(-n_test // 8):
        raise ValueError(f"test_correct has {len(blob)} bytes, not the bits of {n_test} images")
    return np.frombuffer(blob, np.uint8)


def _bits(blob: bytes, n_test: int) -> npt.NDArray[np.bool_]:
    return np.unpackbits(_packed(blob, n_test), count=n_test).view(np.bool_)


def decode_timing(recipe: str, seconds: float) -> tuple[Recipe, float] | None:
    """A recipe and how long it took; None where the row was altered, which reading its trial tells.

    Args:
        recipe: its canonical JSON.
        seconds: as they were stored.
    """
    try:
        return _recipe(recipe), float(seconds)
    except (ValueError, TypeError, RecursionError):
        return None


@lru_cache(maxsize=1024)  # the replicates of an arm share their recipe
def _recipe(text: str) -> Recipe:
    """The recipe of its canonical JSON."""
    return Recipe(**json.loads(text))
