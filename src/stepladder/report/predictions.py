"""What a model answers, as a table and as JSON."""

from __future__ import annotations

import json
from typing import Any, TextIO

from rich import box
from rich.table import Table
from rich.text import Text

from stepladder.exporter.inputs import Input
from stepladder.exporter.predict import Prediction, Predictions
from stepladder.report.terminal import console_on
from stepladder.report.wording import elided, number, visible

__all__ = ["as_json", "show"]

_ALL_UP_TO = 12
_LEADING = 3
UNLIKE = "unlike the training set"
EMPTY = "nothing is drawn on it"


def show(made: Predictions, stream: TextIO | None = None) -> None:
    """Prints predictions.

    Args:
        made: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console_on(stream).print(_table(made))


def _table(made: Predictions) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("class")
    in_full = len(made.classes) <= _ALL_UP_TO
    heads = [f"{elided(name, 8)} %" for name in made.classes] if in_full else ["probabilities"]
    for head in heads:
        table.add_column(Text(head), justify="right" if in_full else "left")
    has_remarks = any(_remark(each) for each in made.images)
    if has_remarks:
        table.add_column("remark")
    for each in made.images:
        cells = _shares(made, each) if in_full else [_leading(made, each)]
        remark = [Text(_remark(each), style="yellow")] if has_remarks else []
        table.add_row(Text(_named(each.given)), Text(visible(each.answer), style="bold"),
                      *cells, *remark)  # fmt: skip
    return table


def _shares(made: Predictions, each: Prediction) -> list[Text]:
    return [
        Text(number(100 * share, 1), style="bold" if name == each.answer else "dim")
        for name, share in zip(made.classes, each.probabilities, strict=True)
    ]


def _leading(made: Predictions, each: Prediction) -> Text:
    pairs = sorted(
        zip(each.probabilities, made.classes, strict=True), key=lambda pair: pair[0], reverse=True
    )
    shown = [f"{visible(name)} {number(100 * share, 1)} %" for share, name in pairs[:_LEADING]]
    return Text(", ".join(shown))


def _named(given: Input) -> str:
    name = elided(given.source, 60)
    return name if given.index is None else f"{name}[{given.index}]"


def _remark(each: Prediction) -> str:
    if each.given.is_empty:
        return EMPTY
    return UNLIKE if each.is_familiar is False else ""


def as_json(made: Predictions) -> str:
    """Predictions as one JSON object, indented, ended by a line break.

    `familiar` is false where an input is unlike the training set, and null where the model file
    does not say what that was like.
    """
    value = {
        "model": str(made.model),
        "classes": list(made.classes),
        "threshold": made.threshold,
        "images": [_image(made, each) for each in made.images],
    }
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _image(made: Predictions, each: Prediction) -> dict[str, Any]:
    return {
        "file": each.given.source,
        "index": each.given.index,
        "class": each.answer,
        "probability": each.probability,
        "probabilities": dict(zip(made.classes, each.probabilities, strict=True)),
        "familiar": each.is_familiar,
        "distance": each.distance,
        "empty": each.given.is_empty,
    }
