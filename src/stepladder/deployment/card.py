"""The card of an exported model, as Markdown.

Reference:
    Mitchell et al. 2019, Model cards for model reporting.
"""

import re
from collections.abc import Iterator

from stepladder.deployment.evaluation import Measured, RobustnessPoint
from stepladder.deployment.export import Exported
from stepladder.report.markdown import markdown_text
from stepladder.report.tables import FormattedNumber
from stepladder.report.wording import MINUS, join_list, number, plural, printable

_UNITS = {"shift": "pixels", "rotation": "degrees", "noise": "deviation, in parts of the range"}


def as_markdown(model: Exported) -> str:
    """What is known of an exported model."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("stepladder.deployment", "templates"),
        autoescape=False,  # Markdown: the filters `plain` and `code` escape names
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "code": _code,
        "count": "{:,}".format,
        "estimate": lambda value: f"{FormattedNumber.accuracy(value).text} %",
        "number": number,
        "percent": lambda share: "–" if share is None else f"{number(100 * share)} %",
        "plain": markdown_text,
        "plural": plural,
        "python": repr,
        "short": lambda value: f"{value:.4g}".replace("-", MINUS),
    }
    return environment.get_template("card.md").render(
        model=model,
        record=model.record,
        measured=model.measured,
        noun=model.record.noun,
        arm=markdown_text(model.arm),
        study=markdown_text(model.record.study.name),
        replicates=join_list([str(number) for number in sorted(model.replicates)]),
        robustness=list(_robustness(model.measured)) if model.measured else [],
    )


def _robustness(measured: Measured) -> Iterator[tuple[str, str]]:
    """Kinds of changes, each with accuracies at its strengths."""
    for point in measured.borne:
        if point.how is None:
            yield "none", _accuracy(point)
    for kind, unit in _UNITS.items():
        cells = [
            f"{point.how.strength:g}: {_accuracy(point)}"
            for point in measured.borne
            if point.how is not None and point.how.kind == kind
        ]
        if cells:
            yield f"{kind} ({unit})", " · ".join(cells)


def _accuracy(point: RobustnessPoint) -> str:
    return f"{number(100 * point.accuracy, 1)} ± {number(100 * point.half_width, 1)}"


def _code(text: str) -> str:
    """A text as code, which may hold the mark of code itself."""
    text = printable(text)
    marks = max(map(len, re.findall("`+", text)), default=0) * "`" + "`"
    inside = f" {text} " if "`" in text else text
    return f"{marks}{inside}{marks}"
