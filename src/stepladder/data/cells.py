"""Cells of tables as numbers: missing values, booleans, dates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow

_Array = Any
"""A `pyarrow.Array`, which has no types for mypy."""

MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "null", "NULL",
           "None")  # fmt: skip
"""Cells that stand for no value, as R, pandas, SQL and the UCI repository write them."""

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?( ?(z|utc|[+-]\d{2}:?\d{2}))?"
_DATE = re.compile(
    rf"(\d{{4}}([-/.])\d{{1,2}}\2\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\3(\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}\.?[- ]({_MONTHS})[a-z]*\.?,?[- ]\d{{2,4}}"
    rf"|({_MONTHS})[a-z]*\.? \d{{1,2}},? \d{{4}})([t ]{_TIME})?|{_TIME}",
    re.IGNORECASE,
)


def is_date(text: str) -> bool:
    """Whether a text is a date or a time in ISO 8601 or another common form.

    Example:
        >>> is_date("2024-01-31"), is_date("31 Jan 2024"), is_date("3.1")
        (True, True, False)
    """
    return len(text) < 50 and _DATE.fullmatch(text) is not None


def to_number(text: str) -> float:
    """The number that a cell holds.

    Python alone reads `1_000` and digits of other scripts; elsewhere they are texts.

    Raises:
        ValueError: if it is none.

    Example:
        >>> to_number(" 1e-3 ")
        0.001
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"no number: {text!r}")
    return float(text)


def is_number(text: str) -> bool:
    """Whether `to_number` reads a text.

    Example:
        >>> is_number("1e-3"), is_number("1,5")
        (True, False)
    """
    try:
        to_number(text)
    except ValueError:
        return False
    return True


def are_numbers(texts: Iterable[str]) -> bool:
    """Whether all texts are finite numbers.

    Example:
        >>> are_numbers(["1", "2.5"]), are_numbers(["1", "nan"])
        (True, False)
    """
    return all(is_number(text) and math.isfinite(float(text)) for text in texts)


def in_order(names: Iterable[str]) -> list[str]:
    """Names of classes, each once: numbers in their own order, texts in that of the text.

    Example:
        >>> in_order(["10", "9", "10"]), in_order(["10", "9", "a"])
        (['9', '10'], ['10', '9', 'a'])
    """
    ordered = sorted(set(names))
    return sorted(ordered, key=float) if are_numbers(ordered) else ordered


def numbers(array: _Array, decimal: str = ".") -> npt.NDArray[np.float64] | None:
    """Cells as float64, NaN for missing ones; None where a cell holds something else.

    Args:
        array: a pyarrow array of texts, numbers or booleans.
        decimal: the decimal mark of texts.

    Example:
        >>> import pyarrow
        >>> numbers(pyarrow.array(["1,5", " NA"]), ",").tolist(), numbers(pyarrow.array(["x"]))
        ([1.5, nan], None)
    """
    import pyarrow
    import pyarrow.compute as compute

    if not pyarrow.types.is_string(array.type):
        return _float64(array)
    if decimal == ",":
        if compute.any(compute.match_substring(array, ".")).as_py():
            return None  # a mark of thousands: 1.234 is not 1,234
        array = compute.replace_substring(array, ",", ".")
    try:
        return _float64(array)
    except pyarrow.ArrowInvalid:
        pass
    array = without_missing(array)
    try:
        return _float64(array)
    except pyarrow.ArrowInvalid:
        pass
    distinct = array.dictionary_encode()  # Python reads some that Arrow does not, such as +1
    values = np.full(len(distinct.dictionary) + 1, math.nan)
    for place, text in enumerate(distinct.dictionary.to_pylist()):
        try:
            values[place] = to_number(text)
        except ValueError:
            return None
    return values[codes_of(distinct)]


def together(arrays: Sequence[_Array]) -> npt.NDArray[np.float64] | None:
    """Several columns as float64 of shape (columns, rows), where all cells are plain numbers.

    Args:
        arrays: pyarrow arrays of one length.

    Example:
        >>> import pyarrow
        >>> together([pyarrow.array(["1.5"]), pyarrow.array(["2"])]).tolist()
        [[1.5], [2.0]]
    """
    import pyarrow

    if len({array.type for array in arrays}) > 1:
        return None
    try:
        return _float64(pyarrow.concat_arrays(arrays)).reshape(len(arrays), -1)
    except pyarrow.ArrowInvalid:
        return None


def booleans(array: _Array) -> npt.NDArray[np.float64] | None:
    """Cells of true and false as 1 and 0, NaN for missing ones; None where there are others.

    Example:
        >>> import pyarrow
        >>> booleans(pyarrow.array(["True", "false"])).tolist()
        [1.0, 0.0]
    """
    distinct = without_missing(array).dictionary_encode()
    texts = [text.lower() for text in distinct.dictionary.to_pylist()]
    if not set(texts) <= {"true", "false"}:
        return None
    return np.array([*(text == "true" for text in texts), math.nan])[codes_of(distinct)]


def without_missing(array: _Array) -> _Array:
    """Texts without the space around them, null where they stand for no value.

    Example:
        >>> import pyarrow
        >>> without_missing(pyarrow.array([" a ", "NA"])).to_pylist()
        ['a', None]
    """
    import pyarrow
    import pyarrow.compute as compute

    array = compute.utf8_trim_whitespace(array)
    is_missing = compute.is_in(array, pyarrow.array(MISSING, pyarrow.string()))
    return compute.if_else(is_missing, pyarrow.scalar(None, pyarrow.string()), array)


def codes_of(distinct: pyarrow.DictionaryArray) -> npt.NDArray[np.int64]:
    """Places in the dictionary of an encoded array; -1, the last place, for null."""
    indices = distinct.indices
    indices = indices.fill_null(-1) if indices.null_count else indices
    codes: npt.NDArray[np.int64] = np.from_dlpack(indices).astype(np.int64)
    return codes


def _float64(array: _Array) -> npt.NDArray[np.float64]:
    import pyarrow
    import pyarrow.compute as compute

    cast = compute.cast(array, pyarrow.float64(), safe=False)
    values: Any = (
        cast.to_numpy(zero_copy_only=False)  # nulls become NaN
        if cast.null_count
        else np.from_dlpack(cast)  # the other imports pandas where it is installed
    )
    return np.asarray(values, np.float64)
