"""Values to rows and back, with digests."""

import hashlib
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from stepladder.errors import StoreError
from stepladder.store.base import ClaimOwner, Judgement, Look, StudyRecord
from stepladder.study.params import Config, config_from
from stepladder.study.schema import canonical_json
from stepladder.study.study import Study
from stepladder.trials.trial import (
    NO_HISTORY,
    History,
    HistorySummary,
    Measures,
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
Rest = ParamSpec("Rest")

CURVE_FIELDS = tuple(field.name for field in fields(History))
"""The arrays of a history, each a column of the epochs."""

Epochs = tuple[Sequence[int], Sequence[Sequence[float | None]]]
"""The epoch numbers of a trial, and one sequence of values for each of `CURVE_FIELDS`."""

_PARTS = ("train", "validation", "test")

_BROKEN = (ValueError, TypeError, KeyError, OverflowError, RecursionError, zlib.error)


def _naming_row(
    name: str, then: str
) -> Callable[
    [Callable[Concatenate[Row, Rest], Decoded]], Callable[Concatenate[Row, Rest], Decoded]
]:
    """Makes a decoder raise a `StoreError` that names an altered row.

    Args:
        name: of the row, with its columns in braces.
        then: what follows when the row is deleted.
    """

    def decorate(
        decode: Callable[Concatenate[Row, Rest], Decoded],
    ) -> Callable[Concatenate[Row, Rest], Decoded]:
        @wraps(decode)
        def decode_or_raise(row: Row, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Decoded:
            try:
                return decode(row, *args, **kwargs)
            # StudyError is a ValueError; a text where JSON or bytes should be makes a TypeError.
            except _BROKEN as error:
                raise StoreError(
                    f"{name.format_map(row)} must be as stepladder stored it, found a row that "
                    f"was altered: {error}; delete that row (`stepladder store check STORE "
                    f"--delete-damaged` does) and {then}"
                ) from None

        return decode_or_raise

    return decorate


def _float_or_null(value: float) -> float | None:
    # SQLite keeps no sign of zero and reads NaN back as NULL: the same for every database.
    return None if math.isnan(value) else float(value) + 0.0


def _float(row: Row, column: str) -> float:
    value = row[column]
    if value is None:
        return math.nan
    if not isinstance(value, float):
        raise ValueError(f"{column} is {value!r}, not a number")
    return value


def _integer(row: Row, column: str) -> int:
    value = row[column]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{column} is {value!r}, not a whole number from 0")
    return value


_JSON_COLUMNS: dict[str, TypeAdapter[Any]] = {
    "versions": TypeAdapter(dict[str, str]),
    "sizes": TypeAdapter(dict[str, int]),
    "classes": TypeAdapter(tuple[str, ...]),
}


def _json(row: Row, column: str) -> Any:  # noqa: ANN401 - as `_JSON_COLUMNS` says
    try:
        return _JSON_COLUMNS[column].validate_json(row[column], strict=True)
    except ValidationError:
        raise ValueError(f"{column} is {row[column]!r}") from None


_PROBE_ARRAYS = ("gradient_norm", "dead", "saturated")


def encode_probes(result: TrialResult) -> dict[str, Any] | None:
    """The row of a trial's probes, or None where there are none.

    Figures are little-endian float32, epoch by epoch, one array's columns after the other's,
    compressed: one row a trial, since they are only ever read together.
    """
    probes = result.probes
    if probes is None or not (probes.kernels or probes.layers):
        return None
    figures = np.concatenate([getattr(probes, name) for name in _PROBE_ARRAYS], axis=1)
    row = {
        "trial_id": result.trial.id,
        "names": canonical_json({"kernels": probes.kernels, "layers": probes.layers}),
        "input_mean": _float_or_null(probes.input_mean),
        "input_deviation": _float_or_null(probes.input_deviation),
        "figures": zlib.compress(figures.astype("<f4").tobytes()),
    }
    return {**row, "digest": _digest_of_probes(row)}


@_naming_row("the probes of trial {trial_id}", "the trial is shown without them")
def decode_probes(row: Row, epochs: int) -> Probes:
    """The probes of a row, of a trial of some epochs."""
    if row["digest"] != _digest_of_probes(row):
        raise ValueError("its figures are not those that were stored")
    names = json.loads(row["names"])
    kernels, layers = tuple(names["kernels"]), tuple(names["layers"])
    ends = np.cumsum([len(kernels), len(layers), len(layers)])
    figures = _inflate(row, "figures", "<f4", epochs * int(ends[-1])).astype(np.float32)
    arrays = np.split(figures.reshape(-1, ends[-1]), ends[:-1], axis=1)
    return Probes(
        kernels=kernels,
        layers=layers,
        input_mean=_float(row, "input_mean"),
        input_deviation=_float(row, "input_deviation"),
        **dict(zip(_PROBE_ARRAYS, arrays, strict=True)),
    )


def _digest_of_probes(row: Row) -> str:
    plain = [row[name] for name in ("trial_id", "names", "input_mean", "input_deviation")]
    digest = hashlib.sha256(json.dumps(plain).encode())
    digest.update(row["figures"])
    return digest.hexdigest()


def encode_study(record: StudyRecord) -> dict[str, Any]:
    """A study's row, but for the times at which it was made and changed."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    definition = values.pop("study").model_dump(mode="json", by_alias=True)
    return {
        **values,
        "name": record.study.name,
        # In the order in which it was declared: what a search draws first depends on it.
        "definition": json.dumps(definition, separators=(",", ":"), allow_nan=False),
        **{column: canonical_json(values[column]) for column in _JSON_COLUMNS},
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


@_naming_row("study {name!r}", "run the study again")
def decode_study(row: Row) -> StudyRecord:
    """The study of a row, checked as if it were read from a file."""
    study = Study(**json.loads(row["definition"]))
    if study.name != row["name"]:
        raise ValueError(f"its definition is that of {study.name!r}")
    plain = {column: row[column] for column in ("dataset", "fingerprint", "machine")}
    parsed = {column: _json(row, column) for column in _JSON_COLUMNS}
    if parsed["sizes"].keys() != (set(_PARTS) if study.dataset is not None else set()):
        raise ValueError(f"sizes is {row['sizes']!r}")
    return StudyRecord(study=study, seconds=_float(row, "seconds"), **plain, **parsed)


@_naming_row("look {id}", "the look is forgotten")
def decode_look(row: Row) -> Look:
    """The look of a row."""
    plain = {name: row[name] for name in ("study", "fingerprint", "digest", "command")}
    return Look(trials=_integer(row, "trials"), at=datetime.fromisoformat(row["at"]), **plain)


_FACTS = ("metric", "delta", "looks", "is_adaptive", "comparisons", "replicates", "verdicts",
          "level")  # fmt: skip


def encode_judgement(judgement: Judgement) -> Row:
    """A judgement as a row; the store numbers it."""
    facts = {name: getattr(judgement, name) for name in _FACTS}
    return {
        **{name: getattr(judgement, name) for name in ("study", "fingerprint", "digest")},
        "facts": json.dumps(facts, ensure_ascii=False),
        "command": judgement.command,
        "at": judgement.at.isoformat(),
    }


@_naming_row("judgement {id}", "the judgement is forgotten")
def decode_judgement(row: Row) -> Judgement:
    """The judgement of a row."""
    facts = json.loads(row["facts"])
    facts["looks"] = tuple(int(number) for number in facts["looks"])
    plain = {name: row[name] for name in ("study", "fingerprint", "command")}
    judgement = Judgement(at=datetime.fromisoformat(row["at"]), **plain, **facts)
    if judgement.digest != row["digest"]:
        raise ValueError("its digest does not fit its facts")
    return judgement


@_naming_row("driver {id}", "its claims are free again")
def decode_owner(row: Row) -> ClaimOwner:
    """The owner of claims of a row."""
    return ClaimOwner(row["id"], row["place"], row["process"], _integer(row, "beat"))


# Named one by one: a column that a later revision adds must not change the digest of old rows.
_COVERED = (
    *("recipe", "dataset", "validation", "seed", "replicate", "engine", "numerics", "epochs"),
    *("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("test_loss", "test_accuracy", "diverged", "parameters", "seconds", "versions", "n_test"),
    "epochs_digest",
)
_NAMED = ("dataset", "validation", "seed", "replicate", "engine", "numerics")


def _digest_of_trial(row: Row) -> str:
    digest = hashlib.sha256(json.dumps([row[name] for name in _COVERED]).encode())
    for name in ("test_correct", "test_predictions"):
        digest.update(row[name])
    for name in ("signs", "measures"):
        if row[name] is not None:
            digest.update(row[name].encode())
    for name in ("per_example", "test_values"):
        if row[name] is not None:
            digest.update(row[name])
    return digest.hexdigest()


def _digest_of_epochs(
    columns: Mapping[str, Sequence[float | None] | npt.NDArray[np.float64]],
) -> str:
    # A column without a number is left out, as rows of before that column have none.
    digest = hashlib.sha256()
    for name in sorted(columns):
        values = np.array(columns[name], "<f8")  # None becomes NaN
        if not np.isnan(values).all():
            digest.update(name.encode() + values.tobytes())
    return digest.hexdigest()


def encode_trial(result: TrialResult) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A trial's row and the rows of its epochs.

    Predictions are little-endian uint16, compressed; correctness is one bit an image.

    Raises:
        ValueError: if its arrays are not of the types and shapes that `TrialResult` says.
    """
    trial, history = result.trial, result.curve
    predictions = _as_array("test_predictions", result.test_predictions, np.uint16)
    correct = _as_array("test_correct", result.test_correct, np.bool_)
    if len(predictions) != len(correct) and result.test_values is None:
        raise ValueError(
            "test_predictions and test_correct must have one entry for each test image, found "
            f"{len(predictions)} and {len(correct)}; give both for the same images"
        )
    columns = {
        name: [_float_or_null(value) for value in getattr(history, name)] for name in CURVE_FIELDS
    }
    scores = {
        f"{part}_{name}": _float_or_null(value)
        for part in _PARTS
        for name, value in vars(getattr(result, part)).items()
    }
    row = {
        "id": trial.id,
        "recipe": canonical_json(trial.config.model_dump(mode="json")),
        **{name: getattr(trial, name) for name in _NAMED},
        "epochs": history.epochs,
        "diverged": None if result.diverged is None else int(result.diverged),
        "parameters": int(result.parameters),
        "seconds": _float_or_null(result.seconds),
        "versions": canonical_json(result.versions),
        "n_test": result.test_examples,
        "test_correct": np.packbits(correct).tobytes(),
        "test_predictions": zlib.compress(predictions.astype("<u2").tobytes()),
        **scores,
        "signs": None if result.signs is None else _encode_summary(result.signs),
        "measures": _encode_measures(result),
        "per_example": _encode_examples(result.per_example),
        "test_values": _encode_examples(result.test_values),
        "epochs_digest": _digest_of_epochs(columns),
    }
    row["digest"] = _digest_of_trial(row)
    epochs = [
        {"trial_id": trial.id, "epoch": epoch, **dict(zip(columns, values, strict=True))}
        for epoch, values in enumerate(zip(*columns.values(), strict=True), 1)
    ]
    return row, epochs


def _as_array(name: str, values: object, dtype: type[np.generic]) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype != dtype or array.ndim != 1:
        raise ValueError(
            f"{name} must be {np.dtype(dtype)} of shape (test examples,), found {array.dtype} of "
            f"shape {array.shape}; convert it before it is stored"
        )
    return array


@_naming_row("trial {id}", "it is trained again")
def decode_trial(row: Row, epochs: Epochs | None, probes: Probes | None = None) -> TrialResult:
    """The trial of a row.

    Args:
        row: the row by column.
        epochs: its epochs, or None for a history of 0 epochs.
        probes: probes of its network, or None.
    """
    n_test = _integer(row, "n_test")
    return TrialResult(
        trial=Trial(
            _config(row["recipe"]),
            **{name: row[name] for name in _NAMED},
            metrics=_measures(row).metrics,
        ),
        # First, for its size is that of bytes which are there: it bounds what is decompressed.
        test_correct=_unpacked(row, n_test),
        test_predictions=_predictions(row, n_test),
        test_values=_values(row, n_test),
        versions=_json(row, "versions"),
        **_shared(row, epochs, probes),
    )


@_naming_row("trial {id}", "it is trained again")
def decode_outcome(row: Row, epochs: Epochs | None, probes: Probes | None = None) -> TrialSummary:
    """What judging keeps of the trial of a row; see `decode_trial`."""
    n_test = _integer(row, "n_test")
    return TrialSummary(
        bits=_packed(row, n_test),
        answer=_answer(row, n_test),
        images=n_test,
        **_shared(row, epochs, probes),
    )


def _shared(row: Row, epochs: Epochs | None, probes: Probes | None) -> dict[str, Any]:
    """The fields that `TrialResult` and `TrialSummary` share; the row's id and digest are checked.

    Rows of revision 0001 have no digest.
    """
    measures = _measures(row)
    values = {
        **{part: Score(_float(row, f"{part}_loss"), _float(row, f"{part}_accuracy"))
           for part in _PARTS},
        "curve": _history(row, epochs),
        "diverged": None if row["diverged"] is None else _integer(row, "diverged"),
        "parameters": _integer(row, "parameters"),
        "seconds": _float(row, "seconds"),
        "probes": probes,
        "signs": None if row["signs"] is None else _decode_summary(row["signs"]),
        "measures": measures.parts,
        "reported": measures.reported,
        "per_example": _examples(row),
    }  # fmt: skip
    named = {name: row[name] for name in _NAMED}
    identity = trial_id(row["recipe"], **named, metrics=measures.metrics)
    if identity != row["id"]:
        raise ValueError(f"what was trained has the id {identity}")
    if row["digest"] is not None and row["digest"] != _digest_of_trial(row):
        raise ValueError("its figures are not those that were stored")
    return values


def _history(row: Row, epochs: Epochs | None) -> History:
    if epochs is None:
        return NO_HISTORY
    numbers, columns = epochs
    count = _integer(row, "epochs")
    if len(numbers) != count or list(numbers) != list(range(1, count + 1)):
        shown = ", ".join(map(str, numbers[:5])) or "missing"
        more = f"… ({len(numbers)} of them)" if len(numbers) > 5 else ""
        raise ValueError(f"its epochs are {shown}{more}, not 1 to {row['epochs']}")
    history = History(*(np.array(column, np.float64) for column in columns))  # None becomes NaN
    digest = _digest_of_epochs({name: getattr(history, name) for name in CURVE_FIELDS})
    if row["epochs_digest"] not in (None, digest):
        raise ValueError("its epochs are not those that were stored")
    return history


_INFINITIES = {"inf": math.inf, "-inf": -math.inf}  # JSON has neither NaN nor infinities


def _encode_summary(summary: HistorySummary) -> str:
    values: dict[str, Any] = dict(vars(summary))
    for name, value in values.items():
        if isinstance(value, float):
            values[name] = str(value) if math.isinf(value) else _float_or_null(value)
    return canonical_json(values)


@lru_cache(maxsize=1024)  # a table is printed over and over while a study trains
def _decode_summary(text: str) -> HistorySummary:
    """The summary of its JSON; a name that is not known is left out."""
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


class _Measures(NamedTuple):
    metrics: tuple[str, ...]
    parts: Measures
    reported: Mapping[str, tuple[float, ...]]


def _encode_measures(result: TrialResult) -> str | None:
    """What a trial measured beside loss and accuracy, as JSON; NaN is null, infinities texts."""
    if not (result.trial.metrics or result.measures or result.reported):
        return None
    return canonical_json({
        "metrics": result.trial.metrics,
        "parts": {part: {name: _plain_number(value) for name, value in values.items()}
                  for part, values in result.measures.items()},
        "reported": {name: [*map(_plain_number, values)]
                     for name, values in result.reported.items()},
    })  # fmt: skip


def _plain_number(value: float) -> float | str | None:
    return str(value) if math.isinf(value) else _float_or_null(value)


def _measures(row: Row) -> _Measures:
    if row["measures"] is None:
        return _Measures((), {}, {})
    try:
        given = json.loads(row["measures"])
        parts = {part: {name: _as_number(value) for name, value in values.items()}
                 for part, values in given["parts"].items()}  # fmt: skip
        reported = {name: tuple(map(_as_number, values))
                    for name, values in given["reported"].items()}  # fmt: skip
        return _Measures(tuple(map(str, given["metrics"])), parts, reported)
    except (KeyError, AttributeError):
        raise ValueError(f"measures are {row['measures']}") from None


def _as_number(value: object) -> float:
    if value is None:
        return math.nan
    number = _INFINITIES.get(value, value) if isinstance(value, str) else value
    if not isinstance(number, int | float):
        raise ValueError(f"measures have {value!r}")
    return float(number)


_MOST_EXAMPLES = 1 << 28  # bytes: what is stored cannot expand without end


def _encode_examples(values: npt.NDArray[np.float32] | None) -> bytes | None:
    return None if values is None else zlib.compress(values.astype("<f4").tobytes())


def _examples(row: Row, column: str = "per_example") -> npt.NDArray[np.float32] | None:
    if row[column] is None:
        return None
    raw = zlib.decompressobj().decompress(row[column], _MOST_EXAMPLES)
    return np.frombuffer(raw, "<f4").astype(np.float32)


def _values(row: Row, n_test: int) -> npt.NDArray[np.float32] | None:
    """Values of a regression or probabilities of labels, (examples, outputs)."""
    values = _examples(row, "test_values")
    return None if values is None else values.reshape(n_test, -1)


def _predictions(row: Row, n_test: int) -> npt.NDArray[np.uint16]:
    count = n_test if row["test_values"] is None else 0  # those are the answers
    return _inflate(row, "test_predictions", "<u2", count).astype(np.uint16)


def _unpacked(row: Row, n_test: int) -> npt.NDArray[np.bool_]:
    packed = _packed(row, n_test)
    return np.unpackbits(packed, count=n_test if len(packed) else 0).view(np.bool_)


def _inflate(row: Row, column: str, dtype: str, count: int) -> npt.NDArray[Any]:
    """The numbers of a compressed column."""
    size = np.dtype(dtype).itemsize * count
    # An altered blob may grow without limit: no more than one byte too many is decompressed.
    raw = zlib.decompressobj().decompress(row[column], size + 1)
    if len(raw) != size:
        raise ValueError(f"{column} does not hold {count:,} numbers")
    return np.frombuffer(raw, dtype)


_FIRST = 64  # predictions, of which mostly some differ: the others need no decompressing


def _answer(row: Row, n_test: int) -> int | None:
    if row["test_values"] is not None:
        return None
    if n_test > _FIRST:
        blob = row["test_predictions"]
        first = np.frombuffer(zlib.decompressobj().decompress(blob, 2 * _FIRST), "<u2")
        if len(first) == _FIRST and (first != first[0]).any():
            return None
    return constant_prediction(_predictions(row, n_test))


def _packed(row: Row, n_test: int) -> npt.NDArray[np.uint8]:
    blob = row["test_correct"]
    if row["test_values"] is not None and not blob:  # a regression has none
        return np.zeros(0, np.uint8)
    if len(blob) != -(-n_test // 8):
        raise ValueError(f"test_correct has {len(blob)} bytes, not the bits of {n_test} images")
    return np.frombuffer(blob, np.uint8)


def decode_timing(recipe: str, seconds: float) -> tuple[Config, float] | None:
    """A configuration, of its canonical JSON, and its seconds; None where the row was altered."""
    try:
        return _config(recipe), float(seconds)
    except (ValueError, TypeError, RecursionError):
        return None  # reading the trial itself names the row


@lru_cache(maxsize=1024)  # the replicates of an arm share their recipe
def _config(text: str) -> Config:
    return config_from(json.loads(text))
