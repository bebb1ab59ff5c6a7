"""Scores of any table: which columns are arms, replicates and scores, and what the metric is.

A long table has a row for each arm and replicate. A wide one has a column for each arm, or a column
for each replicate. What is guessed is said in `ScoreTable.notes`.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stepladder.data.cells import to_number
from stepladder.errors import InputError
from stepladder.importers.csv import read_text_table
from stepladder.statistics.scores import SCORE
from stepladder.study.metrics import (
    DIRECTION_OPTIONS,
    POINTS,
    Direction,
    Metric,
    check_direction,
    find_metric,
    known_metric,
)
from stepladder.study.schema import check_name, nearest, plain

ROLES = ("arm", "replicate", "score")
_KNOWN = (*ROLES, "dataset")

_USUAL = {
    "arm": ("arm", "method", "model", "variant", "technique", "algorithm", "condition",
            "treatment", "configuration", "config", "system", "approach", "group", "name"),
    "replicate": ("replicate", "seed", "random_seed", "random_state", "replication", "repetition",
                  "repeat", "rep", "fold", "run", "trial", "split"),
    "score": ("score", "value", "result"),
    "dataset": ("dataset", "data_set", "data", "task"),
}  # fmt: skip
"""Headings by role, the likeliest first."""

_REPLICATE = re.compile(r"(?:[a-z]{1,2}|seed|rep\w*|run|fold|trial|split)?[\s_#-]*\d+", re.I)
_RUN_NAMES = ("name", "runname", "runid", "run", "id")
_STATES = ("state", "status")
_UNFINISHED = frozenset(
    ("aborted", "canceled", "cancelled", "crashed", "error", "fail", "failed", "failure", "killed",
     "oom", "pending", "preempted", "pruned", "queued", "running", "timeout", "waiting")
)  # fmt: skip
_EMPTY = frozenset(("", "na", "n/a", "<na>", "none", "null", "-"))
_LOWER = re.compile(
    r"(?<![a-z])(?:err|mae|s?mape|nll|ppl|wer|cer|fid|ece|secs?|ms|cost|regret|duration|hamming)"
    r"(?![a-z])|(?:loss|losses|errors?|r?msl?e|perplexity|times?|latency|latencies|seconds?"
    r"|distances?|divergences?)(?![a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

_WIDE_ADVICE = "; a wide table needs a column that numbers its rows, such as seed"

_MOST_PROBLEMS = 20
_MOST_NAMES = 10


@dataclass(frozen=True)
class ScoreTable:
    """Scores with their metric.

    Attributes:
        by_dataset: by data set, arm and replicate, in the order in which they appear; NaN is one
            that diverged. Without a column of data sets there is one, without a name.
        metric: what they are.
        notes: sentences on what was guessed and what was left out.
    """

    by_dataset: dict[str, dict[str, dict[str, float]]]
    metric: Metric
    notes: tuple[str, ...] = ()

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """Those of the only data set, by arm and replicate."""
        (scores,) = self.by_dataset.values()
        return scores


@dataclass
class _Reading:
    """A table while it is read.

    Attributes:
        where: what it is called in errors.
        unit: what one of its rows is called.
        head: its headings.
        rows: each with its number.
        hint: a name that may say what the scores are, where no heading does.
        low: the least score and its row, -1 where there is none; `high` likewise.
    """

    where: str
    unit: str = "row"
    head: list[str] = field(default_factory=list)
    rows: Iterable[tuple[int, Sequence[Any]]] = ()
    hint: str = ""
    notes: list[str] = field(default_factory=list)
    scores: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    low: tuple[float, int] = (math.inf, -1)
    high: tuple[float, int] = (-math.inf, -1)

    def add(self, row: int, arm: str, replicate: str, score: float, data: str = "") -> None:
        of_arm = self.scores.setdefault(data, {}).setdefault(arm, {})
        if replicate in of_arm:
            on = f" on {data!r}" if data else ""
            self.refuse(
                row,
                f"one row an arm and replicate, found {arm!r} and {replicate} twice{on}; remove "
                "one, or name other columns with --columns",
            )
        of_arm[replicate] = score
        if score < self.low[0]:
            self.low = (score, row)
        if score > self.high[0]:
            self.high = (score, row)

    def refuse(self, row: int, problem: str) -> None:
        self.problems.append(f"{self.unit} {row}: {problem}")

    def add_cell(
        self, row: int, arm: str, replicate: str, cell: object, run: str = "", data: str = ""
    ) -> None:
        try:
            score = _as_number(cell)
        except ValueError:
            if _is_empty(cell):
                self.left_out.append(run or f"{data} {arm} {replicate}".strip())
            else:
                advice = "write nan for a replicate that diverged"
                self.refuse(row, f"score must be a number, found {cell!r}; {advice}")
        else:
            self.add(row, arm, replicate, score, data)


def read_scores(
    source: object,
    *,
    metric: str | None = None,
    direction: Direction | None = None,
    unit: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> ScoreTable:
    """The scores of a file, a frame or a mapping.

    An empty score, and a row whose state says that its run did not end, are left out and named.

    Args:
        source: a text file in UTF-8 with a heading, fields apart by commas, semicolons or tabs;
            a frame of pandas or Polars; or scores by arm: a sequence, or a mapping by replicate.
        metric: its name; that of the column of scores when None.
        direction: whether lower (`minimize`) or higher values (`maximize`) are better.
        unit: of the metric; "points" for fractions.
        columns: headings by role: arm, replicate, score, dataset.

    Raises:
        InputError: if it cannot be read, columns are missing or not told apart, rows are wrong,
            or it is not known which direction is better.

    Example:
        >>> table = read_scores({"base": [2.3, 2.4], "new": [2.1, 2.2]}, direction="minimize")
        >>> table.scores["new"], table.metric.direction
        ({'0': 2.1, '1': 2.2}, 'minimize')
    """
    given = dict(columns or {})
    for role in given:
        check_name("--columns must be given for arm, replicate, score or dataset", role, _KNOWN)
    check_direction(direction)
    if isinstance(source, Mapping) and not _is_table(source):
        reading, heading = _of_mapping(source), None
    else:
        reading = _opened(source)
        heading = _read_table(reading, given, metric)
    _report_problems(reading)
    if reading.left_out:
        reading.notes.append(
            f"Left out, without a score or not finished: {_shown(reading.left_out)}. Write nan "
            "where a training diverged."
        )
    found = _metric_of(reading, metric, heading, direction, unit)
    _check_bounds(reading, found, direction)
    return ScoreTable(reading.scores, found, tuple(reading.notes))


def _report_problems(reading: _Reading) -> None:
    problems, where = reading.problems, reading.where
    if problems:
        shown = problems[:_MOST_PROBLEMS]
        shown += [f"and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
        raise InputError(f"{where} has {len(problems)} bad row(s):\n  " + "\n  ".join(shown))
    if not reading.scores:
        without = f", {_shown(reading.left_out)} without a score" if reading.left_out else ""
        raise InputError(f"{where} must have one row a replicate, found none{without}; add them")


def _shown(names: Sequence[str]) -> str:
    more = [f"{len(names) - _MOST_NAMES:,} more"] if len(names) > _MOST_NAMES else []
    return ", ".join([*names[:_MOST_NAMES], *more])


# Sources


def _is_table(source: Mapping[Any, Any]) -> bool:
    """Whether a mapping holds columns, as some hold texts, and not the scores of arms."""
    return any(
        isinstance(cell, str)
        for column in source.values()
        if isinstance(column, Sequence) and not isinstance(column, str)
        for cell in column
    )


def _of_mapping(source: Mapping[Any, Any]) -> _Reading:
    reading = _Reading("scores")
    for arm, row in source.items():
        try:
            items = row.items() if isinstance(row, Mapping) else enumerate(_cells(row))
        except TypeError:
            raise InputError(
                f"scores of arm {str(arm)!r} must be a sequence of numbers, found {row!r}; write "
                "a list with one number a replicate"
            ) from None
        for place, (replicate, cell) in enumerate(items):
            reading.add_cell(place, _label(arm), _label(replicate), cell)
    return reading


def _opened(source: object) -> _Reading:
    if isinstance(source, str | os.PathLike):
        file = Path(source)
        head, rows, separator = read_text_table(file)
        reading = _Reading(f"{str(file)!r}", "line", head, rows, file.stem)
        if separator != ",":
            name = "semicolons" if separator == ";" else "tabs"
            reading.notes.append(f"Read fields apart by {name}; a comma in a number is a point.")
        return reading
    frame: Any = source
    names = getattr(getattr(frame, "index", None), "names", ())
    if any(name is not None for name in names) and hasattr(frame, "reset_index"):
        frame = frame.reset_index()  # pandas: a pivoted table has its replicates there
    try:
        headings = list(frame if isinstance(frame, Mapping) else frame.columns)
        columns = [_cells(frame[name]) for name in headings]
    except (AttributeError, TypeError, ValueError):
        raise InputError(
            "scores must be a path, a frame of pandas or Polars, or a mapping of arms to scores, "
            f"found {type(source).__name__}; give one of these"
        ) from None
    return _Reading("the frame", "row", list(map(str, headings)),
                    enumerate(zip(*columns, strict=True)))  # fmt: skip


def _cells(column: Any) -> list[Any]:  # noqa: ANN401 - a list, an array, a column of a frame
    for method in ("to_list", "tolist"):
        if hasattr(column, method):
            cells: list[Any] = getattr(column, method)()
            return cells
    if isinstance(column, str | Mapping):
        raise TypeError("no sequence")
    return list(column)


def _label(cell: object) -> str:
    if isinstance(cell, str):
        return cell.strip()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _is_empty(cell: object) -> bool:
    return str(cell).strip().casefold() in _EMPTY


def _as_number(cell: Any) -> float:  # noqa: ANN401 - any cell
    if isinstance(cell, str):
        return to_number(cell)
    if isinstance(cell, bool):
        raise ValueError("no number")
    try:
        return float(cell)
    except TypeError as error:
        raise ValueError("no number") from error


# Columns


def _read_table(reading: _Reading, given: Mapping[str, str], metric: str | None) -> str | None:
    """Reads every row; returns the heading of the scores, None for a wide table."""
    head = reading.head
    plain_names = [name.casefold() for name in head]
    twice = [name for name in dict.fromkeys(plain_names) if plain_names.count(name) > 1]
    if twice:
        raise InputError(
            f"{reading.where} must have columns of different names, found "
            f"{' and '.join(map(repr, twice))} twice; rename or remove those that are not meant"
        )
    places = _guess(reading, given, metric)
    if "score" not in places:
        reading.rows = list(reading.rows)
        if (arms_are_columns := _is_wide(reading, places)) is not None:
            _read_wide(reading, places, arms_are_columns)
            return None
    missing = [role for role in ROLES if role not in places]
    if missing == ["replicate"] and "dataset" in places:  # one score a data set, as of benchmarks
        missing = []
    if missing:
        free = [name for place, name in enumerate(head) if place not in places.values()]
        if metric is not None and missing == ["score"]:
            check_name("--columns must say score=NAME, or --metric name a column", metric, free)
        near = nearest(missing[0], free)
        advice = f"rename {near!r}, or name" if near else "name"
        raise InputError(
            f"{reading.where} must have the columns {', '.join(ROLES)}, found "
            f"{_shown(head) or 'nothing'}, without {', '.join(missing)}; {advice} the columns: "
            f"--columns {','.join(f'{role}=NAME' for role in missing)}"
            f"{'' if places else _WIDE_ADVICE}"
        )
    guessed = [
        f"{role} = {head[place]}" for role, place in places.items()
        if role not in given and plain(head[place]) != role
    ]  # fmt: skip
    reading.notes += [f"Read {', '.join(guessed)}."] if guessed else []
    _read_long(reading, places)
    return head[places["score"]]


def _guess(reading: _Reading, given: Mapping[str, str], metric: str | None) -> dict[str, int]:
    """The places of columns by role, as far as they are given or usual."""
    names = [plain(name) for name in reading.head]
    places = {}
    for role, name in given.items():
        if name not in reading.head and plain(name) in names:
            name = reading.head[names.index(plain(name))]
        check_name(f"--columns {role} must name a column", name, reading.head)
        places[role] = reading.head.index(name)
    for role in ("arm", "replicate", "dataset"):
        for usual in map(plain, _USUAL[role] if role not in places else ()):
            if usual not in names or names.index(usual) in places.values():
                continue
            place = names.index(usual)
            if usual == "name" and not _repeats(reading, place):
                continue  # each run has a name of its own
            places[role] = place
            break
    if "score" not in places:
        free = [place for place in range(len(names)) if place not in places.values()]
        is_last = "arm" in places and ("replicate" in places or "dataset" in places)
        score = _score_place(reading, free, metric, is_last)
        places |= {} if score is None else {"score": score}
    return places


def _repeats(reading: _Reading, place: int) -> bool:
    reading.rows = list(reading.rows)
    cells = [row[place] for _, row in reading.rows if len(row) > place]
    return len(set(cells)) < len(cells)


def _score_place(
    reading: _Reading, free: Sequence[int], metric: str | None, is_last: bool
) -> int | None:
    head = reading.head
    if metric is not None:
        known = known_metric(metric)
        fits = [at for at in free if plain(head[at]) == plain(metric)] or [
            at for at in free if known is not None and known_metric(head[at]) == known
        ]
    else:
        fits = [at for at in free if known_metric(head[at]) is not None]
    for usual in _USUAL["score"] if not (fits and metric) else ():
        for at in free:
            if plain(head[at]) == usual:
                return at
    fits = fits or [at for at in free if metric is None and is_lower_better(head[at])]
    if len(fits) > 1:
        fits = [at for at in fits if re.match(r"test(?![a-z])", head[at].casefold())] or fits
    if len(fits) > 1 and is_last:
        raise InputError(
            f"{reading.where} must have one column of scores, found "
            f"{_shown([head[at] for at in fits])}; name one: --columns score=NAME"
        )
    if len(fits) == 1:
        return fits[0]
    return free[0] if is_last and len(free) == 1 else None


def is_lower_better(name: str) -> bool:
    """Whether a name says that it stands for a loss, an error or a time.

    Example:
        >>> is_lower_better("val/trainLoss"), is_lower_better("accuracy")
        (True, False)
    """
    return _LOWER.search(_CAMEL.sub(" ", name).casefold()) is not None


# Rows

_ONLY = "0"
"""The replicate where a table has one score an arm and data set."""


def _read_long(reading: _Reading, places: Mapping[str, int]) -> None:
    width, least = len(reading.head), max(places.values())
    arm_at, score_at = places["arm"], places["score"]
    replicate_at, data_at = places.get("replicate"), places.get("dataset")
    used, names = set(places.values()), [plain(name) for name in reading.head]
    name_at, state_at = (
        next((at for at, name in enumerate(names) if name in usual and at not in used), None)
        for usual in (_RUN_NAMES, _STATES)
    )
    for row, cells in reading.rows:
        if not _is_row(reading, row, cells, width, least):
            continue
        arm = _label(cells[arm_at])
        replicate = _ONLY if replicate_at is None else _label(cells[replicate_at])
        data = "" if data_at is None else _label(cells[data_at])
        run, state = "", ""
        if name_at is not None and name_at < len(cells):
            run = _label(cells[name_at])
        if state_at is not None and state_at < len(cells):
            state = _label(cells[state_at])
            run = f"{run or f'{arm} {replicate}'} ({state or 'no state'})"
        if state.casefold() in _UNFINISHED:
            reading.left_out.append(run)
        elif not arm or not replicate or (data_at is not None and not data):
            what = "an arm and a replicate" if data_at is None else "a data set and an arm"
            reading.refuse(row, f"must name {what}, found an empty field; fill it in")
        else:
            reading.add_cell(row, arm, replicate, cells[score_at], run, data)


def _is_row(reading: _Reading, row: int, cells: Sequence[Any], width: int, least: int) -> bool:
    """Whether a row has the cells that it must have; if not, it is refused."""
    if least < len(cells) <= width:
        return True
    if len(cells) > width:  # a decimal comma makes two cells of a number
        reading.refuse(
            row, f"must have {width} cells as the header has, found {len(cells)}; correct that line"
        )
    else:
        reading.refuse(
            row, f"must have {least + 1} fields or more, found {len(cells)}; fill them in"
        )
    return False


def _is_wide(reading: _Reading, places: dict[str, int]) -> bool | None:
    """Whether arms are columns, or replicates are, or None for a table that is not wide.

    The column of the rows' names is added to `places` where it is not there.
    """
    head, rows = reading.head, list(reading.rows)
    if not rows or ("arm" in places and len(places) > 1):
        return None
    rest = [at for at in range(len(head)) if at not in places.values()]
    if not places:
        rest = rest[1:]
        is_numbered = all(_REPLICATE.fullmatch(head[at]) for at in rest)
        firsts = [_label(row[0]) for _, row in rows]
        if is_numbered and not any(map(str.isdecimal, firsts)):
            places["arm"] = 0
        elif len(set(firsts)) == len(firsts) and all(map(str.isdecimal, firsts)):
            places["replicate"] = 0
    if "arm" in places:
        return False if rest and all(_REPLICATE.fullmatch(head[at]) for at in rest) else None
    is_table = len(rest) > 1 and all(_is_score(rows[0][1][at:], 0) for at in rest)
    return True if places and is_table else None


def _is_score(cells: Sequence[Any], at: int) -> bool:
    try:
        return not cells or _as_number(cells[at]) is not None
    except ValueError:
        return _is_empty(cells[at])


def _read_wide(reading: _Reading, places: Mapping[str, int], arms_are_columns: bool) -> None:
    role = ("replicate" if "replicate" in places else "dataset") if arms_are_columns else "arm"
    place, head, data_at = places[role], reading.head, places.get("dataset")
    columns = [at for at in range(len(head)) if at not in places.values()]
    kinds = ("an arm", "a replicate") if arms_are_columns else ("a replicate", "an arm")
    kinds = ("an arm", "a data set") if role == "dataset" else kinds
    by = f" ({head[place]})" if head[place] else ""
    reading.notes.append(f"Read as a wide table: one column {kinds[0]}, one row {kinds[1]}{by}.")
    reading.hint = f"{reading.hint} {' '.join(head)}"
    for row, cells in reading.rows:
        if not _is_row(reading, row, cells, len(head), len(head) - 1):
            continue
        data = "" if data_at is None else _label(cells[data_at])
        for at in columns:
            names = (head[at], _ONLY if place == data_at else _label(cells[place]))
            arm, replicate = names if arms_are_columns else names[::-1]
            reading.add_cell(row, arm, replicate, cells[at], data=data)


# Metric


def _metric_of(
    reading: _Reading,
    name: str | None,
    heading: str | None,
    direction: Direction | None,
    unit: str | None,
) -> Metric:
    label = name or heading or SCORE.name
    if name is not None or known_metric(label) is not None:
        return find_metric(label, direction, unit)
    low, high = reading.low[0], reading.high[0]
    is_fraction = low >= 0 and high <= 1 and unit in (None, POINTS)
    if direction is None:
        hint = next(filter(is_lower_better, (label, reading.hint)), None)
        if hint is not None or unit not in (None, POINTS):
            why = f"{hint!r} sounds like what is better when it is lower"
            if hint is None:
                why = f"the unit {unit!r} tells nothing of it"
            raise InputError(
                f"{label} must have a direction, found none, and {why}; say whether "
                f"{DIRECTION_OPTIONS}"
            )
    if direction is None and label != SCORE.name:
        reading.notes.append(f"Taken for granted: a higher {label} is better. If not, say so with "
                             "--lower-is-better.")  # fmt: skip
    if direction is None or (is_fraction and direction == "maximize"):
        return replace(SCORE, name=label)  # bounds are checked next
    return find_metric(label, direction, unit)


def _check_bounds(reading: _Reading, metric: Metric, direction: Direction | None) -> None:
    low, high = metric.bounds
    outside = [
        (score, row)
        for score, row in (reading.low, reading.high)
        if row >= 0 and not (low <= score <= high and math.isfinite(score))
    ]
    if not outside:
        return
    score, row = outside[0]
    advice = "write nan for a replicate that diverged"
    if metric.is_fraction:
        advice = "divide percentages by 100" if 1 < score <= 100 else "write a fraction"
    if direction is None and known_metric(metric.name) is None:
        advice += f", or say whether {DIRECTION_OPTIONS}"
    raise InputError(
        f"{reading.where}, {reading.unit} {row}: {metric.name} must be {metric.range}, found "
        f"{score:g}; {advice}"
    )
