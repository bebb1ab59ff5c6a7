"""The card of an exported model, as Markdown.

Reference:
    Mitchell et al. 2019, Model cards for model reporting.
"""

import re
from collections.abc import Iterator

from stepladder.deployment.evaluation import Measured, RobustnessPoint
from stepladder.deployment.export import Exported, metric_of
from stepladder.report.markdown import markdown_text
from stepladder.report.tables import FormattedNumber
from stepladder.report.wording import (
    MINUS,
    Measure,
    digits_for,
    join_list,
    number,
    plural,
    printable,
)
from stepladder.statistics.results import Estimate

_UNITS = {"shift": "pixels", "rotation": "degrees", "noise": "deviation, in parts of the range"}


def as_markdown(model: Exported) -> str:
    """What is known of an exported model."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    metric = metric_of(model.record.study)
    known = [one for one in (model.val_accuracy, model.test_accuracy) if one is not None]
    measure = Measure(metric, None, digits_for(metric, known))
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
        "estimate": lambda value: _estimate(value, measure),
        "number": number,
        "scored": lambda score: "–" if score is None else _shown(score, measure),
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
        names=_names(model),
        task=model.record.study.task,
        metric=measure.name,
        arm=markdown_text(model.arm),
        study=markdown_text(model.record.study.name),
        replicates=join_list([str(number) for number in sorted(model.replicates)]),
        robustness=list(_robustness(model.measured)) if model.measured else [],
    )


def _names(model: Exported) -> tuple[str, ...]:
    """The names of classes, labels or targets, in their order."""
    label = getattr(model.record.study.dataset, "label", None)
    if model.record.classes or label is None:
        return model.record.classes
    return (label,) if isinstance(label, str) else tuple(label)


def _shown(score: float, measure: Measure) -> str:
    unit = "%" if measure.metric.is_fraction else measure.unit
    return f"{number(measure.metric.scale * score, measure.digits)} {unit}".rstrip()


def _estimate(value: Estimate, measure: Measure) -> str:
    unit = "%" if measure.metric.is_fraction else measure.unit
    shown = FormattedNumber.score(value, measure.metric.scale, measure.digits)
    return f"{shown.text} {unit}".rstrip()


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
