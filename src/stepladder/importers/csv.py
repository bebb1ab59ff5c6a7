"""Reads scores from a CSV file: one row an arm and replicate, every problem with its line."""

import csv
import io
import math
from pathlib import Path

from stepladder.data.csv import to_number
from stepladder.data.dataset import list_names
from stepladder.errors import InputError
from stepladder.files import read_bounded, undecodable
from stepladder.study.schema import nearest

COLUMNS = ("arm", "replicate", "score")

_MOST_PROBLEMS = 20


def read_scores(file: str | Path) -> dict[str, dict[str, float]]:
    """The scores of a CSV file with the columns arm, replicate and score.

    Further columns are ignored. A score is a fraction in 0…1, `nan` where the replicate diverged;
    a replicate that an arm does not have has no row.

    Args:
        file: in UTF-8, with a heading, fields apart by commas.

    Returns:
        Scores by arm and replicate, arms in the order in which they appear.

    Raises:
        InputError: if it cannot be read, a column is missing, it has no rows, two rows for one arm
            and replicate, or a score that is no fraction; with every problem and its line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "scores.csv")
        ...     rows = ["arm,replicate,score", "base,0,0.5", "ReLU,0,0.75"]
        ...     _ = file.write_text(chr(10).join(rows))
        ...     read_scores(file)
        {'base': {'0': 0.5}, 'ReLU': {'0': 0.75}}
    """
    text = _text(Path(file))
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    scores: dict[str, dict[str, float]] = {}
    problems: list[str] = []
    try:
        head = next(rows, [])
        places = _places(head, file)
        for row in rows:
            problem = _add(row, len(head), places, scores) if any(map(str.strip, row)) else ""
            problems += [f"line {rows.line_num}: {problem}"] if problem else []
    except csv.Error as error:
        raise InputError(
            f"{str(file)!r} must be CSV, found: {error}, in line {rows.line_num}; correct it"
        ) from None
    if problems:
        shown = problems[:_MOST_PROBLEMS]
        shown += [f"and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
        raise InputError(f"{str(file)!r} has {len(problems)} bad row(s):\n  " + "\n  ".join(shown))
    if not scores:
        raise InputError(f"{str(file)!r} must have one row a replicate, found none; add them")
    return scores


def _text(file: Path) -> str:
    try:
        content = read_bounded(file)
    except FileNotFoundError:
        raise InputError(
            f"SCORES must be a CSV file, found no file {str(file)!r}; check the path"
        ) from None
    except OSError as error:
        raise InputError(
            f"{str(file)!r} must be a readable file, found: {error.strerror}; name a CSV file"
        ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        found = undecodable(content.splitlines())
        raise InputError(
            f"{str(file)!r} must be a text in UTF-8, found {found}; save it as UTF-8"
        ) from None


def _places(head: list[str], file: str | Path) -> tuple[int, int, int]:
    names = [name.strip().casefold() for name in head]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        found = list_names(head)
        near = nearest(missing[0], names)
        advice = f"rename {near!r}" if near else "add them to its first line"
        raise InputError(
            f"{str(file)!r} must have the columns {', '.join(COLUMNS)}, found {found}, without "
            f"{', '.join(missing)}; {advice}"
        )
    twice = [column for column in COLUMNS if names.count(column) > 1]
    if twice:
        raise InputError(
            f"{str(file)!r} must have each column once, found {' and '.join(twice)} more than "
            "once; rename or remove those that are not meant"
        )
    return (names.index("arm"), names.index("replicate"), names.index("score"))


def _add(
    row: list[str],
    width: int,
    places: tuple[int, int, int],
    scores: dict[str, dict[str, float]],
) -> str:
    """Adds a row to the scores; returns what is wrong with it, or nothing."""
    if len(row) > width:  # a decimal comma makes two cells of a number
        return f"must have {width} cells as the header has, found {len(row)}; correct that line"
    if len(row) <= max(places):
        return f"must have {max(places) + 1} fields or more, found {len(row)}; fill them in"
    arm, replicate, text = (row[place].strip() for place in places)
    if not arm or not replicate:
        return "must name an arm and a replicate, found an empty field; fill it in"
    try:
        score = to_number(text)
    except ValueError:
        return f"score must be a number, found {text!r}; write nan for a replicate that diverged"
    if not math.isnan(score) and not 0 <= score <= 1:
        advice = "divide percentages by 100" if 1 < score <= 100 else "write a fraction"
        return f"score must be in 0…1, found {text}; {advice}"
    if replicate in scores.setdefault(arm, {}):
        return f"one row an arm and replicate, found {arm!r} and {replicate} twice; remove one"
    scores[arm][replicate] = score
    return ""
