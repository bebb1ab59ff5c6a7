"""Trials as rows, and rows as trials again."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.outcome import Outcome, only_answer
from stepladder.recipe import Recipe
from stepladder.records import Curve, Probes, Score, Signs, Trial, TrialResult, trial_id
from stepladder.store.columns import Row, refusing_altered, stored, texts, whole, with_nan
from stepladder.store.digests import (
    check_digest,
    check_epochs_digest,
    digest_of_epochs,
    digest_of_row,
)
from stepladder.values import canonical_json

__all__ = [
    "CURVE_FIELDS",
    "Epochs",
    "decode_outcome",
    "decode_timing",
    "decode_trial",
    "encode_trial",
]

CURVE_FIELDS = tuple(field.name for field in fields(Curve))
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
    return refusing_altered(_trial, name, then, row, epochs, probes)


def decode_outcome(row: Row, epochs: Epochs | None, probes: Probes | None = None) -> Outcome:
    """What judging keeps of the trial of a row; see `decode_trial`."""
    name, then = f"trial {row['id']}", "it is trained again"
    return refusing_altered(_outcome, name, then, row, epochs, probes)


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


def _outcome(row: Row, epochs: Epochs | None, probes: Probes | None) -> Outcome:
    n_test = whole(row, "n_test")
    outcome = Outcome(
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


def _curve(row: Row, epochs: Epochs | None) -> Curve:
    if epochs is None:
        return Curve(*(np.empty(0) for _ in CURVE_FIELDS))
    numbers, columns = epochs
    if list(numbers) != list(range(1, whole(row, "epochs") + 1)):
        raise ValueError(f"its epochs are {_brief(numbers)}, not 1 to {row['epochs']}")
    curve = Curve(*(np.array(column, np.float64) for column in columns))  # None becomes NaN
    check_epochs_digest(row, {name: getattr(curve, name) for name in CURVE_FIELDS})
    return curve


_INFINITIES: dict[str, float] = {"inf": math.inf, "-inf": -math.inf}


def _signs_text(signs: Signs) -> str:
    values = asdict(signs).items()
    return canonical_json(
        {name: _plain(value) if isinstance(value, float) else value for name, value in values}
    )


def _plain(number: float) -> float | str | None:
    """A number as JSON can hold it: it knows neither NaN nor infinities."""
    return str(number) if math.isinf(number) else stored(number)


@lru_cache(maxsize=1024)  # a table is printed over and over while a study trains
def _signs(text: str) -> Signs:
    """Signs of their JSON; those of a name that is not known are left out.

    Raises:
        ValueError: if it is no table of numbers and texts.
    """
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError(f"signs are {text}, not a table")
    values: dict[str, Any] = {}
    for field in fields(Signs):
        value: Any = given.get(field.name, field.default)
        value = math.nan if value is None else value
        if isinstance(value, str) and isinstance(field.default, float):
            value = _INFINITIES.get(value, value)
        if type(value) is not type(field.default):
            raise ValueError(f"signs have {value!r} as {field.name}")
        values[field.name] = value
    return Signs(**values)


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
    return only_answer(_predictions(blob, n_test))


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
