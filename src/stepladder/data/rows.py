"""Which rows stand in which part: drawn by class, by whole groups, or by time.

All of it works on plain arrays, in whole numbers, so that the parts are the same on every machine
and with every version of every library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stepladder.errors import DataError
from stepladder.trials.seeding import generator

PARTS = ("train", "validation", "test")
"""What a column that says the part may hold."""

_Ints = npt.NDArray[np.integer[Any]]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Folds:
    """How the rows of a dataset take turns as its test part.

    Attributes:
        sizes: rows of each fold, in the order in which they stand in the training part and then in
            the test part of the dataset.
        is_forward: whether folds are blocks of time: the first is never tested, and nothing later
            than a tested block trains.
    """

    sizes: tuple[int, ...]
    is_forward: bool = False

    @property
    def count(self) -> int:
        """Replicates of one repeat."""
        return len(self.sizes) - self.is_forward

    def numbers(self, repeat: int, strata: _Ints, groups: _Ints | None) -> npt.NDArray[np.int64]:
        """The fold or block of each row in one repeat.

        Args:
            repeat: from 0; blocks of time are the same in all.
            strata: class of each row, one for all where there are none.
            groups: of each row, or None.
        """
        if repeat and not self.is_forward:
            return fold_numbers(strata, self.count, repeat, groups)
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def rows(
        self, fold: int, numbers: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The rows that train and those that test where a fold is tested, each ascending.

        Example:
            >>> train, test = Folds((2, 2), True).rows(0, np.array([0, 0, 1, 1]))
            >>> train.tolist(), test.tolist()
            ([0, 1], [2, 3])
        """
        if self.is_forward:
            return np.flatnonzero(numbers <= fold), np.flatnonzero(numbers == fold + 1)
        return np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)

    def train_sizes(self) -> list[int]:
        """Rows that train in each replicate of the first repeat."""
        if self.is_forward:
            return list(accumulate(self.sizes))[:-1]
        return [sum(self.sizes) - size for size in self.sizes]


class RowKeys(NamedTuple):
    """What a study says of how a table's rows are divided.

    Attributes:
        group: column or array of groups, none of which stands in two parts.
        time: column or array of times, by which parts follow each other.
        part: column that says the part.
        folds: how many folds take turns as the test part; None for one test part.
    """

    group: str | None = None
    time: str | None = None
    part: str | None = None
    folds: int | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are no inputs."""
        return tuple(name for name in self[:3] if name is not None)


NO_KEYS = RowKeys()


class Division(NamedTuple):
    """Rows of a table by part.

    Attributes:
        train: places of the training rows, in the order of the dataset; the user's own validation
            rows last.
        test: places of the test rows.
        validation_examples: how many of `train` are the user's own validation rows.
        folds: how the rows take turns as the test part, or None.
    """

    train: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]
    validation_examples: int = 0
    folds: Folds | None = None


def divide_rows(
    name: str,
    strata: _Ints,
    *,
    class_names: Sequence[str] = (),
    share: float | None = None,
    folds: int | None = None,
    groups: _Ints | None = None,
    times: npt.NDArray[np.float64] | None = None,
    parts: Sequence[str] | None = None,
) -> Division:
    """Divides rows into a training and a test part, or into folds.

    One of `share`, `folds` and `parts` says how. Nothing depends on the seed of a study or on the
    replicate: a test part that changed with them would leak test rows into training.

    Args:
        name: what the dataset is called, which errors begin with.
        strata: class of each row, from 0; 0 for all where there are no classes.
        class_names: names of the classes, for messages.
        share: of the rows, for the test part.
        folds: how many there are.
        groups: of each row; no group stands in two parts.
        times: of each row; test rows are the latest.
        parts: words of `PARTS`, one a row.

    Raises:
        DataError: if the rows cannot be divided so.

    Example:
        >>> len(divide_rows("t", np.array([0, 1, 0, 1]), share=0.5).test)
        2
    """
    if parts is not None:
        return _by_word(name, parts, groups)
    if folds is None:
        assert share is not None
        test = _held_out(name, strata, share, groups, times)
        return Division(np.flatnonzero(~test), np.flatnonzero(test))
    if times is not None:
        return _blocks(name, strata, class_names, folds, times)
    _check_folds(name, strata, class_names, folds, groups)
    numbers = fold_numbers(strata, folds, 0, groups)
    _check_left(name, strata, class_names, numbers)
    order = np.argsort(numbers, kind="stable")
    sizes = tuple(np.bincount(numbers, minlength=folds).tolist())
    start = len(order) - sizes[-1]
    return Division(order[:start], order[start:], 0, Folds(sizes))


def _held_out(
    name: str,
    strata: _Ints,
    share: float,
    groups: _Ints | None,
    times: npt.NDArray[np.float64] | None,
) -> _Mask:
    """Which rows are in the test part; each class has a row in either part where it can."""
    rows = len(strata)
    if times is not None:
        latest, _ = _sorted_by_time(name, times, [min(max(round((1 - share) * rows), 1), rows - 1)])
        return np.asarray(latest == 1)
    if groups is not None:
        if len(np.unique(groups)) < 2:
            raise DataError(
                f"{name}: must have two groups or more, so that no group stands in two parts, "
                "found one group in every row; leave group out"
            )
        random = generator(0, 0, "split", 1)  # one stream for good: see `divide_rows`
        return hold_out_groups(strata, groups, max(1, round(share * rows)), random)
    return draw_test_rows(strata, share)


def draw_test_rows(strata: _Ints, share: float) -> _Mask:
    """A stratified test part: each stratum has a row in either part.

    Args:
        strata: class of each row, from 0, two rows or more of each; 0 for all without classes.
        share: of the rows, for the test part.

    Example:
        >>> int(draw_test_rows(np.array([0, 1, 0, 1]), 0.5).sum())
        2
    """
    # One stream for good: see `divide_rows`.
    random = generator(0, 0, "split", 1)
    strata = strata.astype(np.uint16 if len(strata) and strata.max() < 2**16 else np.int32)
    counts = np.bincount(strata)  # of 16 bits: such are sorted ten times as fast
    shares = allocate(counts, round(share * len(strata)), random.permutation(len(counts)))
    return pick(strata, counts, np.clip(shares, 1, counts - 1), random)


def _by_word(name: str, parts: Sequence[str], groups: _Ints | None) -> Division:
    """Parts as a column says them."""
    words = np.array([word.strip().lower() for word in parts])
    unknown = np.flatnonzero(~np.isin(words, PARTS))
    if len(unknown):
        raise DataError(
            f"{name}: part must hold {', '.join(PARTS[:-1])} or {PARTS[-1]}, found "
            f"{parts[unknown[0]][:80]!r} in row {unknown[0] + 1:,}; write one of these words"
        )
    train, validation, test = (np.flatnonzero(words == part) for part in PARTS)
    if not len(train) or not len(test):
        raise DataError(
            f"{name}: part must say train and test of some rows, found {len(train):,} rows of "
            f"train and {len(test):,} of test; correct that column"
        )
    if groups is not None:
        seen = np.unique(np.stack([groups, np.searchsorted(np.unique(words), words)]), axis=1)
        if len(seen.T) > len(np.unique(groups)):
            raise DataError(
                f"{name}: no group may stand in two parts, found one that does; correct the "
                "column that part names, or leave group out"
            )
    return Division(np.concatenate([train, validation]), test, len(validation))


def _check_folds(
    name: str, strata: _Ints, class_names: Sequence[str], folds: int, groups: _Ints | None
) -> None:
    what = "row" if groups is None else "group"
    members = strata if groups is None else np.unique(np.stack([strata, groups]), axis=1)[0]
    there = len(strata) if groups is None else len(np.unique(groups))
    if there < folds:
        raise DataError(
            f"{name}: must have a {what} for each of {folds} folds, found {there}; write fewer "
            f"folds{' or leave group out' if groups is not None else ''}"
        )
    counts = np.bincount(members)
    needed = folds if groups is None else 2
    if len(counts) > 1 and counts.min() < needed:
        rare = int(counts.argmin())
        each = f"in each of {folds} folds" if groups is None else "to train and one to test"
        raise DataError(
            f"{name}: each class must have a {what} {each}, found {counts[rare]} "
            f"{what}{'' if counts[rare] == 1 else 's'} of {_class(class_names, rare)}; write "
            "fewer folds, or add or remove rows of it"
        )


def _check_left(name: str, strata: _Ints, class_names: Sequence[str], numbers: _Ints) -> None:
    """Makes sure that no fold has all rows of a class."""
    table = np.zeros((int(numbers.max()) + 1, int(strata.max()) + 1), np.int64)
    np.add.at(table, (numbers, strata), 1)
    whole = np.argwhere((table == table.sum(axis=0)) & (len(table.T) > 1))
    if len(whole):
        raise DataError(
            f"{name}: each class must have rows in two folds or more, found all rows of "
            f"{_class(class_names, int(whole[0][1]))} in one, as its groups are; write other "
            "folds, or leave group out"
        )


def _class(class_names: Sequence[str], number: int) -> str:
    return f"the class {class_names[number]!r}" if class_names else f"class {number}"


def _blocks(
    name: str, strata: _Ints, class_names: Sequence[str], folds: int, times: npt.NDArray[np.float64]
) -> Division:
    """Blocks of time, of which the first only trains, as those of `TimeSeriesSplit`."""
    rows = len(times)
    size = rows // (folds + 1)
    if size < 1:
        raise DataError(
            f"{name}: must have {folds + 1} rows or more for {folds} folds forward in time, found "
            f"{rows}; write fewer folds"
        )
    numbers, order = _sorted_by_time(
        name, times, [rows - size * place for place in range(folds, 0, -1)]
    )
    first = set(strata[numbers == 0].tolist())
    late = [number for number in np.unique(strata).tolist() if number not in first]
    if late:
        raise DataError(
            f"{name}: each class must have a row in the first of {folds + 1} blocks of time, "
            f"found none of {_class(class_names, late[0])}; write fewer folds, or remove the class"
        )
    sizes = tuple(np.bincount(numbers, minlength=folds + 1).tolist())
    start = rows - sizes[-1]
    return Division(order[:start], order[start:], 0, Folds(sizes, is_forward=True))


def _sorted_by_time(
    name: str, times: npt.NDArray[np.float64], wanted: Sequence[int]
) -> tuple[_Ints, npt.NDArray[np.intp]]:
    """The block of each row between borders in time, and the rows in the order of their times.

    Args:
        name: which errors begin with.
        times: of each row.
        wanted: rows before each border; it is moved to the nearest change of the time, so that no
            time stands in two blocks.
    """
    order = np.argsort(times, kind="stable")
    changes = np.flatnonzero(np.diff(times[order])) + 1
    if len(changes):
        right = np.minimum(np.searchsorted(changes, wanted), len(changes) - 1)
        left = np.maximum(right - 1, 0)
        is_left = np.abs(changes[left] - wanted) <= np.abs(changes[right] - wanted)
        borders = np.where(is_left, changes[left], changes[right])
    if not len(changes) or len(np.unique(borders)) < len(wanted):
        raise DataError(
            f"{name}: times must differ so that each of {len(wanted) + 1} parts has times of its "
            f"own, found {len(changes) + 1:,} different times in {len(times):,} rows, most of "
            "which stand on both sides of a border; write fewer folds, give finer times, or leave "
            "time out"
        )
    numbers = np.empty(len(times), np.int64)
    numbers[order] = np.searchsorted(borders, np.arange(len(times)), side="right")
    return numbers, order


def hold_out_latest(times: npt.NDArray[np.float64], number: int) -> _Mask:
    """The latest rows, some `number` of them; no time is divided.

    Raises:
        DataError: if all rows have one time.

    Example:
        >>> hold_out_latest(np.array([3.0, 1.0, 2.0, 3.0]), 1).tolist()
        [True, False, False, True]
    """
    rows = len(times)
    numbers, _ = _sorted_by_time("validation", times, [min(max(rows - number, 1), rows - 1)])
    return np.asarray(numbers == 1)


def fold_numbers(
    strata: _Ints, folds: int, repeat: int, groups: _Ints | None = None
) -> npt.NDArray[np.int64]:
    """The fold of each row in one repeat, from 0.

    Sizes of folds, and the rows of a class in them, are within one of each other; with groups as
    near to it as a greedy choice brings them, the largest group first.

    Args:
        strata: class of each row.
        folds: how many.
        repeat: which draw.
        groups: of each row, or None.

    Example:
        >>> numbers = fold_numbers(np.array([0, 0, 0, 1, 1, 1]), 3, 0)
        >>> sorted(numbers[:3].tolist()), sorted(numbers[3:].tolist())
        ([0, 1, 2], [0, 1, 2])
    """
    random = generator(0, repeat, "split", 2)
    if groups is not None:
        return _deal_groups(strata, groups, np.ones(folds, np.int64), random)
    order = random.permutation(len(strata))
    # Dealt out like cards, class by class.
    by_class = order[np.argsort(random.permutation(int(strata.max()) + 1)[strata[order]],
                                kind="stable")]  # fmt: skip
    numbers = np.empty(len(strata), np.int64)
    numbers[by_class] = np.arange(len(strata)) % folds
    return numbers


def hold_out_groups(
    strata: _Ints, groups: _Ints, number: int, random: np.random.Generator
) -> _Mask:
    """Whole groups with some `number` of the rows, in which classes have about their shares.

    Args:
        strata: class of each row; each class keeps a row elsewhere.
        groups: of each row, two or more different ones.
        number: of rows.
        random: where the draw comes from.

    Returns:
        Whether each row is held out: some are, unless no group can be.
    """
    share = min(max(round(_PARTS_OF_ALL * number / len(strata)), 1), _PARTS_OF_ALL - 1)
    shares = np.array([_PARTS_OF_ALL - share, share])
    return np.asarray(_deal_groups(strata, groups, shares, random, keeps=(1,)) == 1)


_PARTS_OF_ALL = 10_000
"""Shares in whole numbers; products of them and of squares of row numbers stay below 2^63."""


def _deal_groups(
    strata: _Ints,
    groups: _Ints,
    shares: npt.NDArray[np.int64],
    random: np.random.Generator,
    keeps: Sequence[int] | None = None,
) -> npt.NDArray[np.int64]:
    """The part of each row, groups whole, so that each part has its share of each class.

    The largest groups come first, each into the part that then is nearest to its shares: the sum
    over classes of squared distances, each weighted by how rare the class is.

    Args:
        strata: class of each row.
        groups: of each row.
        shares: of the parts, whole numbers.
        random: serves what is equal.
        keeps: parts that must not get all rows of a class; all of them when None. The last of
            given ones gets a group where it would have none.
    """
    values, member = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(values), int(strata.max()) + 1), np.int64)
    np.add.at(counts, (member, strata), 1)
    total = counts.sum(axis=0)
    weight = len(strata) // np.maximum(total, 1)
    order = random.permutation(len(values))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    precedence = random.permutation(len(shares))
    limited = np.isin(np.arange(len(shares)), range(len(shares)) if keeps is None else keeps)
    filled = np.zeros((len(shares), len(total)), np.int64)
    part = np.zeros(len(values), np.int64)
    aim, whole = 2 * shares[:, None] * total, int(shares.sum())
    left = total.copy()
    for group in order:
        there = np.flatnonzero(counts[group])
        own, have = counts[group, there], filled[:, there]
        cost = (whole * (2 * have + own) - aim[:, there]) @ (weight[there] * own)
        takes_all = np.zeros(len(shares), np.bool_)
        if (left[there] == own).any():  # the last group of a class
            takes_all = (have + own == total[there]).any(axis=1) & limited
        best = np.flatnonzero(cost == cost.min())
        if takes_all.any() or len(best) > 1:
            best = np.lexsort((precedence, filled.sum(axis=1), cost, takes_all))
        part[group] = best[0]
        filled[best[0], there] += own
        left[there] -= own
    if keeps is not None and not filled[keeps[-1]].any():
        is_all = ((counts == total) & (counts > 0)).any(axis=1)
        part[order[~is_all[order]][-1:]] = keeps[-1]  # the smallest that may be
    return part[member]


def draw(
    labels: _Ints,
    counts: npt.NDArray[np.int64],
    total: int,
    random: np.random.Generator,
    keep: int = 0,
) -> npt.NDArray[np.bool_]:
    """A stratified draw without replacement.

    Args:
        labels: int32 of shape (examples,).
        counts: examples of each class, shape (classes,).
        total: examples to draw.
        random: where the draw comes from.
        keep: examples of each class that are never drawn.

    Returns:
        Whether each example is drawn, bool of shape (examples,).
    """
    shares = allocate(counts, total, random.permutation(len(counts)), keep)
    return pick(labels, counts, shares, random)


def pick(
    labels: _Ints,
    counts: npt.NDArray[np.int64],
    shares: npt.NDArray[np.int64],
    random: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """A draw without replacement of so many examples of each class.

    Args:
        labels: int32 of shape (examples,).
        counts: examples of each class, shape (classes,).
        shares: examples to draw of each class, at most `counts`.
        random: where the draw comes from.

    Returns:
        Whether each example is drawn, bool of shape (examples,).
    """
    order = random.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    start = np.cumsum(counts) - counts
    rank = np.arange(len(labels)) - np.repeat(start, counts)
    chosen = np.zeros(len(labels), np.bool_)
    chosen[by_class[rank < np.repeat(shares, counts)]] = True
    return chosen


def allocate(
    counts: npt.NDArray[np.int64], total: int, precedence: npt.NDArray[np.int64], keep: int = 0
) -> npt.NDArray[np.int64]:
    """How many of each class, in proportion to their numbers and adding up exactly.

    Each class gets its quota rounded down, and the largest remainders one more: Hamilton's
    method. Whole numbers throughout, so that it is the same on every machine.

    Args:
        counts: examples of each class, shape (classes,).
        total: what the result adds up to, at most `counts - keep` added up.
        precedence: the classes in the order in which equal remainders are served.
        keep: examples of each class that are left over.

    Returns:
        int64 of shape (classes,).

    Example:
        >>> allocate(np.array([60, 30, 10]), 5, precedence=np.arange(3)).tolist()
        [3, 2, 0]

    Reference:
        Balinski, Young 2001, Fair Representation (Hamilton's method).
    """
    most = np.maximum(counts - keep, 0)
    quota, remainder = np.divmod(counts * total, counts.sum())
    shares: npt.NDArray[np.int64] = np.minimum(quota, most)
    order = precedence[np.argsort(-remainder[precedence], kind="stable")]
    while shares.sum() < total:  # a second round only where classes have nothing more to give
        open_classes = order[shares[order] < most[order]]
        shares[open_classes[: total - shares.sum()]] += 1
    return shares


def number_groups(values: Sequence[str]) -> npt.NDArray[np.int32]:
    """A number for each group, by the order of their names.

    Example:
        >>> number_groups(["b", "a", "b"]).tolist()
        [1, 0, 1]
    """
    return np.unique(np.asarray(values), return_inverse=True)[1].astype(np.int32)


def read_times(name: str, values: Sequence[str]) -> npt.NDArray[np.float64]:
    """Times as numbers that rise with them: numbers as they are, dates as seconds.

    Args:
        name: what the dataset is called, which errors begin with.
        values: numbers, or dates in ISO 8601, such as 2024-05-31 or 2024-05-31T12:30.

    Raises:
        DataError: if one is neither, or they are not all of one kind.

    Example:
        >>> np.diff(read_times("t", ["2024-05-31", "2024-06-01"])).tolist()
        [86400.0]
    """
    times = _numbers(values)
    if times is None:
        found = [_seconds(value) for value in values]
        times = np.array([seconds for seconds, _ in found])
        zones = [has_zone for _, has_zone in found]
        if any(zones) and not all(zones) and not np.isnan(times).any():
            place = zones.index(not zones[0])
            raise DataError(
                f"{name}: times must all have a time zone, or none, found {values[0][:80]!r} and "
                f"{values[place][:80]!r}; write them alike"
            )
    wrong = np.flatnonzero(~np.isfinite(times))
    if len(wrong):
        raise DataError(
            f"{name}: times must be dates such as 2024-05-31, or finite numbers, all of one kind, "
            f"found {values[wrong[0]][:80]!r} in row {wrong[0] + 1:,}; correct that cell, or "
            "remove the row"
        )
    return times


def _numbers(values: Sequence[str]) -> npt.NDArray[np.float64] | None:
    try:
        return np.array([float(value) for value in values])
    except ValueError:
        return None


def _seconds(text: str) -> tuple[float, bool]:
    """Seconds of a date, NaN for none, and whether it has a time zone."""
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        return float("nan"), False
    zone = date.tzinfo or UTC
    return (date.replace(tzinfo=zone) - _EPOCH).total_seconds(), date.tzinfo is not None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
